"""Break a copy of the package on purpose and demand that the suite notices: tests of the tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.catalogue import FAULTS
from faults.fault import AGAINST_TORCH, Fault
from faults.planting import ROOT, Tester, copy_package, plant
from faults.sample import sampled
from programs import needs


@pytest.fixture(scope="module")
def tester() -> Iterator[Tester]:
    with Tester() as found:
        yield found


def as_case(fault: Fault) -> object:
    marks = (needs(*fault.needs), *([] if fault.name in sampled() else [pytest.mark.slow]))
    return pytest.param(fault, marks=marks, id=fault.name)


@pytest.mark.parametrize("fault", [as_case(fault) for fault in FAULTS])
def test_a_planted_fault_turns_the_suite_red(fault: Fault, tmp_path: Path, tester: Tester) -> None:
    package = copy_package(tmp_path)
    plant(fault, package)
    code, said = tester.run(package, [fault.tests, "-k", fault.only])
    if code >= 0:  # else a signal ended the tests: kernels that write past their memory
        assert code == pytest.ExitCode.TESTS_FAILED, said
        assert re.search(r"^FAILED ", said, re.MULTILINE), said


def test_a_faultless_copy_stays_green(tmp_path: Path, tester: Tester) -> None:
    only = "every_gradient and LSTM and packed_sorted"
    code, said = tester.run(copy_package(tmp_path), [AGAINST_TORCH, "-k", only])
    assert code == pytest.ExitCode.OK, said


def test_the_text_of_every_fault_stands_in_its_file_exactly_once() -> None:
    counts = {one.name: (ROOT / "src" / "elman" / one.file).read_text("utf-8").count(one.text) for one in FAULTS}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_no_two_faults_share_a_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_fault_whose_text_is_gone_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"found 0 times in errors\.py"):
        plant(Fault("gone", "errors.py", "no such text", ""), copy_package(tmp_path))
