"""Write a duration as people do, and read it back.

>>> parse_duration("1h30m"), format_duration(5400)
(5400.0, '1:30:00')
"""

import re

from elman.errors import ConfigError

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Read hours, minutes and seconds; return seconds.

    Args:
        text: such as `90`, `90s`, `10m`, `1h30m`.

    Raises:
        ConfigError: `text` is not a duration, or not above 0.

    >>> parse_duration("10m")
    600.0
    """
    found = _PATTERN.fullmatch(text.strip().lower())
    numbers = found.groups() if found else ()
    seconds = sum(float(number) * unit for number, unit in zip(numbers, _SECONDS.values(), strict=False) if number)
    if not seconds > 0:
        raise ConfigError(f"{text!r} is not a duration above 0. Write it as 90s, 10m or 1h30m.")
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds as minutes:seconds, or hours:minutes:seconds from an hour up.

    >>> format_duration(83.4)
    '1:23'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
