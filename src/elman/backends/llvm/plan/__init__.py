"""Plan how a schedule becomes a kernel: which values are stored in memory and where, and which pass computes them.

A *pass* goes over rows (one example at one time step each) and over the columns of one axis. It consists of *groups* of
chains, followed by pointwise work. A *chain* is a pre-activation: it starts from a value and adds one product after the
other, element by element, in a fixed order:

    add(add(b, W @ x), U @ h)    one chain before the loop, b + W x, and one in the loop, which starts from the first

Passes run at four *rates*: once; before (rows of a chunk of time steps); loop (rows of one step); after (rows of a
chunk). A value that only one pass reads stays in registers. Pointwise values from before the loop are stored only if a
reduction reads them; otherwise each pass that reads them computes them.

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
MOST_CHAINS = 4  # the accumulators of more chains would leave no registers for rows


@dataclass(frozen=True)
class Place:
    """The memory location of a value.

    Attributes:
        name: prefix of its three slots in a frame, see :mod:`elman.backends.llvm.plan.slots`.
        axis: the axis of its columns.
        padded: whether whole vectors may be read and written past the last column; never if there is one column.
        first: name of the place of the initial state, if this place contains a state after a step and is read, one
            step later, as the state before it.
        narrow: whether its numbers are in bfloat16, and not in the kernel's dtype.
    """

    name: str
    axis: str
    padded: bool = True
    first: str = ""
    narrow: bool = False

    def __post_init__(self) -> None:
        if self.axis == ROW:
            object.__setattr__(self, "padded", False)


@dataclass(frozen=True)
class Term:
    """Products that a chain adds at once: matrices stacked by rows, and the place of the vector that they multiply."""

    matrices: tuple[int, ...]
    vector: Place
    transposed: bool
    axis: str

    @property
    def source(self) -> tuple[str, int, bool]:
        """The key of what the inner loop reads: chains whose terms have equal sources run side by side."""
        return (self.vector.name, len(self.matrices) if self.transposed else 1, self.transposed)


@dataclass(frozen=True)
class Group:
    """Chains that read the same vectors in the same order.

    Attributes:
        chains: for each, the place of its initial value (None: 0), its terms, and the place of its result.
    """

    number: int
    chains: tuple[tuple[Place | None, tuple[Term, ...], Place], ...]


@dataclass(frozen=True)
class Pass:
    """One pass: groups of chains, followed by pointwise work whose results are stored in places; or sums.

    Attributes:
        sums: `sum` or `max`, the place of a value, and that of its sum, or of the largest, over the columns.
        roots: pairs of a node and the place in which it is stored.
    """

    number: int
    rate: int
    axis: str
    groups: tuple[Group, ...] = ()
    sums: tuple[tuple[str, Place, Place], ...] = ()
    roots: tuple[tuple[int, Place], ...] = ()


@dataclass
class Plan:
    """The plan of one direction of a program, for the emitter and the runner.

    Attributes:
        passes: in the order in which they run.
        leaves: for a leaf, the place that contains it.
        home: for a node, the place from which it is read.
        made: for a node with a home, the number of the pass that computes it; -1 if it is filled before the run.
        statics: parameter vectors and values computed once, in the order of their storage.
        steps, chunks: nodes with a place of their own for the rows of a step, or of a chunk.
        kept: nodes stored side by side, unpadded, for the sums over time and batch.
        shifted: saved states that are read from another tensor, one step earlier: leaf to the number of the state.
        narrow: whether the input, the output, their adjoints and the saved values are in bfloat16.
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
    narrow: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the program's graph."""
        return self.program.graph.nodes

    @property
    def is_mirror(self) -> bool:
        """Whether this is backpropagation."""
        return self.direction != "forward"

    def axis(self, index: int) -> str:
        """Return the axis of the columns of a node's value."""
        shape = self.nodes[index].shape
        return shape[0] if shape else ROW

    @property
    def axes(self) -> list[str]:
        """All axes, those of matrices included, in a fixed order."""
        return list(dict.fromkeys([ROW, *(a for n in self.nodes for a in n.shape)]))

    @property
    def groups(self) -> list[Group]:
        """All groups of chains."""
        return [g for p in self.passes for g in p.groups]

    @property
    def places(self) -> list[Place]:
        """Every place that a pass may read or write."""
        places = [*self.leaves.values(), *self.home.values(), *(place for p in self.passes for _, place in p.roots)]
        return list(dict.fromkeys(places))


@lru_cache(maxsize=512)
def shifted_states(program: Program) -> dict[int, int]:
    """Find saved states before a step that can be read from the saved state after the previous step.

    Returns:
        For each leaf, the number of its state. State 0 is the output; the new values of the others are saved as well.
    """
    shifted = {}
    carries, results = program.forward.carries, program.forward.results
    for number, (leaf, new) in enumerate(zip(carries, results, strict=True)):
        # A new state that is one number for each example is saved as one.
        is_whole = program.graph.nodes[new].shape == program.graph.nodes[leaf].shape
        is_stored = new == results[0] or (new in program.saved and new not in carries and is_whole)
        if leaf in program.saved and is_stored:
            shifted[leaf] = number
    return shifted


@lru_cache(maxsize=512)
def stored_saves(program: Program) -> list[int]:
    """List the values that the forward run stores for the mirror: the saved ones, except those it finds elsewhere."""
    output = program.forward.results[0]
    return [i for i in program.saved if i not in shifted_states(program) and i != output]
