"""Write the code that is the same for all cells, when it is not in the cache.

The emitters are imported here, at their first use: that takes longer than loading compiled code.

>>> from elman.backends.llvm.products import PLAIN
>>> from elman.backends.llvm.target import host
>>> "define" in write_packing(host(), "float32", PLAIN)
True
"""

from elman.backends.llvm.products import Products
from elman.backends.llvm.target import Target


def write_packing(made_for: Target, dtype: str, products: Products) -> str:
    """Write the code that packs weights."""
    if products.is_tiled:
        from elman.backends.llvm.emit.tiled import emit_tiled_packing

        return emit_tiled_packing(made_for, products.parts)
    if products.rounds:
        from elman.backends.llvm.emit.rounded import emit_rounded_packing

        return emit_rounded_packing(made_for, dtype)
    from elman.backends.llvm.emit.packing import emit_packing

    return emit_packing(made_for, dtype)


def write_tiles(made_for: Target, dtype: str, chains: int, products: Products) -> str:
    """Write the tiles for a number of chains, of packed weights."""
    if products.is_tiled:
        from elman.backends.llvm.emit.tiled import emit_tiled

        return emit_tiled(made_for, chains, products.parts)
    if products.rounds:
        from elman.backends.llvm.emit.rounded import emit_rounded_tiles

        return emit_rounded_tiles(made_for, dtype, chains)
    if products.weight:
        from elman.backends.llvm.emit.widened import emit_widened_tiles

        return emit_widened_tiles(made_for, dtype, chains, products.weight)
    from elman.backends.llvm.emit.tiles import emit_tiles

    return emit_tiles(made_for, dtype, chains)


def write_unpacked(made_for: Target, dtype: str) -> str:
    """Write the tiles that read weights from the caller's memory."""
    from elman.backends.llvm.emit.unpacked import emit_unpacked

    return emit_unpacked(made_for, dtype)
