"""Emit pointwise work and sums over columns.

The pointwise part of a pass, with a root for each value that it stores::

    for (n = 0; n < count; n++) {
      t = rows[n].time; b = rows[n].example;
      … what depends on the row alone …
      for (c = first; c < end; c++)                     // vectors of columns
        for (each root)
          root[t][b][c * lanes ..] = f(values at [t][b][c * lanes ..]);
    }

The values that a root needs are computed on demand from what is stored in memory, each once. Sums over columns::

    for (n = 0; n < count; n++) {
      for (l = 0; l < lanes; l++) total[l] = 0;
      for (c = 0; c < columns; c += lanes) total[0..lanes] += value[t][b][c ..];
      sum[t][b] = total[0] + … ;                        // halves of the vector onto each other
    }

The largest of the columns is found in the same way.
"""

import math
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I16, Code, Module
from elman.backends.llvm.emit.rounding import (
    HALF,
    load_halves,
    round_exactly,
    round_to_bits,
    store_halves,
    widen,
)
from elman.backends.llvm.emit.tiles import row, row_address
from elman.backends.llvm.plan import Pass, Place, Plan, slots
from elman.backends.llvm.plan.slots import Slot
from elman.expr.graph import ROW, Node

UNARY = {"exp", "log", "log1p", "sin", "cos", "sqrt", "sigmoid", "tanh"}
COMPARISONS = {"less": "<", "less_equal": "<=", "equal": "=="}


def emit_pointwise(module: Module, plan: Plan, this: Pass) -> ir.Function:
    """Emit the pointwise part of a pass: a function of (rows, count of rows, first vector, end of vectors)."""
    return _Pointwise(module, plan, this).emit()


