"""Load compiled code, lay out what it reads, and call it.

`engine` compiles what was emitted, or takes it from the `cache` on the disk. `kernel` finds the code of a program's
direction and lays out its arguments, `frames` fills them for a run, `memory` lends it workspaces, `threads` runs it
on several cores. `gradients` adds up what the mirror leaves for each weight, `stream` keeps everything ready for
single steps.

>>> import torch
>>> from elman.autodiff import derive
>>> from elman.backends.llvm.run.kernel import find_kernel
>>> from elman.cells import gru
>>> find_kernel(derive(gru), "forward", False, torch.float32).item  # bytes of an element
4
"""
