"""Turn sound into frames: log-mel energies or MFCC, standardised.

Microphone, room and voice colour a whole recording, and add about the same to the features of each of its frames. A
network that hears all of it first can subtract the mean of the recording (Atal 1974; cepstral mean normalisation). It
does where examples of new groups are to be answered, such as new speakers: there the colour is new. Where it is what
tells classes apart, as of speakers that are known, it stays.

Slopes of the features, and slopes of those, say what changes, whatever the colour (Furui 1986). They need frames that
are still to come, so a network that reads forward has none, unless they are requested.

All sounds are brought to one sample rate: the commonest of the first training examples, 16 kHz at most.

>>> import numpy as np
>>> from elman.encoders.settings import InputSettings
>>> hiss = Sound(np.random.default_rng(1).normal(size=800).astype(np.float32), rate=8000)
>>> example = Example({"sound": hiss}, "hiss", "hiss.wav")
>>> learn_sound(Columns({"sound": "sound"}), [example], InputSettings(mels=20)).encode(example).shape
torch.Size([9, 60])
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.data.dataset import Columns, Example, Sound
from elman.data.formats.sound import resample
from elman.encoders.ahead import look_ahead
from elman.encoders.augmentation import crop_frames, mask_bands, mask_times
from elman.encoders.fronts import ConvolutionFront, FramesFront, Front, Suggestions
from elman.encoders.limit import Limit
from elman.encoders.mel import MelBands, cepstrum, with_deltas
from elman.encoders.scaling import Moments, Scaling
from elman.encoders.settings import SOUND_FEATURES, InputSettings
from elman.errors import DataError

_MOST_RATE = 16_000
_MILLISECONDS = 1000  # of a second


@dataclass(frozen=True)
class Features:
    """The features that are computed from samples.

    Attributes:
        features: `log-mel` or `mfcc`.
        rate: samples a second.
        mels: bands.
        coefficients: of MFCC.
        deltas: whether slopes are appended.
        frame: milliseconds of a frame.
        hop: milliseconds from one to the next.
    """

    features: str
    rate: int
    mels: int
    coefficients: int
    deltas: bool
    frame: float
    hop: float

    def __post_init__(self) -> None:
        whole = self.features in SOUND_FEATURES and 0 < self.rate <= _MOST_RATE and 2 <= self.coefficients <= self.mels
        if not whole or not (0 < self.hop <= 1000 and 0 < self.frame <= 1000 and self.mels <= 256):
            raise DataError("The encoder of sound in this model has features that cannot be computed. Train it again.")

    @cached_property
    def bands(self) -> MelBands:
        """The filters of the mel scale."""
        return MelBands(self.rate, self.mels, self.frame, self.hop)

    @property
    def size(self) -> int:
        """Count the numbers of a frame."""
        own = self.coefficients if self.features == "mfcc" else self.mels
        return 3 * own if self.deltas else own

    @property
    def seconds_a_frame(self) -> float:
        """Return the time from one frame to the next, which is a whole number of samples."""
        return self.bands.hop / self.rate

    def log_energies(self, sound: Sound, where: str = "A sound") -> Tensor:
        """Return the log energies (T, mels) of a sound, which `where` names in messages."""
        return self.bands.log_energies(torch.from_numpy(resample(sound, self.rate, where).samples.copy()))

    def compute(self, sound: Sound, where: str = "A sound") -> Tensor:
        """Return the frames (T, size) of a sound, which `where` names in messages."""
        frames = self.log_energies(sound, where)
        frames = cepstrum(frames, self.coefficients) if self.features == "mfcc" else frames
        return with_deltas(frames) if self.deltas else frames


@dataclass(frozen=True)
class SoundEncoder:
    """An encoder of sound.

    Attributes:
        column: the column.
        features: the features of a frame.
        scaling: of the features.
        convolution: whether a convolutional network reads the frames first.
        limit: how many steps are read.
        centred: whether the layers subtract the mean of a recording from its frames.
    """

    column: str
    features: Features
    scaling: Scaling
    convolution: bool
    limit: Limit
    centred: bool = False
    kind: ClassVar[str] = "sound"
    units: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.scaling.size != self.features.size:
            raise DataError("The encoder of sound in this model has no scale for each feature. Train it again.")

    @property
    def front(self) -> Front:
        """Describe the layers that can read the frames."""
        if self.convolution:
            return ConvolutionFront(self.features.size, 3 if self.features.deltas else 1, self.centred)
        return FramesFront(self.features.size, self.centred)

    @property
    def suggested(self) -> Suggestions:
        """Suggest the defaults."""
        return Suggestions()

    def encode(self, example: Example) -> Tensor:
        """Compute the frames (T, D) of a sound; one shorter than a frame is one frame."""
        frames = self.features.compute(example.values[self.column], example.where)
        return self.scaling.apply(frames[: self.limit.most].numpy())

    def augment(self, steps: Tensor, randomness: torch.Generator) -> Tensor:
        """Crop the start or the end, mask stretches of time, and for log-mel energies bands too."""
        steps = mask_times(crop_frames(steps, randomness), randomness)
        return mask_bands(steps, self.features.mels, randomness) if self.features.features == "log-mel" else steps

    def describe(self) -> str:
        """Describe in one line what is read."""
        what = self.features
        count = what.mels if what.features == "log-mel" else what.coefficients
        slopes = " and their slopes" if what.deltas else ""
        every = f"every {what.hop:g} ms, at {what.rate:,} Hz"
        mean = ", less the mean of each recording" if self.centred else ""
        return f"{what.features} of {count}{slopes}, {every}{mean}{self.limit.describe()}"

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        features = {name: getattr(self.features, name) for name in Features.__dataclass_fields__}
        return {
            "kind": self.kind,
            "column": self.column,
            "features": features,
            "scaling": self.scaling.to_dict(),
            "convolution": self.convolution,
            "limit": self.limit.to_dict(),
            **({"centred": True} if self.centred else {}),
        }


def learn_sound(columns: Columns, examples: Iterable[Example], settings: InputSettings) -> SoundEncoder:
    """Choose the sample rate, and measure the features of the training sounds.

    Raises:
        DataError: there is none.
    """
    (column,) = columns.inputs
    first, examples = look_ahead(examples, lambda example: len(example.values[column].samples))
    if not first:
        raise DataError("There is no sound to learn from. Give data with examples.")
    rate, _ = Counter(example.values[column].rate for example in first).most_common(1)[0]
    hears_all = getattr(settings, "direction", None) != "forward"
    own = {name: getattr(settings, name) for name in Features.__dataclass_fields__ if name != "rate"}
    own["deltas"] = hears_all if settings.deltas is None else settings.deltas
    if rate * settings.hop < _MILLISECONDS or rate * settings.frame < 2 * _MILLISECONDS:
        raise DataError(
            f"{first[0].where} has {rate:,} samples a second, too few for frames of {settings.frame:g} ms every "
            f"{settings.hop:g} ms. Choose a longer --frame and --hop, or give the numbers as a series."
        )
    features = Features(rate=min(rate, _MOST_RATE), **own)
    moments = Moments(features.size)
    longest = 0
    for example in examples:
        frames = features.compute(example.values[column], example.where)
        moments.add(frames.numpy())
        longest = max(longest, len(frames))
    usual = columns.group is not None and hears_all
    centred = usual if settings.normalise is None else settings.normalise == "recording"
    limit = Limit(settings.max_length, longest)
    return SoundEncoder(column, features, moments.scaling(), settings.convolution, limit, centred)
