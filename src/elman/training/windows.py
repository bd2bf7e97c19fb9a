"""Cut one long text into the windows of truncated BPTT.

The text is divided into B parallel streams, each a contiguous piece, and read from left to right in windows of T time
steps. The state of stream b at the end of a window is its state at the start of the next, so the model has much more
context than its gradient crosses.

>>> import torch
>>> window = Streams(torch.arange(8), batch=2).window(0, 2)
>>> window.inputs.tolist(), window.targets.tolist()       # time-major: (T, B)
([[0, 3], [1, 4]], [[1, 4], [2, 5]])
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from elman.errors import ConfigError, DataError


class Window(NamedTuple):
    """The tensors of one window, each (T, B).

    Attributes:
        inputs: the units that the model reads.
        targets: the units that follow them.
        given: the class that each target belongs to; None where there are no classes.
    """

    inputs: Tensor
    targets: Tensor
    given: Tensor | None


def truncation_windows(steps: int, window: int, first: int | None = None) -> list[range]:
    """Cut a sequence into the windows of truncated BPTT.

    A gradient stops at the left edge of its window; the state does not.

    Args:
        steps: number of time steps T of the sequence.
        window: most time steps a gradient may cross.
        first: time steps of the first window, if it is to have another length.

    Raises:
        ConfigError: `window` is below 1.

    >>> truncation_windows(7, 3)
    [range(0, 3), range(3, 6), range(6, 7)]
    >>> truncation_windows(7, 3, first=2)
    [range(0, 2), range(2, 5), range(5, 7)]
    """
    if window < 1:
        raise ConfigError(f"A window of {window} time steps has no room for a gradient. Use a window of 1 or more.")
    edges = [0, *range(first or window, steps, window), steps]
    return [range(start, stop) for start, stop in itertools.pairwise(edges) if stop > start]


def first_windows(steps: int, window: int) -> range:
    """Return the possible lengths of the first window, for which every epoch has the same number of windows.

    The last window is short as well; the two share the steps that are left when all others are full.

    Args:
        steps: number of time steps T of the sequence.
        window: most time steps a gradient may cross.

    >>> first_windows(17, 5), first_windows(19, 5)
    (range(2, 6), range(1, 4))
    """
    last = (steps - 1) % window + 1
    return range(1, last) if 2 * last > window and last > 1 else range(last, window + 1)


class Streams:
    """N units as B parallel streams of (N-1)//B time steps.

    The target of a step is the unit after it, so N units make N-1 steps; up to B-1 of them at the end are left out, so
    that all streams have the same length.

    Args:
        numbers: (N,) the numbers of the units, int64.
        batch: B, the number of streams.
        given: (N,) the class that each unit belongs to, where there are classes.

    Raises:
        ConfigError: `batch` is below 1.
        DataError: the text has no step for each stream.
    """

    def __init__(self, numbers: Tensor, batch: int, given: Tensor | None = None) -> None:
        if batch < 1:
            raise ConfigError(f"A batch of {batch} streams is empty. Use a batch of 1 or more.")
        steps = (len(numbers) - 1) // batch
        if steps < 1:
            raise DataError(
                f"The text has {len(numbers)} units, too few for {batch} streams of one step each. "
                f"Give more text, or a smaller batch."
            )
        self.steps = steps
        self.batch = batch
        self._inputs = numbers[: steps * batch].view(batch, steps).t()
        self._targets = numbers[1 : steps * batch + 1].view(batch, steps).t()
        self._given = None if given is None else given[1 : steps * batch + 1].view(batch, steps).t()

    def window(self, start: int, stop: int) -> Window:
        """Return the steps from `start` to `stop`, each (stop - start, B)."""
        given = None if self._given is None else self._given[start:stop]
        return Window(self._inputs[start:stop], self._targets[start:stop], given)

    def windows(self, window: int, first: int | None = None) -> Iterator[Window]:
        """Yield one window after the other, each of T <= `window` steps; the first may have another length."""
        for steps in truncation_windows(self.steps, window, first):
            yield self.window(steps.start, steps.stop)
