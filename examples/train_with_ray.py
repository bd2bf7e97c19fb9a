"""Train a classifier by two workers of Ray Train, and compare its weights with those of torchrun and of one process.

    pip install 'ray[data]'
    python examples/train_with_ray.py FOLDER

The models and the files of Ray are written into the folder, which must be new.
"""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_ray import local_ray
from make_data import draw_distinct, draw_review, write_rows
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

import elman

OPTIONS = {"hidden": 16, "epochs": 5, "batch": 15, "folds": 1, "precision": "64"}


def train(config: dict[str, Any]) -> None:
    """Train in each worker, as in a script that torchrun starts; the first one writes the model."""
    from elman.tasks import classify

    classify.train(**config)


def train_by_ray(config: dict[str, Any], folder: Path, workers: int) -> None:
    """Train in some workers; Ray Train keeps its own files in the folder."""
    TorchTrainer(
        train,
        train_loop_config=config,
        scaling_config=ScalingConfig(num_workers=workers),
        torch_config=TorchConfig(backend="gloo"),
        run_config=RunConfig(storage_path=str(folder)),
    ).fit()


def main(folder: Path) -> None:
    """Train three times, and print how far the weights are from each other."""
    folder.mkdir()
    folder = folder.resolve()
    data = str(folder / "reviews.csv")
    drawn = random.Random(1)  # noqa: S311 - nothing is secret here
    write_rows(data, ("text", "label"), draw_distinct(draw_review, drawn, 360))
    config = {"data": data, "quiet": True, **OPTIONS}
    train({**config, "output": str(folder / "one.model")})
    with local_ray(folder, 2):
        train_by_ray({**config, "output": str(folder / "ray.model")}, folder, 2)
    options = [part for name, value in OPTIONS.items() for part in (f"--{name}", str(value))]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "--"]
    command = ["elman", "train", "classify", data, "-o", str(folder / "torchrun.model"), *options]
    subprocess.run([*torchrun, *command], check=True, capture_output=True)  # noqa: S603 - our own command

    one, by_ray, by_torchrun = (elman.load(folder / f"{name}.model").weights() for name in ("one", "ray", "torchrun"))
    same = all(by_ray[name].equal(value) for name, value in by_torchrun.items())
    apart = max(float((by_ray[name] - value).norm() / value.norm()) for name, value in one.items())
    print(f"weights by Ray Train and by torchrun: {'equal, bit for bit' if same else 'NOT equal'}")
    print(f"weights by Ray Train and by one process: at most {apart:.0e} apart, relatively, of a tensor")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
