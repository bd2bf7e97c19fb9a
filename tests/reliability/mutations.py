"""Change model files and checkpoints at random: none crashes, hangs, takes memory, runs code, or answers otherwise.

A *damaged* file has another sum than it says; it must be refused, or be read as before. A *forged* one has a sum that
fits: it must be refused in one line, or be read. Models are judged by the commands that read them, see
`damaged_models`; checkpoints by reading them, and a share of those that are read by going on from them. While files are
read, a hook of the interpreter watches for what runs code.
"""

import os
import random
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from damaged_models import Mutant, judge_all, mutants_of
from elman.errors import ElmanError
from elman.tasks.registry import recipe_of
from elman.training import checkpoint, resuming
from elman.training.beside import checkpoint_of
from elman.training.checkpoint import read_checkpoint
from elman.training.resuming import CheckpointedRun
from every_recipe import subjects
from small_trainings import RECIPES, SMALL

_OF_MODELS = 0.7
_LOADED_FOR_EACH = 6
"""Models that are loaded alone, for each that is given to the commands."""
_RESUMED = 10
"""One of so many forged checkpoints that can be read is gone on from."""
_UPDATES = 3
_ROOM = 2 << 30
_FORBIDDEN = ("exec", "compile", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
_PART = 500


def mutate_files(folder: Path, count: int, seed: int) -> Iterator[str]:
    """Change so many files; yield lines of what was found.

    Raises:
        AssertionError: a file was judged as none may be.
    """
    of_models = int(count * _OF_MODELS)
    yield from mutate_models(folder, of_models, seed)
    yield from mutate_checkpoints(folder, count - of_models, seed)


def mutate_models(folder: Path, count: int, seed: int) -> Iterator[str]:
    """Change model files; see :func:`mutate_files`.

    Raises:
        AssertionError: a file was judged as none may be.
    """
    torch.set_num_threads(1)
    (folder / "models").mkdir()
    models = subjects(folder / "models")
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    each = -(-count // (_LOADED_FOR_EACH + 1) // len(models))
    for number, subject in enumerate(models):
        more, found = judge_all(
            subject, list(mutants_of(subject.path, each, random.Random(f"{seed} {number}"))), folder
        )
        counts += more
        wrong += found
    assert not wrong, _show(wrong)
    yield _describe(f"commands met {each * len(models)} changed models of {len(models)} kinds", counts)
    each *= _LOADED_FOR_EACH
    counts.clear()
    for number, subject in enumerate(models):
        counts += _load_all(subject.path, each, random.Random(f"{seed} loaded {number}"), folder)
    yield _describe(f"{each * len(models)} more were loaded, and none ran code", counts)


def mutate_checkpoints(folder: Path, count: int, seed: int) -> Iterator[str]:
    """Change checkpoints; see :func:`mutate_files`.

    Raises:
        AssertionError: a file was judged as none may be.
    """
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    each = -(-count // len(RECIPES))
    for number, name in enumerate(RECIPES):
        own = folder / f"of-{name}"
        own.mkdir()
        data = RECIPES[name][1](own / RECIPES[name][2])
        kept = _leave_checkpoint(own, name, data)
        mutants = list(mutants_of(kept, each, random.Random(f"{seed} {name} {number}")))
        for start in range(0, len(mutants), _PART):
            judged, more = _judge_checkpoints(own, name, data, mutants[start : start + _PART], folder)
            counts += judged
            wrong += more
    assert not wrong, _show(wrong)
    yield _describe(f"{each * len(RECIPES)} changed checkpoints of {len(RECIPES)} kinds", counts)


def _show(wrong: list[str]) -> str:
    return f"{len(wrong)}\n" + "\n".join(wrong[:40])


def _describe(what: str, counts: Counter[str]) -> str:
    return f"{what}: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))


def _train(own: Path, name: str, data: Any, **more: Any) -> None:
    recipe, _, _, options = RECIPES[name]
    recipe.train(data, output=own / "a.model", **{**SMALL, **options, **more})


def _leave_checkpoint(own: Path, name: str, data: Any) -> Path:
    """Train for some updates; return the checkpoint that is left."""
    process = os.fork()
    if process == 0:
        pause = CheckpointedRun.pause

        def pause_or_end(place: Any, progress: Any) -> None:
            pause(place, progress)
            if place._run.outcome.updates == _UPDATES:
                os._exit(0)

        resuming.SECONDS, resuming._OF_TIME = -1.0, 0
        CheckpointedRun.pause = pause_or_end  # type: ignore[method-assign]
        try:
            _train(own, name, data)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, f"{name} left no checkpoint"
    return checkpoint_of(own / "a.model")


def _judge_checkpoints(
    own: Path, name: str, data: Any, mutants: list[Mutant], folder: Path
) -> tuple[Counter[str], list[str]]:
    """Judge mutants in a process of their own, whose memory is bounded."""
    reading, answer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _limit_memory()
        changed = folder / "changed.checkpoint"
        whole = _plain(read_checkpoint(checkpoint_of(own / "a.model")))
        with os.fdopen(answer, "w", encoding="utf-8") as lines:
            for number, mutant in enumerate(mutants):
                changed.write_bytes(mutant.raw)
                try:
                    verdict = _judge(own, name, data, mutant, changed, whole, resumes=number % _RESUMED == 3 % _RESUMED)
                except BaseException as error:
                    verdict = f"traceback: {type(error).__name__}: {error}"[:300].replace("\n", " ")
                lines.write(f"{verdict}\n")
                lines.flush()
        os._exit(0)
    os.close(answer)
    with os.fdopen(reading, encoding="utf-8") as lines:
        verdicts = lines.read().splitlines()
    status = os.waitpid(process, 0)[1]
    if status:
        verdicts.append(f"ended the process with {status}")
    fine = ("refused", "the same", "another state", "gone on from", "refused to go on")
    wrong = [
        f"{name}, {mutant.name}: {verdict}"
        for mutant, verdict in zip(mutants, verdicts, strict=False)
        if verdict not in fine
    ]
    return Counter(verdict if verdict in fine else "wrong" for verdict in verdicts), wrong


def _judge(own: Path, name: str, data: Any, mutant: Mutant, changed: Path, whole: bytes, *, resumes: bool) -> str:
    try:
        state = read_checkpoint(changed)
    except ElmanError as error:
        return "refused" if _is_one_line(error) else f"said badly: {error}"
    if _plain(state) == whole:
        return "the same"
    assert mutant.forged, "silently another state"
    if not resumes:
        return "another state"
    kept = checkpoint_of(own / "a.model")
    before = {path: path.read_bytes() for path in (kept, own / "a.model") if path.exists()}
    kept.write_bytes(mutant.raw)
    try:
        _train(own, name, data, resume=True)
        return "gone on from"
    except ElmanError as error:
        return "refused to go on" if _is_one_line(error) else f"said badly: {error}"
    finally:
        for path in (kept, own / "a.model"):
            path.unlink(missing_ok=True)
        for path, raw in before.items():
            path.write_bytes(raw)


def _is_one_line(error: ElmanError) -> bool:
    return "\n" not in str(error) and len(str(error)) < 600


def _plain(state: dict[str, Any]) -> bytes:
    """Write a state as bytes, which are equal for equal states."""
    packed = checkpoint._StateWriter()
    return repr(packed.write(state)).encode() + packed.all().numpy().tobytes()


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _load_all(path: Path, count: int, randomness: random.Random, folder: Path) -> Counter[str]:
    """Load changed models in a process that a hook ends where code is run, and compare the weights.

    Raises:
        AssertionError: the process ended, or a damaged file was read with other weights.
    """
    reading, answer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _load_and_tell(path, mutants_of(path, count, randomness), folder / "loaded.model", answer)
    os.close(answer)
    with os.fdopen(reading, encoding="utf-8") as lines:
        verdicts = lines.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code == 0, f"a changed {path.name} ended the process with {code}: {verdicts[-1:]}"
    return Counter(verdicts)


def _load_and_tell(path: Path, mutants: Iterator[Mutant], changed: Path, answer: int) -> None:
    load, watched = recipe_of(path).load, [False]
    whole = load(path).weights()  # imports are done

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if watched[0] and event in _FORBIDDEN:
            os.write(answer, f"{event} {args!r}"[:500].encode())
            os._exit(3)

    sys.addaudithook(hook)
    _limit_memory()
    for mutant in mutants:
        changed.write_bytes(mutant.raw)
        watched[0] = True
        verdict = "refused"
        try:
            weights = load(changed).weights()
            same = weights.keys() == whole.keys() and all(weights[name].equal(whole[name]) for name in whole)
            verdict = "read with the same weights" if same else "read as another model"
        except ElmanError as error:
            if "\n" in str(error):
                verdict = "said badly"
        except BaseException as error:
            watched[0] = False
            os.write(answer, f"{mutant.name}: {type(error).__name__}: {error}\n"[:500].encode())
            os._exit(4)
        watched[0] = False
        if verdict == "said badly" or (verdict == "read as another model" and not mutant.forged):
            os.write(answer, f"{mutant.name}: {verdict}\n".encode())
            os._exit(5)
        os.write(answer, f"{verdict}\n".encode())
    os._exit(0)
