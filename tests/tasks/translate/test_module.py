"""The layers that translate: shapes, what may be seen, the same alone and in a batch, step by step and whole."""

import pytest
import torch
from torch.nn import functional as F

from elman import cells
from elman.decoding.search import Beam, search
from elman.errors import ConfigError
from elman.models.layers import Layers
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.writer import TranslationWriter
from tolerances import assert_close, assert_identical

S, B, T, V = 11, 5, 7, 13
LENGTHS = torch.tensor([11, 3, 1, 8, 5])


def make(cell=cells.gru, dtype=torch.float32, **options):
    torch.manual_seed(3)
    layers = Layers(hidden=19, bidirectional=options.get("wait") is None, layers=2)
    return TranslationModel(cell, layers, source_units=V, target_units=V, **options).to(dtype).eval()


def draw():
    torch.manual_seed(5)
    source, target = torch.randint(V, (S, B)), torch.randint(V, (T, B))
    return source.masked_fill(torch.arange(S)[:, None] >= LENGTHS, 12), target


OPTIONS = [{}, {"second_attention": False, "shared": True}, {"attention": "additive", "embedding": 7}, {"wait": 2}]
OPTIONS += [{"input_feeding": True, "embedding": 7}, {"input_feeding": True, "wait": 3, "second_attention": False}]


@pytest.mark.parametrize("cell", [cells.gru, cells.lstm, cells.elman], ids=lambda cell: cell.name)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_pair_is_answered_alike_alone_in_a_batch_and_step_by_step(options, cell):
    model, (source, target) = make(cell, **options), draw()
    with torch.no_grad():
        whole = model(source, LENGTHS, target)
        for b, length in enumerate(LENGTHS.tolist()):
            own = slice(b, b + 1)
            assert_identical("alone", model(source[:length, own], LENGTHS[own], target[:, own])[:, 0], whole[:, b])
        state = model.encode(source, LENGTHS)
        for t in range(T):
            joined, state = model.decode(target[t : t + 1], state, t)
            assert_identical("step by step", model.read_out(joined[0]), whole[t])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_padding_and_what_is_written_later_change_nothing(options):
    model, (source, target) = make(**options), draw()
    with torch.no_grad():
        whole = model(source, LENGTHS, target)
        other, later = source.clone(), target.clone()
        other[torch.arange(S)[:, None] >= LENGTHS] = 0
        later[4:] = 0
        assert_identical("padding", model(other, LENGTHS, target), whole)
        assert_identical("later", model(source, LENGTHS, later)[:4], whole[:4])


