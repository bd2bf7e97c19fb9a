"""Emit a whole kernel: what is computed once, and the loop over time that runs the passes.

A kernel exports these functions:

``pack(frames)``
    packs weights;
``prepare(frame)``
    copies parameter vectors and computes what depends on parameters alone;
``worker(frames)``
    runs all time steps of a call;
``whole(frames)``
    does all three on the calling thread;
``unpacked(frames)``
    does the second and the third there, where products read weights that are not packed;
``step(frames, x, output)``
    does the same, forward, for one time step with its input and output at these addresses;
``team(frames)``
    runs all time steps of a call if columns are divided, not rows, see `teams`.

The first and the third divide their work into as many parts as there are frames: columns of weights, and rows from
``ROWS_BEGIN`` to ``ROWS_END``. Any number of threads may call them at once, and draw parts until none is left. One part
of the loop over time, with the names of :mod:`elman.backends.llvm.plan.slots`::

    void part(frame) {
      if (FIRST) before[0..] = after[0..] = begin[0..];           // both buffers of every state
      for (t = TIME, left = COUNT; left > 0; left -= steps) {
        steps = min(left, CHUNK);
        rows = real rows of the chunk;  run the passes BEFORE over rows;
        for (i = 0; i < steps; i++, t += DELTA) {
          rows = real rows of time step t;  run the passes LOOP over rows;
          swap(before, after);
        }
        rows = real rows of the chunk;  run the passes AFTER over rows;
      }
      if (LAST) end[0..] = the buffer of every state in which its example's number of steps left it;
    }

    a pass: for (c = first; c < end; c += BLOCK) { its groups of chains by ``tiles``; its pointwise part; }

A state has two buffers, ``before`` a step and ``after`` it, which are swapped at every step. Both start as the initial
state, so an example that has not begun, or that has ended, needs no work: its final state is in one of the two buffers,
according to the parity of its number of steps.
"""

