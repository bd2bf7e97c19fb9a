"""Define the network that reads the last steps of a series and forecasts the next: one recurrent step per segment.

look-back → scaling → segments → embedding → stacked recurrent layers → decoding → dropout → readout → quantiles

A look-back of L steps is cut into segments of W steps, and the recurrent layers take one step for each, so that they
are unrolled over L/W steps and not over L (Lin et al. 2023, SegRNN, section 3.2). What is ahead is decoded in one of
three ways:

* `segment`: all segments of the horizon at once. Each starts from the final state of the look-back and takes one
  step, whose input encodes the segment and the covariates known for it (ibid., section 3.3).
* `direct`: the final state of the look-back is read out as the whole horizon.
* `recursive`: segment by segment; each reads the median of the one before.

A cell that reads the time since the step before gets it in segments: 0 at the first of a look-back, 1 behind another,
and in the decoding `segment`, where each starts from the final state, how far ahead the segment is.

Where there are several seasons, what is forecast is what :mod:`elman.tasks.forecast.lags` leaves.

WindowScaling is part of the module and undone on its result: every window is measured from its last value, in units of
the usual movement of its series. What is learnt then holds for series of other levels and sizes as well.

>>> from elman import cells
>>> module = SegmentForecaster(cells.gru, Layers(hidden=4), lookback=6, horizon=5, segment=3, quantiles=[0.1, 0.5, 0.9])
>>> history = torch.arange(12, dtype=torch.float64).reshape(2, 6)
>>> ahead, scaling = module(Windows(history, usual=torch.ones(2, dtype=torch.float64)))
>>> ahead.shape, scaling.center.tolist()
(torch.Size([2, 5, 3]), [5.0, 11.0])
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn.rows import Dropout, of_entries
from elman.nn.rowwise import Linear
from elman.nn.states import States, of_each
from elman.tasks.forecast.lags import SeasonalLags
from elman.tasks.forecast.settings import DECODINGS

SCALED_BY_OWN = 0.5  # a window that moves more than twice as much as usual is scaled by half of its own deviation


class Windows(NamedTuple):
    """B windows of series: L steps of look-back, and the covariates of the H steps ahead.

    Attributes:
        history: (B, L) values in their own units, float64; NaN where missing.
        usual: (B,) the usual movement within a look-back of the series of each window, float64.
        past: (B, L, P) covariates that end with the look-back.
        known: (B, L + H, K) covariates that are known ahead as well.
        calendar: (B, L + H, C) cycles of the calendar.
        static: (B, V) covariates of a whole series.
        series: (B,) number of the series; 0 for one that was not in training.
    """

    history: Tensor
    usual: Tensor
    past: Tensor | None = None
    known: Tensor | None = None
    calendar: Tensor | None = None
    static: Tensor | None = None
    series: Tensor | None = None

    def on(self, device: torch.device) -> "Windows":
        """Return the same on a device."""
        return Windows(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]


class WindowScaling(NamedTuple):
    """The scaling of B windows.

    Attributes:
        center: (B,) the last value of a look-back, which becomes 0.
        scale: (B,) the distance that becomes 1.
    """

    center: Tensor
    scale: Tensor

    def apply(self, values: Tensor) -> Tensor:
        """Scale (B, …)."""
        more = (...,) + (None,) * (values.dim() - 1)
        return (values - self.center[more]) / self.scale[more]

    def undo(self, values: Tensor) -> Tensor:
        """Return scaled numbers (B, …) in the units of the series."""
        more = (...,) + (None,) * (values.dim() - 1)
        return values.to(self.scale.dtype) * self.scale[more] + self.center[more]


class SegmentForecaster(nn.Module):
    """A network that forecasts quantiles of the next steps of B series at once.

    Args:
        cell: the equations of the recurrent layers.
        layers: their number and options; the embedding of a segment has the size of the state.
        lookback: L, steps that are read.
        horizon: H, steps that are forecast.
        segment: W, steps of a segment.
        quantiles: Q of them, ascending; the middle one is the point forecast.
        decode: `segment`, `direct` or `recursive`, see above.
        past: P, covariates that end with the look-back.
        known: K, covariates that are known ahead.
        calendar: C, numbers of the cycles of the calendar; a segment reads those of its first step.
        static: V, numbers of the static covariates.
        series: how many series have an embedding of their own; those that were not in training share one.
        missing: read a flag for each missing value.
        seasons: the steps of several seasons, whose lags are read; none for a single one.

    Raises:
        ConfigError: the cell reads more than its input, a segment is longer than the look-back, or there is no such
            decoding; or a side input is read from a column.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        lookback: int,
        horizon: int,
        segment: int,
        quantiles: Sequence[float],
        decode: str = "segment",
        past: int = 0,
        known: int = 0,
        calendar: int = 0,
        static: int = 0,
        series: int = 0,
        missing: bool = False,
        seasons: Sequence[int] = (),
    ) -> None:
        super().__init__()
        hidden = layers.hidden
        if decode not in DECODINGS:
            raise ConfigError(f"decode is {decode!r}; it must be one of {', '.join(DECODINGS)}.")
        if not 1 <= segment <= lookback:
            raise ConfigError(
                f"segment is {segment}, and the look-back has {lookback:,} steps. Give a segment of 1 to {lookback:,}."
            )
        self.lookback, self.horizon, self.segment, self.decode = lookback, horizon, segment, decode
        self.quantiles, self.missing = tuple(quantiles), missing
        self.widths = {"past": past, "known": known, "calendar": calendar, "static": static}
        self.read, self.ahead = math.ceil(lookback / segment), math.ceil(horizon / segment)
        self.embed = Linear(segment * (1 + missing + past + known) + calendar, hidden)
        self.sides = layers.side_inputs(cell)
        self.sides.refuse_columns("a step of a forecast is a segment of rows at equal distances")
        self.recurrent = layers.build(cell, hidden, "a series")
        places = self.ahead if decode == "segment" else 1
        self.place = nn.Parameter(torch.randn(places, hidden))
        self.own = nn.Embedding(series + 1, hidden) if series else None
        self.describe = Linear(static, hidden, bias=False) if static else None
        expected = segment * known + calendar if decode != "recursive" else 0
        self.expect = Linear(expected, hidden, bias=False) if expected else None
        self.lags = SeasonalLags(seasons, lookback, horizon, segment, hidden) if seasons else None
        self.effect = Linear(known, 1, bias=False) if known else None
        if self.effect is not None:
            nn.init.zeros_(self.effect.weight)
        self.dropout = Dropout(layers.dropout)
        steps = self.ahead * segment if decode == "direct" else segment
        self.readout = Linear(self.recurrent.output_size, steps * len(self.quantiles))
        # How far calibration moves the ends of each interval outwards, in scaled units; the outermost interval first.
        self.margins: Tensor
        self.register_buffer("margins", torch.zeros(len(self.quantiles) // 2, horizon))

    def forward(self, windows: Windows) -> tuple[Tensor, WindowScaling]:
        """Forecast.

        Returns:
            Scaled quantiles (B, H, Q), and the scaling, whose `undo` returns them in the units of the series.
        """
        scaling, x = self.scale(windows)
        x, effects = x.to(self.embed.weight.dtype), self._effects(windows)
        if effects is not None:
            x = torch.where(windows.history.isnan(), x, x - effects[:, : self.lookback])
        tokens = torch.relu(self.embed(self._cut(x, windows)))
        gaps = tokens.new_ones(len(tokens), 1)
        gaps[0] = 0
        output, state = self.recurrent(tokens, **self._sides(tokens, gaps))
        decode = {"segment": self._decode_segments, "direct": self._decode_whole, "recursive": self._decode_in_turn}
        lags = None if self.lags is None else self.lags(x)
        ahead = decode[self.decode](output[-1], state, windows, lags)
        ahead = ahead[:, : self.horizon]
        return (ahead if effects is None else ahead + effects[:, self.lookback :, None]), scaling

    def _sides(self, steps: Tensor, gaps: Tensor) -> dict[str, Any]:
        """Return the side inputs of steps (T, B, hidden); gaps, (T, 1) or (1, B), count segments."""
        return self.sides.of(steps, gaps.expand(steps.shape[:2])[..., None].expand(-1, -1, len(self.sides.carried)))

    def _effects(self, windows: Windows) -> Tensor | None:
        """Return what known covariates add to each step, (B, L + H); None where there are none.

        Their weights are shared by all steps. The effect is subtracted from the look-back and added to the forecast, so
        it need not be learnt for each position in a segment.
        """
        if self.effect is None or windows.known is None:
            return None
        added: Tensor = self.effect(windows.known.to(self.effect.weight.dtype))
        return added[:, :, 0]

    def forecast(self, windows: Windows, margins: Tensor | None = None) -> Tensor:
        """Return calibrated quantiles in the units of the series, (B, H, Q), none above the next.

        Args:
            windows: what to forecast from.
            margins: (B, Q // 2, H) how far the ends of intervals move; by default as they were calibrated for all.
        """
        ahead, scaling = self(windows)
        return scaling.undo(move_ends(ahead.sort(dim=2).values, self.margins if margins is None else margins))

    def scale(self, windows: Windows) -> tuple[WindowScaling, Tensor]:
        """Scale every window from its last value, in units of its series; missing values become 0."""
        history = windows.history
        known = ~history.isnan()
        steps = torch.arange(history.shape[1], device=history.device)
        last = torch.where(known, steps, -1).amax(dim=1)
        center = history.gather(1, last.clamp(min=0)[:, None])[:, 0].nan_to_num()
        moved = torch.where(known, history - center[:, None], 0.0)
        count = known.sum(dim=1).clamp(min=1)
        mean = moved.sum(dim=1) / count
        square = (torch.where(known, moved - mean[:, None], 0.0) ** 2).sum(dim=1) / count
        scale = torch.maximum(SCALED_BY_OWN * square.sqrt(), windows.usual)
        return WindowScaling(center, scale), moved / scale[:, None]

    def _cut(self, x: Tensor, windows: Windows) -> Tensor:
        """Return the segments of the look-backs, (L/W, B, numbers); the first is padded with its first step."""
        rows = [x[:, :, None]]
        if self.missing:
            rows.append(windows.history.isnan().to(x.dtype)[:, :, None])
        covariates = [part for part in (windows.past, windows.known) if part is not None]
        rows += [part[:, : self.lookback].to(x.dtype) for part in covariates]
        lacking = self.read * self.segment - self.lookback
        steps = _fill_in_front(torch.cat(rows, dim=2), lacking)
        tokens = steps.reshape(len(x), self.read, -1).transpose(0, 1)
        if windows.calendar is None:
            return tokens
        cycles = _fill_in_front(windows.calendar[:, : self.lookback], lacking)[:, :: self.segment].to(x.dtype)
        return torch.cat([tokens, cycles.transpose(0, 1)], dim=2)

    def _expected(self, windows: Windows) -> Tensor | None:
        """Return the covariates known for the segments ahead, (H/W, B, numbers); None where there are none."""
        lacking = self.ahead * self.segment - self.horizon
        rows, kind = [], self.embed.weight.dtype
        if windows.known is not None:
            known = _fill_behind(windows.known[:, self.lookback :].to(kind), lacking)
            rows.append(known.reshape(len(known), self.ahead, -1))
        if windows.calendar is not None:
            rows.append(windows.calendar[:, self.lookback :: self.segment].to(kind))
        return torch.cat(rows, dim=2).transpose(0, 1) if rows else None

    def _decoder_inputs(self, windows: Windows, expected: Tensor | None) -> Tensor:
        """Return the input of each step of decoding, (segments, B, hidden): its position and its covariates."""
        inputs = self.place[:, None].expand(-1, len(windows.history), -1)
        if self.own is not None:
            numbers = windows.series
            inputs = inputs + self.own(
                torch.zeros_like(inputs[0, :, 0], dtype=torch.int64) if numbers is None else numbers
            )
        if self.describe is not None and windows.static is not None:
            inputs = inputs + self.describe(windows.static.to(inputs.dtype))
        if self.expect is not None and expected is not None:
            inputs = inputs + self.expect(expected)
        return inputs

    def _base(self, lags: Tensor | None) -> Tensor | None:
        """Return what is corrected, (B, segments × W, 1); None without several seasons."""
        if self.lags is None or lags is None:
            return None
        return _fill_behind(self.lags.base(lags)[:, :, None], self.ahead * self.segment - self.horizon)

    def _decode_segments(self, _: Tensor, state: States, windows: Windows, lags: Tensor | None) -> Tensor:
        inputs = self._decoder_inputs(windows, self._expected(windows))
        if self.lags is not None and lags is not None:
            inputs = inputs + self.lags.inputs(lags)
        segments, batch, hidden = inputs.shape
        many = of_each(state, lambda state: state.repeat(1, segments, 1))
        with of_entries(torch.ones(segments, batch, dtype=torch.bool)):
            steps = inputs.reshape(1, segments * batch, hidden)
            ahead = torch.arange(1, segments + 1, device=steps.device).repeat_interleave(batch)[None]
            output, _ = self.recurrent(steps, many, **self._sides(steps, ahead.to(steps.dtype)))
            ahead = self.readout(self.dropout(output[0])).view(segments, batch, self.segment, -1)
        ahead, base = ahead.transpose(0, 1).flatten(1, 2), self._base(lags)
        return ahead if base is None else ahead + base

    def _decode_whole(self, _: Tensor, state: States, windows: Windows, lags: Tensor | None) -> Tensor:
        expected = self._expected(windows)
        inputs = self._decoder_inputs(windows, None if expected is None else expected.mean(dim=0, keepdim=True))
        output, _ = self.recurrent(inputs, state, **self._sides(inputs, inputs.new_ones(1, 1)))
        ahead = self.readout(self.dropout(output[0])).view(inputs.shape[1], self.ahead * self.segment, -1)
        base = self._base(lags)
        return ahead if base is None else ahead + base

    def _decode_in_turn(self, output: Tensor, state: States, windows: Windows, lags: Tensor | None) -> Tensor:
        base = self._base(lags)
        expected, inputs = self._expected(windows), self._decoder_inputs(windows, None)[0]
        middle, parts = len(self.quantiles) // 2, []
        for number in range(self.ahead):
            part = self.readout(self.dropout(output)).view(len(output), self.segment, -1)
            if base is not None:
                part = part + base[:, number * self.segment : (number + 1) * self.segment]
            parts.append(part)
            if number + 1 == self.ahead:
                break
            token = self._read_back(part[:, :, middle], None if expected is None else expected[number], windows)
            steps = (torch.relu(self.embed(token)) + inputs)[None]
            following, state = self.recurrent(steps, state, **self._sides(steps, steps.new_ones(1, 1)))
            output = following[0]
        return torch.cat(parts, dim=1)

    def _read_back(self, values: Tensor, expected: Tensor | None, windows: Windows) -> Tensor:
        """Convert a forecast segment into the input of the next: no value is missing, past covariates are 0."""
        batch, steps = values.shape
        unread = self.missing + (0 if windows.past is None else windows.past.shape[2])
        known = 0 if windows.known is None else windows.known.shape[2]
        rows = [values[:, :, None], values.new_zeros(batch, steps, unread)]
        if expected is None:
            return torch.cat(rows, dim=2).flatten(1)
        rows.append(expected[:, : steps * known].reshape(batch, steps, known))
        return torch.cat([torch.cat(rows, dim=2).flatten(1), expected[:, steps * known :]], dim=1)


def move_ends(ahead: Tensor, margins: Tensor) -> Tensor:
    """Move the ends of intervals outwards; none passes the median.

    Args:
        ahead: (B, H, Q) ascending quantiles.
        margins: (Q // 2, H) or (B, Q // 2, H) how far, the outermost interval first.
    """
    pairs = ahead.shape[2] // 2
    by = margins.to(ahead).transpose(-1, -2)
    middle = ahead[:, :, pairs : pairs + 1]
    low = (ahead[:, :, :pairs] - by).minimum(middle)
    high = (ahead[:, :, pairs + 1 :] + by.flip(-1)).maximum(middle)
    return torch.cat([low, middle, high], dim=2).sort(dim=2).values


def pinball(ahead: Tensor, right: Tensor, quantiles: Sequence[float]) -> Tensor:
    """Return twice the quantile loss (Koenker & Bassett 1978): for the median it is the absolute error.

    Args:
        ahead: (B, H, Q) forecast.
        right: (B, H) actual values; NaN where missing, which is left out.
        quantiles: Q shares.

    Returns:
        The mean.
    """
    levels = ahead.new_tensor(list(quantiles))
    known = ~right.isnan()
    error = torch.where(known, right, 0.0)[:, :, None] - ahead
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error) * known[:, :, None]
    return loss.sum() / (known.sum().clamp(min=1) * len(levels))


def _fill_in_front(steps: Tensor, count: int) -> Tensor:
    return torch.cat([steps[:, :1].expand(-1, count, -1), steps], dim=1) if count else steps


def _fill_behind(steps: Tensor, count: int) -> Tensor:
    return torch.cat([steps, steps[:, -1:].expand(-1, count, -1)], dim=1) if count else steps
