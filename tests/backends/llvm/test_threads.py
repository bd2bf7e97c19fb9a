"""Every ticket of a worker is drawn once, by any number of threads, and threads are used where that is possible."""

import ctypes
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from elman.backends.llvm.run import threads as llvm_threads
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.target import host

linux = pytest.mark.skipif(sys.platform != "linux", reason="torch uses GNU OpenMP on Linux alone")

# A frame: the next ticket, the number of tickets, then for each one a number to which its square is added.
SQUARES = """
define void @worker(ptr %frame) nounwind {
entry:
  %most = getelementptr i64, ptr %frame, i64 1
  %tickets = load i64, ptr %most
  %places = getelementptr i64, ptr %frame, i64 2
  br label %draw
draw:
  %ticket = atomicrmw add ptr %frame, i64 1 monotonic
  %more = icmp ult i64 %ticket, %tickets
  br i1 %more, label %work, label %out
work:
  %place = getelementptr i64, ptr %places, i64 %ticket
  %before = load i64, ptr %place
  %square = mul i64 %ticket, %ticket
  %after = add i64 %before, %square
  store i64 %after, ptr %place
  br label %draw
out:
  ret void
}"""

# A frame: the threads that arrived, the number to wait for, the threads that saw all others. It ends after 30 seconds.
MEETING = """
define void @worker(ptr %frame) nounwind {
entry:
  %most = getelementptr i64, ptr %frame, i64 1
  %expected = load i64, ptr %most
  %seen = getelementptr i64, ptr %frame, i64 2
  %me = atomicrmw add ptr %frame, i64 1 seq_cst
  br label %look
look:
  %round = phi i64 [ 0, %entry ], [ %next, %again ]
  %here = load atomic i64, ptr %frame seq_cst, align 8
  %all = icmp uge i64 %here, %expected
  br i1 %all, label %met, label %again
again:
  %next = add i64 %round, 1
  %tired = icmp ugt i64 %next, 60000000000
  br i1 %tired, label %out, label %look
met:
  %others = atomicrmw add ptr %seen, i64 1 seq_cst
  br label %out
out:
  ret void
}"""


def address(text: str) -> int:
    return load(text, lambda: text, host()).address("worker")


def square(threads: int, tickets: int = 1009) -> None:
    frame = np.zeros(2 + tickets, np.int64)
    frame[1] = tickets
    llvm_threads.run(address(SQUARES), frame.ctypes.data, threads)
    np.testing.assert_array_equal(frame[2:], np.arange(tickets) ** 2)


def without_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm_threads, "_openmp", lambda: None)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_ticket_is_drawn_once(threads: int) -> None:
    for tickets in (0, 1, 1009):
        square(threads, tickets)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_every_ticket_is_drawn_once_by_python_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    without_openmp(monkeypatch)
    for tickets in (0, 1, 1009):
        square(threads, tickets)


@linux
def test_two_threads_are_there_at_once() -> None:
    frame = np.array([0, 2, 0])
    llvm_threads.run(address(MEETING), frame.ctypes.data, 2)
    assert frame[2] == 2


def test_two_python_threads_are_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    without_openmp(monkeypatch)
    frame = np.array([0, 2, 0])
    llvm_threads.run(address(MEETING), frame.ctypes.data, 2)
    assert frame[2] == 2


@pytest.mark.parametrize("openmp", [pytest.param(True, marks=linux), False])
def test_several_python_threads_may_run_workers_beside_torch(openmp: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not openmp:
        without_openmp(monkeypatch)
    begin = threading.Barrier(5)

    def many(_: int) -> None:
        begin.wait()
        for _ in range(50):
            square(2, 101)

    def torch_beside(_: int) -> None:
        begin.wait()
        for _ in range(50):
            assert torch.ones(100_003).sum() == 100_003

    with ThreadPoolExecutor(5) as pool:
        for job in [*[pool.submit(many, i) for i in range(4)], pool.submit(torch_beside, 0)]:
            job.result()


def in_a_new_process(body: str) -> str:
    head = (
        "import logging, os, signal, sys\nimport numpy as np, torch\nlogging.basicConfig(stream=sys.stdout)\n"
        "from elman.backends.llvm.run import threads as llvm_threads\nfrom elman.backends.llvm.run.engine import load\n"
        "from elman.backends.llvm.target import host\n"
        f"TEXT = {SQUARES!r}\n"
        "worker = load(TEXT, lambda: TEXT, host()).address('worker')\n"
        "def square(threads):\n"
        "    frame = np.zeros(2 + 1009, np.int64)\n"
        "    frame[1] = 1009\n"
        "    llvm_threads.run(worker, frame.ctypes.data, threads)\n"
        "    return bool((frame[2:] == np.arange(1009) ** 2).all())\n"
    )
    done = subprocess.run([sys.executable, "-c", head + body], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@linux
def test_a_forked_process_runs_alone_and_says_so_and_its_parent_goes_on() -> None:
    said = in_a_new_process("""
assert square(2)
torch.set_num_threads(2)
torch.ones(1_000_003).sum()
child = os.fork()
if child == 0:
    signal.alarm(20)  # A hang ends the child, and with it the test.
    fine = square(2) and square(3)
    sys.stdout.flush()
    os._exit(0 if fine else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert square(2)
""")
    assert said.count("WARNING:elman:This process was forked") == 1


@linux
def test_the_threads_are_those_of_torch_however_many_it_is_told_to_use() -> None:
    in_a_new_process("""
def count():
    return len(os.listdir("/proc/self/task"))
for threads in (2, 3, 2):
    torch.set_num_threads(threads)
    torch.ones(1_000_003).sum()
    before = count()
    assert square(threads)
    assert count() == before, (count(), before)
    torch.ones(1_000_003).sum()
    assert count() == before, (count(), before)
assert before >= 2
""")


def test_a_worker_lets_other_python_threads_run() -> None:
    frame = np.array([0, 2, 0])
    worker = address(MEETING)

    def arrive() -> None:
        # The worker waits for this, which Python can do only while the worker does not hold the GIL.
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(worker)(frame.ctypes.data)

    other = threading.Timer(0.05, arrive)
    other.start()
    llvm_threads.run(worker, frame.ctypes.data, 1)
    other.join()
    assert frame[2] == 2
