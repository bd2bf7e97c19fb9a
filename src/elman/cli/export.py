"""`elman export`: a model as a file that runs without this package; `elman card`: what a model says about itself."""

from typing import Annotated

import typer

from elman.cli.options import Json, Model
from elman.cli.show import Row, print_json, print_rows
from elman.paths import refuse_shared
from elman.tasks.registry import recipe_of

_Target = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="the file to write: .onnx, .c, .o, .wasm, .html", show_default=False
    ),
]
_Form = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="onnx|c|object|wasm|html", help="the form, if the ending does not say it", show_default=False
    ),
]
_Force = Annotated[bool, typer.Option("--force", help="replace a file that is there, once the new one is verified")]


_Alone = Annotated[
    bool, typer.Option("--alone", help="of several networks the first, without the others and without a baseline")
]
_Step = Annotated[bool, typer.Option("--step", help="one time step, states in and out, of a model that reads forward")]
_Licence = Annotated[
    str | None, typer.Option("--licence", metavar="TEXT", help="of the model, for its card", show_default=False)
]
_Processor = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TRIPLE",
        help="the processor and system of a .o, such as thumbv7em-none-eabihf; this machine if it is left out",
        show_default=False,
    ),
]


def export(
    model: Model,
    output: _Target,
    to: _Form = None,
    step: _Step = False,
    alone: _Alone = False,
    licence: _Licence = None,
    target: _Processor = None,
    force: _Force = False,
    json: Json = False,
) -> None:
    """Export a model to ONNX, with its card beside it, or to a page for a browser; its recurrent layers to C99 or a .o.

    A language model becomes a whole module of WebAssembly, any other gives its recurrent layers.
    Each file is run once and compared with the model before it is put in place.
    """
    from elman.tasks.exporting import export_model, why_unverified

    refuse_shared({"--output": output}, {"the model": [model]})
    written = export_model(model, output, to, force, step=step, alone=alone, licence=licence, processor=target)
    sizes = {str(file): file.stat().st_size for file in written.files}
    agreement = written.agreement
    if json:
        verified = None if agreement is None else {"difference": agreement.difference, "bound": agreement.bound}
        listed = [{"file": file, "bytes": size} for file, size in sizes.items()]
        own = {"files": listed, "cards": list(map(str, written.cards)), "holds": written.holds}
        print_json({**own, "note": written.note or None, "verified": verified})
        return
    verdict = f"not verified: {why_unverified(output, to)}"
    if agreement is not None:
        verdict = f"differs from the model by at most {agreement.difference:.1e} (allowed: {agreement.bound:.1e})"
    files = [("", f"{file}  ({size / 1e6:.2f} MB)") for file, size in sizes.items()]
    cards = [("", str(card)) for card in written.cards]
    note = [("note", written.note)] if written.note else []
    print_rows(*_head("file", files), *_head("card", cards), ("holds", written.holds), *note, ("verified", verdict))


def _head(label: str, rows: list[Row]) -> list[Row]:
    """Label the first of some rows."""
    return [(label, rows[0][1]), *rows[1:]] if rows else []


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
