"""Do something useful with recurrent layers: one recipe a file, read from top to bottom.

A recipe says what is particular to a task (how its data become batches, what its loss is) and leaves the rest to
the pieces that all recipes stand on, in the order in which data pass through them:

* examples, which `elman.data` reads: `splits` holds some out, `targets` turns what is to be predicted into numbers,
  `encoders` the examples into sequences (`augmentation` varies them), `batches` pads them; `data_report` looks at them
  before anything is learnt;
* `settings` holds every option in one row (`input_settings`), `training` is the loop: updates, clipping, learning
  rates, early stopping, the best weights so far, or their average (`averaging`); `glances` looks at its gradient now
  and then, `progress` shows it; `recipe` is how every training begins and ends, `outcome` what it measured, `attempt`
  one training of several, `search` tries settings and keeps the best;
* `trained` is what every trained model can do, in a file (`model_file`) that executes nothing when it is loaded, whose
  bytes (`model_bytes`) have a sum, and no number that is not finite (`finite`);
  `estimator` offers it as scikit-learn does, whose words `conventions` holds;
* `scores` counts, `verdict` says what a score is worth beside others; `score_tables` and `picture_files` show it;
* `inspection` looks inside a model at work (`views`, `model_view`), beside what its training `measured`.

Each recipe has a folder of its own parts: `language` for `generate`, `classifying` for `classify`, `tagging` for `tag`,
`forecasting` for `forecast`, `probing` for `probe`.

The recipes are `generate`, the language model, `classify`, `tag` and `forecast`:

    >>> from elman.tasks import generate
    >>> model = generate.train("book.txt", cell="gru", hidden=128)   # doctest: +SKIP
    >>> model.save("book.elman.safetensors")                         # doctest: +SKIP
    >>> "".join(model.generate(prompt="Once ", length=40, seed=1))   # doctest: +SKIP
    'upon a time there was a little old man a'
"""

import importlib
import os
from typing import Any

# Torch's CPU threads wait for each other by spinning. An update here is many small products, and when another program
# wants a core as well, spinning made it ten times slower. Torch has no switch for it and reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_RECIPES = ("generate", "classify", "tag", "forecast", "probe")
_ESTIMATORS = {
    "Classifier": "classifying.estimators",
    "Regressor": "classifying.estimators",
    "Tagger": "tagging.estimator",
    "Forecaster": "forecasting.estimator",
}


def __getattr__(name: str) -> Any:
    if name in _RECIPES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(f"{__name__}.{_ESTIMATORS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_RECIPES, *_ESTIMATORS])
