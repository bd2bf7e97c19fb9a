"""A model file: what is written is read back, and other files are refused."""

import json
import logging
import os
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from elman.errors import DataError, ElmanError
from elman.models.file import FORMAT, ModelFile, check_target, is_model_file, task_of
from forged import Parts, assemble, seal, seal_weights, take_apart

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
    """Write what says that it is a model, with the sum that fits it."""
    path.write_bytes(seal_weights(header, {"a": torch.zeros(3)}))


def write_format_2(path, **more) -> None:
    """Write a file as the version before wrote it."""
    model = some_model()
    names = ("task", "cell", "configuration", "metrics", "versions")
    header = {"format": 2, **{name: getattr(model, name) for name in names}, **model.parts, **more}
    weights = {name: value.contiguous() for name, value in WEIGHTS.items()}
    save_file(weights, path, metadata={"elman": json.dumps(header, sort_keys=True)})


def test_what_is_written_is_read_back(tmp_path):
    some_model().write(tmp_path / "m")
    back = ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    for name in ("task", "cell", "parts", "configuration", "metrics", "versions"):
        assert getattr(back, name) == getattr(some_model(), name)
    assert back.weights.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert back.weights[name].dtype == value.dtype
        assert torch.equal(back.weights[name], value)


def test_a_file_with_hashes_of_examples_is_read_back_and_one_without_is_read_too(tmp_path):
    for learnt in (None, {"limit": 3, "hashes": ""}):
        some_model(learnt=learnt).write(tmp_path / "m")
        assert ModelFile.read(tmp_path / "m", "generate", ["vocabulary"]).learnt == learnt


def test_hashes_of_examples_that_are_no_object_are_refused(tmp_path):
    some_model(learnt=[1]).write(tmp_path / "m")
    with pytest.raises(DataError, match="its learnt is missing or of the wrong kind"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in "mn":
        some_model().write(tmp_path / name)
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()


def test_only_the_file_itself_is_left_behind(tmp_path):
    some_model().write(tmp_path / "m")
    some_model(parts={"vocabulary": {"characters": "xyz"}}).write(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert ModelFile.read(tmp_path / "m", "generate", ["vocabulary"]).parts == {"vocabulary": {"characters": "xyz"}}


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
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9999])
def test_a_truncated_model_is_refused(tmp_path, share):
    some_model().write(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(DataError, match="not a model, or is cut short") as caught:
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"Once upon a time\n" * 9, b"\x89PNG\r\n\x1a\n" + bytes(99), struct.pack("<Q", 2**60)])
def test_other_files_are_refused(tmp_path, raw):
    (tmp_path / "m").write_bytes(raw)
    with pytest.raises(DataError, match="not a model"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    assert not is_model_file(tmp_path / "m")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"elman": "not json"}, {"elman": "[1]"}])
