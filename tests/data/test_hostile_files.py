"""Files that are made, or happen, to fill memory or to be read for ever are refused before they are read."""

import gzip
import io
import os
import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from elman.data import files, open_dataset
from elman.data.examples import array_targets, arrays, genome
from elman.data.examples.arrays import open_arrays
from elman.data.examples.genome import open_fasta
from elman.data.examples.table import open_table
from elman.data.files import read_stream
from elman.data.formats import features, numpy_files
from elman.data.formats.features import read_features
from elman.data.sentences.layout import CONLLU
from elman.data.sentences.opening import open_tagged
from elman.data.series.opening import open_series
from elman.data.tables import header as header_of_tables
from elman.data.tables import records
from elman.data.tables.records import read_records
from elman.data.text import decode, read_text
from elman.errors import DataError
from elman.tasks.generate.corpus import read_corpus

N, T, D = 5, 7, 3
X = np.random.default_rng(11).normal(size=(N, T, D))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/null"])
def test_what_is_no_ordinary_file_is_not_read_as_a_text(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    code = (
        "import resource, sys\n"
        "from elman.data.text import read_text\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "try:\n    read_text(sys.argv[1])\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", code, name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"DataError {name} is no regular file")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize("read", [read_corpus, open_dataset])
def test_a_class_that_is_no_ordinary_file_is_not_left_out_in_silence(tmp_path, read):
    for name in ("Greek", "Irish"):
        (tmp_path / f"{name}.txt").write_text("Alexis\nNolan\n")
    os.mkfifo(tmp_path / "Polish.txt")
    with pytest.raises(DataError, match=r"Polish\.txt is no regular file"):
        read(tmp_path)


def test_a_file_that_is_larger_than_what_is_held_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 999)
    for suffix, read in {"txt": read_text, "csv": read_features, "mfc": read_features}.items():
        path = tmp_path / f"large.{suffix}"
        path.touch()
        os.truncate(path, 1000)
        with pytest.raises(DataError, match="holds more than 999 bytes"):
            read(path)


def test_what_arrives_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 999)
    assert read_stream(io.BytesIO(b"a" * 999), "standard input") == b"a" * 999
    with pytest.raises(DataError, match="standard input holds more than 999 bytes"):
        read_stream(io.BytesIO(b"a" * 1000), "standard input")


def test_a_text_in_utf_16_without_its_mark_is_no_text_of_twice_as_many_letters():
    with pytest.raises(DataError, match="book is UTF-16LE without a byte order mark"):
        decode("Arma virumque".encode("utf-16-le"), "book")


def test_a_packed_file_that_unpacks_to_far_more_than_texts_do_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(genome, "_UNKNOWN_BASES", 2**23)
    readers = {"a.fa.gz": (b">a\n", open_fasta), "a.conll.gz": (b"so RB\n\n", open_tagged)}
    for name, (head, read) in readers.items():
        path = tmp_path / name
        path.write_bytes(gzip.compress(head * 11 + b"\0" * 2**24, 1))
        with pytest.raises(DataError, match="unpacks to more than 50 times its size"):
            read([path])


def test_a_packed_genome_may_begin_with_many_unknown_bases(tmp_path):
    unknown, known = 2**24, bytes(random.Random(7).choices(b"ACGT", k=1013))
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(b">a\n" + b"N" * unknown + known, 1))
    [record] = [one.values["sequence"] for one in open_fasta([tmp_path / "a.fa.gz"])]
    assert record == "N" * unknown + known.decode()


def test_blank_lines_without_end_are_not_read_to_theirs(tmp_path):
    (tmp_path / "a.conll").write_text("so RB\n" + "\n" * 1000 + "\n" * 1000)
    with pytest.raises(DataError, match=r"a\.conll line 1002: more than 1,000 blank lines"):
        open_tagged([tmp_path / "a.conll"])


def test_a_packed_array_is_unpacked_in_parts_and_only_if_memory_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy_files, "_PART", 13)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=X)
    np.testing.assert_array_equal(open_arrays(path).numbers, X)
    monkeypatch.setattr(numpy_files, "MOST_BYTES", X.nbytes - 1)
    with pytest.raises(DataError, match=rf"array x has {X.nbytes} bytes, and at most {X.nbytes - 1} are loaded"):
        open_arrays(path)
    np.savez(path, x=X)
    np.testing.assert_array_equal(open_arrays(path).numbers, X)  # it stays in its file


