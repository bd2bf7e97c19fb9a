"""The module of every task answers an example, in evaluation, bit for bit the same alone and in any batch."""

import pytest
import torch

from elman import cells
from elman.encoders.fronts import ConvolutionFront, FramesFront, MotifsFront, UnitsFront
from elman.models.layers import Layers
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.classify.settings import POOLINGS
from elman.tasks.forecast.module import SegmentForecaster, Windows
from elman.tasks.forecast.settings import DECODINGS
from elman.tasks.generate.module import LanguageModel
from elman.tasks.tag.module import SequenceTagger
from tolerances import assert_identical

LENGTHS = torch.tensor([17, 3, 1, 11, 5, 16, 2, 9, 9, 12, 4])
LONGEST, BATCH = 17, len(LENGTHS)
LAYERS = Layers(hidden=37, bidirectional=True)
FRONTS = [UnitsFront(13), UnitsFront(13, letters=7), MotifsFront(13), FramesFront(6), ConvolutionFront(6, 2)]


def draw_steps(front):
    """Draw steps whose padding is 0, as encoders give them."""
    if isinstance(front, FramesFront | ConvolutionFront):
        steps = torch.randn(LONGEST, BATCH, 6)
    else:
        steps = torch.randint(1, 7, (LONGEST, BATCH, 1 + 3 * getattr(front, "letters", 0)))
    return steps * (torch.arange(LONGEST)[:, None] < LENGTHS)[..., None]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("front", FRONTS, ids=str)
@torch.no_grad()
def test_a_classifier(front, pooling):
    torch.manual_seed(1)
    model = SequenceClassifier(cells.gru, LAYERS, front=front, outputs=5, pooling=pooling, embedding=11).eval()
    if model.query is not None:
        model.query.normal_()
    steps = draw_steps(front)
    whole = model(steps, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        assert_identical("alone", model(steps[:length, b : b + 1], LENGTHS[b : b + 1])[0], whole[b])
    assert_identical("in a part", model(steps[:, 4:7], LENGTHS[4:7]), whole[4:7])


@torch.no_grad()
def test_a_tagger():
    torch.manual_seed(1)
    model = SequenceTagger(cells.lstm, LAYERS, words=19, letters=7, tags=5, labels=3, crf=True).eval()
    steps = draw_steps(UnitsFront(13, letters=7))
    whole = model(steps, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        alone = model(steps[:length, b : b + 1], LENGTHS[b : b + 1])
        assert_identical("emissions", alone.emissions[:, 0], whole.emissions[:length, b])
        assert_identical("labels", alone.labels[0], whole.labels[b])


@pytest.mark.parametrize("tied", [False, True])
@torch.no_grad()
def test_a_language_model(tied):
    torch.manual_seed(1)
    model = LanguageModel(cells.gru, 101, Layers(hidden=37, layers=2), embedding=37, tied=tied).eval()
    numbers = torch.randint(101, (LONGEST, BATCH))
    whole, state = model(numbers)
    for b in range(BATCH):
        logits, final = model(numbers[:, b : b + 1])
        assert_identical("logits", logits[:, 0], whole[:, b])
        assert_identical("state", final[:, 0], state[:, b])
        before = None
        for t in range(LONGEST):
            one, before = model(numbers[t : t + 1, b : b + 1], before)
            assert_identical("logits, step by step", one[0, 0], whole[t, b])


@pytest.mark.parametrize("decode", DECODINGS)
@torch.no_grad()
def test_a_forecaster(decode):
    torch.manual_seed(1)
    options = {"past": 2, "known": 3, "calendar": 4, "static": 2, "series": 5, "missing": True}
    model = SegmentForecaster(
        cells.gru,
        Layers(hidden=37),
        lookback=23,
        horizon=7,
        segment=4,
        quantiles=(0.1, 0.5, 0.9),
        decode=decode,
        **options,
    ).eval()
    model.effect.weight.normal_()
    history = torch.randn(BATCH, 23, dtype=torch.float64).cumsum(1)
    history[2, 5] = torch.nan
    windows = Windows(
        history,
        torch.rand(BATCH, dtype=torch.float64),
        torch.randn(BATCH, 23, 2),
        torch.randn(BATCH, 30, 3),
        torch.randn(BATCH, 30, 4),
        torch.randn(BATCH, 2),
        torch.randint(5, (BATCH,)),
    )
    whole = model.forecast(windows)
    for b in range(BATCH):
        assert_identical("alone", model.forecast(Windows(*(part[b : b + 1] for part in windows)))[0], whole[b])
