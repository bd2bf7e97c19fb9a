"""The scores of captions for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from elman.phrases import printable
from elman.scores.captions import CIDER, ORDERS, CaptionScores
from elman.scores.cider import score_cider
from elman.tasks.caption.batches import EncodedCaptions
from elman.tasks.contract import Rows


def score_rows(scores: CaptionScores) -> Rows:
    """Write scores.

    >>> score_rows(CaptionScores(38.2, (30.0, 45.0), None, None, 20, 17))[0]
    ('CIDEr-D', '38.2 (95 % interval 30.0 to 45.0)')
    """
    low, high = scores.interval
    rows = [(CIDER, f"{scores.cider:.1f} (95 % interval {low:.1f} to {high:.1f})")]
    if scores.bleu is None or scores.bleu_interval is None:
        rows.append(("BLEU", "not measured: pip install 'elman[caption]'"))
    else:
        for order, bleu in zip(ORDERS, scores.bleu, strict=True):
            least, most = scores.bleu_interval
            within = f" (95 % interval {least:.1f} to {most:.1f})" if order == ORDERS[-1] else ""
            rows.append((f"BLEU-{order}", f"{bleu:.1f}{within}"))
    return [*rows, ("captions", f"{scores.distinct:,} different ones of {scores.count:,} pictures")]


def find_worst(captions: EncodedCaptions, texts: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Return the captions with the lowest CIDEr-D."""
    scores = score_cider(texts, captions.references)
    places = sorted(range(len(texts)), key=scores.__getitem__)[:most]
    return [
        {
            "picture": captions.data.items[place].name,
            "written": texts[place],
            "captions": list(captions.data.items[place].captions),
            "cider": scores[place],
        }
        for place in places
    ]


def worst_rows(worst: Sequence[Mapping[str, Any]]) -> Iterator[Rows | RenderableType]:
    """Write the worst captions, one below the other."""
    for one in worst:
        yield Text("")
        right = [("" if place else "people", printable(text)) for place, text in enumerate(one["captions"])]
        yield [("picture", printable(one["picture"])), ("written", printable(one["written"])), *right]
