"""What pairs there are to learn from, before anything is learnt: how many, how long, and what looks wrong."""

import operator
from collections.abc import Iterator, Sequence

from elman.data.pairs.checks import find_identical, find_odd_lengths, find_repeated, find_reversed, find_shifts
from elman.data.pairs.pair import Pair
from elman.encoders.lengths import Lengths
from elman.phrases import abbreviate, counted, name_some
from elman.tasks.translate.reading import Parts

_MOST_NAMED = 3


def report_pairs(parts: Parts) -> Iterator[str]:
    """Say what there is, then what looks wrong, a line each; of jumbled words, the targets alone say it."""
    training, encoder, jumbled = parts.training, parts.encoder, parts.split.jumbled
    learn, hold = training.pairs, parts.held_out.pairs
    yield f"{counted(len(learn), 'pair')} to learn from, {len(hold):,} to validate on: {encoder.describe()}"
    for name, lengths in (("sources", training.sources), ("targets", training.targets - 1)):
        found = Lengths.of(lengths)
        yield (
            f"{name} of {found.least:,} to {found.most:,} {encoder.source.vocabulary.unit}s, half at most "
            f"{found.median:,}, 95 % at most {found.most_of_95:,}"
        )
    if training.cut:
        yield f"{counted(training.cut, 'pair is', 'pairs are')} cut to {counted(training.longest, 'unit')}"
    for side in {id(side): side for side in (encoder.source, encoder.target)}.values():
        if parts.wanted is not None and len(side.vocabulary) < parts.wanted:
            unit = side.vocabulary.unit
            yield f"{parts.wanted:,} {unit}s are wanted, and the texts have {len(side.vocabulary):,}: these are all"
    if len({pair.target for pair in learn}) == 1:
        yield f"all targets to learn from are {abbreviate(learn[0].target)!r}: there is nothing to tell apart"
    if not jumbled:
        yield from _warn(parts.split.data.pairs)
    known = operator.attrgetter("target") if jumbled else operator.attrgetter("source", "target")
    seen = {known(pair): pair.where for pair in learn}
    both = [pair for pair in hold if known(pair) in seen]
    if both:
        first, are = both[0], "is" if len(both) == 1 else "are"
        yield (
            f"{len(both):,} of the {counted(len(hold), 'pair')} to validate on {are} also among those to learn from "
            f"({first.where} equals {seen[known(first)]}): the score may be too good"
        )


def _warn(pairs: Sequence[Pair]) -> Iterator[str]:
    for find, one, many in (
        (find_identical, "pair has a target that equals its source", "pairs have a target that equals its source"),
        (find_repeated, "pair stood there before", "pairs stood there before"),
        (
            find_odd_lengths,
            "pair has lengths that do not fit each other",
            "pairs have lengths that do not fit each other",
        ),
        (find_reversed, "pair looks reversed, the target first", "pairs look reversed, the target first"),
    ):
        found = find(pairs)
        if found:
            named = name_some([pairs[i].where for i in found[: _MOST_NAMED + 1]], _MOST_NAMED)
            yield f"{counted(len(found), one, many)}: {named}"
    for first, last, by in find_shifts(pairs)[:_MOST_NAMED]:
        side, lines = "target" if by < 0 else "source", counted(abs(by), "line")
        yield (
            f"{pairs[first].where} to {pairs[last - 1].where}: the targets fit the sources {lines} away; "
            f"a {side} seems to be lost there"
        )