class _Pointwise:
    """The pointwise function of a pass, and the values that are computed so far."""

    def __init__(self, module: Module, plan: Plan, this: Pass) -> None:
        self.module, self.plan, self.this = module, plan, this
        self.code = module.function(f"pass{this.number}", 4)
        self.by_row: dict[int, Any] = {}
        self.by_column: dict[int, Any] = {}
        self.addresses: dict[Place, Any] = {}
        self.made_here = {result for group in this.groups for _, _, result in group.chains}

    def emit(self) -> ir.Function:
        code = self.code
        rows, count, first, stop = code.args
        rows = code.b.inttoptr(rows, ir.PointerType())
        with code.loop(code.number(0), count) as number:
            self.t, self.example = row(code, rows, number)
            # Code that depends on the row alone is written here, before the loop over columns.
            header = code.b.block
            columns = code.function.append_basic_block("row")
            code.b.branch(columns)
            self.header = ir.IRBuilder(header)
            self.header.position_before(header.terminator)
            code.b.position_at_end(columns)
            with code.loop(first, stop) as vector:
                self.vector = vector
                self.offset = code.b.mul(vector, code.number(self.module.lanes * self.module.size))
                begin = code.b.mul(vector, code.number(self.module.lanes))
                self.left = code.b.sub(code.slot(slots.columns(self.this.axis)), begin)
                code.keep_mask(self.left)
                for index, place in self.this.roots:
                    self._store(self.value(index), place)
        return code.finish()

    # Values.

    def value(self, index: int) -> Any:
        """Compute a node's value, or load it; what it reads comes first, from left to right, each value once."""
        waiting, begun = [index], set[int]()
        while waiting:
            current = waiting[-1]
            node, held = self.plan.nodes[current], self._held(current)
            if current in held or current in begun or self._is_loaded(current, node):
                waiting.pop()
                if current not in held:
                    held[current] = self._at_row(current, node) if held is self.by_row else self._make(current, node)
            else:
                begun.add(current)
                waiting += reversed(self._read(node))
        return self._held(index)[index]

    def _held(self, index: int) -> dict[int, Any]:
        return self.by_row if self.plan.nodes[index].shape in ((), (ROW,)) else self.by_column

    def _at_row(self, index: int, node: Node) -> Any:
        code = self.code
        current, code.b = code.b, self.header
        value = self._make(index, node)
        # Loads of one element never open a block, so the header is still one block.
        code.b = current
        return value

    def _make(self, index: int, node: Node) -> Any:
        """Write a value; if it is not loaded, the values that it reads are written already."""
        plan = self.plan
        if node.op == "constant":
            return self.module.math.constant(node.value)
        if node.op == "size":
            size = self.code.b.sitofp(self.code.slot(slots.columns(node.name)), self.module.element)
            return self.code.splat(size)
        if index in plan.home and self._is_there(index):
            return self._load_value(plan.home[index], node)
        if index in plan.leaves:
            return self._load_value(plan.leaves[index], node)
        if node.op == "adjoint":
            return self._arriving(node)
        return self._compute(node, [self._held(a)[a] for a in self._read(node)])

    @staticmethod
    def _read(node: Node) -> tuple[int, ...]:
        return node.args[:1] if node.op == "spread" else node.args

    def _is_loaded(self, index: int, node: Node) -> bool:
        if index in self.plan.home and self._is_there(index):
            return True
        return not node.args or index in self.plan.leaves

    def _is_there(self, index: int) -> bool:
        return self.plan.made[index] < self.this.number or self.plan.home[index] in self.made_here

    def _arriving(self, node: Node) -> Any:
        """Add the two parts of the adjoint of the first state after a step: from the next step, and from the output."""
        axis = node.shape[0]
        carried = self._load(Place(slots.before(0), axis))
        arrived = self._load(Place(slots.D_OUTPUT, axis, padded=False, narrow=self.plan.narrow))
        return self.code.b.fadd(carried, arrived)

    def _load_value(self, place: Place, node: Node) -> Any:
        value = self._load(place)
        if node.is_mask:
            return self.code.b.fcmp_unordered("!=", value, self.module.math.constant(0.0))
        return value

    def _load(self, place: Place) -> Any:
        code = self.code
        at = self._row(place)
        if place.axis == ROW:
            return _load_one(code, place, at)
        if place.narrow:
            at = code.address(at, code.b.mul(self.vector, code.number(self.module.lanes * HALF)))
            return widen(code, load_halves(code, at, code.number(self.module.lanes) if place.padded else self.left))
        at = code.address(at, self.offset)
        return code.load(at) if place.padded else code.load_part(at, self.left)

    def _row(self, place: Place) -> Any:
        """Compute the address of a place's row, once a row."""
        if place not in self.addresses:
            code = self.code
            current, code.b = code.b, self.header
            if place.first:
                self.addresses[place] = self._row_before(place)
            else:
                self.addresses[place] = row_address(code, place, self.t, self.example)
            code.b = current
        return self.addresses[place]

    def _row_before(self, place: Place) -> Any:
        """Compute the address of a state before a step: after the previous step, or, at the first, the initial one."""
        code = self.code
        earlier = row_address(code, place, code.b.add(self.t, code.slot(Slot.BACK)), self.example)
        initial = row_address(code, place, self.t, self.example, place.first)
        at = code.address(code.pointer(Slot.FIRSTS), code.b.mul(self.example, code.number(8)))
        is_first = code.b.icmp_signed("==", self.t, code.b.load(at, typ=code.number(0).type))
        return code.b.select(is_first, initial, earlier)

    def _store(self, value: Any, place: Place) -> None:
        code = self.code
        if value.type == self.module.mask:
            one, zero = (self.module.math.constant(c) for c in (1.0, 0.0))
            value = code.b.select(value, one, zero)
        at = self._row(place)
        if place.narrow:
            # The output and dL/dx are rounded as torch rounds, and what products or the mirror read at once.
            is_result = place.name in {slots.OUTPUT, slots.D_INPUT}
            value = (round_exactly if is_result else round_to_bits)(code, value)
        if place.axis == ROW:
            code.b.store(code.b.extract_element(value, code.number(0)), at)
        elif place.narrow:
            at = code.address(at, code.b.mul(self.vector, code.number(self.module.lanes * HALF)))
            store_halves(code, value, at, code.number(self.module.lanes) if place.padded else self.left)
        elif place.padded:
            code.store(value, code.address(at, self.offset))
        else:
            code.store_part(value, code.address(at, self.offset), self.left)

    def _compute(self, node: Node, args: list[Any]) -> Any:
        b, math = self.code.b, self.module.math
        if node.op in UNARY:
            return getattr(math, node.op)(b, *args)
        if node.op in COMPARISONS:
            return b.fcmp_ordered(COMPARISONS[node.op], *args)
        match node.op:
            case "add" | "sub" | "mul" | "div":
                return getattr(b, "f" + node.op)(*args)
            case "neg":
                return b.fneg(*args)
            case "maximum":
                return math.maximum(b, *args)
            case "select":
                return b.select(*args)
            case "spread":
                return args[0]
        raise AssertionError(f"no pass computes {node.op}")


def emit_sums(module: Module, this: Pass) -> ir.Function:
    """Emit sums and maxima over columns, in an order that depends on nothing but the number of columns."""
    code = module.function(f"pass{this.number}", 4)
    rows, count, first, stop = code.args
    rows = code.b.inttoptr(rows, ir.PointerType())
    # A sum is one column, which one member of a team computes.
    with code.loop(first, stop), code.loop(code.number(0), count) as number:
        t, example = row(code, rows, number)
        for op, source, target in this.sums:
            total = _sum(module, code, op, source, row_address(code, source, t, example))
            code.b.store(total, row_address(code, target, t, example))
    return code.finish()


