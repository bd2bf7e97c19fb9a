"""Score Naive2 on the test part of M4 Weekly, beside what the competition published.

    python -m bench.scores.forecast_yardsticks --data FOLDER

FOLDER holds the sets as `bench/scores/score_data.py` says. Nothing is chosen here: Naive2 has no settings, so that its
figures check how series are read, divided and scored. Published are a sMAPE of 9.161 and a MASE of 2.777 (Makridakis et
al. 2020; the table by frequency in the competition's repository).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from bench.scores.forecast_data import m4_weekly
from elman.data import open_series
from elman.tasks.forecast.baseline.naive import forecast_naive2
from elman.tasks.forecast.scores import ForecastScores, ForecastTally, mase_scale

PUBLISHED_SMAPE, PUBLISHED_MASE = 9.161, 2.777


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the sets")
    with tempfile.TemporaryDirectory() as folder:
        scores = score_naive2(parser.parse_args().data, Path(folder))
    print(f"M4 Weekly, Naive2: sMAPE {scores.smape:.3f} (published {PUBLISHED_SMAPE}), ", end="")
    print(f"MASE {scores.mase:.3f} (published {PUBLISHED_MASE})")


def score_naive2(data: Path, scratch: Path) -> ForecastScores:
    """Score Naive2 on the last 13 steps of each series."""
    part = m4_weekly(data / "m4", scratch)
    tally = ForecastTally()
    for series in open_series(part.test).series:
        history, actual = series.values[: -part.test_steps], series.values[None, -part.test_steps :]
        point = forecast_naive2([history], part.test_steps, season=part.mase_season)
        tally.add(actual, point, scale=np.array([mase_scale(history, part.mase_season)]), unit=np.ones(1))
    return tally.scores()


if __name__ == "__main__":
    main()
