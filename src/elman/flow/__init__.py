"""Look inside a recurrent layer: where its gradient goes, how far back it reaches, and what is wrong with it.

Everything is exact. A step's Jacobian is never estimated: it is the derived adjoint of one step
(:mod:`elman.autodiff`), run on many rows at once, in float64. `network` brings a layer and a batch into one form;
`trajectory` runs forward once and saves the state before every step; `adjoints` carries many gradients back side by
side. `lags` makes of them the map of influence and the shares of dL/dW by lag, `growth` the singular values and the
Lyapunov spectrum, `reach` the effective memory; `bounds` reads the weights and `gates` the values of the gates.
`attribution` explains a prediction, `ledger` records a training, and `glance` is a cheap look during it. The results
are plain data (`figures`), each figure with its definition and source; `verdict` sums them up. `diagram` and `unfolded`
draw the network from its equations, and `report` writes one page with a sentence for each of the `pictures`.

>>> import elman, torch
>>> _ = torch.manual_seed(2)
>>> layer = elman.nn.Recurrent(elman.cells.elman, 3, 5)
>>> flow = elman.flow.examine(layer, torch.ones(11, 2, 3))
>>> flow.verdict, flow.bounds["l0"][0].member
('VANISHING', 'U')
"""

from typing import Any

from elman.flow.attribution import Attribution, attribute, attribute_in_model
from elman.flow.evidence import Clipping, GradientVerdict
from elman.flow.figures import (
    BatchSample,
    Bound,
    Checks,
    Flow,
    Gates,
    GateUsage,
    GradientNorms,
    GradientPart,
    Influence,
    LagShares,
    Lyapunov,
    Memory,
    SingularValues,
    TransportGain,
)
from elman.flow.glance import Glance, glance
from elman.flow.inspection import Limits, examine
from elman.flow.ledger import Ledger, clip_factor, gradient_norms
from elman.flow.observation import observe
from elman.flow.page.diagram import draw_folded
from elman.flow.page.report import Subject, write_report
from elman.flow.page.unfolded import draw_unfolded
from elman.flow.reach import Truncation, behavioural_memory, cut_by_truncation
from elman.flow.verdict import VERDICTS
from elman.renamed import warn_of_renamed

__all__ = [
    "VERDICTS",
    "Attribution",
    "BatchSample",
    "Bound",
    "Checks",
    "Clipping",
    "Flow",
    "GateUsage",
    "Gates",
    "Glance",
    "GradientNorms",
    "GradientPart",
    "GradientVerdict",
    "Influence",
    "LagShares",
    "Ledger",
    "Limits",
    "Lyapunov",
    "Memory",
    "SingularValues",
    "Subject",
    "TransportGain",
    "Truncation",
    "attribute",
    "attribute_in_model",
    "behavioural_memory",
    "clip_factor",
    "cut_by_truncation",
    "draw_folded",
    "draw_unfolded",
    "examine",
    "glance",
    "gradient_norms",
    "observe",
    "write_report",
]

_RENAMED = {"Gate": GateUsage, "Part": GradientPart, "Sampling": BatchSample}


def __getattr__(name: str) -> Any:
    """Return a class under its old name."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_of_renamed(f"elman.flow.{name}", f"elman.flow.{_RENAMED[name].__name__}")
    return _RENAMED[name]
