"""Error rates of texts that are written for others: WER of words and CER of characters.

The rate is (substitutions + deletions + insertions) / units of the references, of the alignment with the fewest errors
(Levenshtein 1966), summed over all texts; it is above 1 where more is inserted than there is to write. Texts are
normalised first: Unicode NFC, and one space between two words; case and punctuation count. An empty reference has no
units, and everything that is written for it is inserted. Alignments need jiwer: `pip install 'elman[transcribe]'`.

>>> found = score_errors(["a dog  run home"], ["a dog runs"], unit="word")
>>> found.substitutions, found.deletions, found.insertions, found.units, round(found.rate, 3)
(1, 0, 1, 3, 0.667)
"""

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np

from elman.errors import ConfigError, DataError
from elman.scores.resampling import interval_of, resample

UNITS = {"word": "WER", "character": "CER"}


@dataclass(frozen=True)
class ErrorRate:
    """How many units of texts are wrong.

    Attributes:
        name: `WER` or `CER`.
        rate: errors for each unit of the references; None where these have none.
        interval: the 95 % interval of the rate, by bootstrap over examples or groups of them; None where there are
            fewer than two, or no units.
        substitutions, deletions, insertions: the errors, of all texts.
        units: those of the references.
        wrong: how many texts have an error.
        count: how many texts there are.
    """

    name: str
    rate: float | None
    interval: tuple[float, float] | None
    substitutions: int
    deletions: int
    insertions: int
    units: int
    wrong: int
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Write as plain data."""
        return {**asdict(self), "interval": None if self.interval is None else list(self.interval)}


def has_jiwer() -> bool:
    """Return whether the library is installed."""
    try:
        require_jiwer()
    except ConfigError:
        return False
    return True


def require_jiwer() -> ModuleType:
    """Return the library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import jiwer
    except ImportError:
        raise ConfigError("Error rates need jiwer. Install it: pip install 'elman[transcribe]'.") from None
    found: ModuleType = jiwer
    return found


def score_errors(
    texts: Sequence[str],
    references: Sequence[str],
    *,
    unit: str,
    groups: Sequence[Hashable] | None = None,
    seed: int = 1,
) -> ErrorRate:
    """Count the errors of texts.

    Args:
        texts: what was written.
        references: what is right.
        unit: `word` or `character`, a space between two words counted.
        groups: a name for each text, such as its speaker; texts of one name are drawn together. None draws each alone.
        seed: of the bootstrap.

    Raises:
        ConfigError: jiwer is not installed, or the unit is another.
        DataError: there are no texts, or not as many references or groups.
    """
    if unit not in UNITS:
        raise ConfigError(f"unit is {unit!r}; it must be one of {', '.join(UNITS)}.")
    require_jiwer()
    if not texts or len(texts) != len(references):
        raise DataError(f"There are {len(texts)} texts and {len(references)} references. Give as many, at least one.")
    counts = np.array([_count(*pair, unit) for pair in zip(texts, references, strict=True)], np.int64)
    substitutions, deletions, insertions, units = counts.sum(0).tolist()
    drawn = resample(counts, seed, groups)
    real = drawn[:, 3] > 0
    many = len(counts if groups is None else set(groups)) > 1
    return ErrorRate(
        UNITS[unit],
        rate=(substitutions + deletions + insertions) / units if units else None,
        interval=interval_of(drawn[:, :3].sum(1) / drawn[:, 3]) if many and real.all() else None,
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
        units=units,
        wrong=int((counts[:, :3].sum(1) > 0).sum()),
        count=len(counts),
    )


def normalise(text: str) -> str:
    r"""Return a text in Unicode NFC, with one space between two words and none around them.

    >>> normalise(" a\t cafe\u0301 ")
    'a café'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def _count(text: str, reference: str, unit: str) -> list[int]:
    """Return the substitutions, deletions and insertions of a text, and the units of its reference."""
    text, reference = normalise(text), normalise(reference)
    written, units = (len(one.split() if unit == "word" else one) for one in (text, reference))
    if not (written and units):  # some versions of jiwer refuse an empty reference
        return [0, units, written, units]
    align = require_jiwer().process_words if unit == "word" else require_jiwer().process_characters
    found = align(reference, text)
    return [found.substitutions, found.deletions, found.insertions, units]
