"""Plain data become what a class declares, or one sentence says which field is not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from elman.data.plain import read_options, read_plain
from elman.errors import DataError


@dataclass(frozen=True)
class Inner:
    """A part."""

    size: int


@dataclass(frozen=True)
class Outer:
    """A field of each kind."""

    name: str
    count: int
    share: float
    on: bool
    names: tuple[str, ...]
    pair: tuple[float, int]
    inner: Inner
    levels: Mapping[str, tuple[str, ...]]
    most: int | None = None
    more: Sequence[str] = field(default_factory=tuple)
    kind: ClassVar[str] = "outer"


GOOD = {
    "name": "a", "count": 3, "share": 1, "on": True, "names": ["x"], "pair": [0.5, 2], "inner": {"size": 5},
    "levels": {"k": ["u", "v"]}, "most": 7,
}  # fmt: skip


def test_lists_become_tuples_and_the_rest_stays():
    found = read_plain(Outer, GOOD, "thing")
    assert found == Outer("a", 3, 1.0, True, ("x",), (0.5, 2), Inner(5), {"k": ("u", "v")}, 7, ())
    assert type(found.share) is float


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 3), ("name", None), ("count", "3"), ("count", 3.0), ("count", True), ("count", 2**63), ("count", None),
        ("share", "1"), ("share", True), ("share", math.nan), ("share", math.inf), ("on", 1), ("on", "yes"),
        ("names", "x"), ("names", [1]), ("names", {"x": 1}), ("names", None), ("pair", [0.5]), ("pair", [0.5, 2, 3]),
        ("pair", [0.5, 2.5]), ("inner", 5), ("inner", [5]), ("inner", {"size": "5"}), ("inner", {"size": 5, "b": 1}),
        ("inner", {}), ("levels", ["k"]), ("levels", {"k": "uv"}), ("levels", {"k": [1]}), ("most", "7"), ("most", [7]),
        ("more", "text"), ("kind", "outer"), ("other", 1),
    ],
)  # fmt: skip
def test_a_field_of_another_kind_is_named(name, value):
    with pytest.raises(DataError, match=rf"{name}|size|'b'") as caught:
        read_plain(Outer, {**GOOD, name: value}, "thing")
    assert str(caught.value).endswith("Train the model again.")


def test_a_missing_field_and_what_is_no_object_are_named():
    with pytest.raises(DataError, match="thing of this model has no count"):
        read_plain(Outer, {name: value for name, value in GOOD.items() if name != "count"}, "thing")
    with pytest.raises(DataError, match="thing of this model is not an object"):
        read_plain(Outer, [GOOD], "thing")


def test_the_options_of_a_function_are_those_that_it_declares():
    def build(cell, *, hidden: int, dropout: float = 0.0, sizes: Mapping[str, int] | None = None) -> None: ...

    assert read_options(build, {"hidden": 5, "sizes": {"h": 3}}, "it") == {"hidden": 5, "sizes": {"h": 3}}
    for wrong in ({"hidden": 5.5}, {"dropout": "x"}, {"sizes": {"h": 1.5}}, {"heads": 3}, {"return": None}):
        with pytest.raises(DataError, match=r"of it is not|'heads'|'return'"):
            read_options(build, wrong, "it")
