"""A cell: its verified equations, and what follows from them alone (families, sizes, gates, text).

A cell is data. It can be written to a file and read back without executing anything in the file.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

from elman.errors import CellError, ShapeError
from elman.expr.graph import ROW, Graph
from elman.expr.latex import print_display, print_latex
from elman.expr.limits import MOST_LETTERS, MOST_SHOWN
from elman.expr.printing import print_equations
from elman.expr.reading import decimal, items, text, whole
from elman.expr.shapes import Tie
from elman.expr.verify import verify_step


@dataclass(frozen=True)
class Parameter:
    """One tensor of a layer: a family, its members stacked along axis 0.

    Attributes:
        name: ``W`` for a family, ``W_i`` for a member whose shape differs from that of the family's first.
        members: names of the graph's parameters, ``W.i``, …, in stacking order.
        shape: symbolic shape of one member.
        role: ``matrix``, ``bias`` (a vector that is only ever added), ``gain`` (multiplies a layer normalisation) or
        ``vector``.
    """

    name: str
    members: tuple[str, ...]
    shape: tuple[str, ...]
    role: str

    def full_shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Compute the shape of the stacked tensor.

        >>> Parameter("W", ("W.i", "W.f"), ("hidden", "input"), "matrix").full_shape({"hidden": 5, "input": 3})
        (10, 3)
        """
        first, *rest = (sizes[s] for s in self.shape)
        return (first * len(self.members), *rest)


