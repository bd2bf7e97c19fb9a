"""Send the validations of a training to MLflow or TensorBoard: `python examples/log_elsewhere.py mlflow`.

`pip install mlflow` writes to where `MLFLOW_TRACKING_URI` says, e.g. `sqlite:///mlflow.db`; `pip install tensorboard`
writes to the folder `runs`. A callback gets a plain dict at each validation, the one that `--log` writes as JSON.
"""

import sys


def to_mlflow(event):
    """Log the numbers of a validation in the active run of MLflow."""
    import mlflow

    mlflow.log_metrics(numbers(event), step=event["update"])


def to_tensorboard(folder):
    """Return a callback that writes the files of TensorBoard to a folder."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder)

    def write(event):
        for name, value in numbers(event).items():
            writer.add_scalar(name, value, event["update"])
        writer.flush()

    return write


def numbers(event):
    """Return the numbers of a validation by name; those of a fold or a trial have its number before them."""
    part = "".join(f"{kind}_{event[kind]}/" for kind in ("trial", "fold") if kind in event)
    left_out = ("event", "trial", "fold", "update")
    return {part + name: float(one) for name, one in event.items() if name not in left_out and one is not None}


if __name__ == "__main__":
    from elman.tasks import generate

    callback = to_mlflow if sys.argv[1:] == ["mlflow"] else to_tensorboard("runs")
    generate.train("examples/sentences.txt", hidden=16, epochs=5, callbacks=[callback])
