"""Run what was exported in a process in which neither elman nor torch can be imported, with the code of the page."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

PAGE = Path(__file__).parents[1] / "docs" / "export.md"
BEGIN = 'import sys\nsys.modules["elman"] = sys.modules["torch"] = None\nimport json, numpy\n'
FEED = """
import onnxruntime
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
    said = run_code(FEED, folder, path, folder / "in.npz", folder / "out.npz")
    found = np.load(folder / "out.npz")
    return [torch.from_numpy(found[name]) for name in found.files], said


def run_code(code, folder, *arguments):
    """Run code in a folder; return what it prints."""
    command = [sys.executable, "-c", BEGIN + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def code_of_page(first):
    """Return the block of Python of the page that begins with a text."""
    found = re.search(rf"^```python\n({re.escape(first)}.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return found.group(1)


def function_of_page(name):
    """Return a function that is a block of the page."""
    names = {"numpy": np}
    exec(code_of_page(f"def {name}("), names)
    return names[name]
