"""Pages opened from disk in a browser and used as a person would: they ask for nothing, and answer as models do."""

from dataclasses import replace

import pytest
import soundfile

from browsed import CLASSES, WORDS, export_page, forecaster_of, listener_of, noise, reader_of, writer_of
from elman.data.formats.sound import resample
from programs import find

pytestmark = pytest.mark.slow
SCREENS = [
    pytest.param({"color_scheme": "light", "viewport": {"width": 1000, "height": 800}}, id="light, wide"),
    pytest.param({"color_scheme": "dark", "viewport": {"width": 360, "height": 740}}, id="dark, narrow"),
]


@pytest.fixture
def opened(chromium, tmp_path):
    """Write a model as a page, and open it; afterwards it has asked for nothing and nothing went wrong."""
    tabs = []

    def open_model(model, browser=chromium, **context):
        export_page(model, tmp_path / "page.html")
        tab = browser.new_context(**context).new_page()
        tabs.append(tab)
        tab.set_default_timeout(20_000)
        tab.beyond, tab.wrong = [], []
        tab.on("request", lambda request: tab.beyond.append(request.url))
        tab.on("console", lambda message: tab.wrong.append(message.text))
        tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
        tab.goto((tmp_path / "page.html").as_uri())
        tab.wait_for_function("document.forms[0].onsubmit !== null")
        return tab

    yield open_model
    for tab in tabs:
        assert [url for url in tab.beyond if not url.startswith(("file:", "data:", "blob:"))] == []
        assert tab.wrong == []
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        tab.context.close()


def shown_bars(tab):
    tab.wait_for_selector("#shown:not([hidden])")
    texts = tab.eval_on_selector_all("#shown > *", "all => all.map((one) => one.textContent.trim())")
    rows = [text for text in texts if text]
    return {name: float(share.split()[0]) for name, share in zip(rows[::2], rows[1::2], strict=True)}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("unit", ["character", "word", "subword"])
def test_a_page_writes_what_is_typed(unit, screen, opened):
    model = writer_of(unit)
    tab = opened(model, **screen)
    tab.fill("#prompt", "so ")
    tab.fill("#length", "60")
    tab.click("#button")
    tab.wait_for_selector("#pace:not(:empty)")
    expected = "".join(model.generate("so ", length=60, temperature=0.8, seed=1))
    assert tab.text_content("#text") == "so " + expected
    tab.fill("#prompt", "so x # y" if unit != "subword" else "so")
    tab.fill("#length", "1")
    tab.click("#button")
    assert ("never" in tab.text_content("#error") or "not know" in tab.text_content("#error")) == (unit != "subword")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_text_is_classified_by_keyboard_alone(screen, opened):
    model = reader_of(WORDS, "text", "max", CLASSES, unit="word")
    tab = opened(model, **screen)
    tab.focus("#text0")
    tab.keyboard.type("What a good film")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expected = model.probabilities([{"text": "What a good film"}])[0].tolist()
    for name, share in zip(model.classes, expected, strict=True):
        assert shown_bars(tab)[name] == pytest.approx(100 * share, abs=0.06)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_forecast_is_drawn_from_what_is_pasted(screen, opened):
    tab = opened(forecaster_of(), **screen)
    tab.fill("#series", " ".join(str(number % 5) for number in range(30)))
    tab.click("button")
    tab.wait_for_selector("#drawing svg")
    numbers = tab.eval_on_selector_all("#numbers tr", "all => all.length")
    assert numbers == 1 + 7
    tab.fill("#series", "1 2 three")
    tab.click("button")
    assert "no number" in tab.text_content("#error")


def test_a_sound_is_chosen_and_answered(opened, tmp_path):
    model, sound = listener_of(features="log-mel", mels=13), noise(7, 8000)
    soundfile.write(tmp_path / "noise.wav", sound.samples, sound.rate, subtype="FLOAT")
    tab = opened(model)
    tab.set_input_files("#file", tmp_path / "noise.wav")
    assert_hears(tab, model, sound, 0.06)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    tab.set_input_files("#file", tmp_path / "broken.wav")
    tab.wait_for_selector("#error:not([hidden])")
    assert "broken.wav is no sound that this browser can read." in tab.text_content("#error")


def assert_hears(tab, model, sound, within):
    expected = model.probabilities([{"sound": sound}])[0].tolist()
    found = shown_bars(tab)
    for name, share in zip(model.classes, expected, strict=True):
        assert found[name] == pytest.approx(100 * share, abs=within)


def test_what_a_microphone_hears_is_answered(chromium, opened, tmp_path):
    model, sound = listener_of(features="log-mel", mels=13), noise(7, 16_000)
    loud = resample(sound, 48_000)
    soundfile.write(tmp_path / "spoken.wav", loud.samples, loud.rate, subtype="PCM_16")
    options = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
    options.append(f"--use-file-for-fake-audio-capture={tmp_path / 'spoken.wav'}")
    browser = chromium.browser_type.launch(executable_path=find("chromium"), args=options)
    tab = opened(model, browser)
    tab.click("#record")
    tab.wait_for_selector("#record:text-is('Stop')")
    tab.wait_for_timeout(1500)
    tab.click("#record")
    found = list(shown_bars(tab).values())
    assert 1 < float(tab.text_content("#how").split()[1]) < 20  # seconds
    expected, silent = (
        [100 * share for share in model.probabilities([{"sound": one}])[0].tolist()]
        for one in (sound, replace(sound, samples=0 * sound.samples))
    )
    # A recording is compressed and cut anywhere, and what is heard stays what it is.
    assert distance(found, expected) < 0.2 * distance(silent, expected), (found, expected, silent)


def distance(shares, others):
    return max(abs(one - other) for one, other in zip(shares, others, strict=True))
