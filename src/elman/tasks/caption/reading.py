"""Read the pictures and captions of a training: those to learn from and those held out, both as numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from elman.data.captions.captioned import CaptionSet
from elman.data.captions.opening import open_captions
from elman.data.captions.pictures import FEATURES, Pictures
from elman.data.text import Source, as_sources
from elman.encoders.lengths import Lengths
from elman.encoders.pictures import efficientnet
from elman.encoders.pictures.encoder import CONVOLUTION, PictureMaps, check_reader, learn_from_maps
from elman.errors import DataError
from elman.phrases import abbreviate, counted, format_share, name_some
from elman.scores.translations import has_sacrebleu
from elman.tasks.caption.batches import EncodedCaptions
from elman.tasks.caption.encoder import CaptionEncoder, learn_words, tidy
from elman.tasks.caption.model import TrainedCaptioner
from elman.tasks.caption.settings import CaptionSettings
from elman.training.pretrained import Pretrained
from elman.training.progress import show_bar
from elman.training.splits import default_share, split

COLUMNS = ("image_column", "caption_column")
"""What a model's metrics call the columns that its training was given."""

_MOST_HELD_OUT = 1000
_MOST_NAMED = 3
_FEW_TO_SEE = 5000
_SIDE = 64


@dataclass(frozen=True)
class Split:
    """The pictures with their captions, divided into those to learn from and those held out."""

    learn: CaptionSet
    hold: CaptionSet
    notes: Sequence[str]


@dataclass(frozen=True)
class Parts:
    """The pictures and captions as the training sees them."""

    split: Split
    encoder: CaptionEncoder
    training: EncodedCaptions
    held_out: EncodedCaptions


def read_captions(data: Source | Sequence[Source] | CaptionSet, settings: CaptionSettings) -> Split:
    """Read captions, and divide their pictures. Equal pictures are on one side.

    Raises:
        DataError: the data cannot be read, or there are too few.
    """
    columns = {"image": settings.image_column, "caption": settings.caption_column}
    found = data if isinstance(data, CaptionSet) else open_captions(as_sources(data), settings.images, **columns)
    notes, prints = list(found.notes), [found.pictures.fingerprint(one.index) for one in found.items]
    if settings.validation_data is not None:
        other = open_captions(settings.validation_data, found.pictures, **columns)
        learnt = {mark: one.name for mark, one in zip(prints, found.items, strict=True)}
        both = [one.name for one in other.items if other.pictures.fingerprint(one.index) in learnt]
        if both:
            notes.append(
                f"{counted(len(both), 'picture')} to validate on {'is' if len(both) == 1 else 'are'} also among those "
                f"to learn from ({name_some(both, _MOST_NAMED)}): the score may be too good."
            )
        return Split(found, other, notes)
    if len(found) < 2:
        raise DataError(f"{found.name} has captions of one picture, so none can be held out. Add pictures.")
    share = min(default_share(len(found)), _MOST_HELD_OUT / len(found))
    share = share if settings.validation is None else settings.validation
    groups = [str(mark) for mark in prints]
    alone = len(set(groups)) == len(groups)
    if len(set(groups)) == 1:
        raise DataError(f"All {len(found):,} pictures of {found.name} are equal, so none can be held out. Add others.")
    chosen = split([None] * len(found), share=share, seed=settings.seed, groups=None if alone else groups)
    learn, hold = (replace(found, items=[found.items[index] for index in part]) for part in chosen)
    if not alone:
        notes.append(f"{len(groups) - len(set(groups)):,} pictures equal others, and are on one side of the split.")
    return Split(learn, hold, notes)


