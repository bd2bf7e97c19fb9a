"""Write transcripts without recurrence: what a transcriber must beat.

Two answers need no recurrent layer: the most frequent transcript, whatever is heard; and a network of convolutions,
which sees about a second around each frame, trained with CTC as well.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elman.backends.inputs import step_mask
from elman.nn.rowwise import Conv1d, Linear
from elman.tasks.transcribe.answering import write_texts
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.encoder import SpeechEncoder
from elman.tasks.transcribe.module import StridedConvolution, ctc_loss
from elman.tasks.transcribe.scores import SpeechScores, score_transcripts
from elman.training.allowance import Allowance

_CHANNELS = 96
_REACH = 11
_DEEP = 2
_RATE, _BATCH, _EPOCHS = 2e-3, 8, 40


@dataclass(frozen=True)
class SpeechBaselines:
    """The scores of what needs no recurrence, on the utterances held out.

    Attributes:
        network: of the convolutions.
        parameters: how many numbers these have learnt.
        finished: whether they were trained to their end.
        usual: of the most frequent transcript.
        usual_text: that transcript.
    """

    network: SpeechScores
    parameters: int
    finished: bool
    usual: SpeechScores
    usual_text: str

    @property
    def what(self) -> str:
        """Name the network."""
        return "a network of convolutions" + ("" if self.finished else " (cut short)")


class ConvolutionNetwork(nn.Module):
    """A network without recurrence that writes with CTC.

    Args:
        features: D, the numbers of a frame.
        units: V, the units and the blank.
    """

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        sizes = (features, _CHANNELS)
        self.front = nn.ModuleList([StridedConvolution(size, _CHANNELS) for size in sizes])
        self.deep = nn.ModuleList([Conv1d(_CHANNELS, _CHANNELS, _REACH, padding=_REACH // 2) for _ in range(_DEEP)])
        self.readout = Linear(_CHANNELS, units)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return ln P of each unit, (⌈T / 4⌉, B, V), of frames (T, B, D), and the steps of each sound."""
        steps = frames
        for convolution in self.front:
            steps, lengths = convolution(steps, lengths)
        real = step_mask(lengths.to(steps.device), len(steps)).unsqueeze(2)
        for layer in self.deep:
            steps = torch.where(real, steps + torch.relu(layer(steps.permute(1, 2, 0)).permute(2, 0, 1)), 0.0)
        return self.readout(steps).log_softmax(2), lengths


def choose_usual(texts: Sequence[str]) -> str:
    """Return the most frequent transcript; of several, the first in order of letters.

    >>> choose_usual(["yes", "no", "no"])
    'no'
    """
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], text))


def train_baselines(
    training: EncodedSpeech, held_out: EncodedSpeech, encoder: SpeechEncoder, *, seed: int, seconds: float
) -> SpeechBaselines:
    """Learn from the training utterances, and score the answers to those held out.

    The same seed gives the same network.

    Args:
        training: to learn from.
        held_out: to score.
        encoder: of both.
        seed: of the first weights, and of the order.
        seconds: stop after the work of about so many.
    """
    usual = choose_usual(training.transcripts)
    speakers = held_out.speech.speakers
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = ConvolutionNetwork(encoder.width, encoder.units)
        finished = _fit(module, training, Allowance(seconds), torch.Generator().manual_seed(seed))
    texts, _ = write_texts(module, held_out, encoder)
    return SpeechBaselines(
        score_transcripts(texts, held_out.transcripts, speakers),
        sum(parameter.numel() for parameter in module.parameters()),
        finished,
        score_transcripts([usual] * len(held_out), held_out.transcripts, speakers),
        usual,
    )


def _fit(module: ConvolutionNetwork, speech: EncodedSpeech, allowance: Allowance, chance: torch.Generator) -> bool:
    """Train; say whether the allowance was enough."""
    optimizer = torch.optim.Adam(module.parameters(), lr=_RATE)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    for epoch in range(_EPOCHS):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - epoch / _EPOCHS)
        for chosen in speech.draw(_BATCH, chance):
            few = speech.batch(chosen)
            # Each step multiplies by all weights but those of the first convolution, which reads twice as many; forward
            # and back.
            allowance.spend(3 * 2 * parameters * few.frames.shape[0] * len(chosen) / 4, updates=1)
            if allowance.is_over:
                return False
            log_p, lengths = module(few.frames, few.lengths)
            loss = ctc_loss(log_p, lengths, few.texts)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
    return True
