"""Answer a sequence with a class, labels or a number: what the recipe `classify` stands on.

`settings` holds its options. `sequence_classifier` holds the layers, behind a front (`fronts`); `trained_classifier`
offers what it can do, `view` shows it at work. `baseline` does without recurrence (`bags`, `frame_summaries`);
`mistakes` finds the answers that are worst, `confusion_picture` draws what was confused. `space` says which settings a
search tries, and `estimators` offers all of it as scikit-learn does, as `Classifier` and `Regressor`.

>>> import torch
>>> from elman.tasks.classifying.mistakes import mistakes_in_classes
>>> answers = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
>>> [m.where for m in mistakes_in_classes(torch.tensor([1, 1]), answers, ("ham", "spam"), "line {}".format)]
['line 0']
"""
