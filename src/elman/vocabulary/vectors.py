r"""Read word vectors, as word2vec and GloVe write them: a word and its numbers a line, with spaces between.

The first line may give the numbers of words and of dimensions. A word may hold spaces, so the numbers are counted from
the end of a line. Only the vectors of wanted words are kept, and a file is never in memory as a whole.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "vectors.txt")
...     _ = file.write_text("3 2\nSo 1 2\nnew york 0.5 -1\nso 3 4\n")
...     found = read_vectors(file, ["so", "york", "new york"])
>>> found.size, {word: numbers.tolist() for word, numbers in found.vectors.items()}
(2, {'so': [3.0, 4.0], 'new york': [0.5, -1.0]})
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.files import open_unpacked
from elman.errors import ConfigError, DataError
from elman.phrases import counted, format_share

MOST_NUMBERS = 10_000
"""Of a vector."""

_LONGEST_LINE = 2**20  # bytes
_SPACES = b" \t\r\n"


@dataclass(frozen=True)
class WordVectors:
    """The vectors of some words.

    Attributes:
        name: of the file.
        size: numbers of a vector.
        vectors: (size,) float32 by word, of the wanted words that the file has.
        wanted: how many words were wanted.
        oddities: what a user should know of the file, such as words that occur twice.
    """

    name: str
    size: int
    vectors: Mapping[str, NDArray[np.float32]]
    wanted: int
    oddities: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say how many words were found."""
        share = format_share(len(self.vectors) / self.wanted)
        odd = "".join(f"; {one}" for one in self.oddities)
        found = f"{len(self.vectors):,} of {self.wanted:,} words ({share})"
        return f"{self.name} has vectors of {self.size:,} numbers for {found}{odd}"

    def check_size(self, embedding: int | None, usual: int | None) -> None:
        """Check that no other size of the embedding was requested.

        Args:
            embedding: the size that the settings have.
            usual: that of the settings where none is requested.

        Raises:
            ConfigError: another size was requested.
        """
        if embedding not in (usual, self.size):
            raise ConfigError(
                f"embedding is {embedding}, and the vectors of {self.name} have {self.size:,} numbers, which decide "
                "it. Drop the option."
            )

    def fill(self, table: Tensor, words: Sequence[str | None], deviation: float | None = None) -> None:
        """Write the vectors into the rows of an embedding; the rows of other words keep their values.

        Args:
            table: (rows, size).
            words: of each row; None for a row without a word.
            deviation: what the vectors are scaled to, about 0; None to leave them as they are.
        """
        rows = {row: self.vectors[word] for row, word in enumerate(words) if word is not None and word in self.vectors}
        found = torch.from_numpy(np.stack(list(rows.values()))).to(table)
        if deviation is not None:
            found = found * (deviation / float(found.std(correction=0).clamp(min=1e-12)))
        with torch.no_grad():
            table[torch.tensor(list(rows), device=table.device)] = found


def read_vectors(path: str | Path, words: Sequence[str]) -> WordVectors:
    """Read the vectors of some words.

    A word that differs in capitals alone has the vector of its own spelling, else that of the first other one.

    Args:
        path: a text, which may be packed by gzip.
        words: all different.

    Raises:
        DataError: the file cannot be read, a line is no word with as many numbers as the others, a number of a wanted
            word cannot be read, or no word is wanted.
    """
    with open_unpacked(Path(path)) as file:
        return _VectorReader(str(path), words).read(file)


class _VectorReader:
    """Reader of one file of vectors."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        self._name, self._words = name, words
        self._wanted = set(words)
        self._folded = {word.lower() for word in words}
        self._exact: dict[str, NDArray[np.float32]] = {}
        self._others: dict[str, NDArray[np.float32]] = {}
        self._size = 0
        self._twice = self._unreadable = 0

    def read(self, file: BinaryIO) -> WordVectors:
        announced, count = None, 0
        for number, line in enumerate(self._lines(file), 1):
            if number == 1 and (header := _read_header(line)):
                announced, self._size = header
                self._check_size(number)
                continue
            if not self._size:
                self._size = _count_numbers(line)
                self._check_size(number)
            self._take(line, number)
            count += 1
        vectors = {}
        for word in self._words:
            vector = self._exact.get(word, self._others.get(word.lower()))
            if vector is not None:
                vectors[word] = vector
        if not vectors:
            raise DataError(
                f"{self._name} has {counted(count, 'vector')}, and none of a word of the data. Give vectors of their "
                "language, of words as they are written there."
            )
        return WordVectors(self._name, self._size, vectors, len(self._words), self._oddities(announced, count))

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise DataError(
                    f"{self._name} line {number} has a megabyte or more. Give a word and its numbers a line."
                )
            yield line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line

    def _take(self, line: bytes, number: int) -> None:
        parts = line.rstrip(_SPACES).rsplit(None, self._size)
        if len(parts) != self._size + 1 or not parts[0]:
            raise DataError(
                f"{self._name} line {number} has {counted(max(0, len(parts) - 1), 'number')} behind a word, and "
                f"{self._size:,} were expected. Correct it; if the file was cut off, copy it again."
            )
        try:
            word = parts[0].decode()
        except UnicodeDecodeError:
            self._unreadable += 1
            return
        low = word.lower()
        if low not in self._folded:
            return
        self._twice += word in self._exact
        if word in self._wanted and word not in self._exact:
            self._exact[word] = self._read_numbers(parts[1:], word, number)
        elif low not in self._others:
            self._others[low] = self._read_numbers(parts[1:], word, number)

    def _read_numbers(self, parts: Sequence[bytes], word: str, number: int) -> NDArray[np.float32]:
        try:
            vector = np.array([float(part) for part in parts], np.float64)
        except ValueError as error:
            reason = str(error).rpartition(":")[2].strip().removeprefix("b")
            raise DataError(
                f"{self._name} line {number}, word {word[:40]!r}: {reason} is no number. Correct it."
            ) from None
        if not (np.abs(vector) < np.finfo(np.float32).max).all():
            raise DataError(f"{self._name} line {number}, word {word[:40]!r}: a number is not finite. Correct it.")
        return vector.astype(np.float32)

    def _check_size(self, number: int) -> None:
        if not 1 <= self._size <= MOST_NUMBERS:
            raise DataError(
                f"{self._name} line {number}: vectors have 1 to {MOST_NUMBERS:,} numbers behind a word, and here are "
                f"{self._size:,}. Give vectors in the text form of word2vec or GloVe."
            )

    def _oddities(self, announced: int | None, count: int) -> tuple[str, ...]:
        odd = []
        if announced not in (None, count):
            odd.append(f"its first line says {announced:,} vectors, and it has {count:,}")
        if self._twice:
            odd.append(f"{counted(self._twice, 'line')} of a word that was there before, whose first vector is taken")
        if self._unreadable:
            odd.append(f"{counted(self._unreadable, 'word is', 'words are')} not UTF-8 and left out")
        return tuple(odd)


def _read_header(line: bytes) -> tuple[int, int] | None:
    """Return the numbers of words and of dimensions, if a line has them alone."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 12 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _count_numbers(line: bytes) -> int:
    """Count the numbers at the end of a line, behind a word of at least one part."""
    parts = line.split()
    count = 0
    for part in reversed(parts[1:]):
        try:
            is_number = math.isfinite(float(part))
        except ValueError:
            is_number = False
        if not is_number:
            break
        count += 1
    return count
