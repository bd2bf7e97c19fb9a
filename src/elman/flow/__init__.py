"""Look inside a recurrent layer: where its gradient goes, how far back it reaches, and what is wrong with it.

Everything is exact. A step's Jacobian is never estimated: it is the derived adjoint of one step
(:mod:`elman.autodiff`), run on many rows at once, in float64. A layer and a batch are brought into one form
(`network`); one forward run keeps what every step starts from (`trajectory`), and then gradients are carried back, all
rows side by side (`adjoints`). From them come the map of who hears whom and the shares of dL/dW by lag (`lags`), the
growth of differences (`growth`), and the reach (`reach`); from the weights `bounds`, from the values `gates`. A model's
prediction is explained by `attribution`, a training by the `ledger`; a `glance` is what costs little. What is
seen is plain data (`figures`), each figure with its definition and source; `verdict` says it in a word. `diagram` and
`unfolded` draw the network from its equations, and `report` puts everything on one page, with a sentence for each of
the `pictures`.

>>> import elman, torch
>>> _ = torch.manual_seed(2)
>>> layer = elman.nn.Recurrent(elman.cells.elman, 3, 5)
>>> flow = elman.flow.examine(layer, torch.ones(11, 2, 3))
>>> flow.verdict, flow.bounds["l0"][0].member
('VANISHING', 'U')
"""

from elman.flow.attribution import Attribution, attribute, attribute_in_model
from elman.flow.figures import (
    Bound,
    Checks,
    Flow,
    Gate,
    Gates,
    GradientNorms,
    Influence,
    LagShares,
    Lyapunov,
    Memory,
    Part,
    Sampling,
    SingularValues,
    TransportGain,
)
from elman.flow.glance import Glance, glance
from elman.flow.inspection import Limits, examine
from elman.flow.ledger import Clipping, GradientVerdict, Ledger, clip_factor, gradient_norms
from elman.flow.observation import observe
from elman.flow.page.diagram import draw_folded
from elman.flow.page.report import Subject, write_report
from elman.flow.page.unfolded import draw_unfolded
from elman.flow.reach import Truncation, behavioural_memory, cut_by_truncation
from elman.flow.verdict import VERDICTS

__all__ = [
    "VERDICTS",
    "Attribution",
    "Bound",
    "Checks",
    "Clipping",
    "Flow",
    "Gate",
    "Gates",
    "Glance",
    "GradientNorms",
    "GradientVerdict",
    "Influence",
    "LagShares",
    "Ledger",
    "Limits",
    "Lyapunov",
    "Memory",
    "Part",
    "Sampling",
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
