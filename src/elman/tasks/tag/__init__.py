"""Give every word a tag, and every sentence an answer.

`recipe` trains, and `settings` holds its options. `encoder`, `targets` and `batches` make numbers of sentences that
`elman.data.sentences.opening` reads. `module` holds the layers, `chunks` finds what tags mark; `model` offers what they
can do, `view` shows them at work, and `commands` does what the command line asks. `scores` counts, `baseline` does
without the sentence, `report`, `verdict` and `tables` say what came of it. `space` says which settings a search tries,
and `estimator` offers all of it as scikit-learn does, as `Tagger`.

>>> from elman.tasks.tag.chunks import chunks
>>> chunks(["O", "B-fromloc", "O", "B-toloc", "I-toloc"])
[(1, 2, 'fromloc'), (3, 5, 'toloc')]
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.tag.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
