"""Name the slots of a frame, and number them.

A frame is an array of 64-bit slots that a kernel reads its arguments from. Those that a run sets stand in front, in the
order in which it sets them: what changes from window to window, then what holds for the whole run. Behind them stands
what follows the shapes of a run alone, and what the kernel keeps for itself.

A place has three slots: ``.p`` its address, ``.t`` bytes from time step to time step, ``.b`` bytes from row to row.
Where passes may read it, the three are neighbours.

In front of the frames stand some slots that all threads share:

===========  ============================================================================
slots        values
===========  ============================================================================
0, 1, 2      the counter of parts; the number of parts; bytes of a frame
3            the address of a function that counts the threads of a team; 0 for one
8            how often members have arrived at meetings
===========  ============================================================================

The last is alone on its cache line, wherever the first slot lies.
"""

from collections.abc import Iterable

from elman.backends.llvm.plan import MOST_CHAINS, Plan, stored_saves

PARTS, BYTES, COUNTING, ARRIVALS, HEADER = 1, 2, 3, 8, 16


def moving_slots(plan: Plan) -> list[str]:
    """List what a run sets for every window of time steps."""
    return ["t", "count", "first", "last", *_whole(f"kept{i}" for i in plan.kept)]


def filled_slots(plan: Plan) -> list[str]:
    """List what a run sets once."""
    graph, states = plan.program.graph, range(len(plan.schedule.carries))
    names = ["delta", "lengths", "back", "firsts", *(["norms"] if plan.is_mirror else [])]
    read = [f"given{i}" for i in (graph.input, *(graph.leaves["side", s] for s in graph.sides))]
    read += ["output", "d_output"] if plan.is_mirror else []
    names += _whole([*read, "d_x" if plan.is_mirror else "output"])
    names += [f"begin{k}.{part}" for k in states for part in "pb"]
    names += [f"end{k}.p" for k in states]
    if plan.is_mirror:
        names += [f"initial{k}.{part}" for k in states for part in "pb"]
    if plan.save or plan.is_mirror:
        names += _whole(f"saved{i}" for i in stored_saves(plan.program))
    return names + [parameter_slot(plan, i) for i in parameter_nodes(plan)]


def _whole(places: Iterable[str]) -> list[str]:
    return [f"{place}.{part}" for place in places for part in "ptb"]


def parameter_nodes(plan: Plan) -> list[int]:
    """List the nodes that are members of parameters."""
    return [i for i, node in enumerate(plan.nodes) if node.op == "parameter"]


def parameter_slot(plan: Plan, index: int) -> str:
    """Name the slot that says where a member of a parameter lies."""
    return f"m{index}.p" if len(plan.nodes[index].shape) == 2 else f"p{index}"


def slot_numbers(plan: Plan) -> dict[str, int]:
    """Number the slots of a frame."""
    names = [*moving_slots(plan), *filled_slots(plan)]
    names += ["b0", "b1", "chunk", "T", "block", "row0", "rows.step", "rows.chunk", "part", "parts", "norms.t"]
    names += ["members", "arrivals", "due", "yield"]
    names += ["zero.p", "zero.t", "zero.b", "all", "pack_rows", "pack_columns"]
    names += [f"tiles{chains}" for chains in range(1, MOST_CHAINS + 1)]
    names += [f"{name}.{axis}" for axis in plan.axes for name in ("n", "v", "from", "to")]
    places = {p.name for p in plan.places} | {p.first for p in plan.places if p.first}
    for k in range(len(plan.schedule.carries)):
        places |= {f"begin{k}", f"end{k}", f"cur{k}", f"next{k}"}
        names += [f"buffer0{k}", f"buffer1{k}"]
    names += _whole(sorted({*places, "d_output"}))
    names += [f"chunk{i}.o" for i in plan.chunks]
    for group in plan.groups:
        names += [f"w{group.number}.{number}" for number in range(len(group.chains[0][1]))]
    names += [f"m{i}.l" for i in parameter_nodes(plan)]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
