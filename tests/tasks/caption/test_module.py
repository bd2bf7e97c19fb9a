"""The layers that caption: the same alone and in a batch, step by step and whole, and what a picture changes."""

import pytest
import torch
from torch.nn import functional as F

from elman import cells
from elman.backends.held import held
from elman.decoding.search import Beam, search
from elman.models.layers import Layers
from elman.models.prepared import PreparedDecoder
from elman.tasks.caption.module import CaptionModel, CaptionWriter
from tolerances import assert_close, assert_identical

P, C, H, W, T, V = 5, 7, 2, 3, 6, 13
OWNERS = torch.tensor([0, 0, 3, 1, 4, 4, 2])
OPTIONS = [{}, {"embedding": 11, "heads": 2, "second_attention": False}, {"attention": "additive"}]
PHOTOS = {"size": (3, 19, 24), "convolution": True}


def make(cell=cells.lstm, dtype=torch.float32, **options):
    torch.manual_seed(3)
    given = {"size": (C, H, W), "convolution": False, **options}
    return CaptionModel(cell, Layers(hidden=22, dropout=0.5), words=V, input_dropout=0.5, **given).to(dtype).eval()


def draw(model_size=(C, H, W), dtype=torch.float32):
    torch.manual_seed(5)
    return torch.randn(P, *model_size, dtype=dtype), torch.randint(V, (T, len(OWNERS)))


@pytest.mark.parametrize("options", [*OPTIONS, PHOTOS], ids=str)
@pytest.mark.parametrize("cell", [cells.gru, cells.lstm], ids=lambda cell: cell.name)
def test_a_picture_is_captioned_alike_alone_in_a_batch_and_step_by_step(options, cell):
    model = make(cell, **options)
    pictures, read = draw(options.get("size", (C, H, W)))
    with torch.no_grad():
        whole = model(pictures, OWNERS, read)
        for b, owner in enumerate(OWNERS.tolist()):
            own = slice(b, b + 1)
            alone = model(pictures[owner : owner + 1], torch.tensor([0]), read[:, own])
            assert_identical("alone", alone[:, 0], whole[:, b])
        state = model.encode(pictures).select(OWNERS)
        for t in range(T):
            joined, state = model.decode(read[t : t + 1], state, t)
            assert_identical("step by step", model.read_out(joined[0]), whole[t])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_caption_depends_on_its_own_picture_alone(options):
    model, (pictures, read) = make(**options), draw()
    with torch.no_grad():
        whole = model(pictures, OWNERS, read)
        other = pictures.clone()
        other[3] = 0.0
        changed = model(other, OWNERS, read)
    own = OWNERS == 3
    assert_identical("others", changed[:, ~own], whole[:, ~own])
    assert (changed[0, own] != whole[0, own]).any(), "the first word already"


def test_left_and_right_differ():
    model, (pictures, read) = make(), draw()
    assert_close("at first", model(pictures.flip(3), OWNERS, read), model(pictures, OWNERS, read))
    torch.nn.init.normal_(model.places)
    assert not torch.allclose(model(pictures.flip(3), OWNERS, read), model(pictures, OWNERS, read), atol=1e-3)


def test_every_picture_gets_the_gradient_of_all_its_captions():
    model, (pictures, read) = make(dtype=torch.float64), draw(dtype=torch.float64)
    written = read.roll(-1, 0)
    written[4:, 1] = -1

    def gradient(chosen):
        leaf = pictures.clone().requires_grad_()
        logits = model(leaf, OWNERS[chosen], read[:, chosen])
        loss = F.cross_entropy(logits.flatten(0, 1), written[:, chosen].flatten(), ignore_index=-1, reduction="sum")
        return torch.autograd.grad(loss, leaf)[0]

    together = gradient(list(range(len(OWNERS))))
    assert (together != 0).flatten(1).any(1).all()
    assert_close("gradient", together, sum(gradient([b]) for b in range(len(OWNERS))))


def test_the_loss_in_training_is_the_cross_entropy_of_what_is_written():
    model, (pictures, read) = make(dtype=torch.float64), draw(dtype=torch.float64)
    written = read.roll(-1, 0)
    written[3:, 2] = -1
    logits = model(pictures, OWNERS, read)
    wanted = F.cross_entropy(logits.flatten(0, 1), written.flatten(), ignore_index=-1, label_smoothing=0.2)
    assert_close("loss", model(pictures, OWNERS, read, written, 0.2), wanted)


def test_a_search_writes_with_prepared_steps_what_it_writes_with_the_module():
    model, (pictures, _) = make().requires_grad_(False), draw()
    beam = Beam(3, best=2)

    def write(chosen):
        return search(CaptionWriter(model, pictures[chosen], 12), len(chosen), end=12, longest=[7] * P, beam=beam)

    plain = write(list(range(P)))
    with held(model.parameters()):
        assert PreparedDecoder.prepare(model, model.encode(pictures)) is not None
        prepared = [write([p])[0] for p in range(P)]
    for one, other in zip(plain, prepared, strict=True):
        assert [(found.units, found.score) for found in one] == [(found.units, found.score) for found in other]
        assert one[0].attention.shape == (len(one[0].units) + 1, H * W)
        assert_close("attention", one[0].attention.sum(1), torch.ones(len(one[0].units) + 1))


def test_the_cells_of_a_photo_are_as_many_as_are_said():
    model = make(**PHOTOS)
    pictures, _ = draw(PHOTOS["size"])
    assert len(model.places) == 9
    assert model.encode(pictures).weights.shape[1] == 9 == torch.tensor(model.convolutions.cells(19, 24)).prod()
