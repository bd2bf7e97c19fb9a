"""Several networks, or one with a baseline: no option is advised that is refused next, and what is left out is said."""

import dataclasses
import html
import re

import numpy as np
import pytest

from answerable import make_tickets, write_images, write_reviews, write_series, write_table
from elman import export
from elman.errors import ConfigError
from elman.export.pages.running import find_node
from elman.tasks import classify, forecast
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.exporting import describe, export_model
from elman.tasks.forecast.blending import ForecastBlend
from elman.tasks.registry import find
from forecastable import draw_values, make_series, make_set
from small_trainings import SMALL

FOLDS = {**SMALL, "folds": 2}
WRITERS = {
    "table": lambda folder: write_table(folder / "t.csv", 40),
    "series": lambda folder: write_series(folder / "s.npz", 30),
    "image": lambda folder: write_images(folder / "images", 8),
    "beside a sequence": lambda _: make_tickets(40, 3),
}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_page_of_what_no_page_reads_is_refused_before_an_option_is_advised(kind, alone, tmp_path):
    target = {"table": "colour", "beside a sequence": "urgent"}.get(kind)
    read = {"read": "rows", "longest_side": 5} if kind == "image" else {}
    classify.train(WRITERS[kind](tmp_path), target=target, output=tmp_path / "m", **read, **FOLDS)
    with pytest.raises(ConfigError, match=rf"reads .*{kind}.*\. Write it to ONNX, -o NAME\.onnx\.$") as refused:
        export_model(tmp_path / "m", tmp_path / "m.html", alone=alone)
    assert "--alone" not in str(refused.value)
    export_model(tmp_path / "m", tmp_path / "m.onnx")


def test_a_page_of_one_network_alone_is_refused_for_what_it_reads_and_not_for_the_option(tmp_path):
    classify.train(write_table(tmp_path / "t.csv", 40), target="colour", output=tmp_path / "m", **SMALL)
    with pytest.raises(ConfigError, match="reads table"):
        export_model(tmp_path / "m", tmp_path / "m.html", alone=True)


def test_a_step_of_rows_is_refused_before_an_option_is_advised(tmp_path):
    classify.train(write_table(tmp_path / "t.csv", 40), target="colour", output=tmp_path / "m", **FOLDS)
    with pytest.raises(ConfigError, match=r"reads rows, which are one step\. Drop --step"):
        export_model(tmp_path / "m", tmp_path / "m.onnx", step=True)


@pytest.mark.parametrize("covariates", [False, True])
def test_a_page_does_not_advise_onnx_where_a_mixture_fills_in_values(covariates, tmp_path):
    series = [make_series(draw_values(211, seed), f"s{seed}") for seed in (1, 2, 3)]
    if covariates:
        series = [dataclasses.replace(one, past=np.sin(np.arange(211.0))[:, None]) for one in series]
    for one in series:
        one.values[::17] = np.nan
    data = make_set(*series, **({"past": ("heat",)} if covariates else {}))
    options = {"horizon": 4, "lookback": 11, "hidden": 7, "epochs": 1, "validation": 40, "quiet": True}
    model = forecast.train(data, **options, scale="linear")
    model = dataclasses.replace(model, blend=ForecastBlend("linear", 0.45), blended_margins=model.module.margins)
    model.save(tmp_path / "m")
    advice = r"Write its first network to ONNX, -o NAME\.onnx --alone\.$"
    with pytest.raises(ConfigError, match=advice if covariates else r"Add --alone to write the first network\.$"):
        export_model(tmp_path / "m", tmp_path / "m.html")
    with pytest.raises(ConfigError, match=r"Add --alone to write the recurrent layers of the first\.$"):
        export_model(tmp_path / "m", tmp_path / "m.c")
    export_model(tmp_path / "m", tmp_path / ("m.onnx" if covariates else "m.html"), alone=True)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """Train a classifier with a baseline, of which both have scores, and different ones."""
    folder = tmp_path_factory.mktemp("first")
    options = {**SMALL, "folds": 2, "compare": True, "direction": "forward", "unit": "word"}
    model = classify.train(write_reviews(folder / "r.csv", 60), target="label", **options)
    model.blend = BlendWeights(0.7, 0.4)
    model.metrics["network"] |= {"accuracy": 0.58349}
    model.save(folder / "m")
    return model, folder / "m"


@pytest.mark.skipif(find_node() is None, reason="runs the scripts of a page; it comes with Node")
def test_a_page_of_the_first_network_says_so_with_its_own_score(reviews, tmp_path):
    model, path = reviews
    written = export_model(path, tmp_path / "p.html", alone=True)
    assert written.holds == "the first network alone (accuracy 58.3%), and a page that uses it"
    about = re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", (tmp_path / "p.html").read_text("utf-8"))
    assert ("scores", "the first network alone: accuracy 58.3%") in about
    whole = describe(find("classify"), model)["scores"]
    assert ("", f"the whole model: {html.escape(whole[0])}") in about
    assert not [text for _, text in about if text.startswith("validation")]


def test_a_file_of_the_first_network_says_so_with_its_own_score(reviews, tmp_path):
    _, path = reviews
    written = export_model(path, tmp_path / "p.onnx", alone=True)
    card = export.read_card(tmp_path / "p.onnx")
    assert written.holds == card["holds"] == "the first network alone (accuracy 58.3%)"
    assert card["scores"][0] == "the first network alone: accuracy 58.3%"
    assert card["measured"]["updates"]
    for name in ("p.c", "p.o", "p.wasm"):
        written = export_model(path, tmp_path / name, alone=True)
        assert written.holds == "the recurrent layers of the first network alone"
        assert written.note.endswith("-o FILE.onnx --alone writes all of that network, which has accuracy 58.3%")


def test_the_score_of_a_forecast_s_network_alone_is_said(tmp_path):
    options = {"horizon": 4, "lookback": 11, "hidden": 7, "epochs": 1, "validation": 40, "quiet": True}
    data = make_set(*(make_series(draw_values(211, seed), f"s{seed}") for seed in (1, 2)))
    model = forecast.train(data, **options, scale="linear")
    scores = {**model.metrics["validation"], "mase": 7.5671}
    own = dataclasses.replace(model, blend=ForecastBlend("linear", 1.0), blended_margins=model.module.margins)
    own.metrics["network"] = scores
    own.save(tmp_path / "m")
    written = export_model(tmp_path / "m", tmp_path / "p.onnx", alone=True)
    assert written.holds.startswith("the first network alone (MASE 7.567) with its scaling: calibrated quantiles")
    assert export.read_card(tmp_path / "p.onnx")["scores"][0] == "the first network alone: MASE 7.567"


def test_where_a_network_was_not_scored_alone_that_is_said(tmp_path):
    model = classify.train(write_reviews(tmp_path / "r.csv", 60), target="label", **FOLDS)
    model.metrics.clear()
    model.save(tmp_path / "m")
    written = export_model(tmp_path / "m", tmp_path / "p.onnx", alone=True)
    assert re.match("the first network alone(,|$)", written.holds)
    assert export.read_card(tmp_path / "p.onnx")["scores"][0] == "the first network alone: not measured"
