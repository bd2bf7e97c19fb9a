r"""Write layers as object files for a processor and a system, through LLVM, and run the same program here.

The functions are those of the file of C, and so are their values. They are written as those of WebAssembly are
(:mod:`elman.export.wasm`), but numbers lie in the caller's memory: `code` finds them there. `targets` are the
processors, `layer` is a whole layer with its header, `loading` runs it in this process.

>>> import elman
>>> from elman.export.network import take
>>> from elman.export.objects.layer import ObjectLayer
>>> from elman.export.objects.targets import find
>>> ObjectLayer(take(elman.nn.GRU(3, 5)), "gru", find("thumbv7em-none-eabihf")).compile()[:4]
b'\x7fELF'
"""
