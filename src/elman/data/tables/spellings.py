"""Values that are the same however they are written: `True` and `true`, `3` and `3.0`, as pandas, polars and JSON do.

A column of whole numbers with a missing one has fractions in pandas, and truth has capitals there; a model that learnt
from one file would otherwise take the values of the next one for unknown.

>>> number_values(["False", "True", "3", "mail"])["true"], number_values(["3", "4"])["4.0"]
(1, 1)
>>> number_values(["true", "True"])["True"]
1
"""

import re
from collections.abc import Iterator, Sequence

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.0)?")


def number_values(values: Sequence[str]) -> dict[str, int]:
    """Return the place of each value, and of its other spellings where no value has them."""
    places = {value: place for place, value in enumerate(values)}
    for place, value in enumerate(values):
        for spelling in _spellings(value):
            places.setdefault(spelling, place)
    return places


def _spellings(value: str) -> Iterator[str]:
    if value.lower() in ("true", "false"):
        yield from (value.lower(), value.capitalize(), value.upper())
    match = _WHOLE.fullmatch(value)
    if match:
        yield match[1] if match[2] else f"{value}.0"
