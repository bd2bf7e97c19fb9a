"""Classifiers whose cell reads the time between steps: the same answers by every way, and what is refused."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from answerable import write_doses, write_reviews, write_series
from elman.data import open_dataset, stream_rows
from elman.data.dataset import Example
from elman.data.examples.values import Listed
from elman.encoders.batches import EncodedSet
from elman.errors import ConfigError, DataError
from elman.export import read_card
from elman.export.graph import Session
from elman.tasks import Classifier, classify
from elman.tasks.classify.following import ClassOptions, ClassStream
from elman.tasks.classify.served import serve
from elman.tasks.classify.streaming import StepwiseAnswer, can_stream
from elman.tasks.classify.view import view
from elman.tasks.exporting import export_model
from elman.tasks.serving import Sent
from forged import forge

SMALL = {"cell": "cfc", "hidden": 7, "epochs": 2, "batch": 8, "quiet": True, "folds": 1, "compare": False}
GAPS = {"side": {"dt": "gaps"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doses")
    write_doses(folder / "doses.csv", 60)
    write_doses(folder / "new.csv", 13, seed=2)
    for name, options in {"both": {"layers": 2}, "forward": {"direction": "forward", "pooling": "last"}}.items():
        classify.train(folder / "doses.csv", output=folder / f"{name}.m", **SMALL, **GAPS, **options)
    return folder


def each_gap(path):
    """Return the times between the rows of each series."""
    table = pd.read_csv(path, dtype={"t": float})
    return [own["t"].diff().dropna().to_numpy() for _, own in table.groupby("id", sort=False)]


@pytest.fixture(params=["both", "forward"])
def model(request, folder):
    return classify.load(folder / f"{request.param}.m")


def test_the_unit_of_gaps_is_their_median_in_the_training_part(folder):
    model = classify.train(
        folder / "doses.csv", validation_data=str(folder / "new.csv"), **{**SMALL, "folds": None}, **GAPS
    )
    gaps = each_gap(folder / "doses.csv")
    assert model.encoder.sides["dt"] == pytest.approx(np.median(np.concatenate(gaps)), rel=1e-6)
    steps = EncodedSet(open_dataset(folder / "new.csv", like=model.columns), range(13), model.encoder, torch.zeros(13))
    for at, own in enumerate(each_gap(folder / "new.csv")):
        given = steps.steps(at)[:, -1].numpy()
        assert given == pytest.approx([0, *own / model.encoder.sides["dt"]], rel=1e-5, abs=1e-6)


def test_answers_are_those_of_a_network_that_is_run_by_hand(model, folder):
    data, module = open_dataset(folder / "new.csv", like=model.columns), model.module
    outputs = model.outputs(data)
    for at, gaps in enumerate(each_gap(folder / "new.csv")):
        x = model.encoder.encode(data[at])[:, :-1]
        dt = torch.tensor(np.concatenate([[0], gaps]) / model.encoder.sides["dt"], dtype=torch.float32)
        backward = torch.cat([dt[1:], torch.zeros(1)])
        side = (dt, backward) if module.recurrent.bidirectional else dt
        with torch.no_grad():
            output, final = module.recurrent(x, dt=side)
            pooled = final[-1] if module.pooling == "last" else output.amax(0)
            expected = module.readout(pooled) * model.blend.network
        assert torch.allclose(outputs[at], expected, atol=1e-5)


def test_answers_are_the_same_from_a_file_a_frame_a_pipe_and_memory(model, folder):
    path = folder / "new.csv"
    expected = model.outputs(open_dataset(path, like=model.columns))
    piped = Listed(list(stream_rows(io.BytesIO(path.read_bytes()), model.columns)), model.columns)
    frame = pd.read_csv(path)
    memory = [
        {"series": own[["dose"]].to_numpy(), "t": own["t"].to_numpy()} for _, own in frame.groupby("id", sort=False)
    ]
    assert torch.equal(model.outputs(piped), expected)
    assert torch.equal(model.outputs(memory), expected)
    assert model.predict(frame)["prediction"].tolist() == model.targets.decode(expected)
    for at in range(3):
        assert torch.equal(model.outputs(memory[at : at + 1]), expected[at : at + 1])


def test_a_series_that_arrives_in_pieces_is_answered_as_the_whole(folder):
    model = classify.load(folder / "forward.m")
    data = open_dataset(folder / "new.csv", like=model.columns)
    assert can_stream(model)
    assert not can_stream(classify.load(folder / "both.m"))
    answer = StepwiseAnswer(model)
    steps = model.encoder.encode(data[1])
    for piece in steps.split(3):
        answer.read(piece)
    assert torch.equal(answer.outputs, model.outputs(data)[1:2])
    assert answer.steps == len(steps)


def test_a_client_that_sends_rows_in_pieces_is_answered_as_by_the_whole(folder):
    model = classify.load(folder / "forward.m")
    rows = pd.read_csv(folder / "new.csv").query("id == 'p4'")[["t", "dose"]].to_dict("records")
    whole, pieces = (serve(model).follow(ClassOptions(probabilities=True)) for _ in range(2))
    expected = whole.take(json.dumps(rows))
    for row in rows[:-2]:
        pieces.take(json.dumps(row))
    with pytest.raises(DataError, match="out of order"):
        pieces.take(json.dumps([rows[0]]))
    assert pieces.take(json.dumps(rows[-2:])) == expected
    assert isinstance(whole, ClassStream)


def test_the_page_of_the_server_shows_rows_that_it_can_answer(model):
    service = serve(model)
    assert len(service.answer(service.read(Sent("rows", ".jsonl", rows=service.rows)), ClassOptions())) == 1


def test_folds_have_each_a_unit_of_their_own(folder):
    options = {**SMALL, "folds": 3, "hidden": 3}
    model = classify.train(folder / "doses.csv", output=folder / "folds.m", **options, **GAPS)
    units = [one.encoder.sides["dt"] for one in model.members]
    assert len(set(units)) == 3
    data = open_dataset(folder / "new.csv", like=model.columns)
    assert torch.equal(classify.load(folder / "folds.m").outputs(data), model.outputs(data))


def test_a_constant_is_in_the_file(tmp_path):
    data = write_reviews(tmp_path / "r.csv", 40)
    model = classify.train(data, output=tmp_path / "m", side="dt=2.5", **{**SMALL, "epochs": 1, "unit": "character"})
    export_model(tmp_path / "m", tmp_path / "m.onnx")
    assert set(read_card(tmp_path / "m.onnx")["inputs"]) == {"steps", "lengths"}
    steps = model.encoder.encode(Example(dict.fromkeys(model.columns.inputs, "so good"), None, "here"))
    (found,) = Session((tmp_path / "m.onnx").read_bytes()).run({"steps": steps[None].numpy()})
    expected = model.probabilities([dict.fromkeys(model.columns.inputs, "so good")])
    assert found == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_constant_is_given_at_every_step_of_any_input(tmp_path):
    options = {**SMALL, "epochs": 1}
    for data in (write_reviews(tmp_path / "r.csv", 40), write_series(tmp_path / "s.npz", 40)):
        model = classify.train(data, output=tmp_path / "m", force=True, side="dt=2.5", **options)
        seen = []
        hook = model.module.recurrent.register_forward_pre_hook(
            lambda _, args, kwargs, seen=seen: seen.append((args[0], kwargs["dt"])), with_kwargs=True
        )
        examples = open_dataset(data, like=model.columns)
        outputs = model.outputs(examples)
        hook.remove()
        assert all(torch.equal(dt, torch.full(x.shape[:2], 2.5)) for x, dt in seen)
        assert torch.equal(classify.load(tmp_path / "m").outputs(examples), outputs)


def test_a_look_inside_gives_the_layers_the_gaps_of_the_model(model, folder):
    seen = view(model, [str(folder / "new.csv")])
    targets = model.encode(open_dataset(folder / "new.csv", like=model.columns))
    assert float(seen.loss().detach()) > 0
    assert seen.loss_with_memory(1) != seen.loss_with_memory(20)
    longest = int(targets.lengths.max())
    whole = model.targets.training_loss(model.answer(targets) / model.blend.network, targets.targets)
    assert seen.loss_with_memory(longest) == pytest.approx(float(whole), rel=1e-4)
    assert len(seen.explain()) == 3


def test_a_file_of_onnx_reads_the_times_of_a_table_and_a_page_is_refused(folder, tmp_path):
    table = pd.read_csv(folder / "new.csv")
    for name in ("both", "forward"):
        model = classify.load(folder / f"{name}.m")
        export_model(folder / f"{name}.m", tmp_path / "m.onnx", force=True)
        card = read_card(tmp_path / "m.onnx")
        assert card["inputs"]["dt_times"]["holds"].startswith(
            "the time of each step by t, ascending (else the answer is NaN), in the units of t; dt is computed inside"
        )
        session = Session((tmp_path / "m.onnx").read_bytes())
        expected = model.probabilities(open_dataset(folder / "new.csv", like=model.columns))
        for at, (_, own) in enumerate(table.groupby("id", sort=False)):
            feeds = {"steps": own[["dose"]].to_numpy()[None], "dt_times": own["t"].to_numpy()[None]}
            assert session.run(feeds)[0] == pytest.approx(expected[at : at + 1].numpy(), abs=1e-5)
    with pytest.raises(ConfigError, match=r"cfc reads dt at every step .* Write it to ONNX, -o NAME\.onnx\.$"):
        export_model(folder / "forward.m", tmp_path / "m.html")
    assert not (tmp_path / "m.html").exists()
    export_model(folder / "forward.m", tmp_path / "m.c")
    assert "dt" in (tmp_path / "m.c").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"cell": "cfc"},
            "cell cfc reads dt at every step besides its input. Say where dt comes from with --side dt=gaps",
        ),
        ({"cell": "lstm", "side": "dt=gaps"}, "side gives dt, and cell lstm reads nothing besides its input"),
        ({"cell": "cfc", "side": "dt=gaps,age=t"}, "side gives age, and cell cfc reads dt besides its input"),
        ({"cell": "cfc", "side": "64"}, "side is 64. The longest side of an image is longest_side"),
        ({"cell": "cfc", "side": 64}, "side is 64. The longest side of an image is longest_side"),
    ],
)
def test_a_cell_and_its_side_inputs_that_do_not_fit_are_refused(options, message, folder):
    with pytest.raises(ConfigError) as caught:
        classify.train(folder / "doses.csv", **{**SMALL, **options})
    assert message in str(caught.value)


def test_an_estimator_gives_a_constant_and_refuses_columns():
    series = [np.ones((length, 2)) * length for length in range(3, 23)]
    options = {name: value for name, value in SMALL.items() if name not in ("quiet", "compare")}
    model = Classifier(**options, side={"dt": 1}).fit(series, [length % 2 for length in range(20)])
    assert len(model.predict(series[:3])) == 3
    with pytest.raises(DataError, match="side is dt=gaps, and the examples have nothing beside their steps"):
        Classifier(**options, side={"dt": "gaps"}).fit(series, [length % 2 for length in range(20)])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry["columns"].pop("sides"),
        lambda entry: entry["encoder"].pop("sides"),
        lambda entry: entry["encoder"]["sides"].update(dt=-1.0),
        lambda entry: entry["configuration"]["sides"].update(dt="1"),
    ],
)
def test_a_file_whose_side_inputs_do_not_fit_is_damaged(spoil, folder, tmp_path):
    shutil.copy(folder / "forward.m", tmp_path / "forged.m")
    forge(tmp_path / "forged.m", lambda entry, _: spoil(entry))
    with pytest.raises(DataError, match=r"is damaged: .*side input"):
        classify.load(tmp_path / "forged.m")


@pytest.mark.slow
def test_a_cell_that_reads_the_time_answers_what_others_cannot(tmp_path):
    learn, new = write_doses(tmp_path / "learn.csv", 1500), write_doses(tmp_path / "new.csv", 500, seed=2)
    options = {**SMALL, "hidden": 32, "epochs": 20, "batch": 32}
    found = {}
    for cell, side in {"cfc": "dt=gaps", "lstm": None}.items():
        model = classify.train(learn, **{**options, "cell": cell, "side": side})
        found[cell] = model.evaluate(open_dataset(new, like=model.columns)).accuracy
    assert found["cfc"] > 0.93
    assert found["lstm"] < 0.88
