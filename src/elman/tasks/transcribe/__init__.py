"""The parts of a transcriber: speech in, text with times out.

`reading` divides the utterances that `elman.data.speech` reads, by the options in `settings`; `intake` takes sounds as
callers give them in Python. `encoder` turns them into frames and units, `batches` pads them. `module` has the layers:
two strided convolutions, recurrent layers of any cell, and the probabilities of CTC at every fourth frame. `answering`
reads these by :mod:`elman.decoding.ctc`: texts, and when each word is said. `scores` counts errors, and `baseline`
needs no recurrence.

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
