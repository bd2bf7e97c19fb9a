"""Options that all recipes share: a row holds the name, the default, the range and the sentence that explains one.

The Python interface takes these names as keywords and the command line turns each row into an option, so that both
always agree. This file needs the standard library alone, because `elman train generate --help` reads it.

>>> LayerSettings(hidden=0)
Traceback (most recent call last):
elman.errors.ConfigError: hidden is 0; it must be at least 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from elman.errors import ConfigError
from elman.options import OptionTable, option, seed_option
from elman.phrases import parse_duration
from elman.sides import SideSource, parse_sides, write_sides

OPTIMIZERS = ("adam", "adamw", "sgd", "asgd")
SCHEDULES = ("cosine", "constant", "step", "plateau")
PRECISIONS = ("32", "64", "bf16")
DEVICES = ("cpu", "cuda", "mps", "auto")
INITIALISERS = ("uniform", "xavier", "orthogonal", "identity")


def epochs_option(default: str) -> Any:
    """Make the row of the epochs.

    Args:
        default: how many there are where none are given, in words.
    """
    return option(
        None,
        "passes over the data; auto: as many as the time budget allows, and the learning rate falls over that time "
        f"[dim](default: {default})[/]",
        group="Training",
        least=1,
    )


@dataclass(frozen=True, kw_only=True)
class StartSettings(OptionTable):
    """Options for the size of recurrent layers and their initial weights.

    Raises:
        ConfigError: a value of the wrong type or outside its range, or two values that contradict each other.
    """

    hidden: int = option(128, "size of the hidden state", group="Model", least=1)
    init: str = option("uniform", "initialisation of the recurrent layers", group="Model", choices=INITIALISERS)
    forget_bias: float | None = option(None, "initial bias of the forget gates", group="Model", least=-100, most=100)
    chrono: int | None = option(
        None, "chrono initialisation: initial memories of up to N steps", group="Model", least=3
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget_bias is not None and self.chrono is not None:
            raise ConfigError("forget_bias and chrono both set the bias of the forget gates. Drop one of them.")


@dataclass(frozen=True, kw_only=True)
class SingleLayerSettings(StartSettings):
    """Options of recurrent layers whose number is not chosen, and of their regularisation."""

    recurrent_dropout: float = option(
        0.0, "dropout on the state between two time steps", group="Regularising", least=0, below=1
    )
    zoneout: float = option(
        0.0, "probability that a unit keeps its previous state", group="Regularising", least=0, below=1
    )

    def layers_of(self, sizes: Mapping[str, int] | None) -> dict[str, Any]:
        """Return the configuration of :class:`elman.models.layers.Layers`, as plain data.

        Args:
            sizes: sizes that the cell leaves open.
        """
        named = ("hidden", "layers", "dropout", "recurrent_dropout", "zoneout")
        own = {name: getattr(self, name) for name in named if hasattr(self, name)}
        return {**own, "sizes": dict(sizes or {})}


@dataclass(frozen=True, kw_only=True)
class LayerSettings(SingleLayerSettings):
    """Options of recurrent layers and their regularisation."""

    layers: int = option(1, "number of recurrent layers", group="Model", least=1)


@dataclass(frozen=True, kw_only=True)
class SidedLayerSettings(LayerSettings):
    """Options of recurrent layers whose cell may read more than its input.

    Python may give the sources of side inputs as a mapping:

    >>> SidedLayerSettings(side={"dt": "gaps"}).side
    'dt=gaps'
    """

    side: str | None = option(
        None,
        "what a cell such as cfc reads at each step besides its input: the time since the step before (dt=gaps, or "
        "dt=gaps:COLUMN of times), a column (dt=COLUMN), a number (dt=1)",
        group="Model",
        metavar="NAME=…",
    )

    def __post_init__(self) -> None:
        given: Any = self.side
        if isinstance(given, Mapping):
            object.__setattr__(self, "side", write_sides(given) or None)
        super().__post_init__()
        self.sides()

    def sides(self) -> dict[str, SideSource]:
        """Return the source of each side input, by name.

        Raises:
            ConfigError: the option has another form.
        """
        return {} if self.side is None else parse_sides(self.side)

    def layers_of(self, sizes: Mapping[str, int] | None) -> dict[str, Any]:
        """Return the configuration of layers, with the sources of side inputs if there are some."""
        sources = {name: str(source) for name, source in self.sides().items()}
        return {**super().layers_of(sizes), **({"sides": sources} if sources else {})}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(OptionTable):
    """Options of a training, the same for every recipe.

    Raises:
        ConfigError: a value of the wrong type or outside its range, or two values that contradict each other.
    """

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 3000 updates")
    updates: int | None = option(
        None, "number of updates, in place of epochs; the learning rate falls over them", group="Training", least=1
    )
    last_update: int | None = option(
        None,
        "end after this update at the latest; until then all is as without it",
        group="Training",
        least=1,
        metavar="N",
    )
    time_budget: str | None = option(
        None, "stop after this time at the latest, such as 90s, 10m, 1h30m", group="Training", metavar="TIME"
    )
    optimizer: str = option("adamw", "the optimiser; asgd averages its weights", group="Training", choices=OPTIMIZERS)
    learning_rate: float | None = option(
        None, "peak learning rate [dim](default: 0.004; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    schedule: str | None = option(
        None,
        "how the learning rate changes [dim](default: cosine; asgd: constant)[/]",
        group="Training",
        choices=SCHEDULES,
    )
    decay: float | None = option(
        None, "factor of the schedules step and plateau [dim](default: 0.5)[/]", group="Training", above=0, below=1
    )
    decay_from: int | None = option(
        None, "last epoch of the schedule step that has the full learning rate", group="Training", least=1
    )
    accumulate: int = option(1, "batches whose gradients are averaged for one update", group="Training", least=1)
    weight_decay: float | None = option(
        None, "weight decay of adamw, sgd and asgd [dim](default: 0.01; asgd: 1.2e-6)[/]", group="Training", least=0
    )
    clip_norm: float | None = option(
        None,
        "largest gradient norm of an update [dim](default: 1, or none with --clip-value)[/]",
        group="Training",
        above=0,
    )
    clip_value: float | None = option(None, "largest entry of a gradient", group="Training", above=0)
    average: float | None = option(
        None,
        "validate and keep a running mean of the weights; about this share of the updates so far counts",
        group="Training",
        above=0,
        most=1,
        metavar="SHARE",
    )
    patience: float = option(
        0.5,
        "stop after this share of all updates without a better validation; 1 never does",
        group="Training",
        above=0,
        metavar="SHARE",
    )
    seed: int = seed_option()
    precision: str = option(
        "32", "bits of a number; bf16 rounds what it multiplies, and adds in 32", group="Training", choices=PRECISIONS
    )
    device: str = option("cpu", "device to train on", group="Training", choices=DEVICES)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_both("clip_norm", "clip_value", "gradients are clipped by one of them")
        self.refuse_both("epochs", "updates", "each says how long the training is")
        if self.optimizer == "adam" and self.weight_decay:
            raise ConfigError("weight_decay is given, and the optimiser adam has no use for it. Drop it, or use adamw.")
        if self.optimizer == "asgd" and self.average is not None:
            raise ConfigError("average is given, and the optimiser asgd averages by itself. Drop one of them.")
        if self.epochs == "auto" and self.time_budget is None:
            raise ConfigError(
                "epochs is auto: as many as the time budget allows, and there is none. Give time_budget, such as 10m."
            )
        self._check_schedule()
        self.seconds()

    def _check_schedule(self) -> None:
        schedule = self.chosen_schedule()
        if self.decay is not None and schedule not in ("step", "plateau"):
            raise ConfigError(
                f"decay is given, and the schedule {schedule} has no use for it. Drop it, or choose step or plateau."
            )
        if self.decay_from is not None and schedule != "step":
            raise ConfigError(
                f"decay_from is given, and the schedule {schedule} has no use for it. Drop it, or choose step."
            )
        if schedule == "step" and self.decay_from is None:
            raise ConfigError("The schedule step has no decay_from. Name the last epoch with the full learning rate.")
        if schedule == "step" and self.epochs is None:
            raise ConfigError("The schedule step counts epochs. Say how many with epochs.")
        if self.decay_from is not None and isinstance(self.epochs, int) and self.decay_from >= self.epochs:
            raise ConfigError(
                f"decay_from is {self.decay_from} and epochs is {self.epochs}, so the learning rate would never fall. "
                "Lower decay_from, or use the schedule constant."
            )

    def chosen_schedule(self) -> str:
        """Return the schedule of the learning rate: as requested, or the default of the optimiser."""
        return self.schedule or ("constant" if self.optimizer == "asgd" else "cosine")

    def count_updates(self, losses: int) -> int:
        """Return the number of updates in an epoch of some losses.

        >>> TrainingSettings(accumulate=4).count_updates(10)
        3
        """
        return math.ceil(losses / self.accumulate)

    def seconds(self) -> float | None:
        """Return the time budget in seconds, None if there is none."""
        return None if self.time_budget is None else parse_duration(self.time_budget)
