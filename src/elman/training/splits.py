"""Hold examples out for validation: a share of each class, and a group never on both sides (a stratified group split).

A group is what examples have in common that a model could overfit, such as the speaker of recordings. Groups are drawn
as a whole, and of several draws the one is taken whose classes come nearest to their shares. Equal examples are on one
side as well: a model would be validated on what it has learnt.

>>> training, validation = split(["a"] * 8 + ["b"] * 2, share=0.25, seed=1)
>>> len(training), sorted(validation)[-1] >= 8
(7, True)
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.phrases import counted

_SHARE, _SHARE_OF_FEW = 0.1, 0.2
_FEW = 1000
_MOST_HELD_OUT = 10_000  # unless a share is requested: more take longer to measure and add little precision
Hashes = Sequence[int] | NDArray[np.uint64]

_DRAWS = 50
_FEW_LEFT = 10
_MOST_NAMES, _LONGEST_NAME = 5, 30  # that a message lists, and their letters


def default_share(examples: int) -> float:
    """Return the share of examples to hold out: a tenth, a fifth of few, and at most 10,000 examples.

    >>> default_share(200), default_share(5_000), default_share(1_000_000)
    (0.2, 0.1, 0.01)
    """
    return _SHARE_OF_FEW if examples < _FEW else min(_SHARE, _MOST_HELD_OUT / examples)


def split(
    targets: Sequence[Any],
    *,
    share: float,
    seed: int,
    groups: Sequence[str | None] | None = None,
    hashes: Sequence[int] | NDArray[np.uint64] | None = None,
    together: bool = False,
    where: Callable[[int], str] | None = None,
) -> tuple[list[int], list[int]]:
    """Divide examples into training and validation examples.

    Args:
        targets: the class of each example; other targets than strings are ignored.
        share: of each class; at least one example of it, and never all.
        seed: the same seed gives the same split.
        groups: the group of each example; None where it has none.
        hashes: the hash of each example; validation examples that equal a training example are left out, see
            :func:`leave_out_copies`.
        together: draw equal examples as one where there are no groups, see :func:`draw_once`, so that few are left out.
        where: gives the place of an example, for messages.

    Returns:
        The indices of the training and of the validation examples, ascending.

    Raises:
        DataError: there are fewer than two examples or groups, or a class has a single one.
    """
    classes = list(targets) if all(isinstance(target, str) for target in targets) else [""] * len(targets)
    randomness = random.Random(seed)  # noqa: S311 - the same split must come back
    if len(classes) < 2:
        raise DataError(
            f"{counted(len(classes), 'example is', 'examples are')} too few to learn from some and to validate on "
            "others."
        )
    if groups is not None and any(group is not None for group in groups):
        held_out = draw_groups(classes, groups, share, randomness)
    else:
        _refuse_single(classes, where)
        first = draw_once(hashes, classes) if together and hashes is not None else list(range(len(classes)))
        held_out = draw_examples(classes, first, share, randomness)
    apart = set(held_out)
    training, held_out = [index for index in range(len(classes)) if index not in apart], sorted(apart)
    if hashes is not None:
        given = np.asarray(hashes, np.uint64)
        kept = leave_out_copies(given[held_out], given[training], [classes[index] for index in held_out])
        held_out = [held_out[place] for place in kept]
    return training, held_out


def leave_out_copies(
    held_out: Sequence[int] | NDArray[np.uint64], learnt: Sequence[int] | NDArray[np.uint64], classes: Sequence[str]
) -> list[int]:
    """Leave out the held-out examples that equal one to learn from: a model would be validated on what it has learnt.

    What is learnt from does not depend on it. Where too few would remain, all stay: fewer than half of the examples
    and than 10, or none of a class.

    Args:
        held_out: the hash of each held-out example.
        learnt: the hashes of the examples to learn from.
        classes: the class of each held-out example.

    Returns:
        The indices of the examples that remain.

    >>> leave_out_copies([7, 8, 9], [8], ["", "", ""])
    [0, 2]
    """
    if not len(held_out):
        return []
    given, known = np.asarray(held_out, np.uint64), np.asarray(learnt, np.uint64)
    # Few are held out of many: looking the many up among the few is faster than np.isin, which sorts all of them.
    few = np.sort(given)
    among = few[np.searchsorted(few[:-1], known)] == known
    kept: list[int] = np.flatnonzero(~np.isin(given, known[among])).tolist()
    if len(kept) < min(_FEW_LEFT, len(held_out) / 2):
        return list(range(len(held_out)))
    whole = set(classes) - {classes[index] for index in kept}
    return kept if not whole else sorted({*kept, *(i for i, name in enumerate(classes) if name in whole)})


def draw_once(hashes: Sequence[int] | NDArray[np.uint64], classes: Sequence[str]) -> list[int]:
    """Return for each example the first one that equals it, by which all of them are drawn.

    Where fewer than ten differ, or no class has two that do, each is drawn for itself.

    Args:
        hashes: the hash of each example.
        classes: the class of each.

    >>> draw_once([7, 8, 7, *range(20, 30)], ["a"] * 13)[:4]
    [0, 1, 0, 3]
    """
    _, first, place = np.unique(np.asarray(hashes, np.uint64), return_index=True, return_inverse=True)
    if len(first) < _FEW_LEFT or max(Counter(classes[index] for index in first).values()) < 2:
        return list(range(len(classes)))
    firsts: list[int] = first[place.ravel()].tolist()
    return firsts


def draw_examples(classes: Sequence[str], first: Sequence[int], share: float, randomness: random.Random) -> list[int]:
    """Draw a share of each class, at least one of it and never all.

    Args:
        classes: the class of each example.
        first: the example that stands for those that are drawn with it, see :func:`draw_once`.
        share: of each class.
        randomness: draws.
    """
    members = defaultdict(list)
    for index, name in enumerate(classes):
        if first[index] == index:
            members[name].append(index)
    drawn: set[int] = set()
    for name in sorted(members):
        drawn.update(randomness.sample(members[name], _part(len(members[name]), share)))
    held_out = [index for index, one in enumerate(first) if one in drawn]
    # Copies may have another answer than the first: no class may be held out as a whole.
    apart = Counter(classes[index] for index in held_out)
    lost = {name for name, count in Counter(classes).items() if apart[name] == count}
    kept = {first[index] for index in held_out if classes[index] in lost}
    return [index for index in held_out if first[index] not in kept]


def _part(count: int, share: float) -> int:
    return min(count - 1, max(1, round(count * share)))


def _refuse_single(classes: Sequence[str], where: Callable[[int], str] | None) -> None:
    counts = Counter(classes)
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        shown = [repr(shorten(name, _LONGEST_NAME, placeholder="…")) for name in single[:_MOST_NAMES]]
        names = ", ".join(shown) + (", …" if len(single) > _MOST_NAMES else "")
        having = f"{len(single)} classes have one example each" if len(single) > 1 else "A class has one example"
        place = ""
        if where is not None:
            place = f", {'the first ' if len(single) > 1 else ''}in {where(classes.index(single[0]))}"
        number = " If the target is a number, say --target-kind number." if _are_numbers(single) else ""
        raise DataError(
            f"{having}: {names}{place}. It takes two, one to learn from and one to validate on. Add examples, leave "
            f"the class out, or give --validation-data.{number}"
        )


def _are_numbers(names: Sequence[str]) -> bool:
    try:
        return bool([float(name) for name in names])
    except ValueError:
        return False


def draw_groups(
    classes: Sequence[str], groups: Sequence[str | None], share: float, randomness: random.Random
) -> list[int]:
    """Draw whole groups until each class has its share, the best of many draws; an example without one is a group.

    Raises:
        DataError: there is one group, or each draw leaves a class without examples to learn from.
    """
    members: dict[Any, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[index if group is None else group].append(index)
    if len(members) < 2:
        raise DataError(
            f"All examples are of the group {next(iter(members))!r}, so none can be held out. "
            "Name another column with --group, or give --validation-data."
        )
    counts = Counter(classes)
    wanted = {name: _part(count, share) if count > 1 else 0 for name, count in counts.items()}
    best: tuple[float, list[int]] | None = None
    for _ in range(_DRAWS):
        drawn = _draw_once(list(members.values()), classes, counts, wanted, randomness)
        if drawn is not None and (best is None or drawn[0] < best[0]):
            best = drawn
    if best is None:
        raise DataError(
            "Some class occurs in one group alone, so no split leaves it to learn from and to validate on. "
            "Name another column with --group, or give --validation-data."
        )
    return best[1]


def _draw_once(
    members: list[list[int]],
    classes: Sequence[str],
    counts: Counter[str],
    wanted: dict[str, int],
    randomness: random.Random,
) -> tuple[float, list[int]] | None:
    """Take groups in random order, each if it brings the classes nearer to their shares; return the distance left."""
    randomness.shuffle(members)
    have: Counter[str] = Counter()
    taken: list[int] = []
    for indices in members:
        adds = Counter(classes[index] for index in indices)
        nearer = sum(
            abs(wanted[name] - have[name]) - abs(wanted[name] - have[name] - count) for name, count in adds.items()
        )
        # The first group is taken even if it is too large: something must be held out.
        if (nearer > 0 or not taken) and all(have[name] + count < counts[name] for name, count in adds.items()):
            have += adds
            taken += indices
    if not taken:
        return None
    return sum(abs(number - have[name]) for name, number in wanted.items()), taken
