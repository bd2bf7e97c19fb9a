"""Put a page together from a model, and compare what it computes with the model before it is put in place.

A recipe gives a :class:`WebModel`, and beside its code three files: `answer.js`, the class `Model` that computes, which
Node runs as well; `page.js`, which shows; and `page.html`, what is seen.

>>> rows_of({"scores": ["a: 1"], "licence": None, "cell": "gru", "limits": "None known.", "elman": "1"})[0]
('cell', 'gru')
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.checking import LENGTHS, Agreement, compare_all
from elman.export.pages.running import find_node, run_in_node
from elman.export.target import TargetFile
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.linker import link
from elman.export.wasm.running import Instance, is_installed
from elman.flow.page.style import colours, page, rules

BOUND = 2e-6
Case = Mapping[str, Any]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class WebModel:
    """A trained model as functions of WebAssembly, with what it is compared with.

    Attributes:
        writer: the functions.
        cases: what it is compared on, as plain data.
        expect: computes the numbers of a case in a dtype, one after the other.
        folder: where its scripts are, and the text of what is seen.
        own: what its page needs to know beside the card.
        run: computes a case by the functions alone; None where the scripts of the page do a part of it.
        answers: the scripts that compute; one of them has the class `Model`.
        shows: the names of the scripts that show, without their ending; the last has a text of this name.
        holds: what the functions compute, in words, where they are all of the model.
    """

    writer: ModuleWriter
    cases: Sequence[Case]
    expect: Callable[[Case, torch.dtype], Sequence[Tensor]]
    folder: Path
    own: Mapping[str, Any] = field(default_factory=dict)
    run: Callable[[Instance, Case], np.ndarray] | None = None
    answers: tuple[str, ...] = ("answer.js",)
    shows: tuple[str, ...] = ("page",)
    holds: str = ""


def put_module(target: TargetFile, model: WebModel, card: Mapping[str, Any]) -> Agreement | None:
    """Write the functions of a model, verified where Wasmtime is installed.

    Raises:
        ElmanError: they compute something else; nothing was written.
    """
    agreement, run = None, model.run
    assert run is not None
    if is_installed():
        instance = Instance(link(model.writer, {}))
        agreement = compare_all(model.cases, lambda case: [torch.from_numpy(run(instance, case))], model.expect, BOUND)
    target.put(link(model.writer, {**card, "holds": model.holds, "verified": _describe(agreement)}))
    return agreement


def put_page(target: TargetFile, model: WebModel, card: Mapping[str, Any], title: str) -> Agreement | None:
    """Write a model as a page, verified where Node is installed.

    Raises:
        ElmanError: its scripts compute something else; nothing was written.
    """
    agreement, module = None, link(model.writer, {})
    if find_node() is not None:
        given = _embedded(model, card, module)
        found = iter(run_in_node(scripts(*(model.folder / name for name in model.answers)), given, model.cases))
        agreement = compare_all(model.cases, lambda case: [torch.tensor(next(found))], model.expect, BOUND)
    whole = {**card, "verified": _describe(agreement)}
    target.put(write_page(model, whole, title, module).encode())
    return agreement


def write_page(model: WebModel, card: Mapping[str, Any], title: str, module: bytes) -> str:
    """Return the text of a page."""
    parts = {
        "TITLE": escape(title),
        "STYLE": colours() + rules() + page() + (_HERE / "page.css").read_text(encoding="utf-8"),
        "BODY": (model.folder / f"{model.shows[-1]}.html").read_text(encoding="utf-8"),
        "ABOUT": _about(card),
        "GIVEN": embed(_embedded(model, card, module)),
        "SCRIPTS": scripts(
            *(model.folder / name for name in model.answers),
            _HERE / "show.js",
            *(model.folder / f"{name}.js" for name in model.shows),
        ),
    }
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    for name, part in parts.items():  # one after the other: no part but the last may contain the name of another
        text = text.replace(f"<!--{name}-->", part)
    return text


def scripts(*paths: Path) -> str:
    """Return scripts in turn, behind the one that all have."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (_HERE / "base.js", *paths))


def embed(data: Any) -> str:
    """Write plain data so that they may stand in a page.

    >>> embed(["<b>"])
    '["<b>"]'
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/").replace("<!--", "<\\u0021--")


def rows_of(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a page says about its model, a row each."""
    rows = [("cell", str(card["cell"]))]
    if "parameters" in card:
        rows.append(("parameters", f"{card['parameters']:,}"))
    rows += [("" if number else "scores", line) for number, line in enumerate(card["scores"])]
    if card.get("verified"):
        differs = f"differs from the model by at most {card['verified']['difference']:.1e}, relative to the largest"
        rows.append(("this page", differs))
    rows += [("licence", card["licence"] or "not stated"), ("limits", card["limits"])]
    return [*rows, ("written by", f"elman {card['elman']}")]


def _about(card: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows_of(card))
    return f"<table>{rows}</table><pre>{escape(card['equations'])}</pre>"


def _embedded(model: WebModel, card: Mapping[str, Any], module: bytes) -> dict[str, Any]:
    return {"card": card, "own": model.own, "module": base64.b64encode(module).decode()}


def _describe(agreement: Agreement | None) -> dict[str, Any] | None:
    if agreement is None:
        return None
    return {"difference": agreement.difference, "bound": agreement.bound, "lengths": list(LENGTHS)}
