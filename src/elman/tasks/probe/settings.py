"""The options of `elman probe`. This file imports the standard library alone, so that `--help` is fast.

>>> ProbeSettings(batch=0)
Traceback (most recent call last):
elman.errors.ConfigError: batch is 0; it must be at least 1.
"""

from dataclasses import dataclass

from elman.errors import ConfigError
from elman.options import option
from elman.phrases import parse_duration
from elman.training.settings import StartSettings

TASKS = ("adding", "copy", "order", "recall", "sentence")
DEFAULT_CELLS = ("elman", "lstm", "gru", "lem")


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(StartSettings):
    """The options of an examination.

    Raises:
        ConfigError: a value of the wrong type or outside its range.
    """

    hidden: int = option(32, "units of every network", group="Model", least=1)

    start: int | None = option(
        None, "the first length [dim](default: 10, or the shortest possible length of the task)[/]",
        group="Training", least=1,
    )  # fmt: skip
    updates: int = option(5000, "most updates at each length", group="Training", least=1)
    time_budget: str | None = option(
        None, "stop after this time, such as 90s, 10m; each network has its share", group="Training", metavar="TIME"
    )
    batch: int = option(32, "examples of one update, always new ones", group="Training", least=1)
    learning_rate: float = option(
        0.004,
        "initial learning rate of Adam; it falls linearly to a tenth over the updates of a length",
        group="Training",
        above=0,
        most=1000,
    )
    clip_norm: float = option(1.0, "largest gradient norm of an update", group="Training", above=0)
    seed: int = option(1, "seed of all random numbers", group="Training", least=0, below=2**32)
    seeds: int | None = option(
        None, "train every network with so many seeds, from --seed up [dim](default: 1; of sentence 3)[/]",
        group="Training", least=1, most=1000,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seconds()
        if self.all_seeds().stop > 2**32:
            raise ConfigError(f"seed is {self.seed}, with {self.seeds} seeds; the last must be below 4294967296.")

    def seconds(self) -> float | None:
        """Return the time budget in seconds, None if there is none."""
        return None if self.time_budget is None else parse_duration(self.time_budget)

    def all_seeds(self) -> range:
        """Return the seed of each training of a network."""
        return range(self.seed, self.seed + (self.seeds or 1))
