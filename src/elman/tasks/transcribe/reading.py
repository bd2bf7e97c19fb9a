"""Read the speech of a training: the utterances to learn from and those held out, and both as numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from elman.data.dataset import Sound
from elman.data.speech.checks import find_shared_speakers, note_texts
from elman.data.speech.opening import open_utterances
from elman.data.speech.survey import SpeechSurvey, survey
from elman.data.speech.utterance import UtteranceSet
from elman.data.text import Source, as_sources
from elman.encoders.normalising import RunningScaling
from elman.encoders.scaling import Moments
from elman.errors import DataError
from elman.phrases import counted, name_some
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder, as_example, learn_encoder
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.module import SUBSAMPLING
from elman.tasks.transcribe.settings import TranscribeSettings
from elman.tasks.transcribe.streaming import describe_lag
from elman.training.pretrained import Pretrained
from elman.training.progress import show_bar
from elman.training.splits import default_share, split

_MOST_NAMED = 5


@dataclass(frozen=True)
class Split:
    """The utterances to learn from and those held out.

    Attributes:
        learn: to learn from.
        hold: to validate on.
        notes: what was found in all of them, in sentences.
        rate: samples a second of most sounds to learn from; None for frames.
        size: numbers of a frame where the data are frames.
    """

    learn: UtteranceSet
    hold: UtteranceSet
    notes: Sequence[str]
    rate: int | None
    size: int | None


@dataclass(frozen=True)
class Parts:
    """The utterances as the training sees them.

    Attributes:
        split: the utterances as they were read.
        encoder: turns them into numbers.
        training: those to learn from.
        held_out: those to validate on.
        look_ahead: steps that the network waits for, of four frames each.
    """

    split: Split
    encoder: SpeechEncoder
    training: EncodedSpeech
    held_out: EncodedSpeech
    look_ahead: int


def read_speech(data: Source | Sequence[Source] | UtteranceSet, settings: TranscribeSettings, quiet: bool) -> Split:
    """Read all utterances once, and divide them. A speaker is never on both sides.

    Raises:
        DataError: the data cannot be read, are too few, or nothing is said in what is held out.
    """
    named = {"audio": settings.audio, "text": settings.text, "speaker": settings.speaker}
    speech = data if isinstance(data, UtteranceSet) else open_utterances(as_sources(data), **named)
    found = _survey(speech, quiet)
    notes = [*speech.notes, *found.notes()]
    if settings.validation_data is not None:
        other = open_utterances([settings.validation_data])
        if other.utterances[0].is_sound != speech.utterances[0].is_sound:
            raise DataError(f"{other.name} and {speech.name} are sound and frames. Give one kind.")
        _survey(other, quiet)
        learn, hold, order = speech, other, list(range(len(speech)))
        shared = find_shared_speakers(learn.speakers, hold.speakers)
        if shared:
            named_some = name_some(shared, _MOST_NAMED)
            notes.append(
                f"Speakers who are learnt from are also in {other.name}, so scores are too good: {named_some}."
            )
    else:
        share = default_share(_count_words(speech)) if settings.validation is None else settings.validation
        speakers = speech.speakers if len(set(speech.speakers)) > 1 else None
        order, apart = split([None] * len(speech), share=share, seed=settings.seed, groups=speakers)
        learn, hold = (replace(speech, utterances=[speech.utterances[i] for i in part]) for part in (order, apart))
        if speakers is None:
            notes.append("Speakers are not known to differ, so the same voices may be learnt from and held out.")
    if not any(one.transcript for one in hold.utterances):
        raise DataError("Nothing is said in the utterances held out. Choose another --seed, or give --validation-data.")
    rates = Counter(found.rates[index] for index in order)
    rate, _ = rates.most_common(1)[0]
    return Split(learn, hold, notes, rate, found.size)


def encode_speech(
    split: Split, settings: TranscribeSettings, quiet: bool, pretrained: Pretrained[TrainedTranscriber] | None = None
) -> Parts:
    """Learn the characters from the utterances to learn from, and encode all of them.

    Raises:
        DataError: nothing is said, or an utterance cannot be encoded.
    """
    encoder = learn_encoder(
        [one.transcript for one in split.learn.utterances],
        split.rate,
        split.size,
        mels=settings.mels,
        frame=settings.frame,
        hop=settings.hop,
        deltas=settings.deltas,
        cepstra=_deviations_within(split.learn) if split.learn.utterances[0].is_cepstra else None,
        unit=settings.unit,
        most=settings.vocabulary,
    )
    if pretrained is not None:
        encoder = pretrained.model.encoder.grown(encoder, pretrained.growth)
    elif settings.streaming:
        encoder = learn_running(encoder, split.learn, quiet)
    encoded = []
    for part in (split.learn, split.hold):
        with show_bar("encoding", quiet) as on_progress:
            encoded.append(EncodedSpeech(part, encoder, on_progress))
    training, held_out = encoded
    return Parts(split, encoder, training, held_out, -(-settings.frames_ahead // SUBSAMPLING))


def learn_running(encoder: SpeechEncoder, speech: UtteranceSet, quiet: bool) -> SpeechEncoder:
    """Let the running mean and deviation of an encoder start from those of some speech.

    Raises:
        DataError: an utterance cannot be read.
    """
    moments = Moments(encoder.size)
    with show_bar("measuring", quiet) as on_progress:
        for index, one in enumerate(speech.utterances):
            moments.add(encoder.compute(as_example(speech.read(index), one.where)))
            on_progress(index + 1, len(speech))
    return replace(encoder, running=RunningScaling(moments.scaling()))


def report_speech(parts: Parts) -> Iterator[str]:
    """Say what there is, then what looks wrong, a line each."""
    training, held_out = parts.training, parts.held_out
    yield from parts.split.notes
    learn, encoder = counted(len(training), "utterance"), parts.encoder
    yield f"{learn} to learn from, {len(held_out):,} to validate on: {encoder.describe()}"
    if encoder.running is not None:
        yield describe_lag(encoder, parts.look_ahead)
    subwords = None if encoder.subwords is None else training.texts
    yield from note_texts(training.speech, training.lengths.tolist(), SUBSAMPLING, subwords)
    unknown = sorted(set("".join(held_out.transcripts)) - set(parts.encoder.vocabulary.characters))
    if unknown:
        yield f"Characters that are held out and not learnt, so never written: {name_some(unknown, _MOST_NAMED)}."


def _deviations_within(speech: UtteranceSet) -> tuple[float, ...]:
    """Return the deviation of each number of a frame from its mean in the utterance."""
    moments = None
    for index in range(len(speech)):
        frames = speech.read(index)
        assert not isinstance(frames, Sound)
        moments = moments or Moments(frames.shape[1])
        moments.add(frames - frames.mean(axis=0, dtype=np.float64))
    assert moments is not None
    return moments.scaling().deviations


def _count_words(speech: UtteranceSet) -> int:
    """Count the words of all transcripts: errors are those of words, of which one utterance has several."""
    return sum(len(one.transcript.split()) for one in speech.utterances)


def _survey(speech: UtteranceSet, quiet: bool) -> SpeechSurvey:
    with show_bar("reading", quiet) as on_progress:
        return survey(speech, on_progress)
