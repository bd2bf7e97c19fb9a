"""Read one example of numbers from one file: steps (T, D) that another program wrote.

`.npy` and `.npz` hold an array; `.mfc` is what CMU Sphinx writes; `.csv` is a table of nothing but numbers.
"""

import csv
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.files import read_whole
from elman.data.formats.numpy_files import open_npy, open_npz
from elman.data.text import decode, is_number
from elman.errors import DataError

SUFFIXES = (".npy", ".npz", ".mfc", ".csv")

MFC_VALUES = 13
"""Numbers a frame of an `.mfc` file, which does not record it: Sphinx's default."""

MOST_NUMBERS = 2**27
"""The most numbers of one example, half a GiB as float32."""

_DELIMITERS = (";", "\t", ",")


def read_features(path: Path) -> NDArray[np.float32]:
    """Read the steps of one example.

    One-dimensional arrays become steps of one number. A `.csv` may have a header, and commas, semicolons or
    tabs between its numbers.

    Returns:
        (T, D), T ≥ 1, D ≥ 1, all finite.

    Raises:
        DataError: the file is missing, empty, damaged or of another format, is not of one or two dimensions, or has a
            number that is NaN, infinite or beyond float32; the message names the step or line.
    """
    read = {".npy": _read_npy, ".npz": _read_npz, ".mfc": _read_mfc, ".csv": _read_csv}.get(path.suffix.lower())
    if read is None:
        raise DataError(f"{path} is no file of features. Name one that ends in {', '.join(SUFFIXES)}.")
    return as_steps(read(path), str(path))


def as_steps(numbers: NDArray[np.generic], where: str) -> NDArray[np.float32]:
    """Convert an array to steps (T, D) of finite float32.

    Args:
        numbers: (T, D) or (T,).
        where: its name in messages.

    Raises:
        DataError: it is text, empty, of other dimensions, has more than `MOST_NUMBERS`, or a number that is no finite
            float32.

    >>> as_steps(np.array([1, 2, 3]), "gait.npy").shape
    (3, 1)
    """
    if numbers.dtype.kind not in "biuf":
        raise DataError(f"{where} is of {numbers.dtype}. Save numbers.")
    if numbers.ndim not in (1, 2) or 0 in numbers.shape:
        raise DataError(
            f"{where} has the shape {numbers.shape}. One example is (T, D) or (T,), with at least one step."
        )
    if numbers.size > MOST_NUMBERS:
        raise DataError(
            f"{where} has the shape {numbers.shape}, and one example may have {MOST_NUMBERS:,} numbers. "
            "Cut it into several examples."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.array(numbers, np.float32).reshape(len(numbers), -1)
    wrong = np.flatnonzero(~np.isfinite(steps).all(axis=1))
    if len(wrong):
        rows = ", ".join(f"{row:,}" for row in wrong[:3]) + (", …" if len(wrong) > 3 else "")
        raise DataError(
            f"{where}: a number is NaN, infinite or too large for float32 in {len(wrong):,} of {len(steps):,} steps: "
            f"{rows} (from 0). Replace it, or remove the step."
        )
    return steps


def _read_npy(path: Path) -> NDArray[np.generic]:
    return open_npy(path).read()


def _read_npz(path: Path) -> NDArray[np.generic]:
    members = list(open_npz(path).values())
    if len(members) > 1:
        raise DataError(
            f"{path} has {len(members)} arrays: {', '.join(member.name for member in members)}. "
            "As one example it needs exactly one; as a set of examples, name the file itself and not its folder."
        )
    return members[0].read()


def _read_mfc(path: Path) -> NDArray[np.generic]:
    raw = read_whole(path)
    size = len(raw)
    order = next((o for o in (">", "<") if size >= 4 and int(np.frombuffer(raw, f"{o}i4", 1)[0]) * 4 == size - 4), None)
    if order is None:
        raise DataError(
            f"{path} is no .mfc file, or is cut off: its first four bytes are not the count of the "
            f"{(size - 4) / 4:g} numbers that follow, in either byte order. Copy it again, or remove it."
        )
    numbers = np.frombuffer(raw, f"{order}f4", offset=4)
    if len(numbers) % MFC_VALUES or not len(numbers):
        raise DataError(
            f"{path} has {len(numbers):,} numbers, and frames of {MFC_VALUES} do not divide them. "
            "An .mfc file does not tell its frames: save it as .npy of shape (T, D)."
        )
    return numbers.reshape(-1, MFC_VALUES)


def _read_csv(path: Path) -> NDArray[np.generic]:
    lines = decode(read_whole(path), str(path)).split("\n")
    numbered = [(f"{path} line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DataError(f"{path} has only empty lines. Remove it, or copy it again.")
    delimiter = next((mark for mark in _DELIMITERS if mark in numbered[-1][1]), ",")
    rows = [(where, _cells(line, delimiter, where)) for where, line in numbered]
    if not any(is_number(cell) for cell in rows[0][1]):
        del rows[0]
    if not rows:
        raise DataError(f"{path} has a header and no row of numbers. Remove it, or copy it again.")
    return np.array([_numbers(cells, len(rows[0][1]), where) for where, cells in rows])


def _cells(line: str, delimiter: str, where: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{where} is no row of numbers: {error}. Check its quotes.") from None


def _numbers(cells: list[str], width: int, where: str) -> list[float]:
    if len(cells) != width:
        raise DataError(
            f"{where} has {len(cells)} values, and the first row of numbers {width}. Give every row the same."
        )
    wrong = next((cell for cell in cells if not is_number(cell) or not isfinite(float(cell))), None)
    if wrong is not None:
        raise DataError(f"{where} has {wrong[:40]!r} where a number should be. Replace it, or remove the row.")
    return [float(cell) for cell in cells]
