"""Train `elman train forecast` on public sets with its defaults, and measure their test parts once.

`ROWS` names the rows: ETTh1 at look-back 96 and horizons of 96, 192, 336 and 720 hours (Zhou et al. 2021; SegRNN, Lin
et al. 2023, has an MSE of .368, .408, .444 and .446 in units of the training's deviation), and the weekly and the
hourly series of M4 (Makridakis et al. 2020; sMAPE of ES-RNN 7.817 and 9.328, of Theta 9.093 and 18.138). The options of
a row are those that make it the published one: horizon, look-back, and how many steps are held out.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scores.forecast_data import ETT_HORIZONS, SeriesPart, etth1, m4_hourly, m4_weekly
from elman.data.series.opening import open_series
from elman.tasks import forecast
from elman.tasks.forecast.backtest import backtest

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def _etth1(horizon: int, data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    return _measure(f"etth1_{horizon}", etth1(data / "ett", scratch, horizon), scratch, seed, given, test)


def _m4_weekly(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    return _measure("m4_weekly", m4_weekly(data / "m4", scratch), scratch, seed, given, test)


def _m4_hourly(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    return _measure("m4_hourly", m4_hourly(data / "m4", scratch), scratch, seed, given, test)


ROWS: dict[str, Row] = {
    **{f"etth1_{horizon}": functools.partial(_etth1, horizon) for horizon in ETT_HORIZONS},
    "m4_weekly": _m4_weekly,
    "m4_hourly": _m4_hourly,
}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    others = row.get("baselines") or row["validation_baselines"]
    beside = "; ".join(f"{name}: {_describe(found)}" for name, found in others.items())
    return _describe(row["test"]) if "test" in row else "", _describe(row["validation"]), beside


def _describe(found: dict[str, Any]) -> str:
    coverage = "".join(f", {level} % interval covers {share:.3f}" for level, share in found["coverage"].items())
    smape = "" if found["smape"] is None else f", sMAPE {found['smape']:.3f}"
    return f"MSE {found['scaled_mse']:.3f}, MAE {found['scaled_mae']:.3f}{smape}{coverage}"


def _measure(
    name: str, part: SeriesPart, scratch: Path, seed: int, given: dict[str, Any], test: bool
) -> dict[str, Any]:
    start = time.perf_counter()
    options = {**part.options, "validation": part.validation_steps, **given, "seed": seed}
    model = forecast.train(part.training, output=scratch / f"{name}.elman.safetensors", force=True, **options)
    row: dict[str, Any] = {
        "name": name,
        "seed": seed,
        "options": {key: value for key, value in options.items() if key != "seed"},
        "parameters": model.parameters,
        "seconds": time.perf_counter() - start,
        "verdict": model.metrics["verdict"],
        "validation": model.metrics["validation"],
        "validation_baselines": model.metrics["baselines"],
        "updates": model.metrics["updates"],
    }
    if test:
        origins = part.test_steps - model.horizon + 1
        found = backtest(model, open_series(part.test, like=model.columns), latest=origins)
        row["test"] = found.ours.to_dict()
        row["baselines"] = {one: scores.to_dict() for one, scores in found.baselines.items()}
    return row
