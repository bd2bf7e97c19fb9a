"""The layers of a transcriber.

    frames → convolution, stride 2 → convolution, stride 2 → recurrent layers → linear → ln P of each unit, or of none

A network that reads forward may wait for a few steps: behind its recurrent layers is a :class:`RowConvolution` then.

Two strided convolutions read four frames as one step, as in Amodei et al. 2016, section 3.3: sounds are shorter for the
recurrent layers, and CTC has fewer steps in which nothing is written.

>>> from elman import cells
>>> network = SpeechNetwork(cells.find("lstm"), Layers(hidden=7, layers=2), features=13, units=5)
>>> log_p, lengths = network(torch.randn(9, 1, 13), torch.tensor([9]))
>>> network.loss(log_p, lengths, [[1, 2]]).shape
torch.Size([])
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.backends.inputs import step_mask
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import Recurrent
from elman.nn.rows import Dropout, RowShare, present
from elman.nn.rowwise import Conv1d, Linear

BLANK = 0
"""The number of the blank; units begin with 1."""

SUBSAMPLING = 4
"""Frames that become one step."""

_WIDTH = 5
_MOMENTUM, _EPSILON = 0.1, 1e-5  # of batch normalisation, as in torch

REACH = _WIDTH // 2 * (1 + 2)
"""Frames on each side of the first of its four that the convolutions read for a step: the second one reads every other.
"""


class SpeechNetwork(nn.Module):
    """A network that says at every fourth frame which unit is written there.

    Args:
        cell: the equations of the recurrent layers.
        layers: their sizes.
        features: D, the numbers of a frame.
        units: V, the units and the blank.
        channels: of the convolutions.
        input_dropout: dropout on the input of the recurrent layers.
        look_ahead: steps that are read behind each before its unit is known, by a :class:`RowConvolution`; 0 for none.

    Raises:
        ConfigError: the cell reads more than its input.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        features: int,
        units: int,
        channels: int = 128,
        input_dropout: float = 0.0,
        look_ahead: int = 0,
    ) -> None:
        super().__init__()
        self.front = nn.ModuleList([StridedConvolution(features, channels), StridedConvolution(channels, channels)])
        self.input_dropout = Dropout(input_dropout)
        self.recurrent = layers.build(cell, channels, "a sound")
        self.ahead = RowConvolution(self.recurrent.output_size, look_ahead) if look_ahead else None
        self.dropout = Dropout(layers.dropout)
        self.readout = Linear(self.recurrent.output_size, units)

    @property
    def steps_ahead(self) -> int:
        """Steps that are read behind each before its unit is known."""
        return 0 if self.ahead is None else self.ahead.steps

    @property
    def layers_that_recur(self) -> list[Recurrent]:
        """The recurrent layers."""
        return [self.recurrent]

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute ln P of each unit.

        Args:
            frames: (T, B, D).
            lengths: (B,) int64, the frames of each sound, at least 1.

        Returns:
            (⌈T / 4⌉, B, V), and the steps of each sound, (B,).
        """
        steps, lengths = self.convolve(frames, lengths)
        output, _ = self.recurrent(self.input_dropout(steps), None, lengths)
        return self.read_out(self.look_ahead(output)), lengths

    def convolve(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Turn frames (T, B, D) into steps (⌈T / 4⌉, B, channels), as many for each sound as the second answer says."""
        steps = frames.to(self.readout.weight.dtype)
        for convolution in self.front:
            steps, lengths = convolution(steps, lengths)
        return steps, lengths

    def look_ahead(self, output: Tensor) -> Tensor:
        """Return what is read at each step (T, …, H) of what the recurrent layers have written, 0 behind the end."""
        return output if self.ahead is None else self.ahead(output)  # type: ignore[no-any-return]

    def read_out(self, output: Tensor) -> Tensor:
        """Return ln P of each unit, (…, V), from what :meth:`look_ahead` returns."""
        return self.readout(self.dropout(output)).log_softmax(-1)  # type: ignore[no-any-return]

    def loss(self, log_p: Tensor, lengths: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return the loss of CTC, see :func:`ctc_loss`."""
        return ctc_loss(log_p, lengths, texts)


def ctc_loss(log_p: Tensor, lengths: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
    """Return the mean over sounds of −ln P a unit, in nats; of an empty text, −ln P itself (Graves et al. 2006).

    A text that is too long for its sound, as an augmentation may make it, counts as 0.

    Args:
        log_p: (T′, B, V).
        lengths: (B,).
        texts: the units of each, from 1.
    """
    counts = torch.tensor([len(text) for text in texts])
    joined = torch.tensor([unit for text in texts for unit in text], dtype=torch.int64)
    exact = log_p if log_p.dtype == torch.float64 else log_p.float()
    return F.ctc_loss(exact, joined, lengths.cpu(), counts, BLANK, "mean", zero_infinity=True)


class RowConvolution(nn.Module):
    """A convolution in time of each unit alone, over its step and some behind it (Amodei et al. 2016, section 3.7).

        r_t = Σ_j w_j ⊙ h_(t + j), j = 0, …, steps; h behind the end is 0

    At the start r = h: what lies ahead is learnt to be used.

    Args:
        size: H.
        steps: behind each.

    >>> RowConvolution(1, 2)(torch.ones(4, 1))[:, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, size: int, steps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.cat([torch.ones(1, size), torch.zeros(steps, size)]))

    @property
    def steps(self) -> int:
        """How many are read behind each."""
        return len(self.weight) - 1

    def forward(self, h: Tensor) -> Tensor:
        """Compute r (T, …, H) of h (T, …, H). Products are added in one order, however many steps there are at once."""
        longer = torch.cat([h, h.new_zeros(self.steps, *h.shape[1:])])
        r = self.weight[0] * h
        for j in range(1, self.steps + 1):
            r = r + self.weight[j] * longer[j : j + len(h)]
        return r


class StridedConvolution(nn.Module):
    """A convolution over five frames at every second one, batch normalisation of the real ones, and relu.

    Args:
        inputs: numbers of a frame.
        channels: numbers of a step.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        # The normalisation has a bias of its own.
        self.layer = Conv1d(inputs, channels, _WIDTH, stride=2, padding=_WIDTH // 2, bias=False)
        self.norm = RowNorm(channels)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Turn frames (T, B, D) into steps (⌈T / 2⌉, B, channels); behind the end of a sound they are 0."""
        real = step_mask(lengths.to(x.device), len(x)).unsqueeze(2)
        steps = self.layer(torch.where(real, x, 0.0).permute(1, 2, 0)).permute(2, 0, 1)
        lengths = (lengths + 1) // 2
        real = step_mask(lengths.to(x.device), len(steps))
        # Padding must change no statistic, so the real steps alone are normalised.
        normalised = torch.zeros_like(steps)
        normalised[real] = F.relu(self.norm(steps[real]))
        return normalised, lengths


class RowNorm(nn.Module):
    """A batch normalisation of rows (Ioffe & Szegedy 2015), all of whose state is floating-point, as model files are.

    Args:
        size: numbers of a row.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_var", torch.ones(size))

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise rows (N, size): in training by their own moments, of which the running ones are kept."""
        share = present()
        if share is not None and self.training:
            return self._normalise_shared(rows, share)
        # One row has no deviation of its own.
        own = self.training and len(rows) > 1
        return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, own)

    def _normalise_shared(self, rows: Tensor, share: RowShare) -> Tensor:
        """Normalise the own rows by the moments of those of all processes."""
        add, own = share.exchange.add, rows if share.counts else rows[:0]
        wide = own.to(torch.promote_types(own.dtype, torch.float32))
        count = int(add(torch.tensor(len(own))))
        if count < 2:
            return F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, False)
        mean = add(wide.sum(0)) / count
        variance = add((wide - mean).square().sum(0)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), _MOMENTUM)
            self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var.dtype), _MOMENTUM)
        return ((rows - mean) * (variance + _EPSILON).rsqrt() * self.weight + self.bias).to(rows.dtype)
