"""Measure how long the memory of cells can become by training: the command `probe`.

`recipe` trains and tests, `settings` holds the options, `problems` the synthetic problems, `networks` the networks,
`clock` the time budget; `exam` holds the results, and `picture` draws them.

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
