"""Faults by which processes that train together differ from one process, or from each other."""

from faults.fault import Fault

ROWS, TOGETHER = "tests/nn/test_rows.py", "tests/training/test_together.py"

TOGETHER_FAULTS = (
    Fault(
        "each process draws masks for its own rows alone",
        "nn/rows.py",
        "    return share.take(draw(whole), axis)",
        "    return draw(shape)",
        ROWS,
        "each_part",
    ),
    Fault(
        "the losses of processes count alike, however many units each has",
        "nn/rows.py",
        "        return loss * (count / total)",
        "        return loss / 3",
        ROWS,
        "parts_of_a_mean",
    ),
    Fault(
        "a row that is computed in vain counts",
        "nn/rows.py",
        "    if count and total and share.counts:",
        "    if count and total:",
        ROWS,
        "in_vain",
    ),
    Fault(
        "gradients are averaged over processes, and are already parts",
        "training/ranks.py",
        "one.grad = total.view_as(one).clone()",
        "one.grad = total.view_as(one) / self.count",
        TOGETHER,
        "two_processes_train_as_one",
    ),
    Fault(
        "moments of a batch normalisation are those of the own rows",
        "tasks/transcribe/module.py",
        "        mean = add(wide.sum(0)) / count",
        "        mean = wide.mean(0)",
        TOGETHER,
        "two_processes_train_as_one",
    ),
    Fault(
        "each process reads the columns beside a text of the first rows",
        "tasks/classify/recipe.py",
        "[take(few.covariates)]",
        "[few.covariates[: len(given[1])]]",
        TOGETHER,
        "two_processes_train_as_one",
    ),
)
