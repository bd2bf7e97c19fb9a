"""Write the side inputs of a model's layers into a graph of ONNX: numbers of each step, times between steps, constants.

A column that a cell reads beside its input is an input of the file, by the name of the side input. Of the time since
the step before a file reads the times themselves, `NAME_times`, and subtracts them inside: in a file of one step the
time of the step before is a state. Constants are inside.

>>> from elman.export.graph import GraphWriter
>>> sides = CarriedSides([CarriedSide("dt", "clock", gaps=True)])
>>> [port.name for port in sides.ports]
['dt_times']
>>> feeds = {"dt_times": torch.tensor([[3.0, 4.0, 8.0]], dtype=torch.float64)}
>>> sides.compute(feeds, {"dt": 2.0}).flatten().tolist()
[0.0, 0.5, 2.0]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.export.graph import DOUBLE, FLOAT, GraphWriter, Port
from elman.export.models import Feeds
from elman.export.network import NetworkData
from elman.export.pieces import write_real
from elman.export.ports import axis_length
from elman.models.sides import SideInputs

Units = Mapping[str, float | None]
"""The unit of each side input that is a time; None for one whose numbers are given on as they are."""


@dataclass(frozen=True)
class CarriedSide:
    """A side input of which each step carries a number.

    Attributes:
        name: of it.
        column: where the training data had it.
        gaps: whether it is the time since the step before, of which a file reads the times.
        in_seconds: whether these were dates, which count seconds.
    """

    name: str
    column: str
    gaps: bool
    in_seconds: bool = False

    @property
    def port(self) -> str:
        """The name of the input."""
        return f"{self.name}_times" if self.gaps else self.name

    @property
    def reads(self) -> str:
        """A sentence: what the input holds."""
        if not self.gaps:
            return f"{self.column} at each step, from 0 on (else the answer is NaN); it is {self.name} as it is"
        unit = "in seconds from any moment" if self.in_seconds else f"in the units of {self.column}"
        return (
            f"the time of each step by {self.column}, ascending (else the answer is NaN), {unit}; {self.name} is "
            "computed inside: the time since the step before, 0 at the first, in units of the median of the training "
            "data"
        )


@dataclass(frozen=True)
class TimeState:
    """The time of the step before, which a file of one step carries on.

    Attributes:
        before: the input.
        after: the output.
        value: its value.
    """

    before: Port
    after: Port
    value: str


class CarriedSides:
    """All side inputs of which each step of a model carries a number.

    Args:
        sides: in any order.
    """

    def __init__(self, sides: Sequence[CarriedSide] = ()) -> None:
        self._sides = sorted(sides, key=lambda one: one.name)

    @property
    def ports(self) -> list[Port]:
        """The inputs of a file of whole sequences."""
        return [Port(one.port, ("batch", "time"), DOUBLE) for one in self._sides]

    @property
    def step_ports(self) -> list[Port]:
        """The inputs of a file of one step."""
        return [Port(one.port, ("batch",), DOUBLE) for one in self._sides]

    @property
    def reads(self) -> dict[str, str]:
        """A sentence for each input."""
        return {one.port: one.reads for one in self._sides}

    def write(self, writer: GraphWriter, units: Units) -> dict[str, str]:
        """Write what the steps carry, by name: each (T, B, 1)."""
        found, add, axis = {}, writer.add, writer.indices(0)
        for one in self._sides:
            given = add("Transpose", one.port, perm=[1, 0])
            if one.gaps:
                later = add("Slice", given, writer.indices(1), writer.indices(2**31), axis)
                apart = _or_nan(
                    writer, add("Sub", later, add("Slice", given, writer.indices(0), writer.indices(-1), axis))
                )
                given = add("Concat", _zero_like(writer, add("Gather", given, axis, axis=0)), apart, axis=0)
            else:
                given = _from_zero(writer, given)
            found[one.name] = add("Unsqueeze", _in_units(writer, given, units[one.name]), writer.indices(2))
        return found

    def write_step(self, writer: GraphWriter, units: Units) -> tuple[dict[str, str], list[TimeState]]:
        """Write what one step carries, by name: each (B, 1); and the times that are carried on."""
        found, carried, add = {}, [], writer.add
        for one in self._sides:
            given = add("Unsqueeze", one.port, writer.indices(1))
            value = given
            if one.gaps:
                before = Port(f"initial_{one.port}", ("batch", 1), DOUBLE, np.full((1, 1), np.nan))
                carried.append(TimeState(before, Port(f"final_{one.port}", before.axes, DOUBLE), given))
                apart = _or_nan(writer, add("Sub", given, before.name))
                value = add("Where", add("IsNaN", before.name), _zero_like(writer, given), apart)
            else:
                value = _from_zero(writer, given)
            found[one.name] = _in_units(writer, value, units[one.name])
        return found, carried

    def compute(self, feeds: Mapping[str, Tensor], units: Units) -> Tensor:
        """Compute what the steps carry, (T, B, S), float32."""
        columns = []
        for one in self._sides:
            own = feeds[one.port].numpy().T
            own = np.diff(own, axis=0, prepend=own[:1]) if one.gaps else own
            columns.append(own.astype(np.float32) / (units[one.name] or 1.0))
        return torch.from_numpy(np.stack(columns, axis=2).astype(np.float32))

    def draw(self, shape: tuple[int, int], units: Units, random: np.random.Generator) -> Feeds:
        """Draw inputs (B, T) to compare with."""
        feeds: Feeds = {}
        for one in self._sides:
            drawn = random.exponential(size=shape) + 0.01
            feeds[one.port] = (7 + drawn.cumsum(1)) * (units[one.name] or 1.0) if one.gaps else drawn
        return feeds


def write_sides(
    writer: GraphWriter,
    network: NetworkData,
    sides: SideInputs,
    x: str,
    carried: Mapping[str, str],
    lengths: str = "",
) -> list[list[str]]:
    """Write the side inputs of layers, as :meth:`elman.models.sides.SideInputs.of` does.

    Args:
        writer: the graph.
        network: the layers.
        sides: where their side inputs come from.
        x: name of what the layers read, (T, B, I), or (B, I) for one step.
        carried: the name of what the steps carry for each of those that they carry, of the form of x, one number.
        lengths: name of (B,); a step, and layers that read forward, need none.

    Returns:
        For each direction the names of the side inputs, in the order of the cell: of the form of x, one number.
    """
    directions: list[list[str]] = [[] for _ in range(network.directions)]
    for name in network.sides:
        source = sides.sources[name]
        if source.constant is None:
            side = carried[name]
        else:
            form = writer.add("Slice", writer.add("Shape", x), writer.indices(0), writer.indices(-1))
            shape = writer.add("Concat", form, writer.indices(1), axis=0)
            side = writer.add("Expand", writer.constant(np.float32(source.constant)), shape)
        for backwards, own in enumerate(directions):
            own.append(_backwards(writer, side, lengths) if backwards and source.gaps else side)
    return directions


def write_doubt(writer: GraphWriter, carried: Mapping[str, str], lengths: str) -> str:
    """Write what makes the answer to a wrong example NaN, (B,): 0, and NaN where a number of a real step is wrong.

    Wrong are times that do not ascend, and numbers that are missing, negative or infinite. Not every operation passes
    NaN on: the maximum over time does not.
    """
    all_sides = writer.add("Concat", *carried.values(), axis=2)
    real = writer.add("Unsqueeze", write_real(writer, lengths, axis_length(writer, all_sides, 0)), writer.indices(2))
    zero = writer.constant(np.float32(0))
    doubt = writer.add("Where", real, writer.add("Mul", all_sides, zero), zero)
    return writer.add("ReduceSum", doubt, writer.indices(0, 2), keepdims=0)


def _backwards(writer: GraphWriter, gaps: str, lengths: str) -> str:
    """Write the gaps (T, B, 1) of steps that are read backwards: each is that of the step behind it, 0 at the last."""
    add, axis = writer.add, writer.indices(0)
    later = add("Slice", gaps, writer.indices(1), writer.indices(2**31), axis)
    later = add("Concat", later, _zero_like(writer, add("Gather", gaps, axis, axis=0)), axis=0)
    before_last = add("Sub", lengths, writer.constant(np.int64(1)))
    real = write_real(writer, before_last, axis_length(writer, gaps, 0))
    return add("Where", add("Unsqueeze", real, writer.indices(2)), later, writer.constant(np.float32(0)))


def _or_nan(writer: GraphWriter, apart: str) -> str:
    """Write NaN for times between steps that are not above 0."""
    is_later = writer.add("Greater", apart, writer.constant(np.float64(0)))
    return writer.add("Where", is_later, apart, writer.constant(np.float64(np.nan)))


def _from_zero(writer: GraphWriter, given: str) -> str:
    """Write NaN for negative numbers."""
    is_negative = writer.add("Less", given, writer.constant(np.float64(0)))
    return writer.add("Where", is_negative, writer.constant(np.float64(np.nan)), given)


def _zero_like(writer: GraphWriter, given: str) -> str:
    """Write 0 for each number, and NaN for what is not finite."""
    return writer.add("Sub", given, given)


def _in_units(writer: GraphWriter, given: str, unit: float | None) -> str:
    if unit is not None:
        given = writer.add("Div", given, writer.constant(np.float64(unit)))
    return writer.add("Cast", given, to=FLOAT)
