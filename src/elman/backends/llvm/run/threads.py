"""Run a compiled worker on several threads at once.

A worker is a `void worker(ptr frame)`. All threads run it over one frame, and each draws tickets from an atomic counter
in it until none is left: the result does not depend on the number of threads. A worker whose threads wait for each
other must know their number, and calls the function of :func:`counting`.

The threads are torch's. If it uses GNU OpenMP, workers run in its pool, whose threads exist already and never compete
with torch's work. Elsewhere (macOS, Windows) they run in a pool of Python threads; a ctypes call releases the GIL.
"""

import ctypes
import functools
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from elman.backends import forked

_Function = Callable[[int], None]


def run(worker: int, frame: int, threads: int) -> None:
    """Run a worker on some threads, and return when all are done. Several Python threads may do so at once.

    Args:
        worker: the address of a compiled `void worker(ptr frame)`.
        frame: the address of the memory that the worker reads and writes, which contains the ticket counter.
        threads: the largest number of threads, the calling one included; at least 1.
    """
    if forked.parent_threads:
        if max(threads, forked.parent_threads) > 1:
            _warn_of_fork()
    elif threads > 1:
        parallel = _openmp()
        if parallel is None:
            _run_in_python_threads(function(worker), frame, threads)
        else:
            parallel(worker, frame, threads, 0)
        return
    function(worker)(frame)


@functools.cache
def function(worker: int) -> _Function:
    """Return a worker as a function of the frame's address, which runs it on the calling thread."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(worker)


def counting() -> int:
    """Return the address of an `int32()` that counts the threads that run a worker at the same time as the caller.

    It is 0 if there is one thread, or if a thread may start only after others have ended.
    """
    library = None if forked.parent_threads else _library()
    return 0 if library is None else _address(library.omp_get_num_threads)


@functools.cache
def yielding() -> int:
    """Return the address of an `int32()` that yields the processor; 0 where :func:`counting` is 0 as well."""
    library = _library()
    return 0 if library is None else _address(library.sched_yield)


def _address(function: "ctypes._FuncPointer") -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@functools.cache
def _openmp() -> Callable[[int, int, int, int], None] | None:
    """Return the `GOMP_parallel` that torch calls; None if torch does not use GNU OpenMP."""
    library = _library()
    if library is None:
        return None
    function: Callable[[int, int, int, int], None] = library.GOMP_parallel
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    library.GOMP_parallel.restype = None
    return function


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Find the library through which torch calls GNU OpenMP."""
    import torch  # noqa: F401 - its libraries must be loaded to be found

    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    mapped = {line.split(maxsplit=5)[-1] for line in maps.read_text(encoding="utf-8", errors="replace").splitlines()}
    # In the order in which the linker searched for torch: the global symbols (torch's own OpenMP, or one that the user
    # has loaded before it), then torch and its dependencies. There may be other copies of libgomp, with pools of their
    # own, so the first file of that name may be the wrong one.
    for path in (None, *sorted(path for path in mapped if Path(path).name == "libtorch_cpu.so")):
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        if hasattr(library, "GOMP_parallel"):
            return library
    return None


def _run_in_python_threads(function: _Function, frame: int, threads: int) -> None:
    others = [_pool().submit(function, frame) for _ in range(threads - 1)]
    function(frame)
    # No ticket is left; threads that have not started would have nothing to do.
    wait([future for future in others if not future.cancel()])


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="elman")


@functools.cache
def _warn_of_fork() -> None:
    logging.getLogger("elman").warning(
        "This process was forked, and OpenMP hangs in a forked process: torch and kernels run on one thread. "
        "Start processes by spawning to use more."
    )
