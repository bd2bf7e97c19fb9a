"""The models of a server, by name.

>>> split_name("poems=book.elman.safetensors"), split_name("data/my book.elman.safetensors")
(('poems', 'book.elman.safetensors'), ('my-book', 'data/my book.elman.safetensors'))
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.errors import ConfigError
from elman.tasks.registry import recipe_of
from elman.tasks.serving import Service, serve_model

_SUFFIX = ".elman.safetensors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WRONG = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class ServedModel:
    """A model that is served.

    Attributes:
        name: in addresses.
        task: of it.
        service: how it is asked.
        parameters: the number of its parameters.
    """

    name: str
    task: str
    service: Service
    parameters: int

    def describe(self) -> dict[str, Any]:
        """Return what a client needs to know, as plain data."""
        service = self.service
        routes = ["predict"]
        routes += [
            route for route, is_there in (("generate", service.generate), ("stream", service.follow)) if is_there
        ]
        return {
            "name": self.name,
            "task": self.task,
            "page": service.page,
            "parameters": self.parameters,
            "routes": routes,
            "rows": list(service.rows),
            "files": list(service.files),
            "facts": dict(service.facts),
        }


def open_models(given: Sequence[str]) -> dict[str, ServedModel]:
    """Read the files of models, `FILE` or `NAME=FILE`.

    Raises:
        ConfigError: two have one name, a name cannot stand in an address, or a model is not served.
        DataError: a file is no model.
    """
    found: dict[str, ServedModel] = {}
    for one in given:
        name, path = split_name(one)
        if name in found:
            raise ConfigError(f"Two models are called {name}. Name one of them: NAME={path}")
        recipe = recipe_of(path)
        trained = recipe.load(path)
        found[name] = ServedModel(name, recipe.name, serve_model(recipe, trained), trained.parameters)
    return found


def split_name(given: str) -> tuple[str, str]:
    """Return the name and the path of a model.

    Raises:
        ConfigError: the name cannot stand in an address.
    """
    name, mark, path = given.partition("=")
    if not mark or Path(given).exists():
        file = Path(given).name
        stem = file.removesuffix(_SUFFIX) if file.endswith(_SUFFIX) else Path(given).stem
        return _WRONG.sub("-", stem).strip("-.") or "model", given
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a model: it has letters, digits and ._- only. Choose another.")
    return name, path
