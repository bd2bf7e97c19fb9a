"""The sizes that cells of the zoo leave open, and their values in tests: a prime that no other axis has.

>>> sizes_of("jordan"), sizes_of("gru")
({'y': 2}, {})
"""

OPEN_SIZES = {
    "jordan": {"y": 2},
    "lstm_projected": {"h": 2},
    "lem": {"y": 2},
    "lru": {"h": 2},
    "state_regularised": {"S": 2},
}


def sizes_of(name: str) -> dict[str, int]:
    """Return the argument `sizes=` for a cell."""
    return dict(OPEN_SIZES.get(name, {}))
