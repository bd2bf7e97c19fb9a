"""The page of the four kinds of task: the script draws its drawings, and what it does not run the README runs."""

import re
import subprocess
import sys

import pytest

from pages.blocks import ROOT, blocks

PAGE = ROOT / "docs" / "tasks" / "README.md"


@pytest.mark.slow
def test_the_script_draws_the_figures_that_the_page_shows(tmp_path):
    subprocess.run([sys.executable, ROOT / "docs" / "draw_kinds.py", tmp_path], check=True)
    shown = re.findall(r"\]\(\.\./figures/(.*?)\)", PAGE.read_text("utf-8"))
    assert sorted(shown) == sorted(path.name for path in tmp_path.iterdir())
    for name in shown:
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / "figures" / name).read_bytes()


def test_what_the_page_does_not_run_stands_in_the_readme():
    text, readme = PAGE.read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")
    left_out = [block for block in blocks(text) if block.left_out == "the README runs it"]
    assert len(left_out) == 3
    for block in left_out:
        assert [line for line in block.text.splitlines() if line not in readme.splitlines()] == []
