"""Divide examples into folds: each is held out once, from a model that learns from the others.

A class has about the same share in every fold, and neither a group nor equal examples are in two of them. Where few
examples would be held out, the score of one split is an accident; folds measure every example.

>>> folds = draw_folds(["a"] * 6 + ["b"] * 4, 2, seed=1)
>>> [len(fold) for fold in folds], sorted(folds[0] + folds[1]) == list(range(10))
([5, 5], True)
"""

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from elman.errors import DataError
from elman.training.splits import Hashes, default_share, draw_examples, draw_groups, draw_once

FOLDS = 5
FEW_EXAMPLES, FEW_GROUPS = 200, 5  # held out: fewer say little, and there are folds by default
_FEWEST_GROUPS = 4  # of which a whole one is held out within a fold


def need_folds(held_out: int, groups: Sequence[str | None] | None) -> bool:
    """Check whether so little is held out that there should be folds.

    Args:
        held_out: how many examples are.
        groups: the group of each of them; None where there are none.
    """
    return held_out < FEW_EXAMPLES or (groups is not None and len(set(groups)) < FEW_GROUPS)


def most_folds(targets: Sequence[Any], groups: Sequence[str | None] | None, hashes: Hashes | None) -> int:
    """Return how many folds there can be; at least 1.

    As many as there are groups, and as the rarest class has examples (of those that are equal, one counts). A class of
    few groups is held out in some of the folds alone; it is learnt from in all of them. One that is in a single group
    is always learnt from, and says nothing of folds.

    Args:
        targets: the class of each example; other targets than strings are ignored.
        groups: the group of each example; None where there are none.
        hashes: the hash of each example, by which equal ones are recognised.
    """
    classes = _classes(targets)
    clusters = _clusters(classes, groups, hashes)
    apart: dict[str, set[Hashable]] = defaultdict(set)
    for name, cluster in zip(classes, clusters, strict=True):
        apart[name].add(cluster)
    divided = [name for name, own in apart.items() if len(own) > 1]
    if not divided:
        return 1
    if not _are_grouped(groups):
        return min(len(apart[name]) for name in divided)
    counts = Counter(classes)
    return min(len(set(clusters)), *(counts[name] for name in divided))


def draw_folds(
    targets: Sequence[Any],
    count: int,
    *,
    seed: int,
    groups: Sequence[str | None] | None = None,
    hashes: Hashes | None = None,
) -> list[list[int]]:
    """Draw the examples that each fold holds out.

    Examples of a class that would lie in one fold alone are in none: they are always learnt from.

    Args:
        targets: the class of each example; other targets than strings are ignored.
        count: how many folds, at most :func:`most_folds`.
        seed: the same seed gives the same folds.
        groups: the group of each example, which lies in one fold; None where it has none.
        hashes: the hash of each example; where there are no groups, equal examples lie in one fold.

    Returns:
        The indices of each fold, ascending; no index is in two.
    """
    classes, randomness = _classes(targets), random.Random(seed)  # noqa: S311 - the same folds must come back
    clusters: dict[Hashable, list[int]] = defaultdict(list)
    for index, cluster in enumerate(_clusters(classes, groups, hashes)):
        clusters[cluster].append(index)
    members = list(clusters.values())
    randomness.shuffle(members)
    place = _balance(members, classes, count) if _are_grouped(groups) else _deal(members, classes, count)
    folds: list[list[int]] = [[] for _ in range(count)]
    for fold, indices in zip(place, members, strict=True):
        folds[fold] += indices
    return [sorted(fold) for fold in _keep_classes(folds, members, classes) if fold]


def hold_within(
    targets: Sequence[Any], *, seed: int, groups: Sequence[str | None] | None = None, hashes: Hashes | None = None
) -> tuple[list[int], list[int]]:
    """Divide what a fold learns from into training examples, and those by which its weights are chosen.

    Whole groups are held out where there are four or more: of fewer, too little would be left to learn from.

    Args:
        targets: the class of each example; a class with a single one is learnt from.
        seed: the same seed gives the same split.
        groups: as for :func:`draw_folds`.
        hashes: as for :func:`draw_folds`.
    """
    classes, randomness = _classes(targets), random.Random(seed)  # noqa: S311 - the same split must come back
    share = default_share(len(classes))
    held_out: list[int] = []
    if groups is not None and len({at if name is None else name for at, name in enumerate(groups)}) >= _FEWEST_GROUPS:
        try:
            held_out = draw_groups(classes, groups, share, randomness)
        except DataError:  # no draw of groups leaves every class to learn from
            held_out = []
    if not held_out:
        first = list(range(len(classes))) if hashes is None else draw_once(hashes, classes)
        held_out = draw_examples(classes, first, share, randomness)
    apart = set(held_out)
    return [index for index in range(len(classes)) if index not in apart], sorted(apart)


def _classes(targets: Sequence[Any]) -> list[str]:
    return list(targets) if all(isinstance(target, str) for target in targets) else [""] * len(targets)


def _are_grouped(groups: Sequence[str | None] | None) -> bool:
    return groups is not None and any(group is not None for group in groups)


def _clusters(classes: Sequence[str], groups: Sequence[str | None] | None, hashes: Hashes | None) -> list[Hashable]:
    """Return the name of what each example must not be divided from."""
    if groups is not None and _are_grouped(groups):
        return [("", index) if group is None else group for index, group in enumerate(groups)]
    return list(range(len(classes)) if hashes is None else draw_once(hashes, classes))


def _deal(members: Sequence[Sequence[int]], classes: Sequence[str], count: int) -> list[int]:
    """Deal clusters out like cards, one class after the other."""
    order = sorted(range(len(members)), key=lambda number: classes[members[number][0]])
    place = [0] * len(members)
    for turn, number in enumerate(order):
        place[number] = turn % count
    return place


def _balance(members: Sequence[Sequence[int]], classes: Sequence[str], count: int) -> list[int]:
    """Put each group, the largest first, where its classes are rarest."""
    total = Counter(classes)
    have: list[Counter[str]] = [Counter() for _ in range(count)]
    place = [0] * len(members)
    for number in sorted(range(len(members)), key=lambda number: -len(members[number])):
        adds = Counter(classes[index] for index in members[number])

        def cost(fold: int, adds: Counter[str] = adds) -> tuple[float, int]:
            crowd = sum(adds[name] * (2 * have[fold][name] + adds[name]) / total[name] for name in adds)
            return crowd, have[fold].total()

        place[number] = min(range(count), key=cost)
        have[place[number]] += adds
    return place


def _keep_classes(folds: list[list[int]], members: Sequence[Sequence[int]], classes: Sequence[str]) -> list[list[int]]:
    """Take out of a fold the clusters of a class that lies in it alone."""
    total, cluster_of = Counter(classes), {index: indices for indices in members for index in indices}
    kept = []
    for fold in folds:
        own = Counter(classes[index] for index in fold)
        lost = {index for at in fold if own[classes[at]] == total[classes[at]] for index in cluster_of[at]}
        kept.append([index for index in fold if index not in lost])
    return kept
