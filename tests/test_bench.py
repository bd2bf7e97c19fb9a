"""The benchmarks measure what they claim. How long anything takes is not tested."""

import doctest
import io
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from bench.speed import cluster, drawing, measure, operations, sine_waves, word_model
from bench.speed import report as reports
from bench.speed.cells import CELLS, make_layer
from bench.speed.drawing import save
from bench.speed.hearing import make_hearer, make_sound
from bench.speed.measure import Pace, Timing, on_threads, side_by_side, summarise, times_as_fast
from bench.speed.operations import count_cell_update, count_forward, count_update
from bench.speed.report import Result, Target, means, read_rows, report
from bench.speed.torch_hearer import TorchHearer
from bench.speed.torch_loops import LOOPS
from bench.speed.torch_peer import OURS, Case, Size, make_input, make_pair, make_row, make_update, take_turns
from bench.speed.translation_updates import TorchTrainee, check_alike, make_batch, make_model
from bench.speed.worker import serve

from elman.tasks.transcribe.streaming import ArrivingSteps


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

    monkeypatch.setattr("bench.speed.drawing.find_spec", lambda name: object())
    assert save(lambda rows: Drawn(), [], tmp_path / "trial").startswith("drawn to")  # type: ignore[arg-type]
    assert saved == [f"{tmp_path}/trial.png", f"{tmp_path}/trial.svg"]
    monkeypatch.setattr("bench.speed.drawing.find_spec", lambda name: None)
    assert save(lambda rows: Drawn(), [], tmp_path / "trial").startswith("not drawn: matplotlib is missing")  # type: ignore[arg-type]
    assert len(saved) == 2


@pytest.mark.parametrize("name", CELLS)
def test_a_loop_that_ours_is_timed_beside_computes_the_same_cell(name: str) -> None:
    layer = make_layer(name, Size(5, 3, 7, 11)).double()
    x, upstream = torch.randn(5, 3, 7, dtype=torch.float64), torch.randn(5, 3, 11, dtype=torch.float64)
    layer(x)[0].backward(upstream)
    given = {
        key.removesuffix("_l0"): value.detach().clone().requires_grad_() for key, value in layer.named_parameters()
    }
    output = LOOPS[name](x, **given)
    output.backward(upstream)
    torch.testing.assert_close(output, layer(x)[0])
    for key, value in layer.named_parameters():
        torch.testing.assert_close(given[key.removesuffix("_l0")].grad, value.grad)


def test_operations_are_those_of_every_product_forward_and_back() -> None:
    lstm = Case("LSTM", Size(5, 3, 7, 11))
    forward = 2 * 5 * 3 * (44 * 7 + 44 * 11)
    assert count_forward(lstm) == forward
    assert count_update(lstm) == forward + 2 * 5 * 3 * (44 * 7 + 44 * 11 + 44 * 11)
    assert count_cell_update(make_layer("lstm", lstm.size), 5, 3) == count_update(lstm)
    # four products with the input, and four with the states
    assert count_cell_update(make_layer("lem", lstm.size), 5, 3) == 2 * 5 * 3 * 4 * (2 * 11 * 7 + 3 * 11 * 11)


def test_a_worker_makes_the_calls_that_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[int] = []
    monkeypatch.setattr("sys.stdin", io.StringIO("3\n2\n"))
    serve(lambda: called.append(1))
    said = capsys.readouterr().out.split()
    assert said[0] == "ready"
    assert len(called) == 5
    assert [float(seconds) >= 0 for seconds in said[1:]] == [True, True]


@pytest.mark.parametrize("module", [measure, operations, reports, drawing], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0


@pytest.mark.parametrize("feeds", [False, True])
def test_the_translation_model_of_torch_has_our_loss_and_a_model_with_other_weights_has_not(feeds: bool) -> None:
    torch.manual_seed(3)
    ours, other = (make_model(feeds=feeds, hidden=7, units=11) for _ in range(2))
    batch = make_batch(11)
    check_alike(ours, TorchTrainee(ours), batch)
    with pytest.raises(RuntimeError, match="loss"):
        check_alike(ours, TorchTrainee(other), batch)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_word_model_of_torchs_layers_has_our_losses_and_one_with_other_weights_has_not(kind: str) -> None:
    (ours, theirs), (_, other) = (word_model.make_models(kind, hidden=7, words=11) for _ in range(2))
    corpus = word_model.make_corpus(11)
    word_model.check_alike(ours, theirs, corpus)
    with pytest.raises(RuntimeError, match="losses"):
        word_model.check_alike(ours, other, corpus)


def test_sine_waves_have_the_same_losses_with_torchs_cells_and_are_continued_alike() -> None:
    (ours, theirs), (_, other) = (sine_waves.make_models() for _ in range(2))
    waves = sine_waves.make_waves(7)
    sine_waves.check_alike(ours, theirs, waves)
    ours.load_state_dict(theirs.state_dict())
    one, same = (sine_waves.make_prediction(model, waves)() for model in (ours, theirs))
    assert one.shape == (sine_waves.WAVES - sine_waves.LEARNT, 14)
    torch.testing.assert_close(one, same)
    with pytest.raises(RuntimeError, match="losses"):
        sine_waves.check_alike(ours, other, waves)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_speech_network_of_torch_says_what_ours_says_whole_and_as_it_arrives(kind: str) -> None:
    torch.manual_seed(3)
    ours, encoder = make_hearer(kind, bidirectional=False, hidden=7)
    theirs: Any = TorchHearer(ours).eval()
    frames, lengths = torch.randn(45, 1, 120), torch.tensor([45])
    with torch.no_grad():
        torch.testing.assert_close(theirs(frames, lengths)[0], ours(frames, lengths)[0])
    sound = make_sound(0.5)
    one, other = (ArrivingSteps(module, encoder) for module in (ours, theirs))
    for piece in (sound[:5000], sound[5000:]):
        torch.testing.assert_close(other.hear(piece), one.hear(piece))
    both, encoder = make_hearer(kind, bidirectional=True, hidden=7)
    with torch.no_grad():
        torch.testing.assert_close(TorchHearer(both).eval()(frames, lengths)[0], both(frames, lengths)[0])


def test_the_projection_of_a_cluster_divides_whole_rows_and_adds_the_messages_of_a_ring() -> None:
    for workers, most_rows in ((3, 86), (8, 32), (1024, 1)):
        messages = [8e6 / workers] * (workers - 1) * 2  # parts of sums go round, and then the sums
        exchange = sum(size / 1.25e9 + 50e-6 for size in messages)
        seconds = cluster.update_seconds(workers, own=0.7, work=25.6, size=8_000_000)
        assert seconds == pytest.approx(0.7 + 0.1 * most_rows + exchange)
