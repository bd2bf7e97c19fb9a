"""No command writes two outputs into one file, or an output over what it reads."""

import dataclasses
import os

import pytest

from elman.cli.options import refuse_shared_files
from elman.errors import ConfigError
from elman.paths import refuse_shared
from elman.tasks.registry import RECIPES
from elman.tasks.translate.settings import TranslateSettings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.tsv", "b.tsv"):
        (tmp_path / name).write_text(f"ein Hund\t{name}\n", encoding="utf-8")
    return tmp_path


SHARED = [
    ({"--output": "x.html", "--report": "x.html"}, {}, "--report and --output both name x.html"),
    ({"--output": "new/../x", "--report": "./x"}, {}, "--report and --output both name ./x"),
    ({"--output": "link.tsv", "--report": "b.tsv"}, {}, "both name b.tsv"),
    ({"--output": "hard.tsv"}, {"the data": ["b.tsv", "a.tsv"]}, "--output names hard.tsv, which is read as the data"),
    ({"--output": "m", "--log": "m"}, {}, "--log and --output both name m"),
    ({"--output": "m", "--log": "b.tsv"}, {"the data": ["b.tsv"]}, "--log names b.tsv, which is read as the data"),
    ({"--output": "later"}, {"the data": ["b.tsv", "later"]}, "--output names later, which is read as the data"),
]


@pytest.mark.parametrize(("written", "read", "says"), SHARED)
def test_a_file_that_is_named_twice_is_refused(written, read, says, folder):
    (folder / "link.tsv").symlink_to("b.tsv")
    os.link(folder / "a.tsv", folder / "hard.tsv")
    with pytest.raises(ConfigError) as found:
        refuse_shared(written, read)
    assert says in str(found.value)


def test_other_files_devices_and_standard_input_are_not(folder):
    refuse_shared({"--output": "a.tsv", "--report": "b.tsv"}, {"the data": ["c.tsv", "-", ""]})
    refuse_shared({"--output": os.devnull, "--report": os.devnull}, {"the data": [os.devnull, "."]})
    refuse_shared({"--output": "-", "--report": "."}, {"the data": ["-", "."]})


def test_every_option_that_names_a_file_says_whether_it_writes_it():
    tables = [
        table
        for recipe in RECIPES
        for table in (recipe.commands.settings, recipe.commands.evaluate, recipe.commands.predict)
        if table is not None
    ]
    rows = [row for table in tables for row in dataclasses.fields(table) if row.metadata["metavar"]]
    written = {row.name for row in rows if row.metadata["writes"]}
    read = {row.name for row in rows if "FILE" in row.metadata["metavar"] and not row.metadata["writes"]}
    assert written == {"suspects", "confusion", "picture", "attention", "output", "calibration"}
    assert read == {
        "validation_data",
        "against",
        "forbid",
        "require",
        "language_model",
        "hot",
        "only",
        "images",
        "vectors",
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"suspects": "p.html"}, "--suspects and --report both name p.html"),
        ({"suspects": "a.tsv"}, "--suspects names a.tsv, which is read as the data"),
        (
            {"suspects": "c.tsv", "validation_data": "b.tsv,c.tsv"},
            "--suspects names c.tsv, which is read as --validation",
        ),
        ({"validation_data": "p.html"}, "--report names p.html, which is read as --validation-data"),
    ],
)
def test_the_options_of_a_table_are_among_them(given, says, folder):
    rows = dataclasses.fields(TranslateSettings)
    with pytest.raises(ConfigError, match=says):
        refuse_shared_files(rows, given, {"--output": "m", "--report": "p.html"}, {"the data": ["a.tsv"]})
