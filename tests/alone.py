"""Run what was exported in a process in which neither elman nor torch can be imported."""

import subprocess
import sys

import numpy as np
import torch

ALONE = """
import sys
sys.modules["elman"] = sys.modules["torch"] = None
import json, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options)
card = json.loads(session.get_modelmeta().custom_metadata_map["elman"])
feeds = numpy.load(sys.argv[2])
found = session.run(None, dict(feeds))
numpy.savez(sys.argv[3], *found)
print(card["task"])
"""


def run_alone(path, feeds, folder):
    """Give feeds to a file; return its outputs, and the task that its card names."""
    np.savez(folder / "in.npz", **feeds)
    command = [sys.executable, "-c", ALONE, path, folder / "in.npz", folder / "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.load(folder / "out.npz")
    return [torch.from_numpy(found[name]) for name in found.files], done.stdout.strip()
