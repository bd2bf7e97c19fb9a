"""Write a caption for a picture.

`recipe` trains, and `settings` holds its options. `reading` divides the pictures that `elman.data.captions` reads,
`encoder` numbers the words of captions and knows what becomes of a picture, `batches` puts pictures and their captions
together. `module` holds the layers and what a search calls; the decoder is that of translation,
:mod:`elman.models.attending`. `model` offers what they can do, and `commands` does what the command line asks, with
`picture` drawing where each word looked; `estimator` offers it as scikit-learn does. `baseline` needs no training;
`verdict` and `tables` say what came of it, and `space` says which settings a search tries.

>>> from elman.tasks.caption.encoder import tidy
>>> tidy("A man's dog, running .")
"a man's dog running"
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.caption.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
