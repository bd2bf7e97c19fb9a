"""Export a trained model of any task: as files of ONNX with their card, for the browser, or its recurrent layers as C.

A recipe whose models are exported to ONNX has a file `exported.py` with

    graphs(model) -> dict[str, ModelGraph]   the parts of the model as graphs, by name; the name of an only one is ""
    step_graphs(model) -> dict               the same of one time step, states in and out; where that means something
    describe(model) -> dict                  what the card says about models of this task: vocabulary, classes, columns

Where a model may be more than one network (`model.alone()`), also

    describe(model, alone) -> dict           the same of the first network, which `alone` names
    score_alone(model) -> str                the held-out score of a network alone; empty where it was not measured

>>> export_model("missing.elman.safetensors", "model.onnx")  # doctest: +ELLIPSIS
Traceback (most recent call last):
elman.errors.DataError: missing.elman.safetensors does not exist. Check the path; the current folder is ...
"""

import importlib
from os import PathLike
from typing import TYPE_CHECKING, Any

from elman.errors import BackendError, ConfigError
from elman.paths import refuse_shared
from elman.tasks import web
from elman.tasks.registry import RECIPES, Entry, recipe_of

if TYPE_CHECKING:
    from elman.export.models import ModelGraph
    from elman.export.target import ExportedFiles, TargetFile

FORMS = {"onnx": ".onnx", "c": ".c", "object": ".o", **web.FORMS}
_TAKERS = {"c": "C takes", "object": "an object file takes", "wasm": "WebAssembly takes", "html": "a page takes"}
_UNVERIFIED = {
    "c": "there is no C compiler here",
    "wasm": "Wasmtime is not installed (pip install 'elman[wasm]')",
    "html": "Node is not installed, which runs the scripts of a page",
}


def export_model(
    model: str | PathLike[str],
    path: str | PathLike[str],
    form: str | None = None,
    force: bool = False,
    *,
    alone: bool = False,
    step: bool = False,
    licence: str | None = None,
    processor: str | None = None,
) -> "ExportedFiles":
    """Export a model, verified before it is put in place.

    Args:
        model: the file of a model.
        path: the file to write; a model of several parts is written beside it, as `NAME.encoder.onnx` and so on. Beside
            each file of ONNX its card is written as `FILE.json`.
        form: `onnx`, `c`, `object`, `wasm` or `html`; None to take that of the ending.
        force: replace files that are there.
        alone: write the first network of a model of several, without the others and without a baseline.
        step: write one time step, states in and out; models that write are written so in any case, and C and
            WebAssembly always have it.
        licence: of the model, for its card.
        processor: the triple for which an object file is compiled; None for this machine.

    Returns:
        The files, what they hold, and how far the export is from the model.

    Raises:
        DataError: there is no such model.
        ConfigError: the model or the target cannot be exported, see the message.
        BackendError: a package is not installed, or too old.
        ElmanError: a file does not compute the same; nothing was written.
    """
    from elman.export import require_onnx
    from elman.export.target import choose, header_of

    recipe = recipe_of(model)
    target = choose(path, FORMS, form, force=True)
    if target.form in ("c", "object") and licence is not None:
        raise ConfigError("export: a licence stands in the card, and a file of C has none. Drop --licence.")
    if target.form != "object" and processor is not None:
        raise ConfigError("export: a target is that of an object file. Name one, -o FILE.o, or drop --target.")
    whole = recipe.load(model)
    if target.form in web.FORMS:
        web.refuse_impossible(recipe, whole.alone(), target.form, model, step, lambda: _advise_onnx(recipe, whole))
    chosen = _choose_networks(recipe, whole, model, alone, target.form)
    if target.form == "object":
        refuse_shared({"the header": header_of(target.path)}, {"the model": [str(model)]})
    if target.form in ("c", "object") or (target.form == "wasm" and not web.has_functions(recipe)):
        score = "" if chosen is whole else _score_alone(recipe, whole)
        target = choose(path, FORMS, target.form, force)
        return _write_layers(chosen, target, force, chosen is not whole, score, processor)
    if target.form in web.FORMS:
        target = choose(path, FORMS, target.form, force)
        card, part = _card(recipe, whole, chosen, licence), _name_alone(recipe, whole, chosen)
        return web.export_to_web(recipe, chosen, card, target, model, part)
    if not recipe.has("exported"):
        able = ", ".join(entry.name for entry in RECIPES if entry.has("exported"))
        raise ConfigError(
            f"export: {model} is a model for {recipe.name!r}, and models of {able} are written to ONNX. "
            "Use --to c for its recurrent layers alone."
        )
    require_onnx()
    from elman.export.models import write_models
    from elman.export.target import card_of, name_part

    graphs = _graphs_of(recipe, chosen, step)
    for part in graphs:
        file = name_part(target.path, part)
        refuse_shared({"--output": file}, {"the model": [str(model)]})
        refuse_shared({"the card": card_of(file)}, {"the model": [str(model)]})
    card = _card(recipe, whole, chosen, licence)
    if step and "step" not in card["holds"]:
        card["holds"] = f"one step, states in and out, of {card['holds']}"
    return write_models(target.path, graphs, card, force)


