"""Plan a kernel: choose its passes, and the values that are stored in memory.

The chapter of this folder explains what a plan contains.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from elman.autodiff.program import REDUCTIONS, Program
from elman.backends.llvm.plan import (
    AFTER,
    BEFORE,
    LOOP,
    MOST_CHAINS,
    ONCE,
    PRODUCTS,
    Group,
    Pass,
    Place,
    Plan,
    Term,
    shifted_states,
    slots,
    stored_saves,
)
from elman.expr.graph import OVER_UNITS, ROW


def make_plan(program: Program, direction: str, save: bool, narrow: bool = False) -> Plan:
    """Plan one direction of a program.

    Args:
        program: the program to run.
        direction: name of the program's attribute: forward, or a mirror.
        save: whether the forward run stores the values that the mirror reads.
        narrow: whether the input, the output, their adjoints and the saved values are in bfloat16.
    """
    return _Planner(Plan(program, direction, save, getattr(program, direction), narrow=narrow)).run()


@dataclass
class Chain:
    """A sum of products that starts from a value (None: from 0)."""

    result: int
    init: int | None
    level: int
    products: list[int]


class _Planner:
    """A plan that is being made, with what is known of each node."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.nodes, self.schedule = plan, plan.nodes, plan.schedule
        self.rate: dict[int, int] = {}
        s = self.schedule
        loop = [i for stage in s.stages for i in (*stage.reductions, *stage.pointwise)]
        for rate, members in ((ONCE, s.once), (BEFORE, s.before), (LOOP, loop), (AFTER, s.after)):
            self.rate.update(dict.fromkeys(members, rate))
        self.end, self.given, self.saved = s.end, set(s.given), set(plan.program.saved)
        self.read_by: dict[int, list[int]] = {}
        for index in self.rate:
            for arg in dict.fromkeys(self.nodes[index].args):
                self.read_by.setdefault(arg, []).append(index)
        # for every member of a parameter: the number of its tensor, and its position in that
        self.places = {m: (i, j) for i, p in enumerate(plan.program.parameters) for j, m in enumerate(p.members)}
        self.level: dict[int, int] = {}
        self.chains: dict[int, Chain] = {}
        self.in_chain: set[int] = set()
        self.extra: dict[int, list[Place]] = {}
        self.count = 0

    def run(self) -> Plan:
        plan = self.plan
        plan.shifted = shifted_states(plan.program)
        self._find_levels()
        self._find_chains()
        self._find_passes_behind()
        self._place_leaves()
        self._place_results()
        self._place_stored()
        self._make_passes()
        return plan

    # The order of work.

    def _find_levels(self) -> None:
        for index in sorted(self.rate):
            node, rate = self.nodes[index], self.rate[index]
            ready = max((self.level[a] for a in node.args if self.rate.get(a) == rate), default=0)
            self.level[index] = ready + 1 if node.op in REDUCTIONS else ready

    def _find_chains(self) -> None:
        """Join products with the sums that add them, if the value with which the sum starts is known beforehand."""
        readers: dict[int, list[int]] = {}
        for index in [*sorted(self.rate), *self.end]:
            for arg in self.nodes[index].args:
                readers.setdefault(arg, []).append(index)
        schedule = self.schedule
        outside = {*schedule.results, *(self.saved if self.plan.save else ()), *self._wanted()}
        open_ends: dict[int, Chain] = {}
        for index in sorted(self.rate):
            node, rate, level = self.nodes[index], self.rate[index], self.level[index]
            if node.op in PRODUCTS:
                open_ends[index] = Chain(index, None, level, [index])
            elif node.op == "add":
                for end, other in (node.args[::-1], node.args):
                    chain = open_ends.get(end)
                    if chain is None or rate != self.rate[end] or level != chain.level:
                        continue
                    if len(readers.get(end, ())) != 1 or end in outside or chain.init is not None:
                        continue
                    if self._joined(index, chain, other, open_ends, readers, outside):
                        break
        self.chains = {c.result: c for c in open_ends.values()}
        self.in_chain = {p for c in self.chains.values() for p in c.products} - set(self.chains)

    def _joined(
        self,
        index: int,
        chain: Chain,
        other: int,
        open_ends: dict[int, Chain],
        readers: dict[int, list[int]],
        outside: set[int],
    ) -> bool:
        """Extend a chain by the sum `index` of its value and another; return whether that was possible."""
        nodes, rate = self.nodes, self.rate[index]
        first = open_ends.get(other)
        is_level = first is not None and self.rate[other] == rate and first.level == chain.level
        if first is not None and is_level and len(readers[other]) == 1 and other not in outside:
            first.products += chain.products
            merged = Chain(index, first.init, chain.level, first.products)
            del open_ends[other]
        elif is_level or nodes[other].shape != nodes[index].shape or self._is_late(other, rate, chain.level):
            return False
        else:
            merged = Chain(index, other, chain.level, chain.products)
        del open_ends[chain.result]
        open_ends[index] = merged
        return True

    def _is_late(self, index: int, rate: int, level: int) -> bool:
        return self.rate.get(index) == rate and self.level[index] >= level

    def _wanted(self) -> set[int]:
        """Collect the values that are read by name after the loop: gradients."""
        if not self.plan.is_mirror:
            return set()
        graph = self.plan.program.graph
        return {i for name, i in graph.outputs if name.startswith("d_")} | {
            a for i in self.end for a in self.nodes[i].args
        }

    # Places.

    def _place_leaves(self) -> None:
        plan, schedule = self.plan, self.schedule
        for index, node in enumerate(self.nodes):
            if node.op == "parameter" and len(node.shape) == 1:
                plan.statics.append(index)
                self._leaf(index, Place(slots.static(index), plan.axis(index)))
            elif index in self.given:
                self._leaf(index, self._given(index))
        for number, leaf in enumerate(schedule.carries):
            if not (plan.is_mirror and number == 0):
                self._leaf(leaf, Place(slots.before(number), plan.axis(leaf)))

    def _given(self, index: int) -> Place:
        plan, axis = self.plan, self.plan.axis(index)
        results = plan.program.forward.results
        if plan.is_mirror and index in plan.shifted:
            number = plan.shifted[index]
            name = slots.OUTPUT if results[number] == results[0] else slots.saved(results[number])
            return Place(name, axis, False, slots.initial(number), plan.narrow)
        if index in self.saved and index == results[0]:
            return Place(slots.OUTPUT, axis, padded=False, narrow=plan.narrow)
        if index in self.saved:
            return Place(slots.saved(index), axis, narrow=plan.narrow)
        is_input = index == plan.program.graph.input
        return Place(slots.given(index), axis, padded=False, narrow=plan.narrow and is_input)

    def _leaf(self, index: int, place: Place) -> None:
        self.plan.leaves[index] = place
        self._put(index, place, -1)

    def _put(self, index: int, place: Place, made: int) -> None:
        self.plan.home[index] = place
        self.plan.made[index] = made

    def _also(self, index: int, place: Place) -> None:
        self.extra.setdefault(index, []).append(place)

    def _place_results(self) -> None:
        """Assign places to the results of the kernel: new states, outputs, saved values, gradients."""
        plan, schedule = self.plan, self.schedule
        graph = plan.program.graph
        for number, (index, leaf) in enumerate(zip(schedule.results, schedule.carries, strict=True)):
            axis = plan.axis(leaf)
            self._also(index, Place(slots.after(number), axis))
            if number == 0 and not plan.is_mirror:
                self._also(index, Place(slots.OUTPUT, axis, padded=False, narrow=plan.narrow))
        if plan.save:
            for index in stored_saves(plan.program):
                self._also(index, Place(slots.saved(index), plan.axis(index), narrow=plan.narrow))
        if plan.is_mirror:
            for index in self._order_kept():
                plan.kept.append(index)
                self._also(index, Place(slots.kept(index), plan.axis(index), padded=False, narrow=plan.narrow))
            if plan.direction == "mirror":
                d_x = graph.output[f"d_{self.nodes[graph.input].name}"]
                axis = self.nodes[graph.input].shape[0]
                self._also(d_x, Place(slots.D_INPUT, axis, padded=False, narrow=plan.narrow))

    def _order_kept(self) -> list[int]:
        """Order the values that the sums over time and batch read, so that one product can read several of them."""
        read: dict[int, None] = {}
        for index in self.end:
            node = self.nodes[index]
            if node.op in {"outer", "total"}:
                read[node.args[0]] = None
                second = node.args[1:]  # of a transposed matrix the second is the adjoint
                read |= {v: None for v in second if v in self.rate or self.nodes[v].op == "adjoint"}
        first = [v for i in sorted(self.rate) if self.nodes[i].op == "product_t" for v in self.nodes[i].args[1::2]]
        end = set(self.end)
        behind = {i for i in read if i in end or self._is_static(i)}
        return [i for i in dict.fromkeys([*(v for v in first if v in read), *read]) if i not in behind]

    def _is_static(self, index: int) -> bool:
        return self.rate.get(index) == ONCE or self.nodes[index].op in {"parameter", "constant", "size"}

    def _place_stored(self) -> None:
        """Assign a place to every value that is read from memory."""
        plan = self.plan
        results = {*self.chains, *(i for i in self.rate if self.nodes[i].op in OVER_UNITS)}
        vectors = self._read_whole()
        inits = {c.init for c in self.chains.values() if c.init is not None}
        carries = set(self.schedule.carries)
        for index in sorted({*self.rate, *self.extra, *vectors, *inits, *carries}):
            if self.nodes[index].op in {"constant", "size"} or index in self.in_chain:
                continue
            held = plan.home.get(index)
            # Carried values are stored for one step only.
            needs = index in results or (held is None and self._read_elsewhere(index))
            needs |= index in vectors and (held is None or bool(held.first))
            needs |= index in inits and (held is None or not held.padded or held.narrow)
            needs |= index in carries and any(self.rate.get(r) == AFTER for r in self._readers(index))
            if needs:
                self._give_home(index, must_be_padded=index in inits)

    def _give_home(self, index: int, must_be_padded: bool) -> None:
        plan = self.plan
        # What is read again is not rounded to be saved, unless products read it, which round it anyway.
        offered = [p for p in self.extra.get(index, ()) if p.padded or not must_be_padded]
        if not self._is_multiplied(index):
            offered = [p for p in offered if not p.narrow]
        rate = self._rate_of(index)
        behind = any(self.rate.get(r) == AFTER for r in self._readers(index))
        # A state is stored for one step only.
        offered = [p for p in offered if not slots.is_after(p.name) or (rate == LOOP and not behind)]
        offered = [p for p in offered if p.axis == plan.axis(index) and p.name != slots.OUTPUT and rate != ONCE]
        if offered:
            place = offered[0]
            self.extra[index].remove(place)
        elif rate == ONCE:
            place = Place(slots.static(index), plan.axis(index))
            plan.statics.append(index)
        elif rate == LOOP and not behind:
            place = Place(slots.of_step(index), plan.axis(index))
            plan.steps.append(index)
        else:
            place = Place(slots.of_chunk(index), plan.axis(index))
            plan.chunks.append(index)
        self._put(index, place, 0)

    def _is_multiplied(self, index: int) -> bool:
        """Test whether products alone read a value that a pass computes."""
        readers = self._readers(index)
        made_by_pass = index not in self.chains and self.nodes[index].op not in OVER_UNITS
        return made_by_pass and bool(readers) and all(self.nodes[r].op in PRODUCTS for r in readers)

    def _rate_of(self, index: int) -> int:
        return self.rate.get(index, BEFORE if index in self.given else LOOP)

    def _readers(self, index: int) -> list[int]:
        return self.read_by.get(index, [])

    def _read_whole(self) -> set[int]:
        """Collect the values that products and sums read, which need them as whole vectors."""
        read: set[int] = set()
        for index in self.rate:
            node = self.nodes[index]
            if node.op == "product" or node.op == "product_t":
                read.update(node.args[1::2] if node.op == "product_t" else node.args[1:])
            elif node.op in OVER_UNITS:
                read.add(node.args[0])
        return read

    def _read_elsewhere(self, index: int) -> bool:
        """Test whether another pass reads a computed value; pointwise values from before the loop are recomputed."""
        if index not in self.rate or self._is_virtual(index):
            return False
        return any(other != self._pass_of(index) for other in self.passes_behind[index])

    def _find_passes_behind(self) -> None:
        """Find the passes that read each value, directly or through values that are recomputed.

        Two passes are enough: at least one of them is not the value's own.
        """
        self.passes_behind: dict[int, set[tuple[int, int, str]]] = {}
        for index in sorted(self.rate, reverse=True):
            passes: set[tuple[int, int, str]] = set()
            for reader in self._readers(index):
                is_virtual = self._is_virtual(reader)
                if is_virtual:
                    passes |= self.passes_behind[reader]
                if not is_virtual or self.rate[index] != BEFORE:
                    passes.add(self._pass_of(reader))
            self.passes_behind[index] = set(sorted(passes)[:2])

    def _is_virtual(self, index: int) -> bool:
        return self.rate[index] == BEFORE and index not in self.chains and self.nodes[index].op not in REDUCTIONS

    def _pass_of(self, index: int) -> tuple[int, int, str]:
        return (self.rate[index], self.level[index], self.plan.axis(index))

    # The passes.

    def _make_passes(self) -> None:
        plan = self.plan
        roots = self._assign_roots()
        chains: dict[tuple[int, int, str], list[Chain]] = {}
        for chain in self.chains.values():
            chains.setdefault(self._pass_of(chain.result), []).append(chain)
        sums: dict[tuple[int, int], list[int]] = {}
        for index in self.rate:
            if self.nodes[index].op in OVER_UNITS:
                sums.setdefault((self.rate[index], self.level[index]), []).append(index)
        axes: dict[tuple[int, int], set[str]] = {}
        for rate, level, axis in {*chains, *roots}:
            axes.setdefault((rate, level), set()).add(axis)
        self.kept = {index: number for number, index in enumerate(plan.kept)}
        for rate, level in sorted({*axes, *sums}):
            members = sums.get((rate, level), [])
            if members:
                rows = ((self.nodes[i].op, plan.home[self.nodes[i].args[0]], plan.home[i]) for i in members)
                self._add(Pass(len(plan.passes), rate, ROW, sums=tuple(rows)), members)
            for axis in sorted(axes.get((rate, level), ()), key=lambda a: (a != ROW, a)):
                stored, products = roots.get((rate, level, axis), []), chains.get((rate, level, axis), [])
                done = [c.result for c in products] + [i for i, place in stored if plan.home.get(i) == place]
                groups = self._group(products)
                self._add(Pass(len(plan.passes), rate, axis, groups, roots=tuple(stored)), done)

    def _add(self, new: Pass, makes: Iterable[int]) -> None:
        self.plan.passes.append(new)
        for index in makes:
            self.plan.made[index] = new.number

    def _assign_roots(self) -> dict[tuple[int, int, str], list[tuple[int, Place]]]:
        """Assign the values to be stored to the passes that store them."""
        plan = self.plan
        roots: dict[tuple[int, int, str], list[tuple[int, Place]]] = {}
        reductions = {*self.chains, *(i for i in self.rate if self.nodes[i].op in OVER_UNITS)}
        top: dict[str, int] = {}
        for index in self.rate:
            if self.rate[index] == LOOP:
                axis = plan.axis(index)
                top[axis] = max(top.get(axis, 0), self.level[index])
        for index, place in plan.home.items():
            if plan.made[index] == 0 and index not in reductions:
                rate = self._rate_of(index)
                key = (rate, self.level.get(index, 0), place.axis)
                roots.setdefault(key, []).append((index, place))
        for index, places in self.extra.items():
            for place in places:
                computed = index in self.rate and index not in reductions and self.rate[index] != ONCE
                if computed and place.axis == plan.axis(index) and not self._crosses(index, place):
                    key = (self.rate[index], self.level[index], place.axis)
                elif self.rate.get(index) == AFTER:
                    key = (AFTER, self.level[index], place.axis)
                else:
                    key = (LOOP, max(top.get(place.axis, 0), self.level.get(index, 0)), place.axis)
                roots.setdefault(key, []).append((index, place))
        return roots

    def _crosses(self, index: int, place: Place) -> bool:
        """Test whether the loop stores a value from before the loop: it stores states."""
        return self.rate[index] == BEFORE and (slots.is_after(place.name) or place.name == slots.OUTPUT)

    def _group(self, chains: list[Chain]) -> tuple[Group, ...]:
        """Group the chains that read the same vectors in the same order."""
        groups: dict[tuple[object, ...], list[tuple[Place | None, tuple[Term, ...], Place]]] = {}
        plan = self.plan
        for chain in chains:
            terms = tuple(t for p in chain.products for t in self._terms(p))
            init = None if chain.init is None else plan.home[chain.init]
            row = (init, terms, plan.home[chain.result])
            groups.setdefault(tuple(t.source for t in terms), []).append(row)
        result = []
        for rows in groups.values():
            parts = -(-len(rows) // MOST_CHAINS)
            size = -(-len(rows) // parts)
            for start in range(0, len(rows), size):
                result.append(Group(self.count, tuple(rows[start : start + size])))
                self.count += 1
        return tuple(result)

    def _terms(self, product: int) -> list[Term]:
        """Write a product as terms; neighbouring members that multiply neighbouring vectors are one term."""
        plan, node = self.plan, self.nodes[product]
        if node.op == "product":
            matrix, vector = node.args
            return [Term((matrix,), plan.home[vector], False, self.nodes[matrix].shape[1])]
        terms: list[Term] = []
        for matrix, vector in zip(node.args[::2], node.args[1::2], strict=True):
            if terms and self._continues(terms[-1], matrix, vector):
                last = terms.pop()
                terms.append(Term((*last.matrices, matrix), last.vector, True, last.axis))
            else:
                terms.append(Term((matrix,), plan.home[vector], True, self.nodes[matrix].shape[0]))
            self.tail = vector
        return terms

    def _continues(self, last: Term, matrix: int, vector: int) -> bool:
        plan = self.plan
        before, parameter = (self.places[self.nodes[m].name] for m in (last.matrices[-1], matrix))
        columns = [self.kept.get(v) for v in (self.tail, vector)]
        if parameter != (before[0], before[1] + 1) or columns[0] is None or columns[1] != columns[0] + 1:
            return False
        return all(plan.home[v].name == slots.kept(v) for v in (self.tail, vector))
