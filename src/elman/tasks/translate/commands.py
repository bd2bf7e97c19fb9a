"""What the commands ask of a translation model: what a training has made of it, its scores, and translations."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from elman.data.pairs.opening import read_texts
from elman.data.tables.records import read_lines
from elman.decoding.search import Beam, Hypothesis
from elman.errors import DataError
from elman.models.finite import as_json
from elman.scores.translations import EXACT
from elman.tasks.contract import Request, Rows, standard_input
from elman.tasks.translate.evaluation import evaluate
from elman.tasks.translate.model import TrainedTranslator, load

__all__ = ["evaluate", "next_command", "predict", "summarise"]

_AT_ONCE = 64


def summarise(model: TrainedTranslator) -> Rows:
    """Say how good its translations of the sources held out are, and what that is worth."""
    found = model.metrics["validation"]
    low, high = found["interval"]
    bleu = f"BLEU {found['bleu']:.1f} (95 % interval {low:.1f} to {high:.1f}), "
    exact = f"{found['exact']:.1%} exact, chrF {found['chrf']:.1f}, on {found['count']:,} pairs, greedy"
    said = exact if found["measure"] == EXACT else bleu + exact
    return [("validation", said), *([("", model.metrics["verdict"])] if "verdict" in model.metrics else [])]


def next_command(model: TrainedTranslator, path: Path, data: Sequence[str]) -> str:
    """Say how to let it translate, or put words in order."""
    if model.orders:
        return f'elman reorder {path} "words in any order"'
    return f"elman predict {path} {data[0]}"


def predict(request: Request) -> Iterator[str]:
    """Translate the lines of files or of standard input, each as soon as it is known; an empty line stays empty."""
    trained, options = load(request.model), request.options
    if trained.orders:
        raise DataError(
            f"{request.model} puts words in order. Use: elman reorder {request.model} --file {request.data[0]}"
        )
    beam = Beam(options.beam, options.nbest, options.length_penalty)
    for texts in _stream() if request.is_streamed() else _parts(request.data):
        for text, found in zip(texts, trained.hypotheses(texts, beam), strict=True):
            yield _write(trained, text, found, request)


def _stream() -> Iterator[list[str]]:
    """Yield the lines that arrive, each as soon as it is there."""
    for line in read_lines(standard_input("lines"), "standard input"):
        yield [line.text]


def _parts(data: Sequence[str]) -> Iterator[list[str]]:
    for path in data:
        texts = read_texts(Path(path))
        for start in range(0, len(texts), _AT_ONCE):
            yield texts[start : start + _AT_ONCE]


def _write(trained: TrainedTranslator, text: str, found: Sequence[Hypothesis], request: Request) -> str:
    """Return the lines of one source."""
    options = request.options
    if request.json:
        answers = [
            {"text": trained.write(one), "score": one.score, "log_probability": one.log_probability} for one in found
        ]
        return as_json({"source": text, "translations": answers}) + "\n"
    if not found:
        return "\n"
    lines = []
    for one in found:
        cells = [f"{one.score:.4f}"] if options.scores else []
        cells.append(trained.write(one))
        if options.align and one.attention is not None:
            cells.append(" ".join(f"{unit}-{step}" for unit, step in enumerate(one.attention[:-1].argmax(1).tolist())))
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
