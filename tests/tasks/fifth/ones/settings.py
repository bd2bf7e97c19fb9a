"""The options of `ones`, and the texts of its commands."""

from dataclasses import dataclass

from elman.options import OptionTable, option
from elman.tasks.contract import Commands
from elman.training.settings import LayerSettings, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class OnesSettings(LayerSettings, TrainingSettings):
    """The options of a training."""

    hidden: int = option(16, "size of the hidden state", group="Model", least=1)
    dropout: float = option(0.0, "dropout between layers", group="Regularising", least=0, below=1)
    held_out: int = option(20, "lines at the end to validate on", group="Training", least=1)


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of `elman evaluate`."""

    within: int = option(0, "ones: how far off still counts as right", group="Model", least=0, metavar="N")


COMMANDS = Commands(
    settings=OnesSettings,
    data="a text file with a sequence of 0 and 1 a line",
    trains="Train a model that counts the ones of a sequence.",
    cell="gru",
    trials_by="sequences",
    answers="answers with counts",
    evaluate=EvaluateOptions,
    predict=OptionTable,
)
