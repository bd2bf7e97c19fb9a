"""A table has many right forms, and what is wrong with a file is reported at once and with what to do."""

import gzip

import pytest

from elman.data import open_dataset
from elman.errors import DataError

ROWS = "".join(f"good {at},{'up' if at % 2 else 'down'}\n" for at in range(40))


@pytest.fixture
def save(tmp_path):
    def write(text: str | bytes, name: str = "a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rows_of(path):
    data = open_dataset([path])
    return [(data[at].values["text"], data[at].target) for at in range(len(data))], data.notes


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("text|label\n" + ROWS.replace(",", "|"), "a.csv", "has bars (|) between its columns"),
        ("text;label\n" + ROWS.replace(",", ";"), "a.tsv", "has semicolons between its columns"),
        ('text;label;"a, b, c, d"\n' + ROWS.replace(",", ";").replace("\n", ";x\n"), "a.csv", "has semicolons"),
        ("text,label,\n" + ROWS.replace("\n", ",\n"), "a.csv", "column 3"),
        ("text,label,,\n" + ROWS.replace("\n", ",,\n"), "a.csv", "column 4"),
    ],
)
def test_other_marks_between_and_behind_cells_change_no_row(save, text, name, said):
    read, notes = rows_of(save(text, name))
    assert read == rows_of(save("text,label\n" + ROWS, "plain.csv"))[0]
    assert any(said in note for note in notes)


def test_a_column_without_a_name_that_holds_something_is_refused(save):
    with pytest.raises(DataError, match="line 1: column 3 of the header has no name"):
        open_dataset([save("text,label,\n" + ROWS.replace("\n", ",z\n"))])


def test_all_ragged_rows_are_reported_at_once(save):
    text = "text,label\n" + ROWS + "".join(f"x{at},a,b\n" for at in range(15)) + ROWS
    with pytest.raises(DataError, match=r"line 42 has 3 cells, .* 14 lines more are wrong: 43, 44, .*, 51, …\.$"):
        open_dataset([save(text)])


def test_all_lines_that_are_no_json_are_reported_at_once(save):
    text = '{"text": "a", "label": "x"}\n{oops\n{"text": "a", "label": "y"}\n{"text": "b", "text": "c"}\n[]\n'
    with pytest.raises(DataError, match=r"line 2 is no JSON: .* 2 lines more are wrong: 4, 5\.$"):
        open_dataset([save(text, "a.jsonl")])


@pytest.mark.parametrize("last", ['good 30",up', 'bad",up'])
def test_rows_that_two_stray_quotes_swallow_are_noted(save, last):
    lines = ["text,label", *ROWS.splitlines()]
    lines[10], lines[30] = f'"{lines[10]}', last
    read, notes = rows_of(save("\n".join(lines) + "\n"))
    assert len(read) == 20
    assert any("lines 11 to 31: a cell in quotes holds lines that look like rows" in note for note in notes)


def test_a_text_of_several_lines_is_no_swallowed_row(save):
    poem = '"Up, up and away\nwe went, we flew\nand, well, so on,\nfell"'
    _, notes = rows_of(save(f"text,label\n{poem},up\n{poem},down\n" + ROWS))
    assert not any("look like rows" in note for note in notes)


def test_a_first_row_that_is_taken_for_the_header_is_noted(save):
    notes = open_dataset([save(ROWS)]).notes
    assert any("line 1 may be a row and no header: 'down' is a value of its column as well" in note for note in notes)
    rows = "".join(f"{at * 7 % 5},{at * 3 % 11},{'ab'[at % 2]}\n" for at in range(1, 40))
    notes = open_dataset([save(rows, "b.csv")]).notes
    assert any("may be a row and no header" in note for note in notes)


def test_numbers_that_count_up_are_names_of_columns(save):
    rows = "".join(f"{at % 2},{at % 3},{at % 5},{'ab'[at % 2]}\n" for at in range(40))
    assert not any("no header" in note for note in open_dataset([save("0,1,2,label\n" + rows)]).notes)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (gzip.compress(b"text,label\n", mtime=0), r"a\.csv is not a text file: it is packed by gzip"),
        (b"PK\x03\x04" + bytes(range(256)), r"a\.csv is not a text file: it is a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), r"a\.csv is not a text file: it is a PNG image"),
        (b"%PDF-1.5\n%\xe2\xe3\n", r"a\.csv is not a text file: it is a PDF"),
        (b"SQLite format 3\0" + bytes(99), r"a\.csv is not a text file: it is an SQLite database"),
        (bytes(range(256)) * 4, r"a\.csv is not a text file: it is binary data"),
        ("text,label\n".encode("utf-16"), r"a\.csv is UTF-16\. Convert it, e\.g\.: iconv -f UTF-16 -t UTF-8"),
        ("text,label\n".encode("utf-32"), r"a\.csv is UTF-32"),
        ("text,label\n".encode("utf-16-be"), r"a\.csv is UTF-16BE without a byte order mark"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"a\.csv is a pointer of Git LFS.*git lfs pull"),
        (b"<!DOCTYPE html>\n<p>404\n", r"a\.csv line 1: the file is a web page"),
        (b"# made by me, today\ntext,label\n", r"a\.csv line 1: '# made by me' is no header"),
        (b"sep=;\ntext;label\n", r"a\.csv line 1: 'sep=' is no header"),
        (
            b"Report\n\ntext,label\n" + ROWS.encode(),
            r"a\.csv line 3 .*The first line must be the header.* 40 lines more",
        ),
        (b"text,label\nso,up,\n", r"a\.csv line 2 .*ends with a delimiter, and the header does not"),
        ("text,label\ngöod,up\n".encode("latin-1"), r"a\.csv line 2 is not UTF-8: byte 0xf6.*iconv"),
    ],
)
def test_what_is_no_table_is_named_with_advice(save, raw, message):
    with pytest.raises(DataError, match=message):
        open_dataset([save(raw)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "a"}]\n', r"is a list.*jq -c '\.\[\]'"),
        ('[\n{"text": "a"}\n]\n', r"is JSON over several lines.*jq -c '\.\[\]'"),
        ('{\n"text": "a"\n}\n', r"is JSON over several lines.*jq -c '\.'"),
        ('{"doc": {"text": "a"}, "label": "x"}\n{"doc": {"text": "b"}, "label": "y"}\n', "doc holds objects"),
    ],
)
def test_other_forms_of_json_are_refused_with_advice(save, text, message):
    with pytest.raises(DataError, match=message):
        open_dataset([save(text, "a.jsonl")])


def test_all_files_that_do_not_exist_are_reported_at_once(save):
    rows = "".join(f"{at}.wav,{'ab'[at % 2]}\n" for at in range(13))
    with pytest.raises(
        DataError, match=r"the file 0\.wav does not exist\. 12 files more do not: line 3 1\.wav, .*9\.wav\."
    ):
        open_dataset([save("file,label\n" + rows)])


@pytest.mark.parametrize("beginning", [b"MZ\x90 ", b"BZh text", b"RIFF raff", b"ID3 said", b"GIF8 "])
def test_a_text_that_begins_like_another_format_is_a_text(save, beginning):
    lines = beginning.decode("latin-1") + " is a name,label\n" + ROWS
    assert len(open_dataset([save(lines.encode())])) == 40
