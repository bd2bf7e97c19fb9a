"""Where a model is kept while it is trained, and at the end: what is there is not lost, and what was learnt neither."""

import errno
import shutil
import tempfile
from pathlib import Path

import pytest
import torch

from answerable import write_table
from elman.errors import ElmanError
from elman.models import file as model_file
from elman.tasks import classify, forecast, generate, tag, transcribe, translate
from elman.training import checkpoint
from elman.training.keeping import Keeper
from elman.training.loop import Trainer
from elman.training.progress import QuietProgress
from forecastable import write_sales
from speakable import write_speech
from taggable import write_conllu

NAME, BESIDE = "m.elman.safetensors", "m.interrupted.elman.safetensors"
BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 20
PAIRS = "".join(f"{here} {there}\t{there} {here}\n" for here in "abcdefg" for there in "hijklm")
SMALL = {"hidden": 5, "batch": 8, "epochs": 3, "quiet": True}
RECIPES = {
    "generate": (generate, {"window": 11}),
    "classify": (classify, {"compare": False}),
    "tag": (tag, {"letter_hidden": 3, "compare": False}),
    "forecast": (forecast, {"horizon": 3, "lookback": 7, "validation": 20, "compare": False}),
    "transcribe": (transcribe, {"mels": 11, "channels": 7, "compare": False}),
    "translate": (translate, {"unit": "word", "compare": False}),
}


@pytest.fixture
def learn(tmp_path, monkeypatch):
    """Train a small model in a folder of its own, as a user does who stands in another."""
    (tmp_path / "models").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "book.txt").write_text(BOOK)
    monkeypatch.chdir(tmp_path / "here")
    write = {
        "classify": write_table,
        "tag": write_conllu,
        "forecast": write_sales,
        "transcribe": lambda path: write_speech(path, 23),
        "translate": lambda path: path.write_text(PAIRS),
    }
    names = {
        "generate": "book.txt",
        "classify": "a.csv",
        "tag": "a.conllu.gz",
        "forecast": "sales.csv",
        "transcribe": "speech.csv",
        "translate": "pairs.tsv",
    }

    def train(recipe: str = "generate", **options):
        module, own = RECIPES[recipe]
        data = tmp_path / names[recipe]
        if not data.exists():
            write[recipe](data)
        return module.train(data, output=tmp_path / "models" / NAME, **{**SMALL, **own, **options})

    return train


def fail(monkeypatch, full, times: float = float("inf")) -> None:
    """Let the disk be full where `full` says so of a folder, so many times."""
    write, left = model_file.write_whole, [times]

    def write_or_fail(path, content):
        if full(Path(path).parent) and left[0] > 0:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(model_file, "write_whole", write_or_fail)

    def write_checkpoint_or_fail(path, content):
        if full(Path(path).parent):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint, "write_whole", write_checkpoint_or_fail)


def watch(monkeypatch, folder) -> list[dict[str, bytes]]:
    """Return a list that grows by what the folder holds before each model is written."""
    seen, write = [], model_file.write_whole

    def write_and_see(path, content):
        seen.append({entry.name: entry.read_bytes() for entry in folder.iterdir()})
        write(path, content)

    monkeypatch.setattr(model_file, "write_whole", write_and_see)
    return seen


