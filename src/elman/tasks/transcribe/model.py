"""A trained transcriber: predict, evaluate, save to a file and load.

>>> from elman.tasks import transcribe
>>> model = transcribe.load("digits.elman.safetensors")             # doctest: +SKIP
>>> model.predict(["one.wav"])                                      # doctest: +SKIP
['seven two']
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from elman.data.speech.table import AUDIO
from elman.data.speech.utterance import UtteranceSet
from elman.decoding.ctc.preferences import Preferences
from elman.encoders.batches import OnProgress
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.framed import reads_frames
from elman.models.layers import Layers
from elman.models.learnt import Overlap
from elman.models.trained import load_trained, restore_module
from elman.tasks.recipe_model import RecipeModel
from elman.tasks.transcribe.aligning import AlignedText, align_texts
from elman.tasks.transcribe.answering import transcribe
from elman.tasks.transcribe.batches import EncodedSpeech, hash_utterances
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.intake import Heard, as_speech
from elman.tasks.transcribe.listening import SpeechStream
from elman.tasks.transcribe.module import SpeechNetwork
from elman.tasks.transcribe.preferring import LanguageModel, prefer
from elman.tasks.transcribe.recordings import write_recordings
from elman.tasks.transcribe.scores import SpeechScores, score_transcripts
from elman.tasks.transcribe.spoken import Transcript
from elman.tasks.transcribe.streaming import can_stream


@dataclass(kw_only=True)
class TrainedTranscriber(RecipeModel):
    """A trained transcriber with its encoder.

    Attributes:
        encoder: turns sounds into frames and units into texts.
    """

    task: ClassVar[str] = "transcribe"
    part_names: ClassVar[tuple[str, ...]] = ("encoder",)
    module: SpeechNetwork
    encoder: SpeechEncoder

    @reads_frames(*AUDIO)
    def predict(
        self, sounds: Sequence[Heard], beam: int | None = None, preferences: Preferences | None = None
    ) -> list[str]:
        """Return what is said in sounds.

        Args:
            sounds: the path of each, a :class:`~elman.data.dataset.Sound`, or frames (T, D). Or a data frame with a
                column `path`, `audio` or the like; it comes back with a column `prediction`.
            beam: how many beginnings of a text are kept; 1 is greedy; None is 5, and 16 with preferences.
            preferences: what :meth:`prefer` returns; None for none.

        Raises:
            DataError: a sound cannot be read, or the model reads frames of another size.
            ConfigError: the beam is outside its range, or 1 with preferences.
        """
        return [one.text for one in self.transcribe(sounds, beam, preferences)]

    def transcribe(
        self, sounds: Sequence[Heard], beam: int | None = None, preferences: Preferences | None = None
    ) -> list[Transcript]:
        """Return the transcripts of sounds, with the time of each word; see :meth:`predict`."""
        return self.hear(as_speech(sounds), beam, preferences=preferences)

    def hear(
        self,
        speech: UtteranceSet,
        beam: int | None = None,
        on_progress: OnProgress | None = None,
        preferences: Preferences | None = None,
    ) -> list[Transcript]:
        """Return the transcript of each utterance, whatever its own transcript.

        Raises:
            DataError, ConfigError: as for :meth:`predict`.
            ElmanError: the output of the module is not finite.
        """

        def write(few: UtteranceSet, on_progress: OnProgress | None) -> list[Transcript]:
            return transcribe(
                self.module, EncodedSpeech(few, self.encoder), self.encoder, beam, on_progress, preferences
            )

        listens = beam == 1 and preferences is None and can_stream(self.module, self.encoder)
        between = "" if self.encoder.space is None else " "
        return write_recordings(speech, write, self.stream if listens else None, between, on_progress)

    def stream(self, rate: int | None = None) -> SpeechStream:
        """Start to write down a sound that is still arriving; the model was trained with `streaming`.

        Args:
            rate: samples a second of the sound; None for the rate of the model. Others are resampled.

        Raises:
            ConfigError: the model needs the end of a sound first.
            DataError: the rate is too far from that of the model.
        """
        return SpeechStream(self.module, self.encoder, rate)

    def align(self, sound: Heard, text: str) -> AlignedText:
        """Say when each word of a known text is said (forced alignment), and whether the text fits the sound.

        Args:
            sound: its path, a :class:`~elman.data.dataset.Sound`, or frames (T, D).
            text: what is said in it; characters that the model never writes are left out.

        Raises:
            DataError: the sound cannot be read, or the text has no character that the model writes, or too many for
                the sound.
            ElmanError: the output of the module is not finite.
        """
        [found] = self.align_all(as_speech([sound], [text]))
        return found

    def align_all(self, speech: UtteranceSet, on_progress: OnProgress | None = None) -> list[AlignedText]:
        """Align the transcript of each utterance with its sound; see :meth:`align`."""
        return align_texts(self.module, EncodedSpeech(speech, self.encoder), self.encoder, on_progress)

    def evaluate(
        self,
        speech: UtteranceSet,
        beam: int | None = None,
        on_progress: OnProgress | None = None,
        preferences: Preferences | None = None,
    ) -> tuple[SpeechScores, list[str]]:
        """Compare the transcripts of utterances with what is said in them; return the scores and the texts.

        Args:
            speech: as :func:`elman.data.speech.opening.open_utterances` returns it.
            beam: see :meth:`predict`.
            on_progress: called with (utterances done, utterances in all).
            preferences: see :meth:`predict`.

        Raises:
            DataError, ConfigError: as for :meth:`predict`; or jiwer is not installed.
        """
        texts = [one.text for one in self.hear(speech, beam, on_progress, preferences)]
        return score_transcripts(texts, [one.transcript for one in speech.utterances], speech.speakers), texts

    def compare_learnt(self, speech: UtteranceSet) -> Overlap | None:
        """Count the utterances whose sound the model was trained on; None for a model that keeps no hashes."""
        return None if self.learnt is None else self.learnt.compare(hash_utterances(speech))

    def prefer(
        self,
        language_model: LanguageModel | None = None,
        *,
        weight: float | None = None,
        bonus: float | None = None,
        hot: Sequence[str] = (),
        hot_bonus: float = 1.0,
        only: Sequence[str] = (),
    ) -> Preferences:
        """Return what a search prefers beside the sound; see :func:`elman.tasks.transcribe.preferring.prefer`."""
        return prefer(
            self.encoder,
            language_model=language_model,
            weight=weight,
            bonus=bonus,
            hot=hot,
            hot_bonus=hot_bonus,
            only=only,
        )


def build_module(cell: Cell, encoder: SpeechEncoder, configuration: Mapping[str, Any]) -> SpeechNetwork:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    return SpeechNetwork(cell, layers, features=encoder.width, units=encoder.units, **own)


def load(path: str | PathLike[str]) -> TrainedTranscriber:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedTranscriber, _read)


def _read(file: ModelFile) -> TrainedTranscriber:
    encoder = SpeechEncoder.from_dict(file.parts["encoder"])
    cell, options = Cell.from_dict(file.cell), file.configuration
    module = restore_module(file, SpeechNetwork, options, lambda: build_module(cell, encoder, options))
    return TrainedTranscriber.of_file(file, module, encoder=encoder)
