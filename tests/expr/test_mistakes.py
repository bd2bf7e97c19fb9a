"""Mistakes that people made: each gets one answer with what, where and what to write instead."""

import pytest
import torch

import elman
from elman import CellError, cell, cells, tanh, where


def no_star(x, h, W, U, b):
    return tanh(W @ x + U @ h + b)


def joins(x, h, *, W):
    return torch.cat([W @ x, h])


def method(x, h, *, W):
    return tanh(W @ x + h).mean() * h


def unknown_method(x, h, *, W):
    return tanh(W @ x + h).detach()


def words(x, h, *, W):
    return where(h > 0 and h < 1, W @ x, h)


def transposed(x, h, *, W, U):
    return tanh(W @ x + (U - U.t) @ h)


class Layer:
    """What somebody who knows torch writes."""


@pytest.mark.parametrize(
    ("equations", "parts"),
    [
        (no_star, ("`@` has the state W on its left", "line ", "with W behind the *")),
        (joins, ("torch's `cat`", "line ", "elman's functions")),
        (method, ("`.mean` is asked of", "line ", "Write elman.mean(")),
        (unknown_method, ("`.detach` is asked of", "line ", "elman's functions")),
        (words, ("`and`", "line ", "(z > 0.5) & (r < 1)")),
        (transposed, ("`U` is used alone, and elsewhere as `U.t`", "line ", "write `U.T`")),
        (Layer, ("Layer of ", "is a class", "Write def name(x, h, *, W, U, b)")),
    ],
)
def test_a_mistake_says_what_where_and_what_to_write(equations, parts):
    with pytest.raises(CellError) as refused:
        cell(equations)
    assert [part for part in parts if part not in str(refused.value)] == []


def test_one_bad_cell_of_a_file_does_not_hide_the_others(tmp_path):
    path = tmp_path / "several.py"
    path.write_text(
        "from elman import cell, tanh\n\n@cell\ndef bad(x, h, *, W):\n    return h[0] + W @ x\n\n"
        "@cell\ndef good(x, h, *, W):\n    return tanh(W @ x + h)\n"
    )
    assert cells.find(f"{path}:good").states == ("h",)
    with pytest.raises(CellError, match=r"bad, .*several\.py line 5: h is indexed"):
        cells.find(f"{path}:bad")
    with pytest.raises(CellError, match="does not define other"):
        cells.find(f"{path}:other")
    with pytest.raises(CellError):
        cell(lambda x, h, *, W: h[0] + W @ x)


def test_hasattr_of_a_private_name_is_false():
    found = []

    def asks(x, h, *, W):
        found.append(hasattr(h, "__len_hint__"))
        return tanh(W @ x + h)

    assert elman.cell(asks).states == ("h",)
    assert found == [False]
