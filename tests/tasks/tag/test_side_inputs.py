"""Taggers whose cell reads the time between words: from files, tuples and streams, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch

from elman.data.sentences.opening import open_tagged
from elman.errors import ConfigError, DataError
from elman.export import read_card
from elman.export.checking import difference
from elman.export.graph import Session
from elman.export.models import run_steps
from elman.tasks import Tagger, tag
from elman.tasks.exporting import export_model
from elman.tasks.serving import Sent
from elman.tasks.tag.following import TagStream
from elman.tasks.tag.served import serve
from elman.tasks.tag.view import view
from forged import forge

SMALL = {"cell": "cfc", "hidden": 7, "epochs": 2, "batch": 8, "embedding": 5, "letter_hidden": 3, "quiet": True}
GAPS = {"side": {"dt": "gaps:2"}}


def draw(count, seed):
    """Draw sentences of (word, time, tag): whether the word comes late after the one before."""
    drawn = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        gaps = np.exp(drawn.uniform(-2, 2, drawn.integers(2, 7)))
        times = drawn.uniform(0, 60) + np.cumsum(gaps)
        late = ["O", *np.where(gaps[1:] > 1, "LATE", "O")]
        found.append(
            [(drawn.choice(["so", "it", "goes"]), f"{t:.3f}", own) for t, own in zip(times, late, strict=True)]
        )
    return found


def write(path, sentences):
    path.write_text("\n\n".join("\n".join("\t".join(word) for word in one) for one in sentences) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("late")
    write(folder / "learn.tsv", draw(60, 1))
    write(folder / "new.tsv", draw(11, 2))
    for direction in ("both", "forward"):
        options = {"direction": direction, "validation_data": str(folder / "new.tsv"), "compare": direction == "both"}
        tag.train(folder / "learn.tsv", output=folder / f"{direction}.m", **SMALL, **GAPS, **options)
    return folder


@pytest.fixture(params=["both", "forward"])
def model(request, folder):
    return tag.load(folder / f"{request.param}.m")


def test_a_file_of_onnx_reads_the_times_of_words(folder, tmp_path):
    for name in ("both", "forward"):
        model = tag.load(folder / f"{name}.m")
        export_model(folder / f"{name}.m", tmp_path / "m.onnx", force=True)
        session = Session((tmp_path / "m.onnx").read_bytes())
        (batch,) = model.encode(open_tagged([folder / "new.tsv"], like=model.layout).sentences).batches(11)
        times = np.full(batch.steps.shape[:2], np.nan)
        for at, index in enumerate(batch.indices.tolist()):
            times[: batch.lengths[at], at] = [float(time) for _, time, _ in draw(11, 2)[index]]
        feeds = {"steps": batch.steps.numpy().swapaxes(0, 1), "lengths": batch.lengths.numpy(), "dt_times": times.T}
        with torch.no_grad():
            expected = model.module(batch.steps, batch.lengths, batch.carried).emissions.transpose(0, 1)
        assert difference([torch.from_numpy(session.run(feeds)[0])], [expected]) <= 1e-5
        feeds["dt_times"][4, :2] = [9.0, 8.5]
        found = np.isnan(session.run(feeds)[0]).all((1, 2))
        assert found.tolist() == [at == 4 for at in range(11)]
    export_model(folder / "forward.m", tmp_path / "m.onnx", step=True, force=True)
    session, length = Session((tmp_path / "m.onnx").read_bytes()), int(batch.lengths[7])
    names = [name for name in read_card(tmp_path / "m.onnx")["inputs"] if name.startswith("initial")]
    rows = [{"steps": batch.steps[t, 7:8].numpy(), "dt_times": times[t, 7:8]} for t in range(length)]
    found, *_ = run_steps(session, rows, names)
    assert difference([torch.from_numpy(found[:, 0])], [expected[7, :length]]) <= 1e-5


def test_emissions_are_those_of_a_network_that_is_run_by_hand(model, folder):
    sentences = open_tagged([folder / "new.tsv"], like=model.layout).sentences
    unit = float(np.median(np.concatenate([np.diff([float(word[1]) for word in one]) for one in draw(60, 1)])))
    assert model.encoder.sides["dt"].unit == pytest.approx(unit, rel=1e-5)
    (batch,) = model.encode(sentences).batches(len(sentences))
    module = model.module
    with torch.no_grad():
        found = module(batch.steps, batch.lengths, batch.carried).emissions
        for at, index in enumerate(batch.indices.tolist()):
            times = torch.tensor([float(row[0]) for row in sentences[index].further], dtype=torch.float64)
            gaps = times.diff().float() / unit
            dt, back = torch.cat([torch.zeros(1), gaps]), torch.cat([gaps, torch.zeros(1)])
            steps = batch.steps[: len(dt), at : at + 1]
            side = (dt[:, None], back[:, None]) if module.recurrent.bidirectional else dt[:, None]
            output, _ = module.recurrent(module.embed(steps), dt=side)
            assert torch.allclose(found[: len(dt), at], module.readout(output)[:, 0], atol=1e-4)


def test_tuples_and_files_get_the_same_tags(model, folder):
    sentences = open_tagged([folder / "new.tsv"], like=model.layout).sentences
    given = [[(word, float(time)) for word, time, _ in one] for one in draw(11, 2)]
    assert model.predict(given) == [list(one) for one in model.answer(sentences).tags]


def test_the_page_of_the_server_shows_words_that_it_can_tag(folder):
    model = tag.load(folder / "both.m")
    service = serve(model)
    found = service.answer(service.read(Sent("rows", ".jsonl", rows=service.rows)), None)
    assert len(found[0]["tags"]) == 4


def test_words_of_a_stream_are_as_late_as_in_the_whole(folder):
    model = tag.load(folder / "forward.m")
    words = [[word, time] for word, time, _ in max(draw(11, 2), key=len)]
    whole, pieces = TagStream(model, None), TagStream(model, None)
    expected = whole.take(json.dumps(words))["tags"]
    found = pieces.take(json.dumps(words[:2]))["tags"]
    with pytest.raises(DataError, match="out of order"):
        pieces.take(json.dumps([words[0]]))
    assert found + [one for word in words[2:] for one in pieces.take(json.dumps([word]))["tags"]] == expected


def test_a_look_inside_gives_the_layers_the_times_of_the_words(model, folder):
    seen = view(model, [str(folder / "new.tsv")])
    assert float(seen.loss().detach()) > 0
    assert seen.loss_with_memory(1) != seen.loss_with_memory(9)
    assert seen.explain()


def test_a_column_is_given_on_as_it_is_and_a_number_at_every_word(folder):
    options = {**SMALL, "epochs": 1, "compare": False}
    column = tag.train(folder / "learn.tsv", side="dt=column:2", **options)
    (sentence,) = open_tagged([folder / "new.tsv"], like=column.layout).sentences[:1]
    assert column.encoder.carried(sentence)[:, 0].tolist() == pytest.approx([float(row[0]) for row in sentence.further])
    constant = tag.train(folder / "learn.tsv", side="dt=0.5", **options)
    assert constant.layout.further == ()
    assert constant.encoder.sides == {}
    assert constant.predict([["so", "it"]])


def test_an_estimator_reads_the_times_behind_the_words():
    given = [[(word, time) for word, time, _ in one] for one in draw(30, 1)]
    tags = [[own for *_, own in one] for one in draw(30, 1)]
    options = {name: value for name, value in SMALL.items() if name != "quiet"}
    model = Tagger(**options, **GAPS).fit(given, tags)
    assert model.model_.encoder.sides["dt"].unit > 0
    assert [len(one) for one in model.predict(given[:3])] == [len(one) for one in given[:3]]


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("0.5", "new.tsv line 2, column 2: 0.5 comes after 7, so that times are out of order"),
        ("7.0", "new.tsv line 2, column 2: the time 7 was there before"),
        ("soon", "new.tsv line 2, column 2: 'soon' is no number, and the side input dt is one at each word"),
        ("inf", "new.tsv line 2, column 2: the value is missing or infinite"),
    ],
)
def test_a_bad_time_is_refused_with_its_line(time, message, folder, tmp_path):
    model = tag.load(folder / "forward.m")
    path = write(tmp_path / "new.tsv", [[("so", "7", "O"), ("it", time, "O")]])
    with pytest.raises(DataError) as caught:
        model.evaluate(open_tagged([path], like=model.layout))
    assert message in str(caught.value)


def test_an_option_that_names_no_column_is_refused(folder):
    with pytest.raises(
        ConfigError, match=r"side is dt=gaps. Name the column of times beside the words: dt=gaps:COLUMN"
    ):
        tag.train(folder / "learn.tsv", side="dt=gaps", **SMALL)


def test_a_file_whose_side_inputs_do_not_fit_is_damaged(folder, tmp_path):
    shutil.copy(folder / "forward.m", tmp_path / "forged.m")
    forge(tmp_path / "forged.m", lambda entry, _: entry["encoder"].pop("sides"))
    with pytest.raises(DataError, match="The side inputs of this model are not those of its words"):
        tag.load(tmp_path / "forged.m")
