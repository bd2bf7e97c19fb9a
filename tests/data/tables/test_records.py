"""Splitting tables into records and cells, against the csv module, and what each damage is told."""

import csv
import io
import random

import pytest

from elman.data.tables import records as records_module
from elman.data.tables.records import read_records
from elman.errors import DataError


def split(raw: bytes, delimiter: str | None = ",", names: list[str] | None = None) -> list[list]:
    return [record.cells for record in read_records(io.BytesIO(raw), "a", delimiter, [] if names is None else names)]


LETTERS = ["a", "é", "𝄞", "字", '"', ",", ";", "\t", "\n", "\r\n", " ", "", "x", "1"]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("delimiter", "end"), [(",", "\n"), (",", "\r\n"), (";", "\n")])
def test_what_the_csv_module_writes_comes_back(seed, delimiter, end):
    chance = random.Random(seed)
    width = chance.choice([2, 3, 5])
    rows = [["".join(chance.choices(LETTERS, k=chance.randrange(7))) for _ in range(width)] for _ in range(23)]
    text = io.StringIO(newline="")
    quoting = chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    raw = text.getvalue().encode()
    expected = [[cell.replace("\r\n", "\n") for cell in row] for row in rows]
    assert split(raw, delimiter) == expected
    assert split(raw.removesuffix(end.encode()), delimiter) == expected
    assert split(b"\xef\xbb\xbf" + raw, delimiter) == expected


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_are_read_as_csv_reads_them_or_refused(seed):
    chance = random.Random(1000 + seed)
    for _ in range(50):
        text = "".join(chance.choices(['"', '""', ",", "\n", "a", "b c"], k=chance.randrange(1, 19)))
        try:
            found = split(text.encode())
        except DataError:
            continue  # Some of what csv accepts is refused: text behind a quote, a quote never closed.
        assert found == [row for row in csv.reader(io.StringIO(text, newline="")) if row]


def test_offsets_and_lines_are_those_of_the_first_byte_of_a_record():
    raw = '\ufeffa,é\n\n"x\ny\n",1\r\n\r\nlast,"2"'.encode()
    found = list(read_records(io.BytesIO(raw), "a", ",", []))
    assert [(record.line, record.cells) for record in found] == [
        (1, ["a", "é"]), (3, ["x\ny\n", "1"]), (7, ["last", "2"])
    ]  # fmt: skip
    for record in found:
        file = io.BytesIO(raw)
        file.seek(record.offset)
        again = read_records(file, "a", ",", [], offset=record.offset, line=record.line)
        assert next(again) == record


def test_tabs_make_quotes_text_unless_they_enclose_a_cell():
    raw = b'5" disk\t"quoted ""twice"""\t"one\n"a" b "c"\t"\t""\n'
    assert split(raw, "\t") == [['5" disk', 'quoted "twice"', '"one'], ['"a" b "c"', '"', ""]]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'a,b\nc,"d\ne,f\ng,h\n', "a line 2: a quote is opened and not closed"),
        (b'a,"b', "a line 1: a quote is opened and not closed"),
        (b'a,b\nc,"d\ne,"f"\n', "a line 3: 'f\"' follows a closing quote"),
        (b'a,"he said "hi""\n', "a line 1: 'hi\"\"' follows a closing quote"),
        (b"a,b\nc\n", r"a line 2 has 1 cells, and the header 2. The row ends before y."),
        (b"a,b\n\nc,d,e\n", r"a line 3 has 3 cells, and the header 2. Behind y there is 'e'"),
        (b'a,"b\n' + b'caf\xe9",c\n', "a line 2 is not UTF-8: byte 0xe9 at offset 8"),
        ("é,b\n".encode() + b"caf\xe9,c\n", "a line 2 is not UTF-8: byte 0xe9 at offset 8"),
        (b"a,b\nc\0,d\n", "a line 2 has a NUL byte at offset 5"),
        ("a,b\n".encode("utf-16"), "a is UTF-16.*iconv -f UTF-16"),
        (b"a,b\rc,d\r", r"a line 1 has a carriage return"),
        (b'a,"b"\rc,d\r', "follows a closing quote"),
    ],
)
def test_damage_is_reported_with_its_line(raw, message):
    with pytest.raises(DataError, match=message):
        split(raw, ",", ["x", "y"])


def test_a_quote_that_is_never_closed_is_given_up_before_memory_is(monkeypatch):
    monkeypatch.setattr(records_module, "MOST_BYTES", 101)
    with pytest.raises(DataError, match="a line 2: a quote is opened"):
        split(b'a,b\nc,"d\n' + b"e,f\n" * 1000)
    with pytest.raises(DataError, match="a line 1 has more than 101 bytes"):
        split(b"a" * 102)


def test_json_lines_become_cells():
    names: list[str] = []
    raw = b'{"a": "x\\ny", "b": 1.50}\r\n\n {"c": null, "b": 12345678901234567890, "a": true, "d": [1]}\n'
    found = list(read_records(io.BytesIO(raw), "a", None, names))
    assert names == ["a", "b", "c", "d"]
    assert [record.cells for record in found] == [["x\ny", "1.5"], ["true", "12345678901234567890", "", [1]]]
    assert [record.line for record in found] == [1, 3]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": 1}\n{"a": 1\n', "a line 2 is no JSON"),
        (b'{"a": 1}\n[1]\n', "a line 2 is a list. Write one object a line"),
        (b'{"a": 1, "b": 2, "a": 3}\n', "a line 1 is no JSON: the name 'a' occurs twice"),
        (b'{"a": "\\ud800"}', "a line 1 is no JSON"),
        (b'{"a": ' + b"[" * 100_000, "a line 1 is no JSON"),
        (b'{"a": "\xff"}', "a line 1 is not UTF-8"),
    ],
)
def test_lines_that_are_no_json_objects_are_named(raw, message):
    with pytest.raises(DataError, match=message):
        split(raw, None)
