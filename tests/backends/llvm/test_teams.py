"""Columns divided among the threads of a team, with barriers: the same numbers as on one thread.

There are more threads than processors in some of these tests, and sizes are so small that the members of a team are
hardly ever at the same place without barriers.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from elman import cells
from elman.autodiff import derive
from elman.backends import llvm
from elman.backends.inputs import Inputs
from elman.backends.llvm.plan import slots as llvm_slots
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from elman.backends.llvm.run import memory as llvm_memory
from elman.backends.llvm.run import threads as llvm_threads
from elman.ops import small
from kernels import assert_equals_reference, build, compute, draw, evaluate
from tolerances import assert_identical
from unusual_cells import UNUSUAL

ZOO = [cells.find(name) for name in cells.names()]
SOME = [cells.lstm, cells.gru_reset_before, cells.lstm_layer_norm]

ODD = ["states change places", "a state is a number", "a product of parameters", "nested normalisations"]
ODD += ["one matrix four times", "stages of different lengths"]

every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
some_cells = pytest.mark.parametrize("chosen", SOME, ids=lambda c: c.name)
linux = pytest.mark.skipif(sys.platform != "linux", reason="torch uses GNU OpenMP on Linux alone")
pytestmark = linux


@pytest.fixture
def teams(monkeypatch) -> Iterator[list[int]]:
    """Let kernels divide columns, however few there are; return the list of members of every new layout."""
    before, members = torch.get_num_threads(), []

    class Watched(llvm_kernel.Layout):
        def __init__(self, *args):
            super().__init__(*args)
            members.append(self.parts if self.is_team else 0)

    monkeypatch.setattr(llvm_kernel, "Layout", Watched)
    for name in ("LEAST_SHARE", "LEAST_WORK", "LARGE_WEIGHTS"):
        monkeypatch.setattr(llvm_kernel, name, 1)
    monkeypatch.setattr(llvm_kernel, "TEAM_ROWS", 1 << 30)
    monkeypatch.setattr(llvm_frames, "SMALL", 0)
    llvm_kernel.lay_out.cache_clear()
    torch.set_num_threads(2)
    yield members
    torch.set_num_threads(before)
    llvm_kernel.lay_out.cache_clear()


def assert_values_identical(what, found, expected):
    """Compare all but the gradients of parameters, which are torch's products, on its number of threads."""
    for name, value in expected.items():
        if not name.startswith("gradient of") or name == "gradient of x" or "_l" not in name:
            assert_identical(f"{what}: {name}", found[name], value)


@every_cell
def test_values_do_not_depend_on_the_members_of_a_team(chosen, teams):
    layer = build(chosen, 7, 43, dtype=torch.float64, bidirectional=True)
    for steps, batch, lengths in [(11, 1, None), (7, 3, [5, 0, 7])]:
        given = draw(layer, steps, batch, lengths)
        torch.set_num_threads(1)
        expected = compute(layer, given)
        for count in (2, 3):
            torch.set_num_threads(count)
            assert_values_identical(f"{count} members", compute(layer, given), expected)
            found = evaluate(layer, given)
            assert_values_identical(f"{count} members, not training", found, {n: expected[n] for n in found})
    assert set(teams) == {0, 2, 3}


@every_cell
def test_gradients_of_a_team_equal_the_reference(chosen, teams):
    layer = build(chosen, 7, 23, 2, dtype=torch.float64)
    assert_equals_reference(layer, draw(layer, 5, 2, [5, 3]))
    assert set(teams) == {2}


@pytest.mark.parametrize("name", ODD)
def test_unusual_equations_on_a_team_equal_the_reference(name, teams, quick_kernels):
    chosen = UNUSUAL[name]
    layer = build(chosen, 19 if chosen.ties else 7, 19, dtype=torch.float64)
    assert_equals_reference(layer, draw(layer, 5, 2))


@some_cells
def test_long_sequences_in_chunks_and_windows(chosen, teams, monkeypatch):
    layer = build(chosen, 7, 67, dtype=torch.float32)
    given = draw(layer, 83, 2, [83, 59])
    torch.set_num_threads(1)
    expected = compute(layer, given)
    monkeypatch.setattr(llvm_kernel, "MIRROR_BYTES", 1 << 15)
    monkeypatch.setattr(llvm_kernel, "CHUNK_BYTES", 1 << 14)
    for count in (2, 3):
        torch.set_num_threads(count)
        assert_values_identical(f"{count} members", compute(layer, given), expected)


