"""Format numbers, names and durations for people, and parse durations.

>>> parse_duration("1h30m"), format_duration(5400)
(5400.0, '1:30:00')
"""

import math
import re
from collections.abc import Mapping, Sequence

from elman.errors import ConfigError

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Parse hours, minutes and seconds; return seconds.

    Args:
        text: such as `90`, `90s`, `10m`, `1h30m`.

    Raises:
        ConfigError: `text` is not a duration, or not above 0.

    >>> parse_duration("10m")
    600.0
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    numbers = match.groups() if match else ()
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


def bits(nats: float) -> float:
    """Convert nats to bits.

    >>> round(bits(math.log(8)), 12)
    3.0
    """
    return nats / math.log(2)


def format_count(number: float) -> str:
    """Write a large number with three digits.

    >>> format_count(31_246), format_count(950), format_count(2_500_000)
    ('31.2k', '950', '2.5M')
    """
    if number >= 1e6:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e3:.1f}k" if number >= 1e3 else f"{number:.0f}"


def counted(number: int, one: str, many: str = "") -> str:
    """Write how many there are of something; many is `one` with an s, unless given.

    >>> counted(1, "pair"), counted(0, "pair"), counted(2_500, "pair is", "pairs are")
    ('1 pair', '0 pairs', '2,500 pairs are')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def printable(text: str) -> str:
    r"""Replace control characters (escape, backspace, …) by a middle dot, so that a text cannot control the terminal.

    >>> printable("a\x1b[2Jb")
    'a·[2Jb'
    """
    return "".join(character if character.isprintable() or character == "\t" else "·" for character in text)


def abbreviate(text: str, most: int = 60) -> str:
    """Shorten a long text in its middle.

    >>> abbreviate("a" * 50 + "b" * 50, most=11), abbreviate("short")
    ('aaaaaaaa…bb', 'short')
    """
    end = most // 5
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"


def name_some(names: Sequence[str], most: int = 8) -> str:
    """Join names for a message, the first few of them.

    >>> name_some(["a", "b"]), name_some(["a", "b", "c"], most=1)
    ('a, b', 'a and 2 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def round_to(number: float, resolution: float) -> float:
    """Round a number to the decimal place of a resolution, so that no digit is lost and few are noise.

    >>> round_to(2_000_000_012.345678, 3e-3), round_to(0.1234567, 1e-5)
    (2000000012.346, 0.12346)
    """
    return round(float(number), -math.floor(math.log10(resolution)))


def format_near(number: float, spread: float) -> str:
    """Write a number with four digits, or more where its distance to others of that spread needs them.

    >>> format_near(2_000_000_012.345, 70.0), format_near(12.3456, 3.0)
    ('2000000012.3', '12.35')
    """
    if not 0 < spread < math.inf or not 0 < abs(number) < math.inf:
        return f"{number:.4g}"
    needed = math.floor(math.log10(abs(number))) - math.floor(math.log10(spread)) + 3
    return f"{number:.{min(max(4, needed), 17)}g}"


def format_score(score: float, decimals: int = 3) -> str:
    """Write a score with some decimals, or with two digits where all decimals would be 0.

    >>> format_score(0.71234), format_score(0.0), format_score(0.00002345)
    ('0.712', '0.000', '2.3e-05')
    """
    written = f"{score:.{decimals}f}"
    return f"{score:.2g}" if score and not float(written) else written


def format_share(share: float) -> str:
    """Write a share in percent, a small one with a digit more.

    >>> format_share(0.5), format_share(0.023)
    ('50%', '2.3%')
    """
    return f"{share:.1%}" if share < 0.05 else f"{share:.0%}"


def name_shares(counts: Mapping[str, int], total: int, most: int = 4) -> str:
    """List the largest counts with their shares of a total, and the smallest.

    >>> name_shares({"a": 1, "b": 7, "c": 1, "d": 3, "e": 4, "f": 4}, 20)
    'b 35%, e 20%, f 20%, … c 5%'
    """
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    named = [f"{name} {format_share(counts[name] / total)}" for name in ordered]
    return ", ".join(named if len(named) <= most else [*named[: most - 1], f"… {named[-1]}"])
