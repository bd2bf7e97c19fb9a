"""Damage and forge model files in every way that comes to mind, and judge what the command line makes of each.

A *damaged* file is one whose sum does not fit: bits flipped, a page of zeros, cut short, an edit of its JSON. It must
be refused, or answer as before. A *forged* file has an edit of its JSON and the sum that fits: it may answer otherwise,
since it is another model; but it must be refused in one line or answer, at once and in bounded memory.
"""

import contextlib
import io
import json
import os
import random
import resource
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from forged import Parts, assemble, seal, take_apart

SECONDS = 5.0
ROOM = 2 << 30  # bytes of memory in addition to those of the process
_PATIENCE = 60.0  # of real time: other processes may take the processor
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**9, 2**62, 10**30, 1.5, -0.5, 1e308, 1e-308, "", "x", "7", "\n", [], {}, [[]],
    [None], ["x", "x"], {"x": 1}, [10**9] * 3,
)  # fmt: skip


class Mutant(NamedTuple):
    """A changed file.

    Attributes:
        name: what was changed.
        raw: its bytes.
        forged: whether its sum fits.
    """

    name: str
    raw: bytes
    forged: bool


class Subject(NamedTuple):
    """A model whose file is changed, and the commands that then read it; `MODEL` stands for the file."""

    name: str
    path: Path
    commands: Sequence[Sequence[str]]


def mutants_of(path: Path, count: int, randomness: random.Random) -> Iterator[Mutant]:
    """Change a file `count` times: half of them damaged, half forged, the keys of its JSON in turn."""
    raw, parts = path.read_bytes(), take_apart(path)
    total = json.loads(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["elman"])["sha256"]
    damage: list[Callable[[], Mutant]] = [
        *[lambda: _flip(raw, randomness)] * 7,
        lambda: _zero(raw, randomness),
        lambda: _cut(raw, randomness),
    ]
    edits = _edits(parts.entry, randomness)
    for number in range(count):
        if number % 2 == 0:
            yield damage[number // 2 % len(damage)]()
            continue
        name, entry = next(edits)
        if number % 20 == 1:
            yield Mutant(f"{name}, the sum left", assemble({**entry, "sha256": total}, parts.rows, parts.data), False)
        else:
            yield Mutant(name, seal(Parts(entry, parts.rows, parts.data)), True)


def _flip(raw: bytes, randomness: random.Random) -> Mutant:
    # Half of them in the header, which is the smaller part of most files.
    most = 8 + int.from_bytes(raw[:8], "little") if randomness.random() < 0.5 else len(raw)
    at, bit = randomness.randrange(most), randomness.randrange(8)
    return Mutant(f"bit {bit} of byte {at}", raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :], False)


def _zero(raw: bytes, randomness: random.Random) -> Mutant:
    size = randomness.choice([1, 16, 512, 4096])
    at = randomness.randrange(len(raw)) // size * size
    return Mutant(f"{size} zeros at {at}", raw[:at] + bytes(len(raw[at : at + size])) + raw[at + size :], False)


def _cut(raw: bytes, randomness: random.Random) -> Mutant:
    at = randomness.randrange(len(raw))
    return Mutant(f"cut at {at}", raw[:at], False)


