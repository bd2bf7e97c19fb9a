"""The learning rate of an update as a share of its peak: a function of the progress of a run.

>>> halved = TrainingSettings(schedule="step", decay_from=2, epochs=5)
>>> [share_of_peak(halved, updates=0, epoch=epoch, share=0.0, decays=0) for epoch in (1, 2, 3, 4)]
[1.0, 1.0, 0.5, 0.25]
"""

import math

from elman.training.settings import TrainingSettings

_DECAY = 0.5
_WARM_UP_UPDATES = 50
_LAST_SHARE = 0.02


def share_of_peak(settings: TrainingSettings, *, updates: int, epoch: int, share: float, decays: int) -> float:
    """Return the learning rate of the next update as a share of its peak.

    Args:
        settings: the schedule and its options.
        updates: number of updates done.
        epoch: the present epoch, from 1.
        share: how much of the run is done, 0 to 1.
        decays: number of validations that were not the best so far.
    """
    name, decay = settings.chosen_schedule(), settings.decay or _DECAY
    if name == "step":  # Zaremba et al. 2014, section 4.1
        return decay ** max(0, epoch - (settings.decay_from or 0))
    if name == "plateau":
        return decay**decays
    warm = min(1.0, (updates + 1) / _WARM_UP_UPDATES)
    if name == "constant":
        return warm if settings.optimizer in ("adam", "adamw") else 1.0
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return warm * (_LAST_SHARE + (1 - _LAST_SHARE) * cosine)
