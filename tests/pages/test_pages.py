"""Every block of code of the README and of `docs/` runs, and prints what the page shows."""

import pytest
import torch

from pages.blocks import PAGES, ROOT, RUN, blocks, differences, matches, prepare

SHOWN = ("text",)  # what is no code


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Work in an empty folder, and undo what a page changes for all of torch."""
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.chdir(prepare(tmp_path))
    dtype = torch.get_default_dtype()
    yield tmp_path
    torch.set_default_dtype(dtype)
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs_and_prints_what_the_page_shows(page, scratch):
    found = "\n".join(map(str, differences(page)))
    assert not found, found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_has_a_language_that_runs_or_is_plain_text(page):
    text = page.read_text("utf-8")
    found = blocks(text)
    assert 2 * len(found) == text.count("```"), "a fence is never closed, or is indented"
    assert [(b.line, b.language) for b in found if b.language not in (*RUN, *SHOWN)] == []


def test_wrong_output_is_noticed_with_its_line(scratch):
    page = scratch / "page.md"
    page.write_text("text\n```pycon\n>>> 1 + 1\n3\n```\n```console\n$ echo 7\n7\n$ echo a; echo b\na\n```\n")
    assert [(one.line, one.shown, one.printed) for one in differences(page)] == [
        (3, "3\n", "2\n"),
        (9, "a\n", "a\nb\n"),
    ]


def test_a_block_sees_the_names_and_the_files_of_those_above(scratch):
    page = scratch / "page.md"
    page.write_text("```python\n# two.py\ntwo = 2\n```\n```pycon\n>>> two + two\n4\n```\n```sh\npython two.py\n```\n")
    assert list(differences(page)) == []


def test_a_command_that_fails_is_noticed_though_nothing_is_shown(scratch):
    page = scratch / "page.md"
    page.write_text("```sh\nelman cells nonsense\n```\n")
    with pytest.raises(AssertionError, match="nonsense"):
        list(differences(page))


@pytest.mark.parametrize(
    ("shown", "printed", "roughly", "equal"),
    [
        ("loss 0.512", "loss 0.52", True, True),
        ("loss 0.512", "loss 0.52", False, False),
        ("loss 0.512", "loss 0.82", True, False),
        ("97 % of 100", "99 % of 100", True, True),
        ("97 % of 100", "97 % of 101", True, False),
        ("in 0:04, all", "in 1:12:40, all", False, True),
        ("a … z", "a b\nc z", False, True),
        ("a … z", "a b\nc", False, False),
        ("a    b", "a  b\n", False, True),
        ("took 1.5 s", "took 20 ms", False, True),
        ("-1.50", "-1.50", False, True),
        ("x-1", "x-2", True, False),
    ],
)
def test_output_is_compared_by_its_words_and_its_numbers(shown, printed, roughly, equal):
    assert matches(shown, printed, roughly=roughly) is equal
