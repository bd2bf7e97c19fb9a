"""A forecaster for the browser: from pasted values to quantiles of the next, drawn with their intervals.

The recurrent layers, the embedding and the readout are WebAssembly; scaling, segments and calibration are in
`answer.js`, and follow :class:`~elman.tasks.forecast.module.SegmentForecaster`. Intervals are calibrated as they were
in training.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.export.checking import LENGTHS
from elman.export.expected import expecting
from elman.export.network import take
from elman.export.pages.page import Case, WebModel
from elman.export.pieces import numbers_of
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.runs import write_runs
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.module import SCALED_BY_OWN, SegmentForecaster, Windows


def obstacle(model: TrainedForecaster) -> str:
    """Return why a model cannot become a page; empty where it can."""
    covariates = [name for name in ("past", "known", "static") if model.module.widths[name]]
    if not covariates:
        return ""
    return f"this model reads covariates ({', '.join(covariates)}), and a page reads a series alone"


def page_model(model: TrainedForecaster) -> WebModel:
    """Return what a page is made of."""
    module, writer = model.module, ModuleWriter()
    layers = write_runs(writer, take(module.recurrent))
    linear: dict[str, nn.Linear | None] = {"embed": module.embed, "readout": module.readout, "expect": module.expect}
    linear["lags"] = None if module.lags is None else module.lags.embed
    for name, layer in linear.items():
        if layer is not None:
            writer.write_linear(name, numbers_of(layer.weight), _bias(layer))
    writer.addresses["free"] = writer.memory.end

    def expect(module: SegmentForecaster, case: Case) -> list[Tensor]:
        history = torch.tensor([[float("nan") if v is None else v for v in case["history"]]], dtype=torch.float64)
        calendar = torch.tensor([case["calendar"]], dtype=torch.float32) if module.widths["calendar"] else None
        windows = Windows(
            history.log() if model.reading.logarithms else history,
            torch.tensor([case["usual"]], dtype=torch.float64),
            calendar=calendar,
            series=torch.tensor([case["series"]]),
        )
        found = module.forecast(windows)
        return [(found.exp() if model.reading.logarithms else found).flatten()]

    cases = [_case(model, seed) for seed in LENGTHS]
    return WebModel(writer, cases, expecting(module, expect), Path(__file__).parent, own=_own(model, layers))


def _bias(layer: nn.Linear) -> np.ndarray | None:
    return None if layer.bias is None else numbers_of(layer.bias)


def _own(model: TrainedForecaster, layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the page needs to know."""
    module, frequency = model.module, model.columns.frequency
    lags = module.lags
    return {
        "layers": layers,
        "scaledByOwn": SCALED_BY_OWN,
        "percents": list(model.percents),
        "segment": module.segment,
        "decode": module.decode,
        "missing": module.missing,
        "read": module.read,
        "ahead": module.ahead,
        "hidden": module.place.shape[1],
        "place": _rows(module.place),
        "series": None if module.own is None else _rows(module.own.weight),
        "margins": _rows(module.margins),
        "lags": lags and {"weight": _rows(lags.weight), "places": lags.places(model.lookback).tolist()},
        "frequency": frequency.to_dict(),
        "every": frequency.describe(),
    }


def _rows(tensor: Tensor) -> list[list[float]]:
    rows: list[list[float]] = tensor.detach().float().tolist()
    return rows


def _case(model: TrainedForecaster, seed: int) -> dict[str, Any]:
    """Draw a window; where the model reads missing values, one lacks some in front."""
    random, module = np.random.default_rng(seed), model.module
    history = random.standard_normal(model.lookback).cumsum() + 0.3
    values: list[float | None] = (np.exp(history / model.lookback) if model.reading.logarithms else history).tolist()
    if module.missing and seed > 1:
        values[: model.lookback // 2] = [None] * (model.lookback // 2)
    calendar = random.uniform(-1, 1, (model.lookback + model.horizon, module.widths["calendar"]))
    series = 0 if module.own is None else int(random.integers(0, module.own.num_embeddings))
    usual = 0.5 + float(random.random())
    return {"history": values, "usual": usual, "series": series, "calendar": calendar.astype(np.float32).tolist()}
