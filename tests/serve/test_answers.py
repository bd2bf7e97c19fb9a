"""Answers over HTTP: those of `elman predict`, alone and in batches, of rows and of files."""

import csv
import json

import pytest

import elman
from asking import ask, ask_together, figure
from elman.tasks.contract import Request
from elman.tasks.registry import recipe_of


def predicted(model, *data, **options):
    """Return what `elman predict --json` writes."""
    recipe = recipe_of(model)
    request = Request(model, [str(one) for one in data], recipe.commands.predict(**options), True, True, lambda _: None)
    return [json.loads(line) for line in "".join(recipe.part("commands", "predict")(request)).splitlines()]


def rows_of(folder, name):
    """Return the rows of a model's data, as a client sends them, and what `elman predict` says of them."""
    model = folder / f"{name}.model"
    if name in ("text", "table"):
        path = folder / {"text": "r.csv", "table": "t.csv"}[name]
        with path.open() as file:
            rows = list(csv.DictReader(file))
        own = recipe_of(model).load(model).columns.inputs
        answers = predicted(model, path)
        return [{column: row[column] for column in own} for row in rows], [_only_answers(one) for one in answers]
    if name == "words":
        answers = predicted(model, folder / "w.conllu")
        return [{"words": one["words"]} for one in answers], answers
    assert name == "pairs"
    texts = [line.split("\t")[0] for line in (folder / "pairs.tsv").read_text().splitlines()]
    (folder / "sources.txt").write_text("".join(f"{text}\n" for text in texts))
    return [{"text": text} for text in texts], predicted(model, folder / "sources.txt")


def _only_answers(row):
    return {name: value for name, value in row.items() if name in ("prediction", "probability")}


@pytest.mark.parametrize("name", ["text", "table", "words", "pairs"])
def test_rows_have_the_answers_of_predict_alone_and_in_any_batch(name, folder, models):
    rows, expected = rows_of(folder, name)
    alone, one_by_one = ask_together(models, [(name, {"rows": [row]}) for row in rows], batch=1)
    together, joined = ask_together(models, [(name, {"rows": [row]}) for row in rows], batch=7)
    whole, _ = ask_together(models, [(name, {"rows": rows})], batch=1000)
    assert [one.json()["answers"][0] for one in alone] == expected
    assert [one.json()["answers"][0] for one in together] == expected
    assert whole[0].json()["answers"] == expected
    assert figure(one_by_one, "elman_batches") == len(rows)
    assert figure(joined, "elman_batches") <= len(rows) / 3


def test_probabilities_are_equal_to_the_last_bit_in_batches(folder, models):
    rows, _ = rows_of(folder, "text")
    bodies = [("text", {"rows": [row], "options": {"probabilities": True}}) for row in rows]
    alone, together = (ask_together(models, bodies, batch=size)[0] for size in (1, 64))
    assert [one.content for one in alone] == [one.content for one in together]
    model = elman.load(folder / "text.model")
    shares = model.probabilities([row["text"] for row in rows]).tolist()
    for done, share in zip(together, shares, strict=True):
        answer = done.json()["answers"][0]
        assert [answer[f"probability_{name}"] for name in model.classes] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "files"), [("sound", "sound/*/*.wav"), ("images", "images/*/*"), ("speech", "speech/*")]
)
def test_files_have_the_same_answers_alone_and_in_batches_to_the_last_bit(name, files, folder, models):
    paths = sorted(folder.glob(files))[:7]
    alone, one_by_one = ask_together(models, [(name, path) for path in paths], batch=1)
    together, joined = ask_together(models, [(name, path) for path in paths], batch=64)
    assert {one.status_code for one in alone} == {200}
    assert [one.content for one in alone] == [one.content for one in together]
    assert figure(one_by_one, "elman_batches") == len(paths) >= 5
    assert figure(joined, "elman_batches") < len(paths)


def test_requests_with_other_options_are_no_batch_of_one(folder, models):
    rows, _ = rows_of(folder, "pairs")
    bodies = [("pairs", {"rows": [row], "options": {"beam": 1 + place % 2}}) for place, row in enumerate(rows[:12])]
    found = [done.json()["answers"][0]["translations"][0]["text"] for done in ask_together(models, bodies)[0]]
    model = elman.load(folder / "pairs.model")
    for beam in (1, 2):
        expected = model.predict([row["text"] for row in rows[beam - 1 : 12 : 2]], beam=beam)
        assert found[beam - 1 :: 2] == expected


def test_a_row_that_is_refused_spoils_no_other_request_of_its_batch(folder, models):
    good, bad = {"rows": [{"text": "the c"}]}, {"rows": [{"text": "the ζ"}]}
    done, _ = ask_together(models, [("character", body) for body in (good, bad, good, bad, good)])
    assert [one.status_code for one in done] == [200, 422, 200, 422, 200]
    assert "ζ" in done[1].json()["error"]
    expected = elman.load(folder / "character.model").complete("the c")
    for one in done[::2]:
        [answer] = one.json()["answers"]
        assert [(part["text"], part["probability"]) for part in answer["continuations"]] == expected


@pytest.mark.parametrize(
    ("name", "file"),
    [("sound", "sound/high/0.wav"), ("images", "images/lying/0.png"), ("speech", "speech/000.wav"), ("text", "r.csv")],
)
def test_a_file_has_the_answers_of_predict(name, file, folder, client):
    path = folder / file
    if not path.exists():
        path = next((folder / file).parents[1].rglob(f"*{path.suffix}"))
    kinds = {".wav": "audio/wav", ".png": "image/png", ".csv": "text/csv"}
    content = path.read_bytes()
    form = client.post(f"/v1/models/{name}/predict", files={"file": (path.name, content)})
    bare = client.post(f"/v1/models/{name}/predict", content=content, headers={"Content-Type": kinds[path.suffix]})
    expected = predicted(folder / f"{name}.model", path)
    for done in (form, bare):
        assert done.status_code == 200, done.text
        answers = done.json()["answers"]
        if name == "speech":
            assert answers == [{key: one[key] for key in ("text", "words")} for one in expected]
        else:
            assert [_only_answers(one) for one in answers] == [_only_answers(one) for one in expected]


def test_a_table_of_series_has_the_forecast_of_predict(folder, client):
    done = client.post("/v1/models/sales/predict", files={"file": ("s.csv", (folder / "sales.csv").read_bytes())})
    [answer] = done.json()["answers"]
    assert [step for one in answer["series"] for step in one["steps"]] == predicted(
        folder / "sales.model", folder / "sales.csv"
    )
    assert [len(one["history"]) for one in answer["series"]] == [8, 8]


def test_features_of_pictures_have_captions(client):
    assert [one["captions"][0]["text"] for one in ask(client, "captions", [{"features": _zeros(client)}])]


def _zeros(client):
    [model] = [one for one in client.get("/v1/models").json()["models"] if one["name"] == "captions"]
    return model["rows"][0]["features"]


def test_the_examples_of_every_model_are_answered(client):
    for model in client.get("/v1/models").json()["models"]:
        if model["rows"]:
            options = {"names": {"given": "Irish"}, "music": {"bars": 1}}.get(model["name"], {})
            assert ask(client, model["name"], model["rows"], **options), model["name"]
