"""Examine how long cells can be taught to remember: what `probe` stands on.

`settings` holds its options, `memory_problems` the problems, `networks` what learns them, `clock` the time that is
left; `exam` holds what was found, and `picture` draws it.

>>> import torch
>>> from elman.tasks.probing.memory_problems import PROBLEMS
>>> examples = PROBLEMS["adding"].draw(100, 3, torch.Generator().manual_seed(1))
>>> examples.inputs.shape, examples.answers.shape
(torch.Size([100, 3, 2]), torch.Size([1, 3]))
"""
