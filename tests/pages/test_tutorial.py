"""The prose and the figures of the tutorial `docs/bptt.md` agree with what its code prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "bptt.md"
CODE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_long_number_of_the_prose_was_printed_by_the_code():
    text = PAGE.read_text("utf-8")
    printed = "".join(block[1] for block in CODE.finditer(text))
    missing = [n for n in re.findall(r"\d\.\d{3,}", CODE.sub("", text)) if n not in printed]
    assert missing == []


@pytest.mark.slow
def test_the_script_draws_the_figures_that_the_page_shows(tmp_path):
    subprocess.run([sys.executable, DOCS / "draw_bptt.py", tmp_path], check=True)
    shown = re.findall(r"\]\(figures/(.*?)\)", PAGE.read_text("utf-8"))
    assert sorted(shown) == sorted(path.name for path in tmp_path.iterdir())
    for name in shown:
        for drawn in (tmp_path / name, DOCS / "figures" / name):
            assert "prefers-color-scheme: dark" in drawn.read_text("utf-8"), drawn
