"""Emit what runs a time step of stacked layers."""

from typing import Any

from llvmlite import ir

from elman.backends.llvm_code import I32, I64, POINTER, VOID, Code, Module
from elman.backends.llvm_target import FUNCTION_ATTRIBUTES, Target


def emit_step(made_for: Target) -> str:
    """Emit ``step(table)``, which is the same for all cells: run the workers of all layers, one after the other.

    It runs nothing and returns another number than 0 where a parameter is not what its copy is. The table holds the
    numbers of parameters and layers, then for each parameter two addresses and bytes, then for each layer the addresses
    of its worker and its frames.
    """
    module = Module(made_for, "float32", {})
    compare = module.intrinsic("memcmp", I32, POINTER, POINTER, I64)
    function = ir.Function(module.ir, ir.FunctionType(I64, [POINTER]), "step")
    for attribute in FUNCTION_ATTRIBUTES:
        function.attributes.add(attribute)
    code = Code(module, function)

    def read(first: Any, offset: int) -> Any:
        return code.b.load(code.address(code.frame, code.b.add(first, code.number(8 * offset))), typ=I64)

    parameters, layers = (read(code.number(0), i) for i in range(2))
    changed = code.variable(code.number(0))
    with code.loop(code.number(0), parameters) as number:
        row = code.b.mul(number, code.number(24))
        one, other = (code.b.inttoptr(read(row, 2 + i), POINTER) for i in range(2))
        found = code.b.zext(code.b.call(compare, [one, other, read(row, 4)]), I64)
        code.b.store(code.b.or_(code.value(changed), found), changed)
    start = code.b.mul(parameters, code.number(24))
    is_same = code.b.icmp_signed("==", code.value(changed), code.number(0))
    with code.when(is_same), code.loop(code.number(0), layers) as number:
        row = code.b.add(start, code.b.mul(number, code.number(16)))
        worker = code.b.inttoptr(read(row, 2), ir.FunctionType(VOID, [POINTER]).as_pointer())
        frames = code.b.inttoptr(read(row, 3), POINTER)
        code.b.store(code.number(0), frames)
        code.b.call(worker, [frames])
    code.b.ret(code.value(changed))
    return str(module.ir)