@pytest.mark.parametrize("name", ["y", "lengths"])
def test_an_array_that_lies_in_its_file_is_only_loaded_if_memory_holds_it(tmp_path, monkeypatch, name):
    np.savez(tmp_path / "a.npz", **{"x": X, name: np.ones(N, np.int64)})
    monkeypatch.setattr(numpy_files, "MOST_BYTES", 8 * N - 1)
    with pytest.raises(DataError, match=f"array {name} has 40 bytes, and at most 39 are loaded"):
        open_arrays(tmp_path / "a.npz")


def test_arrays_of_more_examples_labels_or_names_than_can_be_known_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    monkeypatch.setattr(arrays, "MOST_EXAMPLES", N - 1)
    np.savez(path, x=X)
    with pytest.raises(DataError, match=rf"x is \({N}, {T}, {D}\), and at most {N - 1} examples"):
        open_arrays(path)
    np.savez(path, x=X[0], lengths=np.ones(T, int))
    with pytest.raises(DataError, match=rf"lengths is \({T},\), and at most {N - 1} examples"):
        open_arrays(path)
    monkeypatch.undo()
    monkeypatch.setattr(array_targets, "MOST_LABELS", 2 * N - 1)
    np.savez(path, x=X, y=np.ones((N, 2), bool))
    with pytest.raises(DataError, match=f"at most {2 * N - 1} marks"):
        open_arrays(path)
    monkeypatch.setattr(numpy_files, "_MOST_ARRAYS", 1)
    with pytest.raises(DataError, match="has 2 arrays, and at most 1 are looked at"):
        open_arrays(path)


def test_an_empty_array_of_an_impossible_shape_is_damaged(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "<i8", "fortran_order": False, "shape": (0, 10**30)})
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with pytest.raises(DataError, match=r"a\.npy cannot be read"):
        read_features(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", x=X)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("lengths.npy", header.getvalue())
    with pytest.raises(DataError, match="array lengths cannot be read"):
        open_arrays(tmp_path / "a.npz")


def test_an_example_of_more_numbers_than_can_be_held_is_refused(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", X[0])
    monkeypatch.setattr(features, "MOST_NUMBERS", T * D - 1)
    with pytest.raises(DataError, match=rf"\({T}, {D}\), and one example may have {T * D - 1} numbers"):
        read_features(tmp_path / "a.npy")


@pytest.mark.parametrize("count", [101, 100])
def test_a_table_has_so_many_columns_and_no_more(tmp_path, monkeypatch, count):
    for module in (records, header_of_tables):
        monkeypatch.setattr(module, "MOST_COLUMNS", 100)
    table = tmp_path / "wide.csv"
    table.write_text("\n".join(",".join(f"{prefix}{at}" for at in range(count)) for prefix in ("c", "", "1", "2")))
    if count > 100:
        with pytest.raises(DataError, match="line 1: the header has 101 columns, and at most 100 are read"):
            open_table([table])
    else:
        assert len(open_table([table]).columns.inputs) == 99


def test_the_name_of_a_column_is_no_page(tmp_path):
    (tmp_path / "a.csv").write_text("x" * 1001 + ",label\n1,a\n2,b\n")
    with pytest.raises(DataError, match="column 1 of the header has a name of 1,001 letters"):
        open_table([tmp_path / "a.csv"])


def test_behind_a_quote_that_is_not_closed_a_large_file_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(records, "MOST_LINES", 10)
    raw = b'a,b\n"c\n' + b"d\n" * 8 + b'e",f\n'
    [_, record] = read_records(io.BytesIO(raw), "a", ",", [])
    assert record.cells == ["c\n" + "d\n" * 8 + "e", "f"]
    file = io.BytesIO(b'a,b\n"c\n' + b"d\n" * 1000)
    with pytest.raises(DataError, match="a line 2: a quote is opened and not closed before line 13"):
        list(read_records(file, "a", ",", []))
    assert file.tell() < 100


def test_numbers_of_thousands_of_digits_are_refused_and_not_converted(tmp_path):
    (tmp_path / "a.csv").write_text(
        "t,v\n" + "".join(f"{'1' * 5000 if at == 7 else at},{at % 3}\n" for at in range(20))
    )
    with pytest.raises(DataError, match=r"a\.csv line 9, column t: is '1{40}', and a whole number is expected"):
        open_series(tmp_path / "a.csv")
    word = "\t".join(["1" * 5000, "so", *"_X______"])
    assert word.count("\t") == len(CONLLU) - 1
    (tmp_path / "a.conllu").write_text(word + "\n")
    with pytest.raises(DataError, match=r"begins with '1{40}', and word 1 of the sentence was expected"):
        open_tagged([tmp_path / "a.conllu"])
