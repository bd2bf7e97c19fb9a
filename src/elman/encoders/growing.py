"""Let the encoder of a model read other examples, where a training goes on from the model.

Scales, sizes and features stay as the model has them, so that its weights read what they have learnt to read; words,
letters, k-mers and categories are added behind those that it knows. Examples of another kind are refused.

>>> from elman.encoders.settings import InputSettings
>>> from elman.encoders.words import learn_words
>>> columns, settings = Columns({"text": "text"}), InputSettings(unit="word")
>>> encoder = learn_words(columns, [Example({"text": "so bad"}, "no", "line 1")], settings)
>>> grow_encoder(encoder, columns, [Example({"text": "so good"}, "yes", "line 1")], settings, Growth()).known
('bad', 'so', 'good')
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from elman.data.dataset import Columns, Example
from elman.data.tables.spellings import number_values
from elman.encoders.encoder import Encoder
from elman.encoders.image import ImageEncoder
from elman.encoders.letters import LettersEncoder, learn_letters
from elman.encoders.limit import Limit
from elman.encoders.series import SeriesEncoder, learn_series
from elman.encoders.settings import InputSettings
from elman.encoders.sound import SoundEncoder, learn_sound
from elman.encoders.table import TableEncoder, learn_table
from elman.encoders.targets import SCALED
from elman.encoders.words import WordsEncoder, learn_words
from elman.errors import DataError
from elman.phrases import counted
from elman.vocabulary.growth import Growth


def grow_encoder(
    known: Encoder, columns: Columns, examples: Iterable[Example], settings: InputSettings, growth: Growth
) -> Encoder:
    """Return the encoder of a model with what other examples have besides.

    Args:
        known: the encoder.
        columns: those that it reads.
        examples: the training examples; they are read once, and not kept.
        settings: the options of the encoders; those of the model.
        growth: counts what is new.

    Raises:
        DataError: an example cannot be read, or has other sizes, channels or a sample rate than the model reads.
    """
    match known:
        case WordsEncoder():
            return _grow_words(known, learn_words(columns, examples, settings), growth)
        case LettersEncoder():
            found = learn_letters(columns, examples, settings)
            units = growth.join("k-mer", known.known, found.known)
            return replace(known, known=units, limit=_longer(known.limit, found.limit))
        case TableEncoder():
            return grow_table(known, columns, examples, settings, growth)
    growth.keep(SCALED)
    if isinstance(known, SeriesEncoder):
        series = learn_series(columns, examples, settings)
        numbers, read = (len(one.scaling.means) for one in (series, known))
        _require("series", f"{counted(numbers, 'number')} a step", f"{counted(read, 'number')} a step")
        return replace(known, limit=_longer(known.limit, series.limit))
    if isinstance(known, SoundEncoder):
        sound = learn_sound(columns, examples, settings)
        rate, wanted = (f"{one.features.rate:,} samples a second" for one in (sound, known))
        _require("sounds", rate, wanted)
        return replace(known, limit=_longer(known.limit, sound.limit))
    assert isinstance(known, ImageEncoder)
    return _read_images(known, examples)


def grow_table(
    known: TableEncoder, columns: Columns, examples: Iterable[Example], settings: InputSettings, growth: Growth
) -> TableEncoder:
    """Return the encoder of a table with the categories that other rows have besides; see :func:`grow_encoder`."""
    found = learn_table(columns, examples, settings)
    if known.numbers or known.dates:
        growth.keep(SCALED)
    if set(found.scaling.indicated) - set(known.scaling.indicated):
        growth.keep("numbers are read as the mean where they are missing in columns that had all there")
    new = {
        column: growth.join(f"category of {column}", values, found.categories.get(column, ()), number_values)
        for column, values in known.categories.items()
    }
    return replace(known, categories=new)


def _grow_words(known: WordsEncoder, found: WordsEncoder, growth: Growth) -> WordsEncoder:
    units = growth.join(known.unit, known.known, found.known)
    letters = growth.join("letter", known.letters, found.letters) if known.letters else ()
    return replace(known, known=units, letters=letters, limit=_longer(known.limit, found.limit))


def _read_images(known: ImageEncoder, examples: Iterable[Example]) -> ImageEncoder:
    """Check the colours of images, and count those of another size, which is brought to that of the model."""
    height, width, channels = known.size
    most = resized = 0
    for example in examples:
        image: Any = example.values[known.column]
        most = max(most, image.shape[2])
        resized += image.shape[:2] != (height, width)
    if most != channels:
        colours = {1: "grey", 3: "in colour"}
        raise DataError(
            f"The images are {colours.get(most, f'of {most} channels')}, and the model reads images that are "
            f"{colours.get(channels, f'of {channels} channels')}. Convert them, or train a new model."
        )
    return replace(known, resized=resized)


def _longer(known: Limit, found: Limit) -> Limit:
    return replace(known, longest=max(known.longest, found.longest))


def _require(what: str, given: str, wanted: str) -> None:
    if given != wanted:
        raise DataError(
            f"These are {what} of {given}, and the model reads {what} of {wanted}. Give such {what}, or train a new "
            "model."
        )
