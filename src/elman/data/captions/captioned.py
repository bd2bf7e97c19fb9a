"""A picture and its captions, and a set of them.

>>> Captioned("a.jpg", ("a dog runs",), "captions.csv line 2", 0).captions
('a dog runs',)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.captions.pictures import Pictures


@dataclass(frozen=True)
class Captioned:
    """A picture and its captions.

    Attributes:
        name: of the picture.
        captions: at least one, each with letters.
        where: the file, and the line in it, of the first caption.
        index: the number of the picture among all pictures of its set.
    """

    name: str
    captions: tuple[str, ...]
    where: str
    index: int


@dataclass(frozen=True)
class CaptionSet:
    """Pictures with their captions.

    Attributes:
        name: what messages call the data.
        items: in the order of the first caption of each.
        pictures: reads the pictures.
        notes: what was inferred, in sentences for the user.
    """

    name: str
    items: Sequence[Captioned]
    pictures: Pictures
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.items)
