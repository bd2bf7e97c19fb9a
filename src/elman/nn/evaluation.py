"""Run a module without dropout, and restore its mode afterwards.

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
    """Set a module to evaluation inside the block, and restore its mode however the block ends."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
