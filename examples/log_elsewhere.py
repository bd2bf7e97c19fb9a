"""Send the validations of a training to MLflow or TensorBoard.

    pip install mlflow       python examples/log_elsewhere.py mlflow         mlflow ui
    pip install tensorboard  python examples/log_elsewhere.py tensorboard    tensorboard --logdir runs

MLflow writes to where `MLFLOW_TRACKING_URI` says: a server, a database such as `sqlite:///mlflow.db` (the default), or
a folder, which it refuses unless `MLFLOW_ALLOW_FILE_STORE` is `true`. The files of TensorBoard, whose numbers are
rounded to 32 bits, are in a folder for each training, `runs/version_0` and so on.

A callback gets a plain dict at each validation, the one that `--log` writes as JSON.
"""

import sys


def to_mlflow(event):
    """Log the numbers of a validation in the active run of MLflow."""
    import mlflow

    mlflow.log_metrics(numbers(event), step=event["update"])


def to_tensorboard(folder):
    """Return a callback that writes the files of TensorBoard, through the logger of Lightning Fabric."""
    from lightning_fabric.loggers import TensorBoardLogger

    logger = TensorBoardLogger(folder, name=None)

    def write(event):
        logger.log_metrics(numbers(event), step=event["update"])
        logger.save()

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
