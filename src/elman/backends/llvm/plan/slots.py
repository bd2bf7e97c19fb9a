"""Name the slots of a frame, and number them.

A *frame* is the memory from which a kernel reads its arguments: an array of 64-bit slots. There is one for each part of
the work, and in front of all of them a header that the threads share::

    header, 16 slots                                     frames, one for each part
    ┌────────┬───────┬───────┬──────────┬───┬──────────┬───┬─────────────────┬─────────────────┬───
    │ TICKET │ PARTS │ BYTES │ COUNTING │ … │ ARRIVALS │ … │ frame of part 0 │ frame of part 1 │ …
    └────────┴───────┴───────┴──────────┴───┴──────────┴───┴─────────────────┴─────────────────┴───
      0        1       2       3              8              16                16 + BYTES / 8

    a frame
    ┌───────────────────────────┬───────────────────────────────┬──────────────────────────────────┐
    │ moving_slots              │ filled_slots                  │ all others                       │
    │ set for every window      │ set once in a run             │ set once for a layout, and those │
    │                           │                               │ that the kernel itself sets      │
    │ TIME COUNT FIRST LAST     │ DELTA LENGTHS BACK FIRSTS …   │ ROWS_BEGIN … YIELD, sizes of     │
    │ places of kept values     │ places of x, side inputs,     │ axes, places in the workspaces,  │
    │                           │ output, states, saved values; │ packed weights, functions        │
    │                           │ parameters                    │                                  │
    └───────────────────────────┴───────────────────────────────┴──────────────────────────────────┘

    a place, three neighbouring slots
    ┌─────────┬────────────────────┬───────────────┐
    │ address │ bytes of a step    │ bytes of a row│   the row of example b at time step t begins at
    │ .p      │ .t                 │ .b            │   address + t * (bytes of a step) + b * (bytes of a row)
    └─────────┴────────────────────┴───────────────┘

The workspaces to which slots point, of bytes unless said otherwise::

    packed, one for all parts; only read while time steps run
    ┌───────┬───────────────────┬──────────────────────┬─────────────────────────────────────────┐
    │ zeros │ parameter vectors │ values computed once │ packed weights, term by term of a group │
    └───────┴───────────────────┴──────────────────────┴─────────────────────────────────────────┘
    work, one for each part, of its rows; one in all if the parts are columns
    ┌───────────────────────────┬─────┬──────────────────┬───────────────────┐
    │ state 0: buffer 0, buffer 1 │ … │ values of a step │ values of a chunk │
    └───────────────────────────┴─────┴──────────────────┴───────────────────┘
    scratch, behind them, one for each frame: rounded rows of vectors
    rows, two lists for each part, and one row behind them; an entry is time step and example, each of 32 bits
    ┌────────────────┬─────────────────┬───┬──────────────────┐
    │ rows of a step │ rows of a chunk │ … │ step 0 example 0 │
    └────────────────┴─────────────────┴───┴──────────────────┘

>>> from elman.autodiff import derive
>>> from elman.backends.llvm.plan.planner import make_plan
>>> from elman.cells import gru
>>> numbers = slot_numbers(make_plan(derive(gru), "forward", False))
>>> numbers[Slot.TIME], numbers[address(OUTPUT)] + 1 == numbers[step_bytes(OUTPUT)]
(0, True)
"""

from collections.abc import Iterable
from enum import StrEnum

from elman.backends.llvm.plan import MOST_CHAINS, Plan, stored_saves

TICKET = 0  # the next part to draw
PARTS = 1  # the number of frames
BYTES = 2  # of a frame
COUNTING = 3  # address of a function that counts the threads of a team; 0 for one
ARRIVALS = 8  # how often members have arrived at the barrier; alone on its cache line, wherever the first slot lies
HEADER = 16  # slots in front of the first frame


