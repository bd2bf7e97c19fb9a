"""Write LLVM IR in short form: slots of a frame, loops, vectors with a tail.

The pieces from which all emitters build their loops::

    code.slot(name)                    frame[slots[name]]
    code.loop(start, stop, step)       for (i = start; i < stop; i += step) { … }
    code.when(condition)               if (condition) { … }
    code.accumulate(…, sums, add)      for (k = start; k + step <= stop; k += step) sums = add(k, sums);
    code.load_part(at, left)           for (l = 0; l < lanes; l++) v[l] = l < left ? at[l] : 0;
    code.store_part(v, at, left)       for (l = 0; l < lanes; l++) if (l < left) at[l] = v[l];
    code.fma(a, x, y)                  for (l = 0; l < lanes; l++) v[l] = a[l] * x[l] + y[l];

A *frame* is an array of 64-bit slots: addresses, strides in bytes, sizes. A slot has a name; its number does not
matter, since caller and kernel look it up in the same table, see :mod:`elman.backends.llvm.plan.slots`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.math import VectorMath
from elman.backends.llvm.target import FUNCTION_ATTRIBUTES, Target

I1, I8, I16, I32, I64, VOID, POINTER = (
    ir.IntType(1), ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.VoidType(), ir.PointerType(),
)  # fmt: skip
BYTES = {"float32": 4, "float64": 8}


class Module:
    """The LLVM module of a kernel: the element type, vector width and table of slots that all functions share.

    Attributes:
        lanes: elements in a vector.
        size: bytes of an element.
        slots: number of each slot by name.
    """

    def __init__(self, target: Target, dtype: str, slots: dict[str, int]) -> None:
        self.ir = ir.Module()
        self.ir.triple = target.triple
        self.target = target
        self.lanes, self.size = target.lanes(dtype), BYTES[dtype]
        self.math = VectorMath(self.ir, dtype, self.lanes, frozenset(target.features))
        self.element, self.vector = self.math.scalar, self.math.vector
        self.mask = ir.VectorType(I1, self.lanes)
        self.slots = slots
        self.masked = target.vector_bytes >= 32
        self.functions: dict[str, ir.Function] = {}

    def intrinsic(self, name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
        """Declare an intrinsic function of LLVM."""
        if name not in self.functions:
            declared = self.ir.globals.get(name)  # elementary functions declare what they call themselves
            self.functions[name] = declared or ir.Function(self.ir, ir.FunctionType(result, args), name)
        return self.functions[name]

    def function(self, name: str, args: int, internal: bool = True) -> "Code":
        """Begin a function of a frame and further 64-bit arguments."""
        function = ir.Function(self.ir, ir.FunctionType(VOID, [POINTER, *[I64] * args]), name)
        if internal:
            function.linkage = "internal"
            function.attributes.add("noinline")
        for attribute in FUNCTION_ATTRIBUTES:
            function.attributes.add(attribute)
        return Code(self, function)


class Code:
    """A function of a frame that is being written.

    `b` writes at the current end of the code; `entry` writes what is computed once for the whole call, such as slots.
    """

    def __init__(self, module: Module, function: ir.Function) -> None:
        self.module, self.function = module, function
        self.frame, *self.args = function.args
        first = function.append_basic_block("entry")
        body = function.append_basic_block("body")
        self.entry = ir.IRBuilder(first)
        self.entry.branch(body)
        self.entry.position_before(first.terminator)
        self.b = ir.IRBuilder(body)
        self._read: dict[str, Any] = {}
        self._masks: dict[Any, Any] = {}

    # Numbers and slots.

    @staticmethod
    def number(value: int) -> ir.Constant:
        """Return a 64-bit constant."""
        return ir.Constant(I64, value)

    def address(self, base: Any, offset: Any, builder: ir.IRBuilder | None = None) -> Any:
        """Add bytes to an address."""
        return (builder or self.b).gep(base, [offset], source_etype=I8)

    def slot(self, name: str) -> Any:
        """Read a slot, once for the whole call."""
        if name not in self._read:
            at = self.address(self.frame, self.number(8 * self.module.slots[name]), self.entry)
            self._read[name] = self.entry.load(at, typ=I64)
        return self._read[name]

    def pointer(self, name: str) -> Any:
        """Read an address from a slot, once for the whole call."""
        key = name + " as pointer"
        if key not in self._read:
            self._read[key] = self.entry.inttoptr(self.slot(name), POINTER)
        return self._read[key]

    def now(self, name: str) -> Any:
        """Read the current value of a slot."""
        return self.b.load(self.address(self.frame, self.number(8 * self.module.slots[name])), typ=I64)

    def set(self, name: str, value: Any) -> None:
        """Write a slot."""
        self.b.store(value, self.address(self.frame, self.number(8 * self.module.slots[name])))

    def smaller(self, a: Any, b: Any) -> Any:
        """Choose the smaller of two signed numbers."""
        return self.b.select(self.b.icmp_signed("<", a, b), a, b)

    # Control.

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
        """Write a loop: for (i = start; i < stop; i += step)."""
        head = self.function.append_basic_block("loop")
        body = self.function.append_basic_block("do")
        done = self.function.append_basic_block("done")
        before = self.b.block
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.phi(I64)
        index.add_incoming(start, before)
        self.b.cbranch(self.b.icmp_signed("<", index, stop), body, done)
        self.b.position_at_end(body)
        yield index
        index.add_incoming(self.b.add(index, self.number(step)), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(done)

    def accumulate(
        self, begin: Any, stop: Any, step: int, start: list[Any], add: Callable[[Any, list[Any]], list[Any]]
    ) -> tuple[Any, list[Any]]:
        """Write a loop over sums: for (k = begin; k + step <= stop; k += step) sums = add(k, sums).

        Args:
            begin: the first k.
            stop: where k ends, excluded.
            step: from k to k.
            start: the sums before the loop.
            add: writes the body; it may write further blocks.

        Returns:
            The k with which the loop ends, and the sums.
        """
        head, body, done = (self.function.append_basic_block(n) for n in ("k", "products", "end"))
        before = self.b.block
        self.b.branch(head)
        self.b.position_at_end(head)
        k, *held = phis = [self.b.phi(value.type) for value in (begin, *start)]
        after = self.b.add(k, self.number(step))
        self.b.cbranch(self.b.icmp_signed("<=", after, stop), body, done)
        self.b.position_at_end(body)
        new = add(k, held)
        for phi, first, value in zip(phis, (begin, *start), (after, *new), strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(value, self.b.block)
        self.b.branch(head)
        self.b.position_at_end(done)
        return k, held

    @contextmanager
    def draw(self, counter: Any, count: Any) -> Iterator[Any]:
        """Write a loop over numbers below `count` that threads draw: while ((i = counter++) < count)."""
        drawn = self.variable(self.number(0))
        head, body, done = (self.function.append_basic_block(name) for name in ("draw", "drawn", "none"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.store(self.b.atomic_rmw("add", counter, self.number(1), "monotonic"), drawn)
        number = self.value(drawn)
        self.b.cbranch(self.b.icmp_signed("<", number, count), body, done)
        self.b.position_at_end(body)
        yield number
        self.b.branch(head)
        self.b.position_at_end(done)

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        """Write a branch: if (condition)."""
        body = self.function.append_basic_block("then")
        done = self.function.append_basic_block("join")
        self.b.cbranch(condition, body, done)
        self.b.position_at_end(body)
        yield
        self.b.branch(done)
        self.b.position_at_end(done)

    def variable(self, value: Any) -> Any:
        """Make a variable, and return its address for loads and stores."""
        at = self.entry.alloca(I64)
        self.b.store(value, at)
        return at

    def room(self, kind: ir.Type, align: int = 0) -> Any:
        """Make memory on the stack for values of any type, and return its address."""
        at = self.entry.alloca(kind)
        if align:
            at.align = align
        # llvmlite knows the type behind an `alloca` and rejects stores of any other type, such as single elements.
        return self.entry.inttoptr(self.entry.ptrtoint(at, I64), POINTER)

    def value(self, variable: Any) -> Any:
        """Read a variable."""
        return self.b.load(variable, typ=I64)

    def call(self, other: ir.Function, *args: Any) -> Any:
        """Call a function with this one's frame."""
        return self.b.call(other, [self.frame, *args])

    def call_slot(self, name: str, *args: Any) -> Any:
        """Call a function of another module, whose address is in a slot, with this one's frame."""
        kind = ir.FunctionType(VOID, [POINTER, *(a.type for a in args)])
        return self.b.call(self.b.inttoptr(self.slot(name), kind.as_pointer()), [self.frame, *args])

    def constants(self, name: str, values: list[int]) -> Any:
        """Store constants in the module, and return their address as a number."""
        kind = ir.ArrayType(I64, len(values))
        table = ir.GlobalVariable(self.module.ir, kind, name)
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(kind, values)
        return self.b.ptrtoint(table, I64)

    def finish(self) -> ir.Function:
        """Return from the function."""
        self.b.ret_void()
        return self.function

    # Vectors.

    def splat(self, scalar: Any, builder: ir.IRBuilder | None = None) -> Any:
        """Repeat a number in all lanes."""
        builder, lanes = builder or self.b, self.module.lanes
        vector = ir.VectorType(scalar.type, lanes)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
        return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))

    def load(self, at: Any) -> Any:
        """Load a whole vector."""
        return self.b.load(at, typ=self.module.vector, align=self.module.size)

    def store(self, value: Any, at: Any) -> None:
        """Store a whole vector."""
        self.b.store(value, at, align=self.module.size)

    def fma(self, a: Any, x: Any, y: Any) -> Any:
        """Compute a · x + y, rounded once where the processor can."""
        m = self.module
        if not m.target.has_fma:
            return self.b.fadd(self.b.fmul(a, x), y)
        name = f"llvm.fma.v{m.lanes}f{8 * m.size}"
        return self.b.call(m.intrinsic(name, m.vector, m.vector, m.vector, m.vector), [a, x, y])

    def keep_mask(self, left: Any) -> None:
        """Compute the mask of the first `left` lanes once, for all code that is written after this."""
        if self.module.masked:
            self._masks[left] = self.lanes_below(left)

    def lanes_below(self, left: Any) -> Any:
        """Return the mask of the first `left` lanes."""
        if left in self._masks:
            return self._masks[left]
        lanes = self.module.lanes
        iota = ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))
        return self.b.icmp_signed("<", iota, self.splat(left))

    def load_part(self, at: Any, left: Any) -> Any:
        """Load the first `left` elements of a vector, all if there are as many; the rest are 0."""
        m = self.module
        if m.masked:
            name = f"llvm.masked.load.v{m.lanes}f{8 * m.size}.p0"
            load = m.intrinsic(name, m.vector, POINTER, I32, m.mask, m.vector)
            zero = m.math.constant(0.0)
            return self.b.call(load, [at, ir.Constant(I32, m.size), self.lanes_below(left), zero])
        whole, part, join = (self.function.append_basic_block(n) for n in ("whole", "part", "join"))
        self.b.cbranch(self.b.icmp_signed(">=", left, self.number(m.lanes)), whole, part)
        self.b.position_at_end(whole)
        full = self.load(at)
        self.b.branch(join)
        self.b.position_at_end(part)
        some = self.b.call(self._load_elements(), [at, left])
        self.b.branch(join)
        self.b.position_at_end(join)
        value = self.b.phi(m.vector)
        value.add_incoming(full, whole)
        value.add_incoming(some, part)
        return value

    def store_part(self, value: Any, at: Any, left: Any) -> None:
        """Store the first `left` elements of a vector, all if there are as many."""
        m = self.module
        if m.masked:
            name = f"llvm.masked.store.v{m.lanes}f{8 * m.size}.p0"
            store = m.intrinsic(name, VOID, m.vector, POINTER, I32, m.mask)
            self.b.call(store, [value, at, ir.Constant(I32, m.size), self.lanes_below(left)])
            return
        whole, part, join = (self.function.append_basic_block(n) for n in ("whole", "part", "join"))
        self.b.cbranch(self.b.icmp_signed(">=", left, self.number(m.lanes)), whole, part)
        self.b.position_at_end(whole)
        self.store(value, at)
        self.b.branch(join)
        self.b.position_at_end(part)
        self.b.call(self._store_elements(), [value, at, left])
        self.b.branch(join)
        self.b.position_at_end(join)

    def _load_elements(self) -> ir.Function:
        m = self.module

        def write(code: "_Bare", at: Any, left: Any) -> Any:
            spare = code.spare()
            code.b.store(m.math.constant(0.0), spare)
            code.copy(at, spare, left)
            return code.b.load(spare, typ=m.vector)

        return _bare(m, "load_elements", m.vector, (POINTER, I64), write)

    def _store_elements(self) -> ir.Function:
        m = self.module

        def write(code: "_Bare", value: Any, at: Any, left: Any) -> None:
            spare = code.spare()
            code.b.store(value, spare)
            code.copy(spare, at, left)

        return _bare(m, "store_elements", VOID, (m.vector, POINTER, I64), write)


