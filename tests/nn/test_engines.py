"""Layers of the package train under the engines of other libraries, in two processes as in one."""

import os
import subprocess
import sys

import pytest
import torch

import training_wrapped
from training_together import distance, environments


@pytest.mark.slow
@pytest.mark.parametrize("engine", training_wrapped.ENGINES)
def test_two_processes_under_an_engine_have_the_weights_of_one(engine, tmp_path):
    environment = {"PYTHONPATH": os.path.dirname(training_wrapped.__file__)}
    started = [
        subprocess.Popen(
            [sys.executable, training_wrapped.__file__, engine, str(tmp_path)],
            env=os.environ | own | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in environments(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    one, other = (torch.load(tmp_path / f"{engine}.{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(one[name], value) for name, value in other.items())
    alone = training_wrapped.alone()
    assert one.keys() == alone.keys()
    assert distance(one, alone)[0] < 1e-12
    assert distance(training_wrapped.build()[0].state_dict(), alone)[0] > 1e-3, "it has learnt"
