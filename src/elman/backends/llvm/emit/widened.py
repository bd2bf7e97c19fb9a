"""Emit products with weights in two bytes or one, which are widened when they are loaded.

The tiles are those of `tiles`, and so is the order of sums. Weights in bfloat16 are packed in pairs of k, of which a
32-bit word of each lane contains both: ``[vector of columns][pair][g][lane][2]``. The last of an odd number is followed
by 0, which is not multiplied. The sum of a chain is the one that `tiles` computes of the same weights in float32.

Weights in int8 are packed as ``[vector of columns][k][g][lane]``, and behind those of each vector of columns follow
scales in float32, ``[g][lane]``. A sum of products starts from 0, and is multiplied by its scale and added to the value
before it in one operation::

    for (k = 0; k < K; k++)
      acc += v[k] * q[k];
    result = acc * scale + start;

Where the matrix is transposed, the scale is that of k. Such weights are multiplied when they are loaded; behind the
scales, which are 1, follow those of all k, ``[k][g]``.

>>> from elman.backends.llvm.target import named
>>> "sitofp" in emit_widened_tiles(named("baseline"), "float32", 1, 1)
True
"""

from typing import Any

from llvmlite import ir

from elman.backends.llvm.emit.code import I8, I32, Module
from elman.backends.llvm.emit.tiles import SHAPES, TURNED, Tiles
from elman.backends.llvm.target import Target


def emit_widened_tiles(target: Target, dtype: str, chains: int, weight: int) -> str:
    """Emit ``tiles`` for a number of chains, like :func:`~elman.backends.llvm.emit.tiles.emit_tiles`.

    Args:
        target: the processor.
        dtype: of sums.
        chains: their number.
        weight: bytes of a weight.
    """
    module = Module(target, dtype, {})
    kind = {2: PairedTiles, 1: ScaledTiles}[weight]
    kind(module, chains, SHAPES[target.registers][chains]).emit()
    return str(module.ir)


class PairedTiles(Tiles):
    """The function ``tiles`` for a number of chains, of weights in bfloat16."""

    def __init__(self, module: Module, chains: int, shapes: Any) -> None:
        super().__init__(module, chains, shapes)
        self.k_bytes //= 2

    def panel_bytes(self) -> Any:
        """Compute the bytes of the packed weights of a vector of columns."""
        code = self.code
        even = code.b.add(self.steps, code.b.and_(self.steps, code.number(1)))
        return code.b.mul(even, code.number(self.k_bytes))

    def add_all(self, vectors: list[Any], panels: list[Any], start: list[Any], ahead: Any) -> list[Any]:
        """Add the products of all k to the accumulators."""
        last, sums = self.add_span(self.code.number(0), 2, vectors, panels, start, ahead)
        return self.add_span(last, 1, vectors, panels, sums, None)[1]

    def load_weights(self, panel: Any, k: Any, g: int, at_once: int) -> list[Any]:
        """Load the weights of a pair of k, or of the first of one."""
        code, m = self.code, self.module
        at = code.address(code.address(panel, code.b.mul(k, code.number(self.k_bytes))), code.number(g * self.step))
        kind = ir.VectorType(I32, m.lanes)
        words = code.b.load(at, typ=kind, align=m.size)
        halves = [code.b.shl(words, ir.Constant(kind, [16] * m.lanes))]
        if at_once > 1:
            halves.append(code.b.and_(words, ir.Constant(kind, [0xFFFF0000] * m.lanes)))
        return [code.b.bitcast(half, m.vector) for half in halves]


class ScaledTiles(Tiles):
    """The function ``tiles`` for a number of chains, of weights in int8."""

    def __init__(self, module: Module, chains: int, shapes: Any) -> None:
        super().__init__(module, chains, shapes)
        self.k_bytes //= module.size
        most = max(width * max(sizes) for width, sizes, _ in shapes) * chains
        self.sums = self.code.room(ir.ArrayType(module.vector, most))
        self.is_turned = False

    def panel_bytes(self) -> Any:
        """Compute the bytes of the packed weights of a vector of columns, and of its scales."""
        code = self.code
        turned = code.b.mul(code.b.mul(self.steps, self._entry(TURNED)), code.number(self.chains * self.module.size))
        weights = code.b.mul(code.b.add(self.steps, code.number(self.module.size)), code.number(self.k_bytes))
        return code.b.add(weights, turned)

    def add_all(self, vectors: list[Any], panels: list[Any], start: list[Any], ahead: Any) -> list[Any]:
        """Add the products of all k, scaled, to the accumulators."""
        code, size, width = self.code, self.module.size, len(panels)
        places = [code.address(self.sums, code.number(i * self.step)) for i in range(len(start))]
        turned = code.b.icmp_signed("==", self._entry(TURNED), code.number(1))
        for condition, self.is_turned in ((code.b.not_(turned), False), (turned, True)):
            with code.when(condition):
                zeros = [self.module.math.constant(0.0)] * len(start)
                sums = self.add_span(code.number(0), 1, vectors, panels, zeros, ahead)[1]
                for value, at in zip(sums, places, strict=True):
                    code.store(value, at)
        results = []
        scales = [code.address(panel, code.b.mul(self.steps, code.number(self.k_bytes))) for panel in panels]
        for i, (at, value) in enumerate(zip(places, start, strict=True)):
            g, c = i // (len(vectors) * width), i % width
            scale = code.load(code.address(scales[c], code.number(g * self.module.lanes * size)))
            results.append(code.fma(code.load(at), scale, value))
        return results

    def load_weights(self, panel: Any, k: Any, g: int, at_once: int) -> list[Any]:  # noqa: ARG002 - always one
        """Load the weights of one k."""
        code, m = self.code, self.module
        at = code.address(code.address(panel, code.b.mul(k, code.number(self.k_bytes))), code.number(g * m.lanes))
        bytes_ = code.b.load(at, typ=ir.VectorType(I8, m.lanes), align=1)
        value = code.b.sitofp(code.b.sext(bytes_, ir.VectorType(I32, m.lanes)), m.vector)
        if not self.is_turned:
            return [value]
        behind = code.b.mul(code.b.add(self.steps, code.number(m.size)), code.number(self.k_bytes))
        own = code.b.add(behind, code.b.mul(k, code.number(self.chains * m.size)))
        scale = code.b.load(code.address(code.address(panel, own), code.number(g * m.size)), typ=m.element)
        return [code.b.fmul(code.splat(scale), value)]
