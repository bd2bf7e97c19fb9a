"""What the page of clusters shows for SLURM, Kubernetes and Ray fits together. No cluster runs it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from elman.cli import main
from pages.blocks import PAGES, ROOT, blocks

PAGE = ROOT / "docs" / "cluster.md"


def manifests(page):
    """Return the documents of all blocks of YAML of a page."""
    return [
        document
        for block in blocks(page.read_text("utf-8"))
        if block.language == "yaml"
        for document in yaml.safe_load_all(block.text)
    ]


def test_every_block_of_yaml_is_a_manifest():
    found = [one for page in PAGES for one in manifests(page)]
    assert found
    for one in found:
        assert {"apiVersion", "kind", "metadata", "spec"} <= one.keys()


def require_only_data_are_missing(words, monkeypatch, capsys):
    """Run a command of ours, and find that it is refused for its data alone, which are not here."""
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "reviews.csv" in capsys.readouterr().err


def test_the_processes_of_the_job_find_each_other_and_train_what_elman_can(tmp_path, monkeypatch, capsys):
    service, job = manifests(PAGE)
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    assert service["spec"]["clusterIP"] == "None", "names of single pods are given by a headless service alone"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert pod["subdomain"] == service["metadata"]["name"]
    (container,) = pod["containers"]
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    command = container["command"]
    assert all(isinstance(word, str) for word in command), "Kubernetes refuses numbers"
    assert command[0] == "torchrun"
    given = dict(pairwise(command))
    assert int(given["--nnodes"]) == spec["completions"] == spec["parallelism"]
    host = given["--rdzv-endpoint"].partition(":")[0]
    assert host == f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    place = container["volumeMounts"][0]["mountPath"]
    assert command[command.index("elman") - 1] == "--", "torchrun would take --log for its own"
    own = [word.replace(place, str(tmp_path)) for word in command[command.index("elman") :]]
    require_only_data_are_missing(own, monkeypatch, capsys)


def test_the_batch_script_starts_on_each_machine_what_elman_can(tmp_path, monkeypatch, capsys):
    (script,) = [block.text for block in blocks(PAGE.read_text("utf-8")) if block.language == "bash"]
    stand_ins = {
        "scontrol": 'echo "$*" >scontrol.words; printf "%s\\n" node07 node08 node11 node12',
        "srun": 'echo "$1" >srun.words; shift; exec "$@"',
        "torchrun": 'printf "%s\\n" "$@" >torchrun.words',
    }
    for name, body in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "job.sh").write_text(script)
    (tmp_path / "job.sh").chmod(0o755)
    given = {"SLURM_NNODES": "4", "SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "node[07-08,11-12]"}
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    subprocess.run([tmp_path / "job.sh"], cwd=tmp_path, env={**os.environ, **given, "PATH": path}, check=True)
    (directives,) = [line for line in script.splitlines() if line.startswith("#SBATCH")]
    asked = dict(word.lstrip("-").split("=") for word in directives.split()[1:])
    assert (tmp_path / "scontrol.words").read_text() == "show hostnames node[07-08,11-12]\n"
    # srun does not take over how many cores a task has.
    assert (tmp_path / "srun.words").read_text() == f"--cpus-per-task={asked['cpus-per-task']}\n"
    words = (tmp_path / "torchrun.words").read_text().splitlines()
    options = dict(pairwise(words))
    assert options["--nnodes"] == asked["nodes"]
    assert options["--nproc-per-node"] == asked["cpus-per-task"]
    assert asked["ntasks-per-node"] == "1"
    assert (options["--rdzv-id"], options["--rdzv-endpoint"]) == ("77", "node07:29500")
    monkeypatch.chdir(tmp_path)
    require_only_data_are_missing(words[words.index("--") + 1 :], monkeypatch, capsys)


@pytest.mark.parametrize("name", ["predict_with_ray.py", "train_with_ray.py"])
def test_the_code_for_ray_is_that_of_the_script(name):
    script = (ROOT / "examples" / name).read_text("utf-8")
    shown = [block.text for block in blocks(PAGE.read_text("utf-8")) if block.language == "python"]
    assert sum(text in script for text in shown) == 1


@pytest.fixture
def short_folder():
    """Return a folder with a short path, for Ray's sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def run_script(name, *arguments):
    """Run a script of the examples; return what it printed."""
    pytest.importorskip("ray", reason="there is no Ray here: pip install 'ray[data]'")
    command = [sys.executable, ROOT / "examples" / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_workers_of_ray_answer_as_one_process_does(short_folder):
    printed = run_script("predict_with_ray.py", short_folder / "a", "20011")
    assert printed.count("20,011 rows equal, bit for bit") == 2, printed


@pytest.mark.slow
def test_workers_of_ray_train_to_the_weights_of_torchrun(short_folder):
    printed = run_script("train_with_ray.py", short_folder / "a")
    assert "torchrun: equal, bit for bit" in printed
    assert re.search(r"one process: at most \de-1[3-6] apart", printed), printed


@pytest.mark.slow
@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("ip"), reason="making network namespaces needs root and iproute2"
)
def test_two_network_namespaces_train_as_one_process(tmp_path):
    done = subprocess.run(
        ["bash", ROOT / "examples" / "two_namespaces.sh", tmp_path / "a"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "models: first/reviews.model one/reviews.model\n" in done.stdout
    assert re.search(r"one process: at most \de-1[3-6] apart", done.stdout), done.stdout
    assert len(re.findall(r"its card sent 1\d MB", done.stdout)) == 2, "80 updates of 23,937 parameters, of 8 bytes"
