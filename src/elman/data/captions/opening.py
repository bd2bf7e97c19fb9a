"""Open captions with their pictures, and say what has no other half.

Captions name their picture by its path in the folder, or by the name of its file alone; where two files of a folder
have one name, the path is needed. A caption without its picture, a picture without a caption, and a caption without
letters are left out, with a note.

>>> open_captions(["nowhere.csv"])  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: nowhere.csv does not exist. Check the path; the current folder is ...
"""

from collections import Counter
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path, PurePosixPath

from elman.data.captions.captioned import Captioned, CaptionSet
from elman.data.captions.forms import CaptionRow, read_rows
from elman.data.captions.pictures import PACKED, Pictures, open_pictures
from elman.data.examples.opening import check_paths
from elman.data.files import name_files
from elman.data.held import as_path
from elman.data.text import Source
from elman.errors import DataError
from elman.paths import check_path
from elman.phrases import counted, name_some

_MOST_NAMED = 5


def open_captions(
    paths: Source | Sequence[Source],
    pictures: Source | Pictures | None = None,
    *,
    image: str | None = None,
    caption: str | None = None,
) -> CaptionSet:
    """Read captions, and find their pictures; pictures are only looked for, and read on access.

    Args:
        paths: one file of captions or several, see :mod:`elman.data.captions.forms`; behind them a folder or an `.npz`
            of pictures may be named.
        pictures: the folder or the `.npz`; by default the last of the paths, else the folder of the captions.
        image: the column of a table that names the picture.
        caption: the column of the caption.

    Raises:
        DataError: a file cannot be read or is of no known form, a name fits several pictures, or no picture has a
            caption.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    files = [as_path(path) for path in given]
    check_paths(files)
    if pictures is not None and _holds_pictures(files[-1]):
        raise DataError(f"{files[-1]} holds pictures, and so does what --images names. Drop one of the two.")
    if pictures is None and len(files) > 1 and _holds_pictures(files[-1]):
        pictures = files.pop()
    if _holds_pictures(files[0]):
        raise DataError(f"{files[0]} holds pictures. Name the file of captions first, then its pictures.")
    rows: list[CaptionRow] = []
    notes: list[str] = []
    for file in files:
        found, said = read_rows(file, image=image, caption=caption)
        rows += found
        notes += said
    if not isinstance(pictures, Pictures):
        folder = files[0].absolute().parent if pictures is None else check_path(pictures, "the pictures")
        check_paths([folder])
        pictures = open_pictures(folder)
    return _join(name_files(files), rows, pictures, notes)


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == PACKED


def _join(name: str, rows: Sequence[CaptionRow], pictures: Pictures, notes: list[str]) -> CaptionSet:
    find = _finder(pictures)
    own: dict[int, list[CaptionRow]] = {}
    lost: dict[str, str] = {}
    empty: list[str] = []
    for row in rows:
        index = find(row)
        if not any(character.isalnum() for character in row.caption):
            empty.append(row.where)
        elif index is None:
            lost.setdefault(row.picture, row.where)
        else:
            own.setdefault(index, []).append(row)
    bare = [picture for index, picture in enumerate(pictures.names) if index not in own]
    for found, one, several in (
        (empty, "caption without letters is", "captions without letters are"),
        ([f"{picture} ({where})" for picture, where in lost.items()], "picture that captions name is not there and",
         "pictures that captions name are not there and"),
        (bare, "picture without a caption is", "pictures without captions are"),
    ):  # fmt: skip
        if found:
            notes.append(f"{counted(len(found), one, several)} left out: {name_some(found, _MOST_NAMED)}.")
    if not own:
        first = f" The first caption is of {rows[0].picture!r}." if rows else ""
        raise DataError(
            f"{name} names no picture of {pictures.name}.{first} Give the folder or the .npz of its pictures."
        )
    items = [
        Captioned(pictures.names[index], tuple(row.caption for row in of), of[0].where, index)
        for index, of in own.items()
    ]
    captions = sum(len(one.captions) for one in items)
    each = Counter(len(one.captions) for one in items)
    spread = f"{min(each)}" if len(each) == 1 else f"{min(each)} to {max(each)}"
    kind = "photos" if pictures.kind == "photo" else "pictures as features"
    notes.insert(0, f"{name}: {captions:,} captions of {len(items):,} {kind}, {spread} each.")
    return CaptionSet(name, items, pictures, notes)


def _finder(pictures: Pictures) -> Callable[[CaptionRow], int | None]:
    """Return a function that finds the picture of a row: by its whole name, else by the name of its file."""
    whole = {name: index for index, name in enumerate(pictures.names)}
    last: dict[str, list[int]] = {}
    for index, name in enumerate(pictures.names):
        last.setdefault(PurePosixPath(name).name, []).append(index)

    def find(row: CaptionRow) -> int | None:
        wanted = row.picture.replace("\\", "/")
        if wanted in whole:
            return whole[wanted]
        found = last.get(PurePosixPath(wanted).name, [])
        if len(found) > 1:
            both = name_some([pictures.names[index] for index in found], _MOST_NAMED)
            raise DataError(
                f"{row.where}: {row.picture!r} fits {len(found)} pictures of {pictures.name} ({both}). Write the path."
            )
        return found[0] if found else None

    return find
