"""Show a trained model, whatever its task, some of its data, so that its layers can be looked at while it works.

>>> view = view_model("book.elman.safetensors", ["book.txt"])   # doctest: +SKIP
>>> view.what                                                   # doctest: +SKIP
'8 stretches of 200 characters'
"""

from collections.abc import Sequence
from os import PathLike

from elman.errors import ConfigError
from elman.models.file import task_of
from elman.models.view import View
from elman.tasks.classify import model as trained_classifier
from elman.tasks.classify.view import view_examples
from elman.tasks.forecast import model as trained_forecaster
from elman.tasks.forecast.view import view_forecasts
from elman.tasks.generate import model as trained_model
from elman.tasks.generate.view import view_text
from elman.tasks.tag import model as trained_tagger
from elman.tasks.tag.view import view_tags

STEPS = 200


def view_model(path: str | PathLike[str], data: Sequence[str], length: int | None = None) -> View:
    """Show a model some data.

    Args:
        path: of its file.
        data: like those of its training.
        length: how many time steps of a text; None for 200. What has its own length keeps it.

    Raises:
        DataError: the model or the data cannot be read, or do not fit each other.
        ConfigError: there is nothing to look at for a model of this task.
    """
    task = task_of(path)
    if task == trained_model.TrainedModel.task:
        return view_text(trained_model.load(path), data, STEPS if length is None else length)
    if length is not None:
        raise ConfigError("length is given, and each example has its own. Drop it.")
    if task == trained_classifier.TrainedClassifier.task:
        return view_examples(trained_classifier.load(path), data)
    if task == trained_tagger.TrainedTagger.task:
        return view_tags(trained_tagger.load(path), data)
    if task == trained_forecaster.TrainedForecaster.task:
        return view_forecasts(trained_forecaster.load(path), data)
    raise ConfigError(f"{path} is a model for {task!r}, and there is nothing to look at for it.")