def interrupt(monkeypatch, after_validations: int) -> None:
    """Press Ctrl-C in the update behind a validation."""
    update = Trainer._update

    def update_or_stop(trainer, group, run):
        if len(run.outcome.history) == after_validations:
            raise KeyboardInterrupt
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_or_stop)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_model_that_is_replaced_stays_until_the_training_has_ended(learn, tmp_path, monkeypatch, recipe):
    old = learn(recipe)
    there = old.kept.read_bytes()
    seen = watch(monkeypatch, tmp_path / "models")
    new = learn(recipe, force=True, seed=7)
    assert len(seen) > 1
    assert all(files[NAME] == there for files in seen)
    assert seen[-1].keys() == {NAME, BESIDE, f"{NAME}.checkpoint", f".{NAME}.lock"}
    assert {path.name for path in (tmp_path / "models").iterdir()} == {NAME}
    assert new.kept == old.kept
    assert new.kept.read_bytes() != there


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_training_that_was_interrupted_leaves_the_old_model_and_puts_its_own_beside_it(
    learn, tmp_path, monkeypatch, recipe
):
    old = learn(recipe).kept.read_bytes()
    interrupt(monkeypatch, after_validations=1)
    for name in (BESIDE, "m.interrupted-2.elman.safetensors"):
        new = learn(recipe, force=True, epochs=50, seed=7)
        assert (new.stopped, new.kept) == ("interrupted", tmp_path / "models" / name)
        assert (tmp_path / "models" / NAME).read_bytes() == old
        assert RECIPES[recipe][0].load(new.kept).metrics["history"] == new.metrics["history"]


def test_a_search_leaves_the_old_model_until_it_has_ended(learn, tmp_path, monkeypatch):
    old = learn("classify").kept.read_bytes()
    seen = watch(monkeypatch, tmp_path / "models")
    new = learn("classify", force=True, seed=7, search=2)
    assert all(files[NAME] == old for files in seen)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {NAME}
    assert classify.load(new.kept).metrics["search"]["trials"] == 2


def test_an_interrupted_training_without_a_validation_is_kept_beside_the_old_model_too(learn, tmp_path, monkeypatch):
    old = learn().kept.read_bytes()
    update = Trainer._update

    def update_thrice(trainer, group, run):
        if run.outcome.updates == 3:
            raise KeyboardInterrupt
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_thrice)
    new = learn(force=True, seed=7)
    assert new.kept == tmp_path / "models" / BESIDE
    assert (tmp_path / "models" / NAME).read_bytes() == old
    assert generate.load(new.kept).metrics["updates"] == 3


@pytest.mark.slow
def test_what_cannot_be_written_for_a_while_is_written_later(learn, tmp_path, monkeypatch):
    notes: list[str] = []
    monkeypatch.setattr(QuietProgress, "note", lambda _, text: notes.append(text))
    fail(monkeypatch, lambda folder: folder.name == "models", times=2)
    model = learn(epochs=60)
    assert model.kept == tmp_path / "models" / NAME
    assert generate.load(model.kept).metrics["history"] == model.metrics["history"]
    said = [note for note in notes if NAME in note and "without a new checkpoint" not in note]
    assert len(said) == 2
    assert "No space left on device; the best model is held in memory, and tried again at each validation" in said[0]
    assert said[1] == f"the best model so far is written to {model.kept}"


def test_a_file_that_takes_the_name_of_a_model_in_the_meantime_stays(learn, tmp_path, monkeypatch):
    notes: list[str] = []
    monkeypatch.setattr(QuietProgress, "note", lambda _, text: notes.append(text))
    target = tmp_path / "models" / NAME
    keep = Keeper.keep

    def keep_and_meet(keeper, model, progress):
        if not target.exists():
            target.write_text("precious")
        keep(keeper, model, progress)

    monkeypatch.setattr(Keeper, "keep", keep_and_meet)
    model = learn()
    assert target.read_text() == "precious"
    assert model.kept == tmp_path / "models" / "m-2.elman.safetensors"
    assert generate.load(model.kept).metrics["history"] == model.metrics["history"]
    assert f"{target} was taken in the meantime; the model is kept in {model.kept}" in notes
    assert {path.name for path in target.parent.iterdir()} == {NAME, model.kept.name}


def test_two_trainings_of_one_name_keep_both_models(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK)
    one, other = (generate.train(tmp_path / "book.txt", seed=seed, window=11, **SMALL) for seed in (1, 2))
    keepers = [Keeper(tmp_path / NAME, force=False) for _ in range(2)]
    for keeper, model in zip(keepers, (one, other), strict=True):
        keeper.keep(model, QuietProgress())
    for keeper, model in zip(keepers, (one, other), strict=True):
        keeper.finish(model)
        assert torch.equal(next(generate.load(model.kept).module.parameters()), next(model.module.parameters()))
    assert one.kept != other.kept


