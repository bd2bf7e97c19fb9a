"""A model that was trained, as a page: in Node and in a browser it writes what `elman generate` writes."""

import pytest

from browsed import WRITE, run
from programs import needs


@needs("node")
@pytest.mark.slow
def test_a_page_writes_what_the_command_writes(elman, trained, chromium, tmp_path):
    done = elman("export", trained, "-o", "book.html")
    assert done.code == 0, done.err
    said = elman("generate", trained, "--prompt", "the ", "--seed", 1, "--length", 300).out
    page = tmp_path / "book.html"
    case = {"prompt": "the ", "length": 300, "temperature": 0.8, "seed": 1}
    assert "the " + "".join(run(page.read_text(encoding="utf-8"), WRITE, [case])[0]) == said.removesuffix("\n")
    tab = chromium.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function("document.forms[0].onsubmit !== null")
    tab.fill("#prompt", "the ")
    tab.fill("#length", "300")
    tab.click("#button")
    tab.wait_for_selector("#pace:not(:empty)")
    assert tab.text_content("#text") == said.removesuffix("\n")
    tab.close()
