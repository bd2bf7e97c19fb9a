"""Language models.

`recipe` trains, and `settings` holds its options. `corpus` reads a text or a folder of classes, `reading` encodes the
text and holds a part of it out. `module` holds the layers, `scores` computes the loss and perplexity, `baseline` is
the n-gram model of :mod:`elman.decoding.ngrams`, and `space` lists the settings that a search tries. `reader` reads
unit by unit, `reorder` puts jumbled words in order, `interactive` completes a line while it is typed. `model` is the
trained model, `view` inspects its layers, and `commands` runs the commands of the command line.

>>> from elman.tasks.generate.settings import Settings
>>> Settings(unit="word").unit
'word'
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.generate.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
