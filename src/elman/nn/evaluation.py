"""Ask a module without dropout, and leave it in the mode in which it was.

>>> module = nn.Dropout()
>>> with evaluating(module):
...     module.training
False
>>> module.training
True
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a module in evaluation inside the block, whatever ends it."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
