"""The former place of :mod:`elman.data.formats.sound`; its names warn for one version.

>>> import warnings
>>> with warnings.catch_warnings(action="ignore"):
...     from elman.data.sound import read_sound
"""

from typing import Any

from elman.data.formats import sound
from elman.renamed import warn_of_renamed

_NAMES = ("MOST_SAMPLES", "SUFFIXES", "Sound", "read_sound", "resample")


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_of_renamed(f"elman.data.sound.{name}", f"elman.data.formats.sound.{name}")
    return getattr(sound, name)
