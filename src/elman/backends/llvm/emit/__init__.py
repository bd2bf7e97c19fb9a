"""Emit the code of a plan as text that LLVM reads.

`code` writes single instructions and loops, `math` the functions that LLVM lacks. `packing` lays weights out for
`tiles`, which multiply; `unpacked` multiplies by weights that lie where the caller keeps them. `passes` computes what
is pointwise, `driver` walks over time, and `teams` divides columns among threads that meet.

>>> from elman.backends.llvm.emit.tiles import emit_tiles
>>> from elman.backends.llvm.target import host
>>> "define" in emit_tiles(host(), "float32", 2)
True
"""
