"""Columns of several kinds in one row: a text, categories, numbers and a date."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
import torch

from alone import code_of_page
from answerable import make_tickets
from elman.errors import ConfigError
from elman.export import read_card
from elman.export.graph import Session
from elman.tasks import classify
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.classify.view import view
from elman.tasks.exporting import export_model
from small_trainings import SMALL


@pytest.fixture(scope="module")
def tickets():
    return make_tickets(67, 3)


@pytest.fixture(scope="module")
def model(tickets):
    return classify.train(tickets, target="urgent", **SMALL)


@pytest.mark.slow
def test_the_answer_that_needs_two_kinds_together_is_found_and_by_neither_alone():
    learn, new = make_tickets(900, 1), make_tickets(500, 2)
    options = {"target": "urgent", "folds": 1, "quiet": True}
    both = classify.train(learn, **options).evaluate(new).accuracy
    text = classify.train(learn, input="text", **options).evaluate(new).accuracy
    others = classify.train(learn, input="channel,opened,minutes", **options).evaluate(new).accuracy
    assert both > 0.9
    assert max(text, others) < 0.6


def test_all_columns_that_help_are_read_and_named(model):
    assert dict(model.columns.inputs) == {"text": "text", "channel": "category", "opened": "date", "minutes": "number"}
    assert model.covariates.size == 2 + 1 + 7


def test_a_saved_model_answers_as_the_trained_one_alone_and_in_a_batch_to_the_bit(model, tickets, tmp_path):
    model.save(tmp_path / "a.model")
    again = classify.load(tmp_path / "a.model")
    whole = model.outputs(tickets)
    assert torch.equal(again.outputs(tickets), whole)
    for row in (0, 13, 66):
        assert torch.equal(again.outputs(tickets.iloc[[row]])[0], whole[row])


def test_each_column_counts(model, tickets):
    whole = model.outputs(tickets)
    for name, other in (("text", "so bad"), ("channel", "mail"), ("opened", "2025-06-07 08:09"), ("minutes", 7777.0)):
        changed = model.outputs(tickets.assign(**{name: other}))
        assert not torch.equal(changed, whole), name
    unseen = model.outputs(tickets.assign(channel="fax"))
    assert torch.equal(unseen, model.outputs(tickets.assign(channel="pigeon")))


def test_the_mean_of_folds_reads_what_is_beside_by_the_scales_of_each(tickets, tmp_path):
    model = classify.train(tickets, target="urgent", **{**SMALL, "folds": 3})
    scales = {one.covariates.scaling.means for one in model.members}
    assert len(scales) == 3
    model.save(tmp_path / "a.model")
    assert torch.equal(classify.load(tmp_path / "a.model").outputs(tickets), model.outputs(tickets))


def test_the_baseline_reads_the_same_columns(tickets):
    model = classify.train(tickets, target="urgent", **{**SMALL, "compare": True})
    assert model.metrics["baseline"]["what"].startswith("a bag of words and columns")


def test_a_look_inside_reads_them_too(model, tickets, tmp_path):
    path = tmp_path / "tickets.csv"
    tickets.to_csv(path, index=False)
    seen = view(model, [str(path)])
    loss = seen.loss()
    loss.backward()
    assert float(seen.module.joint.weight.grad.abs().sum()) > 0
    assert seen.explain()


ODD = [
    {},
    {"channel": "fax"},
    {"channel": None},
    {"minutes": None},
    {"opened": None},
    {"text": None},
    {"text": "Zounds, so bad!"},
    {"channel": None, "minutes": None, "opened": None},
]


def test_a_file_of_onnx_is_asked_with_a_ticket_as_the_page_shows(tickets, tmp_path):
    model = classify.train(tickets, target="urgent", **{**SMALL, "compare": True, "folds": 2})
    model = dataclasses.replace(model, blend=BlendWeights(0.7, 0.4))
    model.save(tmp_path / "a.model")
    export_model(tmp_path / "a.model", tmp_path / "a.onnx")
    session, card = Session((tmp_path / "a.onnx").read_bytes()), read_card(tmp_path / "a.onnx")
    names = {"numpy": np, "re": re}
    for page, end in (("# ask.py\n", "options ="), ("# ask_ticket.py\n", "session =")):
        exec(re.search(rf"^def .*?(?=^{end})", code_of_page(page), re.DOTALL | re.MULTILINE).group(0), names)
    rows = [{**tickets.iloc[place].to_dict(), **odd} for place, odd in enumerate(ODD)]
    expected = model.probabilities(pd.DataFrame(rows))
    for row, own in zip(rows, expected, strict=True):
        ticket = {name: cell for name, cell in row.items() if cell is not None}
        steps = names["number"](card, ticket.pop("text", ""))
        (found,) = session.run({"steps": steps, **names["row"](card, ticket)})
        assert found[0] == pytest.approx(own.numpy(), abs=2e-6)


def test_a_page_is_refused_and_says_which_columns_are_too_many(model, tmp_path):
    model.save(tmp_path / "m")
    with pytest.raises(ConfigError, match=r"reads minutes, channel, opened beside a sequence.* -o NAME\.onnx"):
        export_model(tmp_path / "m", tmp_path / "m.html")
