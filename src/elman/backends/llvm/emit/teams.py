"""Emit what divides columns over threads: a team, and the meetings of its members.

Where there are fewer rows than threads, every member of a team runs all rows, each its own columns of every axis. The
columns of one pass do not wait for each other, as they go block by block; but a pass reads what the others wrote in the
passes before it. So all members meet in front of every pass, and the passes of a team follow each other as on one
thread.

Who meets must be there. How many threads there are is asked of OpenMP inside the parallel region: each runs ``team``
once and is a member, so that all run at the same time, if not on processors of their own. Where nobody can be asked, a
team has one member, whose columns are all.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I8, I32, I64, POINTER, VOID, Module
from elman.backends.llvm.plan.slots import BYTES, COUNTING, HEADER, PARTS
from elman.backends.llvm.target import FUNCTION_ATTRIBUTES

LOOKS = 1 << 8  # at the counter before a member lets others run: some 20 µs, where a meeting takes less than one


def emit_meet(module: Module) -> ir.Function:
    """Emit ``meet(frame)``: wait until all members have come as often as this one."""
    code = module.function("meet", 0)
    at, due = code.pointer("arrivals"), code.b.add(code.slot("due"), code.slot("members"))
    code.set("due", due)
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
    # Whom this one waits for may need its processor.
    code.b.call(code.b.inttoptr(code.slot("yield"), ir.FunctionType(I32, []).as_pointer()), [])
    code.b.branch(again)
    code.b.position_at_end(again)
    looks.add_incoming(code.b.add(looks, code.number(1)), again)
    code.b.branch(head)
    code.b.position_at_end(done)
    return code.finish()


def emit_team(module: Module, part: ir.Function, axes: Sequence[str]) -> None:
    """Emit ``team(frames)``, which every thread of a parallel region calls once: run a member's part."""
    function = function_of_frames(module, "team")
    entry, ask, join, work, done = (function.append_basic_block(n) for n in ("entry", "ask", "join", "work", "done"))
    b = ir.IRBuilder(entry)
    (frames,) = function.args
    counting = _header(b, frames, COUNTING)
    b.cbranch(b.icmp_signed("!=", counting, ir.Constant(I64, 0)), ask, join)
    b.position_at_end(ask)
    found = b.zext(b.call(b.inttoptr(counting, ir.FunctionType(I32, []).as_pointer()), []), I64)
    b.branch(join)
    b.position_at_end(join)
    threads = b.phi(I64)
    threads.add_incoming(ir.Constant(I64, 1), entry)
    threads.add_incoming(found, ask)
    parts = _header(b, frames, PARTS)
    members = b.select(b.icmp_signed("<", threads, parts), threads, parts)
    member = b.atomic_rmw("add", frames, ir.Constant(I64, 1), "seq_cst")
    b.cbranch(b.icmp_signed("<", member, members), work, done)
    b.position_at_end(work)
    frame = find_frame(b, frames, member)

    def slot(name: str) -> Any:
        return b.gep(frame, [ir.Constant(I64, module.slots[name])], source_etype=I64)

    b.store(members, slot("members"))
    b.store(ir.Constant(I64, 0), slot("due"))
    for axis in axes:
        count = b.load(slot(f"v.{axis}"), typ=I64)
        for name, number in (("from", member), ("to", b.add(member, ir.Constant(I64, 1)))):
            b.store(b.udiv(b.mul(count, number), members), slot(f"{name}.{axis}"))
    b.call(part, [frame])
    b.branch(done)
    b.position_at_end(done)
    b.ret_void()


def emit_drawing(module: Module, name: str, part: ir.Function) -> ir.Function:
    """Emit a function that draws frames until none is left."""
    function = function_of_frames(module, name)
    entry, draw, work, done = (function.append_basic_block(n) for n in ("entry", "draw", "work", "done"))
    b = ir.IRBuilder(entry)
    b.branch(draw)
    b.position_at_end(draw)
    (frames,) = function.args
    number = b.atomic_rmw("add", frames, ir.Constant(I64, 1), "seq_cst")
    b.cbranch(b.icmp_signed("<", number, _header(b, frames, PARTS)), work, done)
    b.position_at_end(work)
    b.call(part, [find_frame(b, frames, number)])
    b.branch(draw)
    b.position_at_end(done)
    b.ret_void()
    return function


def function_of_frames(module: Module, name: str, numbers: int = 0) -> ir.Function:
    """Begin a function of frames and further numbers that callers find by its name."""
    function = ir.Function(module.ir, ir.FunctionType(VOID, [POINTER, *[I64] * numbers]), name)
    for attribute in FUNCTION_ATTRIBUTES:
        function.attributes.add(attribute)
    return function


def find_frame(b: ir.IRBuilder, frames: Any, number: Any) -> Any:
    """Find where a part's frame begins."""
    offset = b.add(b.mul(number, _header(b, frames, BYTES)), ir.Constant(I64, 8 * HEADER))
    return b.gep(frames, [offset], source_etype=I8)


def _header(b: ir.IRBuilder, frames: Any, number: int) -> Any:
    return b.load(b.gep(frames, [ir.Constant(I64, number)], source_etype=I64), typ=I64)
