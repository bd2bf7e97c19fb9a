r"""Write layers and models as modules of WebAssembly, without a linker, and run them once.

`memory` gives arrays their addresses, `code` writes functions as LLVM IR, `step` one time step of a layer, and `linker`
makes the file. `layer` is a whole layer, `runs` are the layers of a model; `running` runs them in Wasmtime.

>>> import elman
>>> from elman.export.network import take
>>> from elman.export.wasm.layer import write_module
>>> write_module(take(elman.nn.GRU(3, 5)), {})[:4]
b'\x00asm'
"""
