"""Look up a cell by its name, in the zoo or in a Python file."""

import contextlib
import difflib
import os
import runpy
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.errors import CellError
from elman.expr import Cell
from elman.expr.trace import Refused, keeps_refused


def find_in(zoo: Mapping[str, Cell], name: str) -> Cell:
    """Find a cell in a mapping, or in a file if the name is ``FILE.py:NAME``.

    Raises:
        CellError: there is no such cell, no such file, or the file fails.
    """
    file, colon, member = name.rpartition(":")
    if colon and file.endswith(".py"):
        return _find_in_file(Path(file), member)
    if name.endswith(".py") and not Path(name).is_file():
        raise CellError(
            f"cell {name}: there is no file {name}. Give the path of a Python file and a cell: FILE.py:NAME."
        )
    if name.endswith(".py"):
        raise CellError(f"cell {name!r}: a file may define several cells. Give the name of one: {name}:NAME.")
    if name in zoo:
        return zoo[name]
    raise CellError(f"cell {name!r} is unknown.{_suggest(name, zoo)} There are: {', '.join(zoo)}; or FILE.py:NAME.")


def _find_in_file(path: Path, name: str) -> Cell:
    if not path.is_file():
        raise CellError(
            f"cell {path}:{name}: there is no file {path}. Give the path of a Python file that defines {name}."
        )
    defined = _execute(path)
    value = defined.get(name)
    if isinstance(value, Refused):
        raise value.reason
    if isinstance(value, Cell):
        return value
    if value is None:
        cells = {key: value for key, value in defined.items() if isinstance(value, Cell)}
        raise CellError(
            f"cell {path}:{name}: the file does not define {name}.{_suggest(name, cells)} "
            f"Its cells are: {', '.join(cells) or 'none'}."
        )
    raise CellError(
        f"cell {path}:{name}: {name} is a {type(value).__name__}, not a cell. Write @cell above its definition."
    )


def _execute(path: Path) -> dict[str, Any]:
    folder, here = str(path.resolve().parent), Path.cwd()
    kept = keeps_refused.set(True)  # one bad cell does not hide the others
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
            return runpy.run_path(str(path))
    except CellError:
        raise
    except (
        Exception,
        SystemExit,
    ) as reason:  # the user's file may fail in any way; the message says where
        frames = [f for f in traceback.extract_tb(reason.__traceback__) if f.filename == str(path)]
        line = reason.lineno if isinstance(reason, SyntaxError) else (frames[-1].lineno if frames else None)
        raise CellError(
            f"cell file {path}{f', line {line}' if line else ''}: {type(reason).__name__}: {reason}. "
            "Correct the file; it must run on its own."
        ) from reason
    finally:
        keeps_refused.reset(kept)
        os.chdir(here)
        if folder in sys.path:
            sys.path.remove(folder)


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f" Did you mean {close[0]}?" if close else ""
