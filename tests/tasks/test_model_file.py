"""One file: what goes in comes out, and what is not a model is told apart."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from elman.errors import DataError, ElmanError
from elman.tasks.model_file import FORMAT, ModelFile, check_target, is_model_file, task_of

WEIGHTS = {"a": torch.arange(35.0).view(5, 7).t(), "b": torch.tensor([1.0, -0.0, 3e-40], dtype=torch.float64)}


def some_model(**changes) -> ModelFile:
    parts = {
        "task": "generate",
        "cell": {"name": "made up"},
        "configuration": {"hidden": 11},
        "metrics": {"validation_loss": 1.25, "history": [[1, None, 0.1]]},
        "versions": {"elman": "0"},
        "weights": WEIGHTS,
        "parts": {"vocabulary": {"unit": "character", "characters": "\n abc\u00e9\U0001d11e"}},
    }
    return ModelFile(**{**parts, **changes})


def write_header(path, **header) -> None:
    save_file({"a": torch.zeros(3)}, path, metadata={"elman": json.dumps(header)})


def test_what_is_written_is_read_back(tmp_path):
    some_model().write(tmp_path / "m")
    back = ModelFile.read(tmp_path / "m", "generate")
    for name in ("task", "cell", "parts", "configuration", "metrics", "versions"):
        assert getattr(back, name) == getattr(some_model(), name)
    assert back.weights.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert back.weights[name].dtype == value.dtype
        assert torch.equal(back.weights[name], value)


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in "mn":
        some_model().write(tmp_path / name)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


def test_only_the_file_itself_is_left_behind(tmp_path):
    some_model().write(tmp_path / "m")
    some_model(parts={"vocabulary": {"characters": "xyz"}}).write(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert ModelFile.read(tmp_path / "m", "generate").parts == {"vocabulary": {"characters": "xyz"}}


def test_a_write_that_fails_leaves_the_old_model_whole(tmp_path, monkeypatch):
    some_model().write(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(ElmanError, match="cannot be written: No space left"):
        some_model(parts={"vocabulary": {"characters": "xyz"}}).write(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_pickle_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the file was executed",))

    (tmp_path / "m").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="not a model"):
        ModelFile.read(tmp_path / "m", "generate")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9999])
def test_a_truncated_model_is_refused(tmp_path, share):
    some_model().write(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(DataError, match="not a model, or is cut short") as caught:
        ModelFile.read(tmp_path / "m", "generate")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"Once upon a time\n" * 9, b"\x89PNG\r\n\x1a\n" + bytes(99), struct.pack("<Q", 2**60)])
def test_other_files_are_refused(tmp_path, raw):
    (tmp_path / "m").write_bytes(raw)
    with pytest.raises(DataError, match="not a model"):
        ModelFile.read(tmp_path / "m", "generate")
    assert not is_model_file(tmp_path / "m")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"elman": "not json"}, {"elman": "[1]"}])
def test_safetensors_of_another_program_are_refused(tmp_path, metadata):
    save_file({"a": torch.zeros(3)}, tmp_path / "m", metadata=metadata)
    with pytest.raises(DataError, match="of another program"):
        ModelFile.read(tmp_path / "m", "generate")


@pytest.mark.parametrize("version", [None, 0, FORMAT + 1, "1"])
def test_another_format_is_refused(tmp_path, version):
    write_header(tmp_path / "m", format=version)
    with pytest.raises(DataError, match="this program reads format"):
        ModelFile.read(tmp_path / "m", "generate")


@pytest.mark.parametrize("name", ["task", "cell", "vocabulary", "configuration", "metrics", "versions"])
def test_a_missing_part_is_named(tmp_path, name):
    shared = {part: getattr(some_model(), part) for part in ("task", "cell", "metrics", "versions")}
    header = {"format": FORMAT, "configuration": {}, **shared, **some_model().parts}
    for broken in ({key: value for key, value in header.items() if key != name}, {**header, name: 7}):
        write_header(tmp_path / "m", **broken)
        with pytest.raises(DataError, match=f"its {name} is missing"):
            ModelFile.read(tmp_path / "m", "generate")


def test_the_parts_are_those_of_the_task(tmp_path):
    parts = {"columns": {}, "encoder": {"kind": "series"}, "targets": {"kind": "number"}}
    some_model(task="classify", parts=parts).write(tmp_path / "m")
    assert task_of(tmp_path / "m") == "classify"
    assert ModelFile.read(tmp_path / "m", "classify").parts == parts
    some_model(task="classify").write(tmp_path / "m")
    with pytest.raises(DataError, match="its columns is missing"):
        ModelFile.read(tmp_path / "m", "classify")


def test_a_model_for_another_task_is_refused(tmp_path):
    some_model(task="classify").write(tmp_path / "m")
    with pytest.raises(DataError, match="a model for 'classify', not for 'generate'"):
        ModelFile.read(tmp_path / "m", "generate")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="gone does not exist"):
        ModelFile.read(tmp_path / "gone", "generate")
    with pytest.raises(DataError, match="is a folder"):
        ModelFile.read(tmp_path, "generate")


def test_a_target_is_free_or_a_model_that_may_be_replaced(tmp_path):
    check_target(tmp_path / "new", force=False)
    some_model().write(tmp_path / "m")
    with pytest.raises(DataError, match=r"m exists\. Give --force"):
        check_target(tmp_path / "m", force=False)
    check_target(tmp_path / "m", force=True)
    (tmp_path / "book.txt").write_text("text")
    for force in (False, True):
        with pytest.raises(DataError, match="never overwritten"):
            check_target(tmp_path / "book.txt", force=force)
        with pytest.raises(DataError, match="is a folder"):
            check_target(tmp_path, force=force)
        with pytest.raises(DataError, match=r"no/where does not exist\. Make it first: mkdir -p"):
            check_target(tmp_path / "no" / "where" / "m", force=force)
