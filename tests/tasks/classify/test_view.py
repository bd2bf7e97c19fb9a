"""A view of a classifier: its loss with a memory of n steps, where every step is pooled."""

import copy

import pytest
import torch

from elman import cells
from elman.encoders.fronts import FramesFront
from elman.models.layers import Layers
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.classify.view import _forget_after


def classifier(pooling: str, bidirectional: bool) -> SequenceClassifier:
    torch.manual_seed(3)
    layers = Layers(hidden=5, layers=2, bidirectional=bidirectional)
    return SequenceClassifier(cells.gru, layers, front=FramesFront(3), outputs=2, pooling=pooling).double().eval()


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_memory_of_all_steps_changes_nothing_and_the_module_stays_as_it_was(pooling, bidirectional):
    module = classifier(pooling, bidirectional)
    steps, lengths = torch.randn(11, 3, 3, dtype=torch.float64), torch.tensor([11, 2, 7])
    whole = module(steps, lengths)
    assert torch.allclose(_forget_after(module, 11)(steps, lengths), whole, rtol=1e-12, atol=0)
    assert not torch.allclose(_forget_after(module, 3)(steps, lengths)[0], whole[0], rtol=1e-3)
    assert torch.equal(module(steps, lengths), whole)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_memory_of_three_steps_begins_anew_every_three_steps(bidirectional):
    module = classifier("mean", bidirectional)
    steps = torch.randn(8, 1, 3, dtype=torch.float64)
    parts = [module.recurrent(steps[start : start + 3])[0] for start in (0, 3, 6)]
    expected = module.readout(torch.cat(parts).mean(0))
    assert torch.allclose(_forget_after(module, 3)(steps, torch.tensor([8])), expected, rtol=1e-12, atol=0)
    padded = torch.cat([steps, torch.full((5, 1, 3), torch.nan, dtype=torch.float64)])
    several = copy.deepcopy(module)
    assert torch.allclose(_forget_after(several, 3)(padded, torch.tensor([8])), expected, rtol=1e-12, atol=0)
