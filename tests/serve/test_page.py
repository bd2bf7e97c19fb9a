"""The page of every task in a browser: it answers, and nothing keeps people from using it, light, dark or narrow."""

import re

import pytest

import elman
from programs import OF_BROWSERS, needs

TOKEN = "0123456789abcdef-GHI"
WIDE, NARROW = {"width": 1000, "height": 800}, {"width": 360, "height": 740}
FILES = {
    "sound": "sound/*/*.wav", "images": "images/*/*.png", "rows": "images/*/*.png", "speech": "speech/*.wav",
}  # fmt: skip
TYPED = {"character": "the c", "word": "the cat ", "subword": "the c", "names": "Al"}
ONE_OF_EACH = (
    "text", "table", "series", "genome", "sound", "images", "words", "sales", "pairs", "speech", "captions",
    "character", "music",
)  # fmt: skip
SERIOUS = """
async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`)
"""

pytestmark = needs(*OF_BROWSERS)


def use(tab, name, folder):
    """Use the page of a model as a person would who has no example of their own."""
    tab.select_option("#models", name)
    if name in FILES:
        tab.set_input_files("#file", min(folder.glob(FILES[name])))
    elif name in TYPED:
        tab.fill("#text", TYPED[name])
    else:
        if name == "music":
            tab.fill("#bars", "1")
        tab.click("#work form button")
    tab.wait_for_selector(".chips li" if name in TYPED else ".answer > :not(.soft)")
    assert tab.text_content("#error") == "", name
    assert name in tab.title()


def look_at(tab, name):
    """Check that a page fits, that what one uses has a name, and that axe finds nothing serious."""
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    assert tab.evaluate(SERIOUS) == [], name


@pytest.mark.parametrize(
    "names", [pytest.param(ONE_OF_EACH, id="one of each"), pytest.param(None, marks=pytest.mark.slow, id="all")]
)
def test_every_page_answers_and_keeps_nobody_out(names, visit, axe, folder):
    tab = visit(script=axe, color_scheme="light", viewport=WIDE)
    listed = tab.eval_on_selector_all("#models option", "all => all.map((one) => one.value)")
    assert set(ONE_OF_EACH) < set(listed)
    for name in names or listed:
        tab.set_viewport_size(WIDE)
        tab.emulate_media(color_scheme="light")
        use(tab, name, folder)
        look_at(tab, name)
        tab.set_viewport_size(NARROW)
        tab.emulate_media(color_scheme="dark")
        look_at(tab, name)
    assert tab.wrong == []
    tab.eval_on_selector_all("label", "all => all.forEach((one) => one.replaceWith(...one.childNodes))")
    assert tab.evaluate(SERIOUS), "axe sees nothing"


@pytest.mark.slow
def test_every_page_that_is_opened_narrow_and_dark_fits(visit, axe, folder):
    tab = visit(script=axe, color_scheme="dark", viewport=NARROW)
    for name in ONE_OF_EACH:
        use(tab, name, folder)
        tab.eval_on_selector_all("details", "all => all.forEach((one) => (one.open = true))")
        look_at(tab, name)
    assert tab.wrong == []


@pytest.mark.slow
def test_a_mistake_and_the_entry_keep_nobody_out(visit, axe):
    tab = visit(script=axe, token="x" * 16, viewport=NARROW)
    tab.wait_for_selector("#error:not(:empty)")
    look_at(tab, "entry")


def test_each_page_says_what_its_model_does(visit):
    tab = visit()
    said = {}
    for name in (*ONE_OF_EACH, "names", "chunks"):
        tab.select_option("#models", name)
        said[name] = re.sub(r" [\d,]+ parameters\.$", "", tab.text_content("#facts"))
    assert said == {
        "text": "Reads a text; answers bad or good (label).",
        "table": "Reads colour, size and weight; estimates price.",
        "series": "Reads a series; answers falls or rises (y).",
        "genome": "Reads a sequence of letters; answers boxed or plain (file).",
        "sound": "Reads a sound; answers high or low (class).",
        "images": "Reads a picture; answers lying or standing (class).",
        "words": "Gives every word of a sentence a tag: ADJ, DET, NOUN or VERB.",
        "chunks": "Gives every word of a sentence a tag: B-from, B-to, I-from, I-to or O. "
        "Gives the sentence a label: fare or flight.",
        "sales": "Forecasts sales and visits, 4 steps ahead.",
        "pairs": "Translates texts.",
        "speech": "Writes down what is said.",
        "captions": "Describes pictures in words, by their features.",
        "character": "Writes texts, character by character.",
        "names": "Writes texts, character by character, as Greek or Irish.",
        "music": "Composes music.",
    }


@pytest.mark.slow
def test_a_token_is_entered_and_a_wrong_one_is_refused(visit):
    tab = visit("text", token="x" * 16)
    tab.wait_for_selector("#error:not(:empty)")
    assert "not the right one" in tab.text_content("#error")
    tab.fill("#token", TOKEN)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#work > form")
    assert tab.text_content("#error") == ""


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_probabilities_are_those_of_the_model_and_drawn_as_long(visit, folder):
    tab = visit("text")
    tab.fill("#text", "a good one")
    tab.keyboard.press("Control+Enter")
    model = elman.load(folder / "text.model")
    assert tab.wait_for_selector(".big").text_content() == model.predict(["a good one"])[0]
    shares = dict(zip(model.classes, model.probabilities(["a good one"])[0].tolist(), strict=True))
    shown = [row.inner_text().split("\n") for row in tab.query_selector_all(".bar-row")]
    ranked = sorted(shares, key=lambda name: -shares[name])
    assert [[row[0], row[-1]] for row in shown] == [[name, f"{100 * shares[name]:.1f} %"] for name in ranked]
    widths = tab.eval_on_selector_all(".bar i", "all => all.map((one) => one.getBoundingClientRect().width)")
    assert widths[1] / widths[0] == pytest.approx(shares[ranked[1]] / shares[ranked[0]], rel=0.02)
