"""Write into a page what its code prints now: `.venv/bin/python tests/pages/renew.py docs/cells.md …`.

Only output that differs from the page is replaced. Read what has changed before you keep it, and cut what is long.
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pages.blocks import differences, prepare


def renew(page: Path) -> int:
    """Replace the output that differs, and return how many were."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(prepare(Path(folder)))
        changed = list(differences(page))
        os.chdir("/")
    lines = page.read_text("utf-8").splitlines(keepends=True)
    for one in reversed(changed):
        lines[one.line : one.line + one.shown.count("\n")] = [one.printed]
    page.write_text("".join(lines), encoding="utf-8")
    return len(changed)


if __name__ == "__main__":
    for name in [Path(name).resolve() for name in sys.argv[1:]]:
        print(f"{name}: {renew(name)} outputs replaced")