def test_safetensors_of_another_program_are_refused(tmp_path, metadata):
    save_file({"a": torch.zeros(3)}, tmp_path / "m", metadata=metadata)
    with pytest.raises(DataError, match="of another program"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


@pytest.mark.parametrize("version", [None, 0, 1, FORMAT + 1, "3", 3.0, True, [3]])
def test_another_format_is_refused(tmp_path, version):
    write_header(tmp_path / "m", format=version)
    with pytest.raises(DataError, match="this program reads format"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


@pytest.mark.parametrize("name", ["task", "cell", "vocabulary", "configuration", "metrics", "versions"])
def test_a_missing_part_is_named(tmp_path, name):
    shared = {part: getattr(some_model(), part) for part in ("task", "cell", "metrics", "versions")}
    header = {"format": FORMAT, "configuration": {}, **shared, **some_model().parts}
    for broken in ({key: value for key, value in header.items() if key != name}, {**header, name: 7}):
        write_header(tmp_path / "m", **broken)
        with pytest.raises(DataError, match=f"its {name} is missing"):
            ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_the_parts_are_those_of_the_task(tmp_path):
    parts = {"columns": {}, "encoder": {"kind": "series"}, "targets": {"kind": "number"}}
    some_model(task="classify", parts=parts).write(tmp_path / "m")
    assert task_of(tmp_path / "m") == "classify"
    assert ModelFile.read(tmp_path / "m", "classify", list(parts)).parts == parts
    some_model(task="classify").write(tmp_path / "m")
    with pytest.raises(DataError, match="its columns is missing"):
        ModelFile.read(tmp_path / "m", "classify", list(parts))


def test_a_model_for_another_task_is_refused(tmp_path):
    some_model(task="classify").write(tmp_path / "m")
    with pytest.raises(DataError, match="a model for 'classify', not for 'generate'"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="gone does not exist"):
        ModelFile.read(tmp_path / "gone", "generate", ["vocabulary"])
    with pytest.raises(DataError, match="is a folder"):
        ModelFile.read(tmp_path, "generate", ["vocabulary"])


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


def test_the_sum_is_over_the_tensors_and_then_over_the_header(tmp_path):
    """It is taken here as the module's text says, from the bytes of the file."""
    some_model().write(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == seal(take_apart(tmp_path / "m"))


def test_no_bit_can_change_and_no_byte_go_missing(tmp_path):
    some_model().write(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :]
        (tmp_path / "m").write_bytes(changed)
        try:
            back = ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
        except DataError:
            continue
        # JSON can say the same in other characters, such as \u00E9 for \u00e9.
        same = (getattr(back, name) == getattr(some_model(), name) for name in ("cell", "parts", "metrics", "versions"))
        assert all(same), (at, raw[at])
        assert all(torch.equal(back.weights[name], value) for name, value in WEIGHTS.items())
    (tmp_path / "m").write_bytes(raw + b"\0")
    with pytest.raises(DataError, match="not what its header says"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_two_tensors_that_change_names_are_noticed(tmp_path):
    some_model(weights={"a": torch.ones(3), "b": torch.zeros(3)}).write(tmp_path / "m")
    parts = take_apart(tmp_path / "m")
    entry = {**parts.entry, "sha256": json.loads(header_of(tmp_path / "m")["__metadata__"]["elman"])["sha256"]}
    swapped = {"a": parts.rows["b"], "b": parts.rows["a"]}
    (tmp_path / "m").write_bytes(assemble(entry, swapped, parts.data))
    with pytest.raises(DataError, match="not as it was written"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def header_of(path):
    raw = path.read_bytes()
    return json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])


def test_a_file_of_format_3_without_a_sum_is_refused(tmp_path):
    some_model().write(tmp_path / "m")
    parts = take_apart(tmp_path / "m")
    (tmp_path / "m").write_bytes(assemble(*parts))
    with pytest.raises(DataError, match="it has no sha256"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_a_file_of_format_2_is_read_with_a_note(tmp_path, caplog):
    write_format_2(tmp_path / "m")
    with caplog.at_level(logging.WARNING, "elman"):
        back = ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    assert back.parts == some_model().parts
    assert all(torch.equal(back.weights[name], value) for name, value in WEIGHTS.items())
    [record] = caplog.records
    assert "is of format 2, without a sum" in record.getMessage()


def test_what_is_not_finite_in_an_old_file_is_not_known(tmp_path):
    write_format_2(tmp_path / "m", metrics={"mase": float("inf"), "history": [float("nan"), 1.0]})
    assert ModelFile.read(tmp_path / "m", "generate", ["vocabulary"]).metrics == {"mase": None, "history": [None, 1.0]}


@pytest.mark.parametrize(
    ("more", "said"), [({"sha256": "0" * 64}, "says format 2, which has no sha256"), ({"more": 1}, "an entry 'more'")]
)
def test_a_file_that_only_says_that_it_is_old_is_refused(tmp_path, more, said):
    write_format_2(tmp_path / "m", **more)
    with pytest.raises(DataError, match=said):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_neither_written_nor_read(tmp_path, bad):
    weights = {"a": torch.ones(3), "b": torch.tensor([1.0, bad])}
    with pytest.raises(ElmanError, match=r"weight 'b' is not finite.*not kept"):
        some_model(weights=weights).write(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    (tmp_path / "m").write_bytes(seal_weights(entry_of_some_model(tmp_path), weights))
    with pytest.raises(DataError, match="damaged: the weight 'b' is not finite"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_scores_that_are_not_finite_are_written_as_nothing(tmp_path):
    some_model(metrics={"mase": float("inf"), "rows": [(1, float("nan"))]}).write(tmp_path / "m")
    assert ModelFile.read(tmp_path / "m", "generate", ["vocabulary"]).metrics == {"mase": None, "rows": [[1, None]]}
    for part in ({"configuration": {"dropout": float("nan")}}, {"parts": {"vocabulary": {"a": float("inf")}}}):
        with pytest.raises(ElmanError, match="a number that is not finite"):
            some_model(**part).write(tmp_path / "n")


def test_a_file_that_is_written_over_changes_no_model_in_use(tmp_path):
    some_model().write(tmp_path / "m")
    back = ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    with (tmp_path / "m").open("r+b") as file:
        file.write(b"\xff" * os.path.getsize(tmp_path / "m"))
        file.truncate(8)
    assert all(torch.equal(back.weights[name], value) for name, value in WEIGHTS.items())


def entry_of_some_model(tmp_path):
    some_model().write(tmp_path / "whole")
    return take_apart(tmp_path / "whole").entry


def row(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("rows", "data", "said"),
    [
        pytest.param({"a": row([10**9, 10**9], 0, 4 * 10**18)}, b"", "not what its header says", id="a size of 1e18"),
        pytest.param({"a": row([10**9], 0, 12)}, bytes(12), "not a model", id="a shape that is larger than its bytes"),
        pytest.param({"a": row([2**62, 4], 0, 0)}, b"", "not a model", id="a shape that overflows"),
        pytest.param(
            {f"t{i}": row([0], 0, 0) for i in range(200_000)}, b"", "tensors|values", id="200,000 empty tensors"
        ),
        pytest.param(
            {f"t{i}": row([0], 0, 0) for i in range(5000)}, b"", "more than 4,096 tensors", id="5,000 tensors"
        ),
        pytest.param({"a": row([3], 0, 12), "b": row([3], 0, 12)}, bytes(12), "not a model", id="overlapping tensors"),
        pytest.param({"a": row([-3], 0, 12)}, bytes(12), "not a model", id="a negative size"),
        pytest.param({"a": row([3], 0, 12, "F31")}, bytes(12), "not a model", id="an unknown type"),
        pytest.param({"a": 7}, bytes(12), "not what its header says", id="a row that is a number"),
        pytest.param({"a": row([3], 0, True)}, bytes(1), "not a model", id="an offset that is true"),
        pytest.param({"a": row([3], None, 12)}, bytes(12), "not a model", id="an offset that is nothing"),
        pytest.param({"a": [row([3], 0, 12)]}, bytes(12), "not what its header says", id="a row in a list"),
    ],
)
def test_forged_rows_are_refused(tmp_path, rows, data, said):
    (tmp_path / "m").write_bytes(seal(Parts(entry_of_some_model(tmp_path), rows, data)))
    with pytest.raises(DataError, match=said) as caught:
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(DEEP, "another program, or damaged", id="nested 100,000 deep"),
        pytest.param("[" * 99 + "]" * 99, "nested more than 64 deep", id="nested 99 deep"),
        pytest.param('{"format": ' + "3" * 5000 + "}", "a number of 5,000 digits", id="5,000 digits"),
        pytest.param('{"format": ' + "3" * 20 + "}", "a number of 20 digits", id="20 digits"),
        pytest.param('{"format": 3, "format": 2}', "stands twice", id="a name that stands twice"),
        pytest.param('{"a": [' + "1," * 1_100_000 + "1]}", "more than 1,000,000 values", id="too many values"),
        pytest.param('{"a": "' + "b" * (33 << 20) + '"}', "header would have", id="a header of 33 MiB"),
        pytest.param("\ud800", "another program, or damaged", id="half a character"),
        pytest.param('{"format": 3', "another program, or damaged", id="cut off"),
    ],
)
def test_forged_json_is_refused(tmp_path, entry, said):
    (tmp_path / "m").write_bytes(assemble(entry, {"a": row([3], 0, 12)}, bytes(12)))
    with pytest.raises(DataError, match=said) as caught:
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not is_model_file(tmp_path / "m")


@pytest.mark.parametrize("header", [DEEP, '{"a": 1, "a": 2}', '"elman"', "7", "[]", '{"__metadata__": 7}'])
def test_a_forged_header_is_refused(tmp_path, header):
    (tmp_path / "m").write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(DataError, match=r"not a model|another program"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_several_metadata_entries_are_refused(tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "m", metadata={"elman": "{}", "format": "pt"})
    with pytest.raises(DataError, match="of another program"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        for read in (task_of, lambda path: ModelFile.read(path, "generate", ["vocabulary"])):
            with pytest.raises(DataError, match="a pipe or a device"):
                read(path)


def test_the_task_and_the_kind_are_told_by_the_header_alone(tmp_path):
    some_model().write(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    size = sum(value.nbytes for value in WEIGHTS.values())
    (tmp_path / "m").write_bytes(raw[:-size])
    assert task_of(tmp_path / "m") == "generate"
    assert is_model_file(tmp_path / "m")
    with pytest.raises(DataError, match="cut short"):
        ModelFile.read(tmp_path / "m", "generate", ["vocabulary"])
