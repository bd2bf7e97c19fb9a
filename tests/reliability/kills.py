"""Kill trainings of every recipe at random moments, let them go on until they end, and compare with whole ones.

A training runs in a forked process that writes a checkpoint after every update. It is killed from outside after a
random time, or kills itself inside a write: when the new file has half of its bytes, before it takes its name, or
behind that. Then the same training goes on, which may be killed as well.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from answerable import write_reviews
from elman import writing
from elman.tasks import classify
from elman.tasks.transcribe import recipe as speech_recipe
from elman.training import resuming
from elman.training.beside import checkpoint_of
from elman.training.checkpoint import read_checkpoint
from small_trainings import RECIPES, SMALL

_MOST_BREAKS = 4  # of one training
_HALF, _BEFORE, _BEHIND = "half written", "before it is renamed", "behind"
_WITHOUT_CHECKPOINT = 0


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        name: of the recipe.
        train: takes the file of the model, and trains or goes on.
        whole: the bytes of the model of a training without a break.
        seconds: how long that took.
    """

    name: str
    train: Callable[[Path], None]
    whole: bytes
    seconds: float


def kill_trainings(folder: Path, kills: int, seed: int) -> Iterator[str]:
    """Kill so many times; yield lines of what was found.

    Raises:
        AssertionError: a training was lost, or ended in another file than the whole one.
    """
    torch.set_num_threads(1)
    speech_recipe._LEFT = 1e3
    resuming.SECONDS, resuming._OF_TIME = -1.0, _WITHOUT_CHECKPOINT
    cases = [*_cases(folder), _search(folder)]
    cases.append(cases[-1])  # twice as often
    drawn, counts, trainings = random.Random(seed), Counter[str](), 0
    while counts["kills"] < kills:
        case = cases[trainings % len(cases)]
        target = folder / f"{trainings}.model"
        for _ in range(drawn.randint(1, _MOST_BREAKS)):
            plan = _draw_plan(case, drawn)
            code = _fork(case, target, plan)
            if code == 0:
                break  # it ended before it was killed
            assert code == -signal.SIGKILL, f"{case.name} ended with {code} in the place of a kill"
            counts["kills"] += 1
            counts["inside a write"] += plan.inside is not None
            counts.update(_look(checkpoint_of(target)))
        else:
            code = _fork(case, target, Plan(None, None))
            assert code == 0, f"{case.name} did not go on: {code}"
        same = target.read_bytes() == case.whole
        assert same, f"{case.name} ended in another file, see {target}"
        assert not checkpoint_of(target).exists(), "a checkpoint is left"
        counts["bit-identical ends"] += 1
        counts[case.name] += 1
        target.unlink()
        trainings += 1
    yield f"{trainings} trainings, {counts['bit-identical ends']} ended with the same bytes as without a break, 0 lost"
    yield (
        f"{counts['kills']} kills, {counts['inside a write']} of them inside a write; {counts['in mid-epoch']} "
        f"trainings went on in mid-epoch, {counts['in a search']} in a search, "
        f"{counts['before the first update']} before the first update"
    )
    yield "trainings of " + ", ".join(f"{case.name} {counts[case.name]}" for case in cases[:-1])


@dataclass(frozen=True)
class Plan:
    """When a process is to be killed.

    Attributes:
        after: seconds after its start; None never.
        inside: the number of the write, and the moment in it; None where it is killed from outside.
    """

    after: float | None
    inside: tuple[int, str] | None


def _draw_plan(case: Case, drawn: random.Random) -> Plan:
    if drawn.random() < 1 / 3:
        return Plan(None, (drawn.randint(2, 40), drawn.choice([_HALF, _BEFORE, _BEHIND])))
    return Plan(drawn.uniform(0.1, 1.0) * case.seconds, None)


def _cases(folder: Path) -> Iterator[Case]:
    for name, (recipe, write, file, options) in RECIPES.items():
        own = folder / name
        own.mkdir()
        data = write(own / file)
        yield _case(own, name, recipe, data, {**SMALL, **options})


def _search(folder: Path) -> Case:
    data = write_reviews(folder / "searched.csv")
    options = {**SMALL, "target": "label", "input": "text", "letters": False, "search": 4, "epochs": 1}
    return _case(folder, "a search", classify, data, options)


def _case(folder: Path, name: str, recipe: Any, data: Any, options: dict[str, Any]) -> Case:
    def train(target: Path) -> None:
        recipe.train(data, output=target, resume=True, **options)

    train(folder / "whole")  # kernels are compiled
    (folder / "whole").unlink()
    start = time.perf_counter()
    train(folder / "whole")
    seconds = time.perf_counter() - start
    whole = (folder / "whole").read_bytes()
    (folder / "whole").unlink()
    return Case(name, train, whole, seconds)


def _fork(case: Case, target: Path, plan: Plan) -> int:
    """Train in a process of its own; return its code, negative for a signal."""
    process = os.fork()
    if process == 0:
        _run(case, target, plan)
    if plan.after is not None:
        time.sleep(plan.after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _run(case: Case, target: Path, plan: Plan) -> None:
    code = 1
    try:
        if plan.inside is not None:
            _kill_inside(*plan.inside)
        case.train(target)
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{case.name}: {type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _kill_inside(number: int, moment: str) -> None:
    """Make this process kill itself inside one of its writes."""
    replace, count = os.replace, 0

    def replace_or_die(one: Any, other: Any) -> None:
        nonlocal count
        count += 1
        if count == number and moment != _BEHIND:
            if moment == _HALF:
                os.truncate(one, os.stat(one).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(one, other)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    writing.os.replace = replace_or_die  # type: ignore[attr-defined]


def _look(path: Path) -> list[str]:
    """Say what a killed training goes on from."""
    if not path.exists():
        return ["before the first update"]
    state = read_checkpoint(path)
    now = state["current"]
    if now["run"]["outcome"]["updates"] == 0:
        return ["before the first update"]
    found = ["in a search"] if state["signature"]["search"] else []
    return [*found, "in mid-epoch"] if now["feed"]["given"] and now["feed"]["before"] is not None else found
