"""The table of mutants fits the sources, so that every mutant is planted."""

from collections import Counter

from faults.planting import ROOT
from mutants.outcomes import read_outcomes
from mutants.table import MUTANTS


def test_the_text_of_every_mutant_stands_in_its_file_exactly_once() -> None:
    wrong = []
    for mutant in MUTANTS:
        count = (ROOT / "src" / "elman" / mutant.file).read_text(encoding="utf-8").count(mutant.text)
        if count != 1:
            wrong.append(f"{mutant.name}: found {count} times in {mutant.file}")
    assert not wrong


def test_no_two_mutants_share_a_name() -> None:
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []


def test_every_mutant_was_noticed_or_is_no_mistake() -> None:
    found = read_outcomes()
    came = {mutant.name: found[mutant.name].came for mutant in MUTANTS if mutant.name in found and not mutant.alike}
    assert {name: one for name, one in came.items() if one != "noticed"} == {}
