"""Write the main figures as rows of a table: a name, then a value for each layer and direction.

>>> import elman, torch
>>> flow = elman.flow.examine(elman.nn.GRU(3, 5), torch.randn(11, 2, 3))
>>> [row[0] for row in figure_rows(flow)][:2]
['', 'left of the gradient at lag 10']
"""

import math

from elman.flow.figures import FAR, Flow
from elman.flow.page.wording import name_layer, write_number, write_share, write_steps


def figure_rows(flow: Flow) -> list[tuple[str, ...]]:
    """Return the rows, the names of layers first; none where the run was not finite."""
    endings = list(flow.gradient_norms)
    if not endings:
        return []
    lag = min(FAR, *(len(flow.influence[e].curve) - 1 for e in endings))
    left = [float(flow.influence[e].curve[lag]) for e in endings]
    rows = [
        ("", *map(name_layer, endings)),
        (f"left of the gradient at lag {lag}", *map(write_number, left)),
        ("half-life of the gradient", *(_write_half_life(flow.half_life[e]) for e in endings)),
        ("90 % of dL/dW within a lag of", *(write_steps(flow.lag90[e]) for e in endings)),
        ("explicit part of dL/dW", *(write_share(flow.explicit[e].share) for e in endings)),
        ("Lyapunov exponent λ₁", *(write_number(float(flow.lyapunov[e].exponents[0])) for e in endings)),
        ("memory time −1/λ₁", *(write_steps(flow.lyapunov[e].memory_time) for e in endings)),
    ]  # fmt: skip
    gates = [flow.gates[e] for e in endings]
    for name, shares in (
        ("gates stuck shut or open", [one.saturated for one in gates]),
        ("tanh stuck beyond ±0.99", [one.saturated_tanh for one in gates]),
        ("relu units that are dead", [one.dead for one in gates]),
    ):
        if not all(map(math.isnan, shares)):  # the cell has such values
            rows.append((name, *map(write_share, shares)))
    return rows


def _write_half_life(steps: float) -> str:
    return "does not fade" if math.isinf(steps) else write_steps(steps)
