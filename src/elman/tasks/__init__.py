"""The tasks that models are trained for: one recipe a folder.

A recipe holds what is particular to a task (how its data become batches, what its loss is). Everything else is shared:
`elman.data` reads, `elman.vocabulary` and `elman.encoders` turn examples into numbers, `elman.training` trains,
`elman.decoding` decodes outputs, `elman.scores` scores them, and `elman.models` writes model files. Every recipe has
the same files: `settings`, `reading`, `module`, `model`, `recipe`, `view`, `commands`, and then its own. No recipe
imports another. `registry` lists them all, `contract` defines what they offer to the commands, and `inspection` looks
inside a trained model of any task.

The recipes are `generate`, the language model, `classify`, `tag`, `forecast`, `translate`, `transcribe`, `caption` and
`compose`:

    >>> from elman.tasks import generate
    >>> model = generate.train("book.txt", cell="gru", hidden=128)   # doctest: +SKIP
    >>> model.save("book.elman.safetensors")                         # doctest: +SKIP
    >>> "".join(model.generate(prompt="Once ", length=40, seed=1))   # doctest: +SKIP
    'upon a time there was a little old man a'
"""

import os
from typing import TYPE_CHECKING

from elman.lazy import offer
from elman.tasks.registry import RECIPES

if TYPE_CHECKING:
    from elman.tasks.caption.estimator import Captioner as Captioner
    from elman.tasks.classify.estimator import Classifier as Classifier
    from elman.tasks.classify.estimator import Regressor as Regressor
    from elman.tasks.forecast.estimator import Forecaster as Forecaster
    from elman.tasks.tag.estimator import Tagger as Tagger
    from elman.tasks.transcribe.estimator import Transcriber as Transcriber
    from elman.tasks.translate.estimator import Translator as Translator

# Torch's CPU threads wait for each other by spinning. An update here is many small products, and when another program
# wants a core as well, spinning made it ten times slower. Torch has no switch for it and reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_NAMES = {
    "probe": "",
    **{recipe.name: "" for recipe in RECIPES},
    **{name: f"{recipe.name}.estimator" for recipe in RECIPES for name in recipe.estimators},
}

__getattr__ = offer(__name__, _NAMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