def _edits(entry: dict[str, Any], randomness: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Edit an entry at every place in turn, each time in another way, for ever."""
    places = list(_places(entry, ()))
    while True:
        randomness.shuffle(places)
        for place in places:
            copy = json.loads(json.dumps(entry))
            *way, last = place
            holder = copy
            for key in way:
                holder = holder[key]
            kind = randomness.choice(["value"] * 6 + ["gone", "twice", "other"])
            if kind == "gone":
                del holder[last]
            elif kind == "twice" and isinstance(holder, list):
                holder.insert(last, holder[last])
            elif kind == "other" and isinstance(holder, dict):
                holder[f"{last}_"] = holder.pop(last)
            else:
                kind = repr(holder.__setitem__(last, randomness.choice(_VALUES)) or holder[last])[:20]
            yield f"{'.'.join(map(str, place))}: {kind}", copy


def _places(value: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value; of a long list only to the first, the last and one more."""
    if isinstance(value, list):
        keys: Any = sorted({0, len(value) // 2, len(value) - 1}) if value else ()
    else:
        keys = value if isinstance(value, dict) else ()
    for key in keys:
        yield (*way, key)
        yield from _places(value[key], (*way, key))


def ask(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run `elman` in this process; give its exit code, and what it printed."""
    from elman.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.argv = ["elman", *arguments]
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


def judge_all(subject: Subject, mutants: Sequence[Mutant], folder: Path) -> tuple[Counter[str], list[str]]:
    """Judge every mutant in a process of its own kind, so that none can take this one with it.

    Returns:
        How many were judged how, and a line for each that was judged as none may be.
    """
    counts, wrong, rest = Counter[str](), [], list(mutants)
    while rest:
        judged = _judge_in_child(subject, rest, folder)
        for mutant, (verdict, why) in zip(rest, judged, strict=False):
            counts[verdict] += 1
            if verdict not in ("refused", "the same", "another model"):
                wrong.append(f"{subject.name}, {mutant.name}: {verdict}: {why}")
        rest = rest[len(judged) :]
    return counts, wrong


def _judge_in_child(subject: Subject, mutants: Sequence[Mutant], folder: Path) -> list[tuple[str, str]]:
    """Judge mutants until one ends the process; that one is judged as well."""
    lines, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(lines)
        _run_child(subject, mutants, folder, writing)
    os.close(writing)
    judged: list[tuple[str, str]] = []
    with os.fdopen(lines) as file:
        while select.select([file], [], [], _PATIENCE)[0]:
            line = file.readline()
            if not line:
                break
            judged.append(tuple(json.loads(line)))
        else:
            os.kill(child, 9)
            judged.append(("hang", f"no answer within {_PATIENCE:g} s"))
    status = os.waitpid(child, 0)[1]
    if status and (not judged or judged[-1][0] != "hang"):
        judged.append(("crash", f"ended with status {status}"))
    return judged


def _run_child(subject: Subject, mutants: Sequence[Mutant], folder: Path, writing: int) -> None:
    path = folder / f"mutant-{subject.name.replace(' ', '-')}"
    commands = [[str(path) if word == "MODEL" else word for word in command] for command in subject.commands]
    path.write_bytes(subject.path.read_bytes())
    before = [ask(command) for command in commands]
    assert all(code == 0 for code, _, _ in before), before
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for mutant in mutants:
        path.write_bytes(mutant.raw)
        began = time.process_time()
        try:
            verdict = _judge(mutant, commands, before)
        except BaseException as error:
            verdict = ("traceback", f"{type(error).__name__}: {error}"[:300])
        took = time.process_time() - began
        if took > SECONDS:
            verdict = ("slow", f"{took:.1f} s, {verdict[0]}")
        os.write(writing, (json.dumps(verdict) + "\n").encode())
    os._exit(0)


def _judge(
    mutant: Mutant, commands: Sequence[Sequence[str]], before: Sequence[tuple[int, str, str]]
) -> tuple[str, str]:
    same = True
    for command, (_, expected, _) in zip(commands, before, strict=True):
        code, out, err = ask(command)
        said = [line for line in err.splitlines() if line.startswith("elman: ")]
        if code in (1, 2):
            if len(said) != 1 or len(err) > 1500 or (code == 1 and not mutant.forged):
                return "said badly", err[-600:]
            return "refused", ""
        if code != 0:
            return "ended badly", f"{code} {err[-300:]}"
        same = same and out == expected
    if not same and not mutant.forged:
        return "silently another", ""
    return ("the same", "") if same else ("another model", "")
