"""Show the scores of forecasts as a table: the model first, then what does without recurrence."""

from rich.table import Table

from elman.tasks.backtest import Backtest
from elman.tasks.forecast_scores import ForecastScores

_COLUMNS = ("MSE", "MAE", "scaled MSE", "scaled MAE", "sMAPE", "MASE", "OWA")


def score_table(found: Backtest) -> Table:
    """Lay out scores, a row a forecaster; scaled errors are in units of each series' deviation in training."""
    levels = list(found.ours.coverage)
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in (*_COLUMNS, *(f"{what} {level} %" for level in levels for what in ("in", "width of"))):
        table.add_column(name, justify="right")
    for name, scores in {"this model": found.ours, **found.beside}.items():
        table.add_row(name, *_cells(scores, levels))
    return table


def _cells(scores: ForecastScores, levels: list[int]) -> list[str]:
    errors = (scores.mse, scores.mae, scores.scaled_mse, scores.scaled_mae, scores.smape, scores.mase, scores.owa)
    written = ["–" if one is None else f"{one:.4g}" for one in errors]
    for level in levels:
        inside, width = scores.coverage.get(level), scores.width.get(level)
        written += ["–" if inside is None else f"{inside:.1%}", "–" if width is None else f"{width:.3g}"]
    return written
