"""The layers of a speech recogniser in plain PyTorch, with the weights of one of ours.

>>> from bench.speed.hearing import make_hearer
>>> ours, _ = make_hearer("GRU", bidirectional=True, hidden=8)
>>> frames, lengths = torch.randn(30, 1, 120), torch.tensor([30])
>>> torch.allclose(TorchHearer(ours).eval()(frames, lengths)[0], ours(frames, lengths)[0], atol=1e-4)
True
"""

from typing import Any, Self

import torch
from torch import Tensor, nn


class TorchHearer(nn.Module):
    """The network of `elman.tasks.transcribe` with torch's convolutions, recurrent layers and linear layer."""

    ahead = None

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.front = nn.Sequential(*[part for one in ours.front for part in _convolution(one)])
        self.recurrent = TorchLayers(ours.recurrent)
        self.readout = nn.Linear(ours.readout.in_features, ours.readout.out_features)
        self.readout.load_state_dict(ours.readout.state_dict())

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return ln P (T′, B, V) of frames (T, B, D), all of one length."""
        steps, lengths = self.convolve(frames, lengths)
        return self.read_out(self.recurrent.layers(steps)[0]), lengths

    def convolve(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the steps of frames of one length, and how many."""
        return self.front(frames.permute(1, 2, 0)).permute(2, 0, 1), (lengths + 3) // 4

    def read_out(self, output: Tensor) -> Tensor:
        """Return ln P of what the recurrent layers have written."""
        return self.readout(output).log_softmax(-1)  # type: ignore[no-any-return]


class TorchLayers(nn.Module):
    """Torch's recurrent layers, which go on from a state as a stream does."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.bidirectional = ours.bidirectional
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[ours.cell.name]
        self.layers: Any = kind(ours.input_size, ours.hidden_size, ours.num_layers, bidirectional=ours.bidirectional)
        own, size = ours.state_dict(), ours.hidden_size
        for name in [name.removeprefix("W") for name in own if name.startswith("W_")]:
            second = torch.zeros(len(own[f"b{name}"]))
            if f"d{name}" in own:
                second[-size:] = own[f"d{name}"]
            given = {"weight_ih": own[f"W{name}"], "weight_hh": own[f"U{name}"], "bias_ih": own[f"b{name}"]}
            for part, values in {**given, "bias_hh": second}.items():
                getattr(self.layers, f"{part}{name}").data.copy_(values)
        self._state: Any = None

    def stream(self, *, freeze: bool = False) -> Self:  # noqa: ARG002 - as the layers of elman
        """Begin anew; the weights are read where they are."""
        self._state = None
        return self

    def step(self, x: Tensor) -> Tensor:
        """Run one step (B, I)."""
        output, self._state = self.layers(x[None], self._state)
        return output[0]  # type: ignore[no-any-return]


def _convolution(ours: Any) -> tuple[nn.Module, ...]:
    own = ours.layer
    theirs = nn.Conv1d(own.in_channels, own.out_channels, own.kernel_size, own.stride, own.padding, bias=False)
    theirs.load_state_dict(own.state_dict())
    norm = nn.BatchNorm1d(own.out_channels)
    norm.load_state_dict(ours.norm.state_dict(), strict=False)
    return theirs, norm, nn.ReLU()
