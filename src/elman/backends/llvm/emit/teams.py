"""Emit the division of columns among threads: a team, and the barrier of its members.

If there are fewer rows than threads, every member of a team runs all rows, for its own share of the columns of every
axis. Within one pass members do not depend on each other; but a pass reads what other members wrote in earlier passes.
So there is a barrier before every pass, and the passes of a team follow each other as on one thread::

    void team(frames) {                                       // called once by every thread
      members = min(threads of the parallel region, frames[PARTS]);
      member = atomic_add(&frames[TICKET], 1);
      if (member < members) {
        frame = frames + HEADER + member * frames[BYTES] / 8;
        for (each axis) frame[share] = [vectors * member / members, vectors * (member + 1) / members);
        part(frame);                                          // all time steps, see `driver`
      }
    }
    void barrier(frame) {
      due += members;
      atomic_add(arrivals, 1);
      for (looks = 1; *arrivals < due; looks++)
        if (looks % LOOKS == 0) yield();
    }

A barrier needs every member running. The number of threads is asked of OpenMP inside the parallel region, where all of
them run at the same time, though perhaps on fewer processors. Without such a function a team has one member.

Workers that divide rows need no barrier; they draw parts until none is left::

    while ((number = atomic_add(&frames[TICKET], 1)) < frames[PARTS])
      part(frames + HEADER + number * frames[BYTES] / 8);
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I8, I32, I64, POINTER, VOID, Module
from elman.backends.llvm.plan import slots
from elman.backends.llvm.plan.slots import BYTES, COUNTING, HEADER, PARTS, TICKET, Slot
from elman.backends.llvm.target import FUNCTION_ATTRIBUTES

LOOKS = 1 << 8  # reads of the counter before a member yields: some 20 µs, where a barrier takes less than one


def emit_barrier(module: Module) -> ir.Function:
    """Emit ``meet(frame)``: a barrier, which waits until all members have arrived as often as this one."""
    code = module.function("meet", 0)
    at, due = code.pointer(Slot.ARRIVALS), code.b.add(code.slot(Slot.DUE), code.slot(Slot.MEMBERS))
    code.set(Slot.DUE, due)
    code.b.atomic_rmw("add", at, code.number(1), "acq_rel")
    head, wait, tired, again, done = (
        code.function.append_basic_block(n) for n in ("look", "wait", "tired", "again", "met")
    )
    before = code.b.block
    code.b.branch(head)
    code.b.position_at_end(head)
    looks = code.b.phi(I64)
    looks.add_incoming(code.number(1), before)
    arrived = code.b.load_atomic(at, "acquire", 8, typ=I64)
    code.b.cbranch(code.b.icmp_signed(">=", arrived, due), done, wait)
    code.b.position_at_end(wait)
    if module.target.triple.startswith("x86_64"):
        code.b.call(module.intrinsic("llvm.x86.sse2.pause", VOID), [])
    left = code.b.urem(looks, code.number(LOOKS))
    code.b.cbranch(code.b.icmp_signed("==", left, code.number(0)), tired, again)
    code.b.position_at_end(tired)
    # The member that this one waits for may need its processor.
    code.b.call(code.b.inttoptr(code.slot(Slot.YIELD), ir.FunctionType(I32, []).as_pointer()), [])
    code.b.branch(again)
    code.b.position_at_end(again)
    looks.add_incoming(code.b.add(looks, code.number(1)), again)
    code.b.branch(head)
    code.b.position_at_end(done)
    return code.finish()


def emit_team(module: Module, part: ir.Function, axes: Sequence[str]) -> None:
    """Emit ``team(frames)``, which every thread of a parallel region calls once, and which runs a member's part."""
    function = function_of_frames(module, "team")
    entry, ask, join, work, done = (function.append_basic_block(n) for n in ("entry", "ask", "join", "work", "done"))
    b = ir.IRBuilder(entry)
    (frames,) = function.args
    counting = _header(b, frames, COUNTING)
    b.cbranch(b.icmp_signed("!=", counting, ir.Constant(I64, 0)), ask, join)
    b.position_at_end(ask)
    counted = b.zext(b.call(b.inttoptr(counting, ir.FunctionType(I32, []).as_pointer()), []), I64)
    b.branch(join)
    b.position_at_end(join)
    threads = b.phi(I64)
    threads.add_incoming(ir.Constant(I64, 1), entry)
    threads.add_incoming(counted, ask)
    parts = _header(b, frames, PARTS)
    members = b.select(b.icmp_signed("<", threads, parts), threads, parts)
    member = b.atomic_rmw("add", header_slot(b, frames, TICKET), ir.Constant(I64, 1), "seq_cst")
    b.cbranch(b.icmp_signed("<", member, members), work, done)
    b.position_at_end(work)
    frame = find_frame(b, frames, member)

    def slot(name: str) -> Any:
        return b.gep(frame, [ir.Constant(I64, module.slots[name])], source_etype=I64)

    b.store(members, slot(Slot.MEMBERS))
    b.store(ir.Constant(I64, 0), slot(Slot.DUE))
    for axis in axes:
        count = b.load(slot(slots.vectors(axis)), typ=I64)
        for name, number in (
            (slots.share_begin(axis), member),
            (slots.share_end(axis), b.add(member, ir.Constant(I64, 1))),
        ):
            b.store(b.udiv(b.mul(count, number), members), slot(name))
    b.call(part, [frame])
    b.branch(done)
    b.position_at_end(done)
    b.ret_void()


def emit_drawing(module: Module, name: str, part: ir.Function) -> ir.Function:
    """Emit a function that draws parts until none is left, and runs each."""
    function = function_of_frames(module, name)
    entry, draw, work, done = (function.append_basic_block(n) for n in ("entry", "draw", "work", "done"))
    b = ir.IRBuilder(entry)
    b.branch(draw)
    b.position_at_end(draw)
    (frames,) = function.args
    number = b.atomic_rmw("add", header_slot(b, frames, TICKET), ir.Constant(I64, 1), "seq_cst")
    b.cbranch(b.icmp_signed("<", number, _header(b, frames, PARTS)), work, done)
    b.position_at_end(work)
    b.call(part, [find_frame(b, frames, number)])
    b.branch(draw)
    b.position_at_end(done)
    b.ret_void()
    return function


def function_of_frames(module: Module, name: str, numbers: int = 0) -> ir.Function:
    """Begin an exported function of frames and further numbers."""
    function = ir.Function(module.ir, ir.FunctionType(VOID, [POINTER, *[I64] * numbers]), name)
    for attribute in FUNCTION_ATTRIBUTES:
        function.attributes.add(attribute)
    return function


def find_frame(b: ir.IRBuilder, frames: Any, number: Any) -> Any:
    """Compute the address of a part's frame."""
    offset = b.add(b.mul(number, _header(b, frames, BYTES)), ir.Constant(I64, 8 * HEADER))
    return b.gep(frames, [offset], source_etype=I8)


def header_slot(b: ir.IRBuilder, frames: Any, number: int) -> Any:
    """Compute the address of a slot of the header."""
    return frames if number == 0 else b.gep(frames, [ir.Constant(I64, number)], source_etype=I64)


def _header(b: ir.IRBuilder, frames: Any, number: int) -> Any:
    return b.load(header_slot(b, frames, number), typ=I64)
