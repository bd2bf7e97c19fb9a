"""Run every mutant, or those whose names or files hold one of the words given, and write what came of them.

Each runs the tests that import its file, and then those around, up to the first that fails, each for at most 45 seconds
of the processor's time. Those that survive run the whole quick suite. A test counts that fails alone, and does not
without the mutant.
"""

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from faults.planting import Tester, copy_package, plant
from mutants.mutant import Mutant
from mutants.nearby import find_nearby
from mutants.outcomes import Outcome, read_outcomes, write_outcomes
from mutants.table import MUTANTS

_SECONDS = 45
_NO_TESTS = 5  # pytest's code where a file has no examples
_SECONDS_OF_SUITE = 1800
_SUITE = (["tests", "--ignore", "tests/faults", "--ignore", "tests/mutants"],)
_QUICK = ["-m", "not slow", "-p", "mutants.one_of_each"]


def main(words: Sequence[str]) -> int:
    # Where this is started in the background Ctrl-C is ignored, and tests of it would fail.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = [one for one in MUTANTS if not words or any(word in f"{one.name} {one.file}" for word in words)]
    known = {name: one for name, one in read_outcomes().items() if name in {mutant.name for mutant in MUTANTS}}
    with Tester() as tester, tempfile.TemporaryDirectory() as folder:
        run = _Run(tester, Path(folder))
        survivors = []
        for mutant in chosen:
            known[mutant.name] = run.judge(mutant, find_nearby(mutant.file), _SECONDS)
            _tell(mutant, known[mutant.name])
            write_outcomes(known)
            if known[mutant.name].came != "noticed" and not mutant.alike:
                survivors.append(mutant)
        for mutant in survivors:
            known[mutant.name] = run.judge(mutant, _SUITE, _SECONDS_OF_SUITE)
            _tell(mutant, known[mutant.name])
            write_outcomes(known)
    return int(any(known[one.name].came != "noticed" and not one.alike for one in chosen))


class _Run:
    """A run of mutants, which remembers the tests that fail without one, or do not fail alone."""

    def __init__(self, tester: Tester, folder: Path) -> None:
        self._tester, self._folder = tester, folder
        self._faultless = copy_package(folder / "faultless")
        self._unsure: list[str] = []
        self._count = 0

    def judge(self, mutant: Mutant, stages: Sequence[Sequence[str]], seconds: int) -> Outcome:
        """Run one stage of tests after the other, each for so many seconds."""
        self._count += 1
        package = copy_package(self._folder / str(self._count))
        plant(mutant, package)
        start, came, by = time.monotonic(), "survived", ""
        for tests in filter(None, stages):
            code, failed = self._run(package, tests, seconds)
            by = by or ("not all tests in the time" if code < 0 else "")
            if code > 0:
                came, by = ("noticed", failed) if failed else (f"ended with code {code}", "")
                break
        return Outcome(came, by, time.monotonic() - start, mutant.name, mutant.file)

    def _run(self, package: Path, tests: Sequence[str], seconds: int) -> tuple[int, str]:
        """Return pytest's code, and the first test that fails because of the mutant."""
        while True:
            code, said = self._tester.run(package, [*_in(package, tests), *_QUICK, *self._left_out()], seconds)
            code, failed = code * (code != _NO_TESTS), _failed(said)
            failed = tests[0] if failed.startswith("::") else failed  # an example of the one file of the copy
            if code <= 0 or not failed:
                return code, failed
            if self._passes(self._faultless, failed) and not self._passes(package, failed):
                return code, failed
            if failed in self._unsure:
                return code, ""
            self._unsure.append(failed)

    def _passes(self, package: Path, test: str) -> bool:
        return self._tester.run(package, [*_in(package, [test]), *_QUICK])[0] == 0

    def _left_out(self) -> Iterable[str]:
        return (part for test in self._unsure for part in ("--deselect", test))


def _in(package: Path, tests: Sequence[str]) -> list[str]:
    """Replace the file of a doctest by that of the copy."""
    return [str(package / test) if test.startswith("elman/") else test for test in tests]


def _failed(said: str) -> str:
    """Name the test that failed; empty where none did."""
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
    return found.group(1) if found else ""


def _tell(mutant: Mutant, outcome: Outcome) -> None:
    sys.stdout.write(f"{outcome.came:10} {outcome.seconds:5.0f} s  {mutant.file}: {mutant.name}  {outcome.by}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
