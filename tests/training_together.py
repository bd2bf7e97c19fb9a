"""Train recipes in one process, or in several that a launcher would start, and keep their weights after some updates.

As a program it is one of the processes: `python training_together.py FOLDER NAMES OPTIONS AFTER`.
"""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import torch

import elman
from answerable import make_tickets
from elman.tasks import classify
from elman.tasks.transcribe import recipe as speech_recipe
from elman.training import folds, ranks, resuming
from elman.training.run import Run
from small_trainings import RECIPES, SMALL


def write_tickets(path):
    """Write a text, a category, a date and a number a row."""
    make_tickets(67, 3).to_csv(path, index=False)
    return path


TRAININGS = {**RECIPES, "tickets": (classify, write_tickets, "a.csv", {"target": "urgent", "word_dropout": 0.2})}


class Enough(BaseException):
    """So many updates were made."""


def train(name, path, options, after):
    """Train a recipe; return its weights after each of some updates, by their number, and a sum after every update.

    A training that ends before the last of them has its weights at the end under 0, of folds those of all networks. One
    that has an output writes a checkpoint after every update.
    """
    recipe, _, _, own = TRAININGS[name]
    found, sums, count = {}, [], Run.count

    def record(run, loss, norm, units):
        count(run, loss, norm, units)
        weights = run._module.state_dict()
        sums.append(float(sum(value.double().sum() for value in weights.values())))
        if run.outcome.updates in after:
            found[run.outcome.updates] = {name: value.detach().clone() for name, value in weights.items()}
        if run.outcome.updates == max(after):
            raise Enough

    Run.count = record
    try:
        with contextlib.suppress(Enough):
            model = recipe.train(path, **{**SMALL, **own, "patience": 1.0, "compare": False, **options})
            found[0] = {name: value.detach().clone() for name, value in model.weights().items()}
    finally:
        Run.count = count
    return found, sums


def prepare(folder, names):
    """Write the data of recipes; return their paths."""
    written = {}
    for name in names:
        (folder / name).mkdir()
        data = TRAININGS[name][1](folder / name / TRAININGS[name][2])
        written[name] = [str(one) for one in data] if isinstance(data, list) else str(data)
    return written


def environments(count):
    """Return what a launcher sets in each of some processes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


def train_together(folder, count, written, options, after, tag="together", seconds=300):
    """Train in some processes; return what :func:`train` found in each, by the name of the recipe."""
    (folder / f"{tag}.json").write_text(json.dumps([written, options, after]))
    here, package = str(Path(__file__).parent), str(Path(elman.__file__).parents[1])  # of a copy with a fault, that
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder), tag],
            env=os.environ | own | {"PYTHONPATH": os.pathsep.join([package, here])},
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in environments(count)
    ]
    try:
        said = [process.communicate(timeout=seconds)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    for process, err in zip(started, said, strict=True):
        assert process.returncode == 0, err
    return [torch.load(folder / f"{tag}.{rank}.pt", weights_only=True) for rank in range(count)]


def distance(one, other):
    """Return the largest relative distance of weights, tensor by tensor, and where it is."""
    return max(
        (float((one[name].double() - other[name].double()).norm() / other[name].double().norm().clamp(min=1e-12)), name)
        for name in other
    )


def main(folder, tag):
    """Train the recipes of a file in this process."""
    torch.set_num_threads(1)
    resuming.SECONDS, resuming._OF_TIME = -1.0, 0
    folds.FEW_EXAMPLES = folds.FEW_GROUPS = 0  # as all tests have it
    speech_recipe._LEFT = 1e3
    written, options, after = json.loads((folder / f"{tag}.json").read_text())
    random.seed(int(os.environ["RANK"]))  # nothing may depend on what differs between processes
    with ranks.joined() as joined:
        found = {name: train(name, path, options.get(name, options["all"]), after) for name, path in written.items()}
    torch.save(found, folder / f"{tag}.{joined.number}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
