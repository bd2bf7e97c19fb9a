"""Measure a translation model on pairs: its scores, its worst translations, and those of another beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from elman.data.pairs.opening import read_texts
from elman.data.pairs.pair import PairSet
from elman.data.pairs.suspects import check_suspects, save_suspects
from elman.decoding.search import Beam
from elman.errors import ConfigError, DataError
from elman.models.file import is_model_file
from elman.phrases import counted
from elman.scores.comparison import compare_texts
from elman.scores.errors import UNITS, ErrorRate, score_errors
from elman.scores.ngrams import bleu_counts, bleu_of, chrf_counts, chrf_of
from elman.tasks.contract import Evaluated, Request
from elman.tasks.translate.batches import EncodedPairs
from elman.tasks.translate.model import MOST_UNITS, TrainedTranslator, load
from elman.tasks.translate.reading import read_pairs_again
from elman.tasks.translate.suspicion import judge_pairs
from elman.tasks.translate.tables import LengthScores, difference_table, length_table, translation_rows, worst_rows
from elman.training.progress import show_bar
from elman.vocabulary.characters import Characters

_PARTS = 4


def evaluate(request: Request) -> Evaluated:
    """Compare its translations with the targets of pairs."""
    trained, options = load(request.model), request.options
    if trained.orders and options.suspects is not None:
        raise ConfigError(f"--suspects is about pairs, and {request.model} puts words in order. Drop it.")
    table = None if options.suspects is None else check_suspects(options.suspects, [request.model, *request.data])
    data = read_pairs_again(trained, request.data)
    for note in data.notes:
        request.note(note)
    other = None if options.against is None else _read_other(Path(options.against), data)
    width = Beam().width if options.beam is None else options.beam
    beam = Beam(width, length_penalty=options.length_penalty, coverage_penalty=options.coverage_penalty)
    with show_bar("translating", request.quiet) as on_progress:
        scores, texts = trained.evaluate(data.pairs, beam, on_progress)
    references = [pair.target for pair in data.pairs]
    rates = _count_errors(trained, texts, references, request)
    source = trained.encoder.source
    lengths = score_lengths([len(source.encode(pair.source)) for pair in data.pairs], texts, references)
    facts: dict[str, Any] = {
        **scores.to_dict(),
        **{rate.name.lower(): rate.to_dict() for rate in rates},
        "by_length": [part._asdict() for part in lengths],
    }
    shown: list[Any] = [translation_rows(scores, rates)]
    if len(lengths) > 1:
        shown.append(length_table(lengths, f"{source.vocabulary.unit}s"))
    if other is not None:
        if isinstance(other, TrainedTranslator):
            with show_bar("the other model", request.quiet) as on_progress:
                _, other = other.evaluate(data.pairs, beam, on_progress)
        differences = compare_texts(texts, other, references)
        facts["against"] = {one.measure.lower(): one.to_dict() for one in differences}
        shown.append(difference_table(options.against, differences))
    if options.worst:
        facts["worst"] = _find_worst(data, texts, options.worst)
        shown += worst_rows(facts["worst"])
    if table is not None:
        save_suspects(judge_pairs(trained, [EncodedPairs(data.pairs, trained.encoder, MOST_UNITS)], data.pairs), table)
    overlap = trained.compare_learnt(data.pairs)
    if overlap is not None:
        facts["learnt_from"] = overlap.estimate
        warning = overlap.warn("pairs", "other pairs")
        shown += [Text(f"\n{warning}")] if warning else []
    return Evaluated(facts, shown)


def score_lengths(lengths: Sequence[int], texts: Sequence[str], references: Sequence[str]) -> list[LengthScores]:
    """Score texts by the length of their sources, in at most four parts with about as many each.

    Args:
        lengths: of the N sources.
        texts: what was written for them.
        references: what is right.

    >>> found = score_lengths([3, 9, 3, 4], ["a", "b", "c", "d"], ["a", "b", "x", "d"])
    >>> [(part.shortest, part.longest, part.pairs, part.exact) for part in found]
    [(3, 3, 2, 0.5), (4, 4, 1, 1.0), (9, 9, 1, 1.0)]
    """
    ordered, found, before = sorted(lengths), [], -1
    for last in sorted({ordered[len(ordered) * (part + 1) // _PARTS - 1] for part in range(_PARTS)}):
        chosen = [index for index, length in enumerate(lengths) if before < length <= last]
        ours, right = [texts[index] for index in chosen], [references[index] for index in chosen]
        found.append(
            LengthScores(
                shortest=min(lengths[index] for index in chosen),
                longest=last,
                pairs=len(chosen),
                bleu=bleu_of(bleu_counts(ours, right).sum(0)),
                chrf=chrf_of(chrf_counts(ours, right).sum(0)),
                exact=sum(one == other for one, other in zip(ours, right, strict=True)) / len(chosen),
            )
        )
        before = last
    return found


def _read_other(path: Path, data: PairSet) -> list[str] | TrainedTranslator:
    """Return the translations of another for the pairs, or another model.

    Raises:
        DataError: the file cannot be read, or has another number of lines.
    """
    if is_model_file(path):
        return load(path)
    lines = read_texts(path)
    left_out, everything = set(data.left_out), len(data) + len(data.left_out)
    if len(lines) == everything:
        return [line for place, line in enumerate(lines) if place not in left_out]
    if len(lines) != len(data):
        raise DataError(
            f"{path} has {counted(len(lines), 'line')}, and {data.name} has {counted(everything, 'pair')}. Give a "
            "translation a line, in their order, or another model."
        )
    return lines


def _count_errors(
    trained: TrainedTranslator, texts: Sequence[str], references: Sequence[str], request: Request
) -> list[ErrorRate]:
    """Count the errors of a model that writes characters; without jiwer there are none, with a note."""
    if not isinstance(trained.encoder.target.vocabulary, Characters):
        return []
    try:
        return [score_errors(texts, references, unit=unit) for unit in reversed(UNITS)]
    except ConfigError as missing:
        request.note(str(missing))
        return []


def _find_worst(data: PairSet, texts: Sequence[str], most: int) -> list[dict[str, str]]:
    """Return translations that are not exact, those with the lowest chrF first."""
    scores = [chrf_of(row) for row in chrf_counts(texts, [pair.target for pair in data.pairs])]
    wrong = [place for place, pair in enumerate(data.pairs) if texts[place] != pair.target]
    found = []
    for place in sorted(wrong, key=lambda place: scores[place])[:most]:
        pair = data.pairs[place]
        found.append({"where": pair.where, "source": pair.source, "target": pair.target, "written": texts[place]})
    return found
