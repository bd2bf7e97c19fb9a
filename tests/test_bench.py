"""Hold the benchmarks to what they say they measure. How long anything takes is not tested."""

import doctest
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from bench import drawing, measure
from bench import report as reports
from bench.drawing import save
from bench.measure import Pace, Timing, on_threads, side_by_side, summarise, times_as_fast
from bench.report import Result, Target, means, read_rows, report
from bench.torch_peer import OURS, Case, Size, make_input, make_pair, make_row, make_update, take_turns


def test_candidates_take_turns_and_a_slow_ones_rounds_are_spread_evenly() -> None:
    order: list[str] = []

    def candidate(name: str, seconds: float) -> Any:
        def turn(calls: int) -> float:
            order.append(name)
            return seconds * calls

        return turn

    pace = Pace(seconds=0.8, fewest=2, most=100, repeats=1)
    taken = side_by_side({"slow": candidate("slow", 0.2), "fast": candidate("fast", 0.1)}, pace)
    assert {name: timing.rounds for name, timing in taken.items()} == {"slow": 4, "fast": 8}
    assert order[4:] == ["fast", "slow", "fast"] * 4  # the first four chose the plan
    assert taken["slow"] == Timing(200, 200, 200, 4, 1)


def test_a_short_call_is_timed_in_blocks_and_a_long_one_has_few_rounds() -> None:
    pace = Pace(seconds=0.1, fewest=5, most=7, repeats=1)
    taken = side_by_side({"short": lambda calls: 1e-6 * calls, "long": lambda calls: 2.0 * calls}, pace)
    assert taken["short"].median == pytest.approx(0.001)
    assert (taken["short"].rounds, taken["short"].calls) == (7, 5000)
    assert (taken["long"].rounds, taken["long"].calls) == (3, 1)


def test_a_candidate_runs_with_the_threads_that_it_asked_for() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (2, 1):
            on_threads(lambda: found.append(torch.get_num_threads()), threads)(3)
    finally:
        torch.set_num_threads(before)
    assert found == [2, 2, 2, 1, 1, 1]


def test_quartiles_and_ratios_are_those_of_the_rounds() -> None:
    ours, peer = summarise([7.0, 1.0, 3.0, 5.0, 11.0]), summarise([20.0, 10.0, 40.0])
    assert asdict(ours) == {"median": 5, "low": 3, "high": 7, "rounds": 5, "calls": 1}
    assert (peer.low, peer.median, peer.high) == (15, 20, 30)
    ratio = times_as_fast(ours, peer)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((20 / 5, 15 / 7, 30 / 3))


def test_torch_counts_at_its_better_number_of_threads_and_ours_at_two() -> None:
    timings = {
        name: Timing(median, median, median, 3, 1)
        for name, median in {
            OURS: 6.0,
            "elman, 1 thread": 2.0,
            "torch, 2 threads": 30.0,
            "torch, 1 thread": 12.0,
        }.items()
    }
    row = make_row(Case("GRU", Size(5, 3, 7, 11)), timings)
    assert (row["torch's"], row["ratio"], row["size"]) == ("1 thread", 2.0, "5·3·7·11")


def test_a_pair_of_layers_computes_the_same_and_both_are_timed() -> None:
    case = Case("LSTM", Size(5, 3, 7, 11))
    ours, theirs = make_pair(case)
    x = make_input(case.size)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    calls = make_update(ours, x), make_update(theirs, x)
    timings = take_turns(calls[0], {"torch": calls[1]}, Pace(0.0, 1, 1, 1))
    assert set(timings) == {OURS, "elman, 1 thread", "torch, 2 threads", "torch, 1 thread"}
    assert all(p.grad is not None for layer in (ours, theirs) for p in layer.parameters())


def test_means_are_geometric_and_targets_say_whether_they_are_met() -> None:
    rows = [{"kind": "GRU", "ratio": 2.0}, {"kind": "RNN", "ratio": 5.0}, {"kind": "GRU", "ratio": 4.5}]
    assert means(rows, "kind") == pytest.approx({"GRU": 3.0, "RNN": 5.0})
    assert Target("a", 2.0, 2.0).met is True
    assert Target("b", 1.9, 2.0).met is False
    assert Target("c", 1.9, 2.0, at_most=True).met is True
    assert Target("d", None, 2.0).met is None


def test_a_report_is_written_whole_and_what_others_took_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"kind": "GRU", "size": "5·3·7·11", "ratio": 2.5, "quartiles": {"low": 2.0, "high": 3.0}}]
    report("trial", Result(rows, [Target("GRU", 2.5, 3.0)], ["a note"]), tmp_path / "new", others=0.7)
    said = capsys.readouterr().out
    assert "MISSED  GRU: 2.5 (wanted: ≥ 3)" in said
    assert "OTHERS kept 0.70 cores busy" in said
    assert "quartiles" not in said
    written = json.loads((tmp_path / "new" / "trial.json").read_text(encoding="utf-8"))
    assert written["rows"] == rows == read_rows(tmp_path / "new" / "trial.json")
    assert written["targets"] == [
        {"what": "GRU", "reached": 2.5, "wanted": 3.0, "at_most": False, "met": False},
    ]
    assert written["notes"][0] == "a note"
    assert written["machine"]["torch"]


def test_a_drawing_is_saved_twice_and_its_lack_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []

    class Drawn:
        def savefig(self, path: str, dpi: int) -> None:
            saved.append(path)

    monkeypatch.setattr("bench.drawing.find_spec", lambda name: object())
    assert save(lambda rows: Drawn(), [], tmp_path / "trial").startswith("drawn to")  # type: ignore[arg-type]
    assert saved == [f"{tmp_path}/trial.png", f"{tmp_path}/trial.svg"]
    monkeypatch.setattr("bench.drawing.find_spec", lambda name: None)
    assert save(lambda rows: Drawn(), [], tmp_path / "trial").startswith("not drawn: matplotlib is missing")  # type: ignore[arg-type]
    assert len(saved) == 2


@pytest.mark.parametrize("module", [measure, reports, drawing], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0
