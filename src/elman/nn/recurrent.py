"""Build a recurrent layer of any cell."""

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from elman.autodiff.program import derive
from elman.backends import require
from elman.errors import CellError, ConfigError, ShapeError
from elman.expr import Cell
from elman.expr.roles import hidden_to_hidden
from elman.nn import init
from elman.nn.masks import check_chance, choose_noise, drop_weights
from elman.nn.sequences import Batch, check_lengths, check_sides, pack, permute, unpack
from elman.nn.stack import Direction, parameter_names, run_stack
from elman.nn.states import States, as_states, listed
from elman.nn.stream import Stream
from elman.nn.torch_tools import TorchTools, as_node
from elman.nn.weights import present
from elman.ops import under_autocast


class Recurrent(TorchTools):
    """A recurrent layer of any cell: its equations, applied at every time step of a sequence.

    Letters: T time, B batch, I input, H size of the cell's first state, L layers, D directions.

    Args:
        cell: the equations of one time step.
        input_size: I.
        hidden_size: rows of the cell's first matrix.
        num_layers: L; every further layer reads the output of the one below.
        bias: keep the cell's biases (vectors that are only ever added).
        batch_first: input and output are (B, T, …); states never are.
        dropout: probability for an element of the output of a layer to be 0 in the input of the next, in training.
        bidirectional: run a second set of parameters from the last step to the first; outputs are concatenated.
        backend: the backend that runs the layer, see :mod:`elman.backends`.
        locked: let `dropout` drop the same elements at all time steps (variational dropout, Gal & Ghahramani 2016).
        recurrent_dropout: probability for an element of a state to be 0 in the hidden-to-hidden products at all time
            steps of one call of `forward`, in training (Gal & Ghahramani 2016).
        weight_dropout: probability for a weight of the hidden-to-hidden matrices to be 0 during one call of `forward`,
            in training (DropConnect: Wan et al. 2013; Merity et al. 2018).
        zoneout: probability for an element of a state to keep its old value at a time step (Krueger et al. 2017): one
            for all states, or by name, ``{"h": 0.05, "c": 0.5}``. Evaluation and streams use the expectation.
        recompute_every: in training, save only the states before every so many time steps, and recompute the other
            values in the backward pass: less memory, for the time of one more forward run. None to save everything.
        sizes: sizes that the equations do not bind to `input_size` and `hidden_size`, by name.
        device: of the parameters.
        dtype: of the parameters.

    Each family of the cell is one parameter, ``{family}_l{k}[_reverse]``, its members stacked along axis 0 in the order
    in which the equations first name them; a member of another shape or role is ``{family}_{member}_l{k}[_reverse]``.
    Gains of layer normalisations are initialised to 1, families with a range of their own in the cell from that range,
    all others from U(±1/√hidden_size).

    Raises:
        ConfigError: an option has an invalid value.
        ShapeError: sizes do not fit the equations.
        CellError: a size is missing.

    Example:
        >>> import elman, torch
        >>> layer = elman.nn.Recurrent(elman.cells.lstm, input_size=3, hidden_size=5, num_layers=2)
        >>> output, (h, c) = layer(torch.randn(7, 2, 3))
        >>> output.shape, c.shape
        (torch.Size([7, 2, 5]), torch.Size([2, 2, 5]))
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        backend: str = "auto",
        *,
        locked: bool = False,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        recompute_every: int | None = None,
        sizes: Mapping[str, int] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_options(cell, num_layers, dropout, locked)
        if recompute_every is not None:
            _check_count("recompute_every", recompute_every, "time steps")
        _check_products(cell, recurrent_dropout=recurrent_dropout, weight_dropout=weight_dropout)
        self.cell = cell
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, float(dropout), bidirectional
        self.backend = require(backend)
        self.sizes = dict(sizes or {})
        self.locked, self.weight_dropout = locked, weight_dropout
        self.recompute_every = recompute_every
        # The programs contain these rates: setting another one later would have no effect.
        self._recurrent_dropout = recurrent_dropout
        self._zoneout = dict(zoneout) if isinstance(zoneout, Mapping) else zoneout
        noise = choose_noise(cell, recurrent_dropout, zoneout)
        self.noisy_program, self.program = derive(cell, bias, noise), derive(cell, bias, noise.expected())
        if not self.program.parameters:
            raise CellError(
                f"Recurrent: {cell.name} has no parameters{'' if bias else ' without its biases'}.\n"
                "  A layer learns its parameters.\n  Give the cell one, or compute it without a layer."
            )
        first = cell.sizes(input_size, hidden_size, sizes)
        self.state_sizes = tuple(first[cell.state_size(s)] for s in cell.states)
        for k in range(num_layers):
            layer = first if k == 0 else cell.sizes(self.output_size, hidden_size, sizes)
            self._require_equal_states(k, layer)
            for suffix in self._suffixes(k):
                for parameter in self.program.parameters:
                    shape = parameter.full_shape(layer)
                    tensor = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(parameter.name + suffix, nn.Parameter(tensor))
        self._names = parameter_names(self.program, num_layers, bidirectional)
        self.reset_parameters()

    def _require_equal_states(self, k: int, sizes: Mapping[str, int]) -> None:
        for state, expected in zip(self.cell.states, self.state_sizes, strict=True):
            size = sizes[self.cell.state_size(state)]
            if size != expected:
                raise ShapeError(
                    f"Recurrent: state {state} of {self.cell.name} is as long as its input, {expected} in layer 0 and "
                    f"{size} in layer {k}.\n  The states of all layers are stacked, so they must be equal.\n"
                    f"  Give an input_size of {size}, or stack separate layers."
                )

    @property
    def recurrent_dropout(self) -> float:
        """The rate of recurrent dropout; part of the equations, so it is fixed."""
        return self._recurrent_dropout

    @property
    def zoneout(self) -> float | dict[str, float]:
        """The rate of zoneout, or the rates by state; part of the equations, so they are fixed."""
        return dict(self._zoneout) if isinstance(self._zoneout, dict) else self._zoneout

    @property
    def output_size(self) -> int:
        """The length of an output vector: D times the size of the first state."""
        return self.state_sizes[0] * (2 if self.bidirectional else 1)

    def _suffixes(self, k: int) -> list[str]:
        return [f"_l{k}", f"_l{k}_reverse"] if self.bidirectional else [f"_l{k}"]

    def reset_parameters(self) -> None:
        """Initialise all parameters again, in the order of their registration."""
        init.uniform_(self)

    def layers(self, noisy: bool = False) -> list[list[Direction]]:
        """List the layers from the input upwards, each with its directions and their present parameters.

        Args:
            noisy: as in training: equations that read masks, and freshly dropped weights.
        """
        program = self.noisy_program if noisy else self.program
        return [[Direction(program, self._present(names, noisy)) for names in directions] for directions in self._names]

    def _present(self, names: Sequence[str], noisy: bool) -> list[Tensor]:
        tensors = present(self, names)
        if not noisy or self.weight_dropout == 0:
            return tensors
        return drop_weights(self.program, tensors, hidden_to_hidden(self.cell.graph), self.weight_dropout)

    def forward(
        self,
        x: Tensor | PackedSequence,
        initial_state: States | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        **sides: Tensor | tuple[Tensor, Tensor],
    ) -> tuple[Tensor | PackedSequence, States]:
        """Run the layer over a batch of sequences.

        Args:
            x: (T, B, I), with `batch_first` (B, T, I), unbatched (T, I), or packed.
            initial_state: (L·D, B, its size), or (L·D, its size) if x is unbatched; a tuple if there are several
                states. Zeros if it is None.
            lengths: number of real time steps of each example, in any order, 0 allowed. Padded steps change nothing,
                their outputs are 0, the final state is that of the last real step, where the reverse direction starts.
            **sides: the cell's side inputs by name, each in the form of x without its last axis: (T, B), (B, T) or
                (T,). All layers read the same, and both directions unless a pair of tensors has one for each: the time
                since the step before is another one where steps are read backwards. They receive no gradient.

        Returns:
            The output in the form of x with D · H for I, and the final state in the form of `initial_state`.

        Raises:
            ShapeError: shapes, dtypes or lengths do not fit; a side input is missing or unknown.
        """
        if isinstance(x, PackedSequence):
            return self._forward_packed(x, initial_state, lengths, sides)
        if not isinstance(x, Tensor):
            node = as_node(self, x, {"initial_state": initial_state, "lengths": lengths}, sides)  # type: ignore[unreachable]
            if node is not None:
                return node
            raise ShapeError(f"Recurrent: x is a {type(x).__name__}.\n  It is a tensor.\n  Give torch.as_tensor(x).")
        self._check_input(x, 2 if x.dim() == 2 else 3)
        own_sides = check_sides(self.cell, sides, x, 2 if self.bidirectional else 1)
        if x.dim() == 2:
            if lengths is not None:
                raise ShapeError(
                    "Recurrent: lengths are given with an unbatched input.\n  Its length is T.\n  Shorten x instead."
                )
            x, own_sides = x.unsqueeze(1), [side.unsqueeze(1) for side in own_sides]
            output, final = self._run(Batch(x, sides=own_sides), self._start(initial_state, x, 2))
            return output.squeeze(1), as_states([s.squeeze(1) for s in final])
        if self.batch_first:
            x, own_sides = x.transpose(0, 1), [side.transpose(0, 1) for side in own_sides]
        lengths = None if lengths is None else check_lengths(lengths, x)
        output, final = self._run(Batch(x, lengths, sides=own_sides), self._start(initial_state, x, 3))
        return output.transpose(0, 1) if self.batch_first else output, as_states(final)

    def _forward_packed(
        self,
        x: PackedSequence,
        initial_state: States | None,
        lengths: Tensor | Sequence[int] | None,
        sides: Mapping[str, Tensor | tuple[Tensor, Tensor]],
    ) -> tuple[PackedSequence, States]:
        if lengths is not None:
            raise ShapeError(
                "Recurrent: lengths are given with a packed sequence.\n  It has its own.\n  Drop lengths=…."
            )
        if self.cell.sides or sides:
            names = ", ".join(self.cell.sides or sides)
            raise ShapeError(
                f"Recurrent: side inputs ({names}) are given with a packed sequence.\n  It cannot contain them.\n"
                "  Give the padded batch with lengths=…."
            )
        self._check_input(x.data, 2)
        batch = unpack(x)
        states = permute(self._start(initial_state, batch.x, 3), x.sorted_indices)
        output, final = self._run(batch, states)
        return pack(output, batch), as_states(permute(final, x.unsorted_indices))

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
        shapes = [(self.num_layers, batch_size, size) for size in self.state_sizes]
        return Stream(self, shapes, self._names, freeze, weights)

    def _run(self, batch: Batch, states: Sequence[Tensor | int]) -> tuple[Tensor, list[Tensor]]:
        layers = self.layers(noisy=self.training)
        dropout, every = self.dropout, self.recompute_every or 0
        return run_stack(layers, batch, states, dropout, self.training, self.backend, self.locked, every)

    def _check_input(self, x: Tensor, dimensions: int) -> None:
        own: Tensor | None = next(iter(self._parameters.values()), None)
        if own is None:  # all are computed from others, or are plain tensors
            own = next(self.parameters(), None)
        if own is None:
            (own,) = present(self, self._names[0][0][:1])
        if x.dim() != dimensions or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"Recurrent: x has shape {tuple(x.shape)}.\n  It is (T, B, I), with batch_first (B, T, I), "
                f"or unbatched (T, I).\n  Give I = {self.input_size}."
            )
        if x.device != own.device:
            raise ShapeError(
                f"Recurrent: x is on {x.device}, the parameters are on {own.device}.\n  They must be on one device.\n"
                f"  Move x with x.to({str(own.device)!r}), or the layer with layer.to({str(x.device)!r})."
            )
        if own.dtype.is_floating_point and not x.dtype.is_floating_point and not x.is_complex():
            raise ShapeError(
                f"Recurrent: x is {x.dtype}.\n  A cell computes with real numbers.\n"
                f"  Convert x with x.to({own.dtype}); numbers of classes or words go through torch.nn.Embedding."
            )
        if x.dtype != own.dtype and not under_autocast(x):
            raise ShapeError(
                f"Recurrent: x is {x.dtype}, the parameters are {own.dtype}.\n  They must agree outside of autocast.\n"
                f"  Convert x with x.to({own.dtype}), or the layer with layer.to({x.dtype})."
            )

    def _start(self, given: States | None, x: Tensor, dimensions: int) -> list[Tensor]:
        """Return the initial state as a list of (L·D, B, its size)."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        shapes = [(rows, x.shape[1], size) for size in self.state_sizes]
        if given is None:
            return [x.new_zeros(shape) for shape in shapes]
        if isinstance(given, Tensor) != (len(shapes) == 1):
            form = "a tensor" if len(shapes) == 1 else f"a tuple ({', '.join(self.cell.states)})"
            raise ShapeError(
                f"Recurrent: the initial state is a {type(given).__name__}.\n  {self.cell.name} has the states "
                f"{', '.join(self.cell.states)}.\n  Give {form}."
            )
        states = listed(given)
        for name, state in zip(self.cell.states, states, strict=False):
            fits = isinstance(state, Tensor) and state.device == x.device
            if not fits or (state.dtype != x.dtype and not under_autocast(x)):
                kind = f"{state.dtype} on {state.device}" if isinstance(state, Tensor) else f"a {type(state).__name__}"
                raise ShapeError(
                    f"Recurrent: the initial {name} is {kind}.\n  A state is a tensor with the dtype and device of x.\n"
                    f"  Give {x.dtype} on {x.device}."
                )
        expected = [shape if dimensions == 3 else (shape[0], shape[2]) for shape in shapes]
        actual = [tuple(s.shape) for s in states]
        if actual != expected:
            raise ShapeError(
                f"Recurrent: the initial state has the shapes {actual}.\n  They are (layers · directions, B, size) "
                f"for the states {', '.join(self.cell.states)}, never batch-first.\n  Give {expected}."
            )
        return states if dimensions == 3 else [s.unsqueeze(1) for s in states]

    def extra_repr(self) -> str:
        """Show the options that are not at their defaults."""
        parts = [self.cell.name, str(self.input_size), str(self.hidden_size)]
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
            "backend": "auto",
            "locked": False,
            "recurrent_dropout": 0.0,
            "weight_dropout": 0.0,
            "zoneout": 0.0,
            "recompute_every": None,
            "sizes": {},
        }
        return ", ".join(
            parts + [f"{n}={getattr(self, n)!r}" for n, usual in defaults.items() if getattr(self, n) != usual]
        )


