"""The classifier of sequences, against torch.nn in float64, one unpadded example at a time."""

import itertools
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from elman import cells
from elman.encoders.fronts import ConvolutionFront, FramesFront, MotifsFront, Suggestions, UnitsFront
from elman.errors import ConfigError
from elman.models.layers import Layers
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.classify.settings import POOLINGS
from open_sizes import sizes_of
from tolerances import assert_close

T, B, D, H, OUTPUTS = 11, 5, 6, 7, 3
LENGTHS = torch.tensor([3, 11, 1, 7, 11])
UNITS, LETTERS, WIDTH = 13, 17, 4
FRONTS = {
    "frames": FramesFront(D),
    "convolution": ConvolutionFront(D, channels=2),
    "motifs": MotifsFront(UNITS),
    "words": UnitsFront(UNITS, LETTERS),
    "characters": UnitsFront(UNITS),
}
fronts = pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
poolings = pytest.mark.parametrize("pooling", POOLINGS)


def some_steps(front, seed: int = 1, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if not hasattr(front, "units"):
        return torch.randn(T, B, D, generator=generator, dtype=dtype)
    units = torch.randint(UNITS, (T, B, 1), generator=generator)
    if not getattr(front, "letters", 0):
        return units
    letters = torch.randint(1, LETTERS, (T, B, WIDTH), generator=generator)
    letters[torch.arange(WIDTH) >= torch.randint(WIDTH + 1, (T, B, 1), generator=generator)] = 0
    return torch.cat([units, letters], dim=2)


def some_model(front, pooling: str = "max", **options) -> SequenceClassifier:
    torch.manual_seed(3)
    layers, own = Layers.take({"hidden": H, "bidirectional": True, "input_dropout": 0.0, **options})
    module = SequenceClassifier(
        cells.lstm, layers, front=front, outputs=OUTPUTS, pooling=pooling, embedding=D, **own
    ).double()
    if module.query is not None:
        nn.init.normal_(module.query)
    return module


def torch_lstm(module: SequenceClassifier) -> nn.LSTM:
    """Give torch's LSTM the weights of ours."""
    ours = dict(module.recurrent.named_parameters())
    layers, both = module.recurrent.num_layers, module.recurrent.bidirectional
    theirs = nn.LSTM(module.front.size, H, layers, bidirectional=both).double()
    with torch.no_grad():
        for end in [f"_l{k}{way}" for k in range(layers) for way in ([""] + ["_reverse"] * both)]:
            getattr(theirs, f"weight_ih{end}").copy_(ours[f"W{end}"])
            getattr(theirs, f"weight_hh{end}").copy_(ours[f"U{end}"])
            getattr(theirs, f"bias_ih{end}").copy_(ours[f"b{end}"])
            getattr(theirs, f"bias_hh{end}").zero_()
    return theirs


def read(module: SequenceClassifier, steps: torch.Tensor) -> torch.Tensor:
    """Do by hand what a front does with one example (T, K)."""
    front = module.front
    if hasattr(front, "channels"):
        picture = torch.stack(steps.chunk(front.channels, dim=1))[None]
        for layer in front.layers:
            picture = F.relu(F.conv2d(picture, layer.weight, layer.bias, padding=1))
            picture = F.pad(picture, (0, picture.shape[3] % 2, 0, picture.shape[2] % 2), value=-torch.inf)
            picture = F.max_pool2d(picture, 2)
        return picture[0].transpose(0, 1).flatten(1)
    if steps.is_floating_point():
        return steps
    if hasattr(front, "units"):
        embedded = front.units.embedding.weight[steps[:, 0]]
        found = F.conv1d(embedded.T, front.layer.weight, front.layer.bias, padding=3).relu()
        found = F.pad(found, (0, found.shape[1] % 2), value=-torch.inf)
        return F.max_pool1d(found, 2).T
    embedded = front.embedding.weight[steps[:, 0]]
    if front.letters is None:
        return embedded
    found = []
    for row in steps[:, 1:].tolist():
        word = [letter for letter in row if letter]
        seen = [torch.zeros(30, dtype=torch.float64)]
        for place in range(len(word)):
            around = [word[i] if 0 <= i < len(word) else 0 for i in (place - 1, place, place + 1)]
            weights = zip(around, front.spelling.weight.unbind(2), strict=True)
            seen.append(front.spelling.bias + sum(w @ front.letters.weight[letter] for letter, w in weights))
        found.append(torch.stack(seen).amax(0))
    return torch.cat([embedded, torch.stack(found)], dim=1)


def expected(module: SequenceClassifier, steps: torch.Tensor) -> torch.Tensor:
    """Answer for one example (T, K) by torch and by hand."""
    output, (h, _) = torch_lstm(module)(read(module, steps))
    ways = 2 if module.recurrent.bidirectional else 1
    match module.pooling:
        case "last":
            pooled = h[-ways:].flatten()
        case "mean":
            pooled = output.mean(0)
        case "max":
            pooled = output.max(0).values
        case "attention":
            pooled = (output @ module.query).softmax(0) @ output
    return module.readout(pooled)


@fronts
@poolings
def test_every_pooling_is_that_of_torchs_lstm_on_each_example_alone(front, pooling):
    module, steps = some_model(front, pooling), some_steps(front)
    found = module(steps, LENGTHS)
    for i, length in enumerate(LENGTHS):
        assert_close(f"example {i}", found[i], expected(module, steps[:length, i]))


@poolings
@pytest.mark.parametrize("options", [{"bidirectional": False}, {"layers": 2}, {"layers": 3, "bidirectional": False}])
def test_directions_and_layers(pooling, options):
    front = FRONTS["frames"]
    module, steps = some_model(front, pooling, **options), some_steps(front)
    assert_close("whole", module(steps)[1], expected(module, steps[:, 1]))
    assert_close("short", module(steps, LENGTHS)[0], expected(module, steps[:3, 0]))


@fronts
@poolings
def test_padding_behind_the_end_changes_nothing(front, pooling):
    module = some_model(front, pooling, layers=2)
    steps, other = some_steps(front), some_steps(front, seed=2)
    behind = (torch.arange(T)[:, None] >= LENGTHS)[:, :, None]
    changed = torch.where(behind, other, steps)
    found = []
    for x in (steps, changed, torch.cat([changed, other])):
        answers = module(x, LENGTHS)
        above = torch.randn(answers.shape, generator=torch.Generator().manual_seed(4), dtype=answers.dtype)
        found.append([answers, *torch.autograd.grad(answers, list(module.parameters()), above)])
    for number, (first, second, longer) in enumerate(zip(*found, strict=True)):
        assert_close(f"result {number}, other padding", second, first)
        assert_close(f"result {number}, more padding", longer, first)


@poolings
@pytest.mark.parametrize("kind", ["frames", "convolution"])
def test_padding_gets_no_gradient(kind, pooling):
    module, steps = some_model(FRONTS[kind], pooling), some_steps(FRONTS[kind]).requires_grad_()
    module(steps, LENGTHS).square().sum().backward()
    behind = torch.arange(T)[:, None] >= LENGTHS
    assert (steps.grad[behind] == 0).all()
    if kind == "frames":
        assert (steps.grad[~behind] != 0).any(dim=1).all() or pooling == "max"


@fronts
def test_whole_lengths_are_those_that_are_not_given(front):
    module, steps = some_model(front, "attention"), some_steps(front)
    assert_close("answer", module(steps), module(steps, torch.full((B,), T)))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9])
