"""The prepared steps of a decoder: the same bits as the module, and only where they compute the same."""

import pytest
import torch
from torch.nn.utils import parametrizations

import elman
from elman import cells
from elman.backends.held import held
from elman.decoding.search import Beam, search
from elman.models.layers import Layers
from elman.models.prepared import PreparedDecoder
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.writer import TranslationWriter
from tolerances import assert_identical

S, B, V = 11, 5, 13
LENGTHS = torch.tensor([11, 3, 1, 8, 5])
OPTIONS = [
    {},
    {"second_attention": False, "shared": True, "heads": 2},
    {"attention": "additive", "embedding": 7, "heads": 2},
    {"wait": 2, "input_feeding": True, "embedding": 7},
]


def make(cell=cells.gru, dtype=torch.float32, **options):
    torch.manual_seed(3)
    layers = Layers(hidden=22, bidirectional=options.get("wait") is None)
    model = TranslationModel(cell, layers, source_units=V, target_units=V, **options)
    return model.to(dtype).eval().requires_grad_(False)


def draw():
    torch.manual_seed(5)
    return torch.randint(V, (S, B)).masked_fill(torch.arange(S)[:, None] >= LENGTHS, 12)


@pytest.mark.parametrize("cell", [cells.gru, cells.lstm, cells.elman], ids=lambda cell: cell.name)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_prepared_step_has_the_bits_of_the_module(options, cell):
    model = make(cell, torch.float64 if cell is cells.elman else torch.float32, **options)
    with held(model.parameters()):
        state = model.encode(draw(), LENGTHS)
        prepared = PreparedDecoder.prepare(model, state)
        for step, rows in enumerate((B, 1, 17, 7)):
            chosen, units = torch.randint(len(state.weights), (rows,)), torch.randint(V, (rows,))
            state = state.select(chosen)
            logits, new = prepared.step(units, state, step)
            joined, state = model.decode(units[None], state, step)
            assert_identical("logits", logits, model.read_out(joined[0]))
            assert_identical("weights", new.weights, state.weights)
            for ours, its in zip((*new.first, *new.second), (*state.first, *state.second), strict=True):
                assert_identical("states", ours, its)
            assert (new.joined is None) == (state.joined is None)
            if state.joined is not None:
                assert_identical("joined", new.joined, state.joined)


@pytest.mark.parametrize("width", [1, 3])
def test_a_search_finds_the_same_with_held_weights_and_alone(width):
    model, source = make(), draw()

    def translate(chosen):
        own = LENGTHS[chosen]
        writer = TranslationWriter(model, source[: int(own.max()), chosen], own, begin=12)
        return search(writer, len(own), end=12, longest=[9] * len(own), beam=Beam(width, best=width))

    everything = translate(list(range(B)))
    with held(model.parameters()):
        again, alone = translate(list(range(B))), [translate([b])[0] for b in range(B)]
    for found in (again, alone):
        for of, its in zip(found, everything, strict=True):
            assert [(one.units, one.score) for one in of] == [(one.units, one.score) for one in its]
            for one, other in zip(of, its, strict=True):
                assert_identical("attention", one.attention, other.attention)


def _hook(model):
    model.join.register_forward_hook(lambda *_: None)


def _compute(model):
    parametrizations.weight_norm(model.second, "U_l0")


@pytest.mark.parametrize(
    "change", [_hook, _compute, lambda model: model.train(), lambda model: model.requires_grad_(True)]
)
def test_what_a_prepared_step_would_not_compute_is_left_to_the_module(change):
    model, source = make(), draw()
    change(model)
    with held(model.parameters()):
        assert PreparedDecoder.prepare(model, model.encode(source, LENGTHS)) is None


def test_the_module_runs_where_weights_may_change_and_on_another_backend():
    model, source = make(), draw()
    assert PreparedDecoder.prepare(model, model.encode(source, LENGTHS)) is None
    with held(model.parameters()), elman.backend("reference"):
        assert PreparedDecoder.prepare(model, model.encode(source, LENGTHS)) is None
