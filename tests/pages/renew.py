"""Write into a page what its code prints now: `.venv/bin/python tests/pages/renew.py docs/cells.md …`.

Only output that differs from the page is replaced, and what was cut there (`…` alone on a line) stays cut. Read what
has changed before you keep it. Blocks that are not run otherwise run where a text of theirs is given:
`.venv/bin/python tests/pages/renew.py docs/cluster.md --only "bench cluster"`.
"""

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pages.blocks import differences, matches, scratch

CUT = "…"


def renew(page: Path, only: str | None = None) -> int:
    """Replace the output that differs, and return how many were; `only` as in :func:`pages.blocks.differences`."""
    with tempfile.TemporaryDirectory() as folder, scratch(Path(folder)):
        changed = list(differences(page, only))
    lines = page.read_text("utf-8").splitlines(keepends=True)
    for one in reversed(changed):
        lines[one.line : one.line + one.shown.count("\n")] = [keep_cuts(one.shown, one.printed)]
    page.write_text("".join(lines), encoding="utf-8")
    return len(changed)


def keep_cuts(shown: str, printed: str) -> str:
    """Cut printed lines where shown ones were cut: each line that was kept is found again by its likeness."""
    lines, kept, at, cut = printed.splitlines(), [], 0, False
    for line in shown.splitlines():
        if line == CUT:
            cut = True
            continue
        alike = [difflib.SequenceMatcher(None, line, other).ratio() for other in lines[at:]]
        if max(alike, default=0.0) < 0.5:
            continue
        found = at + alike.index(max(alike))
        kept += [CUT] if cut else lines[at:found]
        kept.append(line if matches(line, lines[found], roughly=True) else lines[found])
        at, cut = found + 1, False
    return "".join(f"{line}\n" for line in [*kept, *([CUT] if cut else lines[at:])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=lambda name: Path(name).resolve(), metavar="PAGE")
    parser.add_argument("--only", metavar="TEXT", help="run the blocks with this text, and no others")
    given = parser.parse_args()
    for one in given.pages:
        print(f"{one}: {renew(one, given.only)} outputs replaced")
