"""Open one `.npz` that holds many examples: inputs `x`, targets `y`.

==========================================  ==============================================
`x`                                         each example is
==========================================  ==============================================
numbers (N, T, D), or (N, T)                a series (T, D), or (T, 1)
numbers (ΣT, D), or (ΣT,), and `lengths`    a series (T, D), or (T, 1), of the concatenated ones
numbers (N, T, D), or (N, T), and `lengths` a series, of which the first `lengths` steps count
uint8 (N, H, W), or (N, H, W, 1 or 3)       an image
==========================================  ==============================================

`y` is (N,): text, whole numbers and booleans are classes, floats are numbers; or (N, L) of bool: several labels at
once. An optional array `classes` names the classes or labels.

An uncompressed file (`numpy.savez`) is mapped, and an example is read on access; a compressed one
(`numpy.savez_compressed`) is unpacked into memory as a whole.

>>> import numpy as np
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder, "gait.npz")
...     np.savez(file, x=np.ones((3, 7, 2)), y=["walks", "runs", "runs"])
...     gait = open_arrays(file)
...     gait.columns.inputs, gait[0].values["x"].shape, gait[0].target
({'x': 'series'}, (7, 2), 'walks')
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.dataset import Columns, Example
from elman.data.examples.array_targets import read_targets
from elman.data.examples.side_columns import choose_side_lists, describe_sides
from elman.data.examples.sides import read_sides
from elman.data.formats.features import as_steps
from elman.data.formats.numpy_files import Member, open_npz
from elman.errors import DataError
from elman.phrases import name_some
from elman.sides import SideSource

INPUT_NAMES = ("x", "X", "data", "inputs", "input", "features", "images")
TARGET_NAMES = ("y", "Y", "labels", "label", "targets", "target")
LENGTHS = "lengths"
CLASSES = "classes"

MOST_EXAMPLES = 2**23
"""Each takes some hundred bytes of memory; a packed array can promise any number of them."""


@dataclass(frozen=True)
class Arrays:
    """The examples of an `.npz`; see :class:`elman.data.Dataset`.

    Attributes:
        numbers: all examples; their first axis is N, or ΣT where `starts` is given.
        lengths: (N,) how many steps of each example count; None for all.
        starts: (N,) where each begins in ΣT; None where the first axis is N.
        targets: N of them; None for none.
        sides: the arrays of side inputs, by name; their first axes are those of `numbers`.
    """

    name: str
    columns: Columns
    notes: Sequence[str]
    numbers: NDArray[Any]
    lengths: NDArray[np.int64] | None
    starts: NDArray[np.int64] | None
    targets: Sequence[Any] | None
    sides: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers if self.starts is None else self.starts)

    def __getitem__(self, index: int, /) -> Example:
        at = range(len(self))[index]
        where = f"{self.name} example {at}"
        column, kind = next(iter(self.columns.inputs.items()))
        part = self._steps(self.numbers, at)
        value: NDArray[Any] = as_steps(part, where) if kind == "series" else _as_image(part)
        if self.sides:
            given = {name: self._steps(array, at).astype(np.float64) for name, array in self.sides.items()}
            value = np.hstack([value, read_sides(self.columns, given, lambda step: f"{where}, step {step}")])
        return Example({column: value}, None if self.targets is None else self.targets[at], where)

    def _steps(self, array: NDArray[Any], at: int) -> NDArray[Any]:
        """Return what an array has of an example."""
        first, rows = (at, array) if self.starts is None else (0, array[self.starts[at] :][None])
        part: NDArray[Any] = rows[first] if self.lengths is None else rows[first][: self.lengths[at]]
        return part


def open_arrays(
    path: Path,
    *,
    input: str | None = None,
    target: str | None = None,
    target_kind: str | None = None,
    sides: Mapping[str, SideSource] | None = None,
    like: Columns | None = None,
) -> Arrays:
    """Open one `.npz` as examples, which messages count from 0: `digits.npz example 7`.

    Args:
        path: see the table at the top of this file.
        input: the name of the array of inputs; by default the first there is of `INPUT_NAMES`.
        target: the name of the array of answers; by default the first there is of `TARGET_NAMES`, or none.
        target_kind: `category`, `number` or `labels`, where what the answers are should not be inferred.
        sides: the sources of side inputs: arrays with a number for each step of the inputs.
        like: the columns that a model was trained with. Kinds are then not inferred, and the target may be absent.

    Raises:
        DataError: the file is missing or damaged, has no such array, or arrays of shapes or types that do not fit.
    """
    members = open_npz(path)
    known, kind = _what_was_read(path, like)
    column = _choose(members, path, input, (*known, *INPUT_NAMES), "input")
    if column is None:
        raise DataError(
            f"{path} has no array x. It has {_list(members)}. Name inputs with input=, answers with target=."
        )
    chosen = like.target if like else None
    answer = _choose(members, path, target, (chosen, *TARGET_NAMES) if chosen else TARGET_NAMES, "target")
    kind = kind or _kind_of(members[column])
    _check_examples(members[column], members.get(LENGTHS) if kind == "series" else None)
    lengths, starts = _lengths_of(members.get(LENGTHS), members[column].shape, kind)
    _check_input(members[column], kind, ragged=starts is not None)
    rows = members[column].shape[0] if starts is None else len(starts)
    notes = [_describe(members[column], kind, lengths, ragged=starts is not None)]
    targets, answer_kind = None, None
    if answer:
        wanted = target_kind or (like.target_kind if like else None)
        answer_kind, targets, note = read_targets(members[answer], members.get(CLASSES), rows, wanted)
        notes.append(note)
    if like is None:
        free = [name for name in members if name not in (column, answer, LENGTHS, CLASSES)]
        chosen_sides = choose_side_lists(sides or {}, free, str(path))
    else:
        chosen_sides = dict(like.sides)
    shape = members[column].shape[: 2 if starts is None else 1]
    of_sides = {side.column: _require_side(members, side.column, shape, path) for side in chosen_sides.values()}
    if chosen_sides and kind != "series":
        raise DataError(
            f"{path}: {', '.join(chosen_sides)} is for steps of series, and {column} holds images. Drop it."
        )
    notes += describe_sides(chosen_sides)
    unread = set(members) - {column, answer, LENGTHS, CLASSES, *of_sides}
    if unread:
        notes.append(f"Not read: {', '.join(sorted(unread))}.")
    columns = like or Columns({column: kind}, answer, answer_kind, sides=chosen_sides)
    return Arrays(str(path), columns, notes, members[column].read(), lengths, starts, targets, of_sides)


def _require_side(members: dict[str, Member], name: str, shape: tuple[int, ...], path: Path) -> NDArray[Any]:
    """Return the array of a side input, which has a number for each step, so that it is of this shape."""
    if name not in members:
        raise DataError(f"{path} has no array {name} with side inputs. It has {_list(members)}. Add it.")
    member = members[name]
    if member.dtype.kind not in "biuf" or member.shape != shape:
        raise DataError(
            f"{member.where} is {member.dtype} {member.shape}, and a side input is a number for each step: {shape}."
        )
    return member.read()


def _what_was_read(path: Path, like: Columns | None) -> tuple[tuple[str, ...], str | None]:
    if like is None:
        return (), None
    kinds = tuple(like.inputs.values())
    if kinds not in (("series",), ("image",)):
        raise DataError(
            f"{path} gives one input, a series or an image, and the model reads "
            f"{', '.join(f'{name} ({kind})' for name, kind in like.inputs.items())}. Give it what it was trained on."
        )
    return tuple(like.inputs), kinds[0]


def _choose(
    members: dict[str, Member], path: Path, requested: str | None, defaults: Sequence[str], option: str
) -> str | None:
    if requested is None:
        return next((name for name in defaults if name in members), None)
    if requested not in members:
        near = get_close_matches(requested, members, 1)
        hint = f", did you mean {near[0]}?" if near else "."
        raise DataError(
            f"{path} has no array {requested}{hint} It has {_list(members)}. Name one of them with {option}=."
        )
    return requested


def _list(members: dict[str, Member]) -> str:
    return name_some([f"{name} {member.shape}" for name, member in members.items()])


def _kind_of(member: Member) -> str:
    return "image" if member.dtype == np.uint8 and len(member.shape) > 2 else "series"


def _check_examples(member: Member, lengths: Member | None) -> None:
    counted = member if lengths is None else lengths
    if len(counted.shape) and counted.shape[0] > MOST_EXAMPLES:
        raise DataError(
            f"{counted.where} is {counted.shape}, and at most {MOST_EXAMPLES:,} examples are read. "
            "Save them in several files."
        )


def _lengths_of(
    member: Member | None, shape: tuple[int, ...], kind: str
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return the lengths, and the starts of the examples if they are concatenated."""
    if member is None or kind == "image":
        return None, None
    lengths = member.load()
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not len(lengths) or lengths.min() < 1:
        raise DataError(f"{member.where} must be (N,) whole numbers of at least 1, the steps of each example.")
    # Python's sum, because that of numpy can overflow.
    total = sum(lengths.tolist())
    if len(shape) in (1, 2) and total == shape[0]:
        lengths = lengths.astype(np.int64)
        return lengths, np.cumsum(lengths) - lengths
    if len(shape) in (2, 3) and len(lengths) == shape[0] and lengths.max() <= shape[1]:
        return lengths.astype(np.int64), None
    raise DataError(
        f"{member.where} does not fit the inputs {shape}. The sum of the lengths, {total:,}, must be the first axis; "
        "or there is one for each example of the first axis, none above the second."
    )


