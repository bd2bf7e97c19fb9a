"""Run the scripts of a page in Node, where it is installed.

>>> class_ = "class Model { compute(given) { return [given.x * 2]; } }"
>>> find_node() is None or run_in_node(f"{class_} async function openModel() {{ return new Model(); }}", {}, [{"x": 3}])
[[6]]
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from elman.errors import ElmanError

_COMPUTE = """
let given = "";
process.stdin.on("data", (part) => { given += part; }).on("end", async () => {
  const { page, cases } = JSON.parse(given);
  const model = await openModel(page);
  process.stdout.write(JSON.stringify(cases.map((one) => Array.from(model.compute(one)))));
});
"""


def find_node() -> str | None:
    """Return the path of Node; None where it is not installed."""
    return shutil.which("node")


def run_in_node(script: str, page: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Compute cases by the `Model` of a page.

    Args:
        script: the scripts of the page, but for what shows.
        page: what is embedded in the page.
        cases: each goes to `Model.compute`.

    Returns:
        The numbers of each case.

    Raises:
        ElmanError: the scripts fail.
    """
    given = json.dumps({"page": page, "cases": list(cases)})
    command = [find_node() or "node", "--eval", script + _COMPUTE]
    done = subprocess.run(command, input=given, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "Error" in line), done.stderr[:200])
        raise ElmanError(f"export: the page fails in Node ({reason.strip()}). Nothing was written. Report it.")
    found: list[list[float]] = json.loads(done.stdout)
    return [[float("nan") if number is None else number for number in numbers] for numbers in found]
