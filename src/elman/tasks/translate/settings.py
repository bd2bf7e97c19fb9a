"""The options of `translate`: the pairs, the layers, and the training of a model that writes a text for a text.

>>> TranslateSettings(wait=2, direction="both")
Traceback (most recent call last):
elman.errors.ConfigError: wait is 2, and direction is both: the reverse direction needs the end of a source. Drop one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from elman.errors import ConfigError
from elman.options import OptionTable, option
from elman.tasks.contract import (
    Commands,
    attention_option,
    beam_option,
    length_penalty_option,
    nbest_option,
    scores_option,
    select_option,
    vectors_option,
    worst_option,
)
from elman.training.settings import LayerSettings, TrainingSettings, epochs_option

UNITS = ("character", "word", "subword")
DIRECTIONS = ("both", "forward")
# Those of elman.nn.attention, which loads torch.
ATTENTIONS = ("dot", "bilinear", "additive")
JUDGES = ("bleu", "exact", "loss")
_LEARNT_FROM_SIDES = ("scheduled_sampling", "coverage_loss", "input_feeding")
_NOT_JUMBLED = ("source", "target", "separate", "suspects", "direction", "wait", "layers", *_LEARNT_FROM_SIDES)


@dataclass(frozen=True, kw_only=True)
class TranslateSettings(LayerSettings, TrainingSettings):
    """The options of a training of a translation model."""

    source: str | None = option(None, "the column of the sources, by name or number", group="Text", metavar="COLUMN")
    target: str | None = option(None, "the column of the targets, by name or number", group="Text", metavar="COLUMN")
    unit: str = option("subword", "what the model reads and writes", group="Text", choices=UNITS)
    vocabulary: int | None = option(
        None, "most units to know [dim](default: 8000; of few texts less)[/]", group="Text", least=3
    )
    separate: bool = option(False, "give each side a vocabulary of its own", group="Text")
    tokenized: bool = option(False, "words are separated by spaces, as in a tokenised text", group="Text")
    jumble: bool = option(
        False,
        "learn to put words in order: the data are plain texts, a sentence a line, whose words are jumbled "
        "[dim](with it the unit is the word)[/]",
        group="Text",
    )
    vectors: str | None = vectors_option("Text")
    longest: int = option(200, "most units of a source or target that is learnt from", group="Text", least=1)
    validation: float | None = option(
        None,
        "share of the pairs held out to validate on [dim](default: 0.1; 0.2 of fewer than 1000; at most 1000 pairs)[/]",
        group="Text",
        above=0,
        below=1,
    )
    validation_data: str | None = option(
        None,
        "data of its own to validate on; a comma stands between parallel files",
        group="Text",
        metavar="FILE",
    )
    suspects: str | None = option(
        None,
        "write the hundred pairs that are most likely wrong to a table (.tsv), with their lines",
        group="Text",
        metavar="FILE",
        writes=True,
    )

    hidden: int = option(256, "size of the hidden state of a direction", group="Model", least=1)
    embedding: int | None = option(
        None, "size of a unit's embedding [dim](default: that of the hidden state)[/]", group="Model", least=1
    )
    direction: str | None = option(
        None,
        "read a source from its start, or from both ends [dim](default: both; forward with --wait)[/]",
        group="Model",
        choices=DIRECTIONS,
    )
    attention: str = option("bilinear", "how attention compares", group="Model", choices=ATTENTIONS)
    heads: int = option(1, "parts that attend for themselves", group="Model", least=1)
    second_attention: bool = option(True, "look at the source again before a unit is written", group="Model")
    wait: int | None = option(
        None, "write while the source arrives: unit i may see i + K units of it", group="Model", least=1, metavar="K"
    )
    input_feeding: bool = option(
        False, "the decoder reads its last output again: slower, for comparison", group="Model"
    )

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 6000 updates, from 5 to 60")
    learning_rate: float | None = option(
        None, "peak learning rate [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    batch: int | None = option(
        None, "pairs of one update [dim](default: 64, down to 8 of few pairs)[/]", group="Training", least=1
    )
    select: str | None = select_option("bleu; exact of characters", JUDGES)
    scheduled_sampling: float = option(
        0.0,
        "share of a target that is read as the model would write it; grows from 0 to this",
        group="Training",
        least=0,
        most=1,
    )

    dropout: float = option(
        0.3, "dropout on embeddings, between layers and before the softmax", group="Regularising", least=0, below=1
    )
    bpe_dropout: float = option(
        0.0,
        "probability of leaving out a merge of subwords, drawn again for each epoch",
        group="Regularising",
        least=0,
        below=1,
    )
    label_smoothing: float = option(
        0.1, "share of the probability given to all units alike", group="Regularising", least=0, below=1
    )
    coverage_loss: float = option(
        0.0, "weight of the attention that returns to what it has looked at", group="Regularising", least=0
    )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Build settings from options by name; those that learn from jumbled words read words."""
        return super().of({**({"unit": "word", "label_smoothing": 0.0} if options.get("jumble") else {}), **options})

    @property
    def judge(self) -> str:
        """Return what chooses the best weights, and what models are compared by."""
        return self.select or ("exact" if self.unit == "character" else "bleu")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")
        if self.bpe_dropout and self.unit != "subword":
            raise ConfigError(
                f"bpe_dropout is {self.bpe_dropout}, and unit is {self.unit}: only subwords are merged. Drop one."
            )
        if self.input_feeding and self.recurrent_dropout:
            raise ConfigError(
                f"recurrent_dropout is {self.recurrent_dropout}, and input_feeding is on: each step would have a mask "
                "of its own. Drop one."
            )
        if self.wait is not None and self.direction == "both":
            raise ConfigError(
                f"wait is {self.wait}, and direction is both: the reverse direction needs the end of a source. "
                "Drop one."
            )
        if self.tokenized and self.unit != "word":
            raise ConfigError(f"tokenized says how words are separated, and unit is {self.unit}. Drop it.")
        if self.jumble:
            self._refuse_beside_jumble()

    def _refuse_beside_jumble(self) -> None:
        """Refuse what has no meaning where both sides are the words of one text."""
        if self.unit != "word":
            raise ConfigError(f"jumble is about the order of words, and unit is {self.unit}. Take unit=word.")
        plain = {row.name: row.default for row in fields(self)}
        for name in _NOT_JUMBLED:
            if getattr(self, name) != plain[name]:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}, and jumbled words are one text whose source has no order. "
                    f"Drop {name}, or jumble."
                )


