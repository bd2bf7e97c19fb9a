"""The module that forecasts, against torch.nn.LSTM in float64, one window at a time and segment by segment."""

import math

import pytest
import torch
from torch import nn

from elman import cells
from elman.errors import ConfigError
from elman.models.layers import Layers
from elman.tasks.forecast.module import SegmentForecaster, Windows, pinball
from elman.tasks.forecast.settings import DECODINGS
from tolerances import assert_close

L, H, W, B, HIDDEN = 13, 7, 3, 5, 11
P, K, C, V, S = 2, 3, 4, 2, 3
QUANTILES = (0.1, 0.5, 0.9)
FULL = {"past": P, "known": K, "calendar": C, "static": V, "series": S, "missing": True}
decodings = pytest.mark.parametrize("decode", DECODINGS)


def some_module(decode: str = "segment", **options) -> SegmentForecaster:
    torch.manual_seed(3)
    sizes = {"lookback": L, "horizon": H, "segment": W, "quantiles": QUANTILES, "hidden": HIDDEN}
    layers, own = Layers.take({**sizes, **options})
    return SegmentForecaster(cells.lstm, layers, decode=decode, **own).double().eval()


def some_windows(full: bool = True, seed: int = 1) -> Windows:
    drawn = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=drawn, dtype=torch.float64)

    history, usual = 100 + 7 * draw(B, L), 2 + draw(B).abs()
    if not full:
        return Windows(history, usual)
    history[1, 4], history[2, -1], history[4, :9] = math.nan, math.nan, math.nan
    numbers = torch.tensor([0, 1, 3, 2, 1])
    return Windows(history, usual, draw(B, L, P), draw(B, L + H, K), draw(B, L + H, C), draw(B, V), numbers)


def torch_lstm(module: SegmentForecaster) -> nn.LSTM:
    """Give torch's LSTM the weights of ours."""
    ours, theirs = dict(module.recurrent.named_parameters()), nn.LSTM(HIDDEN, HIDDEN).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours["W_l0"])
        theirs.weight_hh_l0.copy_(ours["U_l0"])
        theirs.bias_ih_l0.copy_(ours["b_l0"])
        theirs.bias_hh_l0.zero_()
    return theirs


def one_of(windows: Windows, number: int) -> dict[str, torch.Tensor]:
    return {name: part[number] for name, part in windows._asdict().items() if part is not None}


def expected(module: SegmentForecaster, windows: Windows, number: int) -> torch.Tensor:
    """Forecast one window by hand, (H, Q), scaled."""
    one, lstm = one_of(windows, number), torch_lstm(module)
    known = [float(value) for value in one["history"] if not value.isnan()]
    center, mean = known[-1], sum(known) / len(known)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in known) / len(known))
    scale = max(0.5 * deviation, float(one["usual"]))
    x = [0.0 if value.isnan() else (float(value) - center) / scale for value in one["history"]]

    effects = [0.0] * (L + H)
    if "known" in one:
        effects = [float(module.effect.weight[0] @ step) for step in one["known"]]
    x = [value if one["history"][at].isnan() else value - effects[at] for at, value in enumerate(x)]

    def token(steps: list[list[float]], place: torch.Tensor | None) -> torch.Tensor:
        flat = torch.tensor([number for step in steps for number in step], dtype=torch.float64)
        return flat if place is None else torch.cat([flat, place])

    def step_of(at: int) -> list[float]:
        parts = [[x[at]]]
        if module.missing:
            parts.append([float(one["history"][at].isnan())])
        parts += [one[name][at].tolist() for name in ("past", "known") if name in one]
        return [value for part in parts for value in part]

    lacking = -L % W
    padded = [0] * lacking + list(range(L))
    starts = range(0, len(padded), W)
    tokens = [
        token(
            [step_of(at) for at in padded[start : start + W]],
            one["calendar"][padded[start]] if "calendar" in one else None,
        )
        for start in starts
    ]
    read = torch.relu(torch.stack([module.embed.weight @ one_token + module.embed.bias for one_token in tokens]))
    output, state = lstm(read[:, None])
    own = torch.zeros(HIDDEN, dtype=torch.float64)
    if module.own is not None:
        own = own + module.own.weight[one["series"]]
    if module.describe is not None:
        own = own + module.describe.weight @ one["static"]
    ahead = [min(step, H - 1) for step in range(math.ceil(H / W) * W)]

    def seen_ahead(start: int) -> torch.Tensor:
        parts = [one["known"][L + at] for at in ahead[start : start + W]] if "known" in one else []
        parts += [one["calendar"][L + start]] if "calendar" in one else []
        return torch.cat(parts)

    segments = range(0, len(ahead), W)
    with_more = "known" in one or "calendar" in one
    found = []
    if module.decode == "segment":
        for place, start in enumerate(segments):
            asked = module.place[place] + own
            if with_more:
                asked = asked + module.expect.weight @ seen_ahead(start)
            found.append(lstm(asked[None, None], state)[0][0, 0])
    elif module.decode == "direct":
        asked = module.place[0] + own
        if with_more:
            asked = asked + module.expect.weight @ (sum(map(seen_ahead, segments)) / len(segments))
        found.append(lstm(asked[None, None], state)[0][0, 0])
    else:
        last = output[-1, 0]
        for start in segments:
            found.append(last)
            median = (module.readout.weight @ last + module.readout.bias).view(W, -1)[:, 1].tolist()
            blank = [0.0] * (int(module.missing) + (P if "past" in one else 0))
            more = [one["known"][L + at].tolist() if "known" in one else [] for at in ahead[start : start + W]]
            steps = [[value, *blank, *known] for value, known in zip(median, more, strict=True)]
            made = token(steps, one["calendar"][L + start] if "calendar" in one else None)
            made = torch.relu(module.embed.weight @ made + module.embed.bias) + module.place[0] + own
            output, state = lstm(made[None, None], state)
            last = output[0, 0]
    rows = torch.stack([module.readout.weight @ h + module.readout.bias for h in found])
    return rows.reshape(-1, len(QUANTILES))[:H] + torch.tensor(effects[L:], dtype=torch.float64)[:, None]


