"""The layers of a transcriber: padding, batches, the loss of CTC, silence, sounds of one frame."""

import pytest
import torch

from elman import cells
from elman.decoding.ctc.lattice import log_probability
from elman.decoding.ctc.outputs import read_greedily, split_sources
from elman.models.layers import Layers
from elman.tasks.transcribe.module import SUBSAMPLING, SpeechNetwork
from tolerances import assert_close

T, B, D, V = 43, 5, 13, 7
LENGTHS = torch.tensor([43, 1, 17, 30, 4])


def network_of(name="gru", *, trained=False, **options):
    torch.manual_seed(3)
    layers = Layers(hidden=11, layers=2, bidirectional=options.pop("bidirectional", True))
    network = SpeechNetwork(cells.find(name), layers, features=D, units=V, channels=19, **options)
    if trained:
        for _ in range(3):  # the statistics of the normalisation are no longer 0 and 1
            network(torch.randn(T, B, D) * 2 + 1, LENGTHS)
    return network.eval()


def frames_of(seed=1):
    return torch.randn(T, B, D, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_answer_is_the_same_alone_and_in_a_batch_bit_for_bit(bidirectional):
    network, frames = network_of(trained=True, bidirectional=bidirectional), frames_of()
    with torch.no_grad():
        together, lengths = network(frames, LENGTHS)
        assert lengths.tolist() == [-(-length // SUBSAMPLING) for length in LENGTHS.tolist()]
        for source, length in enumerate(LENGTHS.tolist()):
            alone, own = network(frames[:length, source : source + 1], LENGTHS[source : source + 1])
            assert torch.equal(alone[:, 0], together[: int(own), source])


def test_padding_changes_neither_loss_nor_gradient_nor_statistics():
    texts = [[1, 2, 2], [], [6], [3, 4], [5]]
    found = []
    for padding, longer in ((0.0, 0), (1e3, 17)):
        network = network_of().train()
        frames = torch.cat([frames_of(), torch.zeros(longer, B, D)])
        for source, length in enumerate(LENGTHS.tolist()):
            frames[length:, source] = padding
        loss = network.loss(*network(frames, LENGTHS), texts)
        loss.backward()
        gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
        found.append({"loss": loss.detach(), **gradients, **dict(network.named_buffers())})
    for name, one in found[0].items():
        assert_close(name, found[1][name].float(), one.float())
        assert float(one.abs().sum()) > 0


def test_the_loss_is_that_of_all_paths_a_unit():
    network, texts = network_of(), [[1, 2, 2], [], [6], [3, 4], [5]]
    with torch.no_grad():
        log_p, lengths = network(frames_of(), LENGTHS)
        expected = [
            -log_probability(rows, [text])[0] / max(1, len(text))
            for rows, text in zip(split_sources(log_p, lengths), texts, strict=True)
        ]
        assert float(network.loss(log_p, lengths, texts)) == pytest.approx(sum(expected) / B, rel=1e-5)


def test_a_text_that_is_too_long_counts_as_0():
    network = network_of()
    with torch.no_grad():
        log_p, lengths = network(frames_of(), LENGTHS)
        rest = network.loss(log_p[:, :1], lengths[:1], [[1]])
        both = network.loss(log_p[:, :2], lengths[:2], [[1], [2, 2]])
    assert float(both) == pytest.approx(float(rest) / 2)


def test_sounds_and_silence_are_learnt():
    network = network_of("lstm").train()
    frames, texts = frames_of(), [[1, 2, 2, 6], [], [6], [3, 4], []]
    frames[:, 1::3] = 0.0
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(120):
        optimiser.zero_grad()
        network.loss(*network(frames, LENGTHS), texts).backward()
        optimiser.step()
    with torch.no_grad():
        assert read_greedily(*network(frames, LENGTHS)) == texts


def test_a_single_short_sound_can_be_trained_on():
    network = network_of().train()
    log_p, lengths = network(frames_of()[:1, :1], torch.tensor([1]))
    assert log_p.isfinite().all()
    assert lengths.tolist() == [1]
