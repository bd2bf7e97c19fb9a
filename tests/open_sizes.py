"""Say which sizes the zoo's cells leave open, and how long the tests make them: a prime that no other axis has.

>>> sizes_of("jordan"), sizes_of("gru")
({'y': 2}, {})
"""

OPEN_SIZES = {"jordan": {"y": 2}, "lstm_projected": {"h": 2}, "lem": {"y": 2}, "lru": {"h": 2}}


def sizes_of(name: str) -> dict[str, int]:
    """Give what `sizes=` must name for a cell."""
    return dict(OPEN_SIZES.get(name, {}))
