"""Check that a state from a file is one of the training that is to go on, before any of it is restored.

A checkpoint that was not changed fits always: its checksum and its signature are compared first. One that was forged
may hold anything that JSON holds, and torch restores much of it without a question.

>>> find_unlike({"updates": 3, "loss": None}, {"updates": 0, "loss": None}, "run")
>>> find_unlike({"updates": "3"}, {"updates": 0}, "run")
'run.updates is a str and not an int'
"""

from typing import Any

from torch import Tensor


def find_unlike(found: Any, present: Any, where: str) -> str | None:
    """Name the first place where a state differs in kind from the present one; None where there is none.

    Dictionaries must have the same names, tensors the same dtype and shape, and lists values of one kind, if these are
    no tensors. Where the present state has None or nothing, anything fits.

    Args:
        found: what a file holds.
        present: the same state of this training, with other values.
        where: the name of the state.
    """
    if present is None or (found is None and not isinstance(present, dict | Tensor)):
        return None
    if isinstance(present, Tensor):
        if not isinstance(found, Tensor):
            return _say_kind(found, present, where)
        one, other = (f"{list(value.shape)} of {value.dtype}" for value in (found, present))
        return None if one == other else f"{where} is {one} and not {other}"
    if isinstance(present, float) and isinstance(found, int) and not isinstance(found, bool):
        return None
    if not isinstance(found, dict if isinstance(present, dict) else type(present)):
        return _say_kind(found, present, where)
    inner: list[tuple[Any, Any, str]] = []
    if isinstance(present, dict) and present:
        if found.keys() != present.keys():
            name = next(iter(found.keys() ^ present.keys()))
            return f"{where} has {'an unknown' if name in found else 'no'} {str(name)[:40]!r}"
        inner = [(found[name], present[name], f"{where}.{name}") for name in present]
    elif isinstance(present, list | tuple) and present:
        first = None if isinstance(present[0], Tensor) else present[0]  # of tensors in a list each has its own shape
        inner = [(value, first, f"{where}.{number}") for number, value in enumerate(found)]
    return next(filter(None, (find_unlike(*one) for one in inner)), None)


def _say_kind(found: Any, present: Any, where: str) -> str:
    return f"{where} is a {type(found).__name__} and not {_article(type(present).__name__)}"


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
