"""Train each cell with the same seeds, by as many updates, and keep the scores.

A seed decides initial weights and the order of batches, and the held-out part where the recipe draws it. So with one
seed all cells have the same split, and their scores are paired.

>>> result = compare(["gru", "elman"], task="order", length=10, seeds=2, updates=3, hidden=3, quiet=True)
>>> result.measure, [(row.cell, row.count, row.updates) for row in result.rows()]
('share of wrong answers', [('gru', 2, 3), ('elman', 2, 3)])
"""

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from elman import cells as zoo
from elman.errors import ConfigError, ElmanError
from elman.expr import Cell
from elman.phrases import format_duration
from elman.sides import SideSource, parse_sides, write_sides
from elman.tasks.compare.result import CellTraining, Comparison
from elman.tasks.compare.settings import KEPT_EQUAL, LENGTH, SEEDS
from elman.tasks.contract import Score
from elman.tasks.probe.recipe import train_fully
from elman.tasks.registry import RECIPES, find
from elman.training.progress import Progress, show_progress

_NEVER = 1.0  # patience

Trained = tuple[Score, int, int]
Train = Callable[[Cell, Mapping[str, int], int], Trained]


def compare(
    cells: Sequence[str | Cell],
    data: Any = None,
    *,
    recipe: str | None = None,
    task: str | None = None,
    length: int | None = None,
    seeds: int = SEEDS,
    seed: int = 1,
    sizes: Mapping[str, int] | None = None,
    quiet: bool = False,
    **options: Any,
) -> Comparison:
    """Compare cells on data, or on a problem of `elman probe`.

    Trainings end after their epochs, or updates, and never earlier. Ctrl-C ends the comparison; the trainings that had
    ended are returned.

    Args:
        cells: two or more: names of the zoo, `FILE.py:NAME`, or cells.
        data: as for `elman.tasks.RECIPE.train`; read anew for each training.
        recipe: the task of the data, such as `classify`.
        task: in place of data and recipe: `adding`, `copy`, `order`, `recall` or `sentence`.
        length: of its sequences, in time steps; None is 50.
        seeds: how many trainings each cell gets.
        seed: the first seed.
        sizes: sizes that equations leave open, for the cells that have them.
        quiet: show no progress.
        **options: of the recipe, or of `probe`, but none of `KEPT_EQUAL`. `side` is for the cells that read such side
            inputs; the others are trained without.

    Raises:
        ConfigError: fewer than two cells, one named twice, no seeds, neither or both of data and task, or an option
            that cannot work.
        DataError: the data cannot be read, or are too few.
        CellError: a cell does not exist.
    """
    found = _find_cells(cells)
    _check_numbers(seeds, seed, options)
    own = _divide_sizes(found, sizes or {})
    if options.get("side") is not None:
        options["side"] = _read_sides(found, options["side"])
    if task is not None:
        if data is not None or recipe is not None:
            raise ConfigError("task is given with data or a recipe; a problem draws its own examples. Drop one.")
        named, train = f"{task} at {length or LENGTH}", _on_problem(task, length or LENGTH, options)
    else:
        if length is not None:
            raise ConfigError("length is given without a task, and data have lengths of their own. Drop it.")
        named, train = str(recipe), _on_data(data, recipe, options)
    result = Comparison(named, tuple(found), tuple(range(seed, seed + seeds)))
    progress, start, total = show_progress(quiet), time.perf_counter(), seeds * len(found)
    try:
        for one_seed, (name, cell) in itertools.product(result.seeds, found.items()):
            _train_once(result, train, name, cell, own[name], one_seed)
            _report(result, progress, start, total)
    except KeyboardInterrupt:
        result.interrupted = True
    return result


def _find_cells(cells: Sequence[str | Cell]) -> dict[str, Cell]:
    """Find all cells before anything is trained."""
    names = [cell if isinstance(cell, str) else cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name} is named {names.count(name)} times. Name each cell once.")
    found = {name: zoo.find(cell) if isinstance(cell, str) else cell for name, cell in zip(names, cells, strict=True)}
    if len(found) < 2:
        raise ConfigError(
            f"{names[0] if names else 'No cell'} cannot be compared with itself alone. Name two cells or more."
        )
    return found