def _check_options(cell: Cell, num_layers: int, dropout: float, locked: bool) -> None:
    if not isinstance(cell, Cell):
        raise ConfigError(
            f"Recurrent: the cell is a {type(cell).__name__}.\n  A cell is the equations of one time step.\n"
            "  Write @elman.cell above a function, or choose one of elman.cells."
        )
    _check_count("num_layers", num_layers, "layers")
    for name in {"self", "x", "initial_state", "lengths"} & set(cell.sides):
        raise ConfigError(
            f"Recurrent: a side input of {cell.name} is called {name}.\n"
            "  Side inputs are keyword arguments, and the layer has one of that name.\n  Rename it."
        )
    if not isinstance(locked, bool):
        raise ConfigError(
            f"Recurrent: locked is {locked!r}.\n  It is True or False.\n  Give the probability as dropout=…."
        )
    check_chance("Recurrent", "dropout", dropout)
    if dropout > 0 and num_layers == 1:
        warnings.warn(f"dropout={dropout} acts between layers, and there is one layer: it has no effect", stacklevel=3)


def _check_count(name: str, value: int, counted: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"Recurrent: {name} is {value!r}.\n  It is a number of {counted}.\n  Give an integer from 1.")


def _check_products(cell: Cell, **rates: float) -> None:
    """Refuse options that act on hidden-to-hidden matrices if the cell has none."""
    for name, rate in rates.items():
        if check_chance("Recurrent", name, rate) > 0 and not hidden_to_hidden(cell.graph):
            raise ConfigError(
                f"Recurrent: {name} is {rate}, and no matrix of {cell.name} multiplies a state.\n"
                "  It acts on hidden-to-hidden products.\n  Use zoneout, which acts on the states themselves."
            )