class Slot(StrEnum):
    """The slots of which a frame has one."""

    # What changes from window to window.
    TIME = "t"  # the first time step of the window, in the order of the run
    COUNT = "count"  # its time steps
    FIRST = "first"  # 1 in the first window, which sets the initial states
    LAST = "last"  # 1 in the last window, which gives the final states
    # What a run sets once.
    DELTA = "delta"  # 1, or −1 where a run goes from the last time step to the first
    LENGTHS = "lengths"  # address of the lengths; 0 if every step is real
    BACK = "back"  # in a mirror: what is added to a time step for the one that ran before it
    FIRSTS = "firsts"  # in a mirror: address of the time steps at which the examples began
    NORMS = "norms"  # in a mirror: address of the norms of adjoints; 0 if nobody reads them
    # What follows from the shapes, or is the kernel's own.
    ROWS_BEGIN = "b0"  # the examples of this part: the first
    ROWS_END = "b1"  # the last, excluded
    CHUNK = "chunk"  # most time steps of a chunk
    STEPS = "T"  # time steps of the whole run
    BLOCK = "block"  # vectors of columns in a block
    ONE_ROW = "row0"  # address of a list of one row, for passes that run once
    STEP_ROWS = "rows.step"  # address of the list of the rows of a step
    CHUNK_ROWS = "rows.chunk"  # address of the list of the rows of a chunk
    PART = "part"  # number of this frame
    PARTS = "parts"  # the number of frames
    NORMS_STEP = "norms.t"  # bytes of a time step of the norms
    MEMBERS = "members"  # of the team; 1 where rows are divided
    ARRIVALS = "arrivals"  # address of the header's slot
    DUE = "due"  # arrivals for which this member waits
    YIELD = "yield"  # address of a function that lets another thread run
    ALL = "all"  # more columns than there are: whole vectors may be written
    SCRATCH = "scratch"  # address of memory for rounded rows of vectors
    PACK_ROWS = "pack_rows"  # addresses of functions that pack weights
    PACK_COLUMNS = "pack_columns"


# Places.

OUTPUT, D_OUTPUT, D_INPUT, ZERO = "output", "d_output", "d_x", "zero"


def address(place: str) -> str:
    """Name the slot of a place's address."""
    return f"{place}.p"


def step_bytes(place: str) -> str:
    """Name the slot of the bytes from time step to time step."""
    return f"{place}.t"


def row_bytes(place: str) -> str:
    """Name the slot of the bytes from row to row."""
    return f"{place}.b"


def place_slots(place: str) -> list[str]:
    """Name the three slots of a place, in their order."""
    return [address(place), step_bytes(place), row_bytes(place)]


def given(index: int) -> str:
    """Name the place of an input or a side input, by its node."""
    return f"given{index}"


def saved(index: int) -> str:
    """Name the place of a value that the mirror reads."""
    return f"saved{index}"


def kept(index: int) -> str:
    """Name the place of an adjoint that is kept for the sums over time and batch."""
    return f"kept{index}"


def static(index: int) -> str:
    """Name the place of a parameter vector, or of a value that is computed once."""
    return f"static{index}"


def of_step(index: int) -> str:
    """Name the place of a value that is needed during one time step."""
    return f"step{index}"


def of_chunk(index: int) -> str:
    """Name the place of a value of all time steps of a chunk."""
    return f"chunk{index}"


def before(state: int) -> str:
    """Name the place of a state before a step, by its number."""
    return f"cur{state}"


def after(state: int) -> str:
    """Name the place of a state after a step."""
    return f"next{state}"


def is_after(place: str) -> bool:
    """Test whether a place is that of a state after a step."""
    return place.startswith("next")


def begin(state: int) -> str:
    """Name the place of the state with which a run begins: in a mirror, the adjoint of the final state."""
    return f"begin{state}"


def end(state: int) -> str:
    """Name the place of the state with which a run ends: in a mirror, the adjoint of the initial state."""
    return f"end{state}"


def initial(state: int) -> str:
    """Name the place of an initial state, in a mirror."""
    return f"initial{state}"


# Single slots, of which there is one for each axis, state, group or node.


def columns(axis: str) -> str:
    """Name the slot of the number of columns of an axis."""
    return f"n.{axis}"


def vectors(axis: str) -> str:
    """Name the slot of the number of vectors of columns of an axis."""
    return f"v.{axis}"


def share_begin(axis: str) -> str:
    """Name the slot of the first vector of columns of this member of a team."""
    return f"from.{axis}"


def share_end(axis: str) -> str:
    """Name the slot of the last vector of columns of this member of a team, excluded."""
    return f"to.{axis}"


