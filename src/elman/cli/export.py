"""`elman export`: a model as a file that runs without this package; `elman card`: what a model says about itself."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.options import Json, Model
from elman.cli.show import print_json, print_rows
from elman.paths import refuse_shared
from elman.tasks.registry import recipe_of

_Target = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="the file to write: .onnx or .c", show_default=False)
]
_Form = Annotated[
    str | None,
    typer.Option("--to", metavar="onnx|c", help="the form, if the ending does not say it", show_default=False),
]
_Force = Annotated[bool, typer.Option("--force", help="replace a file that is there, once the new one is verified")]


def export(model: Model, output: _Target, to: _Form = None, force: _Force = False, json: Json = False) -> None:
    """Export a model to ONNX, with its card beside it, or its recurrent layers to C99.

    The file is run once and compared with the model before it is put in place.
    """
    from elman.tasks.exporting import export_model

    refuse_shared({"--output": output}, {"the model": [model]})
    agreement = export_model(model, output, to, force)
    size = Path(output).stat().st_size
    if json:
        verified = None if agreement is None else {"difference": agreement.difference, "bound": agreement.bound}
        print_json({"file": output, "bytes": size, "verified": verified})
        return
    verdict = "not verified: there is no C compiler here"
    if agreement is not None:
        verdict = f"differs from the model by at most {agreement.difference:.1e} (allowed: {agreement.bound:.1e})"
    print_rows(("file", f"{output}  ({size / 1e6:.2f} MB)"), ("verified", verdict))


def card(model: Model, json: Json = False) -> None:
    """Print the card of a model: what it is, what it was trained on, scores beside simpler models, limits."""
    from elman.tasks.exporting import describe

    recipe = recipe_of(model)
    facts = describe(recipe, recipe.load(model))
    if json:
        print_json(facts)
        return
    rows = [("task", facts["task"]), ("cell", facts["cell"]), ("parameters", f"{facts['parameters']:,}")]
    rows += [("scores" if number == 0 else "", line) for number, line in enumerate(facts["scores"])]
    rows += [("gradient", facts["verdict_on_the_gradient"] or "not measured")]
    rows += [("options", ", ".join(f"{name}={value}" for name, value in facts["configuration"].items()))]
    rows += [("with", ", ".join(f"{name} {version}" for name, version in facts["trained_with"].items()))]
    print_rows(*rows, ("licence", facts["licence"] or "not stated"), ("limits", facts["limits"]))