class _Bare:
    """A function without a frame that is being written."""

    def __init__(self, module: Module, function: ir.Function) -> None:
        self.module, self.function = module, function
        self.b = ir.IRBuilder(function.append_basic_block("entry"))

    def spare(self) -> Any:
        # llvmlite knows the type behind an `alloca` and rejects stores of any other type, such as single elements.
        return self.b.inttoptr(self.b.ptrtoint(self.b.alloca(self.module.vector), I64), POINTER)

    def copy(self, source: Any, target: Any, count: Any) -> None:
        """Copy elements one by one; there are fewer than a vector's."""
        head, body, done = (self.function.append_basic_block(n) for n in ("loop", "do", "done"))
        before, size = self.b.block, self.module.size
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.phi(I64)
        index.add_incoming(Code.number(0), before)
        self.b.cbranch(self.b.icmp_signed("<", index, count), body, done)
        self.b.position_at_end(body)
        offset = self.b.mul(index, Code.number(size))
        value = self.b.load(self.b.gep(source, [offset], source_etype=I8), typ=self.module.element)
        self.b.store(value, self.b.gep(target, [offset], source_etype=I8))
        index.add_incoming(self.b.add(index, Code.number(1)), body)
        self.b.branch(head)
        self.b.position_at_end(done)


def _bare(
    module: Module, name: str, result: ir.Type, args: tuple[ir.Type, ...], write: Callable[..., Any]
) -> ir.Function:
    if name not in module.functions:
        function = ir.Function(module.ir, ir.FunctionType(result, args), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        module.functions[name] = function
        code = _Bare(module, function)
        value = write(code, *function.args)
        if value is None:
            code.b.ret_void()
        else:
            code.b.ret(value)
    return module.functions[name]
