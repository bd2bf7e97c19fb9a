"""Export a trained model of any task: as a file of ONNX with its card, or its recurrent layers as C.

A recipe whose models are exported to ONNX has a file `exported.py` with

    graph(model) -> ModelGraph         the model as a graph, and how its module computes the same
    describe(model) -> dict            what the card says about models of this task: vocabulary, classes, columns

>>> export_model("missing.elman.safetensors", "model.onnx")  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: missing.elman.safetensors does not exist. Check the path; the current folder is ...
"""

import importlib.util
from os import PathLike
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.tasks.registry import RECIPES, Entry, recipe_of

if TYPE_CHECKING:
    from elman.export.checking import Agreement

FORMS = {"onnx": ".onnx", "c": ".c"}


def export_model(
    model: str | PathLike[str], path: str | PathLike[str], form: str | None = None, force: bool = False
) -> "Agreement | None":
    """Export a model, verified before it is put in place.

    Args:
        model: the file of a model.
        path: the file to write; beside one of ONNX its card is written as `path`.json.
        form: `onnx` or `c`; None to take that of the ending.
        force: replace files that are there.

    Returns:
        How far the export is from the model; None where there is no compiler for C.

    Raises:
        DataError: there is no such model.
        ConfigError: the model or the target cannot be exported, see the message.
        BackendError: a package is not installed, or too old.
        ElmanError: the file does not compute the same; nothing was written.
    """
    from elman.export import require_onnx
    from elman.export.target import choose

    recipe = recipe_of(model)
    target = choose(path, FORMS, form, force)
    if target.form == "c":
        from elman.export.c_file import name_of, put
        from elman.export.network import take

        return put(take(recipe.load(model).module.recurrent), target, name_of(target.path))
    if not _is_exported(recipe):
        able = ", ".join(entry.name for entry in RECIPES if _is_exported(entry))
        raise ConfigError(
            f"export: {model} is a model for {recipe.name!r}, and models of {able} are written to ONNX. "
            "Use --to c for its recurrent layers alone."
        )
    require_onnx()
    from elman.export.models import write_model

    trained = recipe.load(model)
    card = {**describe(recipe, trained), **recipe.part("exported", "describe")(trained)}
    return write_model(target, recipe.part("exported", "graph")(trained), card, force)


def describe(recipe: Entry, trained: Any) -> dict[str, Any]:
    """Return the card of a model, without what its task adds."""
    from elman.export.card import describe_model

    try:
        scores = recipe.part("commands", "summarise")(trained)
    except KeyError:  # it was trained without a comparison, by an estimator or with compare=False
        scores = [("", "Nothing was measured beside simpler models.")]
    return describe_model(trained, scores)


def _is_exported(recipe: Entry) -> bool:
    return importlib.util.find_spec(f"elman.tasks.{recipe.name}.exported") is not None
