"""Attention: against a loop over single numbers, gradients, the kernel against training, alone and in a batch."""

import itertools
import math

import pytest
import torch

from elman.errors import ConfigError, ShapeError
from elman.nn.attention import KINDS, Attention
from tolerances import assert_close, assert_identical

N, B, S, Q = 3, 5, 11, 6
LENGTHS = [11, 4, 0, 7, 1]


def make(kind, heads=1, dtype=torch.float64):
    torch.manual_seed(7)
    return Attention(Q, Q, kind, hidden_size=10 if heads == 2 else None, heads=heads).to(dtype)


def draw(dtype=torch.float64):
    torch.manual_seed(3)
    return torch.randn(N, B, Q, dtype=dtype), torch.randn(S, B, Q, dtype=dtype)


def by_hand(attention, query, memory, lengths, visible=None):
    """Attend with one number after the other, from the formulas of the papers."""
    heads, kind = attention.heads, attention.kind
    contexts, weights = torch.zeros(N, B, Q, dtype=torch.float64), torch.zeros(N, B, S, dtype=torch.float64)
    for n, b in itertools.product(range(N), range(B)):
        q, m = query[n, b], memory[:, b]
        u = q if attention.query is None else attention.query.weight @ q
        keys = m if attention.key is None else m @ attention.key.weight.T
        limit = lengths[b] if visible is None else min(lengths[b], int(visible[n, b]))
        part, width = len(u) // heads, Q // heads
        for head in range(heads):
            mine = slice(head * part, (head + 1) * part)
            if kind == "additive":
                scores = [float(attention.scorer[head] @ torch.tanh(u[mine] + keys[s, mine])) for s in range(limit)]
            else:
                scores = [float(u[mine] @ keys[s, mine]) / math.sqrt(part) for s in range(limit)]
            total = sum(map(math.exp, scores))
            for s, score in enumerate(scores):
                share = math.exp(score) / total
                weights[n, b, s] += share / heads
                read = slice(head * width, (head + 1) * width)
                contexts[n, b, read] += share * m[s, read]
    return contexts, weights


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_context_and_weights_are_those_of_the_formulas(kind, heads, training):
    attention, (query, memory) = make(kind, heads).train(training), draw()
    with torch.no_grad():
        context, weights = attention(query, memory, LENGTHS)
        expected = by_hand(attention, query, memory, LENGTHS)
    assert_close("context", context, expected[0])
    assert_close("weights", weights, expected[1])


@pytest.mark.parametrize("training", [True, False])
def test_a_query_sees_as_many_steps_as_it_may(training):
    attention, (query, memory) = make("bilinear").train(training), draw()
    visible = torch.tensor([[0, 2, 3, 9, 5], [20, 3, 1, 1, 0], [5, -3, 2, 7, 1]])
    with torch.no_grad():
        context, weights = attention(query, memory, LENGTHS, visible)
        expected = by_hand(attention, query, memory, LENGTHS, visible.clamp(min=0))
    assert_close("context", context, expected[0])
    assert_close("weights", weights, expected[1])


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_central_differences(kind, heads):
    attention, (query, memory) = make(kind, heads), draw()
    upstream = torch.randn(N, B, Q, dtype=torch.float64), torch.randn(N, B, S, dtype=torch.float64)
    parameters = list(attention.parameters())

    def loss(query, memory, *_):
        context, weights = attention(query, memory, LENGTHS)
        return (context * upstream[0]).sum() + (weights * upstream[1]).sum()

    given = [query.requires_grad_(), memory.requires_grad_(), *parameters]
    assert torch.autograd.gradcheck(loss, given, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_answered_alike_alone_and_in_a_batch(kind, dtype):
    attention, (query, memory) = make(kind, 2, dtype).eval(), draw(dtype)
    with torch.no_grad():
        context, weights = attention(query, memory, LENGTHS)
        for b, length in enumerate(LENGTHS):
            for n in range(N):
                alone = attention(query[n : n + 1, b : b + 1], memory[:length, b : b + 1], [length])
                assert_identical("context", alone.context[0, 0], context[n, b])
                assert_identical("weights", alone.weights[0, 0], weights[n, b, :length])


@pytest.mark.parametrize("training", [True, False])
def test_what_stands_behind_an_end_reaches_nothing(training):
    attention, (query, memory) = make("additive").train(training), draw()
    spoiled = memory.clone()
    for b, length in enumerate(LENGTHS):
        spoiled[length:, b] = torch.nan
    with torch.no_grad():
        for one, other in zip(attention(query, memory, LENGTHS), attention(query, spoiled, LENGTHS), strict=True):
            assert_identical("result", one, other)


def test_a_prepared_memory_is_read_in_any_choice_of_examples():
    attention, (query, memory) = make("additive", 2).eval(), draw()
    chosen = torch.tensor([3, 3, 0, 2])
    with torch.no_grad():
        whole = attention(query, memory, LENGTHS)
        few = attention(query[:, chosen], attention.prepare(memory, LENGTHS).select(chosen))
    assert_identical("context", few.context, whole.context[:, chosen])
    assert_identical("weights", few.weights, whole.weights[:, chosen])


def test_large_scores_do_not_overflow():
    attention, (query, memory) = make("dot").eval(), draw()
    with torch.no_grad():
        _, weights = attention(query * 1e6, memory, LENGTHS)
    assert weights.isfinite().all()
    assert_close("sums", weights.sum(2), torch.tensor([1.0, 1, 0, 1, 1], dtype=torch.float64).expand(N, B))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"query_size": 5, "memory_size": 7, "kind": "dot"}, "bilinear"),
        ({"query_size": 5, "memory_size": 7, "kind": "location"}, "dot, bilinear, additive"),
        ({"query_size": 5, "memory_size": 7, "heads": 2}, "divides both"),
        ({"query_size": 5, "memory_size": 7, "heads": 0}, "divides both"),
    ],
)
def test_what_cannot_be_built_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        Attention(**given)


def test_shapes_that_do_not_fit_are_refused():
    attention, (query, memory) = make("bilinear"), draw()
    with pytest.raises(ShapeError, match=r"Give \(N, 5, 6\)"):
        attention(query[:, :2], memory)
    with pytest.raises(ShapeError, match="M = 6"):
        attention(query, memory[..., :5])
    with pytest.raises(ShapeError, match="lengths"):
        attention(query, memory, [1, 2])
