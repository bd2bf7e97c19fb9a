"""The commands of a language model: summarise a training, and evaluate."""

import math
from collections.abc import Sequence
from pathlib import Path

from elman.tasks.contract import Evaluated, Request, Rows, Score, verdict_of
from elman.tasks.generate.corpus import read_corpus
from elman.tasks.generate.model import TrainedModel, load
from elman.training.progress import show_bar


def summarise(model: TrainedModel) -> Rows:
    """Return the loss on the held-out text, and the verdict."""
    metrics = model.metrics
    loss = metrics["validation_loss"]
    measured = "nothing is held out, or no validation was reached"
    if loss is not None:
        usual = "perplexity " + ("above 1e300" if metrics["perplexity"] is None else f"{metrics['perplexity']:.2f}")
        if "bits_per_character" in metrics:
            usual = f"{metrics['bits_per_character']:.4f} bits per character"
        measured = f"{loss:.4f} nats per {model.vocabulary.unit}, {usual}"
    return [("validation", measured), *verdict_of(model)]


def validation_score(model: TrainedModel) -> Score:
    """Return the bits per character of the held-out text, or its perplexity where words or subwords are read."""
    if "bits_per_character" in model.metrics:
        return Score("bits per character", model.metrics["bits_per_character"], lower=True)
    return Score("perplexity", model.metrics.get("perplexity"), lower=True)


def next_command(model: TrainedModel, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that generates text."""
    given = f" --given {model.configuration['given']}={model.classes[0]}" if model.classes else ""
    return f"elman generate {path}{given}"


def evaluate(request: Request) -> Evaluated:
    """Compute the loss and perplexity on a text."""
    trained = load(request.model)
    corpus = read_corpus(request.data)
    with show_bar("reading", request.quiet) as on_progress:
        scores = trained.evaluate(corpus, dynamic=request.options.dynamic, on_progress=on_progress)
    unit = trained.vocabulary.unit
    facts = {
        "loss": scores.loss,
        "perplexity": scores.perplexity if math.isfinite(scores.perplexity) else None,
        "bits_per_character": scores.bits_per_character,
        "bits_per_byte": scores.bits_per_byte,
        f"{unit}s": scores.units,
        **({"unknown": scores.unknown} if unit == "word" else {}),
    }
    unknown = f", {scores.unknown:,} of them <unk>" if scores.unknown else ""
    flattered = " (flattered: <unk> is not spelt)" if scores.unknown else ""
    rows = [
        ("loss", f"{scores.loss:.4f} nats per {unit}"),
        ("perplexity", f"{scores.perplexity:.3f}"),
        ("bits per character", f"{scores.bits_per_character:.4f}{flattered}"),
        ("bits per byte", f"{scores.bits_per_byte:.4f}{flattered}"),
        (f"{unit}s", f"{scores.units:,}{unknown}"),
    ]
    overlap = scores.overlap
    if overlap is not None:
        facts["learnt_from"] = overlap.estimate
    warning = None if overlap is None else overlap.warn("passages of text", "another text")
    return Evaluated(facts, [[*rows, *([("", warning)] if warning else [])]])
