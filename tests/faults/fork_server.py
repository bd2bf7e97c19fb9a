"""Run tests on many copies of the package, importing torch only once.

A line on standard input is JSON: the folder that holds a copy of the package, the file that takes what pytest says,
pytest's arguments, and after how many seconds of the processor's time the tests are ended, 0 for never. Each is run in
a child process, forked from this one, in which the package was never imported. The answer is pytest's exit code, one a
line; it is below 0 where a signal ended the tests.
"""

import contextlib
import json
import os
import signal
import sys

# What takes long is imported before the children part; sympy, because torch's first backward pass imports it.
import hypothesis  # noqa: F401
import pytest
import sympy  # noqa: F401
import torch  # noqa: F401

NOT_THE_COPY = 99
_PATIENCE = 3


def serve() -> None:
    for line in sys.stdin:
        folder, report, arguments, seconds = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(_PATIENCE * seconds)  # tests may also wait
            os._exit(run(folder, report, arguments))
        try:
            _, status = os.waitpid(child, 0)
        finally:
            with contextlib.suppress(ProcessLookupError):  # none is left of what the tests have started
                os.killpg(child, signal.SIGKILL)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(folder: str, report: str, arguments: list[str]) -> int:
    """Test the copy in `folder`, and make sure that it is the copy which is tested."""
    with open(report, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = folder  # for the programs that a test starts
    code = int(pytest.main(arguments))
    sys.stdout.flush()
    tested = str(getattr(sys.modules.get("elman"), "__file__", folder))  # without tests nothing is imported
    return code if tested.startswith(folder) else NOT_THE_COPY


if __name__ == "__main__":
    serve()
