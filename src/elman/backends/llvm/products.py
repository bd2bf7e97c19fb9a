"""Say how products are computed: in full precision, of operands that are rounded to bfloat16, or of narrow weights.

A product of rounded operands is, for every 32 elements k of its vector, a chain of fused multiply-adds over the even k
and one over the odd k, both from 0 in float32, whose sum is added to the total of the elements before. Numbers below
2^-126, operands and sums, count as 0. This is what the matrix unit of x86-64 processors computes (AMX, instruction
TDPBF16PS; the order was measured, and `tests/backends/llvm` compares it bit for bit). On other processors vectors of
float32 compute it in the same order, so a model gives the same numbers on all of them.

Narrow weights are those of :mod:`elman.backends.narrow`, which a frozen stream packs once: a step of one example takes
as long as reading its weights, of which there are half or a quarter of the bytes. They are widened in registers, and
everything else is in float32.

========= ================== ======================================= ==============================
name      operands           computed by                             gives
========= ================== ======================================= ==============================
plain     as they are        vectors                                 one chain, in the order of k
rounded   bfloat16           vectors of float32                      the order of TDPBF16PS
tiled     bfloat16           AMX                                     the same bits as `rounded`
split     sums of two of it  AMX: high·high + low·high + high·low    nearly the digits of float32
paired    weights: bfloat16  vectors of float32                      as `plain`, of these weights
scaled    weights: int8      vectors of float32                      a chain from 0, times the scale
========= ================== ======================================= ==============================

>>> TILED.panel_bytes(depth=33, chains=1, lanes=16, item=4) == 2 * TILE
True
"""

from dataclasses import dataclass

DEPTH = 32
"""Elements of a vector that one instruction multiplies."""

TILE = 1024
"""Bytes of a tile: 16 rows of 32 numbers in bfloat16, or of 16 in float32."""

PLAIN_ROWS, ROUNDED_ROWS, READY_ROWS = range(3)
"""The form of the vectors of a product: numbers of the kernel's dtype; bfloat16; or as the products read them."""


@dataclass(frozen=True)
class Products:
    """A way to compute products.

    Attributes:
        name: of the code that computes them.
        rows: the number of rows that are rounded at once, before they are multiplied; 0 if rows are read as they are.
        parts: the numbers in bfloat16 of which an operand is the sum.
        is_tiled: whether AMX computes them.
        weight: the bytes of a narrow weight; 0 if weights are not narrow.
    """

    name: str
    rows: int = 0
    parts: int = 1
    is_tiled: bool = False
    weight: int = 0

    @property
    def rounds(self) -> bool:
        """Whether operands are rounded."""
        return self.rows > 0

    def panel_bytes(self, depth: int, chains: int, lanes: int, item: int, turned: bool = False) -> int:
        """Count the bytes of the packed weights of one vector of columns, of matrices that may be transposed."""
        if self.is_tiled:
            return self.parts * -(-depth // DEPTH) * chains * TILE
        if self is SCALED:
            return (depth + item) * chains * lanes + turned * depth * chains * item
        return (depth + depth % 2 if self.rounds or self is PAIRED else depth) * chains * lanes * (self.weight or item)

    def row_bytes(self, depth: int) -> int:
        """Count the bytes of a rounded row of a vector; 0 if rows are read as they are.

        For AMX they are a share of 16 rows, which lie tile by tile. Elsewhere they are an odd number of cache lines:
        rows whose distance is a power of two evict each other.
        """
        blocks = -(-depth // DEPTH)
        if self.is_tiled:
            return 64 * blocks * self.parts
        return 64 * (2 * blocks + 1) if self.rounds else 0


PLAIN = Products("plain")
ROUNDED = Products("rounded", rows=48)
TILED = Products("tiled", rows=32, is_tiled=True)
SPLIT = Products("split", rows=32, parts=2, is_tiled=True)
PAIRED = Products("paired", weight=2)
SCALED = Products("scaled", weight=1)
