"""Folders as datasets, the choice of a reader, and new files for a model."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from elman.data import Columns, open_dataset
from elman.data.examples.folders import Lines
from elman.errors import DataError

FILES_OF_TEXT = Columns({"file": "text"}, "class", "category")
LINES = Columns({"line": "text"}, "class", "category")


@pytest.fixture
def put(tmp_path):
    """Write files below a folder, by their names, and return the folder."""

    def write(**files: object):
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_one(path, content)
        return folder

    return write


def write_one(path, content) -> None:
    if path.suffix == ".wav":
        soundfile.write(path, np.full(content, 0.5, np.float32), 8000)
    elif path.suffix == ".png":
        Image.fromarray(np.full((content, 5), 7, np.uint8)).save(path)
    elif path.suffix == ".npy":
        np.save(path, np.ones((content, 3), np.float32))
    else:
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())


def as_pairs(dataset) -> list[tuple]:
    column = next(iter(dataset.columns.inputs))
    return [(dataset[i].values[column], dataset[i].target) for i in range(len(dataset))]


def test_texts_in_folders_are_an_example_each(put):
    folder = put(**{"no/b.txt": "bad\r\nso", "no/a.txt": "awful", "yes/deep/c.txt": "good", "yes/.hidden.txt": "x"})
    (folder / ".git").mkdir()
    found = open_dataset(folder)
    assert as_pairs(found) == [("awful", "no"), ("bad\nso", "no"), ("good", "yes")]
    assert found.columns == FILES_OF_TEXT
    assert found[1].where == str(folder / "no" / "b.txt")
    assert "Classes are the names of the folders: no 2, yes 1." in found.notes


@pytest.mark.parametrize(
    ("suffix", "kind", "shape"),
    [(".wav", "sound", (7,)), (".png", "image", (7, 5, 1)), (".npy", "series", (7, 3))],
)
def test_files_in_folders_are_read_by_their_suffix(put, suffix, kind, shape):
    folder = put(**{f"a/1{suffix}": 11, f"b/2{suffix}": 7})
    (folder / "b" / f"2{suffix}").rename(folder / "b" / f"2{suffix.upper()}")
    found = open_dataset(folder)
    assert found.columns.inputs == {"file": kind}
    value = found[1].values["file"]
    assert (value.samples if kind == "sound" else value).shape == shape
    assert found[1].target == "b"


def test_lines_of_texts_are_an_example_each(put):
    folder = put(**{"Greek.txt": '\ufeffAlexis\n\n"Stav\nros"\n', "Irish.txt": "O'Nolan\r\nÓ Briain"})
    found = open_dataset(folder)
    assert as_pairs(found) == [
        ("Alexis", "Greek"), ('"Stav', "Greek"), ('ros"', "Greek"), ("O'Nolan", "Irish"), ("Ó Briain", "Irish")
    ]  # fmt: skip
    assert found[1].where.endswith("Greek.txt line 3")
    assert found.columns == LINES
    assert "Classes are the names of the files: Greek 3, Irish 2." in found.notes
    assert as_pairs(open_dataset(sorted(folder.iterdir()))) == as_pairs(found)


def test_lines_of_letters_are_letters(put):
    found = open_dataset(put(**{"on.txt": "acgtACGTacgt\n", "off.txt": "TTTTTTTTTTTT\nGGGGGGGGGGGG\n"}))
    assert found.columns.inputs == {"line": "letters"}
    assert as_pairs(found)[2] == ("ACGTACGTACGT", "on")


def test_a_folder_of_genomes_has_a_class_a_file(put):
    found = open_dataset(put(**{"on.fa": ">1\nACGT\n", "off.fa": ">1\nTTTT\n>2\nGG\n"}))
    assert found.columns.inputs == {"sequence": "letters"}
    assert as_pairs(found) == [("TTTT", "off"), ("GG", "off"), ("ACGT", "on")]


def test_arrays_are_opened(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((3, 7, 2)), y=["a", "b", "a"])
    assert open_dataset(tmp_path / "a.npz")[1].target == "b"


def test_what_is_not_read_is_counted(put):
    folder = put(**{"a/1.txt": "x", "b/2.txt": "y", "a/n.md": "z", "b/m.md": "z", "README": "w", "top.txt": "v"})
    found = open_dataset(folder)
    assert len(found) == 2
    assert "Not read: .md 2, without a suffix 1, .txt 1." in found.notes


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a/1.txt": "x", "b/2.png": 5}, r"several kinds: text \(a/1.txt\), image \(b/2.png\)"),
        ({"a/1.txt": "x", "b/2.md": "y"}, r"data/b has no file of text"),
        ({"a/1.md": "x"}, "no file that can be read"),
        ({"a/1.txt": "x", "b/2.txt": ""}, r"b/2\.txt is empty"),
        ({"train/a/1.txt": "x", "test/a/2.txt": "y"}, "test, train, which are parts of a data set"),
        ({"1.png": 5, "2.png": 5}, "2 files of image, and no class for them"),
        ({"1.txt": "x"}, "1 file of text, and no class for them"),
        ({"a.txt": "x\n", "b.txt": "\n \n"}, r"b\.txt has only empty lines"),
        ({"a.txt": "x\n", "b.txt": b"x\ncaf\xe9\n"}, r"b\.txt line 2 is not UTF-8: byte 0xe9 at offset 5"),
        ({"a/1.fa": ">1\nACGT\n", "b/1.fa": ">1\nACGT\n"}, "Write each class in one file"),
    ],
)
def test_folders_that_cannot_be_read_are_reported(put, files, message):
    with pytest.raises(DataError, match=message):
        open_dataset(put(**files))


def test_an_empty_folder_of_a_class_is_reported(put):
    folder = put(**{"a/1.txt": "x"})
    (folder / "b").mkdir()
    with pytest.raises(DataError, match="data/b has no file of text"):
        open_dataset(folder)


def test_a_damaged_file_is_named_when_it_is_read(put):
    found = open_dataset(put(**{"a/1.wav": 9, "b/2.txt.wav": 9}))
    (found._files[1][0]).write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"b/2\.txt\.wav"):
        found[1]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["x.json"], {}, "Write JSON lines"),
        (["x.parquet.gz"], {}, "Unpack it"),
        (["x"], {}, "the form without a suffix is not known"),
        (["x.foo"], {}, "the form .foo is not known"),
        (["x.wav"], {}, "one example without an answer"),
        (["x.txt"], {}, "one text without classes"),
        (["x.csv", "x.txt"], {}, "different forms"),
        (["x.txt", "y.txt"], {"group": "speaker"}, "no columns, so none can be named"),
        (["x.txt", "y.txt"], {"inputs": ["line"]}, "no columns, so none can be named"),
    ],
)
def test_what_no_reader_takes_is_reported(put, names, options, message):
    folder = put(**{name: 7 if name.endswith("wav") else "x\n" for name in names})
    with pytest.raises(DataError, match=message):
        open_dataset([folder / name for name in names], **options)


@pytest.mark.parametrize(
    ("paths", "message"),
    [([], "the list of files is empty"), ("-", "Standard input"), ("nowhere.csv", "does not exist")],
)
def test_paths_without_data_are_reported(paths, message):
    with pytest.raises(DataError, match=message):
        open_dataset(paths)


def test_new_files_of_the_kind_that_a_model_reads_are_an_example_each(put):
    folder = put(**{"a.wav": 7, "b.wav": 5, "c.txt": "one\ntwo\n"})
    like = Columns({"recording": "sound"}, "speaker", "category")
    found = open_dataset([folder / "a.wav", folder / "b.wav"], like=like)
    assert [len(found[i].values["recording"].samples) for i in range(2)] == [7, 5]
    assert found[0].target is None
    assert found.columns.target is None
    assert as_pairs(open_dataset(folder / "c.txt", like=FILES_OF_TEXT)) == [("one\ntwo\n", None)]
    assert as_pairs(open_dataset(folder / "c.txt", like=LINES)) == [("one", None), ("two", None)]
    with pytest.raises(DataError, match=r"holds text or letters, and the model reads recording \(sound\)"):
        open_dataset(folder / "c.txt", like=like)


def test_a_csv_of_numbers_is_one_example_for_a_model_of_such_files(put):
    folder = put(**{"new.csv": "1,2\n3,4\n"})
    found = open_dataset(folder / "new.csv", like=Columns({"file": "series"}, "class", "category"))
    np.testing.assert_array_equal(found[0].values["file"], np.array([[1, 2], [3, 4]], np.float32))


def test_folders_follow_a_model(put):
    folder = put(**{"a/1.wav": 7, "b/2.wav": 5})
    like = Columns({"recording": "sound"}, "speaker", "category")
    found = open_dataset(folder, like=like)
    assert [found[i].target for i in range(2)] == ["a", "b"]
    assert set(found[0].values) == {"recording"}
    unsorted = open_dataset(folder / "a", like=like)
    assert unsorted[0].target is None
    assert len(unsorted[0].values["recording"].samples) == 7
    with pytest.raises(DataError, match="holds classes, and the model gives a number"):
        open_dataset(folder, like=Columns({"recording": "sound"}, "age", "number"))
    with pytest.raises(DataError, match="holds sound, and the model reads file"):
        open_dataset(folder, like=FILES_OF_TEXT)


def test_only_places_are_held_of_lines(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("".join(f"{i} {'word ' * 100}\n" for i in range(503)))
    found = open_dataset(tmp_path)
    assert isinstance(found, Lines)
    assert len(found._offsets) == len(found._lines) == 1006
    assert found[1005].values["line"].startswith("502 ")
