r"""The interface between recipes and the server: how requests become examples, and examples answers.

A recipe whose models are served has a file `served.py` with `serve(model) -> Service`. What it reads and writes comes
from the same functions as that of `elman predict`.

>>> Sent("rows", ".jsonl", rows=[{"a": 1}, {"a": None}]).as_lines()
b'{"a": 1}\n{"a": null}\n'
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from elman.errors import ConfigError, DataError, ElmanError
from elman.options import OptionTable, option
from elman.phrases import counted
from elman.tasks.registry import RECIPES, Entry

TABLES = (".csv", ".tsv", ".jsonl")
"""The forms of tables."""


@dataclass(frozen=True)
class Sent:
    """The body of a request: rows, or the content of one file.

    Attributes:
        name: what messages call it.
        suffix: the form of the content, such as `.wav`.
        content: of the file; empty where there are rows.
        rows: the rows, where they came as JSON.
        most_steps: time steps of an example that are allowed.
    """

    name: str
    suffix: str
    content: bytes = b""
    rows: Sequence[Mapping[str, Any]] | None = None
    most_steps: int = 2**31

    def as_lines(self) -> bytes:
        """Return the rows as lines of JSON, or the content."""
        if self.rows is None:
            return self.content
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in self.rows).encode()

    def texts(self, column: str) -> list[str]:
        """Return the texts of one column of the rows.

        Raises:
            DataError: a row lacks it, or has something else there.
        """
        found = []
        for number, row in enumerate(self.rows or (), start=1):
            text = row.get(column)
            if not isinstance(text, str):
                has = f"has {', '.join(map(str, row)) or 'nothing'}"
                raise DataError(f'row {number} {has}, and a text is needed. Write {{"{column}": "..."}}.')
            found.append(text)
        return found

    def check_steps(self, steps: float, place: str) -> None:
        """Refuse an example that is too long.

        Args:
            steps: its characters, its rows, or hundredths of a second of its sound.
            place: what messages call it.

        Raises:
            DataError: it has more steps than are allowed.
        """
        if steps > self.most_steps:
            raise DataError(
                f"{place} has {counted(round(steps), 'step')}, and {self.most_steps:,} are allowed. Cut it."
            )

    @contextmanager
    def in_file(self) -> Iterator[Path]:
        """Put the body into a file, which is removed at the end; errors name it as the sender did."""
        with tempfile.TemporaryDirectory(prefix="elman-") as folder:
            path = Path(folder, f"sent{self.suffix}")
            path.write_bytes(self.as_lines())
            try:
                yield path
            except ElmanError as error:
                raise type(error)(str(error).replace(str(path), self.name).replace(f"{folder}/", "")) from None


class Follower(Protocol):
    """The state of one client of a stream."""

    def take(self, message: str | bytes) -> dict[str, Any]:
        """Read a message, and return what it adds."""

    def end(self) -> dict[str, Any]:
        """Return what was still open."""


@dataclass(frozen=True)
class Service:
    """What the server needs to know about a model.

    Attributes:
        page: the page that is made for it: text, table, tags, series, sound, picture, translate, generate, music.
        read: turns a body into examples; DataError where it is not what the model reads.
        answer: answers examples, each the same alone and together.
        rows: a few rows as it reads them; empty where it reads files alone.
        files: the endings of the files that it reads.
        options: the options of a request.
        facts: what the page shows, such as classes.
        generate: writes a text, in pieces; takes `writes`, and the steps that are allowed.
        writes: the options of `generate`.
        follow: begins a stream; takes `listens`.
        listens: the options of `follow`.
    """

    page: str
    read: Callable[[Sent], Sequence[Any]]
    answer: Callable[[Sequence[Any], Any], Sequence[dict[str, Any]]]
    rows: Sequence[Mapping[str, Any]] = ()
    files: tuple[str, ...] = ()
    options: type[OptionTable] = OptionTable
    facts: Mapping[str, Any] = field(default_factory=dict)
    generate: Callable[[Any, int], Iterator[str]] | None = None
    writes: type[OptionTable] = OptionTable
    follow: Callable[[Any], Follower] | None = None
    listens: type[OptionTable] = OptionTable


@dataclass(frozen=True, kw_only=True)
class SearchWidth(OptionTable):
    """The options of a request to a model that searches for a text."""

    beam: int = option(5, "hypotheses that are kept; 1 is greedy", least=1, most=32)
    nbest: int = option(1, "so many answers for each source", least=1, most=32)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nbest > self.beam:
            raise ConfigError(
                f"nbest is {self.nbest}, and beam is {self.beam}. Keep as many hypotheses, or ask for fewer."
            )


@dataclass(frozen=True, kw_only=True)
class SampleRate(OptionTable):
    """The options of a stream of samples."""

    rate: int | None = option(None, "samples a second; by default those of the model", least=1, most=768_000)


def require_text(message: str | bytes) -> str:
    """Return a message that is a text.

    Raises:
        DataError: it is made of bytes.
    """
    if isinstance(message, bytes):
        raise DataError("Bytes were sent, and this model reads a text. Send it as text.")
    return message


def require_bytes(message: str | bytes) -> bytes:
    """Return a message that is made of samples.

    Raises:
        DataError: it is a text.
    """
    if isinstance(message, str):
        raise DataError("A text was sent, and samples are bytes: 16 bits each, the low byte first. Send these.")
    return message


def serve_model(recipe: Entry, trained: Any) -> Service:
    """Return what the server needs to know about a model.

    Raises:
        ConfigError: models of its task are not served.
    """
    if not recipe.has("served"):
        able = ", ".join(entry.name for entry in RECIPES if entry.has("served"))
        raise ConfigError(f"serve: a model for {recipe.name!r} is not served. Models of {able} are.")
    service: Service = recipe.part("served", "serve")(trained)
    return service
