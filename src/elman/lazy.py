"""Load a part of a package when it is first used (PEP 562), so that `elman --help` never waits for torch.

>>> offer("json", {"JSONDecoder": "decoder"})("JSONDecoder").__name__
'JSONDecoder'
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def offer(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package.

    Args:
        package: its dotted name.
        names: what it offers, each name with the file of the package that holds it; with an empty one it is a file
            itself.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if not names[name]:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(f"{package}.{names[name]}"), name)

    return get
