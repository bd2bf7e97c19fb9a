"""Build the optimiser of a training, with its default learning rate and weight decay.

>>> peak_rate(TrainingSettings(optimizer="sgd")), peak_rate(TrainingSettings(learning_rate=0.1))
(0.5, 0.1)
"""

import torch
from torch import nn

from elman.training.settings import TrainingSettings

LEARNING_RATE = {"adam": 4e-3, "adamw": 4e-3, "sgd": 0.5, "asgd": 10.0}
# An update subtracts weight × rate × decay: 0.01 at asgd's rate of 10 would leave nothing. (Merity et al. 2018)
_WEIGHT_DECAY = {"adam": 0.0, "adamw": 0.01, "sgd": 0.01, "asgd": 1.2e-6}
_MOMENTUM = {"sgd": 0.9, "asgd": 0.0}


def peak_rate(settings: TrainingSettings) -> float:
    """Return the peak learning rate: as requested, or the default of the optimiser."""
    return settings.learning_rate or LEARNING_RATE[settings.optimizer]


def build_optimizer(module: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return an optimiser of all parameters of a module, at the peak learning rate."""
    parameters, name, rate = module.parameters(), settings.optimizer, peak_rate(settings)
    decay = _WEIGHT_DECAY[name] if settings.weight_decay is None else settings.weight_decay
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=rate, momentum=_MOMENTUM[name], weight_decay=decay)
