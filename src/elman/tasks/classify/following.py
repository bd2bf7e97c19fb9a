"""A sequence that one client of the server sends in pieces; the answer by all steps so far comes back.

A text comes in pieces of whole words, or of any characters where the model reads characters; letters as they come; a
series as JSON, a list of steps, or the rows of a table; a sound as 16-bit samples.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from elman.data.dataset import Example
from elman.data.examples.rows import read_value
from elman.data.formats.arriving import ArrivingPcm, ArrivingRate
from elman.encoders.arriving import ArrivingFrames
from elman.encoders.letters import LettersEncoder
from elman.encoders.mel import cepstrum
from elman.encoders.sound import SoundEncoder
from elman.encoders.words import WordsEncoder
from elman.errors import DataError
from elman.options import OptionTable, option
from elman.tasks.classify.commands import describe_outputs
from elman.tasks.classify.model import TrainedClassifier
from elman.tasks.classify.streaming import StepwiseAnswer, can_stream
from elman.tasks.serving import SampleRate, require_bytes, require_text
from elman.vocabulary.tally import BETWEEN

_WHERE = "The message"

ReadRows = Callable[[list[Any]], Example]
"""Reads rows of JSON as those of a request, which are one example."""


@dataclass(frozen=True, kw_only=True)
class ClassOptions(OptionTable):
    """The options of a request to a classifier."""

    probabilities: bool = option(False, "classes: add the probability of each class")

    def choose_classes(self, trained: TrainedClassifier) -> list[str]:
        """Return the classes whose probabilities are wanted.

        Raises:
            DataError: some are, and the model answers with numbers.
        """
        if self.probabilities and trained.targets.kind == "number":
            raise DataError("probabilities are asked for, and this model answers with numbers. Leave them out.")
        return trained.classes if self.probabilities else []


@dataclass(frozen=True, kw_only=True)
class HearingOptions(ClassOptions, SampleRate):
    """The options of a stream of samples to a classifier."""


def can_follow(trained: TrainedClassifier) -> bool:
    """Tell whether a model answers a stream; slopes of sound need frames that are still to come."""
    is_early = not isinstance(trained.encoder, SoundEncoder) or not trained.encoder.features.deltas
    return is_early and can_stream(trained)


class ClassStream:
    """A sequence that arrives.

    Args:
        trained: a model that can follow.
        read_rows: see :data:`ReadRows`.
        options: of the answers, and of a sound.

    Raises:
        DataError: probabilities are asked for, and the model answers with numbers; or a rate is too far from its own.
    """

    def __init__(self, trained: TrainedClassifier, read_rows: ReadRows, options: ClassOptions) -> None:
        self._trained, self._classes = trained, options.choose_classes(trained)
        self._pieces = _choose_pieces(trained, read_rows, options)
        self._answer = StepwiseAnswer(trained)

    def take(self, message: str | bytes) -> dict[str, Any]:
        """Read a message, and answer by all steps so far; there is no answer before the first."""
        self._answer.read(self._pieces.read(message))
        return self._describe()

    def end(self) -> dict[str, Any]:
        """Answer by all steps."""
        self._answer.read(self._pieces.end())
        return self._describe()

    def _describe(self) -> dict[str, Any]:
        steps = {"steps": self._answer.steps}
        if not self._answer.steps:
            return steps
        return {**steps, **describe_outputs(self._trained, self._answer.outputs, self._classes)[0]}


class _ArrivingPieces(ABC):
    """What arrives, as steps."""

    @abstractmethod
    def read(self, message: str | bytes) -> Tensor:
        """Return the steps that a message completes."""

    def end(self) -> Tensor:
        """Return the last steps."""
        return torch.zeros(0)


def _choose_pieces(trained: TrainedClassifier, read_rows: ReadRows, options: ClassOptions) -> _ArrivingPieces:
    encoder = trained.encoder
    if isinstance(encoder, WordsEncoder):
        return _ArrivingWords(encoder)
    if isinstance(encoder, LettersEncoder):
        return _ArrivingLetters(encoder)
    if isinstance(encoder, SoundEncoder):
        return _ArrivingSamples(encoder, getattr(options, "rate", None))
    return _ArrivingRows(trained, read_rows)


class _ArrivingWords(_ArrivingPieces):
    """Pieces of a text."""

    def __init__(self, encoder: WordsEncoder) -> None:
        self._encoder = encoder

    def read(self, message: str | bytes) -> Tensor:
        text = require_text(message)
        found = self._encoder.encode(Example({self._encoder.columns[0]: text}, None, _WHERE))
        return found[:0] if int(found[0, 0]) == BETWEEN else found  # the one step of a text without units


class _ArrivingLetters(_ArrivingPieces):
    """Pieces of a sequence of letters; the last k − 1 belong to the next k-mer as well."""

    def __init__(self, encoder: LettersEncoder) -> None:
        self._encoder, self._tail = encoder, ""

    def read(self, message: str | bytes) -> Tensor:
        k, given = self._encoder.kmer, require_text(message)
        letters = self._tail + (read_value("letters", given, Path(), _WHERE) if given.strip() else "")
        self._tail = letters[len(letters) - min(k - 1, len(letters)) :]
        if len(letters) < k:
            return torch.zeros(0, 1, dtype=torch.int64)
        return self._encoder.encode(Example({self._encoder.columns[0]: letters}, None, _WHERE))


class _ArrivingSamples(_ArrivingPieces):
    """Samples of a sound, whose frames do not depend on what comes behind them."""

    def __init__(self, encoder: SoundEncoder, rate: int | None) -> None:
        own = encoder.features.rate
        self._encoder, self._pcm = encoder, ArrivingPcm()
        self._rate = ArrivingRate(own if rate is None else rate, own)
        self._frames = ArrivingFrames(encoder.features.bands)

    def read(self, message: str | bytes) -> Tensor:
        samples = self._rate.hear(self._pcm.hear(require_bytes(message), "The stream"))
        return self._scale(self._frames.hear(torch.from_numpy(samples)))

    def end(self) -> Tensor:
        samples = np.concatenate([self._rate.hear(self._pcm.end()), self._rate.end()])
        return self._scale(torch.cat([self._frames.hear(torch.from_numpy(samples)), self._frames.end()]))

    def _scale(self, frames: Tensor) -> Tensor:
        features = self._encoder.features
        found = cepstrum(frames, features.coefficients) if features.features == "mfcc" else frames
        return self._encoder.scaling.apply(found.numpy())


class _ArrivingRows(_ArrivingPieces):
    """Steps of a series, or rows of a long table, as JSON."""

    def __init__(self, trained: TrainedClassifier, read_rows: ReadRows) -> None:
        self._encoder, self._columns, self._read_rows = trained.encoder, trained.columns, read_rows
        self._last: list[Any] = []

    def read(self, message: str | bytes) -> Tensor:
        given = _parse_message(require_text(message))
        if given == []:
            return torch.zeros(0)
        listed = given if isinstance(given, list) else [given]
        if self._columns.id:
            if not all(isinstance(row, dict) for row in listed):
                raise DataError('The message has no rows. Write [{"COLUMN": NUMBER, …}], an object for each step.')
            # The time since the step before is that since the last row of the message before.
            before = self._last
            example = self._read_rows([{**row, self._columns.id: ""} for row in [*before, *listed]])
            steps = self._encoder.encode(example)[len(before) :]
            self._last = listed[-1:] if self._columns.sides else []
            return steps
        example = self._read_rows([{next(iter(self._columns.inputs)): listed}])
        return self._encoder.encode(example)


def _parse_message(message: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise DataError(f"{name} is no number of JSON. Write null where a number is missing.")

    try:
        return json.loads(message, parse_constant=refuse)
    except DataError:
        raise
    except (ValueError, RecursionError):
        raise DataError("The message is no JSON. Write a list of steps, each a number or a list of numbers.") from None
