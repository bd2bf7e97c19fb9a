"""Make series that can be forecast, and the tables that hold them."""

import csv
from pathlib import Path

import numpy as np

from elman.data.series.frequency import Frequency
from elman.data.series.series import Series, SeriesColumns, SeriesSet

SEASON = 5
DAILY = Frequency("day", 1, season=SEASON)
START = np.datetime64("2024-02-27", "us")


def draw_values(steps: int, seed: int = 1, level: float = 50.0) -> np.ndarray:
    """Draw a series with a season, a trend and a little noise."""
    drawn = np.random.default_rng(seed)
    waves = np.array([0.0, 3.0, 9.0, 4.0, -2.0])[np.arange(steps) % SEASON]
    return level + 0.05 * np.arange(steps) + waves + drawn.normal(0, 0.3, steps)


def make_series(values: np.ndarray, name: str = "sales", **parts) -> Series:
    """Make a daily series."""
    empty = {"past": np.zeros((len(values), 0)), "known": np.zeros((len(values), 0)), "static": {}}
    return Series(name, values, START, **{**empty, **parts}, where=f"t.csv, column {name}", last="t.csv line 9")


def make_set(*series: Series, **columns) -> SeriesSet:
    """Put daily series together."""
    names = tuple(one.name for one in series)
    return SeriesSet("t.csv", series, SeriesColumns(names, DAILY, time="day", **columns), ())


def write_sales(path: Path, steps: int = 120, columns: int = 1, **other) -> Path:
    """Write a table with a row a day; other columns are given whole."""
    days = DAILY.timestamps(START, steps).astype("datetime64[D]")
    values = [draw_values(steps, seed, 50.0 * seed) for seed in range(1, columns + 1)]
    names = ["sales", "visits", "calls"][:columns]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", *names, *other])
        for row in range(steps):
            writer.writerow([days[row], *(f"{one[row]:.3f}" for one in values), *(one[row] for one in other.values())])
    return path
