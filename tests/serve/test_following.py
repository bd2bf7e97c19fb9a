"""Streams of models that answer sequences and tag words: an answer after each piece is that of all pieces so far."""

import csv
import json
import wave

import numpy as np
import pytest
import torch

import elman
from answerable import write_genome, write_reviews, write_series, write_sounds
from elman.data.formats.sound import read_sound
from elman.serve.models import ServedModel
from elman.tasks.registry import find
from elman.tasks.serving import serve_model
from taggable import write_folder

SMALL = {"hidden": 5, "epochs": 1, "quiet": True, "batch": 4, "compare": False}
FORWARD = {"direction": "forward", "folds": 1, "embedding": 3, **SMALL}


@pytest.fixture
def put(tmp_path, models, monkeypatch):
    """Train a model that reads forward, and put it into the server."""

    def make(task, data, **options):
        recipe, paths = find(task), [str(one) for one in (data if isinstance(data, list) else [data])]
        path = tmp_path / "own.model"
        recipe.train(paths, output=path, **options)
        trained = recipe.load(path)
        monkeypatch.setitem(models, "own", ServedModel("own", task, serve_model(recipe, trained), 1))
        return trained

    return make


def follow(client, messages, query=""):
    """Return the answers to messages, and that at the end."""
    with client.websocket_connect(f"/v1/models/own/stream{query}") as stream:
        answers = []
        for message in (*messages, '{"end": true}'):
            (stream.send_bytes if isinstance(message, bytes) else stream.send_text)(message)
            answers.append(stream.receive_json())
    return answers


def same(answer, expected, exact=True):
    """Compare the probabilities of an answer with those of the whole."""
    found = [value for name, value in answer.items() if name.startswith("probability_")]
    assert found == ([round(one, 6) for one in expected] if exact else pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_a_text_has_the_answer_of_its_words_so_far(pooling, put, serve, tmp_path):
    trained = put("classify", write_reviews(tmp_path / "r.csv", 20), target="label", pooling=pooling, **FORWARD)
    if pooling == "attention":  # after one epoch all scores are about 0, and no word weighs more than another
        trained.module.query.data.normal_(generator=torch.Generator().manual_seed(5)).mul_(30)
    pieces = ["the film", " was good,", " ", "and this", "book was bad"]
    *answers, last = follow(serve(), pieces, "?probabilities=true")
    for count, answer in enumerate(answers, start=1):
        [expected] = trained.probabilities([" ".join(pieces[:count])]).tolist()
        same(answer, expected, exact=pooling != "attention")
    assert [answer["steps"] for answer in answers] == [2, 5, 5, 7, 10]
    assert last == {**answers[-1], "end": True}


@pytest.mark.parametrize("limit", [None, 7])
def test_letters_are_read_across_the_cuts(limit, put, serve, tmp_path):
    trained = put("classify", write_genome(tmp_path, 6), kmer=3, max_length=limit, **FORWARD)
    *answers, _ = follow(serve(), ["A", "", "cg", "TACGTT", "G", "GATACA"], "?probabilities=1")
    assert [answer["steps"] for answer in answers] == [0, 0, *(min(count, limit or count) for count in (1, 7, 8, 14))]
    assert list(answers[0]) == ["steps"]
    for answer, text in zip(answers[2:], ["ACG", "ACGTACGTT", "ACGTACGTTG", "ACGTACGTTGGATACA"], strict=True):
        same(answer, trained.probabilities([text]).tolist()[0])


def test_a_series_comes_as_steps_and_a_wrong_one_changes_nothing(put, serve, tmp_path):
    trained = put("classify", write_series(tmp_path / "s.npz", 20), **FORWARD)
    wrong = {
        "[[NaN, 1]]": "NaN",
        "[[1, null]]": "row 1, column x: a number is NaN",
        "[[1, 2, 3]]": "3 numbers",
        "1,": "JSON",
    }
    answers = follow(serve(), ["[[0.5, 1], [1, 0.75]]", *wrong, "[[3, 0.25]]"], "?probabilities=true")
    whole = np.array([[0.5, 1], [1, 0.75], [3, 0.25]], np.float32)
    same(answers[0], trained.probabilities([whole[:2]]).tolist()[0])
    assert [says in answer["error"] for answer, says in zip(answers[1:-2], wrong.values(), strict=True)] == [True] * 4
    same(answers[-2], trained.probabilities([whole]).tolist()[0])


def test_the_rows_of_a_long_table_come_one_by_one(put, serve, tmp_path):
    path = tmp_path / "long.csv"
    drawn = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "x", "y", "kind"])
        for run in range(12):
            for _ in range(5):
                rows.writerow([f"run{run}", *np.round(drawn.normal(run % 2, 1, 2), 3), "ab"[run % 2]])
    trained = put("classify", path, id="run", target="kind", **FORWARD)
    *answers, _ = follow(serve(), ['{"x": 0.5, "y": 1}', '[{"x": 2, "y": -1}, {"x": 0, "y": 0}]'], "?probabilities=1")
    same(answers[-1], trained.probabilities([np.array([[0.5, 1], [2, -1], [0, 0]], np.float32)]).tolist()[0])
    [refused, _] = follow(serve(), ["[1, 2]"])
    assert "no rows" in refused["error"]


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_a_sound_ends_with_the_answer_of_the_whole(features, put, serve, tmp_path):
    folder = write_sounds(tmp_path / "sound", 4)
    trained = put("classify", folder, mels=8, coefficients=4, features=features, **FORWARD)
    path = next(folder.rglob("*.wav"))
    with wave.open(str(path)) as file:
        raw = file.readframes(file.getnframes())
    pieces = [raw[start : start + 331] for start in range(0, len(raw), 331)]
    *answers, last = follow(serve(), pieces, "?probabilities=true&rate=8000")
    assert answers[-1]["steps"] < last["steps"]
    same(last, trained.probabilities([read_sound(path)]).tolist()[0])
    [refused, _] = follow(serve(), ["a text"])
    assert "samples are bytes" in refused["error"]


