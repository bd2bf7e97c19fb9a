"""Show the scores of forecasts as tables of at most 80 columns: the model first, then its baselines."""

from collections.abc import Sequence

from rich.table import Table

from elman.tasks.forecast.backtest import Backtest
from elman.tasks.forecast.scores import ForecastScores

_ERRORS = ("MSE", "MAE", "scaled\nMSE", "scaled\nMAE", "sMAPE", "MASE", "OWA")
_LEVELS_ABREAST = 3
_LONGEST = 8  # characters of a number: seven numbers fit next to the longest name


def score_tables(scores: Backtest) -> list[Table]:
    """Lay out scores, a row for each forecaster: errors, then intervals.

    Scaled errors and widths are in units of each series, which is its standard deviation in training.
    """
    rows = {"this model": scores.ours, **scores.baselines}
    levels = list(scores.ours.coverage)
    tables = [_lay_out(_ERRORS, {name: _write_errors(one) for name, one in rows.items()})]
    for first in range(0, len(levels), _LEVELS_ABREAST):
        part = levels[first : first + _LEVELS_ABREAST]
        heads = [head for level in part for head in (f"in {level} %", "width")]
        tables.append(_lay_out(heads, {name: _write_intervals(one, part) for name, one in rows.items()}))
    return tables


def _lay_out(heads: Sequence[str], rows: dict[str, list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True, min_width=_LONGEST)
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _write_errors(scores: ForecastScores) -> list[str]:
    return [
        _write(one)
        for one in (
            scores.mse,
            scores.mae,
            scores.scaled_mse,
            scores.scaled_mae,
            scores.smape,
            scores.mase,
            scores.owa,
        )
    ]


def _write_intervals(scores: ForecastScores, levels: Sequence[int]) -> list[str]:
    written = []
    for level in levels:
        inside = scores.coverage.get(level)
        written += ["–" if inside is None else f"{100 * inside:.1f} %", _write(scores.width.get(level))]
    return written


def _write(number: float | None) -> str:
    """Write four significant digits, or three where these would be too long."""
    if number is None:
        return "–"
    written = f"{number:.4g}"
    return written if len(written) <= _LONGEST else f"{number:.2e}"
