"""Translate a schedule into the calls that the reference backend makes.

A call reads slots and fills slots. Slots below the number of nodes are the nodes of the program's graph; the slots
above them contain slices of stacked parameters, and concatenations: products that share a vector run as one product.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.autodiff.program import Program, Schedule

# The base primitives of elman.expr.primitives, and the structural operations that are never grouped.
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "maximum": torch.maximum,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "select": torch.where,
    "sum": lambda v: v.sum(-1, keepdim=True),
    "max": lambda v: v.amax(-1, keepdim=True),
    "spread": lambda s, v: s.expand_as(v),
}


@dataclass(frozen=True)
class Call:
    """One function call, with the slots that it reads and those that it fills."""

    function: Callable[..., Any]
    reads: tuple[int, ...]
    fills: tuple[int, ...]


@dataclass(frozen=True)
class Slice:
    """A slot that contains some members of a stacked parameter, from `first` to `last`, which is excluded."""

    slot: int
    parameter: int
    first: int
    last: int
    members: int


@dataclass(frozen=True)
class Calls:
    """A schedule as calls.

    Attributes:
        stepwise: slots with one value for each time step, computed before the loop and read in it.
        kept: slots of the loop that are read after it, or saved.
        slots: the number of slots.
    """

    once: tuple[Call, ...]
    before: tuple[Call, ...]
    loop: tuple[Call, ...]
    after: tuple[Call, ...]
    end: tuple[Call, ...]
    slices: tuple[Slice, ...]
    stepwise: tuple[int, ...]
    kept: tuple[int, ...]
    slots: int


@lru_cache(maxsize=2048)
def translate(program: Program, direction: str, rounds: bool = False) -> Calls:
    """Translate one of a program's schedules, by its attribute's name.

    Args:
        program: the program.
        direction: forward, mirror or mirror_without_input.
        rounds: whether products round what they multiply to bfloat16.
    """
    return _Translator(program, rounds).translate(getattr(program, direction))


@dataclass
class _Translator:
    """The translation of one schedule, as far as it is done.

    Attributes:
        rounds: whether products round what they multiply.
        joined: for vectors that one product reads, the slot of their concatenation.
        joins: for each vector, the concatenations that contain it.
    """

    program: Program
    rounds: bool
    slices: list[Slice] = field(default_factory=list)
    joined: dict[tuple[int, ...], int] = field(default_factory=dict)
    joins: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    slots: int = 0

    def translate(self, schedule: Schedule) -> Calls:
        nodes = self.program.graph.nodes
        self.slots = len(nodes)
        self.place = {m: (i, j) for i, p in enumerate(self.program.parameters) for j, m in enumerate(p.members)}
        for index, node in enumerate(nodes):
            if node.op == "parameter":
                parameter, member = self.place[node.name]
                self._slice(index, parameter, member, member + 1)
        once = self._calls(schedule.once)
        before = self._calls(schedule.before)
        loop = tuple(c for stage in schedule.stages for c in self._calls((*stage.reductions, *stage.pointwise)))
        after, end = self._calls(schedule.after), self._calls(schedule.end)
        timed = {i for c in before for i in c.fills} | set(schedule.given)
        made = {i for c in loop for i in c.fills} | set(schedule.carries)
        read = {i for c in loop for i in c.reads} | set(schedule.results)
        read_behind = {i for c in (*after, *end) for i in c.reads}
        results = set(self.program.saved) if schedule is self.program.forward else set(self._outputs())
        kept = tuple(sorted(made & (read_behind | results)))
        return Calls(once, before, loop, after, end, tuple(self.slices), tuple(sorted(timed & read)), kept, self.slots)

    def _outputs(self) -> Iterable[int]:
        graph = self.program.graph
        return (graph.output[f"d_{node.name}"] for node in graph.nodes if node.op in {"parameter", "input"})

    def _calls(self, indices: tuple[int, ...]) -> tuple[Call, ...]:
        nodes = self.program.graph.nodes
        calls: list[Call] = []
        done: set[int] = set()
        # what one vector is multiplied with: products by their matrix, sums over time and batch by their summand
        alike: dict[tuple[object, ...], dict[Any, int]] = {}
        for index in indices:
            node = nodes[index]
            if node.op in {"product", "outer", "total"}:
                own = self.place[nodes[node.args[0]].name] if node.op == "product" else node.args[0]
                alike.setdefault((node.op, node.args[1:]), {})[own] = index
        for index in indices:
            if index in done:
                continue
            node = nodes[index]
            if node.op == "product":
                calls.append(self._product(index, alike[node.op, node.args[1:]]))
            elif node.op == "product_t":
                calls.extend(self._product_t(index))
            elif node.op in {"outer", "total"}:
                calls.extend(self._sums(index, alike[node.op, node.args[1:]]))
            else:
                calls.append(Call(FUNCTIONS[node.op], node.args, (index,)))
            done.update(calls[-1].fills)
        return tuple(calls)

    def _product(self, index: int, alike: dict[tuple[int, int], int]) -> Call:
        """Multiply one vector by all neighbouring members of a family that the schedule multiplies at this point."""
        nodes = self.program.graph.nodes
        parameter, member = self.place[nodes[nodes[index].args[0]].name]
        first = last = member
        while (parameter, first - 1) in alike:
            first -= 1
        while (parameter, last + 1) in alike:
            last += 1
        matrix = self._slice(None, parameter, first, last + 1)
        fills = tuple(alike[parameter, i] for i in range(first, last + 1))
        function = F.linear if len(fills) == 1 else partial(_linear_parts, len(fills))
        return Call(self._rounding(function), (nodes[index].args[1], matrix), fills)

    def _rounding(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return partial(_of_rounded, function) if self.rounds else function

    def _product_t(self, index: int) -> list[Call]:
        args = self.program.graph.nodes[index].args
        places = [self.place[self.program.graph.nodes[m].name] for m in args[::2]]
        vectors = args[1::2]
        (parameter, first), count = places[0], len(places)
        if places != [(parameter, first + i) for i in range(count)]:
            return [Call(self._rounding(_sum_of_products), args, (index,))]
        matrix = self._slice(None, parameter, first, first + count)
        if count == 1:
            return [Call(self._rounding(torch.matmul), (vectors[0], matrix), (index,))]
        calls = []
        if vectors not in self.joined:
            self.joined[vectors] = self._slot()
            for vector in dict.fromkeys(vectors):
                self.joins.setdefault(vector, []).append(vectors)
            calls.append(Call(_join, vectors, (self.joined[vectors],)))
        return [*calls, Call(self._rounding(torch.matmul), (self.joined[vectors], matrix), (index,))]

    def _sums(self, index: int, alike: dict[int, int]) -> list[Call]:
        """Sum over time and batch; adjoints that are already concatenated for a product are summed together."""
        nodes = self.program.graph.nodes
        behind = nodes[index].args[1:]
        function = self._rounding(_outer) if behind else _total
        for vectors in self.joins.get(nodes[index].args[0], ()):
            if all(v in alike for v in vectors):
                fills = tuple(alike[v] for v in vectors)
                for vector in dict.fromkeys(vectors):
                    del alike[vector]  # done
                return [Call(partial(function, len(vectors)), (self.joined[vectors], *behind), fills)]
        del alike[nodes[index].args[0]]
        return [Call(partial(function, 1), nodes[index].args, (index,))]

    def _slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _slice(self, slot: int | None, parameter: int, first: int, last: int) -> int:
        slot = self._slot() if slot is None else slot
        self.slices.append(Slice(slot, parameter, first, last, len(self.program.parameters[parameter].members)))
        return slot


def _of_rounded(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function with its tensors rounded to bfloat16; numbers of parts come first."""
    return function(*[v.bfloat16().to(v.dtype) if isinstance(v, Tensor) else v for v in given])


def _linear_parts(parts: int, v: Tensor, matrix: Tensor) -> tuple[Tensor, ...]:
    return F.linear(v, matrix).chunk(parts, -1)


def _join(*vectors: Tensor) -> Tensor:
    return torch.cat(vectors, -1)


def _sum_of_products(*pairs: Tensor) -> Tensor:
    total = pairs[1] @ pairs[0]
    for matrix, d in zip(pairs[2::2], pairs[3::2], strict=True):
        total = total + d @ matrix
    return total


def _outer(parts: int, d: Tensor, v: Tensor) -> Any:
    """Sum d vᵀ over time and batch: (T, B, n), (T, B, m) → (n, m)."""
    whole = torch.outer(d, v) if d.dim() == 1 else d.flatten(0, 1).T @ v.flatten(0, 1)
    return whole if parts == 1 else whole.chunk(parts)


def _total(parts: int, d: Tensor) -> Any:
    whole = d.flatten(0, 1).sum(0)
    return whole if parts == 1 else whole.chunk(parts)
