"""Pages used as a person would: by keyboard alone, files that are dropped, tables that are pasted, a microphone."""

import base64
import csv
import io
import json
import re
import time
import wave

import numpy as np
import pytest

import elman
from answerable import write_tone
from elman.data.formats.sound import read_sound
from programs import OF_BROWSERS, find, needs

pytestmark = [needs(*OF_BROWSERS), pytest.mark.slow]

PITCH = 1900
DROP = """
([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], name));
    const zone = document.querySelector(".drop");
    for (const kind of ["dragenter", "dragover", "drop"])
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true }));
}
"""


KEEP = """
const real = window.fetch;
window.fetch = async (path, options) => {
    const file = options?.body instanceof FormData ? await options.body.get("file").arrayBuffer() : null;
    if (file) window.sent = btoa(new Uint8Array(file).reduce((text, one) => text + String.fromCharCode(one), ""));
    return real(path, options);
};
"""


def drop(tab, path):
    """Drop a file on a page."""
    tab.evaluate(DROP, [path.name, base64.b64encode(path.read_bytes()).decode()])


def answer_of(tab):
    """Wait for the answer, and return its text."""
    tab.wait_for_selector(".answer > :not(.soft)")
    assert tab.text_content("#error") == ""
    return tab.inner_text(".answer")


def until(tab, expression, seconds=20):
    """Wait until an expression is true; Playwright's own way is forbidden by the policy of the page."""
    ends = time.monotonic() + seconds
    while not tab.evaluate(expression):
        assert time.monotonic() < ends, expression
        tab.wait_for_timeout(10)


def tab_to(tab, what, most=20):
    """Press the tab key until something has the focus."""
    for _ in range(most):
        tab.keyboard.press("Tab")
        if tab.evaluate(f"document.activeElement.matches({json.dumps(what)})"):
            assert (
                tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                or tab.evaluate("getComputedStyle(document.activeElement).boxShadow") != "none"
            ), "the focus is not seen"
            return
    pytest.fail(f"the tab key does not reach {what}")


def choose_file(tab, path):
    """Choose a file with the keyboard, where the button for it has the focus."""
    tab_to(tab, "#file")
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press("Space")
    chooser.value.set_files(path)


@pytest.mark.parametrize("name", ["text", "table", "series", "genome", "words", "sales", "pairs", "captions", "music"])
def test_by_keyboard_alone_a_form_is_filled_in_and_sent(name, visit):
    tab = visit(name)
    tab_to(tab, "#work textarea, #work input")
    if name in ("text", "genome", "words", "pairs"):
        tab.keyboard.press("Control+A")
        tab.keyboard.type({"genome": "GATTACA", "pairs": "101"}.get(name, "so good"))
    elif name == "music":
        tab.keyboard.press("Control+A")
        tab.keyboard.type("1")
    tab_to(tab, "#work form .row button")
    tab.keyboard.press("Enter")
    said = answer_of(tab)
    assert {"words": "good", "pairs": "101", "music": "1 bar,"}.get(name, "") in said
    assert tab.wrong == []


@pytest.mark.parametrize(
    ("name", "files"), [("sound", "sound/*/*.wav"), ("images", "images/*/*.png"), ("speech", "speech/*.wav")]
)
def test_by_keyboard_alone_a_file_is_chosen(name, files, visit, folder):
    tab, path = visit(name), max(folder.glob(files))
    choose_file(tab, path)
    said = answer_of(tab)
    if name == "speech":
        assert elman.load(folder / "speech.model").transcribe([read_sound(path)])[0].text in said
    else:
        assert said.split("\n")[0] == "class"
    assert tab.wrong == []


def test_by_keyboard_alone_a_text_is_written_on_and_stopped(visit):
    tab = visit("character")
    tab_to(tab, "#text")
    tab.keyboard.type("the cat")
    tab.wait_for_selector(".chips li")
    tab_to(tab, "#length")
    tab.keyboard.press("Control+A")
    tab.keyboard.type("5000")
    tab_to(tab, "#work .row button")
    tab.keyboard.press("Enter")
    until(tab, "document.querySelector('#text').value.length > 20")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("button.live", state="detached")
    written = tab.input_value("#text")
    assert written.startswith("the cat")
    tab.wait_for_timeout(300)
    assert tab.input_value("#text") == written
    assert tab.text_content("#error") == ""


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("sound", "sound/*/*.wav"), ("images", "images/*/*.png"), ("speech", "speech/*.wav"), ("text", "r.csv"),
        ("table", "t.csv"), ("words", "w.conllu"), ("sales", "sales.csv"),
    ],
)  # fmt: skip
def test_a_file_is_dropped(name, files, visit, folder):
    tab, path = visit(name), max(folder.glob(files))
    for details in tab.query_selector_all("#work details"):
        details.evaluate("one => (one.open = true)")
    drop(tab, path)
    said = answer_of(tab)
    if name == "text":
        with path.open() as file:
            rows = list(csv.DictReader(file))
        expected = elman.load(folder / "text.model").predict([row["text"] for row in rows])
        shown = tab.eval_on_selector_all(".answer tbody tr td:first-child", "all => all.map((one) => one.textContent)")
        assert shown == expected
    if name == "words":
        assert len(tab.query_selector_all(".answer ul")) == 20
    assert said


