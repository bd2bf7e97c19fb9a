"""An error is caught by the class that Python's own programs catch, and not said again by readers that catch it too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import elman
from elman.cells import gru
from elman.data.files import size_of
from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, NotFittedError, ShapeError
from elman.expr import Cell

OURS = {kind.__name__ for kind in (CellError, ConfigError, DataError, ElmanError, NotFittedError, ShapeError)}
TREES = {path: ast.parse(path.read_text()) for path in Path(elman.__file__).parent.rglob("*.py")}


@pytest.mark.parametrize("kind", [CellError, ConfigError, DataError, NotFittedError, ShapeError])
def test_what_blames_a_value_is_a_value_error(kind: type[ElmanError]) -> None:
    assert issubclass(kind, ElmanError)
    assert issubclass(kind, ValueError)
    assert kind in (getattr(elman, name) for name in elman.__all__)


def test_what_blames_the_machine_is_none() -> None:
    assert not issubclass(BackendError, ValueError)


def test_a_reader_that_catches_value_errors_does_not_say_one_of_ours_again(tmp_path: Path) -> None:
    with pytest.raises(CellError, match=r"^graph: "):
        Cell.from_dict({**gru.to_dict(), "graph": {"nodes": [{}], "outputs": []}})
    with pytest.raises(DataError, match=r"is a folder\. Name the files in it"):
        size_of(tmp_path)


def names_in(node: ast.AST | None) -> set[str]:
    return set() if node is None else {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def raises_ours(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Raise) and names_in(one.exc) & OURS for one in ast.walk(node))


def find_swallowing(tree: ast.Module, raising: set[str]) -> Iterator[int]:
    """Yield the lines of handlers of `ValueError` that catch one of ours, where no handler before them does."""
    tuples = {
        one.targets[0].id: names_in(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and isinstance(one.value, ast.Tuple)
    }
    for block in (one for one in ast.walk(tree) if isinstance(one, ast.Try)):
        inside = [one for line in block.body for one in ast.walk(line)]
        # A method of another object may be that of a library; of `self`, or of a class, it is ours.
        called = {ast.unparse(one.func) for one in inside if isinstance(one, ast.Call)}
        ours = {
            name.rpartition(".")[2] for name in called if name.partition(".")[0] in ("self", name) or name[0].isupper()
        }
        for handler in block.handlers:
            caught = set().union(*(tuples.get(name, {name}) for name in names_in(handler.type)))
            if caught & OURS:
                break
            if "ValueError" in caught and (ours & raising or any(map(raises_ours, block.body))):
                yield handler.lineno


def test_no_handler_of_value_errors_catches_one_of_ours_unawares() -> None:
    raising = {
        one.name
        for tree in TREES.values()
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef) and raises_ours(one)
    }
    assert not [(path.name, line) for path, tree in TREES.items() for line in find_swallowing(tree, raising)]
    for call in ("look()", "self.look()", "Graph.look()", "raise DataError"):
        found = f"BROKEN = (OSError, ValueError)\ntry:\n    {call}\nexcept BROKEN:\n    pass\n"
        assert list(find_swallowing(ast.parse(found), {"look"})) == [4]
        assert not list(
            find_swallowing(ast.parse(found.replace("except", "except DataError: raise\nexcept")), {"look"})
        )