from contextlib import AbstractContextManager
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I64, Code, Module
from elman.backends.llvm.emit.packing import write_packing
from elman.backends.llvm.emit.passes import emit_norms, emit_pointwise, emit_sums
from elman.backends.llvm.emit.teams import emit_barrier, emit_drawing, emit_team, function_of_frames, header_slot
from elman.backends.llvm.emit.tiles import tile_table
from elman.backends.llvm.plan import AFTER, BEFORE, LOOP, ONCE, Group, Pass, Plan, slots
from elman.backends.llvm.plan.slots import HEADER, TICKET, Slot, slot_numbers
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
    """The module of a kernel, and those of its functions that are written."""

    def __init__(self, module: Module, plan: Plan) -> None:
        self.module, self.plan = module, plan
        self.states = range(len(plan.schedule.carries))
        self.axes = [plan.axis(leaf) for leaf in plan.schedule.carries]
        self.functions = {}
        self.barrier = emit_barrier(module)
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
                axis, target = plan.axis(index), code.pointer(slots.address(slots.static(index)))
                self._copy_row(code, axis, self._columns(code, axis), code.pointer(slots.vector(index)), target)
        for p in plan.passes:
            if p.rate == ONCE:
                self._run_pass(code, p, self._columns(code, p.axis), code.slot(Slot.ONE_ROW), code.number(1))
        self.prepare = code.finish()

    @staticmethod
    def _columns(code: Code, axis: str) -> Columns:
        """Return the first vector and the end of all columns."""
        return code.number(0), code.slot(slots.vectors(axis))

    def _copy_row(
        self, code: Code, axis: str, columns: Columns, source: Any, *targets: Any, padded: bool = True
    ) -> None:
        """Copy columns of a row of a tensor; lanes past its end become 0."""
        lanes, size = self.module.lanes, self.module.size
        with code.loop(*columns) as vector:
            column = code.b.mul(vector, code.number(lanes))
            offset = code.b.mul(column, code.number(size))
            left = code.b.sub(code.slot(slots.columns(axis)), column)
            value = code.load_part(code.address(source, offset), left)
            for target in targets:
                if padded:
                    code.store(value, code.address(target, offset))
                else:
                    code.store_part(value, code.address(target, offset), left)

    # Passes.

    def _run(self, rate: int, rows: Any, count: Any) -> None:
        """Run the passes of a rate, each after the previous one has ended in all columns."""
        for p in self.plan.passes:
            if p.rate == rate:
                self._wait()
                self._run_pass(self.code, p, self.own[p.axis], rows, count)

    def _wait(self) -> None:
        """Wait for the other members of a team."""
        with self.code.when(self.code.b.icmp_signed(">", self.code.slot(Slot.MEMBERS), self.code.number(1))):
            self.code.call(self.barrier)

    def _run_pass(self, code: Code, this: Pass, columns: Columns, rows: Any, count: Any) -> None:
        """Run a pass block by block of columns, so that the results of products are still in the cache."""
        function = self.functions.get(this.number)
        start, stop = columns
        if not this.groups:
            code.call(function, rows, count, start, stop)
            return
        block = code.slot(Slot.BLOCK)
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
            code.call_slot(slots.tiles(len(group.chains)), address, *span)

    # The loop over time.

    def emit_part(self) -> None:
        code, plan = self.module.function("part", 0), self.plan
        self.code = code
        self.own = {axis: (code.slot(slots.share_begin(axis)), code.slot(slots.share_end(axis))) for axis in plan.axes}
        with code.when(code.b.icmp_signed("!=", code.slot(Slot.FIRST), code.number(0))):
            self._begin()
        rates = {p.rate for p in plan.passes}
        self.has_chunks = BEFORE in rates or AFTER in rates
        self.time = code.variable(code.slot(Slot.TIME))
        left = code.variable(code.slot(Slot.COUNT))
        head, body, done = (code.function.append_basic_block(n) for n in ("chunk", "steps", "end"))
        code.b.branch(head)
        code.b.position_at_end(head)
        code.b.cbranch(code.b.icmp_signed(">", code.value(left), code.number(0)), body, done)
        code.b.position_at_end(body)
        steps = code.smaller(code.value(left), code.slot(Slot.CHUNK))
        self._emit_chunk(steps)
        code.b.store(code.b.sub(code.value(left), steps), left)
        code.b.branch(head)
        code.b.position_at_end(done)
        with code.when(code.b.icmp_signed("!=", code.slot(Slot.LAST), code.number(0))):
            self._end()
        self.part = code.finish()
        self.worker = emit_drawing(self.module, "worker", self.part)

    def _emit_chunk(self, steps: Any) -> None:
        code = self.code
        start, count = code.value(self.time), None
        if self.has_chunks:
            back = code.b.sub(start, code.b.sub(steps, code.number(1)))
            low = code.b.select(code.b.icmp_signed(">", code.slot(Slot.DELTA), code.number(0)), start, back)
            for index in self.plan.chunks:
                place = slots.of_chunk(index)
                offset = code.b.mul(low, code.slot(slots.step_bytes(place)))
                code.set(slots.address(place), code.b.sub(code.slot(slots.origin(index)), offset))
            count = self._list_rows(code.pointer(Slot.CHUNK_ROWS), low, steps)
            with code.when(code.b.icmp_signed(">", count, code.number(0))):
                self._run(BEFORE, code.slot(Slot.CHUNK_ROWS), count)
        with code.loop(code.number(0), steps):
            self._emit_step()
        if count is not None:
            with code.when(code.b.icmp_signed(">", count, code.number(0))):
                self._run(AFTER, code.slot(Slot.CHUNK_ROWS), count)

    def _emit_step(self) -> None:
        code = self.code
        t = code.value(self.time)
        count = self._list_rows(code.pointer(Slot.STEP_ROWS), t, code.number(1))
        with code.when(code.b.icmp_signed(">", count, code.number(0))):
            if self.plan.is_mirror:
                with code.when(code.b.icmp_signed("!=", code.slot(Slot.NORMS), code.number(0))):
                    self._wait()
                    code.call(self.norms, code.slot(Slot.STEP_ROWS), count, *self.own[ROW])
            self._run(LOOP, code.slot(Slot.STEP_ROWS), count)
        for k in self.states:
            before, after = slots.address(slots.before(k)), slots.address(slots.after(k))
            old, new = code.now(before), code.now(after)
            code.set(before, new)
            code.set(after, old)
        code.b.store(code.b.add(t, code.slot(Slot.DELTA)), self.time)

    def _list_rows(self, rows: Any, low: Any, steps: Any) -> Any:
        """List the real rows of some time steps, and return their number."""
        code = self.code
        count = code.variable(code.number(0))
        has_lengths = code.b.icmp_signed("!=", code.slot(Slot.LENGTHS), code.number(0))
        with code.loop(low, code.b.add(low, steps)) as t, self._examples() as example:
            listed = code.value(count)
            at = code.address(rows, code.b.mul(listed, code.number(8)))
            code.b.store(code.b.trunc(t, ir.IntType(32)), at)
            code.b.store(code.b.trunc(example, ir.IntType(32)), code.address(at, code.number(4)))
            code.b.store(code.b.add(listed, code.number(1)), count)
            with code.when(has_lengths):
                length = self._length(example)
                is_real = code.b.zext(code.b.icmp_signed("<", t, length), I64)
                code.b.store(code.b.add(listed, is_real), count)
        return code.value(count)

    def _length(self, example: Any) -> Any:
        code = self.code
        at = code.address(code.pointer(Slot.LENGTHS), code.b.mul(example, code.number(8)))
        return code.b.load(at, typ=I64)

    def _examples(self) -> AbstractContextManager[Any]:
        """Loop over the examples of this part."""
        return self.code.loop(self.code.slot(Slot.ROWS_BEGIN), self.code.slot(Slot.ROWS_END))

    def _begin(self) -> None:
        """Set both buffers of every state to the initial state."""
        code = self.code
        for k in self.states:  # an earlier run may have left them swapped
            code.set(slots.address(slots.before(k)), code.slot(slots.buffer(0, k)))
            code.set(slots.address(slots.after(k)), code.slot(slots.buffer(1, k)))
        with self._examples() as example:
            for k in self.states:
                begin = slots.begin(k)
                source = self._row(slots.address(begin), slots.row_bytes(begin), example)
                targets = [self._buffer_row(number, k, example) for number in (0, 1)]
                self._copy_row(code, self.axes[k], self.own[self.axes[k]], source, *targets)

    def _end(self) -> None:
        """Copy every state after its last step to the memory of the final states."""
        code = self.code
        shrinks = code.b.and_(
            code.b.icmp_signed(">", code.slot(Slot.DELTA), code.number(0)),
            code.b.icmp_signed("!=", code.slot(Slot.LENGTHS), code.number(0)),
        )
        with self._examples() as example:
            steps = code.variable(code.slot(Slot.STEPS))
            with code.when(shrinks):
                code.b.store(self._length(example), steps)
            is_odd = code.b.trunc(code.value(steps), ir.IntType(1))
            for k in self.states:
                odd, even = (self._buffer_row(number, k, example) for number in (1, 0))
                source = code.b.select(is_odd, odd, even)
                target = self._row(slots.address(slots.end(k)), slots.row_bytes(slots.end(k)), example)
                self._copy_row(code, self.axes[k], self.own[self.axes[k]], source, target, padded=False)

    def _row(self, base: str, step: str, example: Any) -> Any:
        code = self.code
        return code.address(code.pointer(base), code.b.mul(example, code.slot(step)))

    def _buffer_row(self, number: int, state: int, example: Any) -> Any:
        return self._row(slots.buffer(number, state), slots.row_bytes(slots.before(state)), example)

    # Sharing work.

    def emit_whole(self) -> None:
        for name in ("whole", "unpacked"):
            function = function_of_frames(self.module, name)
            b = ir.IRBuilder(function.append_basic_block("entry"))
            (frames,) = function.args
            if name == "whole":
                b.store(ir.Constant(I64, 0), header_slot(b, frames, TICKET))
                b.call(self.pack, [frames])
            self._emit_rest(b, frames)

    def emit_single(self) -> None:
        """Write ``step(frames, x, output)``, and ``advance``, which does the same where all is prepared."""
        for name, run in (("step", self._emit_rest), ("advance", self._emit_run)):
            function = function_of_frames(self.module, name, 2)
            b = ir.IRBuilder(function.append_basic_block("entry"))
            frames, *addresses = function.args
            places = (slots.given(self.plan.program.graph.input), slots.OUTPUT)
            for place, address in zip(places, addresses, strict=True):
                slot = ir.Constant(I64, HEADER + self.module.slots[slots.address(place)])
                b.store(address, b.gep(frames, [slot], source_etype=I64))
            run(b, frames)

    def _emit_rest(self, b: ir.IRBuilder, frames: Any) -> None:
        """Prepare, and run all time steps."""
        b.call(self.prepare, [b.gep(frames, [ir.Constant(I64, HEADER)], source_etype=I64)])
        self._emit_run(b, frames)

    def _emit_run(self, b: ir.IRBuilder, frames: Any) -> None:
        """Run all time steps."""
        b.store(ir.Constant(I64, 0), header_slot(b, frames, TICKET))
        b.call(self.worker, [frames])
        b.ret_void()