def encode_captions(
    split: Split, settings: CaptionSettings, quiet: bool, pretrained: Pretrained[TrainedCaptioner] | None = None
) -> Parts:
    """Learn words and scales from what is learnt from, and encode everything.

    Raises:
        ConfigError: the pictures are features and a backbone is named, or it is not installed.
        DataError: a picture cannot be read, or no word is known.
    """
    if pretrained is not None:
        pretrained.model.encoder.pictures.check(split.learn.pictures)
    reader = FEATURES if split.learn.pictures.kind == FEATURES else CONVOLUTION
    if settings.backbone is not None:
        reader = check_reader(split.learn.pictures, settings.backbone)
    side = settings.side or (efficientnet.SIDE if reader == efficientnet.NAME else _SIDE)
    maps = [read_maps(part, reader, side, quiet) for part in (split.learn, split.hold)]
    if maps[0].size != maps[1].size:
        raise DataError(f"{split.hold.name} has pictures {maps[1].size}, and {split.learn.name} {maps[0].size}.")
    captions = [caption for one in split.learn.items for caption in one.captions]
    words = learn_words(captions, settings.vocabulary, settings.min_count)
    longest = max(len(tidy(caption).split()) for caption in captions)
    encoder = CaptionEncoder(words, learn_from_maps(maps[0], reader, side), min(longest, settings.longest))
    if pretrained is not None:
        encoder = pretrained.model.encoder.grown(encoder, pretrained.growth)
    encoded = [
        EncodedCaptions(part, map_, encoder, settings.longest)
        for part, map_ in zip((split.learn, split.hold), maps, strict=True)
    ]
    return Parts(split, encoder, *encoded)


def read_maps(data: CaptionSet, reader: str, side: int, quiet: bool) -> PictureMaps:
    """Read the pictures of captions, with a bar."""
    with show_bar("reading pictures", quiet) as on_progress:
        return PictureMaps(data.pictures, [one.index for one in data.items], reader, side, on_progress)


def open_again(trained: TrainedCaptioner, data: Sequence[str], images: str | Pictures | None = None) -> CaptionSet:
    """Open captions to measure a model on; tables are read by the columns that the training was given.

    Raises:
        DataError: they cannot be read, or the pictures are not what the model reads.
    """
    image, caption = (trained.metrics.get(name) for name in COLUMNS)
    columns = {"image": image, "caption": caption}
    named = {name: one if isinstance(one, str) else None for name, one in columns.items()}
    found = open_captions(list(data), images, **named)
    trained.encoder.pictures.check(found.pictures)
    return found


def encode_again(trained: TrainedCaptioner, data: CaptionSet, quiet: bool) -> EncodedCaptions:
    """Encode captions for a trained model.

    Raises:
        DataError: a picture cannot be read, or has another size than those of the training.
    """
    own = trained.encoder.pictures
    maps = read_maps(data, own.reader, own.side, quiet)
    if maps.size != own.size:
        raise DataError(f"{data.pictures.name} has features {maps.size}, and the model reads {own.size}. Give these.")
    return EncodedCaptions(data, maps, trained.encoder, trained.encoder.longest)


def report_captions(parts: Parts) -> Iterator[str]:
    """Say what there is, then what looks wrong, a line each."""
    training, held_out, encoder = parts.training, parts.held_out, parts.encoder
    yield from parts.split.notes
    yield (
        f"{counted(len(training), 'picture')} with {len(training.lengths):,} captions to learn from, "
        f"{len(held_out):,} to validate on: {encoder.describe()}"
    )
    found = Lengths.of(training.lengths)
    yield f"captions of {found.least:,} to {found.most:,} words, half at most {found.median:,}"
    if training.cut:
        yield f"{counted(training.cut, 'caption is', 'captions are')} cut to {encoder.longest:,} words"
    share = held_out.unknown / max(1, int(held_out.lengths.sum()))
    if held_out.unknown:
        yield f"{format_share(share)} of the words held out are unknown, so never written"
    texts = Counter(text for of in training.references for text in of)
    most, times = texts.most_common(1)[0]
    if len(texts) == 1:
        yield f"all captions to learn from are {abbreviate(most)!r}: there is nothing to tell apart"
    elif times > 1 and times >= len(training.lengths) / 10:
        yield f"{times:,} captions are {abbreviate(most)!r}"
    if encoder.pictures.reader == CONVOLUTION and len(training) < _FEW_TO_SEE:
        yield (
            f"From {counted(len(training), 'photo')} a convolution hardly learns to see, and will hardly pass the "
            f"baselines; it takes {_FEW_TO_SEE:,} and more. Use a trained network: --backbone {efficientnet.NAME} "
            "(pip install 'elman[caption]'), or bring features."
        )
    if not has_sacrebleu():
        yield (
            "sacrebleu is not installed, so BLEU is not measured, and unless --select says otherwise the weights of "
            "the lowest loss stay. Install it: pip install 'elman[caption]'."
        )
