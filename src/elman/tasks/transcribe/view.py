"""Run a transcriber on some utterances to inspect its recurrent layers.

How much context a character needs is measured by reading at every step only the steps around it: the n − 1 before it,
and in a bidirectional model as many after it; one that waits for some steps reads these too.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, LONGEST_EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.transcribe.batches import EncodedSpeech, SpeechBatch
from elman.tasks.transcribe.commands import open_again
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.module import BLANK, SpeechNetwork, ctc_loss
from elman.tasks.transcribe.streaming import describe_lag

_MOST_WINDOWS = 2000


def view(model: TrainedTranscriber, data: Sequence[str]) -> View:
    """Inspect a transcriber on utterances.

    Raises:
        DataError: a file cannot be read, or is not what the model reads.
    """
    speech = EncodedSpeech(open_again(model, data), model.encoder)
    module = copy.deepcopy(model.module).double().eval()
    examples, _ = how_many(int(speech.lengths.max()))
    few = _in_double(speech.batch(choose_examples(len(speech), examples)))

    def loss() -> Tensor:
        log_p, lengths = module(few.frames, few.lengths)
        return ctc_loss(log_p, lengths, few.texts) * len(few.texts)

    what = f"{len(few.texts)} utterances of up to {int(few.lengths.max())} frames"
    return View(
        module,
        module.recurrent,
        loss,
        lambda n: _loss_with(module, few, n),
        lambda: _explain(model, module, few),
        what,
        model.metrics,
        facts=[] if model.encoder.running is None else [describe_lag(model.encoder, module.steps_ahead)],
    )


def _in_double(few: SpeechBatch) -> SpeechBatch:
    return SpeechBatch(few.frames.double(), few.lengths, few.texts)


@torch.no_grad()
def _loss_with(module: SpeechNetwork, few: SpeechBatch, n: int) -> float:
    """Return the mean loss of utterances of which each step reads n − 1 steps before, whatever came earlier."""
    steps, lengths = module.convolve(few.frames, few.lengths)
    after = n if module.recurrent.bidirectional else 1 + module.steps_ahead
    losses: list[float] = []
    windows = 0
    for b, length in enumerate(lengths.tolist()):
        if losses and windows + length > _MOST_WINDOWS:
            break
        windows += length
        own = steps[:length, b]
        rows = [own[max(0, t - n + 1) : t + after] for t in range(length)]
        counts = torch.tensor([len(row) for row in rows])
        output, _ = module.recurrent(pad_sequence(rows), None, counts)
        places = torch.arange(length).clamp(max=n - 1)
        log_p = module.read_out(module.look_ahead(output)[places, torch.arange(length)])
        losses.append(float(ctc_loss(log_p.unsqueeze(1), lengths[b : b + 1], [few.texts[b]])))
    return sum(losses) / len(losses)


def _explain(model: TrainedTranscriber, module: SpeechNetwork, few: SpeechBatch) -> list[Mattered]:
    """Explain the least certain character that is written in each of some utterances."""
    explained = []
    for b in choose_examples(len(few.texts), EXPLAINED):
        length = int(few.lengths[b])
        frames, real = few.frames[:length, b : b + 1], few.lengths[b : b + 1]
        with torch.no_grad():
            steps, _ = module.convolve(frames, real)
            log_p = module(frames, real)[0][:, 0]
        likeliest = log_p.argmax(1)
        written = (likeliest != BLANK).nonzero()[:, 0]
        if len(steps) > LONGEST_EXPLAINED or not len(written):
            continue
        t = int(written[log_p.amax(1)[written].argmin()])
        unit = int(likeliest[t])

        def score(t: int = t, unit: int = unit, frames: Tensor = frames, real: Tensor = real) -> Tensor:
            return module(frames, real)[0][t, :, unit]

        attribution = attribute_in_model(module.recurrent, score, points=POINTS)
        shown = model.encoder.show(unit)
        answer = f"“{shown}” at step {t} with {float(log_p[t, unit].exp()):.0%}"
        explained.append(mattered(attribution, b=0, steps=len(steps), answer=answer, series=steps[:, 0].numpy()))
    return explained
