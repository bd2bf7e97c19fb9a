"""List faults to plant in how files are written, and how model files are read."""

from faults.fault import Fault

WRITING = "tests/test_writing.py"

FILE_FAULTS = (
    Fault(
        "the name of an unfinished file is that of the process",
        "writing.py",
        "secrets.token_hex(8)",
        "os.getpid()",
        tests=WRITING,
        only="foreseen",
    ),
    Fault(
        "an unfinished file that is there is written over",
        "writing.py",
        "os.O_CREAT | os.O_EXCL | getattr",
        "os.O_CREAT | 0 & getattr",
        tests=WRITING,
        only="never_followed",
    ),
    Fault(
        "what another writer holds is removed",
        "writing.py",
        "> _HOUR and _lock(file)",
        "> _HOUR",
        tests=WRITING,
        only="what_died or holds_its",
    ),
    Fault(
        "a replaced file becomes readable for everybody",
        "writing.py",
        "mode = _keep_owner(file, old)",
        "mode = 0o644",
        tests=WRITING,
        only="keeps_its",
    ),
)
