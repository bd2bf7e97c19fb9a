"""Compare a transcriber with what needs no recurrence, and with its own answers to shuffled frames."""

from typing import Any

import torch

from elman.phrases import abbreviate
from elman.scores.verdict import judge, needs_order
from elman.tasks.transcribe.answering import write_texts
from elman.tasks.transcribe.baseline import SpeechBaselines
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.scores import SpeechScores, score_transcripts


def compare(
    model: TrainedTranscriber, held_out: EncodedSpeech, baselines: SpeechBaselines | None, seed: int
) -> dict[str, Any]:
    """Score the model, and compare the score with the baselines.

    Args:
        model: the trained one.
        held_out: the utterances to validate on.
        baselines: what needs no recurrence, scored on the same utterances; None where it was not trained.
        seed: of the order of shuffled frames.
    """
    ours = _score(model, held_out, None)
    validation = {"validation": {**ours.to_dict(), "said": ours.said()}}
    if baselines is None:
        return validation
    shuffled = [_score(model, held_out, torch.Generator().manual_seed(seed))]
    usual = baselines.usual
    verdict = judge(
        ours,
        model.parameters,
        shuffled=shuffled,
        other=baselines.network,
        what=baselines.what,
        other_parameters=baselines.parameters,
        finished=baselines.finished,
        constant=usual,
        steps="frames",
    )
    last = f"Always “{abbreviate(baselines.usual_text)}” reaches {usual.write(usual.quality)}."
    facts = {"what": baselines.what, "parameters": baselines.parameters, "finished": baselines.finished}
    return {
        **validation,
        "baseline": {**facts, **baselines.network.to_dict()},
        "most_frequent": {"text": baselines.usual_text, **usual.to_dict()},
        "shuffled": [scores.to_dict() for scores in shuffled],
        "order_needed": needs_order(ours, shuffled=shuffled, other=baselines.network, constant=usual),
        "verdict": f"{verdict} {last}",
    }


def _score(model: TrainedTranscriber, speech: EncodedSpeech, shuffled: torch.Generator | None) -> SpeechScores:
    texts, _ = write_texts(model.module, speech, model.encoder, shuffled)
    return score_transcripts(texts, speech.transcripts, speech.speech.speakers)
