r"""Read the rows of captions: a name of a picture and a caption each, from every form that captions come in.

=====================================  ===============================================================
file                                   rows
=====================================  ===============================================================
`.csv`, `.tsv`, `.jsonl`               a column names the picture, another has the caption, or a list
`.txt` with tabs (Flickr8k.token.txt)  `photo.jpg#0`, a tab, the caption
`.txt` that begins as a table          as `.csv`
`.json`                                COCO: lists of `images` and `annotations`
=====================================  ===============================================================

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "Flickr8k.token.txt")
...     _ = path.write_text("a.jpg#0\ta dog runs\na.jpg#1\ta dog\n")
...     rows, notes = read_rows(path)
>>> [(row.picture, row.caption) for row in rows]
[('a.jpg', 'a dog runs'), ('a.jpg', 'a dog')]
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elman.data.files import open_unpacked, read_whole
from elman.data.tables.header import DELIMITERS
from elman.data.tables.records import read_lines
from elman.data.tables.row_index import RowIndex
from elman.data.text import decode
from elman.errors import DataError
from elman.phrases import name_some

PICTURE = ("image", "file_name", "filename", "image_path", "photo", "picture", "path", "file", "image_id")
CAPTION = ("caption", "captions", "text", "sentence", "description", "comment")
FORMS: Mapping[str, str | None] = {**DELIMITERS, ".txt": ","}

_NUMBERED = re.compile(r"#\d+$")
_MOST_NAMED = 10


class CaptionRow(NamedTuple):
    """A caption, the name of its picture, and the place of both."""

    picture: str
    caption: str
    where: str


def read_rows(
    path: Path, *, image: str | None = None, caption: str | None = None
) -> tuple[list[CaptionRow], list[str]]:
    """Read captions, and notes about them.

    Args:
        path: see above.
        image: the column of a table that names the picture.
        caption: the column of the caption.

    Raises:
        DataError: the file cannot be read, is of another form, or a column is not there.
    """
    suffix = path.suffix.lower()
    listed = suffix == ".txt" and _is_list(path)
    if suffix in FORMS and not listed:
        return _read_table(path, image, caption)
    if image or caption:
        raise DataError(f"{path} has no columns, so none can be named. Leave these options out.")
    if listed:
        return list(_read_list(path)), []
    if suffix == ".json":
        return list(_read_coco(path)), []
    raise DataError(f"{path} holds no form of captions that is known. Name a .csv, .tsv, .jsonl, .json or .txt.")


def _is_list(path: Path) -> bool:
    """Tell whether the first line of a text has a tab."""
    with open_unpacked(path) as file:
        first = next(iter(read_lines(file, str(path))), None)
    return first is not None and "\t" in first.text


def _read_list(path: Path) -> Iterator[CaptionRow]:
    with open_unpacked(path) as file:
        for line in read_lines(file, str(path)):
            name, tab, caption = line.text.partition("\t")
            if not tab and line.text.strip():
                raise DataError(f"{path} line {line.number} has no tab. Write photo.jpg#0, a tab, and the caption.")
            if tab:
                yield CaptionRow(_NUMBERED.sub("", name.strip()), caption, f"{path} line {line.number}")


def _read_table(path: Path, image: str | None, caption: str | None) -> tuple[list[CaptionRow], list[str]]:
    index = RowIndex([path], FORMS)
    named, said = (_find(index, path, given, names) for given, names in ((image, PICTURE), (caption, CAPTION)))
    if named == said:
        raise DataError(f"{path}: the picture and the caption are both column {named}. Name two columns.")
    rows = []
    for row, cells in enumerate(index.read(range(len(index)))):
        where = index.where(row)
        several = cells[said] if isinstance(cells[said], list) else [cells[said]]
        texts = [_as_text(one, said, where) for one in several]
        rows += [CaptionRow(_as_text(cells[named], named, where).strip(), text, where) for text in texts]
    return rows, [f"{path}: pictures are named in column {named}, captions are in {said}.", *index.notes]


def _find(index: RowIndex, path: Path, given: str | None, usual: Sequence[str]) -> str:
    if given is not None and given not in index.names:
        raise DataError(f"{path} has no column {given!r}. There are: {name_some(index.names, _MOST_NAMED)}.")
    name = given or next((name for name in usual if name in index.names), None)
    if name is None:
        raise DataError(
            f"{path} has no column {', '.join(usual[:2])} or the like. There are: "
            f"{name_some(index.names, _MOST_NAMED)}. Name them with --image-column and --caption-column."
        )
    return name


def _as_text(cell: Any, column: str, where: str) -> str:
    if not isinstance(cell, str):
        raise DataError(f"{where}, column {column}: a {type(cell).__name__} stands where a text should. Write a text.")
    return cell


def _read_coco(path: Path) -> Iterator[CaptionRow]:
    text = decode(read_whole(path), str(path))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {str(error)[:100]}. Copy it again from where it came.") from None
    parts = found if isinstance(found, dict) else {}
    images, annotations = parts.get("images"), parts.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise DataError(f"{path} has no lists images and annotations, as COCO's captions have. Give those, or a table.")
    names = {}
    for number, one in enumerate(images):
        if not isinstance(one, dict) or not isinstance(one.get("file_name"), str) or "id" not in one:
            raise DataError(f"{path}, images, number {number}: no id or no file_name. Write both for each image.")
        names[str(one["id"])] = one["file_name"]
    for number, one in enumerate(annotations):
        where = f"{path}, annotations, number {number}"
        if not isinstance(one, dict) or not isinstance(one.get("caption"), str) or "image_id" not in one:
            raise DataError(f"{where}: no image_id or no caption. Write both for each annotation.")
        name = names.get(str(one["image_id"]))
        if name is None:
            raise DataError(f"{where}: no image has the id {str(one['image_id'])[:40]}. Add it to images.")
        yield CaptionRow(name, one["caption"], where)