@dataclass(frozen=True, kw_only=True)
class SearchOptions(OptionTable):
    """The options by which a search ranks."""

    length_penalty: float = length_penalty_option()
    coverage_penalty: float = option(
        0.0, "translations: rank by what of the source was not looked at, with this weight", least=0, metavar="B"
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(SearchOptions):
    """The options of `elman evaluate` for translation models."""

    beam: int | None = beam_option()
    worst: int = worst_option()
    against: str | None = option(
        None,
        "translations: compare with those of another, a line each, or with those of another model",
        metavar="FILE",
    )
    suspects: str | None = option(
        None,
        "translations: write the hundred pairs that are most likely wrong to a table (.tsv)",
        metavar="FILE",
        writes=True,
    )


@dataclass(frozen=True, kw_only=True)
class PredictOptions(SearchOptions):
    """The options of `elman predict` for translation models."""

    beam: int | None = beam_option()
    nbest: int = nbest_option()
    scores: bool = scores_option()
    align: bool = option(False, "translations: with what each word looked at behind it")
    attention: str | None = attention_option()
    prefix: str = option("", "translations: how every one begins")
    forbid: str | None = option(None, "translations: phrases, or a file of them, that none holds", metavar="A,B|FILE")
    require: str | None = option(None, "translations: phrases, or a file of them, that each holds", metavar="A,B|FILE")
    copy_unknown: bool = option(False, "translations: write the word of the source for an unknown one")
    temperature: float | None = option(None, "translations: draw them; 1 as likely as they are", least=0)
    top_k: int | None = option(None, "translations: draw from the K likeliest only", least=1, metavar="K")
    top_p: float | None = option(None, "translations: draw from the likeliest that sum to P", above=0, metavar="P")
    min_p: float | None = option(
        None, "translations: draw from what is P times as likely as the likeliest", least=0, most=1, metavar="P"
    )
    seed: int = option(1, "translations: same seed, same draws", least=0, below=2**32)

    @property
    def draws(self) -> bool:
        """Return whether translations are drawn."""
        return any(value is not None for value in (self.temperature, self.top_k, self.top_p, self.min_p))


COMMANDS = Commands(
    settings=TranslateSettings,
    data="two parallel files, such as train.de train.en; or a table with a column of sources and one of targets; with "
    "--jumble plain texts",
    trains="Train a model that writes a text for a text: translation, transliteration, normalising.",
    cell="gru",
    packed=".gz",
    trials_by="pairs",
    answers="answers with translations",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
)
