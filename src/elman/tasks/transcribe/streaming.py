"""Compute what a network says of a sound that is still arriving: ln P at each step, bit for bit as of the whole sound.

A step of four frames is known as soon as the last frame that it needs was heard: the slopes and the convolutions look
a few frames ahead, a row convolution behind the recurrent layers some steps, the recurrent layers none, and the running
mean and deviation of the features neither.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.encoders.arriving import ArrivingFrames
from elman.encoders.mel import DELTA_REACH, with_deltas
from elman.errors import ConfigError
from elman.models.finite import require_finite_output
from elman.nn.evaluation import evaluating
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import REACH, SUBSAMPLING, SpeechNetwork


def count_ahead(encoder: SpeechEncoder) -> int:
    """Count the frames behind the first one of a step that must be heard before the recurrent layers read it.

    >>> from elman.vocabulary.characters import Characters
    >>> [count_ahead(SpeechEncoder(None, 13, deltas, Characters.of("a"))) for deltas in (False, True)]
    [6, 10]
    """
    return REACH + (2 * DELTA_REACH if encoder.deltas else 0)


def count_lag(encoder: SpeechEncoder, look_ahead: int) -> int | None:
    """Count the samples from the beginning of a step until it is known; None where the data are frames."""
    if encoder.features is None:
        return None
    bands = encoder.features.bands
    return (count_ahead(encoder) + SUBSAMPLING * look_ahead) * bands.hop + max(bands.frame, bands.hop)


def describe_lag(encoder: SpeechEncoder, look_ahead: int) -> str:
    """Say in one line how late what is said is written, and why.

    Args:
        encoder: of the model.
        look_ahead: the steps that its network reads behind each.

    >>> from elman.tasks.transcribe.encoder import learn_encoder
    >>> describe_lag(learn_encoder(["so"], 8000, None, mels=20, frame=25.0, hop=10.0, deltas=False), 2)
    'streaming: a step of 40 ms is written 165 ms after its beginning (14 frames ahead: 6 by convolutions, 8 waiting)'
    """
    convolved, waited = count_ahead(encoder), SUBSAMPLING * look_ahead
    ahead = convolved + waited
    slopes = f"{convolved - REACH} by slopes, " if convolved > REACH else ""
    waits = f", {waited} waiting" if waited else ""
    why = f"{ahead} frames ahead: {slopes}{REACH} by convolutions{waits}"
    lag = count_lag(encoder, look_ahead)
    if encoder.features is None or lag is None:
        return f"streaming: a step of {SUBSAMPLING} frames is written with the frame {ahead} behind its first ({why})"
    step, rate = SUBSAMPLING * encoder.features.bands.hop, encoder.features.rate
    late = 1000 * lag / rate
    return f"streaming: a step of {1000 * step / rate:g} ms is written {late:g} ms after its beginning ({why})"


def can_stream(module: SpeechNetwork, encoder: SpeechEncoder) -> bool:
    """Tell whether a model was trained for streaming."""
    return encoder.running is not None and not module.recurrent.bidirectional


class ArrivingSteps:
    """The steps of a sound, or of frames, that come in pieces of any size.

    Args:
        module: of a model that was trained for streaming.
        encoder: of the model.

    Raises:
        ConfigError: the model needs the end of a sound first.
    """

    def __init__(self, module: SpeechNetwork, encoder: SpeechEncoder) -> None:
        if encoder.running is None or module.recurrent.bidirectional:
            why = "from both ends" if module.recurrent.bidirectional else "with its own mean"
            raise ConfigError(f"The model reads a sound {why}, so it writes at the end. Train one with --streaming.")
        self._module, self._encoder, self._running = module, encoder, encoder.running
        self._sound = None if encoder.features is None else ArrivingFrames(encoder.features.bands)
        self._layers = module.recurrent.stream(freeze=True)
        self._moments = self._running.begin()
        self._ahead = count_ahead(encoder)
        self._frames = torch.zeros(0, encoder.size)  # standardised: those that steps to come need
        self._first = 0  # the number of the first of them, that of the first frame of a step
        self._done = 0
        self._open: Tensor | None = None  # what was written, and waits for steps to come

    def hear(self, given: NDArray[np.float32]) -> Tensor:
        """Return ln P of the steps (T′, V) that samples (N,), or frames (T, D) for a model of frames, complete.

        Raises:
            ElmanError: the output of the module is not finite.
        """
        if self._sound is None:
            return self._go_on(given, is_end=False)
        return self._go_on(self._sound.hear(torch.from_numpy(given)).numpy(), is_end=False)

    def end(self) -> Tensor:
        """Return ln P of the last steps."""
        last = torch.zeros(0, self._encoder.size) if self._sound is None else self._sound.end()
        return self._go_on(last.numpy(), is_end=True)

    @torch.no_grad()
    def _go_on(self, frames: NDArray[Any], *, is_end: bool) -> Tensor:
        scaled, self._moments = self._running.apply(frames, self._moments)
        self._frames = torch.cat([self._frames, scaled])
        heard = self._first + len(self._frames)
        behind = -(-heard // SUBSAMPLING) if is_end else max(self._done, (heard - 1 - self._ahead) // SUBSAMPLING + 1)
        if behind == self._done:
            return torch.zeros(0, self._encoder.units)
        with evaluating(self._module):
            log_p = self._module.read_out(self._wait(self._recur(self._convolve()[: behind - self._done]), is_end))
        require_finite_output(bool(log_p.isfinite().all()))
        self._done = behind
        # As much as is needed ahead is needed before; steps begin at every fourth frame.
        first = max(self._first, SUBSAMPLING * (self._done - -(-self._ahead // SUBSAMPLING)))
        self._frames, self._first = self._frames[first - self._first :].clone(), first
        return log_p.cpu()

    def _convolve(self) -> Tensor:
        """Return the steps that are not done (…, channels), the last of which are wrong where frames are to come.

        What the edges of the frames make wrong is as far as a step reads, which the frames go beyond on the left.
        """
        frames = with_deltas(self._frames) if self._encoder.deltas else self._frames
        device = next(self._module.parameters()).device
        steps, _ = self._module.convolve(frames[:, None].to(device), torch.tensor([len(frames)], device=device))
        return steps[self._done - self._first // SUBSAMPLING :, 0]

    def _recur(self, steps: Tensor) -> Tensor:
        return torch.cat([self._layers.step(step[None]) for step in steps])

    def _wait(self, written: Tensor, is_end: bool) -> Tensor:
        """Return those steps of which all that they look ahead to is known; the others stay open."""
        ahead = self._module.ahead
        if ahead is None:
            return written
        both = written if self._open is None else torch.cat([self._open, written])
        known = len(both) if is_end else max(0, len(both) - ahead.steps)
        self._open = both[known:].clone()
        return ahead(both)[:known]