def test_what_waits_is_the_best_model_and_not_a_later_one(tmp_path, monkeypatch):
    (tmp_path / "book.txt").write_text(BOOK)
    model = generate.train(tmp_path / "book.txt", **SMALL, window=11)
    best = {name: value.clone() for name, value in model.weights().items()}
    keeper = Keeper(tmp_path / NAME, force=False)
    fail(monkeypatch, lambda folder: folder == tmp_path, times=2)
    keeper.keep(model, QuietProgress())
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(1.0)
    keeper.try_again(QuietProgress())
    assert not (tmp_path / NAME).exists()
    keeper.try_again(QuietProgress())
    kept = generate.load(tmp_path / NAME).weights()
    assert all(value.equal(best[name]) for name, value in kept.items())


def test_a_model_that_is_written_at_the_second_attempt_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / "book.txt").write_text(BOOK)
    model = generate.train(tmp_path / "book.txt", **SMALL, window=11)
    model.save(tmp_path / NAME)
    keeper = Keeper(tmp_path / NAME, force=True)
    fail(monkeypatch, lambda folder: folder == tmp_path, times=1)
    keeper.finish(model)
    assert model.kept == tmp_path / NAME
    assert not keeper.was_lost


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("taken", [False, True])
def test_what_cannot_be_written_at_all_is_trained_to_its_end_and_written_to_the_current_folder(
    learn, tmp_path, monkeypatch, recipe, taken
):
    fail(monkeypatch, lambda folder: folder.name == "models")
    if taken:
        Path(NAME).write_text("a poem")
    found = tmp_path / "here" / ("m-2.elman.safetensors" if taken else NAME)
    with pytest.raises(ElmanError, match=rf"cannot be written: No space left on device\. The model is kept in {found}"):
        learn(recipe)
    assert not list((tmp_path / "models").iterdir())
    assert {path.name for path in Path().iterdir()} == {NAME, found.name}
    metrics = RECIPES[recipe][0].load(found).metrics
    assert metrics["epoch"] >= SMALL["epochs"]
    assert taken is False or Path(NAME).read_text() == "a poem"


def test_the_last_place_is_the_folder_for_temporary_files_and_behind_it_there_is_none(learn, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    fail(monkeypatch, lambda folder: folder.name in ("models", "here"))
    with pytest.raises(ElmanError, match=f"kept in {tmp_path / 'temporary' / NAME}"):
        learn()
    assert generate.load(tmp_path / "temporary" / NAME).metrics["epoch"] >= SMALL["epochs"]
    fail(monkeypatch, lambda folder: True)
    with pytest.raises(ElmanError, match=r"No space left on device\. Nothing can be written elsewhere either"):
        learn()
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == [NAME]


def test_a_folder_that_goes_while_a_model_is_trained_costs_no_model(learn, tmp_path, monkeypatch):
    update = Trainer._update

    def update_without_folder(trainer, group, run):
        if run.outcome.updates == 2:
            shutil.rmtree(tmp_path / "models")
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_without_folder)
    with pytest.raises(ElmanError, match=f"No such file or directory. The model is kept in {tmp_path / 'here' / NAME}"):
        learn()


def test_an_error_that_ends_a_training_says_where_the_best_model_is(learn, tmp_path, monkeypatch):
    update = Trainer._update

    def update_or_diverge(trainer, group, run):
        if len(run.outcome.history) == 1:
            raise ElmanError("Training diverged.")
        update(trainer, group, run)

    monkeypatch.setattr(Trainer, "_update", update_or_diverge)
    for name, full in {"models": "", "here": "models"}.items():
        fail(monkeypatch, lambda folder, full=full: folder.name == full)
        with pytest.raises(ElmanError, match="diverged") as ended:
            learn(epochs=50, force=True)
        [note] = ended.value.__notes__
        place = tmp_path / name / NAME
        assert note == f"The best model so far is kept in {place}."
        assert len(generate.load(place).metrics["history"]) == 1
        place.unlink()
