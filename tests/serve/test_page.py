"""The page in a browser, used as a person would: typed, pasted, chosen, by keyboard, light and dark, wide, narrow."""

import re
import subprocess
import sys

import pytest

import elman

TOKEN = "0123456789abcdef-GHI"
UNNAMED = """
[...document.querySelectorAll("input, select, textarea, button, img, audio, svg[role=img], [role=region]")]
    .filter((one) => one.getClientRects().length)
    .filter((one) => !(one.labels && one.labels.length) && !one.getAttribute("aria-label") && !one.getAttribute("alt"))
    .filter((one) => !(one.tagName === "BUTTON" && one.textContent.trim()))
    .map((one) => one.outerHTML)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(folder):
    """The address of a process that serves all models, with a token."""
    paths = sorted(map(str, folder.glob("*.model")))
    command = [sys.executable, "-m", "elman", "serve", *paths, "--port", "0", "--token", TOKEN]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        yield next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/", line)))
        process.terminate()


@pytest.fixture
def visit(chromium, address):
    """Open the page of a model; return it, and what went wrong on it."""
    opened = []

    def make(name="text", token=TOKEN, **context):
        tab = chromium.new_context(**context).new_page()
        opened.append(tab)
        tab.wrong = []
        tab.set_default_timeout(20_000)
        tab.on("console", lambda message: message.type == "error" and tab.wrong.append(message.text))
        tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
        go_to(tab, f"{address}#{name}")
        tab.wait_for_selector("#entry:not([hidden])")
        tab.fill("#token", token)
        tab.keyboard.press("Enter")
        if token == TOKEN:
            tab.wait_for_selector("#work > form")
            tab.wrong.clear()  # of the first request, which had no token
        return tab

    yield make
    for tab in opened:
        tab.context.close()


def go_to(tab, address):
    """Open an address; a browser in a container drops a first connection now and then (net::ERR_ABORTED)."""
    from playwright.sync_api import Error

    for tries_left in (2, 1, 0):
        try:
            tab.goto(address)
        except Error as error:
            if not tries_left or "ERR_ABORTED" not in str(error):
                raise
        else:
            return


SCREENS = [
    pytest.param({"color_scheme": "light", "viewport": {"width": 1000, "height": 800}}, id="light, wide"),
    pytest.param({"color_scheme": "dark", "viewport": {"width": 360, "height": 740}}, id="dark, narrow"),
]


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_answers_has_names_for_a_screen_reader_and_fits(screen, visit, folder):
    tab = visit(**screen)
    files = {"sound": "*.wav", "images": "*.png", "rows": "*.png", "speech": "*.wav"}
    for name in tab.eval_on_selector_all("#models option", "all => all.map((one) => one.value)"):
        tab.select_option("#models", name)
        if name in files:
            where = folder / ("images" if name == "rows" else name)
            tab.set_input_files("#file", next(where.rglob(files[name])))
        elif name not in ("character", "word", "subword", "names"):
            tab.click("#work form button")
        tab.wait_for_selector(".chips li" if tab.query_selector(".chips") else ".answer > :not(.soft)")
        assert tab.text_content("#error") == "", name
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert tab.evaluate(UNNAMED) == [], name
        assert name in tab.title()
    assert tab.wrong == []


def test_a_text_is_classified_by_keyboard_alone(visit, folder):
    tab = visit("text")
    tab.focus("#models")
    tab.keyboard.press("Tab")
    tab.keyboard.type("a good one")
    tab.keyboard.press("Control+Enter")
    model = elman.load(folder / "text.model")
    assert tab.wait_for_selector(".big").text_content() == model.predict(["a good one"])[0]
    shares = dict(zip(model.classes, model.probabilities(["a good one"])[0].tolist(), strict=True))
    shown = [row.inner_text().split("\n") for row in tab.query_selector_all(".bar-row")]
    ranked = sorted(shares, key=lambda name: -shares[name])
    assert [[row[0], row[-1]] for row in shown] == [[name, f"{100 * shares[name]:.1f} %"] for name in ranked]
    widths = tab.eval_on_selector_all(".bar i", "all => all.map((one) => one.getBoundingClientRect().width)")
    assert widths[1] / widths[0] == pytest.approx(shares[ranked[1]] / shares[ranked[0]], rel=0.02)


def test_continuations_follow_what_is_typed_and_one_is_taken(visit, folder):
    tab = visit("word")
    tab.fill("#text", "the cat ")
    expected = [text for text, _ in elman.load(folder / "word.model").complete("the cat ", top=6)]
    tab.wait_for_selector(f".chips li:first-child button:has-text('{expected[0]}')")
    shown = [one.evaluate("one => one.firstChild.textContent") for one in tab.query_selector_all(".chips button")]
    assert shown == expected
    tab.focus("#text")
    tab.keyboard.press("Control+Enter")
    assert tab.input_value("#text") == f"the cat {expected[0]}"
    tab.click("#work button:text-is('Write on')")
    tab.wait_for_selector("button.live", state="detached")
    assert len(tab.input_value("#text")) > 100


def test_a_pasted_series_is_drawn_with_its_forecast(visit, folder):
    tab = visit("sales")
    tab.fill("#table", (folder / "sales.csv").read_text())
    tab.click("#work button")
    tab.wait_for_selector("figure.series svg")
    assert [one.text_content() for one in tab.query_selector_all("figcaption")] == ["sales", "visits"]
    lines = tab.eval_on_selector_all("figure:first-of-type path.line", "all => all.map((one) => one.getAttribute('d'))")
    assert [len(re.findall("[ML]", line)) for line in lines] == [8, 5]  # the look-back; its last value and the horizon
    tab.fill("#table", "day,sales\n2024-01-01,1\n")
    tab.click("#work button")
    tab.wait_for_selector("#error:not(:empty)")
    assert "visits" in tab.text_content("#error")


def test_a_token_is_entered_and_a_wrong_one_is_refused(visit):
    tab = visit("text", token="x" * 16)
    tab.wait_for_selector("#error:not(:empty)")
    assert "not the right one" in tab.text_content("#error")
    tab.fill("#token", TOKEN)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#work > form")
    assert tab.text_content("#error") == ""
