"""No kernel reads memory before or after a tensor, even if it ignores the value: the address may be invalid."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fence.py")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect is called as Linux has it")
@pytest.mark.parametrize("where", ["behind", "in front", pytest.param("behind unusual cells", marks=pytest.mark.slow)])
def test_kernels_touch_nothing_beyond_the_tensors(where):
    path = os.pathsep.join([str(SCRIPT.parents[2]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), where],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    tried = done.stdout.strip().splitlines()
    assert done.returncode == 0, f"{tried[-1:]} ended with {done.returncode}\n{done.stderr[-2000:]}"
    assert tried[-1] == "done"
