"""Export a trained model of any task for the browser: as functions of WebAssembly, or as a page.

A recipe whose models become pages has a file `page.py` with

    page_model(model) -> WebModel      its functions, and the scripts of its page
    web_model(model) -> WebModel       the same for a file of functions; without it the recurrent layers are written
    obstacle(model) -> str             why a model cannot become a page; where some cannot

>>> with_pages()
['generate', 'classify', 'forecast']
"""

import importlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.phrases import name_some
from elman.tasks.registry import RECIPES, Entry

if TYPE_CHECKING:
    from elman.export.target import ExportedFiles, TargetFile

FORMS = {"wasm": ".wasm", "html": ".html"}


def refuse_impossible(
    recipe: Entry, network: Any, form: str, model: str | PathLike[str], step: bool, advise: Callable[[], str]
) -> None:
    """Refuse what no option makes possible, before any option is advised.

    Args:
        recipe: of the model.
        network: the model, its first network alone.
        form: `wasm` or `html`.
        model: the model's file, for messages.
        step: one time step is wanted, which a page is not.
        advise: called for what to do instead.

    Raises:
        ConfigError: there are no pages for models of this task, or this one cannot be written.
    """
    if form == "wasm" and not _has(recipe, "web_model"):
        return
    cell = network.module.recurrent.cell
    if form == "html" and recipe.name not in with_pages():
        why = f"{model} is a model for {recipe.name!r}, and models of {', '.join(with_pages())} become pages"
    elif cell.sides:
        why = (
            f"{cell.name} reads {name_some(cell.sides)} at every step besides its input, and no model is written for "
            "the browser with that"
        )
    else:
        why = recipe.part("page", "obstacle")(network) if form == "html" and _has(recipe, "obstacle") else ""
    if why:
        raise ConfigError(f"export: {why}. {advise()}")
    if form == "html" and step:
        raise ConfigError("export: a page is no single step. Drop --step.")


def export_to_web(
    recipe: Entry, trained: Any, card: Mapping[str, Any], target: "TargetFile", model: str | PathLike[str], alone: str
) -> "ExportedFiles":
    """Export a model, verified where there is what runs it.

    Args:
        recipe: of the model.
        trained: the model, one network.
        card: what it says about itself.
        target: the file.
        model: the model's file, after which a page is called.
        alone: what is written of a model of several networks, in words; empty where it is all.

    Raises:
        ElmanError: the file does not compute the same; nothing was written.
    """
    from elman.export.pages.page import put_module, put_page
    from elman.export.target import ExportedFiles

    if target.form == "wasm":
        functions = recipe.part("page", "web_model")(trained)
        return ExportedFiles((target.path,), functions.holds, put_module(target, functions, card))
    title = Path(model).name.removesuffix(".elman.safetensors")
    agreement = put_page(target, recipe.part("page", "page_model")(trained), card, title)
    holds = f"{alone}, and a page that uses it" if alone else "the model and a page that uses it"
    return ExportedFiles((target.path,), holds, agreement)


def with_pages() -> list[str]:
    """Return the recipes whose models become pages."""
    return [entry.name for entry in RECIPES if entry.has("page")]


def has_functions(recipe: Entry) -> bool:
    """Return whether models of a recipe become a whole module of WebAssembly."""
    return _has(recipe, "web_model")


def _has(recipe: Entry, name: str) -> bool:
    return recipe.has("page") and hasattr(importlib.import_module(f"elman.tasks.{recipe.name}.page"), name)
