r"""What a file is whose content is not text, by its first bytes, for messages.

>>> describe_binary(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), describe_binary("été".encode("latin-1"))
('a PNG image', '')
"""

import string

from elman.errors import DataError

_SIGNATURES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive, or a document or PyTorch file in that format",
    b"\x1f\x8b": "packed by gzip",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "a Parquet table",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"RIFF": "a sound or video file",
    b"fLaC": "a FLAC sound file",
    b"OggS": "an Ogg sound file",
    b"ID3": "an MP3 sound file",
    b"\x7fELF": "a program",
}
_ANY = "binary data"
_PICKLE = b"\x80"
_PROTOCOLS = range(2, 6)
_LOOKED_AT = 4096
_MOST_STRANGE = 0.05  # of the bytes of a text in any encoding: control characters that texts do not have
_CONTROL = bytes(set(range(32)) - {ord(mark) for mark in string.whitespace} - {0x1B}) + b"\x7f"


def describe_binary(raw: bytes | bytearray) -> str:
    """Say what a binary file is; empty where the bytes may be a text in some encoding.

    Args:
        raw: the first bytes of the file, or all.
    """
    head = bytes(raw[:_LOOKED_AT])
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            return what
    if head.startswith(_PICKLE) and len(head) > 1 and head[1] in _PROTOCOLS:
        return "a Python pickle"
    if head[8:10] in (b'{"', b"{}") and 0 in head[:8]:
        return "a safetensors file, such as a model of elman"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ""  # UTF-16
    strange = len(head) - len(head.translate(None, _CONTROL))
    return _ANY if head and strange > _MOST_STRANGE * len(head) and not _is_utf_16(head) else ""


def refuse_binary(raw: bytes | bytearray, name: str) -> None:
    """Refuse what is not a text in any encoding.

    Args:
        raw: the first bytes of the file, or all.
        name: of the file, in messages.

    Raises:
        DataError: it is a binary file.
    """
    what = describe_binary(raw)
    if what:
        if what == _ANY:
            at = next(at for at, byte in enumerate(raw) if byte in _CONTROL)
            what = f"{what}, with byte 0x{raw[at]:02x} in line {raw.count(10, 0, at) + 1}"
        raise DataError(f"{name} is not a text file: it is {what}. Name a file of text, in UTF-8.")


def _is_utf_16(head: bytes) -> bool:
    """Return whether every other byte is 0, as in English text in UTF-16 without its mark."""
    return len(head) > 1 and max(head[0::2].count(0), head[1::2].count(0)) > 0.9 * (len(head) // 2)
