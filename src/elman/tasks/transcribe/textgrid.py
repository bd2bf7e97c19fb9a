r"""Write the words and characters of a transcript for Praat: a TextGrid in the long text format, in UTF-8.

Source: Boersma & Weenink, Praat, manual page "TextGrid file formats". The intervals of a tier follow each other without
a gap from 0 to the end of the sound; where nothing is said their text is empty.

>>> from elman.tasks.transcribe.spoken import SpokenUnit, SpokenWord
>>> words = (SpokenWord("so", 0.5, 0.8, 0.9, (SpokenUnit("s", 0.5, 0.6), SpokenUnit("o", 0.6, 0.8))),)
>>> print("\n".join(as_textgrid(Transcript("so", words, 1.25)).splitlines()[13:17]))
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
"""

from collections.abc import Iterable, Iterator

from elman.tasks.transcribe.spoken import Transcript

Interval = tuple[float, float, str]
"""When it begins and ends, in seconds, and its text."""


def as_textgrid(transcript: Transcript) -> str:
    """Write a tier of words, one of their confidence, and one of their characters.

    Args:
        transcript: with seconds; its words are in order of their times, and none is behind the end of the sound.
    """
    words, seconds = transcript.words, transcript.seconds
    assert seconds is not None
    tiers = {
        "words": [(word.start, word.end, word.word) for word in words],
        "confidence": [(word.start, word.end, f"{word.confidence:.2f}") for word in words],
        "characters": [(unit.start, unit.end, unit.text) for word in words for unit in word.units],
    }
    end = _number(seconds)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, spoken) in enumerate(tiers.items(), start=1):
        intervals = list(_without_gaps(spoken, seconds))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quote(name)}",
            "        xmin = 0",
            f"        xmax = {end}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, (start, behind, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {_number(start)}",
                f"            xmax = {_number(behind)}",
                f"            text = {_quote(text)}",
            ]
    return "".join(f"{line}\n" for line in lines)


def _without_gaps(spoken: Iterable[Interval], seconds: float) -> Iterator[Interval]:
    """Yield intervals from 0 to the end, with empty ones between those that are spoken; each has a length."""
    at = 0.0
    for start, behind, text in spoken:
        # A stream does not know the end of its sound.
        end = min(behind, seconds)
        if end <= start:
            continue
        if start > at:
            yield at, start, ""
        yield start, end, text
        at = end
    if at < seconds:
        yield at, seconds, ""


def _number(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _quote(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
