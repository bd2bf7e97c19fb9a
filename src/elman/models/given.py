"""Find the class that a model is to write as.

>>> find_class("person=Bach", ["Bach", "Satie"], "person")
0
>>> find_class(None, ["Bach", "Satie"], "person")
Traceback (most recent call last):
elman.errors.ConfigError: This model writes as one of its classes: Bach, Satie. Give one, e.g. person=Bach.
"""

from collections.abc import Sequence

from elman.errors import ConfigError


def find_class(given: str | None, classes: Sequence[str], what: str) -> int | None:
    """Return the number of a class by its name, written as `NAME` or as `WHAT=NAME`; None where there are no classes.

    Args:
        given: the name.
        classes: the names of the classes; empty for a model without classes.
        what: what the classes are, such as `player`.

    Raises:
        ConfigError: a class is named and there are none, none is named and there are some, or there is none of this
            name.
    """
    if not classes:
        if given is not None:
            raise ConfigError(f"given is {given!r}, and this model has no classes. Drop it.")
        return None
    for name in filter(None, (given, (given or "").removeprefix(f"{what}="))):
        if name in classes:
            return list(classes).index(name)
    raise ConfigError(describe_classes(classes, f"Give one, e.g. {what}={classes[0]}."))


def describe_classes(classes: Sequence[str], remedy: str) -> str:
    """Say which classes a model has, and what to do."""
    return f"This model writes as one of its classes: {', '.join(classes)}. {remedy}"
