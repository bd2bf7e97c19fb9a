"""Train a character model on tinyshakespeare and print what it reaches: first 90 % to train on, last 10 % to measure.

    python bench/scores/tinyshakespeare.py PATH_TO/input.txt [--time-budget 15m] [--cell lstm] [--hidden 256] …

Further options are those of `elman train generate`, with the same names. The validation text chooses the weights that
are kept, as is usual on this set; there is no third part. The loss is measured once more at the end, with one stream,
and the state carried over the whole of the validation text.
"""

import argparse
import dataclasses
import os
import platform
import tempfile
from pathlib import Path
from typing import get_args

import elman
from elman.data.text import read_text
from elman.tasks import generate
from elman.tasks.generate.settings import Settings


def main() -> None:
    """Train, measure, print."""
    import torch  # after elman.tasks, which sets how its threads wait

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="input.txt of tinyshakespeare")
    parser.add_argument("--cell", default="lstm")
    for row in dataclasses.fields(Settings):
        kinds = get_args(row.type) or (row.type,)
        parser.add_argument(f"--{row.name.replace('_', '-')}", type=next(k for k in kinds if k is not type(None)))
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    text_file, cell = given.pop("text"), given.pop("cell")
    options = {"validation": 0.1, "sample_every": 0, **given}

    text = read_text(text_file)
    with tempfile.TemporaryDirectory() as folder:
        model = generate.train(text_file, cell=cell, output=Path(folder) / "model", **options)
    held_out = text[-model.metrics["validation_characters"] :]
    found = model.evaluate(held_out)
    versions = f"elman {elman.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    print(f"machine     {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; {versions}")
    print(f"options     cell={cell}, {', '.join(f'{name}={value}' for name, value in options.items())}")
    print(f"parameters  {model.parameters:,}")
    print(f"training    {model.metrics['updates']} updates in {model.seconds:.0f} s, ended by {model.stopped}")
    print(f"validation  {found.loss:.4f} nats per character ({found.bits_per_character:.4f} bits)")


if __name__ == "__main__":
    main()
