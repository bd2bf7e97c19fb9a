"""The programs that tests run: where one is missing, its tests are skipped, or fail if the run demands it.

    @needs("gcc")
    def test_…

`pytest --require-tools` demands all of them, `--require-browser` the browser; `.ci/run` installs them.
"""

import importlib.util
import shutil

import pytest

NAMES = {
    "gcc": ("gcc",),
    "clang": ("clang",),
    "arm-none-eabi-gcc": ("arm-none-eabi-gcc",),
    "qemu-arm": ("qemu-arm", "qemu-arm-static"),
    "node": ("node",),
    "npm": ("npm",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
}
"""The programs, and the names that each has on one system or another."""
OF_BROWSERS = ("chromium", "playwright")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that runs programs."""
    return pytest.mark.needs(*programs)


def find(program: str) -> str | None:
    """Return where a program is, or that of a package of Python; None if it is not installed."""
    if program in NAMES:
        return next(filter(None, map(shutil.which, NAMES[program])), None)
    found = importlib.util.find_spec(program)
    return found and found.origin


def demand(config: pytest.Config, *programs: str) -> None:
    """Skip the present test where a program is missing, or fail it where the run demands that program."""
    for program in programs:
        if find(program):
            continue
        in_browser = program in OF_BROWSERS and config.getoption("--require-browser")
        is_demanded = config.getoption("--require-tools") or in_browser
        (pytest.fail if is_demanded else pytest.skip)(f"there is no {program} here")
