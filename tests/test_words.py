"""The words of the sources: a class is described by a noun, a class name has one meaning, and names are plain."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "elman"
SOURCES = sorted(PACKAGE.rglob("*.py"))

VERBS = frozenset(
    """
    Accept Add Allow Answer Apply Ask Be Build Call Change Check Choose Collect Compare Compute Convert Count Create
    Cut Decide Describe Divide Do Draw Encode Find Follow Forget Generate Get Give Have Hear Hold Keep Know Learn Let
    List Look Make Map Mark Measure Name Need Offer Pass Pick Put Read Receive Refuse Remember Remove Report
    Return Run Say Score See Set Show Split Stand Start Stop Store Take Tell Test Train Turn Use Wait Walk Watch Write
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
"""Imperatives: a function's docstring begins with one, and that of a class never does."""

OF_EVERY_RECIPE = {"EvaluateOptions", "Parts", "PredictOptions", "Split"}
"""Class names that recipes share on purpose: they are the parts of one contract."""

UNCLEAR = {"told", "asked", "beside"}
"""Words that say too little as the name of a variable, a function or an argument."""
OLD_NAMES = {("tasks/forecast/backtest.py", "beside"), ("tasks/forecast/model.py", "beside")}
"""Public names that work until the version in which old names end."""
OPTIONS = {("tasks/tag/settings.py", "beside")}
"""Options as users type them, where the word stands in a sentence: `--beside pos,case`."""


def classes_in(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def begins_with_a_verb(docstring: str) -> bool:
    return docstring.split(maxsplit=1)[0].strip(",.;:") in VERBS


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a source gives: variables, functions, classes, arguments and attributes that it sets."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def where(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_a_class_is_described_by_a_noun(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = {node.name: ast.get_docstring(node) for node in classes_in(tree)}
    assert [name for name, text in described.items() if text and begins_with_a_verb(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=where)
def test_no_name_is_one_of_the_unclear_words(path):
    names = {re.sub(r"^_+", "", name) for name in names_in(ast.parse(path.read_text(encoding="utf-8")))}
    assert {name for name in names & UNCLEAR if (where(path), name) not in OLD_NAMES | OPTIONS} == set()


def test_a_class_name_means_one_thing():
    places = defaultdict(list)
    for path in SOURCES:
        for node in classes_in(ast.parse(path.read_text(encoding="utf-8"))):
            places[node.name].append(where(path))
    assert {name: files for name, files in places.items() if len(files) > 1 and name not in OF_EVERY_RECIPE} == {}
    for name in OF_EVERY_RECIPE:
        folders = [file.split("/")[:-1] for file in places[name]]
        assert all(folder[0] == "tasks" and len(folder) == 2 for folder in folders), f"{name} is not a recipe's alone"


@pytest.mark.parametrize("text", ["Hold a row.", "Say what is wrong.", "Be a model.", "Keep, and write.", "Tell all."])
def test_an_imperative_is_noticed(text):
    assert begins_with_a_verb(text)


@pytest.mark.parametrize("text", ["One trial of a search.", "A model.", "Receives training events.", "What was read."])
def test_a_noun_phrase_passes(text):
    assert not begins_with_a_verb(text)


def test_an_unclear_name_is_noticed_wherever_it_is_given():
    for source in ("def f(told): pass", "asked = 1", "self.beside = 2", "for told, _ in []: pass", "class asked: pass"):
        assert [name for name in names_in(ast.parse(source)) if name in UNCLEAR], source
