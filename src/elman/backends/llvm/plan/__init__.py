"""Plan how a schedule becomes a kernel: which values live in memory and where, and in which passes they are computed.

A *pass* goes over rows (one example at one time step each) and over the columns of one axis. It holds *groups* of
chains, then pointwise work behind them. A *chain* is a pre-activation: it starts from a value and adds one product
after the other, element by element, in a fixed order:

    add(add(b, W @ x), U @ h)    one chain before the loop, b + W x, and one in it, which starts from the first

Passes run at four *rates*: once; before (rows of a chunk of time steps); loop (rows of one step); after (rows of a
chunk). Values that only one pass needs stay in registers. Pointwise values before the loop are not stored unless a
reduction reads them: the pass that needs them computes them.

>>> from elman.autodiff import derive
>>> from elman.backends.llvm.plan.planner import make_plan
>>> from elman.cells import gru
>>> plan = make_plan(derive(gru), "forward", False)
>>> [len(group.chains) for group in plan.groups]
[3, 3]
"""

from dataclasses import dataclass, field
from functools import lru_cache

from elman.autodiff.program import Program, Schedule
from elman.expr.graph import ROW, Node

ONCE, BEFORE, LOOP, AFTER = range(4)
PRODUCTS = frozenset({"product", "product_t"})
MOST_CHAINS = 4  # more accumulators side by side leave no registers for rows


@dataclass(frozen=True)
class Place:
    """Say where a value lives.

    Attributes:
        name: prefix of its three slots in a frame: address, bytes from time step to time step, bytes from row to row.
        axis: what its columns are.
        padded: whether whole vectors may be read and written past the last column; never where there is one column.
        first: name of the place that holds the value before the first time step, where this one holds a state after a
            step and is read for the state before it.
    """

    name: str
    axis: str
    padded: bool = True
    first: str = ""

    def __post_init__(self) -> None:
        if self.axis == ROW:
            object.__setattr__(self, "padded", False)


@dataclass(frozen=True)
class Term:
    """Hold products that one chain adds: matrices stacked by rows, and the place of the vector that they multiply."""

    matrices: tuple[int, ...]
    vector: Place
    transposed: bool
    axis: str

    @property
    def source(self) -> tuple[str, int, bool]:
        """Identify what the inner loop reads: chains whose terms have equal sources run side by side."""
        return (self.vector.name, len(self.matrices) if self.transposed else 1, self.transposed)


@dataclass(frozen=True)
class Group:
    """Hold chains that read the same vectors in the same order.

    Attributes:
        chains: for each, the place it starts from (None: from 0), its terms, and the place of its result.
    """

    number: int
    chains: tuple[tuple[Place | None, tuple[Term, ...], Place], ...]


@dataclass(frozen=True)
class Pass:
    """Hold one pass: groups of chains, then pointwise work that leaves values in places; or sums.

    Attributes:
        sums: pairs of places: a value, and its sum over the columns.
        roots: pairs of a node and the place it is stored in.
    """

    number: int
    rate: int
    axis: str
    groups: tuple[Group, ...] = ()
    sums: tuple[tuple[Place, Place], ...] = ()
    roots: tuple[tuple[int, Place], ...] = ()


@dataclass
class Plan:
    """Hold what the emitter and the runner must know of one direction of a program.

    Attributes:
        passes: in the order in which they run.
        leaves: for a leaf, the place where it comes in.
        home: for a node, the place that it is read from.
        made: for a node with a home, the number of the pass that fills it; -1 if it is filled beforehand.
        statics: parameter vectors and values computed once, in the order of their storage.
        steps, chunks: nodes with a place of their own for the rows of a step, or of a chunk.
        kept: nodes stored side by side, unpadded, for the sums over time and batch.
        shifted: saved leaves that are read from another tensor, one step earlier: leaf to the state's number.
    """

    program: Program
    direction: str
    save: bool
    schedule: Schedule
    passes: list[Pass] = field(default_factory=list)
    leaves: dict[int, Place] = field(default_factory=dict)
    home: dict[int, Place] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)
    statics: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    shifted: dict[int, int] = field(default_factory=dict)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """List the nodes of the program's graph."""
        return self.program.graph.nodes

    @property
    def is_mirror(self) -> bool:
        """Tell whether this is backpropagation."""
        return self.direction != "forward"

    def axis(self, index: int) -> str:
        """Name the columns of a node's value."""
        shape = self.nodes[index].shape
        return shape[0] if shape else ROW

    @property
    def axes(self) -> list[str]:
        """List every axis, the columns of matrices included, in a fixed order."""
        return list(dict.fromkeys([ROW, *(a for n in self.nodes for a in n.shape)]))

    @property
    def groups(self) -> list[Group]:
        """List all groups of chains."""
        return [g for p in self.passes for g in p.groups]

    @property
    def places(self) -> list[Place]:
        """List every place that a pass may read or write."""
        found = [*self.leaves.values(), *self.home.values(), *(place for p in self.passes for _, place in p.roots)]
        return list(dict.fromkeys(found))


@lru_cache(maxsize=512)
def shifted_states(program: Program) -> dict[int, int]:
    """Find saved states before a step that can be read from the state after the step before it.

    Returns:
        The leaf's index to the number of the state. State 0 is the output; the others' new values are saved as well.
    """
    found = {}
    carries, results = program.forward.carries, program.forward.results
    for number, (leaf, new) in enumerate(zip(carries, results, strict=True)):
        at_hand = new == results[0] or (new in program.saved and new not in carries)
        if leaf in program.saved and at_hand:
            found[leaf] = number
    return found


@lru_cache(maxsize=512)
def stored_saves(program: Program) -> list[int]:
    """List what the forward pass stores for the mirror: the saved values, less what is read elsewhere."""
    output = program.forward.results[0]
    return [i for i in program.saved if i not in shifted_states(program) and i != output]
