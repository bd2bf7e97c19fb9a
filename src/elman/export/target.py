"""Refuse a target before anything is computed, and put a file there once it is verified.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     choose(Path(folder, "net.onnx"), {"onnx": ".onnx", "c": ".c"}).form
'onnx'
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elman.errors import ConfigError
from elman.paths import check_path
from elman.writing import write_whole

if TYPE_CHECKING:
    from elman.export.checking import Agreement


@dataclass(frozen=True)
class TargetFile:
    """A file that will be written, and its form."""

    path: Path
    form: str

    def put(self, content: bytes) -> None:
        """Write the file whole or not at all."""
        write_whole(self.path, content)


@dataclass(frozen=True)
class ExportedFiles:
    """What was written.

    Attributes:
        files: the files.
        holds: what is in them, in words.
        agreement: how far the part that is farthest is from the model; None where nothing could run it.
        note: what is not in them; empty where nothing is missing.
        cards: the cards beside them.
    """

    files: tuple[Path, ...]
    holds: str
    agreement: "Agreement | None"
    note: str = ""
    cards: tuple[Path, ...] = ()


def choose(
    path: str | os.PathLike[str], endings: Mapping[str, str], form: str | None = None, force: bool = False
) -> TargetFile:
    """Choose the form of a file, and check that it can be put where it is wanted.

    Args:
        path: the file.
        endings: of each form.
        form: one of them; None to take that of the path's ending.
        force: replace a file that is there.

    Raises:
        ConfigError: the form is unknown, the target is a folder or exists, or its folder does not.
    """
    target = check_path(path, "the export")
    known = ", ".join(f"{name} ({ending})" for name, ending in endings.items())
    if form is None:
        form = next((name for name, ending in endings.items() if target.name.endswith(ending)), None)
        if form is None:
            raise ConfigError(
                f"export: the ending of {target} names no form. There are: {known}. Choose one with --to."
            )
    if form not in endings:
        raise ConfigError(f"export: the form {form!r} is unknown. There are: {known}.")
    if target.is_dir():
        raise ConfigError(f"export: {target} is a folder. Name a file in it: {target / ('model' + endings[form])}.")
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"export: there is no folder {target.parent}. Make it, or choose another place.")
    refuse_present(target, force)
    return TargetFile(target, form)


def refuse_present(path: Path, force: bool) -> None:
    """Refuse to replace a file unless that is wanted.

    Raises:
        ConfigError: there is one and `force` is False, or the place is a folder.
    """
    if path.is_dir():
        raise ConfigError(f"export: {path} is a folder, and a file goes there. Choose another name.")
    if path.exists() and not force:
        raise ConfigError(f"export: {path} exists. Choose another name, or replace it with --force (force=True).")


def name_part(path: Path, part: str) -> Path:
    """Return the file of a part of a model.

    >>> name_part(Path("de.onnx"), "encoder").name, name_part(Path("de.onnx"), "").name
    ('de.encoder.onnx', 'de.onnx')
    """
    return path.with_name(f"{path.stem}.{part}{path.suffix}") if part else path


def card_of(path: Path) -> Path:
    """Return the file of the card beside a file."""
    return Path(f"{path}.json")


def header_of(path: Path) -> Path:
    """Return the header beside an object file.

    >>> header_of(Path("net.o")).name
    'net.h'
    """
    return path.with_suffix(".h")
