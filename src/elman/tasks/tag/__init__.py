"""Sequence tagging: a tag for every word, and optionally a label for the sentence.

`recipe` trains, and `settings` holds its options. `elman.data.sentences.opening` reads sentences; `encoder`, `targets`
and `batches` turn them into tensors. `module` holds the layers, `chunks` finds the chunks that tags mark. `model` is
the trained model, `view` inspects its layers, and `commands` runs the commands of the command line. `scores` computes
scores, `baseline` tags each word without its sentence, `report` describes the data, `verdict` compares the scores, and
`tables` prints them. `space` lists the settings that a search tries, and `estimator` is `Tagger`, with scikit-learn's
interface.

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
