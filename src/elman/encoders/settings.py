"""The options of the encoders: which columns are read, and how each kind of column is encoded.

Every recipe that reads a :class:`~elman.data.Dataset` has these options, and `elman.encoders` reads no others. An
option is for some kinds of input, and refused with others. Like `settings`, this file needs nothing but the
standard library.

>>> InputSettings(mels=20, coefficients=30)
Traceback (most recent call last):
elman.errors.ConfigError: coefficients is 30 and mels is 20; there are at most as many as bands. Lower coefficients.
"""

from dataclasses import dataclass

from elman.errors import ConfigError
from elman.options import OptionTable, option, seed_option

# Those of elman.data.dataset, which loads numpy.
TARGET_KINDS = ("category", "labels", "number")
TEXT_UNITS = ("word", "character")
IMAGE_READINGS = ("rows", "pixels", "permuted")
SOUND_FEATURES = ("log-mel", "mfcc")
NORMALISED_BY = ("recording", "training")


@dataclass(frozen=True, kw_only=True)
class InputSettings(OptionTable):
    """What is read and how; the model file keeps all of it, so that new data are read in the same way."""

    seed: int = seed_option()
    input: str | None = option(
        None,
        "columns to read, with commas between them [dim](default: all but the target)[/]",
        group="Input",
        metavar="COLUMN,…",
    )
    target: str | None = option(None, "the column to predict", group="Input", metavar="COLUMN")
    target_kind: str | None = option(
        None,
        "what the target is: one class, several labels, a number [dim](default: as it looks)[/]",
        group="Input",
        choices=TARGET_KINDS,
    )
    id: str | None = option(
        None, "the column that says which rows are one sequence, a step a row", group="Input", metavar="COLUMN"
    )
    group: str | None = option(
        None,
        "the column of what may not be on both sides of a split, such as a speaker",
        group="Input",
        metavar="COLUMN",
    )
    decimal: str | None = option(
        None,
        "decimal mark of numbers such as 1.024 [dim](default: as the cells show)[/]",
        group="Input",
        choices=(".", ","),
    )
    max_length: int | None = option(
        None, "longest sequence in steps; of a longer one the start is read", group="Input", least=1
    )
    unit: str | None = option(
        None,
        "read texts as words or as characters [dim](default: word; character for texts of a word or two)[/]",
        group="Input",
        choices=TEXT_UNITS,
    )
    letters: bool = option(True, "read the letters of each word as well", group="Input")
    vocabulary: int | None = option(None, "most words to know [dim](default: 50,000)[/]", group="Input", least=3)
    min_count: int | None = option(
        None,
        "fewest occurrences of a word in the vocabulary [dim](default: 1 in a short text, else 2)[/]",
        group="Input",
        least=1,
    )
    kmer: int = option(3, "k of the overlapping k-mers of a genome", group="Input", least=1, most=8)
    both_strands: bool = option(
        False, "read DNA from either strand in training, and from both strands to answer", group="Input"
    )
    read: str = option("rows", "read an image by rows or by pixels", group="Input", choices=IMAGE_READINGS)
    longest_side: int = option(
        64, "longest side of an image in pixels; larger ones are made smaller", group="Input", least=4, most=10_000
    )
    features: str = option("log-mel", "features of sound", group="Input", choices=SOUND_FEATURES)
    mels: int = option(40, "bands of the mel scale", group="Input", least=4, most=256)
    coefficients: int = option(13, "coefficients of mfcc", group="Input", least=2)
    deltas: bool | None = option(
        None,
        "add the slopes of the features of sound (deltas), and the slopes of those [dim](default: yes, unless the "
        "network reads forward)[/]",
        group="Input",
    )
    normalise: str | None = option(
        None,
        "subtract from each feature of sound the mean of its recording, or that of the training data alone "
        "[dim](default: recording with --group, unless the network reads forward; else training)[/]",
        group="Input",
        choices=NORMALISED_BY,
    )
    frame: float = option(25.0, "milliseconds of sound in one frame", group="Input", least=1, most=1000)
    hop: float = option(10.0, "milliseconds from one frame to the next", group="Input", least=1, most=1000)
    convolution: bool = option(
        False, "read images, or the frames of sound, with a small convolutional network first", group="Input"
    )
    augment: bool = option(
        False, "data augmentation of sound and images in training: shifts, and masks for sound", group="Input"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coefficients > self.mels:
            raise ConfigError(
                f"coefficients is {self.coefficients} and mels is {self.mels}; there are at most as many as bands. "
                "Lower coefficients."
            )
        if self.unit == "character" and (self.vocabulary, self.min_count) != (None, None):
            raise ConfigError(
                "vocabulary and min_count have no meaning for characters: all are known. Drop them, or read words."
            )

    def columns(self) -> tuple[str, ...]:
        """List the columns that `input` names.

        >>> InputSettings(input="title, text").columns()
        ('title', 'text')
        """
        return tuple(name.strip() for name in (self.input or "").split(",") if name.strip())