def test_a_melody_is_dropped_and_harmonised(visit, folder):
    tab = visit("music")
    tab.click("#work summary")
    drop(tab, min((folder / "songs").glob("*.mid")))
    assert tab.evaluate("document.querySelector('#file').files[0].name") == min((folder / "songs").glob("*.mid")).name
    tab.check("#tab")
    tab.fill("#bars", "1")
    tab.click("#work .row button")
    assert re.search(r"\d+ notes, [\d.]+ s; seed \d+", answer_of(tab))
    until(tab, "document.querySelector('audio').duration > 1")
    assert tab.text_content(".answer pre").startswith("e|")
    with tab.expect_download() as saved:
        tab.click("text=Save as MIDI")
    assert saved.value.path().read_bytes().startswith(b"MThd")
    tab.check("#harmonise")
    tab.click("#work .row button")
    tab.wait_for_selector("#error:not(:empty)")
    assert "several notes at a time" in tab.text_content("#error")


def test_a_table_is_pasted(visit, folder):
    tab = visit("sales", permissions=["clipboard-read", "clipboard-write"])
    tab.evaluate("text => navigator.clipboard.writeText(text)", (folder / "sales.csv").read_text())
    tab.focus("#table")
    tab.keyboard.press("Control+A")
    tab.keyboard.press("Control+V")
    tab.click("#work button")
    tab.wait_for_selector("figure.series svg")
    assert [one.text_content() for one in tab.query_selector_all("figcaption")] == ["sales", "visits"]
    lines = tab.eval_on_selector_all("figure:first-of-type path.line", "all => all.map((one) => one.getAttribute('d'))")
    assert [len(re.findall("[ML]", line)) for line in lines] == [8, 5]  # the look-back; its last value and the horizon
    tab.fill("#table", "day,sales\n2024-01-01,1\n")
    tab.click("#work button")
    tab.wait_for_selector("#error:not(:empty)")
    assert "visits" in tab.text_content("#error")


def test_the_steps_of_a_series_are_pasted_and_a_word_among_them_is_named(visit, folder):
    tab = visit("series", permissions=["clipboard-read", "clipboard-write"])
    tab.evaluate("navigator.clipboard.writeText('1, 2\\n3, 0.25\\n')")
    tab.focus("#table")
    tab.keyboard.press("Control+A")
    tab.keyboard.press("Control+V")
    tab.click("#work button")
    steps = np.array([[1, 2], [3, 0.25]], np.float32)
    assert elman.load(folder / "series.model").predict([steps])[0] in answer_of(tab)
    tab.fill("#table", "1, two")
    tab.click("#work button")
    tab.wait_for_selector("#error:not(:empty)")
    assert tab.text_content("#error") == '"two" is no number. Correct it.'


def test_a_sound_is_recorded(visit, chromium, tmp_path):
    tone = write_tone(tmp_path / "tone.wav", PITCH, 5.0, rate=48_000)
    microphone = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    options = ["--no-sandbox", "--disable-dev-shm-usage", *microphone]
    browser = chromium.browser_type.launch(executable_path=find("chromium"), args=options)
    try:
        for name in ("sound", "speech"):
            tab = visit(name, browser=browser, script=KEEP, permissions=["microphone"])
            tab.click("text=Record")
            tab.wait_for_selector("button.live")
            tab.wait_for_timeout(1200)
            tab.click("text=Stop")
            answer_of(tab)
            with wave.open(io.BytesIO(base64.b64decode(tab.evaluate("window.sent")))) as file:
                rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
            assert 0.5 < len(samples) / rate < 10
            strongest = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
            assert strongest == pytest.approx(PITCH, rel=0.02)
            assert tab.wrong == []
    finally:
        browser.close()


def test_without_a_microphone_it_says_what_to_do(visit):
    tab = visit("sound")
    tab.click("text=Record")
    tab.wait_for_selector("#error:not(:empty)")
    assert "Allow it in the browser, or choose a file" in tab.text_content("#error")
