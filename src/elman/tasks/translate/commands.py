"""What the commands ask of a translation model: what a training has made of it, its scores, and translations."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.data.pairs.opening import read_texts
from elman.data.tables.records import read_arriving_lines, read_waiting_lines
from elman.decoding.sampling import Sampling
from elman.decoding.search import Beam, Hypothesis
from elman.errors import DataError
from elman.models.finite import as_json
from elman.phrases import counted
from elman.scores.picture_files import check_format
from elman.scores.translations import EXACT
from elman.tasks.contract import Request, Rows, Score, standard_input, verdict_of
from elman.tasks.translate.demands import constrain, read_phrases, refuse_copying, split_units
from elman.tasks.translate.evaluation import evaluate
from elman.tasks.translate.model import TrainedTranslator, load
from elman.tasks.translate.picture import END, MOST_DRAWN, Looked, draw_attention

__all__ = ["evaluate", "next_command", "predict", "summarise"]

_AT_ONCE = 64
_LINE_ENDS = re.compile(r"[\r\n]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def summarise(model: TrainedTranslator) -> Rows:
    """Say how good its translations of the sources held out are, and what that is worth."""
    found = model.metrics["validation"]
    low, high = found["interval"]
    bleu = f"BLEU {found['bleu']:.1f} (95 % interval {low:.1f} to {high:.1f}), "
    exact = f"{found['exact']:.1%} exact, chrF {found['chrf']:.1f}, on {counted(found['count'], 'pair')}, greedy"
    said = exact if found["measure"] == EXACT else bleu + exact
    return [("validation", said), *verdict_of(model)]


def validation_score(model: TrainedTranslator) -> Score:
    """Return the BLEU of the greedy translations, or the share that is exact where that is the measure."""
    found = model.metrics["validation"]
    return Score("exact", found["exact"]) if found["measure"] == EXACT else Score("BLEU", found["bleu"])


def next_command(model: TrainedTranslator, path: Path, data: Sequence[str]) -> str:
    """Say how to let it translate, or put words in order."""
    if model.orders:
        return f'elman reorder {path} "words in any order"'
    return f"elman predict {path} {data[0]}"


def predict(request: Request) -> Iterator[str]:
    """Translate the lines of files or of standard input, each as soon as it is known; an empty line stays empty.

    A model that was trained to wait translates standard input while its lines arrive.
    """
    options, is_streamed = request.options, request.is_streamed()
    picture = None if options.attention is None else check_format(options.attention)
    trained = load(request.model)
    if trained.orders:
        raise DataError(
            f"{request.model} puts words in order. Use: elman reorder {request.model} --file {request.data[0]}"
        )
    side = trained.encoder.target
    phrases = {"forbid": read_phrases(options.forbid), "require": read_phrases(options.require)}
    constrain(side, 1, prefix=options.prefix, **phrases)  # what is unknown is refused before anything is read
    if options.copy_unknown:
        refuse_copying(side)
    width = Beam().width if options.beam is None else options.beam
    width = max(width, options.nbest) if options.draws else width
    beam = Beam(width, options.nbest, options.length_penalty, options.coverage_penalty)
    sampling = None
    if options.draws:
        temperature = 1.0 if options.temperature is None else options.temperature
        sampling = Sampling(temperature, options.top_k, options.top_p, options.min_p)
    if is_streamed and trained.module.wait is not None:
        needs_ends = _needs_ends(request)
        if not needs_ends:
            yield from _follow(trained, phrases["forbid"])
            return
        request.note(
            f"{needs_ends} needs the ends of lines, so each is translated when it has ended. Without it, words come "
            "while a line arrives."
        )
    looked: list[Looked] = []
    for texts in _stream() if is_streamed else _parts(request.data):
        constraints = constrain(side, len(texts), prefix=options.prefix, **phrases)
        answers = trained.hypotheses(texts, beam, constraints, sampling=sampling, seed=options.seed)
        for text, found in zip(texts, answers, strict=True):
            yield _write(trained, text, found, request)
            if picture is not None and found and len(looked) < MOST_DRAWN:
                looked.append(_look(trained, text, found[0]))
    if picture is not None and looked:
        draw_attention(looked, picture)


def _stream() -> Iterator[list[str]]:
    """Yield the lines that arrive as soon as they are there, those that wait together."""
    for lines in read_waiting_lines(standard_input("lines"), "standard input", _AT_ONCE):
        yield [line.text for line in lines]


def _needs_ends(request: Request) -> str:
    """Return the options that need the end of a source; empty where none does."""
    options = request.options
    given = {
        "--beam": (options.beam or 1) > 1,
        "--nbest": options.nbest > 1,
        "--scores": options.scores,
        "--align": options.align,
        "--attention": options.attention is not None,
        "--prefix": options.prefix,
        "--require": options.require is not None,
        "--copy-unknown": options.copy_unknown,
        "drawing": options.draws,
        "--json": request.json,
    }
    return ", ".join(name for name, is_given in given.items() if is_given)


def _follow(trained: TrainedTranslator, forbid: Sequence[str]) -> Iterator[str]:
    """Translate the lines of standard input while they arrive."""
    for pieces in read_arriving_lines(standard_input("lines"), "standard input"):
        text = shown = ""
        for piece in trained.follow(pieces, forbid=forbid):
            text += piece
            line = _as_line(text)
            yield line[len(shown) :]
            shown = line
        yield "\n"


def _parts(data: Sequence[str]) -> Iterator[list[str]]:
    for path in data:
        texts = read_texts(Path(path))
        for start in range(0, len(texts), _AT_ONCE):
            yield texts[start : start + _AT_ONCE]


def _look(trained: TrainedTranslator, text: str, found: Hypothesis) -> Looked:
    """Return what the units of a translation and its end looked at."""
    target = trained.encoder.target
    assert found.attention is not None
    weights = found.attention.tolist()
    source = split_units(trained.encoder.source, text)[: len(weights[0])]
    return Looked(source, [*map(target.show, found.units), END], weights)


def _write(trained: TrainedTranslator, text: str, found: Sequence[Hypothesis], request: Request) -> str:
    """Return the lines of one source."""
    options = request.options
    copied = text if options.copy_unknown else None
    if request.json:
        return as_json(describe_translations(trained, text, found, copied)) + "\n"
    if not found:
        return "\n"
    lines = []
    for one in found:
        cells = [f"{one.score:.4f}"] if options.scores else []
        cells.append(_as_line(trained.write(one, copied)))
        if options.align and one.attention is not None:
            cells.append(" ".join(f"{unit}-{step}" for unit, step in enumerate(one.attention[:-1].argmax(1).tolist())))
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def describe_translations(
    trained: TrainedTranslator, text: str, found: Sequence[Hypothesis], copied: str | None = None
) -> dict[str, Any]:
    """Return the translations of a source as plain data."""
    answers = [
        {"text": trained.write(one, copied), "score": one.score, "log_probability": one.log_probability}
        for one in found
    ]
    return {"source": text, "translations": answers}


def _as_line(text: str) -> str:
    """Put a text on one line, which cannot control the terminal."""
    return _CONTROL.sub("·", _LINE_ENDS.sub(" ", text))