def test_a_convolution_makes_one_step_of_four(length):
    front = ConvolutionFront(10, channels=1).build(1, 0.0)
    x, lengths = front(torch.randn(9, 2, 10), torch.tensor([length, 9]))
    assert x.shape == (3, 2, front.size)
    assert lengths.tolist() == [-(-length // 4), 3]


@pytest.mark.parametrize("length", [1, 2, 7, 11])
def test_motifs_are_a_convolution_of_the_real_steps_and_the_larger_of_each_two(length):
    front = FRONTS["motifs"].build(D, 0.0).double()
    units = some_steps(FRONTS["motifs"])[:, 1:2]
    x, lengths = front(units, torch.tensor([length]))
    weight, bias = front.layer.weight, front.layer.bias
    embedded = torch.zeros(T + 6, D, dtype=torch.float64)
    embedded[3 : 3 + length] = front.units.embedding.weight[units[:length, 0, 0]]
    found = torch.stack([(weight * embedded[t : t + 7].T).sum((1, 2)) + bias for t in range(length)]).relu()
    expected = [found[t : t + 2].amax(0) for t in range(0, length, 2)]
    assert lengths.tolist() == [len(expected)]
    assert_close("motifs", x[: len(expected), 0], torch.stack(expected))
    assert front.size == x.shape[2] == 100


def test_word_dropout_reads_words_as_unknown_and_keeps_their_letters():
    front = FRONTS["words"].build(D, 0.4)
    steps = some_steps(FRONTS["words"]).repeat(20, 20, 1)
    steps[..., 0] = 5
    x, _ = front(steps, None)
    unknown = (x[..., :D] == front.embedding.weight[1]).all(2)
    known = (x[..., :D] == front.embedding.weight[5]).all(2)
    assert (unknown ^ known).all()
    assert 0.37 < unknown.double().mean() < 0.43
    whole, _ = front.eval()(steps, None)
    torch.testing.assert_close(whole[..., D:], x[..., D:])
    assert (whole[..., :D] == front.embedding.weight[5]).all()


@pytest.mark.parametrize("name", ["dropout", "input_dropout", "recurrent_dropout", "zoneout", "word_dropout"])
def test_each_way_to_regularise_acts_in_training_alone_and_follows_the_seed(name):
    front = FRONTS["words" if name == "word_dropout" else "frames"]
    module, steps = some_model(front, "mean", **{name: 0.5}), some_steps(front)
    answers = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        answers.append(module(steps, LENGTHS))
    assert answers[0].equal(answers[1])
    assert not answers[0].equal(answers[2])
    module.eval()
    assert module(steps, LENGTHS).equal(module(steps, LENGTHS))


@pytest.mark.parametrize(("given", "said", "expected"), [(None, 0.4, 0.4), (0.0, 0.4, 0.0), (0.1, 0.4, 0.1)])
def test_the_encoder_suggests_the_input_dropout_unless_it_is_given(given, said, expected):
    assert (
        some_model(FRONTS["words"], suggested=Suggestions(dropout=said), input_dropout=given).input_dropout.p
        == expected
    )
    assert some_model(FRONTS["frames"], input_dropout=None).input_dropout.p == 0.0


def test_embeddings_start_small_where_there_are_many():
    few, many = (UnitsFront(units, LETTERS).build(D, 0.0) for units in (999, 1000))
    assert 0.95 < few.embedding.weight.std() < 1.05
    assert 0.05 < many.embedding.weight.std() < 0.06


@fronts
def test_a_seed_gives_one_model(front):
    one, same = some_model(front).state_dict(), some_model(front).state_dict()
    assert all(one[name].equal(same[name]) for name in one)


@pytest.mark.parametrize(
    ("front", "pooling"),
    [
        ("words", "attention"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in zip(FRONTS, itertools.cycle(POOLINGS), strict=False)),
    ],
)
def test_the_module_is_exported_and_compiled_whole(front, pooling):
    front = FRONTS[front]
    module, steps = some_model(front, pooling).eval(), some_steps(front)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        exported = torch.export.export(module, (steps, LENGTHS)).module()
        compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
        for lengths in (LENGTHS, LENGTHS.flip(0)):
            assert_close("exported", exported(steps, lengths), module(steps, lengths))
            assert_close("compiled", compiled(steps, lengths), module(steps, lengths))
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ["gru", "mingru", "lem", "lstm_projected"])
def test_any_cell_can_read(name):
    front = FRONTS["frames"]
    module = SequenceClassifier(
        cells.find(name),
        Layers(hidden=H, layers=2, bidirectional=True, sizes=sizes_of(name)),
        front=front,
        outputs=2,
        pooling="last",
    )
    steps = some_steps(front, dtype=torch.float32)
    output, _ = module.recurrent(steps, None, LENGTHS)
    half = output.shape[2] // 2
    last = torch.stack([output[length - 1, i, :half] for i, length in enumerate(LENGTHS)])
    assert_close("answer", module(steps, LENGTHS), module.readout(torch.cat([last, output[0, :, half:]], dim=1)))


def test_what_cannot_work_is_refused():
    with pytest.raises(ConfigError, match="cell cfc reads dt at every step besides its input"):
        SequenceClassifier(cells.cfc, Layers(hidden=3), front=FRONTS["frames"], outputs=2)
    with pytest.raises(ConfigError, match="pooling is 'sum'"):
        SequenceClassifier(cells.gru, Layers(hidden=3), front=FRONTS["frames"], outputs=2, pooling="sum")
