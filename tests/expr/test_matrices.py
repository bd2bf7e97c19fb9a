"""Transposes and sums of matrices: what they mean, in what shapes, and what is refused."""

import pytest
import torch

import elman
from elman import CellError, cell, sigmoid, tanh


@cell
def antisymmetric(x, h, *, W, U, b):
    return h + 0.1 * tanh(W @ x + (U - U.T) @ h - 0.01 * h + b)


def by_hand(layer, x):
    h, found = torch.zeros(x.shape[1], layer.hidden_size, dtype=x.dtype), []
    matrix = layer.U_l0 - layer.U_l0.T
    for row in x:
        h = h + 0.1 * torch.tanh(row @ layer.W_l0.T + h @ matrix.T - 0.01 * h + layer.b_l0)
        found.append(h)
    return torch.stack(found)


@pytest.mark.parametrize("backend", ["reference", "auto"])
def test_the_antisymmetric_matrix_is_that_of_a_loop_with_every_gradient(backend):
    layer = elman.nn.Recurrent(antisymmetric, 3, 5, dtype=torch.float64, backend=backend)
    x = torch.randn(7, 2, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(7, 2, 5, dtype=torch.float64)
    tensors = [x, *layer.parameters()]
    ours, theirs = layer(x)[0], by_hand(layer, x)
    assert torch.allclose(ours, theirs, rtol=1e-12)
    for mine, right in zip(
        torch.autograd.grad(ours, tensors, upstream), torch.autograd.grad(theirs, tensors, upstream), strict=True
    ):
        assert torch.allclose(mine, right, rtol=1e-10, atol=1e-12)


def test_a_stream_and_one_step_give_the_bits_of_the_whole():
    layer = elman.nn.Recurrent(antisymmetric, 3, 5)
    x = torch.randn(7, 2, 3)
    with torch.no_grad():
        whole, state = layer(x)[0], None
        for t in range(7):
            output, state = layer(x[t : t + 1], state)
            assert torch.equal(output[0], whole[t])
        stream = layer.stream(2)
        assert all(torch.equal(stream.step(row), right) for row, right in zip(x, whole, strict=True))


def test_a_matrix_may_be_scaled_summed_and_transposed_as_a_whole():
    @cell
    def mixed(x, h, *, W, U):
        a = 2 * U.a - U.b.T / 4
        return tanh(W @ x - a.T @ h) + (U.a.T.T - -U.b) @ h

    assert mixed.equations() == "h' = tanh(W @ x - (2 * (U.a.T @ h) - 0.25 * (U.b @ h))) + (U.a @ h + U.b @ h)"


def test_shapes_follow_from_the_transpose():
    @cell
    def turned(x, h, *, W, S):
        return S.T @ sigmoid(S @ tanh(W @ x + h))

    layer = elman.nn.Recurrent(turned, 3, 5, sizes={"S": 2})
    assert (layer.W_l0.shape, layer.S_l0.shape) == ((5, 3), (2, 5))

    @cell
    def entry(x, h, *, W):
        return tanh(W.T @ x + h)

    assert elman.nn.Recurrent(entry, 3, 5).W_l0.shape == (3, 5)


def refuse(equations):
    with pytest.raises(CellError) as refused:
        cell(equations)
    return str(refused.value)


def test_what_is_no_matrix_is_refused():
    assert "the transpose of U multiplies nothing" in refuse(lambda x, h, *, W, U: W @ x + U.T * h)
    assert "other than a parameter on its left" in refuse(lambda x, h, *, W: W @ x + h.T @ h)
    assert "other than a parameter on its left" in refuse(lambda x, h, *, W, U: (h * U) @ x + W @ h)
    assert "other than a parameter on its left" in refuse(lambda x, h, *, W, U: (W @ U.T) @ x + h)
    assert "the transpose of U multiplies nothing" in refuse(lambda x, h, *, W, U: W @ U.T + h)
    assert "used alone" in refuse(lambda x, h, *, W: W.a @ x + W.T @ h)


def test_a_matrix_with_a_million_terms_is_refused_at_once():
    def doubling(x, h, *, W):
        matrix = W
        for _ in range(1000):
            matrix = matrix + matrix.T
        return matrix @ h + x

    assert "other than a parameter on its left" in refuse(doubling)
