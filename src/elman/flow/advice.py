"""Choose what to try, for each verdict: only what fits the model, and is not set already.

>>> from elman.flow.evidence import Clipping, Evidence
>>> advise("NON-FINITE", Evidence(training=Clipping(limit=1.0, suggested=0.25)))[1]
'clip at a lower norm (--clip-norm 0.25)'
>>> advise("NON-FINITE", Evidence(training=Clipping(limit=1.0, suggested=3.5)))[1]
'look for values in the data that are not finite or huge'
"""

import math
from collections.abc import Callable

import numpy as np

from elman.flow.evidence import HARD, Evidence

_LONGEST_LIVED = frozenset({"lem", "lru"})  # cells made for long memories
_RATE = "lower the learning rate (--learning-rate)"
_DATA = "look for values in the data that are not finite or huge"


def advise(verdict: str, evidence: Evidence) -> tuple[str, ...]:
    """List what to try, most promising first; empty for a healthy model.

    Args:
        verdict: one of :data:`elman.flow.VERDICTS`.
        evidence: what the verdict is based on.
    """
    maker = _MAKERS.get(verdict)
    return () if maker is None else tuple(filter(None, maker(evidence)))


def _for_non_finite(evidence: Evidence) -> tuple[str, ...]:
    if evidence.flow is not None and evidence.flow.finite.startswith(("x is", "grad_output is")):
        return _DATA, _RATE, _clip(evidence)
    return _RATE, _clip(evidence), _DATA


def _for_dead(evidence: Evidence) -> tuple[str, ...]:
    if evidence.training is not None and evidence.training.lost:
        return ("give data whose targets differ",)
    relu = any(not math.isnan(gates.dead) for gates in evidence.gates.values())
    other = "take a cell without relu (--cell elman or --cell lstm)" if relu else ""
    if evidence.options is None and evidence.training is None and relu:  # a layer in the hands of its author
        return _RATE, "start the biases above 0", other
    return _RATE, other, "" if relu else "check that no weights are frozen and the loss depends on the outputs"


def _for_exploding(evidence: Evidence) -> tuple[str, ...]:
    clip = _clip(evidence)
    start = _orthogonal(evidence)
    return (clip, _RATE, start) if evidence.training is None else (_RATE, clip, start)


def _for_saturated(evidence: Evidence) -> tuple[str, ...]:
    if evidence.training is None:
        return "scale the input to mean 0 and variance 1", "start with smaller weights"
    return _RATE, "raise the weight decay (--weight-decay)"


def _for_vanishing(evidence: Evidence) -> tuple[str, ...]:
    return _remember(evidence), _other_cell(evidence), _more_losses(evidence)


def _for_short(evidence: Evidence) -> tuple[str, ...]:
    longer = evidence.options is None or "window" in evidence.options
    return "train with a longer window (--window)" if longer else "", _remember(evidence), _other_cell(evidence)


_MAKERS: dict[str, Callable[[Evidence], tuple[str, ...]]] = {
    "NON-FINITE": _for_non_finite,
    "DEAD": _for_dead,
    "EXPLODING": _for_exploding,
    "SATURATED": _for_saturated,
    "VANISHING": _for_vanishing,
    "MEMORY SHORTER THAN THE DATA NEEDS": _for_short,
}


def _clip(evidence: Evidence) -> str:
    training = evidence.training
    if training is None:
        return "clip the gradient's norm (--clip-norm 1)"
    wanted = training.suggested
    if not wanted:
        return ""
    if training.limit is None:
        return f"clip at {wanted:.2g}, which suits these norms (--clip-norm {wanted:.2g}, in place of --clip-value)"
    if training.hard > HARD:
        near = abs(wanted - training.limit) < 0.1 * training.limit
        return "" if near else f"clip at {wanted:.2g}, which suits these norms (--clip-norm {wanted:.2g})"
    return f"clip at a lower norm (--clip-norm {wanted:.2g})" if wanted < 0.9 * training.limit else ""


def _orthogonal(evidence: Evidence) -> str:
    """Advise an orthogonal start where the cell has square hidden-to-hidden matrices."""
    bounds = {} if evidence.flow is None else evidence.flow.bounds
    square = any(not math.isnan(bound.radius) for some in bounds.values() for bound in some)
    known = evidence.flow is not None
    text = "start from an orthogonal hidden-to-hidden matrix (--init orthogonal, or elman.nn.init.orthogonal_)"
    return text if square or not known else ""


def _remember(evidence: Evidence) -> str:
    keeping = [gate for gates in evidence.gates.values() for gate in gates.gates if gate.keeps]
    if not keeping:
        return _orthogonal(evidence)
    steps = max(3, evidence.used or evidence.steps)
    lives = [float(np.median(gate.half_life)) for gate in keeping if gate.half_life is not None]
    if lives and min(lives) >= steps:  # the gates are open already
        return ""
    return f"start with a larger forget bias (--chrono {steps}, or elman.nn.init.chrono_)"


def _other_cell(evidence: Evidence) -> str:
    if not any(gates.gates for gates in evidence.gates.values()) and not _keeps_long(evidence):
        return "take a gated cell (--cell lstm or --cell gru)"
    size = evidence.units or 128
    return (
        "" if _keeps_long(evidence) else f"take a cell with a longer memory, such as lem (--cell lem --size y={size})"
    )


def _keeps_long(evidence: Evidence) -> bool:
    return evidence.flow is not None and evidence.flow.cell in _LONGEST_LIVED


def _more_losses(evidence: Evidence) -> str:
    """Advise a loss at more steps where the map shows that only one step has a loss."""
    rows = [] if evidence.flow is None else [len(one.rows) for one in evidence.flow.influence.values()]
    if not rows or max(rows) > 1:
        return ""
    if evidence.options is None:
        return "give the loss to more steps than the last"
    return "let the loss reach every step (--pooling max)" if "pooling" in evidence.options else ""
