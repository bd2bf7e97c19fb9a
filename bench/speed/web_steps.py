"""Time functions of WebAssembly in Node and in headless Chromium, called from JavaScript.

The fastest of many short rounds counts, so that other work of the machine is not measured with them; both clocks are
`performance.now`. In the browser that is coarse, so a round takes some milliseconds.
"""

import base64
import functools
import shutil
import subprocess
from pathlib import Path

ROUNDS, AT_LEAST = 60, 8  # milliseconds
_FASTEST = """
async (content, call, rounds, least) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const { instance: { exports } } = await WebAssembly.instantiate(bytes);
  const run = new Function("exports", "steps", `for (let k = 0; k < steps; k++) ${call};`);
  const time = (steps) => { const from = performance.now(); run(exports, steps); return performance.now() - from; };
  let steps = 100;
  while (time(steps) < least) steps *= 2;
  let best = Infinity;
  for (let k = 0; k < rounds; k++) best = Math.min(best, time(steps) / steps);
  return 1000 * best;
}
"""
_IN_NODE = f"""
const content = require("fs").readFileSync(process.argv[1]).toString("base64");
({_FASTEST.strip()})(content, process.argv[2], {ROUNDS}, {AT_LEAST}).then((found) => console.log(found));
"""


def in_node(path: Path, call: str) -> float | None:
    """Return the microseconds of a call such as `exports.step()` in Node; None where it is not installed."""
    node = shutil.which("node")
    if node is None:
        return None
    done = subprocess.run([node, "--eval", _IN_NODE, str(path), call], capture_output=True, text=True, check=True)
    return float(done.stdout)


def in_chromium(path: Path, call: str) -> float | None:
    """Return the same in headless Chromium; None where it or playwright is not installed."""
    program = find_chromium()
    if program is None:
        return None
    from playwright.sync_api import sync_playwright

    content = base64.b64encode(path.read_bytes()).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        given = [content, call, ROUNDS, AT_LEAST]
        found = browser.new_page().evaluate(f"(given) => ({_FASTEST.strip()})(...given)", given)
        browser.close()
    return float(found)


@functools.cache
def find_chromium() -> str | None:
    """Return the path of Chromium, where playwright can drive it."""
    from importlib.util import find_spec

    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None) if find_spec("playwright") else None
