"""Train a module for any task: the loop that all recipes share, and what it needs.

* `settings` has the options of every training; `splits` holds examples out; `windows` cuts texts for truncated BPTT;
* `start` initialises recurrent layers; `feed` yields the batches; `loop` makes the updates, clips gradients and
  validates; `run` is the state of a training with its best weights, and decides what comes next: the learning rate
  (`schedule`, for what `optimizers` builds), validation, early stopping; `averaging` averages the weights;
* `outcome` is what a training measured; `glances` samples its gradient now and then; `progress` shows it;
* `recipe` is what every task shares; `attempt` trains one model, alone or as a trial; `search` tries settings and keeps
  the best; `keeping` writes the best model to its file during the training; `allowance` limits the work of baselines;
* `resuming` writes and restores checkpoints (`checkpoint` is their file), by which `fingerprint` recognises the data;
  `resumable` is around a whole training, `beside` keeps a second one from its output, and `stopping` waits for signals;
* `ranks` joins several processes, which `launched` recognises.

>>> from elman.training.settings import TrainingSettings
>>> TrainingSettings(accumulate=4).count_updates(10)
3
"""
