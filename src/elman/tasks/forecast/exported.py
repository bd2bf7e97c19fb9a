"""A forecaster as a graph of ONNX: from the last values of a series, in their own units, to quantiles of the next.

The scaling of a window is inside, logarithms too, and undone on the result; intervals move by the margins of the
calibration, or by `margins` where they are given. Covariates are scaled as the card's `reading` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from elman.export.checking import LENGTHS
from elman.export.graph import DOUBLE, FLOAT, INT64, GraphWriter, Port
from elman.export.models import Feeds, ModelGraph
from elman.export.network import NetworkData, take
from elman.export.pieces import numbers_of, write_embedding, write_linear
from elman.export.ports import axis_length, zero_states
from elman.export.sides import write_sides
from elman.export.stack import write_network
from elman.tasks.forecast.backtest import say_error
from elman.tasks.forecast.blending import forecast_scaled
from elman.tasks.forecast.exported_mixture import WrittenScaling, write_mixture
from elman.tasks.forecast.model import TrainedForecaster
from elman.tasks.forecast.module import SCALED_BY_OWN, SegmentForecaster, Windows, move_ends
from elman.tasks.forecast.scores import ForecastScores

_KINDS = {"history": DOUBLE, "usual": DOUBLE, "series": INT64}


def describe(model: TrainedForecaster, alone: str = "the network") -> dict[str, Any]:
    """Return what the card says about this model alone; `alone` names a network that had a baseline mixed in."""
    mixed = "" if model.blend is None else f", mixed with the {model.blend.baseline} forecast"
    return {
        "holds": f"{alone} with its scaling{mixed}: calibrated quantiles of the next steps, in the units of the series",
        "quantiles": list(model.module.quantiles),
        "lookback": model.lookback,
        "horizon": model.horizon,
        "columns": model.columns.to_dict(),
        "reading": model.reading.to_dict(),
    }


def score_alone(model: TrainedForecaster) -> str:
    """Write the held-out score of the network without what is mixed in; empty where it has none."""
    own = model.metrics.get("network")
    return say_error(ForecastScores(**own)) if own else ""


def graphs(model: TrainedForecaster) -> dict[str, ModelGraph]:
    """Write the graph of a model."""
    module, writer = model.module, GraphWriter()
    horizon, quantiles = module.horizon, len(module.quantiles)
    margins = module.margins if model.blended_margins is None else model.blended_margins
    stored = margins.detach().float().cpu().numpy()[None]
    ports = [*_ports(module), Port("margins", ("batch", *stored.shape[1:]), default=stored)]
    logarithms = model.reading.logarithms
    window = _ForecastGraph(writer, module, take(module.recurrent), {port.name for port in ports}, logarithms)
    ahead = window.forecast()
    ahead = write_mixture(writer, model, WrittenScaling(window.moved, window.scale, window.center), ahead)
    ahead = _write_calibration(writer, ahead, quantiles)
    whole = writer.add("Cast", ahead, to=DOUBLE)
    scale, center = (writer.add("Unsqueeze", part, writer.indices(1, 2)) for part in (window.scale, window.center))
    result = writer.add("Add", writer.add("Mul", whole, scale), center)
    if logarithms:
        result = writer.add("Exp", result)

    def expect(module: SegmentForecaster, feeds: dict[str, Tensor]) -> list[Tensor]:
        history = feeds["history"]
        ahead, scaling = module(Windows(**{**feeds, "history": history.log() if logarithms else history}))
        if model.blend is not None and model.mixed is not None:
            ahead = model.blend.mix(ahead, forecast_scaled(model.mixed, history.numpy(), scaling, model.reading))
        found = scaling.undo(move_ends(ahead.sort(dim=2).values, margins))
        return [found.exp() if logarithms else found]

    reads = {
        "history": "the last values of the series, as they are; NaN where one is missing",
        "usual": "how far the series, or its logarithm, usually moves within a look-back: `reading.scales`, by name",
        "past": "covariates of the look-back, scaled as `reading` says",
        "known": "covariates of the look-back and the horizon, scaled as `reading` says",
        "calendar": "cycles of the calendar, as `reading` says, of the look-back and the horizon",
        "static": "covariates of the whole series, scaled as `reading` says",
        "series": "the number of the series among `reading.names`, from 1; 0 for another",
        "margins": "how far the ends of the intervals move outwards, in scaled units; left out, as calibrated",
        "forecast": "`quantiles` of each next step, in the units of the series",
    }
    cases = [_case(module, seed, logarithms) for seed in LENGTHS]
    return {
        "": ModelGraph(
            writer,
            ports,
            [(Port("forecast", ("batch", horizon, quantiles), DOUBLE), result)],
            module,
            cases,
            expect,
            reads,
        )
    }


def _ports(module: SegmentForecaster) -> list[Port]:
    lookback, both = module.lookback, module.lookback + module.horizon
    axes: dict[str, Sequence[int]] = {"history": (lookback,), "usual": ()}
    widths = module.widths
    for name, steps in (("past", lookback), ("known", both), ("calendar", both)):
        if widths[name]:
            axes[name] = (steps, widths[name])
    if widths["static"]:
        axes["static"] = (widths["static"],)
    if module.own is not None:
        axes["series"] = ()
    return [Port(name, ("batch", *rest), _KINDS.get(name, FLOAT)) for name, rest in axes.items()]


def _case(module: SegmentForecaster, seed: int, logarithms: bool) -> Feeds:
    """Draw two windows: one lacks values in front if the model reads missing ones."""
    random = np.random.default_rng(seed)
    feeds: Feeds = {}
    for port in _ports(module):
        shape = (2, *(int(n) for n in port.axes[1:]))
        drawn = random.standard_normal(shape)
        if port.name == "history":
            drawn = drawn.cumsum(1) + 0.3
            drawn = np.exp(drawn / module.lookback) if logarithms else drawn
            if module.missing:
                drawn[1, : module.lookback // 2] = np.nan
        if port.name == "usual":
            drawn = 0.5 + random.random(2)
        feeds[port.name] = drawn if port.kind == DOUBLE else drawn.astype(np.float32)
        if port.kind == INT64:
            assert module.own is not None
            feeds[port.name] = random.integers(0, module.own.num_embeddings, 2)
    return feeds


def _write_calibration(writer: GraphWriter, ahead: str, quantiles: int) -> str:
    """Sort the quantiles (B, H, Q), move the ends of the intervals by the margins, and sort them again."""
    pairs = quantiles // 2
    shape = writer.add("Concat", axis_length(writer, "history", 0), writer.indices(1, 1), axis=0)
    by = writer.add("Transpose", writer.add("Expand", "margins", shape), perm=[0, 2, 1])
    widths = writer.indices(pairs, 1, pairs)
    low, middle, high = writer.add_several("Split", 3, _sort(writer, ahead, quantiles), widths, axis=2)
    turned = writer.add("Gather", by, writer.indices(*reversed(range(pairs))), axis=2)
    low = writer.add("Min", writer.add("Sub", low, by), middle)
    high = writer.add("Max", writer.add("Add", high, turned), middle)
    return _sort(writer, writer.add("Concat", low, middle, high, axis=2), quantiles)


def _sort(writer: GraphWriter, values: str, count: int) -> str:
    return writer.add_several("TopK", 2, values, writer.indices(count), axis=2, largest=0, sorted=1)[0]


@dataclass
class _ForecastGraph:
    """The part of the graph that follows `SegmentForecaster`, with scaled windows, their scale and their center."""

    writer: GraphWriter
    module: SegmentForecaster
    network: NetworkData
    given: set[str]
    logarithms: bool
    moved: str = ""
    scale: str = ""
    center: str = ""
    base: str | None = None
    lags: str | None = None

    def forecast(self) -> str:
        """Write scaled quantiles, (B, H, Q)."""
        add, module = self.writer.add, self.module
        x, effects = self._scale(), None
        if module.effect is not None:
            effects = add("Squeeze", write_linear(self.writer, "known", module.effect), self.writer.indices(2))
            past = self._part(effects, 0, module.lookback, 1)
            x = add("Where", self.missing, x, add("Sub", x, past))
        tokens = add("Relu", write_linear(self.writer, self._cut(x), module.embed))
        batch = axis_length(self.writer, "history", 0)
        gaps = [[0]] + [[1]] * (module.read - 1)
        output, state = self._run(tokens, zero_states(self.writer, self.network, batch), gaps)
        decode = {"segment": self._segments, "direct": self._whole, "recursive": self._in_turn}
        last = add("Gather", output, self.writer.constant(np.int64(-1)), axis=0)
        self._write_lags(x)
        ahead = self._part(decode[module.decode](last, state), 0, module.horizon, 1)
        if effects is None:
            return ahead
        following = self._part(effects, module.lookback, module.lookback + module.horizon, 1)
        return add("Add", ahead, add("Unsqueeze", following, self.writer.indices(2)))

    def _write_lags(self, x: str) -> None:
        """Write the lags of several seasons: what is corrected, (B, H/W · W, 1), and the inputs, (H/W, B, hidden)."""
        add, writer, module = self.writer.add, self.writer, self.module
        if module.lags is None:
            return
        steps = [min(step, module.horizon - 1) for step in range(module.ahead * module.segment)]
        places = module.lags.places(module.lookback)[steps]
        lags = add("Gather", x, writer.indices(*places.flatten().tolist()), axis=1)
        lags = add("Reshape", lags, writer.indices(0, *places.shape))
        weighed = add("Mul", lags, writer.constant(numbers_of(module.lags.weight)[steps]))
        self.base = add("ReduceSum", weighed, writer.indices(2), keepdims=1)
        segments = add("Reshape", lags, writer.indices(0, module.ahead, -1))
        self.lags = write_linear(writer, add("Transpose", segments, perm=[1, 0, 2]), module.lags.embed)

    def _corrected(self, ahead: str, first: int = 0) -> str:
        """Add what is corrected to the steps from `first` on of what is decoded, (B, steps, Q)."""
        if self.base is None:
            return ahead
        steps = self.module.segment if self.module.decode == "recursive" else self.module.ahead * self.module.segment
        return self.writer.add("Add", ahead, self._part(self.base, first, first + steps, 1))

    def _run(self, x: str, states: Sequence[str], gaps: Sequence[Sequence[int]]) -> tuple[str, list[str]]:
        """Write the layers; gaps (T, A) count segments, of A rows of the batch one behind the other."""
        add, writer, sides = self.writer.add, self.writer, self.module.sides
        lengths = add("Expand", writer.constant(np.int64(len(gaps))), axis_length(writer, x, 1))
        carried: dict[str, str] = {}
        if sides.carried:
            each = writer.constant(np.array(gaps, np.float32)[:, :, None])
            each = add("Expand", each, add("Concat", writer.indices(1, 1), axis_length(writer, "history", 0), axis=0))
            carried = dict.fromkeys(sides.carried, add("Reshape", each, writer.indices(len(gaps), -1, 1)))
        return write_network(
            writer, self.network, x, states, lengths, write_sides(writer, self.network, sides, x, carried)
        )

    def _scale(self) -> str:
        add, writer, lookback = self.writer.add, self.writer, self.module.lookback
        zero, one = writer.constant(np.float64(0)), writer.constant(np.float64(1))
        self.missing = add("IsNaN", "history")
        history = add("Log", "history") if self.logarithms else "history"
        steps = writer.constant(np.arange(lookback, dtype=np.int64))
        last = add("ReduceMax", add("Where", self.missing, writer.constant(np.int64(0)), steps), axes=[1], keepdims=1)
        clean = add("Where", self.missing, zero, history)
        center = add("GatherElements", clean, last, axis=1)
        moved = add("Where", self.missing, zero, add("Sub", clean, center))
        known = add("Where", self.missing, zero, one)
        count = add("Max", add("ReduceSum", known, writer.indices(1), keepdims=1), one)
        mean = add("Div", add("ReduceSum", moved, writer.indices(1), keepdims=1), count)
        apart = add("Where", self.missing, zero, add("Sub", moved, mean))
        square = add("Div", add("ReduceSum", add("Mul", apart, apart), writer.indices(1), keepdims=1), count)
        own = add("Mul", writer.constant(np.float64(SCALED_BY_OWN)), add("Sqrt", square))
        scale = add("Max", own, add("Unsqueeze", "usual", writer.indices(1)))
        self.scale, self.center = (add("Squeeze", part, writer.indices(1)) for part in (scale, center))
        self.moved = add("Div", moved, scale)
        return add("Cast", self.moved, to=FLOAT)

    def _cut(self, x: str) -> str:
        """Write the segments of the look-backs, (L/W, B, numbers)."""
        add, writer, module = self.writer.add, self.writer, self.module
        rows = [add("Unsqueeze", x, writer.indices(2))]
        if module.missing:
            rows.append(add("Unsqueeze", add("Cast", self.missing, to=FLOAT), writer.indices(2)))
        rows += [self._part(name, 0, module.lookback, 1) for name in ("past", "known") if name in self.given]
        steps = rows[0] if len(rows) == 1 else add("Concat", *rows, axis=2)
        lacking = module.read * module.segment - module.lookback
        order = writer.indices(*[0] * lacking, *range(module.lookback))
        segments = add("Reshape", add("Gather", steps, order, axis=1), writer.indices(0, module.read, -1))
        if "calendar" in self.given:
            firsts = [max(0, k * module.segment - lacking) for k in range(module.read)]
            segments = add("Concat", segments, add("Gather", "calendar", writer.indices(*firsts), axis=1), axis=2)
        return add("Transpose", segments, perm=[1, 0, 2])

    def _expected(self) -> str | None:
        """Write the covariates known for the segments ahead, (H/W, B, numbers)."""
        add, writer, module = self.writer.add, self.writer, self.module
        rows, end = [], module.lookback + module.horizon
        steps = [min(module.lookback + t, end - 1) for t in range(module.ahead * module.segment)]
        if "known" in self.given:
            known = add("Gather", "known", writer.indices(*steps), axis=1)
            rows.append(add("Reshape", known, writer.indices(0, module.ahead, -1)))
        if "calendar" in self.given:
            rows.append(add("Gather", "calendar", writer.indices(*steps[:: module.segment]), axis=1))
        if not rows:
            return None
        return add("Transpose", rows[0] if len(rows) == 1 else add("Concat", *rows, axis=2), perm=[1, 0, 2])

    def _inputs(self, expected: str | None) -> str:
        """Write the input of each step of decoding, (segments, B, hidden)."""
        add, writer, module = self.writer.add, self.writer, self.module
        place = writer.constant(numbers_of(module.place)[:, None])
        width = writer.indices(module.place.shape[1])
        shape = add("Concat", writer.indices(1), axis_length(writer, "history", 0), width, axis=0)
        inputs = add("Expand", place, shape)
        if module.own is not None:
            inputs = add("Add", inputs, write_embedding(writer, "series", module.own))
        if module.describe is not None:
            inputs = add("Add", inputs, write_linear(writer, "static", module.describe))
        if module.expect is not None and expected is not None:
            inputs = add("Add", inputs, write_linear(writer, expected, module.expect))
        return inputs

    def _segments(self, _: str, state: list[str]) -> str:
        add, writer, module = self.writer.add, self.writer, self.module
        inputs = self._inputs(self._expected())
        if self.lags is not None:
            inputs = add("Add", inputs, self.lags)
        flat = add("Reshape", inputs, writer.indices(1, -1, module.place.shape[1]))
        many = [add("Concat", *[one] * module.ahead, axis=1) for one in state]
        output, _final = self._run(flat, many, [[*range(1, module.ahead + 1)]])
        read = write_linear(writer, add("Squeeze", output, writer.indices(0)), module.readout)
        parts = add("Reshape", read, writer.indices(module.ahead, -1, module.segment, len(module.quantiles)))
        return self._corrected(self._joined(add("Transpose", parts, perm=[1, 0, 2, 3])))

    def _whole(self, _: str, state: list[str]) -> str:
        add, writer = self.writer.add, self.writer
        expected = self._expected()
        inputs = self._inputs(None if expected is None else add("ReduceMean", expected, axes=[0], keepdims=1))
        output, _final = self._run(inputs, state, [[1]])
        whole = self._joined(write_linear(writer, add("Squeeze", output, writer.indices(0)), self.module.readout))
        return self._corrected(whole)

    def _in_turn(self, output: str, state: list[str]) -> str:
        add, writer, module = self.writer.add, self.writer, self.module
        inputs, expected, parts = self._inputs(None), self._expected(), []
        for number in range(module.ahead):
            part = self._joined(write_linear(writer, output, module.readout))
            part = self._corrected(part, number * module.segment)
            parts.append(part)
            if number + 1 < module.ahead:
                token = write_linear(writer, self._read_back(part, expected, number), module.embed)
                following = add("Add", add("Unsqueeze", add("Relu", token), writer.indices(0)), inputs)
                whole, state = self._run(following, state, [[1]])
                output = add("Squeeze", whole, writer.indices(0))
        return parts[0] if len(parts) == 1 else add("Concat", *parts, axis=1)

    def _read_back(self, part: str, expected: str | None, number: int) -> str:
        add, writer, module = self.writer.add, self.writer, self.module
        middle = add("Gather", part, writer.indices(len(module.quantiles) // 2), axis=2)
        unread, known = int(module.missing) + module.widths["past"], module.widths["known"]
        rows = [middle, *[add("Mul", middle, writer.constant(np.float32(0)))] * unread]
        cycles = []
        if expected is not None:
            row = add("Gather", expected, writer.constant(np.int64(number)), axis=0)
            if known:
                own = self._part(row, 0, module.segment * known, 1)
                rows.append(add("Reshape", own, writer.indices(-1, module.segment, known)))
            cycles = [self._part(row, module.segment * known, 2**31, 1)] if module.widths["calendar"] else []
        steps = rows[0] if len(rows) == 1 else add("Concat", *rows, axis=2)
        flat = add("Flatten", steps, axis=1)
        return add("Concat", flat, *cycles, axis=1) if cycles else flat

    def _joined(self, parts: str) -> str:
        """Write numbers of each example as (B, steps, Q)."""
        return self.writer.add("Reshape", parts, self.writer.indices(0, -1, len(self.module.quantiles)))

    def _part(self, value: str, first: int, end: int, axis: int) -> str:
        writer = self.writer
        return writer.add("Slice", value, writer.indices(first), writer.indices(end), writer.indices(axis))
