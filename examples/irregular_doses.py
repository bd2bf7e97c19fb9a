"""Make irregular series whose answer depends on the time between their steps, to compare cells on.

A patient gets doses of a medicine at irregular times, and half of what is in the blood is gone after an hour. Is more
than 3 left at the last row? The doses alone do not say: an eighth is left of one that was three hours ago. In
`doses.csv` the column `t` has the time in hours, and a cell without side inputs reads the doses alone. In
`doses_gap.csv` the time since the row before is a number like any other.

    python examples/irregular_doses.py
    elman compare classify cfc lstm doses.csv --side dt=gaps --hidden 32 --epochs 20 --folds 1
    elman compare classify cfc lstm doses_gap.csv --side dt=gap --hidden 32 --epochs 20 --folds 1

docs/compare.md shows what comes out: without the times an LSTM fails, with them as a column it does not.
"""

from pathlib import Path

import numpy as np

PATIENTS = 2000
MOST_LEFT = 3.0


def main() -> None:
    """Write both tables into the current folder."""
    drawn = np.random.default_rng(1)
    with_times, with_gaps = ["id,t,dose,label"], ["id,gap,dose,label"]
    for patient in range(PATIENTS):
        rows = int(drawn.integers(6, 15))
        # From a minute to three hours, as often short as long.
        gaps = np.exp(drawn.uniform(np.log(0.02), np.log(3.0), rows))
        gaps[0] = 0.0
        times = drawn.uniform(0, 24) + np.cumsum(gaps)
        doses = drawn.choice([0.0, 0.5, 1.0, 2.0], rows)
        left = float(doses @ 0.5 ** (times[-1] - times))
        label = "more" if left > MOST_LEFT else "less"
        for t, gap, dose in zip(times, gaps, doses, strict=True):
            with_times.append(f"{patient},{t:.4f},{dose},{label}")
            with_gaps.append(f"{patient},{gap:.4f},{dose},{label}")
    Path("doses.csv").write_text("\n".join(with_times) + "\n")
    Path("doses_gap.csv").write_text("\n".join(with_gaps) + "\n")


if __name__ == "__main__":
    main()
