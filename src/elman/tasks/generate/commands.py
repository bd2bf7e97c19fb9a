"""Do what the commands ask of a language model: say what a training has made of it, and measure it."""

import math
from collections.abc import Sequence
from pathlib import Path

from elman.tasks.contract import Evaluated, Request, Rows
from elman.tasks.generate.corpus import read_corpus
from elman.tasks.generate.model import TrainedModel, load
from elman.training.progress import show_bar


def summarise(model: TrainedModel) -> Rows:
    """Say how well the text that was held out is predicted, and what that is worth."""
    metrics = model.metrics
    loss = metrics["validation_loss"]
    measured = "none held out or not reached yet"
    if loss is not None:
        usual = "perplexity " + ("above 1e300" if metrics["perplexity"] is None else f"{metrics['perplexity']:.2f}")
        if "bits_per_character" in metrics:
            usual = f"{metrics['bits_per_character']:.4f} bits per character"
        measured = f"{loss:.4f} nats per {model.vocabulary.unit}, {usual}"
    verdict = [("", metrics["verdict"])] if "verdict" in metrics else []
    return [("validation", measured), *verdict]


def next_command(model: TrainedModel, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Say how to let it write."""
    given = f" --given {model.configuration['given']}={model.classes[0]}" if model.classes else ""
    return f"elman generate {path}{given}"


def evaluate(request: Request) -> Evaluated:
    """Measure how well a text is predicted."""
    trained = load(request.model)
    corpus = read_corpus(request.data)
    with show_bar("reading", request.quiet) as on_progress:
        found = trained.evaluate(corpus, dynamic=request.options.dynamic, on_progress=on_progress)
    unit = trained.vocabulary.unit
    facts = {
        "loss": found.loss,
        "perplexity": found.perplexity if math.isfinite(found.perplexity) else None,
        "bits_per_character": found.bits_per_character,
        "bits_per_byte": found.bits_per_byte,
        f"{unit}s": found.units,
        **({"unknown": found.unknown} if unit == "word" else {}),
    }
    unknown = f", {found.unknown:,} of them <unk>" if found.unknown else ""
    flattered = " (flattered: <unk> is not spelt)" if found.unknown else ""
    rows = [
        ("loss", f"{found.loss:.4f} nats per {unit}"),
        ("perplexity", f"{found.perplexity:.3f}"),
        ("bits per character", f"{found.bits_per_character:.4f}{flattered}"),
        ("bits per byte", f"{found.bits_per_byte:.4f}{flattered}"),
        (f"{unit}s", f"{found.units:,}{unknown}"),
    ]
    return Evaluated(facts, [rows])
