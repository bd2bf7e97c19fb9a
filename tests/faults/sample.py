"""Choose the planted faults that the quick suite runs: others at every commit, the same ones at the same commit.

>>> chosen = choose(["one", "two", "three"], "a commit", 2)
>>> len(chosen), chosen == choose(["three", "two", "one"], "a commit", 2)
(2, True)
"""

import hashlib
import subprocess
from collections.abc import Iterable
from functools import cache

from faults.catalogue import FAULTS
from faults.planting import ROOT

SAMPLED = 8
"""Faults in a run of the quick suite; `make test-all` runs all."""


def choose(names: Iterable[str], commit: str, count: int) -> set[str]:
    """Choose so many names, by the commit's hash and their own."""
    return set(sorted(names, key=lambda name: hashlib.sha256(f"{commit} {name}".encode()).digest())[:count])


@cache
def sampled() -> frozenset[str]:
    """Name the faults that were chosen for the present commit."""
    return frozenset(choose((fault.name for fault in FAULTS), _commit(), SAMPLED))


def describe_sample() -> str:
    """Say which faults the quick suite runs."""
    return f"planted faults: {SAMPLED} of {len(FAULTS)}, chosen by {_commit()[:12]}: {'; '.join(sorted(sampled()))}"


@cache
def _commit() -> str:
    """Give the present commit's hash; without a repository the sample is always the same."""
    if not (ROOT / ".git").exists():
        return "no commit"
    try:
        found = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return found.stdout.strip()
