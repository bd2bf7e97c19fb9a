"""Compare a model of music with what needs no recurrence over frames."""

from typing import Any

from elman.tasks.compose.baseline import MusicBaselines
from elman.tasks.compose.batches import EncodedMusic
from elman.tasks.compose.model import TrainedComposer
from elman.tasks.compose.scores import MusicScores, measure_music


def compare(model: TrainedComposer, held_out: EncodedMusic, baselines: MusicBaselines | None) -> dict[str, Any]:
    """Score the model, and compare the scores with those of the baselines.

    Args:
        model: the trained one.
        held_out: the pieces to validate on.
        baselines: scored on the same pieces; None where they were not trained.
    """
    ours = measure_music(model.module, held_out)
    validation = {"validation": ours.to_dict()}
    if baselines is None:
        return validation
    facts = {"what": baselines.what, "parameters": baselines.parameters, "finished": baselines.finished}
    return {
        **validation,
        "baseline": {**facts, **baselines.network.to_dict()},
        "repeated": baselines.repeated.to_dict(),
        "frequency": baselines.frequency.to_dict(),
        "verdict": judge_music(ours, baselines),
    }


def judge_music(ours: MusicScores, baselines: MusicBaselines) -> str:
    """Write the judgement in a few sentences."""
    other, low, high = baselines.network, *ours.interval
    name = f"{baselines.what[:1].upper()}{baselines.what[1:]}"
    if low <= other.nats <= high:
        verdict = f"{name} does about as well: {other.nats:.3f}."
    elif other.nats < ours.nats:
        verdict = f"{name} does better: {other.nats:.3f}. Train longer, or give more music."
    elif baselines.finished:
        verdict = f"What came before matters: {baselines.what} reaches {other.nats:.3f}."
    else:
        verdict = f"{name} reaches {other.nats:.3f}; as it was cut short, that says nothing of what it would reach."
    counted = f"{baselines.repeated.nats:.3f}, notes by their frequency {baselines.frequency.nats:.3f}"
    return f"{ours.nats:.3f} nats a frame. {verdict} The last frame again has {counted}."
