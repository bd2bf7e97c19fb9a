"""Turn the array of targets of an `.npz` into classes, several labels at once, or numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.formats.numpy_files import Member
from elman.errors import DataError

MOST_LABELS = 2**26
"""Examples times labels: a mark takes a bit of a packed file, and eight bytes in memory."""

Answers = tuple[str, list[Any], str]
"""The kind of the targets, the targets, and what was inferred, in a sentence."""


def read_targets(member: Member, classes: Member | None, rows: int, wanted: str | None) -> Answers:
    """Read the target of each example.

    Args:
        member: the array: (N,), (N, 1), or (N, L) of bool.
        classes: the names of the classes or labels, where the file has them.
        rows: how many examples there are.
        wanted: the kind of the targets; None to infer it.

    Raises:
        DataError: their number, shape or type does not fit, one is NaN, or one has no name.
    """
    answers = member.load()
    if answers.shape == (rows, 1) and not (answers.dtype == bool and wanted == "labels"):
        answers = answers[:, 0]
    if len(answers.shape) not in (1, 2) or len(answers) != rows:
        raise DataError(
            f"{member.where} has the shape {answers.shape}, and there are {rows:,} examples. Give one each."
        )
    names = None if classes is None else _text(classes.load(), classes.where)
    if answers.ndim == 2:
        return _labels(answers, names, member, wanted)
    if answers.dtype.kind in "US":
        return _text_classes(answers, member, wanted)
    if wanted == "labels":
        raise DataError(f"{member.where} is {answers.dtype} {answers.shape}. Several labels at once are bool (N, L).")
    wrong = np.flatnonzero(~np.isfinite(answers))
    if len(wrong):
        raise DataError(f"{member.where}: the answer of example {wrong[0]:,} is NaN or infinite. Remove the example.")
    if wanted == "number" or (wanted is None and answers.dtype.kind == "f"):
        return _numbers(answers, member)
    return _whole_classes(answers, names, member)


def _labels(answers: NDArray[Any], names: list[str] | None, member: Member, wanted: str | None) -> Answers:
    if answers.dtype != bool or wanted not in (None, "labels"):
        raise DataError(
            f"{member.where} is {answers.dtype} {answers.shape}. One answer each is (N,), several labels at "
            "once are bool (N, L). Save y.argmax(1) if each row marks one class, y.astype(bool) if it marks several."
        )
    if answers.size > MOST_LABELS:
        raise DataError(
            f"{member.where} has the shape {answers.shape}, and at most {MOST_LABELS:,} marks are read. "
            "Leave labels out."
        )
    names = names or [str(label) for label in range(answers.shape[1])]
    if len(names) != answers.shape[1]:
        raise DataError(
            f"{member.where} has {answers.shape[1]} labels, and classes has {len(names)} names. Match them."
        )
    targets = [tuple(names[label] for label in np.flatnonzero(row)) for row in answers]
    return "labels", targets, f"{member.name}: {len(names):,} labels, several at once."


def _text_classes(answers: NDArray[Any], member: Member, wanted: str | None) -> Answers:
    if wanted not in (None, "category"):
        raise DataError(f"{member.where} is text, which is no {wanted}. Save numbers, or leave the kind out.")
    targets = _text(answers, member.where)
    if "" in targets:
        raise DataError(f"{member.where}: the answer of example {targets.index('')} is empty. Remove the example.")
    return "category", targets, f"{member.name}: {len(set(targets)):,} classes."


def _numbers(answers: NDArray[Any], member: Member) -> Answers:
    whole = " All are whole: if they are classes, save them as int." if (answers == np.rint(answers)).all() else ""
    return "number", [float(answer) for answer in answers], f"{member.name}: numbers, to be predicted as such.{whole}"


def _whole_classes(answers: NDArray[Any], names: list[str] | None, member: Member) -> Answers:
    if (answers != np.rint(answers)).any():
        raise DataError(f"{member.where} has fractions, which name no classes. Save whole numbers or text.")
    whole = [str(answer) for answer in answers.tolist()] if answers.dtype == bool else [int(a) for a in answers]
    targets = [str(answer) for answer in whole]
    if names and answers.dtype != bool:
        wrong = next((at for at, answer in enumerate(answers) if not 0 <= answer < len(names)), None)
        if wrong is not None:
            raise DataError(
                f"{member.where}: example {wrong:,} is of class {targets[wrong]}, and classes has {len(names)} names, "
                "counted from 0. Name them all."
            )
        targets = [names[int(answer)] for answer in answers]
    return "category", targets, f"{member.name}: {len(set(targets)):,} classes."


def _text(words: NDArray[Any], where: str) -> list[str]:
    if words.ndim != 1 or words.dtype.kind not in "US":
        raise DataError(f"{where} is {words.dtype} {words.shape}. Save a list of text.")
    try:
        return [str(word, "utf-8") if isinstance(word, bytes) else str(word) for word in words]
    except UnicodeDecodeError:
        raise DataError(f"{where} is not UTF-8. Save text of dtype str.") from None