def buffer(number: int, state: int) -> str:
    """Name the slot of the address of one of the two buffers of a state, 0 or 1."""
    return f"buffer{number}{state}"


def origin(index: int) -> str:
    """Name the slot of the address of a chunk's memory: that of its place moves with the time step."""
    return f"{of_chunk(index)}.o"


def packed(group: int, term: int) -> str:
    """Name the slot of the address of the packed weights of a term of a group."""
    return f"w{group}.{term}"


def tiles(chains: int) -> str:
    """Name the slot of the address of the tiles for a number of chains."""
    return f"tiles{chains}"


def matrix(index: int) -> str:
    """Name the slot of the address of a matrix."""
    return f"m{index}.p"


def line_bytes(index: int) -> str:
    """Name the slot of the bytes from row to row of a matrix."""
    return f"m{index}.l"


def vector(index: int) -> str:
    """Name the slot of the address of a parameter vector."""
    return f"p{index}"


# Which there are, and in what order.


def moving_slots(plan: Plan) -> list[str]:
    """List the slots that a run sets for every window of time steps."""
    return [Slot.TIME, Slot.COUNT, Slot.FIRST, Slot.LAST, *_all_slots(kept(i) for i in plan.kept)]


def filled_slots(plan: Plan) -> list[str]:
    """List the slots that a run sets once."""
    graph, states = plan.program.graph, range(len(plan.schedule.carries))
    names: list[str] = [Slot.DELTA, Slot.LENGTHS, Slot.BACK, Slot.FIRSTS, *([Slot.NORMS] if plan.is_mirror else [])]
    read = [given(i) for i in (graph.input, *(graph.leaves["side", s] for s in graph.sides))]
    read += [OUTPUT, D_OUTPUT] if plan.is_mirror else []
    names += _all_slots([*read, D_INPUT if plan.is_mirror else OUTPUT])
    names += [name for k in states for name in (address(begin(k)), row_bytes(begin(k)))]
    names += [address(end(k)) for k in states]
    if plan.is_mirror:
        names += [name for k in states for name in (address(initial(k)), row_bytes(initial(k)))]
    if plan.save or plan.is_mirror:
        names += _all_slots(saved(i) for i in stored_saves(plan.program))
    return names + [parameter_slot(plan, i) for i in parameter_nodes(plan)]


def _all_slots(places: Iterable[str]) -> list[str]:
    return [name for place in places for name in place_slots(place)]


def parameter_nodes(plan: Plan) -> list[int]:
    """List the nodes that are members of parameters."""
    return [i for i, node in enumerate(plan.nodes) if node.op == "parameter"]


def parameter_slot(plan: Plan, index: int) -> str:
    """Name the slot of the address of a member of a parameter."""
    return matrix(index) if len(plan.nodes[index].shape) == 2 else vector(index)


def slot_numbers(plan: Plan) -> dict[str, int]:
    """Number the slots of a frame."""
    names = [*moving_slots(plan), *filled_slots(plan)]
    names += [Slot.ROWS_BEGIN, Slot.ROWS_END, Slot.CHUNK, Slot.STEPS, Slot.BLOCK, Slot.ONE_ROW]
    names += [Slot.STEP_ROWS, Slot.CHUNK_ROWS, Slot.PART, Slot.PARTS, Slot.NORMS_STEP]
    names += [Slot.MEMBERS, Slot.ARRIVALS, Slot.DUE, Slot.YIELD]
    names += [*place_slots(ZERO), Slot.ALL, Slot.SCRATCH, Slot.PACK_ROWS, Slot.PACK_COLUMNS]
    names += [tiles(chains) for chains in range(1, MOST_CHAINS + 1)]
    names += [of(axis) for axis in plan.axes for of in (columns, vectors, share_begin, share_end)]
    places = {p.name for p in plan.places} | {p.first for p in plan.places if p.first}
    for k in range(len(plan.schedule.carries)):
        places |= {begin(k), end(k), before(k), after(k)}
        names += [buffer(0, k), buffer(1, k)]
    names += _all_slots(sorted({*places, D_OUTPUT}))
    names += [origin(i) for i in plan.chunks]
    for group in plan.groups:
        names += [packed(group.number, term) for term in range(len(group.chains[0][1]))]
    names += [line_bytes(i) for i in parameter_nodes(plan)]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
