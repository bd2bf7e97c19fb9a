"""Reading text: what is changed on the way, and what each mistake is told."""

import io
import sys

import pytest

from elman.data.text import decode, read_text
from elman.errors import DataError


def give_standard_input(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_text_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("naïve\tκόσμε\n\n 𝄞 ".encode())
    assert read_text(path) == "naïve\tκόσμε\n\n 𝄞 "


def test_line_ends_of_windows_and_old_macs_become_line_feeds():
    assert decode(b"one\r\ntwo\rthree\n\r\n", "a") == "one\ntwo\nthree\n\n"


def test_a_byte_order_mark_is_dropped_at_the_start_and_kept_elsewhere():
    assert decode("\ufeffone\ufefftwo".encode(), "a") == "one\ufefftwo"


def test_several_files_are_joined_in_order_with_a_line_feed_where_it_lacks(tmp_path):
    for name, content in {"b": b"second", "a": b"first\n", "c": b"third"}.items():
        (tmp_path / name).write_bytes(content)
    assert read_text([tmp_path / "b", tmp_path / "a", str(tmp_path / "c")]) == "second\nfirst\nthird"


def test_standard_input_is_one_source_among_others(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"file")
    give_standard_input(monkeypatch, b"typed\r\n")
    assert read_text(["-", tmp_path / "a"]) == "typed\nfile"


def test_standard_input_twice_is_refused():
    with pytest.raises(DataError, match="named twice"):
        read_text(["-", "-"])


@pytest.mark.parametrize("offset", [0, 7, 4099])
def test_the_offset_of_the_first_bad_byte_is_named(tmp_path, offset):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"a" * offset + b"\xe9t\xe9")
    with pytest.raises(DataError, match=rf"latin\.txt is not UTF-8: byte 0xe9 at offset {offset}\b"):
        read_text(path)


def test_the_offset_counts_bytes_and_the_byte_order_mark():
    raw = b"\xef\xbb\xbf" + "éé".encode() + b"\xff"
    with pytest.raises(DataError, match="byte 0xff at offset 7"):
        decode(raw, "a")


def test_a_character_cut_off_at_the_end_is_found():
    with pytest.raises(DataError, match="byte 0xc3 at offset 3"):
        decode(b"abc\xc3", "a")


def test_utf_16_is_recognised():
    with pytest.raises(DataError, match=r"a is UTF-16\. Convert it, e\.g\.: iconv -f UTF-16"):
        decode("text".encode("utf-16"), "a")


@pytest.mark.parametrize(("raw", "message"), [(b"", "is empty"), (b"\xef\xbb\xbf", "and no text")])
def test_an_empty_file_is_refused_by_name(tmp_path, raw, message):
    (tmp_path / "full").write_bytes(b"text")
    (tmp_path / "void").write_bytes(raw)
    with pytest.raises(DataError, match=f"void.*{message}"):
        read_text([tmp_path / "full", tmp_path / "void"])


def test_empty_standard_input_is_refused_by_name(monkeypatch):
    give_standard_input(monkeypatch, b"")
    with pytest.raises(DataError, match="standard input is empty"):
        read_text("-")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt does not exist"):
        read_text(tmp_path / "nowhere.txt")


def test_a_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_text(tmp_path)


def test_a_file_used_as_a_folder_is_reported_as_a_fault_of_the_path(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    with pytest.raises(DataError, match="cannot be read: Not a directory"):
        read_text(tmp_path / "a" / "b")
