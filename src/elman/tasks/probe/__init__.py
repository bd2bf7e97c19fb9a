"""Examine how long cells can be taught to remember: the command `probe`.

`recipe` examines, `settings` holds its options, `problems` the problems, `networks` what learns them, `clock` the time
that is left; `exam` holds what was found, and `picture` draws it.

>>> import torch
>>> from elman.tasks.probe.problems import PROBLEMS
>>> examples = PROBLEMS["adding"].draw(100, 3, torch.Generator().manual_seed(1))
>>> examples.inputs.shape, examples.answers.shape
(torch.Size([100, 3, 2]), torch.Size([1, 3]))
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.probe.recipe import probe

__all__ = ["probe"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
