"""Sequences of letters are read from FASTA files, or refused with the line."""

import gzip

import pytest

from elman.data import files
from elman.data.dataset import Columns
from elman.data.examples.genome import open_fasta
from elman.errors import DataError


@pytest.fixture
def write(tmp_path):
    def save(text: str | bytes, name: str = "a.fa"):
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return tmp_path / name

    return save


@pytest.mark.parametrize("name", ["a.fa", "a.fna.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_joined_and_letters_become_upper_case(write, name, end):
    path = write(end.join([">one first", "acGT ", "nn", "", ">two", "TT "]), name)
    sequences = open_fasta([path])
    assert [sequences[i].values["sequence"] for i in range(len(sequences))] == ["ACGTNN", "TT"]
    assert [sequences[i].where for i in range(2)] == [f"{path} line 1", f"{path} line 5"]
    assert sequences.columns == Columns({"sequence": "letters"})
    assert sequences[0].target is None
    assert sequences.notes == ["2 sequences of 2 to 6 letters."]


def test_several_files_are_a_class_each(write):
    paths = [write(">a\nAC\n>b\nGG\n", "promoter.fa.gz"), write(">c\nTT\n", "other.v2.fasta")]
    sequences = open_fasta(paths)
    assert [sequences[i].target for i in range(3)] == ["promoter", "promoter", "other.v2"]
    assert sequences.columns == Columns({"sequence": "letters"}, "file", "category")
    assert sequences.notes[1] == "Classes are the names of the files: promoter 2, other.v2 1."


@pytest.mark.parametrize("field", ["label", "class", "target", "y"])
def test_a_class_that_every_header_has_is_the_target(write, field):
    sequences = open_fasta([write(f">a x=1 {field}=on\nAC\n>b {field}=off more\nGG\n")])
    assert [sequences[i].target for i in range(2)] == ["on", "off"]
    assert sequences.columns.target == field


def test_a_class_that_some_headers_have_is_none_unless_it_is_requested(write):
    path = write(">a label=on\nAC\n>b lable=off\nGG\n")
    assert open_fasta([path]).columns.target is None
    with pytest.raises(DataError, match=r"a\.fa line 3: the header has no field label=…, did you mean lable\?"):
        open_fasta([path], target="label")


def test_a_target_is_requested_by_its_name(write):
    path = write(">a tissue=leaf label=1\nAC\n")
    assert open_fasta([path], target="tissue")[0].target == "leaf"
    assert open_fasta([path, path], target="tissue")[1].target == "leaf"
    assert open_fasta([path], target="file")[0].target == "a"


def test_a_model_reads_with_and_without_classes(write):
    trained = Columns({"dna": "letters"}, "file", "category")
    one, two = write(">a\nAC\n", "on.fa"), write(">b\nGG\n", "off.fa")
    assert [open_fasta([one, two], like=trained)[i].target for i in range(2)] == ["on", "off"]
    assert open_fasta([one], like=trained)[0].target is None
    assert open_fasta([one], like=trained)[0].values == {"dna": "AC"}
    by_field = Columns({"dna": "letters"}, "label", "category")
    assert open_fasta([write(">a label=x\nAC\n")], like=by_field)[0].target == "x"
    assert open_fasta([one, two], like=by_field)[0].target is None
    assert open_fasta([write(">a label=x\nAC\n")], like=Columns({"dna": "letters"}))[0].target is None


def test_a_model_of_other_inputs_is_refused(write):
    with pytest.raises(DataError, match=r"the model reads review \(text\)"):
        open_fasta([write(">a\nAC\n")], like=Columns({"review": "text"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "a.fa is empty", id="empty"),
        pytest.param("\n\n", "has only empty lines", id="empty lines"),
        pytest.param("ACGT\n>a\nAC\n", "a.fa line 1: text before the first header", id="no header"),
        pytest.param(">a\nAC\n>b\n\n>c\nGG\n", "a.fa line 3: a header without a sequence", id="header alone"),
        pytest.param(">a\nAC\n>b", "a.fa line 3: a header without a sequence", id="header at the end"),
        pytest.param(">a\nAC\nG-T\n", "a.fa line 3: '-' at column 2 is no letter", id="gap"),
        pytest.param(">a\nAC GT\n", "a.fa line 2: ' ' at column 3", id="space"),
        pytest.param(">a\nACÄ\n", "a.fa line 2: 'Ä' at column 3", id="letter of no alphabet"),
        pytest.param(b">a\nAC\xff\n", "a.fa is not UTF-8", id="bytes"),
    ],
)
def test_what_is_no_sequence_is_refused_with_its_line(write, text, message):
    with pytest.raises(DataError, match=message) as refused:
        open_fasta([write(text)])
    assert "\n" not in str(refused.value)


def test_a_packed_file_that_was_cut_off_is_refused(tmp_path, write):
    path = write(">a\n" + "ACGT" * 999, "a.fa.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"a\.fa\.gz cannot be unpacked"):
        open_fasta([path])


def test_a_packed_file_that_unfolds_without_end_is_refused(write, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 999)
    with pytest.raises(DataError, match="holds more than 999 bytes"):
        open_fasta([write(">a\n" + "A" * 1000, "a.fa.gz")])