@dataclass(frozen=True)
class Cell:
    """Equations of one time step.

    Attributes:
        name: what the cell is called.
        doc: its docstring; lists show the first line.
        source: the file of its equations.
        graph: the verified equations.
        labels: names of intermediate values, as the equations call them.
        ties: sizes that the equations force to be equal.
        starts: families with an initial range of their own, and this range; the layer initialises the others.
    """

    name: str
    doc: str
    source: str
    graph: Graph
    labels: tuple[tuple[str, int], ...] = ()
    ties: tuple[Tie, ...] = ()
    starts: tuple[tuple[str, float, float], ...] = ()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Hash the whole graph once: every call of a layer looks its program up by the cell."""
        return hash((self.name, self.graph))

    @property
    def states(self) -> tuple[str, ...]:
        """List the states in order; the first is the layer's output."""
        return self.graph.states

    @property
    def sides(self) -> tuple[str, ...]:
        """List the side inputs in order: further inputs of a step, one number each."""
        return self.graph.sides

    def state_size(self, state: str) -> str:
        """Return the symbolic size of a state."""
        return self.graph.nodes[self.graph.leaves["state", state]].shape[0]

    @cached_property
    def open_sizes(self) -> tuple[str, ...]:
        """List the sizes that do not follow from those of the input and the first matrix."""
        return tuple(sorted({size for node in self.graph.nodes for size in node.shape} - {"input", "hidden", ROW}))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """List the tensors that a layer of this cell has, in the order in which the equations first name them."""
        kinds = {n.name: (n.shape, self.role(n.name)) for n in self.graph.nodes if n.op == "parameter"}
        groups: dict[str, list[str]] = {}
        for name, kind in kinds.items():
            family = name.split(".")[0]
            fits = family not in groups or kinds[groups[family][0]] == kind
            groups.setdefault(family if fits else name.replace(".", "_"), []).append(name)
        return tuple(Parameter(g, tuple(m), *kinds[m[0]]) for g, m in groups.items())

    def role(self, parameter: str) -> str:
        """Return the role of a parameter: ``matrix``, ``bias``, ``gain`` or ``vector``."""
        nodes = self.graph.nodes
        index = self.graph.leaves["parameter", parameter]
        readers = [nodes[i] for i in self.graph.read_by[index]]
        if len(nodes[index].shape) == 2:
            return "matrix"
        added = readers and all(r.op == "add" for r in readers) and index not in self.graph.output.values()
        partners = [a for r in readers for a in r.args if a != index]
        if added and all(nodes[a].shape == nodes[index].shape and self.graph.moves[a] for a in partners):
            return "bias"
        normalised = [any(nodes[a].op == "layer_norm" for a in r.args) for r in readers if r.op == "mul"]
        return "gain" if normalised and len(normalised) == len(readers) and all(normalised) else "vector"

    def gates(self) -> tuple[str, ...]:
        """List the gates: the values that are a sigmoid (or its hard form)."""
        gates = {i for i, n in enumerate(self.graph.nodes) if n.op in {"sigmoid", "hard_sigmoid"}}
        return tuple(label for label, index in self.labels if index in gates)

    def sizes(self, input_size: int, hidden_size: int, named: Mapping[str, int] | None = None) -> dict[str, int]:
        """Compute a number for every symbolic size.

        Args:
            input_size: length of the input vector.
            hidden_size: rows of the first matrix.
            named: sizes that the equations do not bind to these two.

        Returns:
            A number for every axis name in the graph.

        Raises:
            ShapeError: a size is missing, unknown, below 1, or the equations force two different ones to be equal.
        """
        given = {"input": input_size, "hidden": hidden_size, **(named or {})}
        wanted = {size for node in self.graph.nodes for size in node.shape} - {ROW} | {"input", "hidden"}
        free = self.open_sizes
        for size in sorted(set(given) - wanted):
            raise ShapeError(
                f"{self.name}: sizes has `{size}`, which is no size of the equations.\n"
                f"  Sizes to give: {', '.join(free) or 'none'}.\n  Remove it from sizes."
            )
        missing = [size for size in free if size not in given]
        if missing:
            example = ", ".join(f'"{size}": {hidden_size}' for size in missing)
            options = " ".join(f"--size {size}={hidden_size}" for size in missing)
            raise CellError(
                f"{self.name}: the size of `{missing[0]}` does not follow from input_size and hidden_size.\n"
                f"  hidden_size is the number of rows of the first matrix.\n"
                f"  Give sizes={{{example}}}, or {options} on the command line."
            )
        for size, value in given.items():
            if isinstance(value, bool) or not isinstance(value, SupportsIndex) or value.__index__() < 1:
                raise ShapeError(
                    f"{self.name}: the size of {size} is {value!r}.\n  Sizes are whole numbers from 1.\n  Give another."
                )
        for tie in self.ties:
            if given[tie.size] != given[tie.other]:
                raise ShapeError(
                    f"{self.name}, {self.source} line {tie.line}: {tie.size}_size is {given[tie.size]} and "
                    f"{tie.other}_size {given[tie.other]}.\n"
                    "  That equation uses both elementwise, so they must be equal.\n"
                    "  Give equal sizes, or multiply by a matrix: W @ x."
                )
        return {size: given[size].__index__() for size in wanted}

    def count(self, input_size: int, hidden_size: int, named: Mapping[str, int] | None = None) -> int:
        """Count the numbers in the parameters of one layer."""
        sizes = self.sizes(input_size, hidden_size, named)
        total = 0
        for parameter in self.parameters:
            product = 1
            for length in parameter.full_shape(sizes):
                product *= length
            total += product
        return total

    def equations(self) -> str:
        """Print the equations as text; a prime marks a new state."""
        return print_equations(self.graph, self.labels)

    def latex(self) -> str:
        """Print the equations as an ``align*`` block of LaTeX, which needs the package amsmath."""
        return print_latex(self.graph, self.labels)

    def _repr_html_(self) -> str:
        """Show the equations in a notebook."""
        from elman.expr.html import show_cell

        return show_cell(self)

    def _repr_latex_(self) -> str | None:
        """Show the equations where a notebook becomes LaTeX or PDF; None where they are too many."""
        return print_display(self.graph, self.labels) if len(self.graph.nodes) <= MOST_SHOWN else None

    def to_dict(self) -> dict[str, Any]:
        """Write the cell as plain data, without the path of its source."""
        return {
            "name": self.name,
            "doc": self.doc,
            "graph": self.graph.to_dict(),
            "labels": [list(pair) for pair in self.labels],
            "ties": [[tie.size, tie.other, tie.line] for tie in self.ties],
            **({"starts": [list(start) for start in self.starts]} if self.starts else {}),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "Cell":
        """Read what :meth:`to_dict` wrote, and verify it. Nothing in the data is executed.

        Raises:
            CellError: the data is not a cell, or its graph breaks a rule.
        """
        try:
            name, doc = text(data["name"]), text(data["doc"])
            graph = Graph.from_dict(data["graph"])
            labels = tuple((text(label), whole(index)) for label, index in items(data["labels"]))
            ties = tuple(Tie(text(size), text(other), whole(line)) for size, other, line in items(data["ties"]))
            ranges = items(data.get("starts", ()))
            starts = tuple((text(family), decimal(low), decimal(high)) for family, low, high in ranges)
        except CellError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as reason:
            raise CellError(f"cell: not the form of a saved cell ({reason!r}). Save the model again.") from None
        if not name.isprintable() or len(name) > MOST_LETTERS:
            raise CellError(f"cell: its name is not one line of at most {MOST_LETTERS} letters. Save the model again.")
        cell = Cell(name, doc, f"saved cell {name}", verify_step(graph), labels, ties, starts)
        cell._verify_names()
        return cell

    def _verify_names(self) -> None:
        """Check the other fields of a file against the graph: labels, tied sizes, and initial ranges.

        Raises:
            CellError: it contradicts the graph.
        """
        nodes = self.graph.nodes
        taken = {node.name.split(".")[0] for node in nodes if node.name}
        names = {label for label, index in self.labels if index < len(nodes) and label.isidentifier()} - taken
        if len(names) < len(self.labels) or any(len(name) > MOST_LETTERS for name in names):
            raise CellError(f"{self.name}: a label is not a unique name of a value. Save the model again.")
        # A layer checks that tied sizes are equal; without the tie a shorter input would be read past its end.
        entry = nodes[self.graph.input].shape
        if entry not in {("input",), ("hidden",)} or [(tie.size, tie.other) for tie in self.ties] != (
            [("input", "hidden")] if entry == ("hidden",) else []
        ):
            raise CellError(f"{self.name}: the size of its input contradicts its ties. Save the model again.")
        families = {node.name.split(".")[0] for node in nodes if node.op == "parameter"}
        if any(family not in families or not is_range((low, high)) for family, low, high in self.starts):
            raise CellError(f"{self.name}: a start is not the range of a family. Save the model again.")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restore, (self.to_dict(), self.source))

    def __repr__(self) -> str:
        parameters = ", ".join(p.name for p in self.parameters)
        sides = f"side inputs {', '.join(self.sides)}; " if self.sides else ""
        return f"<cell {self.name}: {sides}states {', '.join(self.states)}; parameters {parameters}>"


def _restore(data: Mapping[str, Any], source: str) -> Cell:
    read = Cell.from_dict(data)
    return dataclasses.replace(read, source=source)


def is_range(given: Any) -> bool:
    """Check whether a value is two finite numbers, the lower one first.

    >>> is_range((-1, 1)), is_range((1.0, -1.0)), is_range(0.5)
    (True, False, False)
    """
    if not isinstance(given, tuple) or len(given) != 2:
        return False
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in given)
    return numbers and given[0] <= given[1]
