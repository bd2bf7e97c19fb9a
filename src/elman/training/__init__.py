"""Train a module, whatever it is for: the loop that all recipes share, and what surrounds it.

* `settings` holds the options of every training; `splits` holds examples out, `windows` cuts texts for truncated BPTT;
* `start` gives recurrent layers their first weights; `loop` follows the gradient: updates, clipping, validations; `run`
  is what was done so far, with the best weights, and says what comes next: learning rate (`schedule`, of what
  `optimizers` builds), validation, early stopping; `averaging` takes the mean of the weights;
* `outcome` is what a training measured; `glances` looks at its gradient now and then, `progress` shows it;
* `attempt` is one training of several, `search` tries settings and keeps the best, `keeping` keeps the best model in
  its file while the training goes on, `allowance` bounds the work of what is trained beside it.

>>> from elman.training.settings import TrainingSettings
>>> TrainingSettings(accumulate=4).count_updates(10)
3
"""
