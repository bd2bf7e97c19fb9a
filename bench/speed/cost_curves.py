"""Measure time and memory of a training update against T, B and H, one of them at a time, ours and torch's.

Where nothing else is said T is 100, B is 32 and H is 128; the input is as wide as the state. Memory is what
`bench.speed.memory` measures, once for each size.
"""

from typing import TYPE_CHECKING

from bench.speed.drawing import COLOURS, MARKERS, make_figure
from bench.speed.measure import FULL, Pace, Timing
from bench.speed.memory import peak_mib
from bench.speed.progress import track
from bench.speed.report import Result, Row
from bench.speed.torch_peer import OURS, Case, Size, best, make_input, make_pair, make_update, take_turns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("LSTM", "GRU")
AXES = {"T": (25, 50, 100, 200, 400), "B": (1, 4, 16, 32, 64, 128), "H": (32, 64, 128, 256, 512)}


def _size(axis: str, value: int) -> Size:
    chosen = {"T": 100, "B": 32, "H": 128, axis: value}
    return Size(chosen["T"], chosen["B"], chosen["H"], chosen["H"])


CASES = tuple(
    dict.fromkeys(Case(kind, _size(a, value)) for kind in KINDS for a, values in AXES.items() for value in values)
)


def run(pace: Pace = FULL) -> Result:
    """Measure every case in milliseconds and MiB."""
    rows: list[Row] = []
    for case in track("cost_curves", CASES):
        ours, theirs = make_pair(case)
        x = make_input(case.size)
        timings = take_turns(make_update(ours, x), {"torch": make_update(theirs, x)}, pace)
        elmans, torchs = timings[OURS], best(timings, "torch")[1]
        rows.append(
            {
                "kind": case.kind,
                "T": case.size.steps,
                "B": case.size.batch,
                "H": case.size.hidden,
                "elman ms": elmans.median,
                "torch ms": torchs.median,
                "elman MiB": peak_mib("elman", case),
                "torch MiB": peak_mib("torch", case),
                "spread": {"elman ms": _spread(elmans), "torch ms": _spread(torchs)},
                "timings": {name: vars(timing) for name, timing in timings.items()},
            }
        )
    return Result(rows)


def _spread(timing: Timing) -> list[float]:
    return [timing.median - timing.low, timing.high - timing.median]


def draw(rows: list[Row]) -> "Figure":
    """Draw time above memory, a column for each of T, B and H."""
    title = "Cost of a training update (CPU, float32, I=H; T=100, B=32, H=128 where they do not vary)"
    figure, axes = make_figure(len(AXES), title, rows=2, height=7.5, sharey="row", sharex="col")
    for column, (name, values) in enumerate(AXES.items()):
        for number, kind in enumerate(KINDS):
            own = [row for row in rows if row["kind"] == kind and _belongs(row, name)]
            own.sort(key=lambda row: row[name])
            for who, style in (("elman", "-"), ("torch", ":")):
                look = {
                    "color": COLOURS[number],
                    "linestyle": style,
                    "marker": MARKERS[number],
                    "markerfacecolor": COLOURS[number] if who == "elman" else "white",
                }
                places = [row[name] for row in own]
                whiskers = list(zip(*(row["spread"][f"{who} ms"] for row in own), strict=True))
                label = f"{kind}, {'elman' if who == 'elman' else 'torch.nn'}"
                axes[0, column].errorbar(
                    places, [row[f"{who} ms"] for row in own], whiskers, capsize=2, label=label, **look
                )
                axes[1, column].plot(places, [row[f"{who} MiB"] for row in own], **look)
        for axis in axes[:, column]:
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            axis.set_xticks(values, [str(value) for value in values])
            axis.minorticks_off()
        axes[1, column].set_xlabel({"T": "time steps T", "B": "batch size B", "H": "hidden size H"}[name])
    axes[0, 0].set_ylabel("time, ms (median, quartiles)")
    axes[1, 0].set_ylabel("peak memory, MiB")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=4, loc="outside lower center")
    return figure


def _belongs(row: Row, name: str) -> bool:
    """Say whether a row varies in this axis alone."""
    return all(row[other] == usual for other, usual in {"T": 100, "B": 32, "H": 128}.items() if other != name)
