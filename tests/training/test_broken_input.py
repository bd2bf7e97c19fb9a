"""A short form of `make reliability`: damaged data files and disks that fail."""

import sys

import pytest

from reliability import disks, mutations
from reliability.data import damage_data
from small_trainings import RECIPES


def test_damaged_data_are_read_whole_or_refused_with_file_and_line(tmp_path):
    said = list(damage_data(tmp_path, 5 * len(RECIPES), 7))
    assert said[0].startswith(f"{5 * len(RECIPES)} damaged files: ")
    assert len(said) == 2, "each that is refused names its line"


@pytest.mark.skipif(sys.platform == "win32", reason="works are done in forked processes")
def test_a_write_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    monkeypatch.setattr(disks, "RECIPES", {name: RECIPES[name] for name in ("tag",)})
    monkeypatch.setattr(disks, "COMMANDS", ())
    said = list(disks.fail_writes(tmp_path, every=13))
    assert "every old file stayed whole" in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="files are judged in forked processes")
def test_forged_checkpoints_are_refused_or_gone_on_from(tmp_path, monkeypatch):
    monkeypatch.setattr(mutations, "RECIPES", {"generate": RECIPES["generate"]})
    monkeypatch.setattr(mutations, "_RESUMED", 2)
    [said] = mutations.mutate_checkpoints(tmp_path, 60, 3)
    assert "changed checkpoints of 1 kinds" in said
    assert "refused to go on" in said
