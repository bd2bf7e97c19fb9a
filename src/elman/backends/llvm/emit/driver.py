"""Emit a whole kernel: what is done once, and the walk over time that runs the passes.

A kernel has these functions for callers:

``pack(frames)``
    packs weights;
``prepare(frame)``
    copies parameter vectors and computes what follows parameters alone;
``worker(frames)``
    runs all time steps of a call;
``whole(frames)``
    does all three on the calling thread;
``step(frames, x, output)``
    does the second and the third, forward, for one time step whose input and output lie at these addresses;
``team(frames)``
    runs all time steps of a call where columns are divided, not rows, see `teams`.

The first and the third divide their work into as many parts as there are frames: columns of weights, and rows from
``b0`` to ``b1``. They draw the numbers of parts from a counter until none is left, so that any number of threads may
call them at once. ``frames`` begins with what `teams` lists.

States are held twice, ``cur`` before a step and ``next`` after it, and change places from step to step. Both begin as
the initial state, so that an example that has not begun, or that has ended, needs no attention: the state after its
last step is in the one that its number of steps left it in.
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I64, Code, Module
from elman.backends.llvm.emit.packing import write_packing
from elman.backends.llvm.emit.passes import emit_norms, emit_pointwise, emit_sums
from elman.backends.llvm.emit.teams import emit_drawing, emit_meet, emit_team, function_of_frames
from elman.backends.llvm.emit.tiles import tile_table
from elman.backends.llvm.plan import AFTER, BEFORE, LOOP, ONCE, Group, Pass, Plan
from elman.backends.llvm.plan.slots import HEADER, slot_numbers
from elman.backends.llvm.target import Target
from elman.expr.graph import ROW


def emit_kernel(plan: Plan, target: Target, dtype: str) -> str:
    """Emit a plan's kernel as textual IR."""
    module = Module(target, dtype, slot_numbers(plan))
    driver = _Driver(module, plan)
    driver.emit_pack()
    driver.emit_prepare()
    driver.emit_part()
    driver.emit_whole()
    emit_team(module, driver.part, plan.axes)
    if not plan.is_mirror:
        driver.emit_single()
    return str(module.ir)


Columns = tuple[Any, Any]
"""The first vector of columns, and the end."""


