"""Pictures of forecasts: the position of every line, and reproducible files."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from elman.data.series.frequency import Frequency
from elman.data.series.series import Series
from elman.errors import ConfigError, ElmanError
from elman.tasks.forecast import picture as forecast_picture
from elman.tasks.forecast.picture import MOST_DRAWN, draw_forecasts

MONTHLY = Frequency("month", 1, 12, day=31)
H = 5


def forecast(name="sales", length=47, start=None):
    values = np.arange(float(length))
    values[10] = values[12] = np.nan
    empty = np.empty((length, 0))
    first = np.datetime64("2020-01-31", "us") if start is None else start
    frequency = MONTHLY if start is None else Frequency("step", 1, 1)
    point = np.full(H, float(length))
    return SimpleNamespace(
        series=Series(name, values, first, empty, empty, {}, "sales.csv", "sales.csv line 48"),
        times=frequency.timestamps(first, length + H)[length:],
        point=point,
        intervals={80: (point - 3, point + 3), 95: (point - 6, point + 7)},
    )


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draw, and return the panels instead of writing a file."""
    panels = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kwargs: panels.extend(self.axes))

    def draw(*args, **kwargs):
        draw_forecasts(*args, tmp_path / "x.png", **kwargs)
        return panels

    return draw


def test_history_forecast_and_intervals_are_drawn_in_place(drawn):
    one = forecast()
    [panel] = drawn([one], lookback=24, came=[np.array([1.0, np.nan, 2, 3, 4])])
    lines = {line.get_label(): line for line in panel.get_lines()}
    assert lines["history"].get_ydata().tolist() == one.series.values[-24:].tolist()
    assert lines["forecast"].get_ydata().tolist() == [46.0, *one.point]
    apart = lines["history"].get_xdata()[-1] - MONTHLY.timestamps(one.series.start, 47)[-1]
    assert abs(apart) < np.timedelta64(3, "D")
    assert (lines["what came"].get_xdata() == one.times).all()
    bands = {band.get_label(): band.get_paths()[0].vertices[:, 1] for band in panel.collections}
    assert list(bands) == ["95 % interval", "80 % interval"], "the wider lies below"
    assert (bands["95 % interval"].min(), bands["95 % interval"].max()) == (41, 54)
    assert panel.get_title() == "sales"


def test_counted_steps_are_drawn_by_their_number_and_isolated_values_are_marked(drawn):
    [panel] = drawn([forecast(start=100)], lookback=47)
    history, alone, *_ = panel.get_lines()
    np.testing.assert_allclose(history.get_xdata(), np.arange(100, 147))
    assert (alone.get_xdata().tolist(), alone.get_ydata().tolist()) == ([111.0], [11.0])


def test_of_many_series_some_are_drawn_from_the_first_to_the_last(drawn):
    panels = drawn([forecast(f"s{k}") for k in range(40)], lookback=8)
    titles = [panel.get_title() for panel in panels]
    assert len(titles) == MOST_DRAWN
    assert (titles[0], titles[-1]) == ("s0", "s39")


def test_the_same_forecasts_give_the_same_file_and_odd_names_are_drawn(tmp_path):
    found = [forecast("a $ 日本 \U00012345"), forecast("b")]
    for name in ("one.svg", "two.svg"):
        draw_forecasts(found, tmp_path / name, lookback=9)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_file_that_cannot_be_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="names no format"):
        draw_forecasts([forecast()], tmp_path / "x.bmp", lookback=8)
    monkeypatch.setattr(forecast_picture, "_draw_one", lambda *args: None)
    with pytest.raises(ElmanError, match=r"the folder .*none does not exist"):
        draw_forecasts([forecast()], tmp_path / "none" / "x.png", lookback=8)
