"""Cut one long text into the windows of truncated BPTT.

The text is laid out as B parallel streams, each a contiguous piece, and read from left to right in windows of T time
steps: the state of stream b at the end of a window is its state at the start of the next, so that the model reads far
more context than its gradient crosses.

>>> import torch
>>> inputs, targets = Streams(torch.arange(8), batch=2).window(0, 2)
>>> inputs.tolist(), targets.tolist()       # time-major: (T, B)
([[0, 3], [1, 4]], [[1, 4], [2, 5]])
"""

from collections.abc import Iterator

from torch import Tensor

from elman.errors import ConfigError, DataError


def truncation_windows(steps: int, window: int) -> list[range]:
    """Cut a sequence into the windows of truncated BPTT.

    A gradient stops at the left edge of its window; the state does not.

    Args:
        steps: number of time steps T of the sequence.
        window: most time steps a gradient may cross.

    Raises:
        ConfigError: `window` is below 1.

    >>> truncation_windows(7, 3)
    [range(0, 3), range(3, 6), range(6, 7)]
    """
    if window < 1:
        raise ConfigError(f"A window of {window} time steps has no room for a gradient. Use a window of 1 or more.")
    return [range(start, min(start + window, steps)) for start in range(0, steps, window)]


class Streams:
    """Lay out N characters as B parallel streams of (N-1)//B time steps.

    The target of a step is the character after it, so N characters make N-1 steps; up to B-1 of them at the very end
    are left out, so that all streams have one length.

    Args:
        numbers: (N,) the numbers of the characters, int64.
        batch: B, how many streams are read at once.

    Raises:
        ConfigError: `batch` is below 1.
        DataError: the text has no step for each stream.
    """

    def __init__(self, numbers: Tensor, batch: int) -> None:
        if batch < 1:
            raise ConfigError(f"A batch of {batch} streams is empty. Use a batch of 1 or more.")
        steps = (len(numbers) - 1) // batch
        if steps < 1:
            raise DataError(
                f"The text has {len(numbers)} characters, too few for {batch} streams of one step each. "
                f"Give more text, or a smaller batch."
            )
        self.steps = steps
        self.batch = batch
        self._inputs = numbers[: steps * batch].view(batch, steps).t()
        self._targets = numbers[1 : steps * batch + 1].view(batch, steps).t()

    def window(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of the steps from `start` to `stop`, each (stop - start, B)."""
        return self._inputs[start:stop], self._targets[start:stop]

    def windows(self, window: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets of one window after the other, each (T, B) with T <= `window`."""
        for steps in truncation_windows(self.steps, window):
            yield self.window(steps.start, steps.stop)