def why_unverified(path: str | PathLike[str], form: str | None = None) -> str:
    """Return why a file that was written here is not verified; nothing for a form that always is.

    >>> why_unverified("net.c")
    'there is no C compiler here'
    """
    chosen = form or next((name for name, ending in FORMS.items() if str(path).endswith(ending)), "")
    return _UNVERIFIED.get(chosen, "")


def _card(recipe: Entry, whole: Any, chosen: Any, licence: str | None) -> dict[str, Any]:
    """Return the card of the part of a model that is exported."""
    alone = _name_alone(recipe, whole, chosen)
    own = recipe.part("exported", "describe")(chosen, *filter(None, [alone])) if recipe.has("exported") else {}
    card = {**describe(recipe, whole), **own, "licence": licence}
    if alone:
        score = _score_alone(recipe, whole) or "not measured"
        card["parameters"] = chosen.parameters
        card["scores"] = [f"the first network alone: {score}", *(f"the whole model: {row}" for row in card["scores"])]
        card["limits"] += " The file holds the first network alone, and all other scores are those of the whole model."
    return card


def _name_alone(recipe: Entry, whole: Any, chosen: Any) -> str:
    """Name the first network with its score; empty where all of the model is exported."""
    score = "" if chosen is whole else _score_alone(recipe, whole)
    return "" if chosen is whole else f"the first network alone{f' ({score})' if score else ''}"


def _score_alone(recipe: Entry, whole: Any) -> str:
    score: str = recipe.part("exported", "score_alone")(whole)
    return score


def describe(recipe: Entry, trained: Any) -> dict[str, Any]:
    """Return the card of a model, without what its task adds."""
    from elman.export.card import describe_model

    measured = any(name.startswith("validation") for name in trained.metrics)
    scores = recipe.part("commands", "summarise")(trained) if measured else [("", "Nothing was measured.")]
    return describe_model(trained, scores)


def _choose_networks(recipe: Entry, model: Any, path: str | PathLike[str], alone: bool, form: str) -> Any:
    """Return the model that is exported: all of it, or its first network alone."""
    first = model.alone()
    if form in _TAKERS and form != "html" and model.module.recurrent.bidirectional:
        return first  # which is refused where it would be written
    if alone and first is model:
        raise ConfigError(f"export: the answer of {path} is that of one network already. Drop --alone.")
    if form in _TAKERS and not alone and first is not model:
        which = "the first network" if form == "html" else "the recurrent layers of the first"
        other = ", or write all of it to .onnx" if _has_graphs(recipe, model) else ""
        raise ConfigError(
            f"export: the answer of {path} is not that of one network alone, and {_TAKERS[form]} one. Add --alone to "
            f"write {which}{other}."
        )
    return first if alone else model


def _advise_onnx(recipe: Entry, model: Any) -> str:
    """Say how a model that cannot become a page is written to ONNX, which does not refuse it as well."""
    if _has_graphs(recipe, model):
        return "Write it to ONNX, -o NAME.onnx."
    if _has_graphs(recipe, model.alone()):
        return "Write its first network to ONNX, -o NAME.onnx --alone."
    return "Use the model in Python."


def _has_graphs(recipe: Entry, model: Any) -> bool:
    """Return whether a model is written to ONNX; where that is not installed, only whether its task is."""
    from elman.export import require_onnx

    if not recipe.has("exported"):
        return False
    try:
        require_onnx()
        _graphs_of(recipe, model, step=False)
    except BackendError:
        return True
    except ConfigError:
        return False
    return True


def _graphs_of(recipe: Entry, model: Any, step: bool) -> "dict[str, ModelGraph]":
    exported = importlib.import_module(f"elman.tasks.{recipe.name}.exported")
    write = getattr(exported, "step_graphs" if step else "graphs", None)
    if write is None:
        raise ConfigError(f"export: a model for {recipe.name!r} reads more than one step at a time. Drop --step.")
    found: dict[str, ModelGraph] = write(model)
    return found


def _write_layers(
    model: Any, target: "TargetFile", force: bool, several: bool, score: str, processor: str | None
) -> "ExportedFiles":
    from elman.export.c_declarations import name_of
    from elman.export.network import take
    from elman.export.target import ExportedFiles, header_of
    from elman.nn import Recurrent

    network, name, files, elsewhere = take(model.module.recurrent), name_of(target.path), [target.path], ""
    if target.form == "c":
        from elman.export import c_file

        agreement = c_file.put(network, target, name)
    elif target.form == "wasm":
        from elman.export.wasm import layer as module

        agreement = module.put(network, target)
    else:
        from elman.export.objects import layer, targets

        found = targets.find(processor)
        agreement = layer.put(network, target, name, found, force)
        files += [header_of(target.path)]
        elsewhere = (
            "" if found == targets.this_machine() else f"compared was the program, compiled here, not {found.triple}; "
        )
    which = " of the first network" if several else ""
    further = [
        name
        for name, part in model.module.named_modules()
        if isinstance(part, Recurrent) and part is not model.module.recurrent
    ]
    also = f" nor the recurrent layers {', '.join(further)}" if further else ""
    note = f"what stands around them, such as embeddings and readout, is not in it{also}; "
    note += "-o FILE.onnx --alone writes all of that network" if several else "-o FILE.onnx writes all"
    note += f", which has {score}" if score else ""
    return ExportedFiles(tuple(files), f"the recurrent layers{which} alone", agreement, elsewhere + note)
