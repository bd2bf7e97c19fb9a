"""Steps of numbers are read from files of four kinds, or refused in one line."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from elman.data.formats.features import read_features
from elman.data.formats.numpy_files import open_npz
from elman.errors import DataError

STEPS = np.random.default_rng(3).normal(size=(11, 3))


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "i1", ">u4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_of_any_numbers_becomes_float32(tmp_path, dtype, order):
    array = np.array(STEPS * 9 if dtype in ("<f8", ">f4", "<f2", "i1") else abs(STEPS) * 9, dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    read = read_features(tmp_path / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, array.astype(np.float32))


def test_one_dimension_is_one_number_a_step(tmp_path):
    np.save(tmp_path / "a.npy", STEPS[:, 0])
    assert read_features(tmp_path / "a.npy").shape == (11, 1)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_of_one_array_is_that_array(tmp_path, save):
    save(tmp_path / "a.npz", any_name=STEPS)
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), STEPS.astype(np.float32))


@pytest.mark.parametrize("order", ["<", ">"])
def test_cepstra_of_sphinx_are_read_in_either_byte_order(tmp_path, order):
    frames = np.random.default_rng(5).normal(size=(7, 13)).astype(np.float32)
    (tmp_path / "a.mfc").write_bytes(struct.pack(f"{order}i91f", 91, *frames.ravel()))
    np.testing.assert_array_equal(read_features(tmp_path / "a.mfc"), frames)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "time{0}left{0}right\n"], ids=["no header", "header"])
def test_a_csv_of_numbers_is_read(tmp_path, mark, header):
    rows = "".join(mark.join(map(repr, row)) + "\r\n" for row in STEPS.tolist())
    (tmp_path / "a.csv").write_bytes((header.format(mark) + rows + "\n").encode())
    np.testing.assert_array_equal(read_features(tmp_path / "a.csv"), STEPS.astype(np.float32))


def saved(array, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def spoiled(*rows: int, value: float = np.nan) -> bytes:
    array = STEPS.copy()
    array[list(rows), 1] = value
    return saved(array)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        pytest.param("a.npy", b"", "a.npy is empty", id="empty"),
        pytest.param("a.npy", b"words" * 9, "is no .npy file", id="npy of words"),
        pytest.param("a.npy", saved(STEPS)[:-8], "its header promises 264 bytes, and 256 are there", id="cut"),
        pytest.param(
            "a.npy", saved(STEPS).replace(b"(11, 3)", b"(9**9,)"), "its header is damaged", id="a header that computes"
        ),
        pytest.param(
            "a.npy",
            saved(STEPS).replace(b"(11, 3), }   ", b"(99999999999,)}"),
            "its header promises 799,999,999,992 bytes",
            id="huge",
        ),
        pytest.param("a.npy", saved(np.array([{}], object)), "holds Python objects", id="pickled"),
        pytest.param("a.npy", pickle.dumps([1]), "is no .npy file", id="a pickle alone"),
        pytest.param("a.npy", saved(STEPS + 1j), "is of complex128. Save numbers", id="complex"),
        pytest.param("a.npy", saved(np.array(["a"])), "is of <U1. Save numbers", id="text"),
        pytest.param("a.npy", saved(np.float64(3)), r"has the shape \(\)", id="no dimension"),
        pytest.param("a.npy", saved(np.zeros((0, 3))), r"has the shape \(0, 3\)", id="no step"),
        pytest.param("a.npy", saved(np.zeros((2, 3, 5))), r"has the shape \(2, 3, 5\)", id="three dimensions"),
        pytest.param("a.npy", spoiled(7), r"NaN, .* in 1 of 11 steps: 7 \(from 0\)", id="NaN"),
        pytest.param("a.npy", spoiled(0, 3, 5, 7, value=np.inf), r"4 of 11 steps: 0, 3, 5, … \(", id="infinite"),
        pytest.param("a.npy", spoiled(2, value=1e300), r"in 1 of 11 steps: 2 \(from 0\)", id="too large"),
        pytest.param("a.npz", b"PK\x03\x04" + bytes(99), "a.npz cannot be read", id="npz of nothing"),
        pytest.param("a.npz", b"words" * 9, "is no .npz file", id="npz of words"),
        pytest.param("a.mfc", b"abc", "a.mfc is no .mfc file, or is cut off", id="too short"),
        pytest.param("a.mfc", struct.pack(">i13f", 14, *range(13)), "not the count of the 13 numbers", id="miscounted"),
        pytest.param("a.mfc", struct.pack(">i14f", 14, *range(14)), "frames of 13 do not divide them", id="undivided"),
        pytest.param("a.mfc", struct.pack(">i", 0), "0 numbers", id="no frame"),
        pytest.param("a.csv", b"1,2\n3\n", "a.csv line 2 has 1 values, and the first row of numbers 2", id="ragged"),
        pytest.param("a.csv", b"1,2\n3,x\n", "a.csv line 2 has 'x' where a number", id="a word"),
        pytest.param("a.csv", b"a,b\n\n3,\n", "a.csv line 3 has '' where a number", id="missing"),
        pytest.param("a.csv", b"1,nan\n", "a.csv line 1 has 'nan' where a number", id="NaN in a table"),
        pytest.param("a.csv", b"a,b\n", "a header and no row of numbers", id="header alone"),
        pytest.param("a.csv", b'1,"2\n', "a.csv line 1 is no row of numbers: .*quotes", id="quote"),
        pytest.param("a.csv", b"\xff\xfe1", "is UTF-16", id="UTF-16"),
        pytest.param("a.csv", b"\n \n", "only empty lines", id="empty lines"),
        pytest.param("a.wav", b"1", "is no file of features. Name one that ends in .npy, .npz", id="another format"),
    ],
)
def test_what_is_no_example_is_refused_in_one_line(tmp_path, name, raw, message):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=message) as refused:
        read_features(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_several_arrays_are_no_example(tmp_path):
    np.savez(tmp_path / "a.npz", a=STEPS, b=STEPS)
    with pytest.raises(DataError, match="has 2 arrays: a, b"):
        read_features(tmp_path / "a.npz")


def test_nothing_is_unpickled(tmp_path):
    class Loud:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "a.npy", np.array([Loud()], object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        read_features(tmp_path / "a.npy")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_uncompressed_array_is_mapped_and_a_compressed_one_unfolded(tmp_path, save, order):
    array = np.array(STEPS, order=order)
    save(tmp_path / "a.npz", first=STEPS[:2], second=array)
    member = open_npz(tmp_path / "a.npz")["second"]
    read = member.read()
    assert isinstance(read, np.memmap) == member.mapped == (save is np.savez)
    np.testing.assert_array_equal(read, array)


def test_a_compressed_array_that_unfolds_to_less_than_promised_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", saved(np.zeros(1000))[:-80])
    with pytest.raises(DataError, match=r"a\.npz, array x is cut off: its header promises 8,000 bytes, and 7,920"):
        read_features(tmp_path / "a.npz")


def test_a_compressed_array_whose_directory_lies_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", saved(np.zeros(1000))[:-80])
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02") + 24
    raw[at : at + 4] = struct.pack("<I", len(saved(np.zeros(1000))))
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"^[^ ]*a\.npz, array x is cut off: 8,000 bytes are promised, 7,920 are there"):
        read_features(path)
