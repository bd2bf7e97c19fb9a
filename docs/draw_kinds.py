"""Draw the kinds of task of `tasks/README.md`: `python docs/draw_kinds.py`, or with a folder as its argument.

The colours and the elements are those of the drawings that `elman inspect --html` makes.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elman.flow.page.style import along, number, path, rect, svg, text, up

FOLDER = Path(__file__).parent / "figures"
COLUMN, BOX, HALF = 104.0, 62.0, 16.0
LEFT, WRITTEN, MIDDLE, READ = 66.0, 24.0, 84.0, 144.0


@dataclass(frozen=True)
class Kind:
    """A kind of task: at each time step, what is read (the input) and what is written (the answer).

    Attributes:
        title: its name.
        read: below each step; an empty text where nothing is read.
        written: above each step; an empty text where nothing is written.
        boxes: the layer of each step, by the name in its box.
        fed_back: whether what a step writes is read by the next.
    """

    title: str
    read: Sequence[str]
    written: Sequence[str]
    boxes: Sequence[str]
    fed_back: bool = False


def draw(kind: Kind) -> str:
    """Draw a kind of task as SVG, with a dark mode."""
    parts = []
    middles = [LEFT + COLUMN * k for k in range(len(kind.boxes))]
    for k, (x, box, read, written) in enumerate(zip(middles, kind.boxes, kind.read, kind.written, strict=True)):
        parts.append(rect(x - BOX / 2, MIDDLE - HALF, BOX, 2 * HALF, HUES[box], 8))
        parts.append(text(x, MIDDLE + 4, box, "small bold middle"))
        if k:
            parts.append(along(middles[k - 1] + BOX / 2, x - BOX / 2, MIDDLE, "blue"))
        if read:
            parts += [up(x, READ - 13, MIDDLE + HALF), text(x, READ, read, "middle")]
        if written:
            parts += [up(x, MIDDLE - HALF, WRITTEN + 6), text(x, WRITTEN, written, "bold middle")]
        if kind.fed_back and k and kind.written[k - 1]:
            parts.append(fed_back(middles[k - 1], x))
    return svg(middles[-1] + LEFT, READ + 14, kind.title, parts, alone=True)


def fed_back(start: float, end: float) -> str:
    """Draw what one step writes on its way into the next."""
    between, low, tip = (start + end) / 2, MIDDLE + HALF + 20, MIDDLE + HALF
    places = (
        f"M{number(start + 8)} {number(WRITTEN + 12)}H{number(between)}V{number(low)}H{number(end - 16)}V{number(tip)}"
    )
    return path(places, "line green dashed") + path(f"M{number(end - 16)} {number(tip)}l-4 8h8z", "fill green")


HUES = {"network": "tint purple", "cell": "tint orange", "encoder": "tint orange", "decoder": "tint sky"}
KINDS = {
    "one_to_one": Kind("one to one", ["5.0 × 5.1"], ["square"], ["network"]),
    "one_to_many": Kind(
        "one to many", ["Italian"] * 5, ["R", "o", "s", "s", "i"], ["cell"] * 5, fed_back=True
    ),
    "many_to_one": Kind(
        "many to one", ["the", "film", "was", "dull"], ["", "", "", "bad"], ["cell"] * 4
    ),
    "many_to_many_equal": Kind(
        "many to many, equal lengths", ["to", "Oslo", "from", "New", "York"],
        ["O", "B-to", "O", "B-from", "I-from"], ["cell"] * 5,
    ),
    "many_to_many_unequal": Kind(
        "many to many, other lengths", ["seven", "thousand", "twelve", "", "", "", ""],
        ["", "", "", "7", "0", "1", "2"], [*["encoder"] * 3, *["decoder"] * 4], fed_back=True,
    ),
}  # fmt: skip


def draw_all(folder: Path) -> None:
    """Draw every kind into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in KINDS.items():
        (folder / f"{name}.svg").write_text(draw(kind), encoding="utf-8")


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
