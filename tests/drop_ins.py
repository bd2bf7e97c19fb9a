"""Draw configurations of torch's recurrent layers, and run one of them on torch's class or on ours.

A configuration is drawn from its number alone, so that a failing one can be run again by its name. The sizes of the
axes are distinct primes, and what a mistake would need to stay unseen (zero states, a gradient of ones) does not occur.

>>> sorted({draw(number).kind for number in range(40)})
['GRU', 'LSTM', 'RNN']
"""

import random
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

FORMS = ("padded", "unbatched", "lengths", "packed_sorted", "packed_unsorted")
"""How the input comes: as one tensor, without a batch axis, with lengths, or packed, sorted or not."""

_SIZES = (2, 3, 5, 7, 11)
_LEAST_HIDDEN = {torch.float64: 2, torch.float32: 5}
"""In float32 both sides are a few rounding errors from the truth. Over two or three elements, whose sum over time
happens to cancel, the norm compares luck with luck; over five and more it compares methods."""

_DROPOUT = 0.37


@dataclass(frozen=True)
class Configuration:
    """One layer, the input it gets, and the seed of every value in it."""

    seed: int
    kind: str
    form: str
    dtype: torch.dtype
    steps: int
    batch: int
    options: dict[str, Any] = field(hash=False)
    states_given: bool = True
    lengths: tuple[int, ...] = ()

    def __str__(self) -> str:
        options = "-".join(f"{name}:{value}" for name, value in self.options.items())
        states = "states" if self.states_given else "zeros"
        return f"{self.seed}-{self.kind}-{self.form}-{str(self.dtype).removeprefix('torch.')}-{states}-{options}"

    @property
    def directions(self) -> int:
        return 2 if self.options["bidirectional"] else 1


