"""The manifest of Kubernetes on the page of clusters is YAML, and its parts fit each other. No cluster runs it."""

import sys
from itertools import pairwise

import pytest
import yaml

from elman.cli import main
from pages.blocks import PAGES, ROOT, blocks


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


def test_the_processes_of_the_job_find_each_other_and_train_what_elman_can(tmp_path, monkeypatch, capsys):
    service, job = manifests(ROOT / "docs" / "cluster.md")
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
    own = command[command.index("elman") :]
    monkeypatch.setattr(sys, "argv", [word.replace(place, str(tmp_path)) for word in own])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "reviews.csv" in capsys.readouterr().err, "it is refused for its data alone, which are not here"
