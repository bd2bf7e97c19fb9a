"""The scores of translations as rows for the terminal."""

from collections.abc import Mapping, Sequence

from elman.scores.translations import TextScores
from elman.tasks.contract import Rows


def translation_tables(scores: TextScores, wrong: Sequence[Mapping[str, str]]) -> list[Rows]:
    """Write scores, and some answers that are not exact.

    >>> found = TextScores(40.0, 41.0, 60.0, 0.25, 8, (39.0, 41.0), "nrefs:1")
    >>> translation_tables(found, [])[0][0]
    ('BLEU', '40.0 (95 % interval 39.0 to 41.0); lower case 41.0')
    """
    low, high = scores.interval
    rows = [
        ("BLEU", f"{scores.bleu:.1f} (95 % interval {low:.1f} to {high:.1f}); lower case {scores.bleu_lc:.1f}"),
        ("chrF", f"{scores.chrf:.1f}"),
        ("exact", f"{scores.exact:.1%} of {scores.count:,}"),
        ("signature", scores.signature),
    ]
    listed = [[(name, one[name]) for name in ("where", "source", "target", "written")] for one in wrong]
    return [rows, *listed]
