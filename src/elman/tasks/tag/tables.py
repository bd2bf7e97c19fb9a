"""Show the scores of tags on a terminal: summary lines, then tables.

>>> from elman.tasks.tag.scores import score_tags
>>> for part in tag_tables(score_tags([("DET", "NOUN")], [("DET", "DET")]))[:1]:
...     print(part)
accuracy 50.0% (95 % interval 9.5–90.5) on 2 words of 1 sentence; 0.0% of the sentences without a mistake
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from elman.data.sentences.sentence import Sentence
from elman.phrases import counted, printable
from elman.scores.tables import per_class_table, show_name
from elman.tasks.tag.scores import TagScores

_MOST_PAIRS = 10


class WrongWord(NamedTuple):
    """A word that is often tagged wrongly.

    Attributes:
        word: as in the data.
        right: its true tag.
        predicted: the predicted tag.
        times: how often.
        where: the place of the first.
    """

    word: str
    right: str
    predicted: str
    times: int
    where: str


def wrong_words(sentences: Sequence[Sentence], predicted: Sequence[Sequence[str]], most: int) -> list[WrongWord]:
    """List the words that are tagged wrongly most often.

    Args:
        sentences: with tags.
        predicted: the predicted tags.
        most: how many words to list at most.
    """
    counts = Counter[tuple[str, str, str]]()
    where: dict[tuple[str, str, str], str] = {}
    for sentence, tags in zip(sentences, predicted, strict=True):
        for index, (word, right, other) in enumerate(zip(sentence.words, sentence.tags or (), tags, strict=True)):
            if right != other:
                counts[word, right, other] += 1
                where.setdefault((word, right, other), sentence.where_is(index))
    return [WrongWord(*found, times, where[found]) for found, times in counts.most_common(most)]


def tag_tables(scores: TagScores, wrong: Sequence[WrongWord] = ()) -> list[RenderableType]:
    """Return the printed parts, one below the other."""
    parts: list[RenderableType] = [Text(line) for line in _lines(scores)]
    if scores.chunks is None:
        parts.append(per_class_table(scores.per_tag, "tag"))
    else:
        parts.append(per_class_table(scores.chunks.per_type, "chunk"))
    if scores.confused:
        parts.append(_pairs(scores))
    warning = None if scores.overlap is None else scores.overlap.warn("sentences", "other sentences")
    return [*parts, *([_wrong(wrong)] if wrong else []), *([Text(f"\n{warning}")] if warning else [])]


def _lines(scores: TagScores) -> list[str]:
    low, high = scores.interval
    lines = []
    if (chunks := scores.chunks) is not None:
        lines.append(
            f"F1 {chunks.f1:.2%} (precision {chunks.precision:.2%}, recall {chunks.recall:.2%}): {chunks.right:,} of "
            f"{chunks.there:,} chunks found, {counted(chunks.found - chunks.right, 'wrong one')}"
        )
    lines.append(
        f"accuracy {scores.accuracy:.1%} (95 % interval {100 * low:.1f}–{100 * high:.1f}) on "
        f"{counted(scores.words, 'word')} of {counted(scores.sentences, 'sentence')}; "
        f"{scores.whole / scores.sentences:.1%} of the sentences without a mistake"
    )
    if scores.unknown:
        share = scores.unknown_right / scores.unknown
        lines.append(f"accuracy {share:.1%} on the {counted(scores.unknown, 'word')} that the model does not know")
    if scores.label_accuracy is not None:
        lines.append(f"label: accuracy {scores.label_accuracy:.1%} on {counted(scores.labelled, 'sentence')}")
    return lines


def _pairs(scores: TagScores) -> RenderableType:
    table = _table("true", "predicted", "times", "of")
    support = {score.name: score.support for score in scores.per_tag}
    for right, other, count in scores.confused[:_MOST_PAIRS]:
        table.add_row(show_name(right), show_name(other), Text(f"{count:,}"), Text(f"{support[right]:,}"))
    return Group(Text("\nMost often confused:"), table)


def _wrong(wrong: Sequence[WrongWord]) -> RenderableType:
    table = _table("word", "true", "predicted", "times")
    table.add_column("first at", overflow="fold")
    for one in wrong:
        cells = (show_name(one.word), show_name(one.right), show_name(one.predicted), Text(f"{one.times:,}"))
        table.add_row(*cells, Text(printable(one.where)))
    return Group(Text("\nWords most often tagged wrongly:"), table)


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True, justify="right" if name in ("times", "of") else "left")
    return table
