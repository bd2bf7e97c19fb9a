"""Serve the commands for a forecasting model: summary of a training, `evaluate` and `predict`."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from elman.data.series.opening import open_series
from elman.data.series.series import SeriesSet
from elman.errors import ConfigError
from elman.models.answers import write_answers
from elman.phrases import counted, format_score
from elman.scores.picture_files import check_format
from elman.tasks.contract import Evaluated, Request, Rows, Score
from elman.tasks.forecast.backtest import backtest, judge_forecasts, say_learnt
from elman.tasks.forecast.model import TrainedForecaster, load
from elman.tasks.forecast.steps import describe_steps
from elman.tasks.forecast.tables import score_tables
from elman.training.progress import show_bar

_NO_SMAPE = "Values lie on both sides of 0, where sMAPE and OWA mean nothing."


def summarise(model: TrainedForecaster) -> Rows:
    """Summarise a model: horizon, scores on the held-out part, comparison with the baselines."""
    measured = model.metrics["validation"]
    smape = "" if measured["smape"] is None else f"sMAPE {format_score(measured['smape'], 2)} %; "
    return [
        ("forecasts", f"{counted(model.horizon, 'step')} from {model.lookback:,}"),
        ("validation", model.metrics["verdict"]),
        ("", f"{smape}{_say_coverage(measured['coverage'])}"),
    ]


def validation_score(model: TrainedForecaster) -> Score:
    """Return the MASE of the forecasts of the held-out part."""
    return Score("MASE", model.metrics["validation"]["mase"], lower=True)


def _say_coverage(coverage: dict[str, float]) -> str:
    """Write the share of the values in each interval."""
    inside = [f"{100 * share:.0f} % {{}}in the {level} % interval" for level, share in coverage.items()]
    shares = ", ".join(part.format("" if number else "of the values lie ") for number, part in enumerate(inside))
    which = ", which is" if len(inside) == 1 else "; the intervals are"
    return f"{shares}{which} calibrated on these same forecasts"


def next_command(model: TrainedForecaster, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Write the command that forecasts with it."""
    return f"elman predict {path} {' '.join(map(shlex.quote, data))} --picture forecast.png"


def evaluate(request: Request) -> Evaluated:
    """Forecast from many origins in the past, and score the model and its baselines."""
    trained, options = load(request.model), request.options
    opened = _open(trained, request, to_compare=True)
    with show_bar("forecasting", request.quiet) as on_progress:
        scores = backtest(trained, opened, every=options.every, latest=options.origins, on_progress=on_progress)
    warning = say_learnt(scores)
    rows = [
        ("forecasts", f"{scores.ours.forecasts:,} of {trained.horizon:,} steps"),
        ("", judge_forecasts(scores)),
        *([("", _NO_SMAPE)] if scores.ours.smape is None else []),
        *([("", warning)] if warning else []),
    ]
    return Evaluated(scores.to_dict(), [*(part for table in score_tables(scores) for part in (table, "")), rows])


def predict(request: Request) -> Iterator[str]:
    """Forecast each series, a row for each step: time, series, forecast, and the ends of each interval."""
    trained, picture = load(request.model), request.options.picture
    if picture is not None:
        check_format(picture)
    opened = _open(trained, request, to_compare=False)
    forecasts = trained.forecast(opened)
    if picture is not None:
        from elman.tasks.forecast.picture import draw_forecasts

        draw_forecasts(forecasts, picture, lookback=trained.lookback)
    return write_answers((describe_steps(one) for one in forecasts), None if request.json else ",")


def _open(trained: TrainedForecaster, request: Request, to_compare: bool) -> SeriesSet:
    """Read series, leave out those that are too short, and report what the caller must know."""
    if "-" in request.data:
        raise ConfigError(f"- is standard input, and {request.model} needs whole tables. Save them in a file.")
    opened = open_series(request.data, like=trained.columns)
    left = trained.leave_out_short(opened, to_compare=to_compare)
    for note in left.notes:
        request.note(note)
    return left
