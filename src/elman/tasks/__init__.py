"""Do something useful with recurrent layers: one recipe a file, read from top to bottom.

A recipe says what is particular to a task (how its data become batches, what its loss is) and leaves the rest to
the pieces that all recipes stand on, in the order in which data pass through them:

* a text: `corpus` reads a folder with a class each; `vocabulary` turns text into numbers (`characters`, `words`,
  `subwords`), `preparation` holds a part of it out, `windows` cuts the rest for truncated BPTT;
* examples, which `elman.data` reads: `splits` holds some out, `targets` turns what is to be predicted into numbers,
  `encoders` the examples into sequences (`augmentation` varies them), `batches` pads them;
* `settings` holds every option in one row (`input_settings`, `classify_settings`), `training` is the loop: updates,
  clipping, learning rates, early stopping, the best weights so far, or their average (`averaging`); `progress` shows
  it; `recipe` is how every training begins and ends, `outcome` what it measured, `attempt` one training of several;
  `trained` is what every trained model can do;
* a language model: `language_model` holds the layers, `evaluation` measures them, `sampling` turns logits into one
  unit, `reader` reads and completes, `reorder` puts jumbled words in order, `interactive` helps while one types;
  `trained_model` offers all of it;
* one answer to a sequence: `sequence_classifier` holds the layers, behind a front (`fronts`); `trained_classifier`
  offers what it can do;
* a tag for every word: `sequence_tagger` holds the layers, `crf` chooses tags together, `chunks` finds what they mark;
  `tag_encoder`, `tag_targets` and `tag_batches` make numbers of sentences that `elman.data.tagged` reads, `tag_scores`,
  `tag_baseline`, `tag_report` and `tag_verdict` say what came of it; `trained_tagger` offers what it can do;
* what follows a series: `forecast_windows` cuts series that `elman.data.time_tables` reads into windows (`covariates`,
  `forecast_calendar`), `forecast_sizes` says how long, `forecaster` holds the layers, `conformal` calibrates intervals;
  `trained_forecaster` offers what it can do; `backtest` and `forecast_scores` measure it beside `forecast_baselines`
  (`naive_forecasts`, `linear_forecast`, kept by `forecast_beside`); `series_report`, `forecast_tables` and
  `forecast_picture` show it;
* `search` tries settings and keeps the best (`classify_space`, `tag_space`, `forecast_space` say which); `estimators`,
  `tag_estimator` and `forecast_estimator` offer all of it as scikit-learn does, as `Classifier`, `Regressor`, `Tagger`
  and `Forecaster`;
* what stands beside a score: `data_report` looks at the examples before anything is learnt, `scores` counts,
  `baseline` does without recurrence (`bags`, `frame_summaries`), `verdict` says what a score is worth, `mistakes` which
  answers are worst; `score_tables` and `confusion_picture` show it;
* `probe` examines how long cells can be taught to remember, on `memory_problems` (`probe_settings`, `probe_networks`,
  `probe_clock`); `exam` holds what it found, `probe_picture` draws it;
* `model_file` keeps everything in one file that executes nothing when it is loaded.

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
    "Classifier": "estimators",
    "Regressor": "estimators",
    "Tagger": "tag_estimator",
    "Forecaster": "forecast_estimator",
}


def __getattr__(name: str) -> Any:
    if name in _RECIPES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(f"{__name__}.{_ESTIMATORS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_RECIPES, *_ESTIMATORS])