@some_cells
def test_gradients_of_a_team_are_the_same_in_every_run(chosen, teams):
    layer = build(chosen, 7, 67, dtype=torch.float32)
    given = draw(layer, 41, 1)
    expected = compute(layer, given)
    for _ in range(5):
        found = compute(layer, given)
        for name, value in expected.items():
            assert_identical(name, found[name], value)


@pytest.mark.parametrize("present", [1, 2])
def test_a_team_of_fewer_threads_than_were_asked_for(present, teams, monkeypatch):
    layer = build(cells.lstm_layer_norm, 7, 67, dtype=torch.float64)
    given, run = draw(layer, 11, 1), llvm_threads.run
    torch.set_num_threads(1)
    expected = compute(layer, given)
    torch.set_num_threads(3)
    monkeypatch.setattr(llvm_threads, "run", lambda worker, frame, threads: run(worker, frame, min(threads, present)))
    assert_values_identical(f"{present} of 3", compute(layer, given), expected)
    assert 3 in teams


@some_cells
def test_memory_that_nobody_wrote_changes_nothing_for_a_team(chosen, teams, monkeypatch):
    monkeypatch.setattr(llvm_memory, "SMALL", 1 << 60)
    layer = build(chosen, 7, 67, dtype=torch.float64)
    given, empty = draw(layer, 11, 3, [11, 0, 5]), torch.empty
    expected = compute(layer, given)
    monkeypatch.setattr(torch, "empty", lambda *args, **how: empty(*args, **how).fill_(torch.nan))
    assert_values_identical("memory full of NaN", compute(layer, given), expected)


@some_cells
def test_a_stream_runs_on_one_thread_and_gives_the_values_of_a_team(chosen, teams):
    layer = build(chosen, 7, 67, dtype=torch.float64)
    given = draw(layer, 5, 1)
    expected = evaluate(layer, given)["output"]
    stream = layer.stream()
    stream.state = given.states[0] if len(given.states) == 1 else tuple(given.states)
    assert_identical("output", torch.stack([stream.step(x) for x in given.x]), expected)
    assert teams[-1] == 0


def test_a_team_finds_the_norms_of_what_arrives_at_states(teams):
    program, layer = derive(cells.lstm), build(cells.lstm, 7, 67, dtype=torch.float64)
    x, states = torch.randn(11, 2, 7, dtype=torch.float64), [torch.randn(2, 67, dtype=torch.float64) for _ in range(2)]
    inputs = Inputs(x, states, [p.detach() for p in layer.parameters()])
    found = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        output, final, saved = llvm.run_forward(program, inputs)
        norms = torch.zeros(2, 11, 2, dtype=torch.float64)
        llvm.run_mirror(program, inputs, output, saved, output, final, norms=norms)
        found.append(norms)
    assert torch.equal(found[1], found[0])
    assert torch.equal(found[2], found[0])
    assert found[0].all()


def test_every_column_is_one_members(teams):
    """Run the members one after the other, each without waiting, and compare what each of them writes."""
    steps, rows, entry = 1, 2, 3
    counting = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: 3)
    for hidden in (1, 16, 67, 131):
        weights = [torch.randn(4 * hidden, entry), torch.randn(4 * hidden, hidden), torch.randn(4 * hidden)]
        states = [torch.randn(rows, hidden) for _ in range(2)]
        inputs = Inputs(torch.randn(steps, rows, entry), states, weights)
        frames = llvm_frames.Frames(
            llvm_kernel.find_kernel(derive(cells.lstm), "forward", False, torch.float32), inputs, 3
        )
        output = torch.empty(steps, rows, hidden)
        final = [torch.empty(rows, hidden) for _ in states]
        frames.fill_forward(inputs, output, final)
        frames.arena.pack()
        frames.arena.prepare()
        frames.arena.memory[0].zero_()  # a member that does not wait reads uninitialised memory
        flat = frames.arena.flat
        flat[llvm_slots.TICKET], flat[llvm_slots.ARRIVALS] = 0, 1 << 40
        flat[llvm_slots.COUNTING] = ctypes.cast(counting, ctypes.c_void_p).value
        found = []
        for _ in range(frames.layout.parts):
            for tensor in (output, *final):
                tensor.fill_(torch.nan)
            llvm_threads.run(frames.kernel.team, frames.arena.address, 1)
            written = [~tensor.isnan().all(0) for tensor in (output[0], *final)]
            assert all(torch.equal(each, written[0]) for each in written)
            found.append(written[0])
        assert torch.equal(torch.stack(found).sum(0), torch.ones(hidden))
        assert all(each.any() for each in found) or hidden < 67


