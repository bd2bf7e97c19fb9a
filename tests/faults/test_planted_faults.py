"""Break a copy of the package on purpose and demand that the suite notices: tests of the tests."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.catalogue import FAULTS
from faults.fault import AGAINST_TORCH, Fault

ROOT = Path(__file__).parents[2]
Run = Callable[[Path, str, str], tuple[int, str]]


@pytest.fixture(scope="module")
def run_tests() -> Iterator[Run]:
    """Give a function that runs tests on the package in a folder, up to the first that fails.

    It takes the folder, a test file and pytest's `-k` expression, and returns the exit code and what pytest said.
    """
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def run(folder: Path, tests: str, only: str) -> tuple[int, str]:
            report = folder / "report.txt"
            arguments = [
                tests,
                "-k",
                only,
                "-x",
                "-q",
                "--tb=line",
                "--disable-plugin-autoload",
                "-p",
                "no:cacheprovider",
            ]
            server.stdin.write(json.dumps([str(folder), str(report), arguments]) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline()), report.read_text(encoding="utf-8")

        yield run
        server.stdin.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_turns_the_suite_red(fault: Fault, tmp_path: Path, run_tests: Run) -> None:
    package = copy_package(tmp_path)
    plant(fault, package)
    code, said = run_tests(package, fault.tests, fault.only)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert re.search(r"^FAILED ", said, re.MULTILINE), said


def test_a_faultless_copy_stays_green(tmp_path: Path, run_tests: Run) -> None:
    code, said = run_tests(copy_package(tmp_path), AGAINST_TORCH, "every_gradient and LSTM and packed_sorted")
    assert code == pytest.ExitCode.OK, said


def test_a_fault_whose_text_is_gone_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"found 0 times in errors\.py"):
        plant(Fault("gone", "errors.py", "no such text", ""), copy_package(tmp_path))


def copy_package(folder: Path) -> Path:
    """Copy the package's sources, and return the folder that goes onto the path."""
    shutil.copytree(ROOT / "src" / "elman", folder / "elman", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def plant(fault: Fault, folder: Path) -> None:
    """Replace a fault's text in the copy.

    Raises:
        AssertionError: the text does not occur exactly once.
    """
    path = folder / "elman" / fault.file
    source = path.read_text(encoding="utf-8")
    count = source.count(fault.text)
    assert count == 1, f"{fault.name}: {fault.text!r} found {count} times in {fault.file}; name what is there now"
    path.write_text(source.replace(fault.text, fault.instead), encoding="utf-8")
