"""Turn public sets of series, as their makers left them, into files that `elman train forecast` reads.

Each function takes the folder of one set and a folder to write to, and says what to train on, what to test on, how
many steps at the end of each are held out, and with which options. Nothing of a test part is in what is trained on; a
file to test on begins with what was trained on, since a forecast needs a past.
"""

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HOURS_OF_A_MONTH = 30 * 24
"""The papers count months of 30 days (Zhou et al. 2021)."""
ETT_TRAINING, ETT_VALIDATION, ETT_TEST = 12 * HOURS_OF_A_MONTH, 4 * HOURS_OF_A_MONTH, 4 * HOURS_OF_A_MONTH
ETT_HORIZONS = (96, 192, 336, 720)
ETT_LOOKBACK = 96
WEEKLY_HORIZON = 13
HOURLY_HORIZON = 48


@dataclass(frozen=True)
class SeriesPart:
    """One set, divided.

    Attributes:
        training: what `elman train forecast` is given.
        test: what is scored once; it goes on where `training` ends.
        validation_steps: steps at the end of each series of `training` by which everything is chosen.
        test_steps: steps at the end of each series of `test` that are forecast.
        options: what differs from the defaults.
        units: by series, its standard deviation in the steps before the validation; the papers' errors of ETTh1 are in
            units of it. Empty where errors are in the unit of the data.
        mase_season: the season of MASE as the makers define it.
    """

    training: Path
    test: Path
    validation_steps: int
    test_steps: int
    options: dict[str, Any]
    units: dict[str, float] = field(default_factory=dict)
    mase_season: int = 1


def etth1(source: Path, target: Path, horizon: int = ETT_HORIZONS[0]) -> SeriesPart:
    """Seven readings of a transformer by the hour (Zhou et al. 2021): 12 months to learn, 4 to validate, 4 to test."""
    with (source / "ETTh1.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    held = ETT_TRAINING + ETT_VALIDATION
    training = write_table(target / "etth1_train.csv", header, rows[:held])
    test = write_table(target / "etth1_test.csv", header, rows[: held + ETT_TEST])
    learnt = np.array([row[1:] for row in rows[:ETT_TRAINING]], np.float64)
    units = dict(zip(header[1:], learnt.std(axis=0).tolist(), strict=True))
    options = {"horizon": horizon, "lookback": ETT_LOOKBACK}
    return SeriesPart(training, test, ETT_VALIDATION, ETT_TEST, options, units, mase_season=24)


def m4_weekly(source: Path, target: Path) -> SeriesPart:
    """359 series of weeks, 80 to 2,597 steps (Makridakis et al. 2020): the last 13 of each are forecast once."""
    known = read_m4(source / "Weekly-train.csv.gz")
    ahead = read_m4(source / "Weekly-test.csv.gz")
    training = write_table(target / "weekly_train.csv", M4_COLUMNS, _as_long(known))
    test = write_table(
        target / "weekly_test.csv", M4_COLUMNS, _as_long({name: [*own, *ahead[name]] for name, own in known.items()})
    )
    return SeriesPart(training, test, WEEKLY_HORIZON, WEEKLY_HORIZON, {"horizon": WEEKLY_HORIZON})


def m4_hourly(source: Path, target: Path) -> SeriesPart:
    """414 series of hours, 700 or 960 steps: the wide file that their makers left, a series a row, under V1, V2, …."""
    training = target / "hourly_train.csv"
    with gzip.open(source / "Hourly-train.csv.gz") as packed:
        training.write_bytes(packed.read())
    known, ahead = (read_m4(source / f"Hourly-{part}.csv.gz") for part in ("train", "test"))
    rows = [[name, *own, *ahead[name]] for name, own in known.items()]
    width = max(map(len, rows))
    header = [f"V{number}" for number in range(1, width + 1)]
    test = write_table(target / "hourly_test.csv", header, ([*row, *[""] * (width - len(row))] for row in rows))
    return SeriesPart(training, test, HOURLY_HORIZON, HOURLY_HORIZON, {"horizon": HOURLY_HORIZON}, mase_season=24)


M4_COLUMNS = ("series", "step", "value")

SETS: dict[str, tuple[str, Callable[..., SeriesPart]]] = {
    "etth1": ("ett", etth1),
    "m4_weekly": ("m4", m4_weekly),
    "m4_hourly": ("m4", m4_hourly),
}
"""By the name of a row: the folder of the set, and what turns it into files."""


def read_m4(file: Path) -> dict[str, list[str]]:
    """Read a file of M4: a series a row, its name first, empty cells behind its end."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as opened:
        _, *rows = csv.reader(opened)
    return {name: [cell for cell in cells if cell not in ("", "NA")] for name, *cells in rows}


def write_table(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(columns)
        writer.writerows(rows)
    return file


def _as_long(series: dict[str, list[str]]) -> Iterable[tuple[str, int, str]]:
    return ((name, week, value) for name, own in series.items() for week, value in enumerate(own, 1))
