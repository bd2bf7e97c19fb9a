"""A process that computes some rows of a batch draws for them what a single process would, and its loss is a part."""

import pytest
import torch

from elman import cells
from elman.nn import LockedDropout, Recurrent, rows
from elman.nn.rows import Dropout, RowShare, of_entries, part_of, spread, take
from tolerances import assert_close, assert_identical

T, B, I, H = 5, 7, 3, 11
PARTS = [slice(0, 3), slice(3, 4), slice(4, 7)]

LAYERS = {
    "recurrent dropout": lambda: Recurrent(cells.lstm, I, H, recurrent_dropout=0.4),
    "zoneout": lambda: Recurrent(cells.lstm, I, H, zoneout=0.3),
    "dropped weights": lambda: Recurrent(cells.gru, I, H, weight_dropout=0.3),
    "between layers": lambda: Recurrent(cells.gru, I, H, 2, dropout=0.5, bidirectional=True),
    "locked between layers": lambda: Recurrent(cells.gru, I, H, 2, dropout=0.5, locked=True),
    "dropout": lambda: Dropout(0.5),
    "locked dropout": lambda: LockedDropout(0.5),
}


def output_of(layer, x):
    torch.manual_seed(2)
    found = layer(x)
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize("name", LAYERS)
def test_each_part_of_a_batch_has_the_masks_that_the_whole_batch_has(name):
    layer, x = LAYERS[name](), torch.randn(T, B, I)
    whole = output_of(layer, x)
    for part in PARTS:
        with RowShare(part, B):
            assert_identical("output", output_of(layer, take(x, 1)), whole[:, part])
    assert rows.present() is None


def test_entries_of_a_mask_have_the_masks_that_all_entries_have():
    real, x, layer = torch.rand(T, B) < 0.6, torch.randn(T, B, H), Dropout(0.5)
    torch.manual_seed(2)
    whole = torch.zeros_like(x).masked_scatter(real[..., None], layer(x[real]))

    class Exchange(rows.Alone):
        def add(self, values):
            return real.to(values.dtype)

    for part in PARTS:
        own = real[:, part]
        torch.manual_seed(2)
        with RowShare(part, B, exchange=Exchange()), of_entries(own):
            assert_identical("entries", layer(x[:, part][own]), whole[:, part][own])


class Counted(rows.Alone):
    """The exchange of processes that have so many units in sum."""

    def __init__(self, total):
        self.total = total

    def add(self, values):
        return torch.tensor(float(self.total))


def test_the_parts_of_a_mean_add_up_to_it():
    values, known = torch.randn(B, T, dtype=torch.float64), torch.rand(B, T) < 0.5
    known[PARTS[1]] = False  # nothing is known in a part, of which there is no mean
    shares = [RowShare(part, B, exchange=Counted(known.sum())) for part in PARTS]
    total, by_rows = 0.0, 0.0
    for share in shares:
        with share:
            own = take(known)
            total = total + part_of(take(values)[own].mean(), own.sum())
            by_rows = by_rows + part_of(take(values).mean())
    assert_close("mean of units", total, values[known].mean())
    assert_close("mean of rows", by_rows, values.mean())


def test_a_row_that_is_computed_in_vain_adds_nothing():
    state, values = torch.randn(1, 1, H), torch.randn(1, T, requires_grad=True)
    with RowShare(slice(0, 1), 2, counts=False, exchange=Counted(3)):
        loss = part_of(values.mean()) + part_of(values.square().mean(), 3)
        assert not spread(state).any()
    loss.backward()
    assert loss == 0
    assert not values.grad.any()
