"""Replace torch.nn.RNN, torch.nn.LSTM and torch.nn.GRU: same signature, names, initialisation, errors and state_dict.

They derive from `torch.nn.RNNBase`, which provides names, checks and initialisation; they run programs, as any cell.
"""

from collections.abc import Sequence
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from elman.autodiff.program import Program, derive
from elman.cells import torch_layers as cells
from elman.errors import ShapeError
from elman.expr import Cell
from elman.nn.sequences import Batch, check_lengths, pack, permute, unpack
from elman.nn.stack import Direction, parameter_names, run_stack
from elman.nn.states import States, as_states, listed
from elman.nn.stream import Stream
from elman.nn.torch_tools import TorchTools, as_node, is_exported_by_tracing, is_exported_to_onnx
from elman.nn.weights import present
from elman.ops import under_autocast
from elman.ops.small import run_small


class TorchLayer(TorchTools, nn.RNNBase):
    """The base of :class:`RNN`, :class:`LSTM` and :class:`GRU`: torch's recurrent layers, run by programs.

    Attributes:
        program: the program of the layer's equations.
    """

    backend = "auto"
    program: Program
    torchs: type[nn.RNNBase]

    def _follow(self, cell: Cell) -> None:
        self.program = derive(cell, self.bias)
        self._names = parameter_names(self.program, self.num_layers, self.bidirectional)

    @property
    def _state_sizes(self) -> list[int]:
        return [self.hidden_size]

    @property
    def _keeps_float32(self) -> bool:
        """Whether a result may be float32 under autocast, as torch's is."""
        return self.mode == "GRU" or self.proj_size > 0

    def layers(self) -> list[list[Direction]]:
        """List the layers from the input upwards, each with its directions and their present parameters."""
        program = self.program
        return [[Direction(program, present(self, names)) for names in directions] for directions in self._names]

    def forward(  # type: ignore[override]
        self, input: Tensor | PackedSequence, hx: States | None = None, *, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor | PackedSequence, States]:
        """Run the layer over a batch of sequences, as torch's layer does.

        Args:
            input: (T, B, I), with `batch_first` (B, T, I), unbatched (T, I), or packed.
            hx: the initial state, (L·D, B, H) or (L·D, H); for the LSTM a pair. Zeros if it is None.
            lengths: number of real time steps of each example, see :meth:`elman.nn.Recurrent.forward`.

        Returns:
            The output and the final state, in torch's forms.

        Raises:
            RuntimeError, ValueError: the same as torch's layer, with its text.
            ShapeError: `lengths` do not fit.
        """
        if lengths is None and (small := self._run_small(input, hx)) is not None:
            return small
        self._refresh()
        if is_exported_to_onnx() and lengths is None and self._is_in_onnx():
            return self.torchs.forward(self, input, hx)  # type: ignore[no-any-return, arg-type]
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ShapeError(
                    f"{self.mode}: lengths are given with a packed sequence.\n  It has its own.\n  Drop lengths=…."
                )
            given = self._zeros(int(input.batch_sizes[0]), input.data) if hx is None else listed(hx)
            self.check_forward_args(input.data, as_states(given), input.batch_sizes)  # type: ignore[arg-type]
            self._check_states(input.data, given)
            batch = unpack(input)
            output, final = self._run(batch, permute(given, input.sorted_indices))
            return pack(output, batch), as_states(permute(final, input.unsorted_indices))
        if not isinstance(input, Tensor):
            node = as_node(self, input, {"hx": hx, "lengths": lengths})  # type: ignore[unreachable]
            if node is not None:
                return node
            raise ShapeError(
                f"{self.mode}: the input is a {type(input).__name__}.\n  It is a tensor.\n  Give torch.as_tensor(…)."
            )
        if input.dim() not in (2, 3):
            tensor = " tensor" if self.mode.startswith("RNN") else ""
            name = "RNN" if self.mode.startswith("RNN") else self.mode
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead")
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        if hx is None:
            self.check_input(x, None)
            states: Sequence[Tensor | int] = self._state_sizes
        else:
            given = self._batched(listed(hx), batched)
            self.check_forward_args(x, as_states(given), None)  # type: ignore[arg-type]
            self._check_states(x, given)
            states = given
        x = x.transpose(0, 1) if self.batch_first else x
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        lengths = None if lengths is None else check_lengths(lengths, x)
        output, final = self._run(Batch(x, lengths), states)
        if not batched:
            return output.squeeze(1), as_states([s.squeeze(1) for s in final])
        return output.transpose(0, 1) if self.batch_first else output, as_states(final)

    def _run_small(self, x: Any, hx: Any) -> tuple[Tensor, States] | None:
        """Run a small call of valid tensors; else return None."""
        if self.num_layers > 1 or self.bidirectional or type(x) is not Tensor or x.dim() != 3:
            return None
        if hx is not None and not isinstance(hx, Tensor | tuple):
            return None
        if self._keeps_float32 and torch._C._is_any_autocast_enabled():
            return None
        states = self._state_sizes if hx is None else listed(hx)
        x = x.transpose(0, 1) if self.batch_first else x
        results = run_small(self.program, self.backend, x, states, present(self, self._names[0][0]))
        if results is None:
            return None
        output, *final = results
        return output.transpose(0, 1) if self.batch_first else output, as_states(final)

    def _refresh(self) -> None:
        """List the weights again if one was replaced: torch's lists are for cuDNN, and cannot be exported."""
        if not torch.compiler.is_compiling():
            held = map(self._parameters.get, self._flat_weights_names)
            if not all(map(is_, held, self._flat_weights)):
                self._update_flat_weights()

    def _is_in_onnx(self) -> bool:
        """Test whether ONNX has an operator for the layer, into which the exporter turns torch's layer."""
        return not self.proj_size and (is_exported_by_tracing() or self.mode in ("LSTM", "GRU"))

    def stream(self, batch_size: int = 1, *, freeze: bool = False, weights: str = "float32") -> Stream:
        """Start a stream, which runs step by step, from a zero state.

        Args:
            batch_size: B.
            freeze: pack the present weights once: faster, and later changes are not seen, see :class:`Stream`.
            weights: the form of matrices in a frozen stream: float32, bfloat16 or int8. The narrow ones change
                outputs by about 0.2 % and 0.4 %.

        Raises:
            ConfigError: the layer is bidirectional, or there is no such form of its weights.
        """
        shapes = [(self.num_layers, batch_size, size) for size in self._state_sizes]
        return Stream(self, shapes, self._names, freeze, weights)

    def _run(self, batch: Batch, states: Sequence[Tensor | int]) -> tuple[Tensor, list[Tensor]]:
        return run_stack(self.layers(), batch, states, self.dropout, self.training, self.backend)

    def _return_float32(self, batch: Batch, states: Sequence[Tensor | int]) -> tuple[Tensor, list[Tensor]] | None:
        """Run, and return float32 if autocast is on and all tensors are in float32; return None otherwise."""
        if not under_autocast(batch.x):
            return None
        read = [batch.x, *(s for s in states if isinstance(s, Tensor)), *self.parameters()]
        if any(t.dtype != torch.float32 for t in read):
            return None
        output, final = TorchLayer._run(self, batch, states)
        return output.float(), [state.float() for state in final]

    def _zeros(self, batch_size: int, like: Tensor) -> list[Tensor]:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        return [like.new_zeros((rows, batch_size, n)) for n in self._state_sizes]

    def _batched(self, states: list[Tensor], batched: bool) -> list[Tensor]:
        """Check the dimensions of given states, with torch's messages, and add a batch axis if there is none."""
        expected = 3 if batched else 2
        if any(s.dim() != expected for s in states):
            kind = f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, "
            if self.mode == "LSTM":
                dimensions = ", ".join(f"{s.dim()}-D" for s in states)
                raise RuntimeError(f"{kind}hx and cx should also be {expected}-D but got ({dimensions}) tensors")
            raise RuntimeError(f"{kind}hx should also be {expected}-D but got {states[0].dim()}-D tensor")
        return states if batched else [s.unsqueeze(1) for s in states]

    def _check_states(self, x: Tensor, states: list[Tensor]) -> None:
        if len(states) != len(self._state_sizes):
            expected = "two hidden states" if self.mode == "LSTM" else "one hidden state"
            raise RuntimeError(f"{self.mode.lower()} expects {expected}")
        for state in states:
            if state.device != x.device:
                raise RuntimeError(
                    "Input and hidden tensors are not at the same device, "
                    f"found input tensor at {x.device} and hidden tensor at {state.device}"
                )
            if state.dtype != x.dtype and not under_autocast(x):
                raise RuntimeError(
                    "Input and hidden tensors are not the same dtype, "
                    f"found input tensor with {_scalar_type(x)} and hidden tensor with {_scalar_type(state)}"
                )


