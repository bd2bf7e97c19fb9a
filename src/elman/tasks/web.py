"""Export a trained model of any task for the browser: as functions of WebAssembly, or as a page.

A recipe whose models become pages has a file `page.py` with

    page_model(model) -> WebModel      its functions, and the scripts of its page
    web_model(model) -> WebModel       the same for a file of functions; without it the recurrent layers are written

>>> with_pages()
['generate', 'classify', 'forecast']
"""

import importlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.phrases import name_some
from elman.tasks.registry import RECIPES, Entry

if TYPE_CHECKING:
    from elman.export.target import ExportedFiles, TargetFile

FORMS = {"wasm": ".wasm", "html": ".html"}


def export_to_web(
    recipe: Entry,
    trained: Any,
    card: Mapping[str, Any],
    target: "TargetFile",
    model: str | PathLike[str],
    step: bool = False,
) -> "ExportedFiles":
    """Export a model, verified where there is what runs it.

    Args:
        recipe: of the model.
        trained: the model, one network.
        card: what it says about itself.
        target: the file.
        model: the model's file, after which a page is called.
        step: one time step is wanted, which a page is not.

    Raises:
        ConfigError: there are no pages for models of this task, or this one cannot be written.
        ElmanError: the file does not compute the same; nothing was written.
    """
    from elman.export.pages.page import put_module, put_page
    from elman.export.target import ExportedFiles

    if target.form == "html" or _has(recipe, "web_model"):
        _refuse_sides(trained)
    if target.form == "wasm" and _has(recipe, "web_model"):
        functions = recipe.part("page", "web_model")(trained)
        return ExportedFiles((target.path,), functions.holds, put_module(target, functions, card))
    if target.form == "wasm":
        from elman.export.network import take
        from elman.export.wasm.layer import put

        agreement = put(take(trained.module.recurrent), target)
        note = "what stands around them, such as embeddings and readout, is not in it; -o FILE.onnx writes all"
        return ExportedFiles((target.path,), "the recurrent layers alone", agreement, note)
    if recipe.name not in with_pages() or step:
        able = "Drop --step." if step else "Write it to ONNX."
        what = "a page is no single step" if step else f"models of {', '.join(with_pages())} become pages"
        raise ConfigError(f"export: {model} is a model for {recipe.name!r}, and {what}. {able}")
    title = Path(model).name.removesuffix(".elman.safetensors")
    agreement = put_page(target, recipe.part("page", "page_model")(trained), card, title)
    return ExportedFiles((target.path,), "the model and a page that uses it", agreement)


def _refuse_sides(trained: Any) -> None:
    """Refuse a model whose cell reads side inputs.

    Raises:
        ConfigError: it does.
    """
    cell = trained.module.recurrent.cell
    if cell.sides:
        raise ConfigError(
            f"export: {cell.name} reads {name_some(cell.sides)} at every step besides its input, and no model is "
            "written for the browser with that. Write it to ONNX, -o NAME.onnx, or its layers alone, -o NAME.c"
        )


def with_pages() -> list[str]:
    """Return the recipes whose models become pages."""
    return [entry.name for entry in RECIPES if entry.has("page")]


def _has(recipe: Entry, name: str) -> bool:
    return recipe.has("page") and hasattr(importlib.import_module(f"elman.tasks.{recipe.name}.page"), name)
