"""The options of `caption`: the pictures and their captions, the layers, and the training of a model that captions.

>>> CaptionSettings(backbone="resnet")
Traceback (most recent call last):
elman.errors.ConfigError: backbone is 'resnet'; it must be one of efficientnet-lite0.
"""

from dataclasses import dataclass
from typing import Literal

from elman.options import OptionTable, option
from elman.tasks.contract import (
    Commands,
    attention_option,
    beam_option,
    length_penalty_option,
    nbest_option,
    scores_option,
    select_option,
    worst_option,
)
from elman.training.settings import SingleLayerSettings, TrainingSettings, epochs_option

# Those of elman.nn.attention and elman.encoders.pictures, which load torch.
ATTENTIONS = ("dot", "bilinear", "additive")
BACKBONES = ("efficientnet-lite0",)
JUDGES = ("cider", "bleu", "loss")


@dataclass(frozen=True, kw_only=True)
class CaptionSettings(SingleLayerSettings, TrainingSettings):
    """The options of a training of a model that captions."""

    images: str | None = option(
        None,
        "the pictures: a folder of photos, or an .npz with images or features, and names [dim](default: the last of "
        "the data, else the folder of the captions)[/]",
        group="Input",
        metavar="FOLDER|FILE",
    )
    image_column: str | None = option(None, "the column that names the picture", group="Input", metavar="COLUMN")
    caption_column: str | None = option(None, "the column of the caption", group="Input", metavar="COLUMN")
    validation: float | None = option(
        None,
        "share of the pictures held out to validate on [dim](default: 0.1; 0.2 of fewer than 1000; at most 1000)[/]",
        group="Input",
        above=0,
        below=1,
    )
    validation_data: str | None = option(
        None, "captions of their own to validate on, of the same pictures", group="Input", metavar="FILE"
    )
    backbone: str | None = option(
        None,
        "read photos as features of a trained network, of the extra elman\\[caption] [dim](default: a convolution "
        "learns to see)[/]",
        group="Input",
        choices=BACKBONES,
    )
    side: int | None = option(
        None,
        "pixels of the sides that photos are brought to [dim](default: 64; 224 with --backbone)[/]",
        group="Input",
        least=16,
        most=1024,
    )
    vocabulary: int | None = option(None, "most words to know [dim](default: 50,000)[/]", group="Text", least=3)
    min_count: int | None = option(
        None,
        "fewest occurrences of a word in the vocabulary [dim](default: 1 in few captions, else 3)[/]",
        group="Text",
        least=1,
    )
    longest: int = option(50, "most words of a caption that is learnt from", group="Text", least=1, most=1000)

    hidden: int = option(256, "size of the hidden state", group="Model", least=1)
    embedding: int | None = option(
        None, "size of a word's embedding [dim](default: that of the hidden state)[/]", group="Model", least=1
    )
    attention: str = option("bilinear", "how attention compares", group="Model", choices=ATTENTIONS)
    heads: int = option(1, "parts that attend for themselves", group="Model", least=1)
    second_attention: bool = option(True, "look at the picture again before a word is written", group="Model")

    epochs: int | Literal["auto"] | None = epochs_option("as many as make about 1500 updates, from 5 to 60")
    learning_rate: float | None = option(
        None, "peak learning rate [dim](default: 0.002; sgd: 0.5; asgd: 10)[/]", group="Training", above=0, most=1000
    )
    batch: int | None = option(
        None,
        "pictures of one update, with all their captions [dim](default: so many that they have 64 captions)[/]",
        group="Training",
        least=1,
    )
    select: str | None = select_option("cider; loss without sacrebleu", JUDGES)

    dropout: float = option(
        0.5, "dropout on embeddings, on cells and before the softmax", group="Regularising", least=0, below=1
    )
    input_dropout: float = option(0.5, "dropout on the features of a picture", group="Regularising", least=0, below=1)
    label_smoothing: float = option(
        0.1, "share of the probability given to all words alike", group="Regularising", least=0, below=1
    )
    augment: bool = option(True, "mirror photos at random, where a convolution reads them", group="Regularising")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_both("validation", "validation_data", "a model is validated on one of them")


def images_option() -> str | None:
    """Make the row of `--images` for a command that reads captions again."""
    row: str | None = option(
        None,
        "captions: their pictures, a folder or an .npz [dim](default: the last of the data, else the folder of the "
        "captions)[/]",
        metavar="FOLDER|FILE",
    )
    return row


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionTable):
    """The options of `elman evaluate` for models that caption."""

    images: str | None = images_option()
    beam: int | None = beam_option()
    length_penalty: float = length_penalty_option()
    worst: int = worst_option()


@dataclass(frozen=True, kw_only=True)
class PredictOptions(OptionTable):
    """The options of `elman predict` for models that caption."""

    beam: int | None = beam_option()
    nbest: int = nbest_option()
    scores: bool = scores_option()
    length_penalty: float = length_penalty_option()
    attention: str | None = attention_option()


COMMANDS = Commands(
    settings=CaptionSettings,
    data="captions: a table with a column of pictures and one of captions, Flickr8k's list, or COCO's JSON; then, "
    "unless --images names it, the folder or .npz of their pictures",
    trains="Train a model that writes a caption for a picture.",
    reads="Pictures are photos, or features that another network computed.",
    trials_by="pictures",
    answers="answers with captions",
    evaluate=EvaluateOptions,
    predict=PredictOptions,
    also_data=("images",),
)
