"""Find the tests near a file of the package: those that import it, those of its folder, those of what imports it.

>>> examples, nearest, others = find_nearby("expr/latex.py")
>>> examples, any("test_latex" in test for test in (*nearest, *others))
(['elman/expr/latex.py'], True)
"""

import ast
from functools import cache
from pathlib import Path

from faults.planting import ROOT

_NOT_NEAR = ("faults", "mutants")


def find_nearby(file: str) -> tuple[list[str], list[str], list[str]]:
    """List what to test.

    Args:
        file: below `src/elman`.

    Returns:
        The file itself in the copy, for its examples, alone: they import it a second time. Then the tests that import
        it, and all others.
    """
    module = _module_of(Path(file))
    readers = [_module_of(path.relative_to(ROOT / "src" / "elman")) for path in _sources() if module in _imports(path)]
    direct = sorted(
        (path for path in _tests() if module in _imports(path)),
        key=lambda path: (Path(file).stem not in path.stem, path.stat().st_size),
    )
    # The registry loads the commands of a recipe by name, which no import shows.
    folders = {Path(file).parts[0], *(["cli"] if Path(file).stem == "commands" else [])}
    folder = [path for path in _tests() if path.parent.name in folders]
    behind = [path for path in _tests() if not _imports(path).isdisjoint(readers)]
    others = dict.fromkeys(path for path in (*folder, *behind) if path not in direct)
    nearest, others_named = ([str(path.relative_to(ROOT)) for path in paths] for paths in (direct, others))
    return [f"elman/{file}"], nearest, others_named


@cache
def _tests() -> tuple[Path, ...]:
    found = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(path for path in found if path.parent.name not in _NOT_NEAR)


@cache
def _sources() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "src" / "elman").rglob("*.py")))


@cache
def _imports(path: Path) -> frozenset[str]:
    """Name the modules that a file imports, and what it takes from them as if that were modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return frozenset(found)


def _module_of(file: Path) -> str:
    return ".".join(("elman", *file.with_suffix("").parts)).removesuffix(".__init__")