def test_runs_in_several_python_threads_at_once_have_meetings_of_their_own(teams):
    layer = build(cells.lstm, 7, 67, dtype=torch.float64)
    given = [draw(layer, 19, 1) for _ in range(3)]
    expected = [compute(layer, g) for g in given]

    def run(one):
        torch.set_num_threads(2)  # torch counts them for each of Python's threads
        return compute(layer, one)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(5):
            for found, alone in zip(pool.map(run, given), expected, strict=True):
                assert_values_identical("beside others", found, alone)


def test_columns_are_divided_where_rows_are_few_and_weights_large(monkeypatch):
    monkeypatch.setattr(llvm_threads, "counting", lambda: 1)
    kernel = llvm_kernel.find_kernel(derive(cells.lstm), "forward", False, torch.float32)

    def lay_out(hidden, batch, threads):
        parameters = ((4 * hidden, hidden), (4 * hidden, hidden), (4 * hidden,))
        llvm_kernel.lay_out.cache_clear()
        layout = llvm_kernel.lay_out(kernel, (35, batch, hidden), ((batch, hidden),) * 2, parameters, threads)
        return layout.is_team, layout.parts

    assert lay_out(650, 1, 2) == lay_out(650, 2, 2) == (True, 2)
    assert lay_out(650, 1, 8) == lay_out(650, 5, 8) == (True, 8)
    assert lay_out(256, 1, 2) == lay_out(256, 1, 8) == (True, 2)
    assert lay_out(256, 2, 2) == (False, 2)  # rows keep both busy, and the weights are not large
    assert lay_out(256, 5, 8) == (False, 5)
    assert lay_out(650, 1, 1) == (False, 1)
    assert lay_out(650, 64, 2) == (False, 2)
    assert lay_out(650, 64, 64) == (False, 64)
    assert lay_out(128, 1, 2) == (False, 1)
    assert lay_out(650, 0, 2) == (False, 1)
    monkeypatch.setattr(llvm_threads, "counting", lambda: 0)
    assert lay_out(650, 1, 2) == (False, 1)
    llvm_kernel.lay_out.cache_clear()


def test_who_cannot_ask_how_many_threads_there_are_is_alone(teams, monkeypatch):
    layer = build(cells.gru, 7, 67, dtype=torch.float64)
    given = draw(layer, 11, 1)
    expected = compute(layer, given)
    monkeypatch.setattr(llvm_threads, "_library", lambda: None)
    llvm_threads._openmp.cache_clear()
    assert_values_identical("laid out for two", compute(layer, given), expected)
    llvm_kernel.lay_out.cache_clear()
    small._forms.clear()
    assert_values_identical("laid out for one", compute(layer, given), expected)
    llvm_threads._openmp.cache_clear()
    assert teams[-1] == 0


SCRIPT = """
import os, signal, sys, torch
from elman.backends.llvm.run import kernel
from elman.nn import LSTM
kernel.LEAST_SHARE = kernel.LEAST_WORK = 1
layer, x = LSTM(7, 67), torch.randn(50, 1, 7)
torch.set_num_threads(1)
expected = layer(x)[0]
torch.set_num_threads(3)
assert torch.equal(layer(x)[0], expected)
"""


@pytest.mark.parametrize("limit", [None, 2])
def test_a_limit_on_threads_and_a_fork_are_followed(limit):
    fork = """
child = os.fork()
if child == 0:
    signal.alarm(60)  # A hang ends the child, and with it the test.
    os._exit(0 if torch.equal(layer(x)[0], expected) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert torch.equal(layer(x)[0], expected)
"""
    own = {} if limit is None else {"OMP_THREAD_LIMIT": str(limit)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT + fork],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
