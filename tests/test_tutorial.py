"""Run the tutorial `docs/bptt.md` from top to bottom, and hold its prose and its figures to what the code prints."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "bptt.md"
CODE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def as_found():
    """Undo what the page changes for all of torch."""
    kept = torch.get_default_dtype()
    yield
    torch.set_default_dtype(kept)
    torch.set_printoptions(profile="default")


def code_alone(text: str) -> str:
    """Blank everything but the code, so that a failure names the line of the page."""
    lines = [""] * text.count("\n")
    for block in CODE.finditer(text):
        first = text.count("\n", 0, block.start(1))
        body = block[1].splitlines()
        lines[first : first + len(body)] = body
    return "\n".join(lines) + "\n"


@pytest.mark.usefixtures("as_found")
def test_every_number_that_the_code_prints_is_the_one_on_the_page():
    test = doctest.DocTestParser().get_doctest(code_alone(PAGE.read_text("utf-8")), {}, "bptt.md", str(PAGE), 0)
    assert len(test.examples) > 80
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.failed == 0, "".join(said)


def test_a_wrong_number_on_the_page_is_noticed():
    page = "text\n```pycon\n>>> 1 + 1\n3\n```\n"
    test = doctest.DocTestParser().get_doctest(code_alone(page), {}, "page", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda said: None).failed == 1


def test_every_long_number_of_the_prose_was_printed_by_the_code():
    text = PAGE.read_text("utf-8")
    printed = "".join(block[1] for block in CODE.finditer(text))
    missing = [n for n in re.findall(r"\d\.\d{3,}", CODE.sub("", text)) if n not in printed]
    assert missing == []


def test_the_script_draws_the_figures_that_the_page_shows(tmp_path):
    subprocess.run([sys.executable, DOCS / "draw_bptt.py", tmp_path], check=True)
    shown = re.findall(r"\]\(figures/(.*?)\)", PAGE.read_text("utf-8"))
    assert sorted(shown) == sorted(path.name for path in tmp_path.iterdir())
    for name in shown:
        for drawn in (tmp_path / name, DOCS / "figures" / name):
            assert "prefers-color-scheme: dark" in drawn.read_text("utf-8"), drawn