class _Driver:
    def __init__(self, module: Module, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.states = range(len(plan.schedule.carries))
        self.axes = [plan.axis(leaf) for leaf in plan.schedule.carries]
        self.functions = {}
        self.meet = emit_meet(module)
        if plan.is_mirror:
            self.norms = emit_norms(module, plan)
        for p in plan.passes:
            if p.sums:
                self.functions[p.number] = emit_sums(module, p)
            elif p.roots:
                self.functions[p.number] = emit_pointwise(module, plan, p)

    # Once.

    def emit_pack(self) -> None:
        write = write_packing(self.plan)
        code = self.module.function("pack_part", 0)
        write(code)
        self.pack = emit_drawing(self.module, "pack", code.finish())

    def emit_prepare(self) -> None:
        module, plan = self.module, self.plan
        code = module.function("prepare", 0, internal=False)
        for index in plan.statics:
            if plan.nodes[index].op == "parameter":
                axis, target = plan.axis(index), code.pointer(f"static{index}.p")
                self._copy_row(code, axis, self._columns(code, axis), code.pointer(f"p{index}"), target)
        for p in plan.passes:
            if p.rate == ONCE:
                self._run_pass(code, p, self._columns(code, p.axis), code.slot("row0"), code.number(1))
        self.prepare = code.finish()

    @staticmethod
    def _columns(code: Code, axis: str) -> Columns:
        """Give the first vector and the end of all columns."""
        return code.number(0), code.slot(f"v.{axis}")

    def _copy_row(
        self, code: Code, axis: str, columns: Columns, source: Any, *targets: Any, padded: bool = True
    ) -> None:
        """Copy columns of a row of a tensor; the lanes past its end become 0."""
        lanes, size = self.module.lanes, self.module.size
        with code.loop(*columns) as vector:
            column = code.b.mul(vector, code.number(lanes))
            offset = code.b.mul(column, code.number(size))
            left = code.b.sub(code.slot(f"n.{axis}"), column)
            value = code.load_part(code.address(source, offset), left)
            for target in targets:
                if padded:
                    code.store(value, code.address(target, offset))
                else:
                    code.store_part(value, code.address(target, offset), left)

    # Passes.

    def _run(self, rate: int, rows: Any, count: Any) -> None:
        """Run the passes of a rate, each when the one before has ended in all columns."""
        for p in self.plan.passes:
            if p.rate == rate:
                self._meet()
                self._run_pass(self.code, p, self.own[p.axis], rows, count)

    def _meet(self) -> None:
        with self.code.when(self.code.b.icmp_signed(">", self.code.slot("members"), self.code.number(1))):
            self.code.call(self.meet)

    def _run_pass(self, code: Code, this: Pass, columns: Columns, rows: Any, count: Any) -> None:
        """Run a pass block by block of columns, so that what products leave is still at hand."""
        function = self.functions.get(this.number)
        start, stop = columns
        if not this.groups:
            code.call(function, rows, count, start, stop)
            return
        block = code.slot("block")
        at = code.variable(start)
        head, body, done = (code.function.append_basic_block(n) for n in ("pass", "columns", "passed"))
        code.b.branch(head)
        code.b.position_at_end(head)
        first = code.value(at)
        code.b.cbranch(code.b.icmp_signed("<", first, stop), body, done)
        code.b.position_at_end(body)
        end = code.smaller(code.b.add(first, block), stop)
        for group in this.groups:
            self._run_group(code, group, this.axis, (rows, count, first, end))
        if function is not None:
            code.call(function, rows, count, first, end)
        code.b.store(end, at)
        code.b.branch(head)
        code.b.position_at_end(done)

    def _run_group(self, code: Code, group: Group, axis: str, span: tuple[Any, ...]) -> None:
        for number in range(len(group.chains[0][1])):
            table = tile_table(self.module.slots, group, number, axis)
            address = code.constants(f"group{group.number}.{number}", table)
            code.call_slot(f"tiles{len(group.chains)}", address, *span)

    # The walk over time.

    def emit_part(self) -> None:
        code = self.module.function("part", 0)
        self.code = code
        self.own = {axis: (code.slot(f"from.{axis}"), code.slot(f"to.{axis}")) for axis in self.plan.axes}
        with code.when(code.b.icmp_signed("!=", code.slot("first"), code.number(0))):
            self._begin()
        rates = {p.rate for p in self.plan.passes}
        self.has_chunks = BEFORE in rates or AFTER in rates
        self.time = code.variable(code.slot("t"))
        left = code.variable(code.slot("count"))
        head, body, done = (code.function.append_basic_block(n) for n in ("chunk", "steps", "end"))
        code.b.branch(head)
        code.b.position_at_end(head)
        code.b.cbranch(code.b.icmp_signed(">", code.value(left), code.number(0)), body, done)
        code.b.position_at_end(body)
        steps = code.smaller(code.value(left), code.slot("chunk"))
        self._emit_chunk(steps)
        code.b.store(code.b.sub(code.value(left), steps), left)
        code.b.branch(head)
        code.b.position_at_end(done)
        with code.when(code.b.icmp_signed("!=", code.slot("last"), code.number(0))):
            self._end()
        self.part = code.finish()
        self.worker = emit_drawing(self.module, "worker", self.part)

    def _emit_chunk(self, steps: Any) -> None:
        code = self.code
        start, count = code.value(self.time), None
        if self.has_chunks:
            back = code.b.sub(start, code.b.sub(steps, code.number(1)))
            low = code.b.select(code.b.icmp_signed(">", code.slot("delta"), code.number(0)), start, back)
            for index in self.plan.chunks:
                offset = code.b.mul(low, code.slot(f"chunk{index}.t"))
                code.set(f"chunk{index}.p", code.b.sub(code.slot(f"chunk{index}.o"), offset))
            count = self._list_rows(code.pointer("rows.chunk"), low, steps)
            with code.when(code.b.icmp_signed(">", count, code.number(0))):
                self._run(BEFORE, code.slot("rows.chunk"), count)
        with code.loop(code.number(0), steps):
            self._emit_step()
        if count is not None:
            with code.when(code.b.icmp_signed(">", count, code.number(0))):
                self._run(AFTER, code.slot("rows.chunk"), count)

    def _emit_step(self) -> None:
        code = self.code
        t = code.value(self.time)
        count = self._list_rows(code.pointer("rows.step"), t, code.number(1))
        with code.when(code.b.icmp_signed(">", count, code.number(0))):
            if self.plan.is_mirror:
                with code.when(code.b.icmp_signed("!=", code.slot("norms"), code.number(0))):
                    self._meet()
                    code.call(self.norms, code.slot("rows.step"), count, *self.own[ROW])
            self._run(LOOP, code.slot("rows.step"), count)
        for k in self.states:
            old, new = code.now(f"cur{k}.p"), code.now(f"next{k}.p")
            code.set(f"cur{k}.p", new)
            code.set(f"next{k}.p", old)
        code.b.store(code.b.add(t, code.slot("delta")), self.time)

    def _list_rows(self, rows: Any, low: Any, steps: Any) -> Any:
        """Write down the real rows of some time steps; give their number."""
        code = self.code
        count = code.variable(code.number(0))
        has_lengths = code.b.icmp_signed("!=", code.slot("lengths"), code.number(0))
        with code.loop(low, code.b.add(low, steps)) as t, code.loop(code.slot("b0"), code.slot("b1")) as example:
            here = code.value(count)
            at = code.address(rows, code.b.mul(here, code.number(8)))
            code.b.store(code.b.trunc(t, ir.IntType(32)), at)
            code.b.store(code.b.trunc(example, ir.IntType(32)), code.address(at, code.number(4)))
            code.b.store(code.b.add(here, code.number(1)), count)
            with code.when(has_lengths):
                length = self._length(example)
                is_real = code.b.zext(code.b.icmp_signed("<", t, length), I64)
                code.b.store(code.b.add(here, is_real), count)
        return code.value(count)

    def _length(self, example: Any) -> Any:
        code = self.code
        at = code.address(code.pointer("lengths"), code.b.mul(example, code.number(8)))
        return code.b.load(at, typ=I64)

    def _begin(self) -> None:
        """Set both copies of every state to the initial one."""
        code = self.code
        for k in self.states:  # an earlier run may have left them the other way round
            code.set(f"cur{k}.p", code.slot(f"buffer0{k}"))
            code.set(f"next{k}.p", code.slot(f"buffer1{k}"))
        with code.loop(code.slot("b0"), code.slot("b1")) as example:
            for k in self.states:
                source = self._row(f"begin{k}.p", f"begin{k}.b", example)
                targets = [self._row(f"buffer{c}{k}", f"cur{k}.b", example) for c in "01"]
                self._copy_row(code, self.axes[k], self.own[self.axes[k]], source, *targets)

    def _end(self) -> None:
        """Copy every state after its last step to where the caller wants it."""
        code = self.code
        shrinks = code.b.and_(
            code.b.icmp_signed(">", code.slot("delta"), code.number(0)),
            code.b.icmp_signed("!=", code.slot("lengths"), code.number(0)),
        )
        with code.loop(code.slot("b0"), code.slot("b1")) as example:
            steps = code.variable(code.slot("T"))
            with code.when(shrinks):
                code.b.store(self._length(example), steps)
            is_odd = code.b.trunc(code.value(steps), ir.IntType(1))
            for k in self.states:
                odd, even = (self._row(f"buffer{c}{k}", f"cur{k}.b", example) for c in "10")
                source = code.b.select(is_odd, odd, even)
                target = self._row(f"end{k}.p", f"end{k}.b", example)
                self._copy_row(code, self.axes[k], self.own[self.axes[k]], source, target, padded=False)

    def _row(self, base: str, step: str, example: Any) -> Any:
        code = self.code
        return code.address(code.pointer(base), code.b.mul(example, code.slot(step)))

    # Sharing work.

    def emit_whole(self) -> None:
        function = function_of_frames(self.module, "whole")
        b = ir.IRBuilder(function.append_basic_block("entry"))
        (frames,) = function.args
        b.store(ir.Constant(I64, 0), frames)
        b.call(self.pack, [frames])
        self._emit_rest(b, frames)

    def emit_single(self) -> None:
        function = function_of_frames(self.module, "step", 2)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        frames, *addresses = function.args
        for name, address in zip((f"given{self.plan.program.graph.input}", "output"), addresses, strict=True):
            slot = ir.Constant(I64, HEADER + self.module.slots[f"{name}.p"])
            b.store(address, b.gep(frames, [slot], source_etype=I64))
        self._emit_rest(b, frames)

    def _emit_rest(self, b: ir.IRBuilder, frames: Any) -> None:
        """Do what comes after packing."""
        b.call(self.prepare, [b.gep(frames, [ir.Constant(I64, HEADER)], source_etype=I64)])
        b.store(ir.Constant(I64, 0), frames)
        b.call(self.worker, [frames])
        b.ret_void()
