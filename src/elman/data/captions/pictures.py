"""Pictures by name, read on access: files of photos, or an `.npz` of photos or of features.

==================================  ==================================================================
array                               each picture is
==================================  ==================================================================
`images` uint8 (N, H, W[, 1 or 3])  a photo (H, W, C)
`features` (N, C, H, W)             features of H × W cells (C, H, W) that another network computed
`features` (N, C)                   features of the whole (C, 1, 1)
==================================  ==================================================================

The array `names` has the N names by which captions find them; a model that only writes can do without.

>>> pictures = GivenPictures([np.zeros((5, 7, 3), np.uint8)])
>>> pictures.kind, pictures.read(0).shape
('photo', (5, 7, 3))
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.files import read_whole
from elman.data.formats.images import SUFFIXES, read_image
from elman.data.formats.numpy_files import open_npz
from elman.errors import DataError
from elman.phrases import name_some

PHOTO, FEATURES = "photo", "features"
PACKED = ".npz"

_IMAGES, _NAMES = "images", "names"
_MOST_NAMED = 5


class Pictures(ABC):
    """Pictures of one kind.

    Attributes:
        kind: `photo` or `features`.
        name: what messages call them.
        names: of each.
    """

    kind: str
    name: str
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """Read a picture: (H, W, 1 or 3) uint8, or (C, H, W) float32.

        Raises:
            DataError: it cannot be read, or has a number that is not finite; the message names it.
        """

    @abstractmethod
    def fingerprint(self, index: int) -> int:
        """Return a number that is the same for pictures of the same bytes."""

    def where(self, index: int) -> str:
        """Name a picture in messages."""
        return f"{self.name}, {self.names[index]}"


class PictureFiles(Pictures):
    """Files of photos.

    Args:
        name: what messages call them.
        paths: of the files.
        names: of each.
    """

    def __init__(self, name: str, paths: Sequence[Path], names: Sequence[str]) -> None:
        self.kind = PHOTO
        self.name, self.paths, self.names = name, paths, names

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read a photo."""
        return read_image(self.paths[index])

    def fingerprint(self, index: int) -> int:
        """Return the hash of the file."""
        return _hash(read_whole(self.paths[index]))

    def where(self, index: int) -> str:
        """Return the path."""
        return str(self.paths[index])


