"""`elman train forecast`, and what `elman predict` and `elman evaluate` do with its models."""

import csv
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.inspect import check_report, write_training_report
from elman.cli.options import (
    CellName,
    Force,
    Json,
    Output,
    Quiet,
    Report,
    Search,
    Size,
    command_again,
    default_target,
    parse_sizes,
    with_options,
)
from elman.cli.show import (
    Row,
    describe_file,
    describe_gradient,
    describe_search,
    describe_training,
    drop_output,
    keep_the_best,
    print_json,
    print_rows,
    print_training_as_json,
)
from elman.errors import ConfigError
from elman.tasks.forecast.settings import ForecastSettings

if TYPE_CHECKING:
    from elman.data.series.series import SeriesSet
    from elman.tasks.forecast.model import Forecast, TrainedForecaster

_DIGITS = 7


@with_options(ForecastSettings)
def train_forecast(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="a table (CSV, TSV, JSONL) with a row a time: a series a column, or a column that names the series",
            show_default=False,
        ),
    ],
    cell: CellName = "gru",
    size: Size = None,
    output: Output = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
    report: Report = None,
    search: Search = None,
    **options: Any,
) -> None:
    """Train a model that forecasts one or many series, with intervals.

    The end of each series is held out, and says which weights are best and how wide intervals must be. The best weights
    so far are kept in the model file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import forecast

    check_report(report, data)
    target = output or default_target(data[0])
    with keep_the_best(target) as ended:
        model = forecast.train(
            data, cell=cell, sizes=parse_sizes(size), output=target, force=force, quiet=quiet, search=search, **options
        )
        kept = ended(model)
        inside = write_training_report(kept, data, report)
        searched = describe_search(model, command_again("forecast", data, cell, size), options, "forecasts")
        _report(model, kept, data, json, searched, inside)


def _report(
    model: "TrainedForecaster",
    target: Path,
    data: list[str],
    json: bool,
    searched: list[Row],
    inside: list[Row],
) -> None:
    if json:
        print_training_as_json(model, target)
        return
    metrics = model.metrics
    print_rows(
        ("model", describe_file(model, target)),
        ("forecasts", f"{model.horizon:,} steps from {model.lookback:,}"),
        ("validation", metrics["verdict"]),
        ("", f"sMAPE {metrics['validation']['smape']:.2f} %; {_say_coverage(metrics['validation']['coverage'])}"),
        *searched,
        ("training", describe_training(model)),
        ("gradient", describe_gradient(model)),
        *inside,
        ("next", f"elman predict {target} {' '.join(map(shlex.quote, data))} --picture forecast.png"),
    )


def _say_coverage(coverage: dict[str, float]) -> str:
    """Say what share of the values lies in each interval."""
    inside = [f"{100 * share:.0f} % {{}}in the {level} % interval" for level, share in coverage.items()]
    said = ", ".join(part.format("" if number else "of the values lie ") for number, part in enumerate(inside))
    which = ", which is" if len(inside) == 1 else "; the intervals are"
    return f"{said}{which} calibrated on these same forecasts"


def predict_series(model: Path, data: list[str], picture: Path | None, json: bool) -> None:
    """Write what follows each series, a row a step: series, time, forecast, and the ends of each interval."""
    from elman.scores.picture_files import check_format
    from elman.tasks import forecast

    trained = forecast.load(model)
    if picture is not None:
        check_format(picture)
    opened = _say_notes(_open(trained, model, data), trained.leave_out_short)
    found = trained.forecast(opened)
    if picture is not None:
        from elman.tasks.forecast.picture import draw_forecasts

        draw_forecasts(found, picture, lookback=trained.lookback)
    try:
        _write(opened, found, trained.columns.time or "step", json)
    except BrokenPipeError:
        drop_output()  # whoever reads, such as `head`, has what it wanted


def _open(trained: "TrainedForecaster", model: Path, data: list[str]) -> "SeriesSet":
    from elman.data.series.opening import open_series

    if "-" in data:
        raise ConfigError(f"- is standard input, and {model} forecasts from whole tables. Save them in a file.")
    return open_series(data, like=trained.columns)


def _say_notes(opened: "SeriesSet", leave_out: Callable[["SeriesSet"], "SeriesSet"]) -> "SeriesSet":
    """Leave out what is too short, and say so."""
    left = leave_out(opened)
    for note in left.notes[len(opened.notes) :]:
        sys.stderr.write(f"{note}\n")
    return left


def _write(data: "SeriesSet", found: "list[Forecast]", time: str, json: bool) -> None:
    writer = None if json else csv.writer(sys.stdout, lineterminator="\n")
    for number, one in enumerate(found):
        for step, moment in enumerate(one.times):
            ends = {
                f"{side}_{level}": pair[place][step]
                for level, pair in one.intervals.items()
                for place, side in enumerate(("low", "high"))
            }
            numbers = {"forecast": one.point[step], **ends}
            row = {time: data.frequency.say(moment), "series": one.series.name} | {
                name: float(f"{value:.{_DIGITS}g}") for name, value in numbers.items()
            }
            if writer is None:
                print_json(row)
                continue
            if number == step == 0:
                writer.writerow(row)
            writer.writerow(row.values())
    sys.stdout.flush()


def evaluate_series(model: Path, data: list[str], every: int, origins: int | None, quiet: bool, json: bool) -> None:
    """Forecast from many origins of the past, and print scores beside those of what does without recurrence."""
    from rich.console import Console

    from elman.tasks import forecast
    from elman.tasks.forecast.backtest import backtest, judge_forecasts, say_learnt
    from elman.tasks.forecast.tables import score_tables
    from elman.training.progress import show_bar

    trained = forecast.load(model)
    opened = _say_notes(_open(trained, model, data), lambda these: trained.leave_out_short(these, to_compare=True))
    with show_bar("forecasting", quiet) as told:
        found = backtest(trained, opened, every=every, latest=origins, told=told)
    if json:
        print_json({"model": str(model), **found.to_dict()})
        return
    console = Console(highlight=False)
    for table in score_tables(found):
        console.print(table, "")
    learnt = say_learnt(found)
    print_rows(
        ("forecasts", f"{found.ours.forecasts:,} of {trained.horizon:,} steps"),
        ("", judge_forecasts(found)),
        *([("", learnt)] if learnt else []),
    )
