"""Show forecasts in a notebook: a picture of each with its history and its widest interval, and a table."""

from collections.abc import Sequence
from html import escape

import numpy as np

from elman.flow.page.charts import Curve, draw_curves
from elman.flow.page.notebook import write_block
from elman.flow.page.pictures import Section
from elman.phrases import counted, printable
from elman.tasks.forecast.model import Forecast
from elman.tasks.forecast.steps import describe_steps

MOST_SHOWN = 4
MOST_STEPS = 24
_MOST_HISTORY = 200


def show_forecasts(forecasts: Sequence[Forecast]) -> str:
    """Show the first forecasts drawn, and their steps as tables that can be opened."""
    shown = forecasts[:MOST_SHOWN]
    more = f", the first {MOST_SHOWN} are shown" if len(shown) < len(forecasts) else ""
    head = f"<h3>Forecasts of {counted(len(forecasts), 'series', 'series')}{more}</h3>"
    return write_block(head + "".join(map(_draw, shown)), [_tabulate(one) for one in shown], "the forecasts themselves")


def _draw(one: Forecast) -> str:
    horizon, name = len(one.point), printable(one.series.name)
    history = one.series.values[-min(len(one.series), max(3 * horizon, MOST_STEPS), _MOST_HISTORY) :]
    level = max(one.intervals, default=0)
    low, high = one.intervals.get(level, (None, None))
    label = f"forecast, {level} % interval" if level else "forecast"
    curves = [
        Curve(np.arange(-float(len(history)), 0.0), history, "history", "green"),
        Curve(np.arange(float(horizon)), one.point, label, "blue", low, high),
    ]
    drawing = draw_curves(curves, ("steps from the end", name[:MOST_STEPS]), title=f"Forecast of {name}", width=620)
    return f"<p><b>{escape(name)}</b></p><div class=drawing>{drawing}</div>"


def _tabulate(one: Forecast) -> Section:
    rows = describe_steps(one)
    table = [tuple(rows[0]), *(tuple(f"{value}" for value in row.values()) for row in rows[:MOST_STEPS])]
    more = f" The first {MOST_STEPS} of {len(rows):,} steps." if len(rows) > MOST_STEPS else ""
    title = f"The steps of {printable(one.series.name)}"
    return Section(title, f"The forecast of each step, and the ends of its intervals.{more}", (), "", tuple(table))
