"""Emit the code of a plan as text that LLVM reads.

`code` writes single instructions and loops, `math` the functions that LLVM lacks. `packing` copies weights into the
order in which `tiles` reads and multiplies them; `unpacked` multiplies by weights in the caller's memory. `passes`
computes pointwise work and sums, `driver` the loop over time, and `teams` divides columns among threads, with barriers;
`weight_sums` adds up the gradients of weights.
`product`, `attention` and `likeliest` are what models need beside cells. Each chapter shows the emitted loop as C, with
``lanes`` elements in a vector.

>>> from elman.backends.llvm.emit.tiles import emit_tiles
>>> from elman.backends.llvm.target import host
>>> "define" in emit_tiles(host(), "float32", 2)
True
"""
