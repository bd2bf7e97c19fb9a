"""Predict a table with Ray Data, by one worker and by two, and compare the answers with those of one process.

    pip install 'ray[data]'
    python examples/predict_with_ray.py FOLDER [ROWS]

The model, the table and the files of Ray are written into the folder, which must be new.
"""

import random
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from local_ray import local_ray, ray
from make_data import draw_distinct, draw_review

import elman
from elman.tasks import classify

OPTIONS = {"unit": "word", "embedding": 16, "hidden": 16, "epochs": 20, "learning_rate": 0.01, "folds": 1}


class Predict:
    """A worker: it reads the model once, and answers batches of rows as one process would."""

    def __init__(self, model: str) -> None:
        torch.set_num_threads(1)  # another core is for another worker
        self.model = elman.load(model)

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with their answers in new columns."""
        return self.model.predict(batch)


def predict(table: str, model: str, workers: int) -> "ray.data.Dataset":
    """Predict the rows of a table, which come in any order; blocks of them are divided among the workers."""
    return (
        ray.data.read_parquet(table)
        .repartition(target_num_rows_per_block=10_000)
        .map_batches(
            Predict,
            fn_constructor_args=[model],
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            batch_format="pandas",
            batch_size=None,
        )
    )


def main(folder: Path, rows: int) -> None:
    """Predict in this process and by workers of Ray, and print how many rows a second each answered."""
    folder.mkdir()
    torch.set_num_threads(1)
    table, model = str(folder / "new.parquet"), str(folder / "reviews.model")
    drawn = random.Random(1)  # noqa: S311 - nothing is secret here
    reviews = pd.DataFrame(draw_distinct(draw_review, drawn, 360), columns=["text", "label"])
    trained = classify.train(reviews, output=model, quiet=True, **OPTIONS)
    texts = [" ".join(draw_review(drawn)[0].split()[: drawn.randint(4, 10)]) for _ in range(rows)]
    pq.write_table(pa.table({"id": range(rows), "text": texts}), table)
    print(f"{rows:,} texts, a classifier of {trained.parameters:,} parameters, ray {ray.__version__}")
    begun = time.perf_counter()
    expected = trained.predict(pd.read_parquet(table))
    print(f"one process  {rows / (time.perf_counter() - begun):7,.0f} rows/s")
    for workers in (1, 2):
        with local_ray(folder, workers):
            ray.data.DataContext.get_current().enable_progress_bars = False
            begun = time.perf_counter()
            batches = iter(predict(table, model, workers).iter_batches(batch_size=None, batch_format="pandas"))
            answers = [next(batches)]
            first = time.perf_counter()
            answers += batches
            seconds = time.perf_counter() - begun
        found = pd.concat(answers).sort_values("id", ignore_index=True)
        equal = int((found == expected).all(axis=1).sum()) if list(found) == list(expected) else 0
        print(
            f"{workers} of Ray     {rows / seconds:7,.0f} rows/s, the first after {first - begun:.0f} s; "
            f"{equal:,} rows equal, bit for bit"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
