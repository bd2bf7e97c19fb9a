"""Any shape runs and agrees with the reference: axes of 0 and 1, batches of padding alone, streams of no example."""

import random

import pytest
import torch

from elman import cells
from elman.errors import ElmanError
from elman.nn import Recurrent
from kernels import Given, assert_equals_reference, build, compute, draw, evaluate
from tolerances import assert_close

SOME = [cells.gru_reset_before, cells.lstm_peephole, cells.jordan, cells.cfc, cells.elman_relu, cells.lstm_layer_norm]
EXTENTS = [0, 1, 1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 33]


def examine(chosen, source):
    """Draw a shape and compare with the reference; an error contains the shape."""
    steps, batch = source.choice(EXTENTS), source.choice(EXTENTS)
    entry, hidden = (source.choice([n for n in (*EXTENTS, 64, 65, 129) if n > 0]) for _ in range(2))
    if chosen is cells.lstm_layer_norm:
        entry, hidden = entry + 8, hidden + 8  # few numbers, normalised, are all but constants
    options = {"bidirectional": source.random() < 0.3, "batch_first": source.random() < 0.3}
    lengths = None
    if source.random() < 0.6:
        lengths = [source.choice([0, steps, source.randint(0, steps)]) for _ in range(batch)]
    if source.random() < 0.1:
        lengths = [0] * batch
    torch.manual_seed(source.getrandbits(30))
    layer = build(chosen, entry, hidden, source.choice([1, 1, 2]), dtype=torch.float64, **options)
    given = draw(layer, steps, batch, lengths)
    try:
        ours, expected = compute(layer, given), compute(layer, given, "reference")
        for name, value in expected.items():
            assert_close(name, ours[name], value, allowed=1e-10)
    except Exception as error:
        raise AssertionError(f"{layer}, T = {steps}, B = {batch}, lengths {lengths}") from error


@pytest.mark.parametrize("chosen", SOME, ids=lambda c: c.name)
def test_random_shapes_agree_with_the_reference(chosen, quick_kernels):
    source = random.Random(chosen.name)
    for _ in range(50):
        examine(chosen, source)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_many_random_shapes_agree_with_the_reference(seed):
    source = random.Random(seed)
    for _ in range(100):
        examine(SOME[seed % len(SOME)], source)


@pytest.mark.parametrize("lengths", [None, "none"])
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (5, 0), (0, 0), (1, 1)])
def test_no_step_leaves_the_states_and_gives_gradients_of_zero(steps, batch, lengths):
    layer = build(cells.lstm, 7, 11, 2, dtype=torch.float64, bidirectional=True)
    given = draw(layer, steps, batch, lengths and [0] * batch)
    found = compute(layer, given)
    assert_equals_reference(layer, given)
    if steps * batch == 0 or lengths:
        for name, state in zip(("h", "c"), given.states, strict=True):
            assert torch.equal(found[f"final {name}"], state)
        assert torch.count_nonzero(found["output"]) == 0
        assert all(torch.count_nonzero(found[f"gradient of {n}"]) == 0 for n, _ in layer.named_parameters())


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_stream_of_any_number_of_examples(batch):
    layer = build(cells.cfc, 7, 11, 2, dtype=torch.float64)
    stream = layer.stream(batch_size=batch)
    given = draw(layer, 3, batch)
    whole = evaluate(layer, Given(given.x, (), None, given.sides))
    for t, x in enumerate(given.x):
        step = stream.step(x, dt=given.sides["dt"][t])
        assert step.shape == (batch, 11)
        assert torch.equal(step, whole["output"][t])


@pytest.mark.parametrize("seed", range(3))
def test_one_step_of_one_example_after_the_other_trains_like_the_reference(seed):
    layer = build(cells.gru, 3, 5, dtype=torch.float64)
    torch.manual_seed(seed)
    for steps in (1, 2, 3, 1, 2):
        assert_equals_reference(layer, draw(layer, steps, 1))


@pytest.mark.parametrize(("entry", "hidden"), [(0, 3), (3, 0)])
def test_an_empty_axis_of_features_is_refused_or_runs(entry, hidden):
    try:
        layer = Recurrent(cells.gru, entry, hidden, dtype=torch.float64)
    except ElmanError:
        return
    assert_equals_reference(layer, draw(layer, 3, 2))
