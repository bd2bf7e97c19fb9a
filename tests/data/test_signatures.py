"""What a binary file is, by its first bytes; a text in any encoding is none."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save

from elman.data.signatures import describe_binary, refuse_binary
from elman.errors import DataError

TEXT = "Déjà vu — « l'été », £3.50 … naïve; über.\n" * 9


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a.txt", TEXT)
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


def torch_file() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": torch.ones(3)}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        pytest.param(archive(), "a ZIP archive, or", id="zip"),
        pytest.param(torch_file(), "PyTorch file", id="torch"),
        pytest.param(gzip.compress(TEXT.encode()), "packed by gzip", id="gzip"),
        pytest.param(array(), "a NumPy array", id="numpy"),
        *(pytest.param(pickle.dumps([0.5], p), "a Python pickle", id=f"pickle {p}") for p in range(2, 6)),
        pytest.param(save({"weight": torch.ones(3)}), "a safetensors file", id="safetensors"),
        pytest.param(bytes(range(256)) * 3, "binary data", id="every byte"),
        pytest.param(np.random.default_rng(1).bytes(5000), "binary data", id="noise"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", "a sound or video file", id="sound"),
    ],
)
def test_a_binary_file_is_called_what_it_is(raw, what):
    assert what in describe_binary(raw)
    assert what in describe_binary(bytearray(raw))
    with pytest.raises(DataError, match=r"book\.txt is not a text file: it is .*Name a file of text, in UTF-8\."):
        refuse_binary(raw, "book.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "mac-roman"])
def test_a_text_is_none_in_any_encoding(encoding):
    assert describe_binary(TEXT.encode(encoding, errors="replace")) == ""
    refuse_binary(TEXT.encode(encoding, errors="replace"), "book.txt")


@pytest.mark.parametrize("encoding", ["koi8-r", "cp1251", "shift-jis", "gb18030", "big5", "euc-kr"])
def test_nor_is_one_in_another_script(encoding):
    text = {"koi8-r": "Жили щи ждали", "cp1251": "Жили щи ждали", "euc-kr": "행복한 가정은"}.get(encoding, "春眠不覺曉")
    assert describe_binary((text * 9).encode(encoding, errors="replace")) == ""


def test_nothing_and_a_single_byte_are_no_binary_files():
    assert describe_binary(b"") == describe_binary(b"\xe9") == describe_binary(b"\x80") == ""