def draw(number: int) -> Configuration:
    """Draw the configuration that has this number."""
    chance = random.Random(f"configuration {number}")
    kind = chance.choice(("RNN", "LSTM", "GRU"))
    form = chance.choice(FORMS)
    dtype = chance.choice((torch.float64, torch.float32))
    least = _LEAST_HIDDEN[dtype]
    hidden_size = chance.choice([size for size in _SIZES if size >= least])
    steps, batch, input_size = chance.sample([size for size in _SIZES if size != hidden_size], 3)
    layers = chance.choice((1, 2, 3))
    options: dict[str, Any] = {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "num_layers": layers,
        "bias": chance.random() < 0.7,
        "batch_first": chance.random() < 0.5,
        "bidirectional": chance.random() < 0.5,
    }
    if kind == "RNN":
        options["nonlinearity"] = chance.choice(("tanh", "relu"))
    if kind == "LSTM" and chance.random() < 0.5:
        options["proj_size"] = chance.randrange(least // 2, hidden_size)
    # With lengths torch's input is packed and ours is not: masks of other shapes, so equal seeds give other masks.
    if layers > 1 and form != "lengths" and chance.random() < 0.6:
        options["dropout"] = _DROPOUT
    lengths: list[int] = []
    if form not in ("padded", "unbatched"):
        lengths = [chance.randint(1, steps) for _ in range(batch)]
        lengths[chance.randrange(batch)] = steps
    if form == "packed_sorted":
        lengths.sort(reverse=True)
    return Configuration(
        seed=number,
        kind=kind,
        form=form,
        dtype=dtype,
        steps=steps,
        batch=batch,
        options=options,
        states_given=chance.random() < 0.7,
        lengths=tuple(lengths),
    )


@dataclass
class Values:
    """Everything random in one run, in float32 precision so that both dtypes hold it exactly."""

    parameters: dict[str, Tensor]
    input: Tensor
    states: tuple[Tensor, ...]
    upstream_output: Tensor
    upstream_states: tuple[Tensor, ...]


def draw_values(case: Configuration) -> Values:
    """Draw parameters, input, initial states and upstream gradients of a configuration."""
    torch.manual_seed(case.seed)
    reference = getattr(torch.nn, case.kind)(**case.options)
    hidden, cell = reference.proj_size or reference.hidden_size, reference.hidden_size
    batch = () if case.form == "unbatched" else (case.batch,)
    over_time = (*batch, case.steps) if case.options["batch_first"] else (case.steps, *batch)
    state_sizes = (hidden, cell) if case.kind == "LSTM" else (hidden,)
    rows = case.options["num_layers"] * case.directions
    shapes = [(rows, *batch, size) for size in state_sizes]
    return Values(
        parameters={name: value.detach().clone() for name, value in reference.state_dict().items()},
        input=torch.randn(*over_time, reference.input_size),
        states=tuple(torch.randn(*shape) for shape in shapes),
        upstream_output=torch.randn(*over_time, hidden * case.directions),
        upstream_states=tuple(torch.randn(*shape) for shape in shapes),
    )


def run(classes: Any, case: Configuration, values: Values, dtype: torch.dtype) -> dict[str, Tensor | None]:
    """Run one layer forward and back in training mode, and name everything that comes out of it.

    Args:
        classes: `torch.nn` or `elman.nn`.
        case: the configuration. With `lengths`, torch gets a PackedSequence and ours the padded tensor and the lengths.
        values: what `draw_values` drew for it.
        dtype: in which to run; the result is in this dtype.

    Returns:
        Output, final states, and the gradient of input, initial states and every parameter, by name. A gradient that
        torch does not give is None.
    """
    layer = getattr(classes, case.kind)(**case.options, dtype=dtype)
    layer.load_state_dict(values.parameters)
    x = values.input.to(dtype, copy=True).requires_grad_()
    states = tuple(state.to(dtype, copy=True).requires_grad_() for state in values.states)
    torch.manual_seed(case.seed + 1)
    output, final_states = _forward(classes, case, layer, x, states)
    upstream = torch.cat([values.upstream_output.flatten(), *(u.flatten() for u in values.upstream_states)]).to(dtype)
    torch.cat([output.flatten(), *(state.flatten() for state in final_states)]).backward(upstream)
    results: dict[str, Tensor | None] = {"output": output.detach(), "gradient of input": x.grad}
    for name, final, initial in zip(("h", "c"), final_states, states, strict=False):
        results[f"final {name}"] = final.detach()
        if case.states_given:
            results[f"gradient of initial {name}"] = initial.grad
    for name, parameter in layer.named_parameters():
        results[f"gradient of {name}"] = parameter.grad
    return results


def _forward(
    classes: Any, case: Configuration, layer: Any, x: Tensor, states: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Call the layer in the form that the configuration names; the output comes back padded with zeros."""
    hx = None if not case.states_given else states if case.kind == "LSTM" else states[0]
    if case.form in ("padded", "unbatched"):
        output, final = layer(x, hx)
    elif case.form == "lengths" and classes is not torch.nn:
        output, final = layer(x, hx, lengths=torch.tensor(case.lengths))
    else:
        batch_first = case.options["batch_first"]
        packed = pack_padded_sequence(
            x, torch.tensor(case.lengths), batch_first, enforce_sorted=case.form == "packed_sorted"
        )
        output, final = layer(packed, hx)
        assert_same_packing(output, packed)
        output, _ = pad_packed_sequence(output, batch_first, total_length=case.steps)
    return output, final if isinstance(final, tuple) else (final,)


def assert_same_packing(ours: Any, given: PackedSequence) -> None:
    """Require that the output has the packing of the input, as torch does."""
    if not isinstance(ours, PackedSequence):
        raise AssertionError(f"a packed input gave {type(ours).__name__}")
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        mine, theirs = getattr(ours, name), getattr(given, name)
        if (mine is None) != (theirs is None) or (mine is not None and not mine.equal(theirs)):
            raise AssertionError(f"{name}: {mine}, packed as {theirs}")
