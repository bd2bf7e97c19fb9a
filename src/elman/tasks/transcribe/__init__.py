"""The parts of a transcriber: speech in, text with times out.

`module` has the layers: two strided convolutions, recurrent layers of any cell, and the probabilities of CTC at every
fourth frame. What they write is read by :mod:`elman.decoding.ctc`, and speech by :mod:`elman.data.speech`.

>>> import torch
>>> from elman import cells
>>> from elman.decoding.ctc.outputs import read_greedily
>>> from elman.models.layers import Layers
>>> from elman.tasks.transcribe.module import SpeechNetwork
>>> network = SpeechNetwork(cells.find("gru"), Layers(hidden=7), features=13, units=5).eval()
>>> log_p, lengths = network(torch.randn(50, 2, 13), torch.tensor([50, 23]))
>>> log_p.shape, lengths.tolist(), len(read_greedily(log_p, lengths))
(torch.Size([13, 2, 5]), [13, 6], 2)
"""
