"""Answer a sequence with a class, labels or a number.

`recipe` trains, `settings` holds the options, `reading` reads and splits the data, and `report` describes them.
`module` holds the layers, behind a front; `model` predicts and evaluates, `view` prepares a model for `elman inspect`,
and `commands` serves the command line. `baseline` holds non-recurrent baselines; `scoring` scores answers, `mistakes`
finds the worst, `picture` draws the confusion matrix. `space` is the search space of hyperparameters, and `estimator`
has the estimators `Classifier` and `Regressor`, with the interface of scikit-learn.

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
