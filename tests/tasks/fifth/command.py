"""The command line with a fifth recipe: its folder is `ones` beside this file, and it has one line in the registry.

Commands are read from standard input, a JSON list of lists; written is a JSON list of what each gave.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import elman.tasks
from elman.tasks import registry

elman.tasks.__path__.append(str(Path(__file__).parent))
registry.RECIPES += (registry.Entry("ones"),)


def give(arguments: list[str]) -> dict:
    """Run one command."""
    from elman.cli import main

    sys.argv, out, told, code = ["elman", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    return {"code": code, "out": out.getvalue(), "told": told.getvalue()}


if __name__ == "__main__":
    print(json.dumps([give(arguments) for arguments in json.load(sys.stdin)]))
