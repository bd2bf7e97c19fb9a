"""A process that is forked after a model answered on two threads answers as well, however it is forked."""

import subprocess
import sys

import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forked processes are those of Linux")

# A sum, an embedding and a layer are divided over threads. A hang ends a process, and with it the test.
FORKS = """
import multiprocessing, os, signal
import joblib, torch
from torch.utils.data import DataLoader
from elman.tasks import Classifier
texts, labels = ["good film again", "bad film again"] * 200, ["p", "n"] * 200
torch.set_num_threads(2)
make = lambda: Classifier(hidden=11, epochs=1, batch=100).fit(texts, labels)
model = make()
expected = list(model.predict(texts))
def work(_=0):
    signal.alarm(20)
    return float(torch.ones(1_000_003).sum()) == 1_000_003 and list(model.predict(texts)) == expected
class Answers:
    __len__ = lambda self: 2
    __getitem__ = lambda self, index: work()
assert work()
signal.alarm(0)

child = os.fork()
if child == 0:
    os._exit(0 if work() and list(make().predict(texts)) == expected else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "by hand"
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(work, range(2)).get(timeout=60) == [True, True]
jobs = joblib.Parallel(2, backend="multiprocessing", timeout=60)
assert jobs(joblib.delayed(work)(index) for index in range(2)) == [True, True]
assert list(DataLoader(Answers(), batch_size=None, num_workers=2, timeout=60)) == [True, True]
assert torch.get_num_threads() == 2 and work(), "the parent goes on as before"
"""


@linux
@pytest.mark.slow
def test_a_process_that_is_forked_after_a_model_was_used_does_not_hang() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