def emit_norms(module: Module, plan: Plan) -> ir.Function:
    """Emit the norms of the adjoint of every state after a step: a function of (rows, count of rows, 0, 1).

    They are stored in a tensor (states, T, B) whose address is in the slot ``NORMS``.
    """
    code = module.function("norms", 4)
    rows, count, first, stop = code.args
    rows = code.b.inttoptr(rows, ir.PointerType())
    square = module.intrinsic(f"llvm.sqrt.f{8 * module.size}", module.element, module.element)
    with code.loop(first, stop), code.loop(code.number(0), count) as number:
        t, example = row(code, rows, number)
        for k, leaf in enumerate(plan.schedule.carries):
            axis = plan.axis(leaf)
            places = [Place(slots.before(k), axis)]
            places += [Place(slots.D_OUTPUT, axis, padded=False, narrow=plan.narrow)] if k == 0 else []
            total = _sum_of_squares(module, code, axis, [(p, row_address(code, p, t, example)) for p in places])
            line = code.b.add(code.b.mul(code.number(k), code.slot(Slot.STEPS)), t)
            offset = code.b.mul(line, code.slot(Slot.NORMS_STEP))
            offset = code.b.add(offset, code.b.mul(example, code.number(module.size)))
            code.b.store(code.b.call(square, [total]), code.address(code.pointer(Slot.NORMS), offset))
    return code.finish()


def _sum_of_squares(module: Module, code: Code, axis: str, terms: list[Any]) -> Any:
    """Sum the squares of the columns of a sum of rows."""
    total = code.entry.alloca(module.vector)
    code.b.store(module.math.constant(0.0), total)
    with code.loop(code.number(0), code.slot(slots.columns(axis)), module.lanes) as column:
        left = code.b.sub(code.slot(slots.columns(axis)), column)
        value, *others = [_load_columns(code, place, at, column, left) for place, at in terms]
        for other in others:
            value = code.b.fadd(value, other)
        code.b.store(code.b.fadd(code.b.load(total, typ=module.vector), code.b.fmul(value, value)), total)
    return _across(module, code, code.b.load(total, typ=module.vector))


def _load_one(code: Code, place: Place, at: Any) -> Any:
    """Load the only number of a row into all lanes."""
    if place.narrow:
        return widen(code, code.splat(code.b.load(at, typ=I16)))
    return code.splat(code.b.load(at, typ=code.module.element))


def _load_columns(code: Code, place: Place, at: Any, column: Any, left: Any) -> Any:
    """Load a vector of columns of a row."""
    if place.narrow:
        return widen(code, load_halves(code, code.address(at, code.b.mul(column, code.number(HALF))), left))
    return code.load_part(code.address(at, code.b.mul(column, code.number(code.module.size))), left)


def _sum(module: Module, code: Code, op: str, place: Place, at: Any) -> Any:
    """Join the columns of a row by `sum` or `max`."""
    if place.axis == ROW:
        return code.b.extract_element(_load_one(code, place, at), code.number(0))
    head, body, done = (code.function.append_basic_block(n) for n in ("sum", "vector", "across"))
    before, zero = code.b.block, module.math.constant(-math.inf if op == "max" else 0.0)
    columns = code.slot(slots.columns(place.axis))
    code.b.branch(head)
    code.b.position_at_end(head)
    column, total = code.b.phi(columns.type), code.b.phi(module.vector)
    column.add_incoming(code.number(0), before)
    total.add_incoming(zero, before)
    code.b.cbranch(code.b.icmp_signed("<", column, columns), body, done)
    code.b.position_at_end(body)
    left = code.b.sub(columns, column)
    value = _load_columns(code, place, at, column, left)
    if op == "max":  # columns past the last are loaded as 0
        value = code.b.select(code.lanes_below(left), value, zero)
    total.add_incoming(_join(module, code, op, total, value), code.b.block)
    column.add_incoming(code.b.add(column, code.number(module.lanes)), code.b.block)
    code.b.branch(head)
    code.b.position_at_end(done)
    return _across(module, code, total, op)


def _join(module: Module, code: Code, op: str, a: Any, b: Any) -> Any:
    return module.math.maximum(code.b, a, b) if op == "max" else code.b.fadd(a, b)


def _across(module: Module, code: Code, value: Any, op: str = "sum") -> Any:
    """Join the lanes of a vector: one half and the other, until one lane is left."""
    lanes, width = module.lanes, module.lanes
    kind = ir.VectorType(ir.IntType(32), lanes)
    while width > 1:
        width //= 2
        order = [(i + width) % lanes for i in range(lanes)]
        value = _join(module, code, op, value, code.b.shuffle_vector(value, value, ir.Constant(kind, order)))
    return code.b.extract_element(value, code.number(0))
