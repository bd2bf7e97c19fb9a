"""Compare the linear chain with a sum over all sequences, in float64."""

import itertools

import pytest
import torch

from elman.decoding.crf import LinearChain

T, B, K = 5, 3, 4
LENGTHS = torch.tensor([5, 1, 3])


@pytest.fixture
def chain():
    torch.manual_seed(7)
    field = LinearChain(K).double()
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=1.5)
    return field


@pytest.fixture
def emissions():
    return torch.randn(T, B, K, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).mul(2)


def score(chain, emissions, tags):
    """Add up one sequence of tags, one example: the definition."""
    total = chain.start[tags[0]] + chain.end[tags[-1]]
    total = total + sum(emissions[t, tag] for t, tag in enumerate(tags))
    return total + sum(chain.transitions[one, other] for one, other in itertools.pairwise(tags))


def all_scores(chain, emissions, length):
    sequences = list(itertools.product(range(K), repeat=length))
    return sequences, torch.stack([score(chain, emissions, tags) for tags in sequences])


def test_log_z_is_the_sum_over_all_sequences(chain, emissions):
    found = chain.log_partition(emissions, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        _, scores = all_scores(chain, emissions[:, b], length)
        torch.testing.assert_close(found[b], scores.logsumexp(0), rtol=1e-12, atol=1e-12)


def test_probabilities_of_all_sequences_add_up_to_one(chain, emissions):
    for b, length in enumerate(LENGTHS.tolist()):
        sequences = torch.tensor(list(itertools.product(range(K), repeat=length))).T
        padded = torch.zeros(T, sequences.shape[1], dtype=torch.int64)
        padded[:length] = sequences
        many = emissions[:, b : b + 1].expand(T, sequences.shape[1], K)
        log_p = chain.log_probability(many, padded, LENGTHS[b].expand(sequences.shape[1]))
        torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0, dtype=torch.float64), rtol=1e-12, atol=0)


def test_the_best_sequence_is_the_best_of_all(chain, emissions):
    found = chain.best(emissions, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        sequences, scores = all_scores(chain, emissions[:, b], length)
        assert tuple(found[:length, b].tolist()) == sequences[int(scores.argmax())]
    assert found[1:, 1].tolist() == [0] * (T - 1)


def test_through_padding_of_any_length_the_best_is_the_best_and_z_is_the_sum():
    steps, batch, tags = 4, 300, 3
    torch.manual_seed(11)
    field = LinearChain(tags).double()
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=1.5)
    emissions, lengths = 2 * torch.randn(steps, batch, tags, dtype=torch.float64), torch.randint(1, steps + 1, (batch,))
    found, log_z = field.best(emissions, lengths), field.log_partition(emissions, lengths)
    for length in range(1, steps + 1):
        of_it = lengths == length
        sequences = torch.tensor(list(itertools.product(range(tags), repeat=length)))
        scores = torch.stack([score(field, emissions[:length, of_it].transpose(1, 2), one) for one in sequences])
        assert torch.equal(found[:length, of_it].T, sequences[scores.argmax(0)])
        assert not found[length:, of_it].any()
        torch.testing.assert_close(log_z[of_it], scores.logsumexp(0), rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_the_sum(chain, emissions):
    tags = torch.randint(K, (T, B), generator=torch.Generator().manual_seed(2))
    upstream = torch.randn(B, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = [emissions.requires_grad_(), *chain.parameters()]
    ours = torch.autograd.grad((chain.log_probability(emissions, tags, LENGTHS) * upstream).sum(), inputs)
    total = torch.zeros((), dtype=torch.float64)
    for b, length in enumerate(LENGTHS.tolist()):
        _, scores = all_scores(chain, emissions[:, b], length)
        right = score(chain, emissions[:, b], tags[:length, b].tolist())
        total = total + (right - scores.logsumexp(0)) * upstream[b]
    for one, other in zip(ours, torch.autograd.grad(total, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_padding_behind_the_end_changes_nothing(chain, emissions):
    tags = torch.randint(K, (T, B), generator=torch.Generator().manual_seed(2))
    before = chain.log_probability(emissions, tags, LENGTHS)
    changed, marked = emissions.clone(), tags.clone()
    changed[3:, 2], marked[3:, 2] = 1e6, -1
    assert torch.equal(chain.log_probability(changed, marked, LENGTHS), before)
    assert torch.equal(chain.best(changed, LENGTHS), chain.best(emissions, LENGTHS))


@pytest.mark.parametrize("size", [1e-3, 30.0, 300.0])
def test_log_z_is_exact_for_large_and_small_numbers_in_float32(size):
    torch.manual_seed(1)
    field = LinearChain(K)
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=size / 10)
    emissions = torch.randn(T, B, K) * size
    double = LinearChain(K).double()
    double.load_state_dict({name: value.double() for name, value in field.state_dict().items()})
    expected = [
        all_scores(double, emissions[:, b].double(), length)[1].logsumexp(0)
        for b, length in enumerate(LENGTHS.tolist())
    ]
    torch.testing.assert_close(
        field.log_partition(emissions, LENGTHS).double(), torch.stack(expected), rtol=1e-6, atol=1e-6
    )
