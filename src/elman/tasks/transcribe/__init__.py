"""Write down what is said: speech in, text with times out.

`recipe` trains, and `settings` holds its options. `reading` divides the utterances that `elman.data.speech` reads,
`encoder` turns them into frames and units, `batches` pads them. `module` has the layers: two strided convolutions,
recurrent layers of any cell, and the probabilities of CTC at every fourth frame; `answering` reads them by
:mod:`elman.decoding.ctc`, and `timing` says when each word of `spoken` is said; `preferring` adds a language model, hot
words or a closed vocabulary, `tuning` chooses the weight of the first, and `subwords` has units of several characters.
`aligning` aligns a known text. While a sound arrives, `streaming` computes and `listening` writes; `recordings` writes
long ones, cut at their `pauses`. `subtitles` and `textgrid` write transcripts for other programs, `files` says where,
and `picture` draws one. `model` offers what they can do, and `commands` does what the command line asks. `baseline`
needs no recurrence; `scores`, `confusions`, `verdict` and `tables` say what came of it, and `space` which settings a
search tries.

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

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.transcribe.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
