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

from elman.errors import ConfigError
from elman.paths import check_path
from elman.writing import write_whole


@dataclass(frozen=True)
class TargetFile:
    """A file that will be written, and its form."""

    path: Path
    form: str

    def put(self, content: bytes) -> None:
        """Write the file whole or not at all."""
        write_whole(self.path, content)


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
    if target.exists() and not force:
        raise ConfigError(f"export: {target} exists. Choose another name, or replace it with --force (force=True).")
    return TargetFile(target, form)
