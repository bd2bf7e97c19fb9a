"""Start Ray on this machine alone, for `predict_with_ray.py` and `train_with_ray.py`: `pip install 'ray[data]'`.

Where there is a cluster already, `ray.init()` joins it, and none of this is needed.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would send to its makers how it is used
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))  # and keep a token in the home folder

import ray


@contextlib.contextmanager
def local_ray(folder: Path, workers: int) -> Iterator[None]:
    """Start Ray for so many workers, and end it.

    Its files are written into the folder, whose path must be short: Ray puts sockets there, and the path of a socket
    has 107 bytes at most. What reads and divides the work needs CPUs as well: with as many as there are workers Ray
    would wait for ever.
    """
    ray.init(
        num_cpus=workers + 4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        _temp_dir=str(folder.resolve() / "ray"),
    )
    try:
        yield
    finally:
        ray.shutdown()