def _check_input(member: Member, kind: str, *, ragged: bool) -> None:
    shape, dtype = member.shape, member.dtype
    if kind == "image":
        fits = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)))
        what = "Images are uint8 (N, H, W) or (N, H, W, C), C is 1 or 3"
    else:
        fits = dtype.kind in "biuf" and (ragged or len(shape) in (2, 3))
        what = "Series are numbers (N, T, D) or (N, T), or (ΣT, D) with an array of their lengths"
    if not fits or 0 in shape:
        raise DataError(f"{member.where} is {dtype} {shape}. {what}, and at least one example.")


def _as_image(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array(pixels if pixels.ndim == 3 else pixels[:, :, None])


def _describe(member: Member, kind: str, lengths: NDArray[np.int64] | None, *, ragged: bool) -> str:
    shape = member.shape
    held = "" if member.mapped else f" They are compressed; {member.bytes / 2**20:,.0f} MiB are held in memory."
    if kind == "image":
        return f"{member.name}: {shape[0]:,} images of {' × '.join(map(str, shape[1:]))}, because it is uint8.{held}"
    rows = shape[0] if lengths is None else len(lengths)
    steps = f"{shape[1]:,}" if lengths is None else f"{lengths.min():,} to {lengths.max():,}"
    width = (*shape[1 if ragged else 2 :], 1)[0]
    return f"{member.name}: {rows:,} series of {steps} steps with {width:,} numbers each.{held}"
