"""Turn the logits of one step into the next unit.

Temperature, top-k, nucleus (top-p) and min-p are applied in this order, each to the result of the one before:

* temperature τ divides the logits: below 1 the likely becomes likelier, 0 is greedy (always the most likely);
* top-k keeps the k most likely (Fan et al. 2018, section 5.3);
* the nucleus is the smallest set of the most likely whose probabilities reach p (Holtzman et al. 2020, section 3.1);
* min-p keeps what is at least p times as likely as the most likely (Nguyen et al. 2025, section 3).

>>> import torch
>>> Sampling(top_k=2).distribution(torch.tensor([0.0, 1.0, 1.0])).tolist()
[0.0, 0.5, 0.5]
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.errors import ConfigError, ElmanError


@dataclass(frozen=True)
class Sampling:
    """The options of sampling.

    Attributes:
        temperature: 0 or more; 1 leaves the model's distribution as it is.
        top_k: keep so many of the most likely units, 1 or more; None keeps all.
        top_p: keep the nucleus of this probability, above 0 and at most 1; None keeps all.
        min_p: keep what is at least so many times as likely as the most likely, from 0 to 1; None keeps all.

    Raises:
        ConfigError: a value is outside its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ConfigError(
                f"The temperature is {self.temperature}. Use 0 (greedy) or a number above it, such as 0.8."
            )
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"Top-k is {self.top_k}, which keeps no unit. Use 1 or more.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigError(f"Top-p is {self.top_p}. Use a probability above 0 and at most 1, such as 0.9.")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise ConfigError(f"Min-p is {self.min_p}. Use a number from 0 to 1, such as 0.05.")

    def distribution(self, logits: Tensor) -> Tensor:
        """Return the probabilities (V,), float64, from which the next unit is drawn.

        Args:
            logits: (V,) the model's output of one step; −∞ is never drawn. Of equal logits the lower number counts as
                the more likely.
        """
        if not (logits < torch.inf).all() or not logits.isfinite().any():
            raise ElmanError(
                "The model's output is not finite, so it cannot write. Train it with a lower learning rate."
            )
        order = torch.sort(logits.to(torch.float64), descending=True, stable=True)
        if self.temperature == 0:
            kept = torch.zeros_like(order.values)
            kept[0] = 1.0
        else:
            kept = torch.softmax((order.values - order.values[0]) / self.temperature, dim=0)
        if self.top_k is not None:
            kept[self.top_k :] = 0.0
            kept = kept / kept.sum()
        if self.top_p is not None:
            before = torch.cat([kept.new_zeros(1), kept.cumsum(0)[:-1]])
            kept = torch.where(before < self.top_p, kept, 0.0)
        if self.min_p is not None:
            kept = torch.where(kept >= self.min_p * kept[0], kept, 0.0)
        return torch.zeros_like(kept).scatter_(0, order.indices, kept / kept.sum())

    def draw(self, logits: Tensor, randomness: torch.Generator) -> int:
        """Draw one unit; `randomness` is the only source of chance, and gives one number of 53 bits."""
        reached = self.distribution(logits).cumsum(0)
        # A generator gives the same numbers on every machine, which torch.multinomial does not.
        drawn = torch.rand(1, dtype=torch.float64, generator=randomness) * reached[-1]
        return int(torch.searchsorted(reached, drawn, right=True))
