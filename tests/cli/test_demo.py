"""The examples run, and what they tell the user to try works."""

import importlib.util
import shlex
import subprocess
from pathlib import Path

import pytest

from elman.cells import find

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_the_demo_writes_what_it_says_and_suggests_what_works(elman, tmp_path, capsys):
    specification = importlib.util.spec_from_file_location("demo", EXAMPLES / "demo.py")
    demo = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(demo)
    demo.main(tmp_path / "made", time_budget="1s")
    out, err = capsys.readouterr()

    assert "│" in err, "samples are shown during training"
    written = {path.name for path in (tmp_path / "made").iterdir()}
    assert written == {"python_help.txt", "python_help.elman.safetensors"}
    assert [name for name in written if str(Path("made") / name) not in out] == []

    write, measure, show, own_cell, own_text = (
        line.strip() for line in out.split("What to try next")[1].splitlines() if line.strip()
    )
    piped = subprocess.run(["bash", "-c", measure], capture_output=True, text=True, check=False)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "bits per character" in piped.stdout
    for command in (write, show, own_cell.replace("2m", "1s"), own_text.replace("YOUR_TEXT", "book") + " --epochs 1"):
        arguments = shlex.split(command.split("elman ", 1)[1])
        assert elman(*arguments).code == 0, command


def test_the_cell_of_the_readme_is_a_file_that_stands_alone():
    cell = find(f"{EXAMPLES / 'gru_without_reset.py'}:gru_without_reset")
    assert (cell.states, cell.gates()) == (("h",), ("z",))
