"""Write a text for a text: translate, transliterate, normalise, put words in order.

`recipe` trains, and `settings` holds its options. `reading` divides the pairs that `elman.data.pairs` reads, `encoder`
numbers their units, `batches` pads them, `redrawing` cuts their subwords anew. `module` holds the layers, `writer` lets
a search write with them, in steps that `prepared` makes ready, and `arriving` while a source arrives; `model` offers
what they can do, and `commands` does
what the command line asks. `baseline` needs no recurrence; `report`, `verdict` and `tables` say what came of it, and
`space` says which settings a search tries. For words in order, `jumble` makes pairs from a text, `ordering` has the
loss, and `reorder` finds the order.

>>> from elman.tasks.translate.encoder import learn_pair_encoder
>>> encoder = learn_pair_encoder(["ein Hund"], ["a dog"], unit="word", size=None, separate=True)
>>> encoder.source.decode(encoder.source.encode("ein Hund"))
'ein Hund'
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.translate.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
