"""Text becomes code that runs, and is compiled once, from any number of threads and processes."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from elman.backends.llvm.run import cache as llvm_cache
from elman.backends.llvm.run import engine as llvm_engine
from elman.backends.llvm.run.engine import Source, compile_object, load, load_all
from elman.backends.llvm.target import Target, host
from elman.errors import BackendError

# LLVM makes memset, and the constants lie in a section of their own.
FILL = """
define void @fill(ptr %y, i64 %n) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = getelementptr float, ptr %y, i64 %i
  store float 0.0, ptr %place
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %out
out:
  store <4 x float> <float 1.0, float 2.0, float 3.0, float 5.0>, ptr %y, align 4
  ret void
}"""


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start with no code in memory and a separate folder for the test."""
    monkeypatch.setattr(llvm_cache, "_base", lambda: tmp_path)
    monkeypatch.setattr(llvm_engine, "_libraries", {})


def constant(number: int) -> str:
    return f"define i32 @number() nounwind {{ ret i32 {number} }}"


def call(library: llvm_engine.Library) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int32)(library.address("number"))()


def never() -> str:
    raise AssertionError("there is compiled code, so nothing is to be emitted")


def forget() -> None:
    """Forget all code in memory, as in a new process."""
    llvm_engine._libraries.clear()


def check_fill(library: llvm_engine.Library) -> None:
    y = np.ones(1013, np.float32)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.address("fill"))(y.ctypes.data, 1009)
    expected = np.zeros(1013, np.float32)
    expected[:4], expected[1009:] = (1, 2, 3, 5), 1
    np.testing.assert_array_equal(y, expected)


def test_code_that_calls_into_libc_and_reads_constants_runs_when_compiled_and_when_read_from_disk() -> None:
    assert b"memset" in compile_object(FILL, host())
    check_fill(load("fill", lambda: FILL, host()))
    forget()
    check_fill(load("fill", never, host()))


def test_code_is_emitted_once_in_a_process_and_found_by_its_key() -> None:
    first = load("a", lambda: constant(3), host())
    assert load("a", never, host()) is first
    other = load("b", lambda: constant(5), host())
    assert (call(first), call(other)) == (3, 5)


def test_the_code_of_a_fresh_process_comes_from_the_disk() -> None:
    load("a", lambda: constant(3), host())
    forget()
    assert call(load("a", never, host())) == 3


def test_a_spoilt_entry_is_compiled_anew(tmp_path: Path) -> None:
    load("a", lambda: constant(3), host())
    [path] = tmp_path.rglob("*.o")
    path.write_bytes(path.read_bytes()[:-7])
    forget()
    assert call(load("a", lambda: constant(3), host())) == 3
    forget()
    assert call(load("a", never, host())) == 3


@pytest.mark.parametrize("other", ["key", "llvmlite", "LLVM", "elman", "cpu", "features", "sources"])
def test_code_made_otherwise_is_not_taken(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load("a", lambda: constant(3), host())
    forget()
    key, target = "a", host()
    ours, llvm = llvm_engine._llvm_versions()
    match other:
        case "key":
            key = "b"
        case "llvmlite":
            monkeypatch.setattr(llvm_engine, "_llvm_versions", lambda: ("9.9.9", llvm))
        case "LLVM":
            monkeypatch.setattr(llvm_engine, "_llvm_versions", lambda: (ours, "(99, 0, 0)"))
        case "elman":
            monkeypatch.setattr(llvm_engine, "__version__", "99.0")
        case "cpu":
            target = Target(target.triple, "generic", target.features)
        case "features":
            target = Target(target.triple, target.cpu, target.features[:-1])
        case "sources":
            monkeypatch.setattr(llvm_cache, "_sources", lambda: "changed")
    assert call(load(key, lambda: constant(5), target)) == 5


def test_threads_that_ask_at_once_get_the_same_code_and_it_is_emitted_once() -> None:
    emitted, begin = [], threading.Barrier(8)

    def ask(_: int) -> int:
        begin.wait()
        return load("a", lambda: emitted.append(1) or constant(7), host()).address("number")  # type: ignore[func-returns-value]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(emitted) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("define i32 @f( { ret", "expected type", id="syntax"),
        pytest.param("define i32 @f() { ret i64 1 }", "doesn't match function result type", id="types"),
        pytest.param("define i32 @f(i32 %x) { %a = add i32 %b, 1\nret i32 %a }", "undefined value", id="no such value"),
        pytest.param(
            "define void @f() { entry:\nbr label %a\na:\n%x = phi i32 [0, %a]\nret void }", "PHI", id="verifier"
        ),
        pytest.param(
            "declare void @absent_1()\ndefine void @f() { call void @absent_1()\nret void }", "absent_1", id="callee"
        ),
    ],
)
def test_what_llvm_refuses_is_an_error_with_its_words_and_the_next_try_is_fresh(text: str, says: str) -> None:
    with pytest.raises(BackendError, match=says):
        load("a", lambda: text, host())
    assert call(load("a", lambda: constant(3), host())) == 3


