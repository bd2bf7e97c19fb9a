"""Train a model of surnames of many languages, each language a class, and print names of its own making.

    python bench/scores/names.py FOLDER [--languages Italian Russian Japanese] [--count 10]

FOLDER holds a .txt file for each language, a name a line (SOURCE.txt, which tells where they are from, is left out).
Every name that is printed is drawn once, with seed 1; how many of them stand in the data is said behind them.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from elman.tasks import generate

OPTIONS = {"hidden": 128, "window": 48, "batch": 32, "epochs": 40, "dropout": 0.2, "sample_every": 0}


def main() -> None:
    """Train, measure, let the model write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", nargs="+", default=["Italian", "Russian", "Japanese"])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for file in options.folder.glob("*.txt"):
            if file.name != "SOURCE.txt":
                shutil.copy(file, folder)
        model = generate.train(folder, given="language", seed=options.seed, **OPTIONS)
    print(f"options     {', '.join(f'{name}={value}' for name, value in OPTIONS.items())}, seed={options.seed}")
    print(f"training    {model.parameters:,} parameters, {model.metrics['updates']} updates in {model.seconds:.0f} s")
    print(f"validation  {model.metrics['bits_per_character']:.3f} bits per character")
    for language in options.languages:
        known = set((options.folder / f"{language}.txt").read_text(encoding="utf-8").split("\n"))
        written = "".join(
            model.generate(lines=options.count, given=f"language={language}", seed=options.seed)
        ).splitlines()
        print(f"{language:<11} {', '.join(written)}  ({sum(name in known for name in written)} in the data)")


if __name__ == "__main__":
    main()
