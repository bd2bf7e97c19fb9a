"""What is wrong in transcripts: words that are written for others, the errors of each speaker, the worst transcripts.

>>> count_confusions(["so gold", "gold"], ["so good", "good"])
[Confusion(said='good', written='gold', count=2)]
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.scores.errors import normalise, require_jiwer, score_errors


@dataclass(frozen=True)
class Confusion:
    """A word that is written for another.

    Attributes:
        said: what is said; empty where the word was inserted.
        written: what is written; empty where the word was deleted.
        count: how often.
    """

    said: str
    written: str
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return asdict(self)


def count_confusions(texts: Sequence[str], references: Sequence[str]) -> list[Confusion]:
    """Count the words that are written for others, the most frequent first; of equals, in order of letters.

    Words are compared by the alignment of :mod:`elman.scores.errors`.

    Args:
        texts: what is written.
        references: what is said in each.

    Raises:
        ConfigError: jiwer is not installed.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for text, reference in zip(texts, references, strict=True):
        written, said = normalise(text).split(), normalise(reference).split()
        if not (written and said):  # some versions of jiwer refuse an empty reference
            counts.update([("", word) for word in written] + [(word, "") for word in said])
            continue
        [chunks] = require_jiwer().process_words(" ".join(said), " ".join(written)).alignments
        for one in chunks:
            ours = written[one.hyp_start_idx : one.hyp_end_idx]
            right = said[one.ref_start_idx : one.ref_end_idx]
            if one.type != "equal":
                size = max(len(ours), len(right))
                counts.update(zip(right or [""] * size, ours or [""] * size, strict=True))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], not pair[0][0], pair[0]))
    return [Confusion(said, written, count) for (said, written), count in ordered]


def score_speakers(
    texts: Sequence[str], references: Sequence[str], speakers: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Return the error rates of each speaker, the worst first; none where speakers are not known to differ.

    Args:
        texts: what is written.
        references: what is said in each.
        speakers: of each; None is nobody.
    """
    places: dict[str, list[int]] = {}
    for place, speaker in enumerate(speakers):
        if speaker is not None:
            places.setdefault(speaker, []).append(place)
    if len(places) < 2:
        return []
    found = []
    for speaker, own in places.items():
        pair = [texts[place] for place in own], [references[place] for place in own]
        cer, wer = (score_errors(*pair, unit=unit).rate for unit in ("character", "word"))
        found.append({"speaker": speaker, "utterances": len(own), "cer": cer, "wer": wer})
    return sorted(found, key=lambda one: (-(one["cer"] or 0.0), -(one["wer"] or 0.0), one["speaker"]))


def find_worst(
    texts: Sequence[str], references: Sequence[str], where: Sequence[str], most: int
) -> list[dict[str, str]]:
    """Return transcripts that are not exact, those with the largest share of wrong characters first.

    Args:
        texts: what is written.
        references: what is said in each.
        where: the place of each.
        most: how many.
    """
    wrong = [place for place, text in enumerate(texts) if normalise(text) != normalise(references[place])]

    def share(place: int) -> float:
        found = score_errors([texts[place]], [references[place]], unit="character")
        return float("inf") if found.rate is None else found.rate

    ordered = sorted(wrong, key=share, reverse=True)[:most]
    return [{"where": where[place], "said": references[place], "written": texts[place]} for place in ordered]
