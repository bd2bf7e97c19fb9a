"""Answers are written piece by piece, as one table or as lines of JSON."""

import csv
import json

import pytest

from elman.models.answers import write_answers

CHUNKS = [
    [{"text": "so, bad", "labels": ("x", "y")}, {"text": 'a "b"', "labels": ()}],
    [{"text": "", "labels": ("z",)}],
]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_table_has_one_header_and_a_row_an_answer(delimiter):
    pieces = list(write_answers(CHUNKS, delimiter))
    assert len(pieces) == len(CHUNKS)
    rows = list(csv.reader("".join(pieces).splitlines(), delimiter=delimiter))
    assert rows == [["text", "labels"], ["so, bad", "x|y"], ['a "b"', ""], ["", "z"]]


def test_json_has_an_object_a_line():
    found = [json.loads(line) for line in "".join(write_answers(CHUNKS, None)).splitlines()]
    assert found == [{**row, "labels": list(row["labels"])} for chunk in CHUNKS for row in chunk]


def test_a_piece_does_not_wait_for_the_next_chunk():
    def chunks():
        yield CHUNKS[0]
        raise AssertionError("read ahead")

    assert next(write_answers(chunks(), ",")).startswith("text,labels\n")
