"""Answer a sequence with a class, labels or a number.

`recipe` trains, and `settings` holds its options. `report` says what there is to learn from. `module` holds the layers,
behind a front; `model` offers what they can do, `view` shows them at work, and `commands` does what the command line
asks. `baseline` does without recurrence; `scoring` scores answers, `mistakes` finds the worst, `picture` draws what was
confused. `space` says which settings a search tries, and `estimator` offers all of it as scikit-learn does, as
`Classifier` and `Regressor`.

>>> import torch
>>> from elman.tasks.classify.mistakes import mistakes_in_classes
>>> answers = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
>>> [m.where for m in mistakes_in_classes(torch.tensor([1, 1]), answers, ("ham", "spam"), "line {}".format)]
['line 0']
"""

from typing import TYPE_CHECKING

from elman.lazy import offer

if TYPE_CHECKING:
    from elman.tasks.classify.recipe import load, train

__all__ = ["load", "train"]

__getattr__ = offer(__name__, dict.fromkeys(__all__, "recipe"))