@pytest.mark.parametrize("crf", [False, True])
def test_words_have_the_tags_of_the_sentence_so_far(crf, put, serve, tmp_path):
    trained = put(
        "tag",
        write_folder(tmp_path / "chunks", 30),
        direction="forward",
        crf=crf,
        letter_hidden=3,
        embedding=3,
        **SMALL,
    )
    if crf:  # one tag after the other, whatever the words are: the next depends on what came before
        chain = trained.module.chain
        with torch.no_grad():
            chain.start[0] = 50.0
            chain.transitions += 50 * torch.eye(len(chain.start)).roll(1, 1)
    pieces, words = ["fly from", "new", "york to", "rome"], []
    *answers, last = follow(serve(), pieces)
    for piece, answer in zip(pieces, answers, strict=True):
        words += piece.split()
        assert answer["words"] == piece.split()
        assert answer["tags"] == trained.predict([words])[0][-len(piece.split()) :]
        assert answer["label"] == trained.predict_labels([words])[0]
    assert last == {"end": True}


def test_words_with_values_beside_them_are_tagged_whole_and_as_they_come(put, serve, tmp_path):
    path = tmp_path / "w.conll"
    path.write_text(
        "".join(f"{a} X{n % 2} T{n % 2}\n{b} X{n % 3} T1\n\n" for n, (a, b) in enumerate([("so", "good")] * 20))
    )
    trained = put("tag", path, beside="2", direction="forward", letter_hidden=3, embedding=3, **SMALL)
    words = [["so", "X1"], ["good", "X2"]]
    client = serve()
    expected = trained.predict([[tuple(word) for word in words]])[0]
    done = client.post("/v1/models/own/predict", json={"rows": [{"words": words}]})
    assert done.json()["answers"][0]["tags"] == expected
    first, second, refused, _ = follow(client, [json.dumps(words[:1]), json.dumps(words[1:]), "so"])
    assert [first["tags"], second["tags"]] == [expected[:1], expected[1:]]
    assert "beside" in refused["error"]


def test_a_stream_that_ends_before_it_begins_says_so_and_is_closed(client):
    with client.websocket_connect("/v1/models/character/stream") as stream:
        stream.send_text('{"end": true}')
        answer = stream.receive_json()
        assert "before a text was sent" in answer["error"]
        assert answer["end"]
        assert stream.receive()["type"] == "websocket.close"


def test_models_that_need_the_whole_have_no_stream(folder, models):
    needs = {"text", "table", "series", "genome", "sound", "images", "rows", "words", "chunks", "sales"}
    assert {name for name in needs if models[name].service.follow is not None} == set()
    assert elman.load(folder / "series.model").module.recurrent.bidirectional
