"""Every block of code of the README and of `docs/` runs, and prints what the page shows."""

import pytest

from pages.blocks import PAGES, ROOT, RUN, blocks, differences, matches, scratch
from pages.renew import keep_cuts

SHOWN = ("bash", "text", "yaml")  # what is no code of ours
LONG = tuple(
    f"docs/{name}.md" for name in ("export", *(f"tasks/{k}" for k in ("classify", "compose", "generate", "translate")))
)


def pages():
    """Yield the pages; a long one is for the long suite."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        yield pytest.param(page, id=name, marks=[pytest.mark.slow] if name in LONG else [])


@pytest.fixture
def folder(tmp_path):
    """Work in a folder like that of a reader."""
    with scratch(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("page", list(pages()))
@pytest.mark.usefixtures("folder")
def test_every_block_runs_and_prints_what_the_page_shows(page):
    found = "\n".join(map(str, differences(page)))
    assert not found, found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_has_a_language_that_runs_or_is_plain_text(page):
    text = page.read_text("utf-8")
    found = blocks(text)
    assert 2 * len(found) == text.count("```"), "a fence is never closed, or is indented"
    assert [(b.line, b.language) for b in found if b.language not in (*RUN, *SHOWN)] == []


def test_wrong_output_is_noticed_with_its_line(folder):
    page = folder / "page.md"
    page.write_text("text\n```pycon\n>>> 1 + 1\n3\n```\n```console\n$ echo 7\n7\n$ echo a; echo b\na\n```\n")
    assert [(one.line, one.shown, one.printed) for one in differences(page)] == [
        (3, "3\n", "2\n"),
        (9, "a\n", "a\nb\n"),
    ]


def test_a_block_sees_the_names_and_the_files_of_those_above(folder):
    page = folder / "page.md"
    page.write_text("```python\n# two.py\ntwo = 2\n```\n```pycon\n>>> two + two\n4\n```\n```sh\npython two.py\n```\n")
    assert list(differences(page)) == []


def test_a_block_that_is_left_out_runs_where_its_text_is_given_and_no_other_does(folder):
    page = folder / "page.md"
    page.write_text("```console\n$ echo 1\n2\n```\n<!-- not run: long -->\n```console\n$ echo 3\n4\n```\n")
    assert [one.printed for one in differences(page)] == ["1\n"]
    assert [one.printed for one in differences(page, "echo 3")] == ["3\n"]


def test_a_command_that_fails_is_noticed_though_nothing_is_shown(folder):
    page = folder / "page.md"
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


def test_output_that_is_renewed_stays_cut_where_it_was():
    shown = "read 10 rows\nupdate 50 loss 0.7\n…\nmodel a.bin\n…\n"
    printed = "learnt from 10 rows\nupdate 50 loss 0.9\nupdate 99 loss 0.1\nmodel b.bin\nnext run\n"
    assert keep_cuts(shown, printed) == "learnt from 10 rows\nupdate 50 loss 0.9\n…\nmodel b.bin\n…\n"
