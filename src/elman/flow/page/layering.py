"""Place boxes in columns, so that every arrow points to the right and few arrows cross.

A box is one column to the right of the last box that it reads; an arrow that passes a column has a position of its own
there (Sugiyama et al. 1981). The order within a column, and the heights, follow the mean height of the neighbours, as
far as the gaps between boxes allow.

>>> placement = place_boxes({0: (20, 10), 1: (20, 10), 2: (20, 10)}, [(0, 1), (1, 2), (0, 2)])
>>> sorted(round(placement.centres[key][0]) for key in (0, 1, 2)), len(placement.routes[0, 2])
([10, 86, 162], 4)
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Arrow = tuple[int, int]

_BETWEEN_COLUMNS = 56.0
_BETWEEN_BOXES = 18.0
_BETWEEN_ARROWS = 12.0
_SWEEPS = 24


@dataclass(frozen=True)
class Placement:
    """Positions of boxes and arrows.

    Attributes:
        centres: of the boxes, by key.
        routes: for each arrow the points that it passes; its ends are on the edges of the boxes.
        width: of the whole.
        height: of the whole.
    """

    centres: dict[int, Point]
    routes: dict[Arrow, list[Point]]
    width: float
    height: float


def place_boxes(sizes: Mapping[int, Point], arrows: Sequence[Arrow], last: Collection[int] = ()) -> Placement:
    """Place boxes and route arrows.

    Args:
        sizes: width and height of each box by its key; every box comes after those it reads.
        arrows: from box to box.
        last: boxes of the last column.
    """
    columns = _columns(sizes, arrows, last)
    paths = {arrow: _pass(arrow, columns) for arrow in dict.fromkeys(arrows)}
    members: list[list[_Spot]] = [[] for _ in range(max(columns.values()) + 1)]
    for key, column in columns.items():
        members[column].append((key,))
    for path in paths.values():
        for spot in path[1:-1]:
            members[spot[2]].append(spot)
    neighbours: dict[_Spot, list[_Spot]] = {spot: [] for column in members for spot in column}
    for path in paths.values():
        for left, right in itertools.pairwise(path):
            neighbours[left].append(right)
            neighbours[right].append(left)
    heights = {spot: sizes[spot[0]][1] if len(spot) == 1 else 0.0 for spot in neighbours}
    middles = _heights(members, neighbours, heights)
    top = min(middles[s] - heights[s] / 2 for s in middles)
    middles = {spot: middle - top for spot, middle in middles.items()}
    lefts, widths = _lefts(members, sizes)
    return _route(sizes, paths, columns, middles, lefts, widths)


_Spot = tuple[int, ...]  # (box,), or (from, to, column) where an arrow passes


def _columns(sizes: Mapping[int, Point], arrows: Sequence[Arrow], last: Collection[int]) -> dict[int, int]:
    columns: dict[int, int] = {}
    for key in sizes:
        columns[key] = max((columns[a] + 1 for a, b in arrows if b == key), default=0)
    end = max(columns.values())
    return {key: end if key in last else column for key, column in columns.items()}


def _pass(arrow: Arrow, columns: Mapping[int, int]) -> list[_Spot]:
    source, target = arrow
    between = [(source, target, column) for column in range(columns[source] + 1, columns[target])]
    return [(source,), *between, (target,)]


def _heights(
    members: list[list[_Spot]], neighbours: Mapping[_Spot, list[_Spot]], heights: Mapping[_Spot, float]
) -> dict[_Spot, float]:
    """Sweep over the columns in both directions: sort by the neighbours' mean height, then move near to it."""
    middles: dict[_Spot, float] = {}
    for column in members:
        _spread(column, heights, {spot: float(i) * 40 for i, spot in enumerate(column)}, middles)
    side = {spot: i for i, column in enumerate(members) for spot in column}
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        both = sweep >= _SWEEPS - 4  # in the last sweeps both sides count
        for column in members if forth else members[::-1]:
            wanted = {}
            for spot in column:
                near = [n for n in neighbours[spot] if both or (side[n] < side[spot]) == forth]
                wanted[spot] = sum(middles[n] for n in near) / len(near) if near else middles[spot]
            if not both:
                column.sort(key=wanted.__getitem__)
            _spread(column, heights, wanted, middles)
    return middles


def _spread(
    column: Sequence[_Spot], heights: Mapping[_Spot, float], wanted: Mapping[_Spot, float], out: dict[_Spot, float]
) -> None:
    """Compute the height of each spot of a column: least squares from the wanted heights, with gaps kept."""
    offsets, at = [], 0.0
    for i, spot in enumerate(column):
        if i:
            gap = _BETWEEN_BOXES if len(spot) == len(column[i - 1]) == 1 else _BETWEEN_ARROWS
            at += (heights[column[i - 1]] + heights[spot]) / 2 + gap
        offsets.append(at)
    # Without the gaps, heights must not decrease: neighbours that would are pooled at their mean.
    blocks: list[tuple[float, int]] = []
    for spot, offset in zip(column, offsets, strict=True):
        blocks.append((wanted[spot] - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [((a * m + b * n) / (m + n), m + n)]
    pooled = [value for value, count in blocks for _ in range(count)]
    for spot, value, offset in zip(column, pooled, offsets, strict=True):
        out[spot] = value + offset


def _lefts(members: list[list[_Spot]], sizes: Mapping[int, Point]) -> tuple[list[float], list[float]]:
    widths = [max((sizes[spot[0]][0] for spot in column if len(spot) == 1), default=0.0) for column in members]
    lefts, at = [], 0.0
    for width in widths:
        lefts.append(at)
        at += width + _BETWEEN_COLUMNS
    return lefts, widths


def _route(
    sizes: Mapping[int, Point],
    paths: Mapping[Arrow, list[_Spot]],
    columns: Mapping[int, int],
    middles: Mapping[_Spot, float],
    lefts: Sequence[float],
    widths: Sequence[float],
) -> Placement:
    centres = {key: (lefts[c] + widths[c] / 2, middles[key,]) for key, c in columns.items()}
    routes = {}
    for (source, target), path in paths.items():
        points = [(centres[source][0] + sizes[source][0] / 2, middles[source,])]
        for spot in path[1:-1]:
            left = lefts[spot[2]]
            points += [(left, middles[spot]), (left + widths[spot[2]], middles[spot])]
        points.append((centres[target][0] - sizes[target][0] / 2, middles[target,]))
        routes[source, target] = points
    _land_apart(sizes, routes)
    width = lefts[-1] + widths[-1]
    height = max(middles[key,] + sizes[key][1] / 2 for key in columns)
    height = max(height, *(y for points in routes.values() for _, y in points)) if routes else height
    return Placement(centres, routes, width, height)


def _land_apart(sizes: Mapping[int, Point], routes: dict[Arrow, list[Point]]) -> None:
    """Spread the ends of the arrows into one box, in the order of their heights."""
    for target in {arrow[1] for arrow in routes}:
        coming = sorted((a for a in routes if a[1] == target), key=lambda a: routes[a][-2][1])
        room = min(0.6 * sizes[target][1], 12.0 * (len(coming) - 1))
        for i, arrow in enumerate(coming):
            x, y = routes[arrow][-1]
            shift = room * (i / (len(coming) - 1) - 0.5) if len(coming) > 1 else 0.0
            routes[arrow][-1] = (x, y + shift)
