"""List faults to plant in how files are written, and how model files are read."""

from faults.fault import Fault

WRITING = "tests/test_writing.py"
MODEL_FILE = "tests/tasks/test_model_file.py"
KEEPING = "tests/tasks/test_keeping.py"
HOSTILE = "tests/data/test_hostile_files.py"

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
    Fault(
        "the sum is not looked at",
        "tasks/model_file.py",
        "there != sum_of(header, data)",
        "there == 7",
        tests=MODEL_FILE,
        only="no_bit or change_names",
    ),
    Fault(
        "the sum leaves out which tensor is where",
        "tasks/model_bytes.py",
        '"tensors": header.rows}',
        '"tensors": sorted(header.rows)}',
        tests=MODEL_FILE,
        only="sum_is_over or change_names",
    ),
    Fault(
        "a file of format 3 needs no sum",
        "tasks/model_file.py",
        "    elif there is None:",
        "    elif there is None and not header.rows:",
        tests=MODEL_FILE,
        only="without_a_sum",
    ),
    Fault(
        "an old file may have a sum that nobody looks at",
        "tasks/model_file.py",
        "if SUM in header.entry:",
        "if SUM in header.rows:",
        tests=MODEL_FILE,
        only="only_says",
    ),
    Fault(
        "weights that are infinite are kept",
        "tasks/model_bytes.py",
        "not one.isfinite().all()",
        "one.isnan().any()",
        tests=MODEL_FILE,
        only="not_finite",
    ),
    Fault(
        "of a name that stands twice the last counts",
        "tasks/model_bytes.py",
        "if len(found) < len(pairs):",
        "if len(found) > len(pairs):",
        tests=MODEL_FILE,
        only="forged_json",
    ),
    Fault(
        "a setting is taken whatever it is",
        "data/plain.py",
        "elif (hint is int and type(value) is int and",
        "elif (hint is int and",
        tests="tests/data/test_plain.py",
        only="another_kind",
    ),
    Fault(
        "a model is replaced as soon as there is another",
        "tasks/keeping.py",
        "if not (self._replaces and interrupted):",
        "if not (self._replaces and not interrupted):",
        tests=KEEPING,
        only="search_leaves",
    ),
    Fault(
        "what waits to be written changes with the training",
        "tasks/keeping.py",
        "value.detach().clone()",
        "value.detach()",
        tests=KEEPING,
        only="not_a_later_one",
    ),
    Fault(
        "a name that is taken is written over",
        "tasks/keeping.py",
        "found.touch(exist_ok=False)",
        "found.touch()",
        tests=KEEPING,
        only="trained_to_its_end",
    ),
    Fault(
        "a compressed array is unfolded whatever it promises",
        "data/formats/numpy_files.py",
        "    def _unfold(self) -> memoryview:\n        self._check_size()\n",
        "    def _unfold(self) -> memoryview:\n",
        tests=HOSTILE,
        only="unfolded_in_parts",
    ),
    Fault(
        "gzip unpacks as much as it likes",
        "data/files.py",
        "self._read += read",
        "self._read = read",
        tests=HOSTILE,
        only="far_more",
    ),
)
