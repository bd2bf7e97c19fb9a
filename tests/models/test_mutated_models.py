"""Model files of all recipes are damaged and forged: none answers otherwise in silence, none ends in a traceback."""

import json
import os
import random
import re
from collections import Counter

import pytest
import torch
from safetensors.torch import load, save

from balanced import Balanced
from damaged_models import ask, judge_all, mutants_of
from elman.tasks.exporting import describe, export_model
from elman.tasks.registry import recipe_of
from every_recipe import subjects
from forged import forge, take_apart


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """Train one tiny model of every recipe and kind of input; tests read their files and do not change them."""
    return subjects(tmp_path_factory.mktemp("every"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants are judged in forked processes, whose memory is bounded")
@pytest.mark.parametrize("each", [pytest.param(4, id="a few"), pytest.param(720, id="10,080", marks=pytest.mark.slow)])
def test_a_changed_file_is_refused_or_answers_as_it_should(every, each, tmp_path):
    counts, wrong = Counter(), []
    for number, subject in enumerate(every):
        mutants = list(mutants_of(subject.path, each, random.Random(number)))
        more, found = judge_all(subject, mutants, tmp_path)
        counts += more
        wrong += found
    assert wrong == [], counts
    assert counts.total() == len(every) * each
    assert counts["refused"] > 6 * each


def test_every_model_has_a_card_and_is_written_to_onnx(every, tmp_path):
    for subject in every:
        recipe = recipe_of(subject.path)
        model = recipe.load(subject.path)
        assert describe(recipe, model)["scores"], subject.name
        model.metrics = {}
        assert describe(recipe, model)["scores"] == ["Nothing was measured."], subject.name
        written = export_model(subject.path, tmp_path / f"{subject.name}.onnx")
        assert all(file.exists() for file in written.files)
        assert written.agreement.difference <= 1e-5, subject.name


def test_every_model_shows_itself_and_computes_nothing(every, monkeypatch):
    def run(*_, **__):
        raise AssertionError("a network is run")

    monkeypatch.setattr(torch.nn.Module, "__call__", run)
    for subject in every:
        model = recipe_of(subject.path).load(subject.path)
        shown = model._repr_html_()
        assert "damaged" not in shown, subject.name
        assert f"<td>parameters</td><td>{model.parameters:,}</td>" in shown
        assert "<summary>Loss in training</summary>" in shown, subject.name
        assert len(shown.encode()) < 200_000
        assert Balanced(shown).open == []
        model.metrics = {**model.metrics, "validation": 3, "validation_loss": "<script>", "gradient": []}
        assert not Balanced(model._repr_html_()).tags & {"script"}
        model.metrics = {}
        assert "none yet" in model._repr_html_()


@pytest.mark.slow
def test_files_of_format_2_answer_as_those_of_format_3(every, tmp_path):
    old = str(tmp_path / "old")
    for subject in every:
        entry = {**take_apart(subject.path).entry, "format": 2}
        (tmp_path / "old").write_bytes(save(load(subject.path.read_bytes()), metadata={"elman": json.dumps(entry)}))
        for command in subject.commands:
            before, after = (
                ask([path if word == "MODEL" else word for word in command]) for path in (str(subject.path), old)
            )
            assert before[0] == after[0] == 0, after
            assert before[1].replace(json.dumps(str(subject.path)), json.dumps(old)) == after[1]


def test_finite_weights_that_give_no_finite_answer_are_refused(every, tmp_path):
    path = tmp_path / "large"

    def enlarge(entry, weights):
        for name in weights:
            if name.startswith("readout"):
                weights[name].fill_(3e38)

    refused = Counter()
    for subject in every:
        path.write_bytes(subject.path.read_bytes())
        forge(path, enlarge)
        for command in subject.commands:
            if command[0] == "generate":
                continue  # what is written appears as it is made
            code, out, err = ask([str(path) if word == "MODEL" else word for word in command])
            if code == 0:
                assert not re.search(r"\b(nan|inf)\b", out), (subject.name, command)
            else:
                assert (code, out) == (1, ""), (subject.name, command)
                assert "not finite" in err
                refused[command[0]] += 1
    assert refused["predict"] > 5, refused
    assert refused["evaluate"] > 5, refused
