"""Write times as a table writes them: its order, separators, digits, names, UTC offsets and columns.

>>> notation = TimeNotation.learn(("day",), ("day first",), [["1.2.2024 1:00 PM", "12.2.2024 12:00 PM"]])
>>> notation.write(np.datetime64("2024-03-05T00:30", "us"))
{'day': '5.3.2024 12:30 AM'}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.frequency import Moment, Moments
from elman.data.series.time_parts import match_part
from elman.data.series.timestamps import DAY, FORMS, MINUTE, MONTHS, NUMBERS, SERIAL_EPOCH, WEEKDAYS, find_name


@dataclass(frozen=True)
class Offsets:
    """The UTC offsets of the times of one series.

    Attributes:
        since: (K,) the times at which an offset begins, ascending, as the series counts them.
        minutes: (K,) ahead of UTC.
        universal: whether the series counts times in UTC.
    """

    since: Moments
    minutes: NDArray[np.int64]
    universal: bool

    @classmethod
    def learn(cls, times: Moments, minutes: NDArray[Any], universal: bool) -> "Offsets":
        """Find the changes in the offsets of times, which ascend."""
        first = np.concatenate([[True], np.diff(minutes) != 0])
        return cls(times[first], minutes[first].astype(np.int64), universal)

    def at(self, moment: Any) -> int:
        """Return the offset at a time: the latest known."""
        return int(self.minutes[max(0, int(np.searchsorted(self.since, moment, "right")) - 1)])

    def localize(self, times: Moments) -> Moments:
        """Return times in local time."""
        if not self.universal:
            return times
        minutes = self.minutes[np.maximum(np.searchsorted(self.since, times, "right") - 1, 0)]
        return times + (minutes * MINUTE).astype("timedelta64[us]")


@dataclass(frozen=True)
class TimeNotation:
    """How the columns of times of a table are written.

    Attributes:
        columns: in the order in which the time is written in them.
        templates: for each its text between fields, and the fields; for a number its unit.
        late_midnight: whether midnight is 24:00 of the day before.
        weekly: whether years are those of weeks.
    """

    columns: tuple[str, ...]
    templates: tuple["_Template", ...]
    late_midnight: bool = False
    weekly: bool = False

    @classmethod
    def learn(cls, columns: Sequence[str], forms: Sequence[str], cells: Sequence[Sequence[str]]) -> "TimeNotation":
        """Learn the notation of some rows, the latest last.

        Args:
            columns: of times.
            forms: of each.
            cells: of each, as they were written.
        """
        templates = tuple(_learn(form, own) for form, own in zip(forms, cells, strict=True))
        if len(templates) > 1:
            # A date that is written with midnight keeps it, since another column has the clock.
            templates = tuple(
                replace(template, fields=tuple(one for one in template.fields if one[0] not in "HMSfp"))
                if template.form in FORMS
                else template
                for template in templates
            )
        return cls(
            tuple(columns), templates, any(template.late_midnight for template in templates), "week of year" in forms
        )

    def write(self, moment: Moment, offsets: Offsets | None = None) -> dict[str, str]:
        """Write a time, by column.

        Args:
            moment: as the series counts it.
            offsets: of the series; None where times have none.
        """
        if not isinstance(moment, np.datetime64):
            return {self.columns[0]: self.templates[0].write_count(int(moment))}
        offset = None if offsets is None else offsets.at(moment)
        times = np.array([moment], "datetime64[us]")
        local: datetime = (times if offsets is None else offsets.localize(times)).tolist()[0]
        hour = local.hour
        if self.late_midnight and local == datetime(local.year, local.month, local.day):
            local, hour = local - timedelta(days=1), 24
        year = local.isocalendar().year if self.weekly else local.year
        return {
            column: template.write(local, year, hour, offset)
            for column, template in zip(self.columns, self.templates, strict=True)
        }

    def say(self, moment: Moment, offsets: Offsets | None = None) -> str:
        """Write a time in one text."""
        return " ".join(self.write(moment, offsets).values())


@dataclass(frozen=True)
class _Template:
    """The notation of one column.

    Attributes:
        form: of its cells.
        example: the cell that it follows.
        fields: names, begins and ends of the fields in it.
        padded: the fields with two digits always.
        names: of months and weekdays, by field and number, as they were written.
        signs: the latest offset as it was written, of those with digits and of those with letters.
        late_midnight: whether midnight is 24:00.
    """

    form: str
    example: str
    fields: tuple[tuple[str, int, int], ...] = ()
    padded: frozenset[str] = frozenset()
    names: Mapping[tuple[str, int], str] = field(default_factory=dict)
    signs: Mapping[bool, str] = field(default_factory=dict)
    late_midnight: bool = False

    def write_count(self, count: int) -> str:
        """Write the number of a step."""
        _, point, zeros = self.example.partition(".")
        return f"{count}{point}{zeros}"

    def write(self, local: datetime, year: int, hour: int, offset: int | None) -> str:
        """Write a time.

        Args:
            local: date and clock; of midnight at the end of a day the date of that day.
            year: of the date, or of its week.
            hour: 0 to 24.
            offset: minutes ahead of UTC; None where there is none.
        """
        if self.form in NUMBERS:
            return self._write_number(local)
        text, end = "", 0
        for name, begin, behind in self.fields:
            text += self.example[end:begin] + self._write_field(
                name, self.example[begin:behind], local, year, hour, offset
            )
            end = behind
        return text + self.example[end:]

    def _write_number(self, local: datetime) -> str:
        moment = np.datetime64(local, "us")
        whole, mark, fraction = re.fullmatch(r"(\d+)([.,]?)(\d*)", self.example).groups()  # type: ignore[union-attr]
        if self.form == "serial":
            days = int((moment - SERIAL_EPOCH).astype(np.int64)) / DAY
            return f"{days:.{len(fraction)}f}".replace(".", mark or ".")
        micro = f"{int(moment.astype('datetime64[us]').astype(np.int64)):016d}"
        digits = micro.ljust(len(whole) + len(fraction), "0")
        return digits[: len(whole)] + mark + digits[len(whole) : len(whole) + len(fraction)]

    def _write_field(self, name: str, example: str, local: datetime, year: int, hour: int, offset: int | None) -> str:
        if name in ("z", "zd"):
            return self._write_offset(offset or 0)
        if name == "p":
            half = "p" if local.hour >= 12 else "a"
            return (half.upper() if example[0].isupper() else half) + example[1:]
        if name == "f":
            return f"{local.microsecond:06d}".ljust(9, "0")[: len(example)]
        if name in ("n", "a"):
            return self._write_name(name, local.month if name == "n" else local.isoweekday(), example)
        if name == "H" and any(other == "p" for other, _, _ in self.fields):
            hour = (hour - 1) % 12 + 1
        number = {
            "y": year % 100 if len(example) == 2 else year,
            "q": (local.month + 2) // 3,
            "m": local.month,
            "w": local.isocalendar().week,
            "d": local.day,
            "H": hour,
            "M": local.minute,
            "S": local.second,
            "HM": 100 * hour + local.minute,
            "HMS": 10_000 * hour + 100 * local.minute + local.second,
        }[name]
        width = {"y": len(example), "HM": 4, "HMS": 6, "q": 1}.get(name, 2)
        return f"{number:0{width}d}" if name in self.padded or name == "y" else str(number)

    def _write_name(self, field: str, number: int, example: str) -> str:
        if (field, number) in self.names:
            return self.names[field, number]
        full = (MONTHS if field == "n" else WEEKDAYS)[number - 1]
        is_full = any(len(name) > 4 for (own, _), name in self.names.items() if own == field)
        name = full if is_full else full[:3]
        return name.upper() if example.isupper() else name.title() if example[0].isupper() else name

    def _write_offset(self, offset: int) -> str:
        if offset == 0 and False in self.signs:
            return self.signs[False]
        example = self.signs.get(True, "+00:00")
        hours, minutes = divmod(abs(offset), 60)
        colon, short = ":" in example, len(example) == 3 and not minutes
        return f"{'-' if offset < 0 else '+'}{hours:02d}" + ("" if short else f"{':' * colon}{minutes:02d}")


def _learn(form: str, cells: Sequence[str]) -> _Template:
    """Learn the notation of a column from some cells, the latest last."""
    if form in NUMBERS:
        # The one with most decimals.
        return _Template(
            form, max(reversed([cell.strip() for cell in cells]), key=lambda cell: len(cell.partition(".")[2]))
        )
    matches = [match for cell in reversed(cells) if (match := match_part(cell.strip(), form))]
    # The one that tells most, such as a clock that others leave out at midnight; the latest of several.
    best = max(matches, key=lambda match: (sum(map(bool, match.groups())), len(match.groupdict().get("f") or "")))
    seen: dict[str, list[str]] = {}
    for match in matches:
        for name, text in match.groupdict().items():
            if text:
                seen.setdefault(name, []).append(text)
    names = {
        (field, find_name(text, MONTHS if field == "n" else WEEKDAYS)): text
        for field in ("n", "a")
        for text in reversed(seen.get(field, []))
    }
    signs: dict[bool, str] = {}
    for text in [*seen.get("z", []), *seen.get("zd", [])]:
        signs.setdefault(text[0] in "+-", text)
    fields = sorted((best.start(name), best.end(name), name) for name, text in best.groupdict().items() if text)
    return _Template(
        form,
        best.string,
        tuple((name, begin, end) for begin, end, name in fields),
        frozenset(name for name, texts in seen.items() if _is_padded(name, texts, "p" in seen)),
        names,
        signs,
        any(int(text) == 24 for text in seen.get("H", ()))
        or any(int(text) // 100 == 24 for text in seen.get("HM", ())),
    )


def _is_padded(name: str, texts: Sequence[str], in_halves: bool) -> bool:
    """Tell whether a field has leading zeros; where no cell shows it, all but the hours of half days have."""
    if any(text.startswith("0") and len(text) > 1 for text in texts):
        return True
    widths = {"HM": 4, "HMS": 6}
    if any(len(text) < widths.get(name, 2) for text in texts):
        return False
    return not (name == "H" and in_halves) and name not in ("HM", "HMS")
