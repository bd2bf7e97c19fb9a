r"""Read the data of a language model: a text, or a folder of classes.

A text becomes one sequence of units. A folder of classes becomes one too: its examples in an order drawn from the seed,
and a class for each unit. In a folder of files a file is a class and each of its lines an
example; in a folder of folders a folder is a class and each of its files an example.

>>> corpus = Corpus("aab\nb\n", ("vowel", "other"), torch.tensor([0, 0, 0, 0, 1, 1]))
>>> corpus.classes[corpus.given[4]]
'other'
"""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from elman.data.text import Source, as_sources, read_text
from elman.errors import DataError
from elman.models.learnt import hash_example
from elman.vocabulary.vocabulary import Vocabulary

_LEAST_CLASSES = 2
_LONGEST_PASSAGE = 200  # characters
_LINE = re.compile(r"[^\n]+")
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")


@dataclass(frozen=True)
class Corpus:
    """A text, with the class of each character.

    Attributes:
        text: all examples, one after the other, each with a line end.
        classes: the names of the classes, in alphabetical order; none for a plain text.
        given: (characters,) the class of each character; None for a plain text.
        starts: the start of each example, and the end of the last; none for a plain text.
    """

    text: str
    classes: tuple[str, ...] = ()
    given: Tensor | None = None
    starts: tuple[int, ...] = ()

    def part(self, start: int, stop: int) -> "Corpus":
        """Return a part of the characters."""
        given = None if self.given is None else self.given[start:stop]
        starts = (0, *(at - start for at in self.starts if start < at < stop), stop - start) if self.starts else ()
        return Corpus(self.text[start:stop], self.classes, given, starts)

    def hash_examples(self) -> list[int]:
        """Hash the examples of the classes, with their class; none for a plain text."""
        return [
            hash_example(self.text[start:stop], self.classes[int(self.given[start])])
            for start, stop in itertools.pairwise(self.starts)
            if self.given is not None and start < stop
        ]

    def choose(self, indices: Sequence[int]) -> "Corpus":
        """Return some of the examples of the classes."""
        assert self.given is not None
        spans = [(self.starts[index], self.starts[index + 1]) for index in indices]
        starts = (0, *itertools.accumulate(stop - start for start, stop in spans))
        text = "".join(self.text[start:stop] for start, stop in spans)
        return Corpus(text, self.classes, torch.cat([self.given[start:stop] for start, stop in spans]), starts)

    def renumbered(self, classes: tuple[str, ...]) -> "Corpus":
        """Return the same examples with the numbers of other classes, which hold those of this one."""
        if self.given is None:
            return self
        return replace(
            self, classes=classes, given=torch.tensor([classes.index(one) for one in self.classes])[self.given]
        )

    def encode(self, vocabulary: Vocabulary) -> tuple[Tensor, Tensor | None]:
        """Turn the text into numbers (N,), and the classes into those of its units (N,)."""
        if self.given is None:
            return vocabulary.encode(self.text), None
        if len(self.text) == 0:
            return vocabulary.encode(""), self.given
        # Examples are encoded one by one, so that no unit belongs to two of them.
        edges = [0, *((self.given[1:] != self.given[:-1]).nonzero().flatten() + 1).tolist(), len(self.text)]
        numbers, given = [], []
        for start, stop in itertools.pairwise(edges):
            numbers.append(vocabulary.encode(self.text[start:stop]))
            given.append(torch.full((len(numbers[-1]),), int(self.given[start])))
        return torch.cat(numbers), torch.cat(given)


def hash_passages(text: str) -> Iterator[int]:
    r"""Hash the passages of a text, by which a model recognises what it was trained on: lines, and parts of long lines.

    >>> len(list(hash_passages("Stay at home.\n\nPlease!\n")))
    2
    """
    return map(hash_example, _cut_passages(text))


def _cut_passages(text: str) -> Iterator[str]:
    for match in _LINE.finditer(text):
        line = match.group().strip()
        sentences = [line] if len(line) <= _LONGEST_PASSAGE else _SENTENCE_END.split(line)
        for sentence in sentences:
            for start in range(0, len(sentence), _LONGEST_PASSAGE):
                yield sentence[start : start + _LONGEST_PASSAGE]


def read_corpus(sources: Source | Sequence[Source], *, seed: int = 1) -> Corpus:
    """Read a text from files or standard input, or a folder of classes.

    Args:
        sources: paths; one folder is read as classes.
        seed: of the order of a folder's examples.

    Raises:
        DataError: a file cannot be read, or a folder has not two classes with an example each.
    """
    paths = as_sources(sources)
    if len(paths) == 1 and Path(paths[0]).is_dir():
        return _read_folder(Path(paths[0]), seed)
    return Corpus(read_text(paths))


def _read_folder(folder: Path, seed: int) -> Corpus:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir() and entry.suffix == ".txt"]
    if folders and files:
        raise DataError(
            f"{folder} holds folders ({folders[0].name}, …) and text files ({files[0].name}, …). "
            "A class is one or the other: keep the files of each class in a folder of its own, or no folders."
        )
    classes = {entry.name: _documents(entry) for entry in folders} or {entry.stem: _lines(entry) for entry in files}
    if len(classes) < _LEAST_CLASSES:
        raise DataError(
            f"{folder} is a folder with {len(classes)} class{'es' if not classes else ''}. Give one with a .txt file "
            f"for each class (a line an example), or a folder for each (a file an example); or name the files: "
            f"{folder / '*.txt'}"
        )
    examples = [(number, text) for number, texts in enumerate(classes.values()) for text in texts]
    random.Random(seed).shuffle(examples)  # noqa: S311 - the same order must come back
    given = torch.cat([torch.full((len(text),), number) for number, text in examples])
    starts = (0, *itertools.accumulate(len(text) for _, text in examples))
    return Corpus("".join(text for _, text in examples), tuple(classes), given, starts)


def _lines(file: Path) -> list[str]:
    lines = [f"{line.strip()}\n" for line in read_text(file).split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{file} has no line with text. Every file is a class, and each of its lines an example.")
    return lines


def _documents(folder: Path) -> list[str]:
    files = sorted(file for file in folder.iterdir() if file.suffix == ".txt")
    if not files:
        raise DataError(f"{folder} has no .txt file. Every folder is a class, and each of its files an example.")
    return [text if text.endswith("\n") else f"{text}\n" for text in map(read_text, files)]
