"""Time a program that learns to continue sine waves, with torch's cells and with ours in their place.

The program is that of PyTorch's example `time_sequence_prediction`: two LSTM cells one after the other in a Python loop
over time, a linear layer, double precision, L-BFGS. An update is a step of the optimiser, which evaluates the loss and
its gradient up to twenty times; a prediction reads waves and goes on by as many steps, each from its own last value.
The waves have 100 steps, not 1,000: a step takes the same time. Both programs begin each update with the same weights,
and must have the same losses. As in `small`, they run on one thread, and what is measured is its time on the processor.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import elman
from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, side_by_side
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.small import make_row, on_one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAVES, LEARNT, STEPS, PERIOD = 100, 97, 100, 20
HIDDEN, RATE = 51, 0.8


class Continuer(nn.Module):
    """Two cells that read a wave and continue it.

    Args:
        cells: where `LSTMCell` is, torch.nn or elman.nn.
    """

    def __init__(self, cells: Any) -> None:
        super().__init__()
        self.first, self.second = cells.LSTMCell(1, HIDDEN), cells.LSTMCell(HIDDEN, HIDDEN)
        self.linear = nn.Linear(HIDDEN, 1)
        self.double()

    def forward(self, waves: Tensor, further: int = 0) -> Tensor:
        """Predict the next value after each step of waves (B, T), and then of its own predictions."""
        zeros = waves.new_zeros(len(waves), HIDDEN)
        states, outputs = [(zeros, zeros), (zeros, zeros)], []

        def step(value: Tensor) -> Tensor:
            states[0] = self.first(value, states[0])
            states[1] = self.second(states[0][0], states[1])
            outputs.append(self.linear(states[1][0]))
            return outputs[-1]

        for value in waves.split(1, dim=1):
            last = step(value)
        for _ in range(further):
            last = step(last)
        return torch.cat(outputs, dim=1)


def make_models() -> tuple[Continuer, Continuer]:
    """Make the model with our cells and with torch's, with the same weights."""
    ours, theirs = Continuer(elman.nn), Continuer(nn)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def make_waves(steps: int = STEPS) -> Tensor:
    """Draw sine waves that begin anywhere: (waves, steps + 1)."""
    starts = torch.randint(-4 * PERIOD, 4 * PERIOD, (WAVES, 1))
    return torch.sin((torch.arange(steps + 1) + starts).double() / PERIOD)


def make_update(model: Continuer, waves: Tensor) -> Callable[[], list[float]]:
    """Make a step of the optimiser from the weights that the model has now; it returns the losses that it evaluates."""
    begun = {name: value.clone() for name, value in model.state_dict().items()}

    def update() -> list[float]:
        losses: list[float] = []
        model.load_state_dict(begun)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=RATE)

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(waves[:LEARNT, :-1]), waves[:LEARNT, 1:])
            loss.backward()
            losses.append(loss.item())
            return loss

        optimizer.step(evaluate)  # type: ignore[no-untyped-call]
        return losses

    return update


def make_prediction(model: Continuer, waves: Tensor) -> Callable[[], Tensor]:
    """Make a prediction of the waves that are not learnt from."""

    @torch.no_grad()
    def predict() -> Tensor:
        return model(waves[LEARNT:, :-1], waves.shape[1] - 1)

    return predict


CASES = {"update": make_update, "prediction": make_prediction}


def run(pace: Pace = FULL) -> Result:
    """Measure both parts of the program; `ratio` says how many times as fast it is with our cells."""
    waves, models = make_waves(), make_models()
    check_alike(*models, waves)
    rows = []
    for case in track("sine waves", tuple(CASES)):
        calls = {name: CASES[case](model, waves) for name, model in zip(("elman", "torch"), models, strict=True)}
        timings = side_by_side({name: on_one_thread(call) for name, call in calls.items()}, pace)
        batch, steps = (LEARNT, STEPS) if case == "update" else (WAVES - LEARNT, 2 * STEPS)
        rows.append(make_row("LSTMCell", f"{case}, {steps}·{batch}·{HIDDEN}", timings))
    return Result(rows, [Target(row["size"], row["ratio"], 1.0) for row in rows])


def check_alike(ours: Continuer, theirs: Continuer, waves: Tensor) -> None:
    """Compare the losses of both over an update.

    Raises:
        RuntimeError: they are not the same.
    """
    one, other = (make_update(model, waves)() for model in (ours, theirs))
    alike = len(one) == len(other) and all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(one, other, strict=True))
    if not alike:
        raise RuntimeError(f"The losses with torch's cells are {other}, with ours {one}.")


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios."""
    return draw_ratios(rows, "Sine waves continued by cells, beside torch.nn (CPU, float64)", "part, T·B·H")
