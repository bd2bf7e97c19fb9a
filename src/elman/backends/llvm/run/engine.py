"""Compile emitted code, and load it into this process.

Code that was loaded before is in memory, code that was compiled before in the user's cache folder; other code is
compiled. MCJIT loads it, because llvmlite no longer tests LLVM's newer loader.

>>> from elman.backends.llvm.target import host
>>> text = "define i32 @answer() nounwind { ret i32 42 }"
>>> library = load("the answer", lambda: text, host())
>>> import ctypes
>>> ctypes.CFUNCTYPE(ctypes.c_int32)(library.address("answer"))()
42
"""

import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from elman import __version__
from elman.backends.llvm.run import cache as llvm_cache
from elman.backends.llvm.target import Target
from elman.errors import BackendError

_libraries: dict[tuple[str, Target], "Library"] = {}

# llvmlite lets only one thread at a time use LLVM, so one lock costs nothing. A fork waits until no thread holds it:
# in the child, llvmlite's own lock would be held by a thread that does not exist there.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Source(NamedTuple):
    """The source of code: how its text is emitted and optimised.

    Attributes:
        emit: writes the text of an LLVM module; called only if there is no compiled code.
        level: optimisation level: 1, or 0 if the text needs no optimisation.
    """

    emit: Callable[[], str]
    level: int = 1


class Library:
    """Loaded code. It is never unloaded, so its addresses are valid until the process ends."""

    def __init__(self, code: bytes, target: Target):
        binding = _llvm()
        self._addresses: dict[str, int] = {}
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine(target))
        # MCJIT requests the code of the empty module and receives this code. `add_object_file` would fail in the memory
        # manager that llvmlite uses on Arm, which must know all sizes in advance.
        self._engine.set_object_cache(getbuffer_func=lambda module: code)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return the address of a function.

        Raises:
            BackendError: the code has no function of this name.
        """
        if name not in self._addresses:
            with _lock:
                self._addresses[name] = self._engine.get_function_address(name)
        if not self._addresses[name]:
            raise BackendError(
                f"kernel {name!r} is not in the compiled code.\n  It was looked up after loading.\n"
                "  This is a fault of elman: please report it."
            )
        return self._addresses[name]


def load(key: str, emit: Callable[[], str], target: Target) -> Library:
    """Find or compile code; :func:`load_all` for one."""
    return load_all({key: Source(emit)}, target)[0]


def load_all(sources: Mapping[str, Source], target: Target) -> list[Library]:
    """Find or compile code. If several threads call this at once, one compiles and the others wait.

    Args:
        sources: by key, which contains everything that a text depends on: the program, the dtype, the kind of kernel.
        target: the processor to compile for; this machine must be able to run its code.

    Raises:
        BackendError: LLVM refuses a text.
    """
    with _lock:
        missing = {key: source for key, source in sources.items() if (key, target) not in _libraries}
        if missing:
            for key, code in _find_or_compile(missing, target).items():
                _libraries[key, target] = Library(code, target)
        return [_libraries[key, target] for key in sources]


def _find_or_compile(missing: Mapping[str, Source], target: Target) -> dict[str, bytes]:
    versions = [__version__, *_llvm_versions(), target.triple, target.cpu, target.feature_string]
    names = {key: llvm_cache.digest([key, *versions]) for key in missing}
    codes = {key: code for key, name in names.items() if (code := llvm_cache.fetch(name)) is not None}
    if len(codes) < len(missing):
        new: dict[str, Future[bytes]] = {}
        try:
            with _no_collection():
                for key in [key for key in missing if key not in codes]:
                    new[key] = _begin_compiling(missing[key].emit(), target, missing[key].level)
        finally:
            wait(new.values())
        for key, future in new.items():
            codes[key] = future.result()
            llvm_cache.store(names[key], codes[key])
    return codes


def _begin_compiling(text: str, target: Target, level: int) -> "Future[bytes]":
    """Compile in a thread: LLVM runs without the interpreter's lock, so the next text is written at the same time."""
    future: Future[bytes] = Future()

    def compile_text() -> None:
        try:
            future.set_result(compile_object(text, target, level))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is read
            future.set_exception(error)

    # No executor: it would accept no work after the main thread has ended, and other threads may still run then.
    threading.Thread(target=compile_text).start()
    return future


@contextmanager
def _no_collection() -> Iterator[None]:
    """Switch the garbage collector off: emitters make so many objects that it would traverse all of torch's."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def compile_object(text: str, target: Target, level: int = 1) -> bytes:
    """Turn the text of an LLVM module into object code; `level` is that of :class:`Source`.

    Raises:
        BackendError: LLVM refuses the text, or it calls a function that this process does not have.
    """
    binding = _llvm()
    machine = _machine(target)
    # Both are closed explicitly: the garbage collector has no fixed order, and a module must be closed first.
    with binding.create_context() as context:
        try:
            module = binding.parse_assembly(text, context)
        except RuntimeError as error:
            raise _refusal(error, target) from error
        with module:
            module.triple = machine.triple
            module.data_layout = str(machine.target_data)
            try:
                module.verify()
            except RuntimeError as error:
                raise _refusal(error, target) from error
            _optimise(module, machine, level)
            _require_callees(module)
            code: bytes = machine.emit_object(module)
            return code


def _refusal(error: RuntimeError, target: Target) -> BackendError:
    return BackendError(
        f"LLVM refuses a kernel: {error}\n  It was emitted for {target.cpu}.\n"
        "  This is a fault of elman: please report it."
    )


def _optimise(module: Any, machine: Any, level: int) -> None:
    binding = _llvm()
    # The emitters vectorise and unroll where that is useful; LLVM's vectorisers found nothing to add, and unrolled only
    # the loops over remainders. Level 2 gave no faster code than level 1.
    options = binding.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = options.loop_interleaving = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def _require_callees(module: Any) -> None:
    """Refuse calls of unknown functions, which would end the process when the code is loaded."""
    for function in module.functions:
        name = function.name
        if function.is_declaration and not name.startswith("llvm.") and not _llvm().address_of_symbol(name):
            raise BackendError(
                f"a kernel calls {name!r}.\n  No library of this process has this function.\n"
                "  This is a fault of elman: please report it."
            )


def _machine(target: Target) -> Any:
    # Data and callees may be anywhere in memory: 'jitdefault' is the large code model. Code at a fixed address is fine,
    # because the loader fills in the addresses.
    reloc = "static" if target.triple.startswith("x86_64") else "default"
    return (
        _llvm()
        .Target.from_triple(target.triple)
        .create_target_machine(
            cpu=target.cpu, features=target.feature_string, opt=2, reloc=reloc, codemodel="jitdefault", jit=True
        )
    )


def _llvm_versions() -> tuple[str, str]:
    import llvmlite

    return llvmlite.__version__, str(_llvm().llvm_version_info)


@functools.cache
def _llvm() -> ModuleType:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding
