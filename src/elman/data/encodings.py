r"""Refuse a file that is no text in UTF-8, with advice that fits what it is.

>>> refuse_other_files(b"\x89PNG\r\n\x1a\n", "a.csv")
Traceback (most recent call last):
elman.errors.DataError: a.csv is not a text file: it is a PNG image. Name a file of text, in UTF-8.
"""

import codecs

from elman.data.signatures import refuse_binary
from elman.errors import DataError

LOOKED_AT = 4096
"""The first bytes of a file that are looked at."""

_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def refuse_other_files(head: bytes | bytearray, name: str) -> None:
    """Refuse a binary file, a text in UTF-16 or UTF-32, or a pointer of Git LFS.

    Args:
        head: its first bytes.
        name: its name in messages.

    Raises:
        DataError: it is one of these; a file that is only damaged, or in another encoding, passes.
    """
    head = bytes(head[:LOOKED_AT])
    if head.startswith(b"version https://git-lfs."):
        raise DataError(f"{name} is a pointer of Git LFS and not the file itself. Get it with: git lfs pull")
    if _is_text(head) and not head.startswith(b"%PDF"):
        return
    encoding = next((_MARKS[mark] for mark in _MARKS if head.startswith(mark)), "")
    if encoding:
        raise DataError(f"{name} is {encoding}. Convert it, e.g.: iconv -f {encoding} -t UTF-8")
    encoding = _guess_utf16(head)
    if encoding:
        raise DataError(
            f"{name} is {encoding} without a byte order mark. Convert it, e.g.: iconv -f {encoding} -t UTF-8"
        )
    refuse_binary(head, name)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return 0 not in head


def _guess_utf16(head: bytes) -> str:
    """Return the encoding of a text whose every other byte is NUL, as English in UTF-16; empty for others."""
    half = len(head) // 2
    if half < 2:
        return ""
    even, odd = head[: 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if odd > 0.8 * half and not even:
        return "UTF-16LE"
    return "UTF-16BE" if even > 0.8 * half and not odd else ""
