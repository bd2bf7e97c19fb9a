"""Tables of options: a row holds the name, the default, the range and the sentence that explains an option.

The Python interface takes these names as keywords and the command line turns each row into an option, so that both
always agree. This file needs the standard library alone, because `elman train generate --help` reads it.

>>> @dataclass(frozen=True, kw_only=True)
... class Layers(OptionTable):
...     layers: int = option(1, "number of recurrent layers", group="Model", least=1)
>>> Layers(layers=0)
Traceback (most recent call last):
elman.errors.ConfigError: layers is 0; it must be at least 1.
"""

import dataclasses
import difflib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args, get_origin

from elman.errors import ConfigError
from elman.paths import check_path

_FILES = ("FILE", "FOLDER", "PICTURE")
"""Metavars of the options whose value is a path."""
_KINDS = {float: "a number", bool: "True or False"}


def option(
    default: Any,
    text: str,
    *,
    group: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    metavar: str = "",
    foreign: str = "",
    short: str = "",
    writes: bool = False,
) -> Any:
    """Make one row of a table of settings: its default, the sentence that explains it, its range.

    `foreign` is the message for an option that has no meaning for a model, see :mod:`elman.cli.dispatch`; `short` is
    its short form on the command line, such as `-o`; `writes` says that the value is a file that is written, and not
    read.
    """
    ranges = {"least": least, "most": most, "above": above, "below": below, "choices": choices, "metavar": metavar}
    own = {"text": text, "group": group, "foreign": foreign, "short": short, "writes": writes}
    return field(default=default, metadata={**own, **ranges})


def seed_option() -> Any:
    """Make the row of the seed, which every table that draws something has."""
    return option(
        1, "seed of all random numbers: the same seed gives the same model", group="Training", least=0, below=2**32
    )


@dataclass(frozen=True, kw_only=True)
class OptionTable:
    """A table of options, whose values are checked against the type and the range of their rows.

    Raises:
        ConfigError: a value of the wrong type or outside its range.
    """

    def __post_init__(self) -> None:
        for row in dataclasses.fields(self):
            _check(row, getattr(self, row.name))

    def refuse_both(self, one: str, other: str, why: str) -> None:
        """Refuse two options that are given together.

        Raises:
            ConfigError: neither is None.
        """
        if getattr(self, one) is not None and getattr(self, other) is not None:
            raise ConfigError(f"{one} and {other} are both given; {why}. Drop the other.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Build settings from options by name; an unknown name is a `ConfigError` that suggests the nearest.

        A path may be a `PathLike`.
        """
        names = [row.name for row in dataclasses.fields(cls)]
        for name in options:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                guess = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
                raise ConfigError(f"There is no option {name!r}. {guess}")
        return cls(**{name: os.fspath(one) if isinstance(one, os.PathLike) else one for name, one in options.items()})


def words_of(row: "dataclasses.Field[Any]") -> list[str]:
    """Return the words that an option takes beside numbers, the `Literal` of its type."""
    return [word for kind in get_args(row.type) if get_origin(kind) is Literal for word in get_args(kind)]


def _check(row: "dataclasses.Field[Any]", value: Any) -> None:
    kinds = get_args(row.type) or (row.type,)
    if (value is None and type(None) in kinds) or (isinstance(value, str) and value in words_of(row)):
        return
    wanted = next(kind for kind in kinds if kind is not type(None))
    fits = (int, float) if wanted is float else wanted
    if isinstance(value, bool) != (wanted is bool) or not isinstance(value, fits):
        kind = " or ".join([_KINDS.get(wanted, f"of type {wanted.__name__}"), *words_of(row)])
        raise ConfigError(f"{row.name} is {value!r}; it must be {kind}.")
    rules = row.metadata
    if rules["choices"] and value not in rules["choices"]:
        raise ConfigError(f"{row.name} is {value!r}; it must be one of {', '.join(rules['choices'])}.")
    if rules["metavar"] in _FILES:
        check_path(value, f"{row.name}")
    if isinstance(value, (int, float)) and not _within(value, rules):
        raise ConfigError(f"{row.name} is {value!r}; it must be {_describe(rules)}.")


def _within(value: float, rules: Mapping[str, Any]) -> bool:
    return (
        (isinstance(value, int) or math.isfinite(value))
        and (rules["least"] is None or value >= rules["least"])
        and (rules["most"] is None or value <= rules["most"])
        and (rules["above"] is None or value > rules["above"])
        and (rules["below"] is None or value < rules["below"])
    )


def _describe(rules: Mapping[str, Any]) -> str:
    words = {"least": "at least", "most": "at most", "above": "above", "below": "below"}
    limits = [f"{word} {rules[key]}" for key, word in words.items() if rules[key] is not None]
    return " and ".join(limits) or "a finite number"
