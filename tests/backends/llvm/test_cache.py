"""The cache returns only complete, matching code of the same user, and no fault of the disk is an error."""

import errno
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elman.backends.llvm.run import cache as llvm_cache
from elman.backends.llvm.run.cache import digest, fetch, store

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")

CODE = bytes(range(256)) * 5
NAME, OTHER = digest(["a kernel"]), digest(["another"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Use a folder of the test as the cache, which does not exist yet, and let every reason be logged again."""
    monkeypatch.setattr(llvm_cache, "_base", lambda: tmp_path / "cache")
    llvm_cache._warn.cache_clear()
    yield tmp_path / "cache" / "elman"
    llvm_cache._warn.cache_clear()


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert all((record.name, record.levelno) == ("elman", logging.WARNING) for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


def fail(number: int) -> Callable[..., None]:
    def failing(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return failing


def test_code_comes_back_as_it_was(folder: Path) -> None:
    assert fetch(NAME) is None
    store(NAME, CODE)
    store(OTHER, b"")
    assert (fetch(NAME), fetch(OTHER)) == (CODE, b"")
    assert {path.name for path in folder.iterdir()} == {f"{NAME}.o", f"{OTHER}.o"}


@posix
def test_nobody_else_may_read_or_write_what_is_made(folder: Path) -> None:
    before = os.umask(0)
    try:
        store(NAME, CODE)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / f"{NAME}.o").stat().st_mode & 0o777 == 0o600


def test_a_digest_is_of_all_parts_and_of_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {digest(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["c", "ab"])}
    assert len(names) == 5
    monkeypatch.setattr(llvm_cache, "_sources", lambda: "others")
    assert digest(["abc"]) not in names


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[:37], id="cut in the header"),
        pytest.param(lambda content: content[: llvm_cache._HEADER], id="no code"),
        pytest.param(lambda content: content[:-1], id="cut at the end"),
        pytest.param(lambda content: content + b"\0", id="longer"),
        *(
            pytest.param(lambda c, i=i: c[:i] + bytes([c[i] ^ 1]) + c[i + 1 :], id=f"a bit of byte {i}")
            for i in (0, 11, 41, llvm_cache._HEADER, llvm_cache._HEADER + 1279)
        ),
    ],
)
def test_a_spoilt_entry_is_not_read_and_is_written_over(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    store(NAME, CODE)
    path = folder / f"{NAME}.o"
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    assert fetch(NAME) is None
    store(NAME, CODE)
    assert path.read_bytes() == whole


def test_an_entry_under_the_name_of_another_is_not_read(folder: Path) -> None:
    store(NAME, CODE)
    (folder / f"{NAME}.o").rename(folder / f"{OTHER}.o")
    assert fetch(OTHER) is None


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used(
    folder: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    store(NAME, CODE)
    folder.chmod(mode)
    assert fetch(NAME) is None
    store(OTHER, CODE)
    assert not (folder / f"{OTHER}.o").exists()
    [reason] = reasons(caplog)
    assert "can be written by others" in reason


@posix
def test_a_folder_of_another_user_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store(NAME, CODE)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert fetch(NAME) is None
    store(OTHER, CODE)
    assert not (folder / f"{OTHER}.o").exists()
    [reason] = reasons(caplog)
    assert "belongs to another user" in reason


@posix
def test_an_entry_that_others_can_write_to_is_not_read(folder: Path) -> None:
    store(NAME, CODE)
    (folder / f"{NAME}.o").chmod(0o620)
    assert fetch(NAME) is None


@posix
@pytest.mark.parametrize("kind", ["symbolic link", "file"])
def test_what_is_not_a_folder_is_not_used(
    folder: Path, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir()
    if kind == "file":
        folder.touch(mode=0o600)
    else:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    store(NAME, CODE)
    assert fetch(NAME) is None
    assert not (folder / f"{NAME}.o").exists()
    assert len(reasons(caplog)) == 1


@pytest.mark.parametrize("broken", ["os.open", "os.replace", "os.scandir"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_cannot_be_written_is_no_error_and_said_once(
    folder: Path, broken: str, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(broken, fail(number))
        store(NAME, CODE)
        store(OTHER, CODE)
    [reason] = reasons(caplog)
    assert os.strerror(number) in reason
    assert not list(folder.glob(".elman-*"))
    store(NAME, CODE)
    assert fetch(NAME) == CODE


def test_a_folder_that_cannot_be_made_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Path, "mkdir", fail(errno.EROFS))
    store(NAME, CODE)
    assert fetch(NAME) is None
    assert len(reasons(caplog)) == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG variables are for the other systems")
def test_the_folder_is_where_the_xdg_specification_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for wish, path in (("", "home/.cache"), ("relative", "home/.cache"), (str(tmp_path / "xdg"), "xdg")):
        monkeypatch.setenv("XDG_CACHE_HOME", wish)
        assert llvm_cache._folder() == tmp_path / path / "elman"
        assert (tmp_path / path / "elman").is_dir()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert llvm_cache._folder() == tmp_path / "home/.cache/elman"

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    store(NAME, CODE)
    assert fetch(NAME) is None
    assert "no home folder" in "".join(reasons(caplog))


def test_the_longest_unused_entries_go_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [digest([str(i)]) for i in range(7)]
    now = time.time()
    for age, name in enumerate(names):
        store(name, CODE)
        os.utime(folder / f"{name}.o", (now - 60 * age, now - 60 * age))
    size = (folder / f"{names[0]}.o").stat().st_size
    foreign = folder / "notes.txt"
    foreign.write_bytes(b"")
    os.utime(foreign, (now - 7200, now - 7200))
    monkeypatch.setattr(llvm_cache, "MOST_BYTES", 5 * size)
    store(OTHER, CODE)
    left = {f"{name}.o" for name in (*names[:4], OTHER)} | {foreign.name}
    assert {path.name for path in folder.iterdir()} == left


@pytest.mark.parametrize(("age", "touched"), [(3600, False), (3 * 86400, True)])
def test_an_entry_in_use_is_touched_once_a_day(folder: Path, age: int, touched: bool) -> None:
    store(NAME, CODE)
    path = folder / f"{NAME}.o"
    used = time.time() - age
    os.utime(path, (used, used))
    assert fetch(NAME) == CODE
    assert (path.stat().st_mtime > used + 60) is touched


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked, to be quick")
def test_thirty_two_processes_that_want_the_same_code_at_once_all_get_it(tmp_path: Path) -> None:
    script = """
import ctypes, os, signal
from elman.backends.llvm.run.engine import load
from elman.backends.llvm.target import host
target = host()
ready, go = os.pipe()
children = []
for _ in range(32):
    if (child := os.fork()) == 0:
        signal.alarm(30)
        os.close(go)
        os.read(ready, 1)  # It ends when the parent closes the other end: all begin at once.
        for number in range(3):
            text = "define i32 @number() nounwind { ret i32 %d }" % number
            address = load(text, lambda: text, target).address("number")
            assert ctypes.CFUNCTYPE(ctypes.c_int32)(address)() == number
        os._exit(0)
    children.append(child)
os.close(go)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 32
"""
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".o"] * 3
