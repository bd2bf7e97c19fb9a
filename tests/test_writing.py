"""Check that a file is written whole or not at all, by any number of writers at once, and nothing else is touched."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from elman.writing import write_together, write_whole

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners, modes, locks and pipes are POSIX's")

OLD, NEW = b"old" * 700, b"new" * 1100
HOUR = 3600


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def left_behind(folder: Path, name: str, age: float) -> Path:
    path = folder / name
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_what_is_written_stands_there_alone(tmp_path: Path) -> None:
    for content in (OLD, NEW, b""):
        write_whole(tmp_path / "m", content)
        assert (tmp_path / "m").read_bytes() == content
    assert names(tmp_path) == ["m"]


@pytest.mark.parametrize("broken", ["os.open", "os.fsync", "os.replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_whole(tmp_path / "m", OLD)
    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path / "m", NEW)
    assert (tmp_path / "m").read_bytes() == OLD
    assert names(tmp_path) == ["m"]


@pytest.mark.parametrize("broken", [2, 3])
def test_several_files_are_put_in_place_together_or_not_at_all(
    tmp_path: Path, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "a", OLD)
    put, calls = os.replace, 0

    def fail(*args: str) -> None:
        nonlocal calls
        calls += 1
        if calls == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        put(*args)

    new = {tmp_path / name: NEW for name in "abc"}
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="Input/output error"):
            write_together(new)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == OLD
    write_together(new)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == new


def test_an_interrupted_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    write_whole(tmp_path / "m", OLD)
    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "m", NEW)
    assert (tmp_path / "m").read_bytes() == OLD
    assert names(tmp_path) == ["m"]


def test_the_name_of_an_unfinished_file_cannot_be_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, replace = set(), os.replace

    def watch(source: Path, target: Path) -> None:
        seen.add(Path(source).name)
        replace(source, target)

    monkeypatch.setattr("os.replace", watch)
    monkeypatch.setattr("os.getpid", lambda: 1)
    for _ in range(5):
        write_whole(tmp_path / "m", OLD)
    assert len(seen) == 5


@posix
def test_file_and_folder_are_on_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda file: synced.append(os.fstat(file).st_ino) or sync(file))
    write_whole(tmp_path / "m", OLD)
    assert synced == [(tmp_path / "m").stat().st_ino, tmp_path.stat().st_ino]


@posix
def test_a_name_that_is_taken_is_never_followed_or_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(OLD)
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 2 * count)
    (tmp_path / f".elman-{'0' * 16}.unfinished").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "m", NEW)
    assert victim.read_bytes() == OLD
    assert names(tmp_path) == [f".elman-{'0' * 16}.unfinished", "victim"]


@posix
def test_a_new_file_follows_the_umask_and_a_replaced_one_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "m", OLD)
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640
        for mode in (0o604, 0o400, 0o666):
            (tmp_path / "m").chmod(mode)
            write_whole(tmp_path / "m", NEW)
            assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == mode
        write_whole(tmp_path / "m", NEW, mode=0o600)
        assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o600
    finally:
        os.umask(before)


@posix
@pytest.mark.parametrize(
    ("allowed", "requested", "mode"),
    [
        pytest.param((42, -1), [(42, 43)], 0o664, id="both"),
        pytest.param((-1,), [(42, 43), (-1, 43)], 0o664, id="the group alone"),
        pytest.param((), [(42, 43), (-1, 43)], 0o604, id="neither, so that no other group gets the group's rights"),
    ],
)
def test_a_replaced_file_keeps_its_owner_as_far_as_the_user_may_set_it(
    tmp_path: Path, allowed: tuple[int, ...], requested: list, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def chown(file: int, user: int, group: int) -> None:
        calls.append((user, group))
        if user not in allowed:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    write_whole(tmp_path / "m", OLD)
    (tmp_path / "m").chmod(0o664)
    old = list(os.stat(tmp_path / "m"))
    old[4:6] = 42, 43
    monkeypatch.setattr("elman.writing._status", lambda path: os.stat_result(old))
    monkeypatch.setattr("os.fchown", chown)
    write_whole(tmp_path / "m", NEW)
    assert calls == requested
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == mode


@posix
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "m").symlink_to(Path("there", "real"))
    for content in (OLD, NEW):
        write_whole(tmp_path / "m", content)
        assert (tmp_path / "m").is_symlink()
        assert (tmp_path / "there" / "real").read_bytes() == content
    assert names(tmp_path / "there") == ["real"]
    assert names(tmp_path) == ["m", "there"]


@posix
def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_whole(tmp_path / "pipe", NEW)
    reader.join()
    assert got == [NEW]
    assert (tmp_path / "pipe").is_fifo()


@posix
def test_what_died_writers_left_is_removed_after_an_hour_and_what_is_held_never(tmp_path: Path) -> None:
    import fcntl

    left_behind(tmp_path, ".elman-00aa.unfinished", HOUR + 60)
    left_behind(tmp_path, ".elman-31.unfinished", HOUR + 60)
    held = left_behind(tmp_path, ".elman-00bb.unfinished", 9 * HOUR)
    young = left_behind(tmp_path, ".elman-00cc.unfinished", HOUR - 60)
    foreign = left_behind(tmp_path, "elman-00dd.unfinished", 9 * HOUR)
    link = tmp_path / ".elman-00ee.unfinished"
    link.symlink_to(foreign)
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_whole(tmp_path / "m", NEW)
    assert names(tmp_path) == sorted([held.name, young.name, foreign.name, link.name, "m"])


@posix
def test_a_writer_holds_its_unfinished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second writer finds the first one's file, made to look old, and leaves it alone."""
    replace, first = os.replace, []

    def meanwhile(source: Path, target: Path) -> None:
        if not first:
            first.append(source)
            os.utime(source, (1, 1))
            write_whole(tmp_path / "n", OLD)
            assert Path(source).exists()
        replace(source, target)

    monkeypatch.setattr("os.replace", meanwhile)
    write_whole(tmp_path / "m", NEW)
    assert (tmp_path / "m").read_bytes() == NEW
    assert names(tmp_path) == ["m", "n"]


@posix
def test_a_killed_writer_leaves_the_old_file_and_a_lock_that_is_free(tmp_path: Path) -> None:
    write_whole(tmp_path / "m", OLD)
    script = "import os, sys; os.replace = lambda *a: os.kill(os.getpid(), 9)\n"
    script += "from elman.writing import write_together, write_whole; write_whole(sys.argv[1], b'new')"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "m")], check=False)
    assert done.returncode == -9
    assert (tmp_path / "m").read_bytes() == OLD
    [left] = [path for path in tmp_path.iterdir() if path.name != "m"]
    os.utime(left, (1, 1))
    write_whole(tmp_path / "n", NEW)
    assert names(tmp_path) == ["m", "n"]