def _check_numbers(seeds: int, seed: int, options: Mapping[str, Any]) -> None:
    for name, number, least in (("seeds", seeds, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ConfigError(f"{name} is {number!r}; it must be a whole number, at least {least}.")
    if seed + seeds > 2**32:
        raise ConfigError(f"seed is {seed}, with {seeds} seeds; the last must be below 4294967296.")
    for name in KEPT_EQUAL:
        if name in options:
            raise ConfigError(f"{name} is given, and a comparison trains all cells by as many updates. Drop it.")
    if options.get("epochs") == "auto":
        raise ConfigError("epochs is auto, and a comparison trains all cells by as many updates. Give a number.")


def _divide_sizes(cells: Mapping[str, Cell], sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    for size in sizes:
        if not any(size in cell.open_sizes for cell in cells.values()):
            raise ConfigError(f"No cell of {', '.join(cells)} leaves the size {size} open. Drop it.")
    return {name: {size: n for size, n in sizes.items() if size in cell.open_sizes} for name, cell in cells.items()}


def _read_sides(cells: Mapping[str, Cell], side: str | Mapping[str, Any]) -> dict[str, SideSource]:
    """Return the sources of side inputs, each of which a cell reads."""
    sources = parse_sides(side if isinstance(side, str) else write_sides(side))
    for name in sources:
        if not any(name in cell.sides for cell in cells.values()):
            raise ConfigError(f"side gives {name}, and no cell of {', '.join(cells)} reads it. Drop it.")
    return sources


def _on_data(data: Any, name: str | None, options: Mapping[str, Any]) -> Train:
    """Return how a recipe trains on data."""
    recipe = None if name is None else find(name)
    if recipe is None:
        known = ", ".join(one.name for one in RECIPES)
        given = "is missing" if name is None else f"is {name!r}"
        raise ConfigError(f"recipe {given}; it must be one of {known}, or give a task of elman probe.")
    if data is None or (isinstance(data, str) and data == "-"):
        raise ConfigError("data are missing, or standard input, and each training reads them anew. Give a file.")

    sides = options.get("side") or {}
    options = {name: value for name, value in options.items() if name != "side"}

    def train(cell: Cell, sizes: Mapping[str, int], seed: int) -> Trained:
        equal = {"seed": seed, "patience": _NEVER, "quiet": True, "compare": False}
        given = {name: source for name, source in sides.items() if name in cell.sides}
        own = {"side": given} if given else {}
        model = recipe.train(data, cell=cell, sizes=sizes, **equal, **own, **options)
        if model.stopped == "interrupted":
            raise KeyboardInterrupt
        updates = sum(fold["updates"] for fold in model.metrics.get("folds", ())) or model.metrics["updates"]
        return recipe.part("commands", "validation_score")(model), model.parameters, updates

    return train


def _on_problem(task: str, length: int, options: Mapping[str, Any]) -> Train:
    """Return how a network is trained on a problem of `probe`."""

    def train(cell: Cell, sizes: Mapping[str, int], seed: int) -> Trained:
        problem, rung = train_fully(cell, task=task, length=length, sizes=sizes, seed=seed, **options)
        return Score(problem.measure, rung.error, lower=True), rung.parameters, rung.updates

    return train


def _train_once(result: Comparison, train: Train, name: str, cell: Cell, sizes: Mapping[str, int], seed: int) -> None:
    """Train a cell once; a training that diverges has no score, and the others go on."""
    start = time.perf_counter()
    try:
        with torch.random.fork_rng(devices=[]):
            score, parameters, updates = train(cell, sizes, seed)
    except ElmanError as error:
        if type(error) is not ElmanError:  # wrong cells, options and data, which all trainings would meet
            raise
        result.trainings.append(CellTraining(name, seed, None, 0, 0, time.perf_counter() - start, str(error)))
        return
    seconds = time.perf_counter() - start
    result.measure, result.lower = score.measure, score.lower
    if score.value is None or not math.isfinite(score.value):
        result.trainings.append(
            CellTraining(name, seed, None, parameters, updates, seconds, "The score is not finite.")
        )
        return
    result.trainings.append(CellTraining(name, seed, score.value, parameters, updates, seconds))


def _report(result: Comparison, progress: Progress, start: float, total: int) -> None:
    """Show how the last training ended, and the time that is left."""
    last, done = result.trainings[-1], len(result.trainings)
    said = last.failed or f"{result.measure} {last.score:.4g}"
    left = (time.perf_counter() - start) / done * (total - done)
    ahead = f", about {format_duration(left)} left" if done < total else ""
    progress.note(f"{last.cell}, seed {last.seed}: {said}  ({done} of {total}{ahead})")