@pytest.mark.parametrize("wait", [1, 3])
def test_a_model_that_waits_sees_no_more_of_a_source_than_has_arrived(wait):
    model, (source, target) = make(wait=wait), draw()
    with torch.no_grad():
        whole = model(source, LENGTHS, target)
        for t in range(T):
            other = source.clone()
            other[t + wait :] = (other[t + wait :] + 1) % V
            assert_identical("so far", model(other, LENGTHS, target)[: t + 1], whole[: t + 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_that_of_the_logits_where_something_is_written(smoothing):
    model, (source, target) = make(dtype=torch.float64), draw()
    written = torch.where(torch.arange(T)[:, None] < torch.tensor([7, 1, 4, 0, 2]), target, -1)
    with torch.no_grad():
        logits = model(source, LENGTHS, target)[written >= 0]
        expected = F.cross_entropy(logits, written[written >= 0], label_smoothing=smoothing)
        assert_close("loss", model(source, LENGTHS, target, written, smoothing), expected)


def test_every_parameter_has_a_gradient():
    for options in OPTIONS:
        model, (source, target) = make(**options).train(), draw()
        model(source, LENGTHS, target).square().sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters()), options


WRITTEN = torch.where(torch.arange(T)[:, None] < torch.tensor([7, 1, 4, 2, 5]), torch.arange(T * B).view(T, B) % V, -1)


def test_input_that_is_fed_and_weighs_nothing_changes_nothing():
    fed, plain = make(dtype=torch.float64, input_feeding=True), make(dtype=torch.float64)
    weights, own = fed.state_dict(), plain.state_dict()
    [narrow] = [name for name in own if own[name].shape != weights[name].shape]
    size = own[narrow].shape[1]
    for name, values in own.items():
        values.copy_(weights[name][:, :size] if name == narrow else weights[name])
    source, target = draw()
    with torch.no_grad():
        weights[narrow][:, size:] = 0.0
        expected = plain(source, LENGTHS, target)
        assert_close("logits", fed(source, LENGTHS, target), expected)
        weights[narrow][:, size:] = 0.3
        found = fed(source, LENGTHS, target)
        assert_close("nothing is fed before the first step", found[0], expected[0])
        assert ((found[1:] - expected[1:]).abs() > 1e-4).any(2).all()


@pytest.mark.parametrize("options", [{}, {"input_feeding": True}, {"input_feeding": True, "wait": 2}], ids=str)
def test_a_loss_with_coverage_has_the_gradient_of_central_differences(options):
    model, (source, target) = make(dtype=torch.float64, **options).train(), draw()
    arguments = (source, LENGTHS, target, WRITTEN, 0.1, 0.0, 0.7)
    model(*arguments).backward()
    torch.manual_seed(8)
    ways = [torch.randn_like(parameter) for parameter in model.parameters()]
    slope = sum((parameter.grad * way).sum() for parameter, way in zip(model.parameters(), ways, strict=True))
    ends = []
    with torch.no_grad():
        for step in (1e-5, -2e-5):
            for parameter, way in zip(model.parameters(), ways, strict=True):
                parameter.add_(way, alpha=step)
            ends.append(model(*arguments))
    assert float((ends[0] - ends[1]) / 2e-5) == pytest.approx(float(slope), rel=1e-6)


def test_the_coverage_loss_is_added_with_its_weight():
    model, (source, target) = make(dtype=torch.float64).train(), draw()
    with torch.no_grad():
        plain, covered = (model(source, LENGTHS, target, WRITTEN, 0.1, 0.0, weight) for weight in (0.0, 0.7))
        state, looked = model.encode(source, LENGTHS), []
        for t in range(T):
            _, state = model.decode(target[t : t + 1], state, t)
            looked.append(state.weights.tolist())
    repeated = [
        sum(min(looked[t][b][s], sum(looked[u][b][s] for u in range(t))) for s in range(S))
        for t in range(T)
        for b in range(B)
        if WRITTEN[t, b] >= 0
    ]
    assert float(covered - plain) == pytest.approx(0.7 * sum(repeated) / len(repeated))


@pytest.mark.parametrize("options", [{}, {"input_feeding": True, "wait": 2}], ids=str)
def test_what_is_sampled_is_what_the_model_would_write(options):
    model, (source, target) = make(dtype=torch.float64, **options).train(), draw()
    with torch.no_grad():
        guessed = model(source, LENGTHS, target).argmax(2)
        read = torch.cat([target[:1], torch.where(WRITTEN[1:] >= 0, guessed[:-1], target[1:])])
        assert (read != target).any()
        expected = model(source, LENGTHS, read, WRITTEN, 0.1)
        assert_close("loss", model(source, LENGTHS, target, WRITTEN, 0.1, 1.0), expected)


def test_no_sampling_is_teacher_forcing_and_draws_nothing():
    model, (source, target) = make().train(), draw()
    with torch.no_grad():
        before = torch.get_rng_state()
        plain = model(source, LENGTHS, target, WRITTEN)
        assert_identical("loss", model(source, LENGTHS, target, WRITTEN, 0.0, 0.0, 0.0), plain)
        assert torch.equal(torch.get_rng_state(), before)


def test_the_share_that_is_asked_for_is_sampled_and_no_padding():
    model, steps = make().train(), 997
    with torch.no_grad():
        model.bias[3] = 100.0
        target = torch.zeros(steps, 2, dtype=torch.int64)
        counted = torch.arange(steps)[:, None] < torch.tensor([steps, 401])
        read = model._sample(target, counted, model.encode(draw()[0][:, :2], LENGTHS[:2]), 0.3)
    assert not read[0].any()
    assert not read[~counted].any()
    assert float((read[counted] == 3).double().mean()) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("options", [{}, {"input_feeding": True}], ids=str)
@pytest.mark.parametrize("width", [1, 4])
def test_a_search_gives_the_probability_that_the_whole_model_gives(width, options):
    model, (source, _) = make(**options), draw()
    writer = TranslationWriter(model, source, LENGTHS, begin=12)
    found = search(writer, B, end=12, longest=[9] * B, beam=Beam(width, best=width))
    for b, of in enumerate(found):
        for one in of:
            units = torch.tensor([12, *one.units, 12])[:, None]
            with torch.no_grad():
                chances = model(source[:, b : b + 1], LENGTHS[b : b + 1], units[:-1]).log_softmax(2)
            expected = chances[:, 0].gather(1, units[1:]).sum()
            assert one.log_probability == pytest.approx(float(expected), abs=1e-4)
            assert one.attention.shape == (len(one.units) + 1, int(LENGTHS[b]))
            assert_close("weights", one.attention.sum(1), torch.ones(len(one.units) + 1))


def test_heads_that_divide_no_size_are_refused():
    with pytest.raises(ConfigError, match="divides both"):
        make(heads=3)