@decodings
@pytest.mark.parametrize("full", [False, True], ids=["values alone", "everything"])
def test_every_decoding_is_that_of_torch_window_by_window(decode, full):
    module, windows = some_module(decode, **(FULL if full else {})), some_windows(full)
    if full:
        nn.init.normal_(module.effect.weight)
    with torch.no_grad():
        ours, _ = module(windows)
        for number in range(B):
            assert_close(f"window {number}", ours[number], expected(module, windows, number))


@decodings
def test_a_forecast_follows_the_level_and_the_unit_of_its_window(decode):
    module, windows = some_module(decode, **FULL), some_windows()
    nn.init.uniform_(module.margins, 0.1, 0.4)
    moved = windows._replace(history=windows.history * 300 - 4000, usual=windows.usual * 300)
    with torch.no_grad():
        assert_close("forecast", module.forecast(moved), module.forecast(windows) * 300 - 4000)


def test_what_lies_behind_a_missing_value_is_not_read():
    module, windows = some_module(**FULL), some_windows()
    scaling, x = module.scale(windows)
    assert scaling.center[2] == windows.history[2, -2]
    assert x[1, 4] == x[2, -1] == 0
    assert not x.isnan().any()


def test_margins_move_the_ends_outwards_and_quantiles_stay_in_order():
    module, windows = some_module(quantiles=(0.05, 0.1, 0.5, 0.9, 0.95)), some_windows(full=False)
    with torch.no_grad():
        before, scaling = module(windows)[0].sort(dim=2).values, module(windows)[1]
        module.margins.copy_(torch.tensor([[2.0], [1.0]], dtype=torch.float64).expand(2, H))
        wide = module.forecast(windows)
        moves = torch.tensor([-2.0, -1, 0, 1, 2], dtype=torch.float64)
        assert_close("ends", wide, scaling.undo(before + moves))
        module.margins.fill_(-5.0)  # narrower than they are wide
        narrow = module.forecast(windows)
    assert bool((narrow.diff(dim=2) >= 0).all())
    assert_close("median", narrow[:, :, 2], scaling.undo(before)[:, :, 2])


def test_the_loss_is_the_absolute_error_for_the_median_and_leaves_out_what_is_missing():
    right = torch.tensor([[1.0, math.nan], [4.0, -2.0]], dtype=torch.float64)
    ahead = torch.tensor([[3.0, 9.0], [1.0, 1.0]], dtype=torch.float64)[:, :, None]
    assert pinball(ahead, right, [0.5]) == pytest.approx((2 + 3 + 3) / 3)
    # Too low by 3 costs 2 · 0.9 · 3, too high by 2 or 3 only 2 · 0.1 of it.
    assert pinball(ahead, right, [0.9]) == pytest.approx((0.2 * 2 + 1.8 * 3 + 0.2 * 3) / 3)


def test_a_quantile_minimises_its_loss():
    values = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    tried = torch.linspace(0, 1, 101, dtype=torch.float64)
    losses = [float(pinball(x.expand(101, 1, 1), values, [0.9])) for x in tried]
    assert tried[losses.index(min(losses))] == pytest.approx(0.9, abs=0.011)


@pytest.mark.parametrize("segment", [0, L + 1])
def test_a_segment_is_a_part_of_the_look_back(segment):
    with pytest.raises(ConfigError, match=f"segment is {segment}, and the look-back has 13 steps"):
        some_module(segment=segment)


def test_an_unknown_decoding_is_refused():
    with pytest.raises(ConfigError, match="decode is 'backwards'; it must be one of segment, direct, recursive"):
        some_module("backwards")