class GivenPictures(Pictures):
    """Pictures in memory, or in an array that is mapped.

    Args:
        arrays: N photos (H, W), (H, W, 1) or (H, W, 3) uint8, or features (C, H, W) or (C,) of numbers.
        names: of each; their numbers unless given.
        name: what messages call them.

    Raises:
        DataError: they are of other shapes or kinds, or some are photos and others are features.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]], names: Sequence[str] = (), name: str = "pictures") -> None:
        self.name, self._arrays = name, arrays
        self.names = list(names) or [f"number {index}" for index in range(len(arrays))]
        kinds = {_kind_of(array, self.where(index)) for index, array in enumerate(arrays)}
        if len(kinds) > 1:
            raise DataError(f"{name} are photos and features together. Give one kind.")
        self.kind = kinds.pop() if kinds else PHOTO

    def read(self, index: int) -> NDArray[Any]:
        """Return a picture."""
        array = self._arrays[index]
        if self.kind == PHOTO:
            return np.array(array if array.ndim == 3 else array[:, :, None])
        with np.errstate(over="ignore"):
            numbers = np.array(array, np.float32)
        if not np.isfinite(numbers).all():
            raise DataError(f"{self.where(index)}: a number is NaN, infinite or too large for float32. Replace it.")
        return numbers if numbers.ndim == 3 else numbers[:, None, None]

    def fingerprint(self, index: int) -> int:
        """Return the hash of the numbers."""
        return _hash(np.ascontiguousarray(self._arrays[index]).tobytes())


class ChosenPictures(Pictures):
    """Some of the pictures of a set.

    Args:
        pictures: the set.
        places: which, in their order.
    """

    def __init__(self, pictures: Pictures, places: Sequence[int]) -> None:
        self._pictures, self._places = pictures, places
        self.kind, self.name = pictures.kind, pictures.name
        self.names = [pictures.names[place] for place in places]

    def read(self, index: int) -> NDArray[Any]:
        """Read a picture."""
        return self._pictures.read(self._places[index])

    def fingerprint(self, index: int) -> int:
        """Return that of the picture."""
        return self._pictures.fingerprint(self._places[index])

    def where(self, index: int) -> str:
        """Name a picture in messages."""
        return self._pictures.where(self._places[index])


def open_pictures(path: Path, *, names_needed: bool = True) -> Pictures:
    """Open a folder of photos, with the folders in it, or an `.npz`.

    Args:
        path: of the folder or file.
        names_needed: refuse an `.npz` whose pictures have no names.

    Raises:
        DataError: there are no pictures, an array has another shape or type, or names are missing or not distinct.
    """
    if path.is_dir():
        files = photos_in(path)
        if not files:
            raise DataError(f"{path} has no photos in it ({', '.join(SUFFIXES)}). Name the folder that holds them.")
        return PictureFiles(str(path), files, [file.relative_to(path).as_posix() for file in files])
    if path.suffix.lower() != PACKED:
        raise DataError(
            f"{path} is no folder and no .npz. Name a folder of photos, or an .npz with images or features."
        )
    members = open_npz(path)
    found = [name for name in (_IMAGES, FEATURES) if name in members]
    if len(found) != 1:
        raise DataError(
            f"{path} has the arrays {name_some(list(members))}. Save either images (N, H, W, 3) of uint8 or features "
            "(N, C) or (N, C, H, W), and names (N,)."
        )
    member = members[found[0]]
    fits = {_IMAGES: (3, 4), FEATURES: (2, 4)}[found[0]]
    if len(member.shape) not in fits or 0 in member.shape:
        raise DataError(
            f"{member.where} has the shape {member.shape}. Images are (N, H, W) or (N, H, W, 3), features (N, C) or "
            "(N, C, H, W), and there is at least one."
        )
    names = [str(number) for number in range(member.shape[0])]
    if _NAMES in members:
        names = _read_names(members[_NAMES].load(), members[_NAMES].where, member.shape[0])
    elif names_needed:
        raise DataError(f"{path} has no array names. Save names (N,), by which captions find their picture.")
    _kind_of(np.empty(member.shape[1:], member.dtype), member.where, wanted=PHOTO if found[0] == _IMAGES else FEATURES)
    return GivenPictures(_Rows(member.read()), names, str(path))


class _Rows(Sequence[Any]):
    """The rows of an array, of which the first says what all are."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> Any:
        return self._array[index]

    def __iter__(self) -> Any:
        yield from self._array[:1]


def photos_in(folder: Path) -> list[Path]:
    """List the photos of a folder and of the folders in it; hidden files are ignored."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def _read_names(names: NDArray[Any], where: str, count: int) -> list[str]:
    if names.shape != (count,) or names.dtype.kind not in "USiu":
        raise DataError(
            f"{where} is {names.dtype} {names.shape}. Save the {count:,} names of the pictures, (N,) texts."
        )
    found = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in names.tolist()]
    twice = sorted(one for one, times in Counter(found).items() if times > 1)
    if twice:
        raise DataError(f"{where} has names that occur twice: {name_some(twice, _MOST_NAMED)}. Save distinct names.")
    return found


def _kind_of(array: NDArray[Any], where: str, wanted: str | None = None) -> str:
    """Return whether an array is a photo or features."""
    kind = wanted or (PHOTO if array.dtype == np.uint8 and array.ndim > 1 else FEATURES)
    if kind == PHOTO:
        fits = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3)))
        what = "A photo is uint8 (H, W), (H, W, 1) or (H, W, 3)"
    else:
        fits, what = array.dtype.kind in "biuf" and array.ndim in (1, 3), "Features are numbers (C,) or (C, H, W)"
    if not fits or 0 in array.shape:
        raise DataError(f"{where} is {array.dtype} {array.shape}. {what}.")
    return kind


def _hash(raw: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")
