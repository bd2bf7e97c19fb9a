"""Tables of scores fit a terminal of 80 columns, whatever the numbers."""

import dataclasses
import io

import pytest
from rich.console import Console

from elman.tasks.forecast.backtest import Backtest
from elman.tasks.forecast.scores import ForecastScores
from elman.tasks.forecast.tables import score_tables

LEVELS = (50, 60, 80, 95)
SCORES = ForecastScores(
    2000, 123456789.0, 0.00001234567, 0.05123, 1.23456, 0.001234567, 0.9876543, 12.3456,
    dict.fromkeys(LEVELS, 1.0), {level: 0.01234 * level for level in LEVELS},
)  # fmt: skip


def shown(found: Backtest) -> str:
    file = io.StringIO()
    for table in score_tables(found):
        Console(file=file, width=80, highlight=False).print(table)
    return file.getvalue()


def test_no_number_is_cut_at_80_columns():
    text = shown(Backtest(SCORES, {"seasonal naive": dataclasses.replace(SCORES, owa=None)}))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for number in ("1.23e+08", "1.23e-05", "0.05123", "1.235", "0.001235", "0.9877", "12.35", "100.0 %", "1.172"):
        assert number in text, number
    assert sum(line.startswith("seasonal naive ") for line in text.splitlines()) == 3


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_has_its_share_and_its_width(level):
    shares = {one: one / 100 - 0.013 for one in LEVELS}
    text = shown(Backtest(dataclasses.replace(SCORES, coverage=shares), {}))
    assert f"in {level} %" in text
    assert f"{level - 1.3:.1f} %  " in text
    assert f"{0.01234 * level:.4g}" in text
