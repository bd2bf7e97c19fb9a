r"""Notice a quoted cell that holds rows: one quote too many opens a cell, and the next one, far below, closes it.

>>> holds_rows("so good,up\nbad,down\nworse,down\ngood", ",", 2)
True
>>> holds_rows("A line,\nand another one.", ",", 2)
False
"""

import numpy as np

from elman.data.tables.blocks import RowBlock
from elman.phrases import name_some

_FEWEST = 2
_SHARE = 0.8


class SwallowedRows:
    """The cells of a table that seem to hold rows.

    Args:
        delimiter: between cells; None for JSON lines, which have no such cells.
        width: how many cells a row has.
    """

    def __init__(self, delimiter: str | None, width: int) -> None:
        self._delimiter, self._width = delimiter, width
        self._places: list[tuple[int, int]] = []

    def look_at(self, block: RowBlock) -> RowBlock:
        """Look at the cells of rows that take several lines, and return the same block."""
        if self._delimiter is None or self._delimiter == "\t":
            return block
        spans = np.append(np.diff(block.lines), _FEWEST + 2)
        for at in np.flatnonzero(spans > _FEWEST).tolist():
            for cell in block.rows[at]:
                if "\n" in cell and holds_rows(cell, self._delimiter, self._width):
                    first = int(block.lines[at])
                    self._places.append((first, first + sum(other.count("\n") for other in block.rows[at])))
                    break
        return block

    def notes(self, name: str) -> list[str]:
        """Return a note that names the lines, or none."""
        if not self._places:
            return []
        places = name_some([f"lines {first} to {last}" for first, last in self._places])
        advice = "Check the quotes: one may be open, or be a part of the text, where it is written twice."
        return [f"{name} {places}: a cell in quotes holds lines that look like rows. {advice}"]


def holds_rows(cell: str, delimiter: str, width: int) -> bool:
    """Return whether most of the whole lines in a cell have as many delimiters as a row."""
    lines = [line for line in cell.split("\n")[1:-1] if line.strip()]
    like_rows = sum(line.count(delimiter) == width - 1 for line in lines)
    return width > 1 and like_rows >= max(_FEWEST, _SHARE * len(lines))
