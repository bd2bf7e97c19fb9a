"""Build recurrent layers: :class:`Recurrent` for any cell, and drop-ins for torch.nn's RNN, LSTM and GRU.

A layer gives a cell sizes and parameters (`recurrent`, `torch_layers`). A batch in any form is made time-major first
(`sequences`); then the stack runs, layer by layer and direction by direction (`stack`). The same layer also runs step
by step (`stream`); modules of a single step record gradients (`one_step`). `torch_tools` is what torch's tools find at
a layer. `init` has initialisers other than torch's, `weights` handles those that torch computes from others. Masks that
regularise are drawn before the time loop (`masks`); penalties are added to the loss (`penalties`).

>>> import torch, elman
>>> layer = elman.nn.GRU(3, 5, num_layers=2, bidirectional=True)
>>> output, final = layer(torch.randn(7, 4, 3), lengths=[7, 0, 3, 5])
>>> output.shape, final.shape
(torch.Size([7, 4, 10]), torch.Size([4, 4, 5]))
"""

from elman.nn import init
from elman.nn.attention import Attention
from elman.nn.masks import LockedDropout
from elman.nn.one_step import GRUCell, LSTMCell, OneStep, RNNCell
from elman.nn.penalties import activation_penalty, temporal_activation_penalty
from elman.nn.recurrent import Recurrent
from elman.nn.stream import Stream
from elman.nn.torch_layers import GRU, LSTM, RNN

Cell = OneStep

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Attention",
    "Cell",
    "GRUCell",
    "LSTMCell",
    "LockedDropout",
    "RNNCell",
    "Recurrent",
    "Stream",
    "activation_penalty",
    "init",
    "temporal_activation_penalty",
]
