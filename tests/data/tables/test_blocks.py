"""Hold the fast way through a table to the exact one: rows, offsets, lines and messages of the two are the same."""

import io
import random
from pathlib import Path

import pytest

from elman.data.tables import blocks
from elman.data.tables.blocks import read_blocks
from elman.data.tables.records import read_records
from elman.data.tables.row_index import RowIndex
from elman.errors import DataError

Read = list[tuple[int, int, list[str]] | str]


def one_by_one(raw: bytes, delimiter: str, names: list[str]) -> Read:
    found: Read = []
    try:
        found.extend((one.offset, one.line, one.cells) for one in read_records(io.BytesIO(raw), "a", delimiter, names))
    except DataError as error:
        found.append(str(error))
    return found


def in_blocks(raw: bytes, delimiter: str, names: list[str]) -> Read:
    found: Read = []
    try:
        for block in read_blocks(io.BytesIO(raw), "a", delimiter, names):
            found += zip(block.offsets.tolist(), block.lines.tolist(), block.rows, strict=True)
    except DataError as error:
        found.append(str(error))
    return found


def draw_table(drawn: random.Random, delimiter: str, width: int) -> bytes:
    """Draw a table, often a whole one, with what the csv module and `records` could read differently."""
    odd = ["a", "bc", delimiter, delimiter, '"', '"', '""', "\n", "\n", "\r\n", " ", "é", "\u2028", "\x1c"]
    if drawn.random() < 0.5:
        odd += drawn.choice([["\r"], ["\0"], []])
        return "".join(drawn.choice(odd) for _ in range(drawn.randrange(25))).encode()
    quoted = ["a", 'x""y', f"p{delimiter}q", "l\nm", "l\r\nm", "l\rm", "", "\u2028z", "n\n\n"]
    rows = [
        delimiter.join(
            drawn.choice(["a", "", "b b", "ü"]) if drawn.random() < 0.4 else f'"{drawn.choice(quoted)}"'
            for _ in range(width)
        )
        for _ in range(drawn.randrange(6))
    ]
    if drawn.random() < 0.3:
        rows.insert(drawn.randrange(len(rows) + 1), drawn.choice(["", "\r", '"', "x"]))
    return (drawn.choice(["\n", "\r\n"]).join(rows) + drawn.choice(["", "\n", "\n\n", "\r\n"])).encode()


def test_blocks_hold_the_rows_of_records_and_fail_where_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, whole = random.Random(1), 0
    for _ in range(8000):
        delimiter, width = drawn.choice(",,;\t"), drawn.choice([1, 2, 2, 3])
        monkeypatch.setattr(blocks, "BYTES_AT_ONCE", drawn.choice([1, 3, 8, 20, 1000]))
        mark = drawn.choice([b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe"]) if drawn.random() < 0.2 else b""
        raw = mark + draw_table(drawn, delimiter, width) + (b"\xc3" if drawn.random() < 0.02 else b"")
        names = [f"c{column}" for column in range(width)]
        exact, fast = one_by_one(raw, delimiter, names), in_blocks(raw, delimiter, names)
        if exact and isinstance(exact[-1], str):
            # Rows of the block with the mistake may be missing, and behind a wrong line the next ones are read.
            assert str(fast[-1]).startswith(exact[-1]), raw
            both = min(len(fast), len(exact)) - 1
            assert fast[:both] == exact[:both], raw
        else:
            whole += 1
            assert fast == exact, raw
    assert whole > 2000


def test_a_cell_that_is_too_large_for_the_csv_module_is_read() -> None:
    text = "a" * 200_000
    raw = f'x,1\n"{text}",2\ny,3\n'.encode()
    assert in_blocks(raw, ",", ["text", "label"]) == one_by_one(raw, ",", ["text", "label"])


def test_rows_are_read_again_in_any_order_and_in_one_go(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    texts = [f"row {number}" + " of two\nlines" * (number % 3 == 0) for number in range(97)]
    for path, part in zip(paths, (texts[:40], texts[40:]), strict=True):
        path.write_text("text,label\n" + "".join(f'"{text}",{len(text)}\n\n' for text in part))
    index = RowIndex(paths)
    orders = [
        list(range(97)),
        list(range(96, -1, -1)),
        [39, 40, 41, 5, 6, 6, 96],
        random.Random(2).choices(range(97), k=200),
    ]
    for order in orders:
        assert [cells[0] for cells in index.cells(order)] == [texts[row] for row in order]
    assert [cells for columns in index.columns(["label", "text"]) for cells in columns[1]] == texts


@pytest.mark.parametrize("changed", ["text,label\nshort,1\nb,2\n", "text,label\nfirst,1\nb,2\nc,3\n"])
def test_rows_of_a_file_that_was_changed_are_gone(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nfirst,1\nsecond,2\nthird,3\n")
    index = RowIndex([path])
    path.write_text(changed)
    with pytest.raises(DataError, match=r"a.csv line \d is gone: the file was changed while it was read"):
        list(index.cells(range(3)))
