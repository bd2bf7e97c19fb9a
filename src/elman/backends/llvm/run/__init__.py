"""Load compiled code, lay out its arguments, and call it.

`engine` compiles the emitted code, or reads it from the `cache` on the disk. `kernel` finds the code of a program's
direction and lays out its arguments, `frames` fills them for a run, `memory` lends workspaces, `threads` runs the code
on several cores. `gradients` sums the adjoints that the mirror stores for each weight. `calls` prepares small calls,
and `small_sums` their gradients; `stream` prepares single steps, and `steps` those of weights that do not change.
`product`, `attention` and `likeliest` run code that is no cell's.

>>> import torch
>>> from elman.autodiff import derive
>>> from elman.backends.llvm.run.kernel import find_kernel
>>> from elman.cells import gru
>>> find_kernel(derive(gru), "forward", False, torch.float32).item  # bytes of an element
4
"""
