"""Read the likeliest path of CTC as its frames arrive: units when they begin, and with their times when they end.

Nothing that is returned changes by later frames. Of a whole source the units are those of
:func:`elman.decoding.ctc.outputs.read_greedily`; the path is also the likeliest of its text, as an alignment finds it.

>>> import numpy as np
>>> reader = PathReader()
>>> rows = np.log([[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]])
>>> [reader.read(row[None]).begun for row in rows], [(one.unit, one.first, one.behind) for one in reader.end()]
([[1], [], [2]], [(2, 2, 3)])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from elman.decoding.ctc.lattice import AlignedUnit
from elman.decoding.ctc.outputs import Rows


@dataclass(frozen=True)
class PathPart:
    """What some frames add to a text.

    Attributes:
        begun: the units that begin in the frames.
        ended: the units that end in the frames.
    """

    begun: Sequence[int]
    ended: Sequence[AlignedUnit]


class PathReader:
    """A reader of the likeliest path, which keeps no frames.

    Args:
        blank: the number of the blank.
    """

    def __init__(self, blank: int = 0) -> None:
        self._blank = self._unit = blank
        self._time = self._first = 0
        self._log_p = 0.0  # of the unit that is being read

    def read(self, rows: Rows) -> PathPart:
        """Read the next frames, ln P as (T, V)."""
        begun: list[int] = []
        ended: list[AlignedUnit] = []
        for unit, log_p in zip(rows.argmax(axis=1).tolist(), rows.max(axis=1).tolist(), strict=True):
            if unit != self._unit:
                ended += self.end()
                self._unit, self._first, self._log_p = unit, self._time, 0.0
                if unit != self._blank:
                    begun.append(unit)
            self._log_p += log_p
            self._time += 1
        return PathPart(begun, ended)

    def end(self) -> list[AlignedUnit]:
        """Return the unit that is still being read, if there is one."""
        unit, self._unit = self._unit, self._blank
        if unit == self._blank:
            return []
        return [AlignedUnit((unit,), self._first, self._time, math.exp(self._log_p / (self._time - self._first)))]