def test_a_function_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BackendError, match="absent"):
        load("a", lambda: constant(3), host()).address("absent")


def test_an_emitter_that_fails_leaves_the_engine_usable() -> None:
    with pytest.raises(ZeroDivisionError):
        load("a", lambda: str(1 // 0), host())
    assert call(load("a", lambda: constant(3), host())) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_forked_while_another_thread_compiles_can_compile() -> None:
    python("""
import os, signal, threading
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.target import host
target = host()
stop = threading.Event()
def text(i):
    return "define i32 @number() nounwind { ret i32 %d }" % i
def compile_on():
    i = 0
    while not stop.is_set():
        i += 1
        load(f"parent {os.getpid()} {i}", lambda: text(i), target)
thread = threading.Thread(target=compile_on, daemon=True)
thread.start()
for i in range(10):
    if (child := os.fork()) == 0:
        signal.alarm(20)  # A lock that nobody will release ends the child, and with it the test.
        load(f"child {os.getpid()} {i}", lambda: text(i), target).address("number")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
""")


def test_a_thread_that_outlives_the_main_one_can_compile(tmp_path: Path) -> None:
    python(f"""
import threading
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.target import host
def compile_late():
    threading.main_thread().join()
    load("late", lambda: {constant(3)!r}, host())
    open({str(tmp_path / "done")!r}, "w").close()
threading.Thread(target=compile_late).start()
""")
    assert (tmp_path / "done").exists()


def test_llvmlite_is_loaded_when_a_kernel_is_first_wanted() -> None:
    python("""
import sys
import elman, elman.nn, elman.backends
from elman.backends.llvm import target
from elman.backends.llvm.run import cache, engine, threads
assert "llvmlite" not in sys.modules
target.host()
assert "llvmlite" in sys.modules
""")


@pytest.mark.slow
def test_a_layer_whose_code_is_on_the_disk_runs_without_the_emitters() -> None:
    script = """
import sys
import torch, elman
layer = elman.nn.Recurrent(elman.cells.mgu, 3, 5)
layer(torch.ones(7, 2, 3))[0].sum().backward()
layer.stream().step(torch.ones(1, 3))
found = {name for name in sys.modules if name.startswith("elman.backends.llvm.")}
writers = ("driver", "packing", "tiles", "unpacked", "teams", "code", "math", "passes")
emitters = {f"elman.backends.llvm.emit.{name}" for name in writers}
"""
    python(script + "assert found >= emitters, emitters - found")
    python(script + "assert not found & emitters, found & emitters")


def test_no_garbage_is_collected_while_a_text_is_written_and_only_then() -> None:
    found = []
    load("a", lambda: found.append(gc.isenabled()) or constant(3), host())  # type: ignore[func-returns-value]
    with pytest.raises(ZeroDivisionError):
        load("b", lambda: str(1 // 0), host())
    assert found == [False]
    assert gc.isenabled()
    gc.disable()
    try:
        load("b", lambda: constant(5), host())
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_wanted_together_is_given_in_that_order_and_one_failure_spoils_no_other() -> None:
    wanted = {name: Source(partial(constant, number)) for name, number in (("a", 3), ("b", 5), ("c", 7))}
    load("b", lambda: constant(5), host())
    assert [call(library) for library in load_all(wanted, host())] == [3, 5, 7]
    with pytest.raises(BackendError, match="expected"):
        load_all({"d": Source(lambda: "define"), "e": Source(partial(constant, 11))}, host())
    gc.collect()  # LLVM's objects are freed in an order that LLVM accepts
    assert call(load("d", lambda: constant(13), host())) == 13
    assert call(load("e", lambda: constant(11), host())) == 11


def python(script: str) -> None:
    env = os.environ | {"XDG_CACHE_HOME": str(llvm_cache._base())}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
