"""What a command writes is UTF-8, whatever the locale of its standard output."""

import os
import subprocess
import sys

import pytest


def run_with(encoding: str, *line: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    return subprocess.run([sys.executable, "-m", "elman", *line], capture_output=True, check=False, env=environment)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252:strict", "utf-16"])
def test_output_is_the_same_bytes_in_every_locale(encoding):
    done = run_with(encoding, "cells", "gru")
    assert (done.returncode, done.stdout) == (0, run_with("utf-8", "cells", "gru").stdout)
    assert "eqs 5–8" in done.stdout.decode("utf-8")


@pytest.mark.parametrize("encoding", ["cp1252:strict", pytest.param("ascii", marks=pytest.mark.slow)])
def test_a_message_that_the_locale_cannot_write_ends_no_command(encoding, tmp_path):
    done = run_with(encoding, "train", "classify", str(tmp_path / "ничего 🙂.csv"))
    assert done.returncode == 2
    assert b"does not exist" in done.stderr
    assert b"Traceback" not in done.stderr
