"""Faults by which a training that goes on ends otherwise than without a break."""

from faults.fault import Fault

GOING_ON, CHECKPOINT = "tests/training/test_going_on.py", "tests/training/test_checkpoint.py"

RESUMING_FAULTS = (
    Fault(
        "a training goes on with the batches of a new epoch",
        "training/resuming.py",
        'self._feed.load_state_dict(state["feed"])',
        "pass",
        GOING_ON,
        "same_file and tag",
    ),
    Fault(
        "a fold that has ended is gone on from without its snapshots",
        "training/outcome.py",
        'for update, weights in state["snapshots"].items()}',
        'for update, weights in state["snapshots"].items() if not update}',
        GOING_ON,
        "folds_go_on",
    ),
    Fault(
        "a training goes on with a new optimiser",
        "training/resuming.py",
        'self._optimizer.load_state_dict(state["optimizer"])',
        "pass",
        GOING_ON,
        "same_file and tag",
    ),
    Fault(
        "a search that goes on forgets the validations of its trials",
        "training/resuming.py",
        "if self._resumer.searches and validated is not None:",
        "if validated is None:",
        GOING_ON,
        "search",
    ),
    Fault(
        "a training goes on with other data and options",
        "training/resuming.py",
        "        if changed:\n",
        "        if not theirs:\n",
        GOING_ON,
        "difference_is_named",
    ),
    Fault(
        "a training that goes on does not know its own model",
        "training/keeping.py",
        'state["name"] or (None if self._replaces else self.target.name)',
        'state["name"]',
        GOING_ON,
        "newer_than_its_checkpoint",
    ),
    Fault(
        "two trainings have one output",
        "training/beside.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        GOING_ON,
        "second_training",
    ),
    Fault(
        "the sum of a checkpoint is not compared",
        "training/checkpoint.py",
        "if header.entry.get(SUM) != sum_of(header, data_of(raw)):",
        "if SUM not in header.entry:",
        CHECKPOINT,
        "every_change",
    ),
    Fault(
        "a log that goes on keeps validations that are computed again",
        "training/run_log.py",
        'event.get("update") not in known',
        'event.get("update") in known',
        "tests/training/test_run_log.py",
        "goes_on",
    ),
    Fault(
        "a checkpoint may name any file beside the model",
        "training/keeping.py",
        "if name is not None and not re.fullmatch(own, name):",
        "if False:",
        GOING_ON,
        "forged",
    ),
    Fault(
        "the state of a checkpoint is not compared with that of the training",
        "training/resuming.py",
        "if unlike is not None:",
        "if False:",
        GOING_ON,
        "forged",
    ),
)