class RNN(TorchLayer):
    """A drop-in for `torch.nn.RNN`: h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), f tanh or relu.

    Args:
        *args: as for `torch.nn.RNN`; the fourth is `nonlinearity`.
        **kwargs: as for `torch.nn.RNN`.

    Example:
        >>> import torch
        >>> RNN(3, 5, nonlinearity="relu")(torch.randn(7, 2, 3))[0].shape
        torch.Size([7, 2, 5])
    """

    torchs = nn.RNN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity
        self._follow(cells.torch_rnn_relu if nonlinearity == "relu" else cells.torch_rnn_tanh)


class LSTM(TorchLayer):
    """A drop-in for `torch.nn.LSTM`, projections included.

    Args:
        *args: as for `torch.nn.LSTM`.
        **kwargs: as for `torch.nn.LSTM`.

    Example:
        >>> import torch
        >>> output, (h, c) = LSTM(3, 5, proj_size=2)(torch.randn(7, 2, 3))
        >>> h.shape, c.shape
        (torch.Size([1, 2, 2]), torch.Size([1, 2, 5]))
    """

    torchs = nn.LSTM
    get_expected_cell_size = nn.LSTM.get_expected_cell_size
    check_forward_args = nn.LSTM.check_forward_args  # type: ignore[assignment]
    permute_hidden = nn.LSTM.permute_hidden  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)
        self._follow(cells.torch_lstm_projected if self.proj_size else cells.torch_lstm)

    def _run(self, batch: Batch, states: Sequence[Tensor | int]) -> tuple[Tensor, list[Tensor]]:
        # Under autocast oneDNN's LSTM returns everything in the lower precision. For projections and for packed
        # sequences of unequal lengths torch runs its own, in which c stays float32, and so does h without a projection.
        sizes = None if batch.packed is None else batch.packed.batch_sizes
        if not self.proj_size and (sizes is None or bool(sizes[0] == sizes[-1])):
            return super()._run(batch, states)
        results = self._return_float32(batch, states)
        if results is None or not self.proj_size:
            return results or super()._run(batch, states)
        dtype, (output, (h, c)) = torch.get_autocast_dtype(batch.x.device.type), results
        return output.to(dtype), [h.to(dtype), c]

    @property
    def _state_sizes(self) -> list[int]:
        return [self.proj_size or self.hidden_size, self.hidden_size]


class GRU(TorchLayer):
    """A drop-in for `torch.nn.GRU` (reset-after).

    Args:
        *args: as for `torch.nn.GRU`.
        **kwargs: as for `torch.nn.GRU`.

    Example:
        >>> import torch
        >>> GRU(3, 5, bidirectional=True)(torch.randn(7, 2, 3))[0].shape
        torch.Size([7, 2, 10])
    """

    torchs = nn.GRU

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)
        self._follow(cells.torch_gru)

    def _run(self, batch: Batch, states: Sequence[Tensor | int]) -> tuple[Tensor, list[Tensor]]:
        # In torch's GRU the new state is a mean of the old state and another, so float32 stays float32 under autocast.
        return self._return_float32(batch, states) or super()._run(batch, states)


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


def _scalar_type(tensor: Tensor) -> str:
    """Name a dtype as torch's C++ messages do."""
    names = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16"}
    name = str(tensor.dtype).removeprefix("torch.")
    return names.get(name, name.capitalize())
