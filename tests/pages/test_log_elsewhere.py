"""`examples/log_elsewhere.py` sends what `--log` writes to MLflow and TensorBoard, whose own readers find it there."""

import importlib.util
import json

import numpy as np
import pytest

from elman.tasks import generate
from pages.blocks import ROOT
from small_trainings import BOOK

PARTS = ("trial", "fold")
TRAINING = {"hidden": 5, "batch": 4, "epochs": 3, "quiet": True, "window": 11, "compare": False}


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("log_elsewhere", ROOT / "examples" / "log_elsewhere.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    return script


@pytest.fixture
def trained(tmp_path):
    """Return a function that searches with a callback, and returns the numbers of the log by name and update."""

    def search(callback):
        (tmp_path / "a.txt").write_text(BOOK)
        log = tmp_path / "run.jsonl"
        generate.train(tmp_path / "a.txt", search=2, log=log, callbacks=[callback], **TRAINING)
        lines = [one for one in map(json.loads, log.read_text().splitlines()) if one["event"] == "validation"]
        assert {one["trial"] for one in lines} == {1, 2}
        assert len({one["update"] for one in lines}) > 1
        return {
            (f"trial_{one['trial']}/{name}", one["update"]): number
            for one in lines
            for name, number in one.items()
            if name not in ("event", "update", *PARTS) and number is not None
        }

    return search


def test_numbers_of_a_fold_have_its_number_and_what_is_null_is_left_out(script):
    event = {"event": "validation", "fold": 2, "update": 7, "validation_loss": 0.5, "score": None, "best": True}
    assert script.numbers(event) == {"fold_2/validation_loss": 0.5, "fold_2/best": 1.0}


def test_a_file_store_of_mlflow_has_every_number_of_the_log(script, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow", reason="it comes with elman[dev]")
    try:
        logged = trained(script.to_mlflow)
    finally:
        mlflow.end_run()
    client = mlflow.MlflowClient()
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    sent = [one for name in run.data.metrics for one in client.get_metric_history(run.info.run_id, name)]
    assert len(sent) == len(logged)
    assert {(one.key, one.step): one.value for one in sent} == logged


def test_the_files_of_tensorboard_have_every_number_of_the_log_at_once_in_32_bits(script, trained, tmp_path):
    pytest.importorskip("tensorboard", reason="it comes with elman[dev]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write = script.to_tensorboard(tmp_path / "runs")

    def read():
        found = EventAccumulator(str(tmp_path / "runs" / "version_0")).Reload()
        return [(name, one) for name in found.Tags()["scalars"] for one in found.Scalars(name)]

    def write_and_read(event):
        write(event)
        assert (f"trial_{event['trial']}/epoch", event["update"]) in [(name, one.step) for name, one in read()]

    logged, sent = trained(write_and_read), read()
    assert len(sent) == len(logged)
    assert {(name, one.step): one.value for name, one in sent} == {key: np.float32(one) for key, one in logged.items()}
