"""The mirror: equal to torch's autograd over the forward loop, to closed forms, and to itself differentiated again."""

import pytest
import torch

from elman import cell, cells, ops, sigmoid, tanh, where
from elman.autodiff import derive
from elman.backends import reference
from elman.backends.inputs import Inputs
from elman.cells import torch_layers
from elman.testing import random_cell
from tolerances import assert_close
from unusual_cells import UNUSUAL

T, B, I, H = 5, 3, 7, 11
ZOO = [cells.find(n) for n in cells.names()] + [
    torch_layers.torch_rnn_tanh,
    torch_layers.torch_rnn_relu,
    torch_layers.torch_lstm,
    torch_layers.torch_lstm_projected,
    torch_layers.torch_gru,
]


def draw(chosen, bias=True, dtype=torch.float64):
    """Draw random tensors for a cell: x, states and parameters, all of which require gradients."""
    program = derive(chosen, bias)
    extent = H if chosen.ties else I
    sizes = chosen.sizes(extent, H, dict.fromkeys(chosen.open_sizes, 2))
    x = torch.randn(T, B, extent, dtype=dtype)
    states = [torch.randn(B, sizes[chosen.state_size(s)], dtype=dtype) for s in chosen.states]
    parameters = [torch.randn(p.full_shape(sizes), dtype=dtype) / 2 for p in program.parameters]
    for tensor in (x, *states, *parameters):
        tensor.requires_grad_()
    return program, x, states, parameters


def both(chosen, *, bias=True, lengths=None, reverse=False):
    """Compute every gradient twice: by the mirror, and by autograd over the forward loop."""
    program, x, states, parameters = draw(chosen, bias)
    lengths = None if lengths is None else torch.tensor(lengths)
    sides = [torch.randn(T, B, 1, dtype=torch.float64) for _ in chosen.sides]
    inputs = Inputs(x, states, parameters, lengths, reverse, sides)
    output, final, saved = reference.run_forward(program, inputs)
    assert [tuple(v.shape) for v in saved] == reference.saved_shapes(program, inputs)
    upstream = [torch.randn_like(v) for v in (output, *final)]
    followed = [(v, d) for v, d in zip((output, *final), upstream, strict=True) if v.requires_grad]
    loop = torch.autograd.grad(
        [v for v, _ in followed], [x, *states, *parameters], [d for _, d in followed], allow_unused=True
    )
    loop = [torch.zeros_like(t) if g is None else g for g, t in zip(loop, (x, *states, *parameters), strict=True)]
    with torch.no_grad():
        output, _, saved = reference.run_forward(program, inputs)
        d_x, d_states, d_parameters = reference.run_mirror(program, inputs, output, saved, upstream[0], upstream[1:])
    names = ["x", *program.states, *(p.name for p in program.parameters)]
    return zip(names, (d_x, *d_states, *d_parameters), loop, strict=True)


@pytest.mark.parametrize("lengths", [None, [5, 0, 3], [1, 5, 5]])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
def test_the_mirror_of_every_cell_equals_autograd_over_the_forward_loop(chosen, reverse, lengths):
    for name, mirror, loop in both(chosen, lengths=lengths, reverse=reverse):
        assert_close(f"{chosen.name} d_{name}", mirror, loop)


@pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
def test_the_mirror_without_biases_equals_autograd_over_the_forward_loop(chosen):
    for name, mirror, loop in both(chosen, bias=False, lengths=[5, 2, 4]):
        assert_close(f"{chosen.name} d_{name}", mirror, loop)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("chosen", UNUSUAL.values(), ids=UNUSUAL)
def test_the_mirror_of_unusual_equations_equals_autograd_over_the_forward_loop(chosen, reverse):
    for lengths in (None, [5, 0, 3]):
        for name, mirror, loop in both(chosen, lengths=lengths, reverse=reverse):
            assert_close(name, mirror, loop)


@pytest.mark.parametrize("seed", range(100))
def test_the_mirror_of_random_cells_equals_autograd_over_the_forward_loop(seed):
    for name, mirror, loop in both(random_cell(seed), lengths=[5, 0, 3], reverse=seed % 2 == 1):
        assert_close(f"random_{seed} d_{name}", mirror, loop, allowed=1e-10)


def test_the_gradient_of_the_input_may_be_left_out_without_changing_the_others():
    program, x, states, parameters = draw(cells.gru)
    arguments = (program, Inputs(x.detach(), [s.detach() for s in states], [p.detach() for p in parameters]))
    output, final, saved = reference.run_forward(*arguments)
    upstream = (torch.randn_like(output), [torch.randn_like(f) for f in final])
    whole = reference.run_mirror(*arguments, output, saved, *upstream)
    part = reference.run_mirror(*arguments, output, saved, *upstream, needs_input=False)
    assert part[0] is None
    for number, (one, other) in enumerate(zip(whole[1] + whole[2], part[1] + part[2], strict=True)):
        assert_close(f"gradient {number}", other, one)  # torch's products are rounded by where their factors lie


@cell
def linear(x, h, *, W, U):
    return W @ x + U @ h


def scalar(weight, steps):
    """Run the scalar linear network with an impulse at the first step; give h_T and dh_T/dw."""
    program = derive(linear)
    x = torch.zeros(steps, 1, 1, dtype=torch.float64)
    x[0] = 1.0
    w = torch.full((1, 1), weight, dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    parameters = [{"W": one, "U": w}[p.name] for p in program.parameters]
    output, _ = ops.run(program, "reference", x, [torch.zeros(1, 1, dtype=torch.float64)], parameters)
    (gradient,) = torch.autograd.grad(output[-1].sum(), w)
    return output[-1].item(), gradient.item()


def test_an_impulse_decays_as_its_weights_power_and_the_gradient_is_the_sum_of_equal_shares():
    value, gradient = scalar(0.9, 51)
    assert value == pytest.approx(0.00515377520732012, rel=1e-12)
    assert gradient == pytest.approx(0.28632084485111775, rel=1e-12)  # 50 shares of 0.9^49
    assert gradient / 50 == pytest.approx(0.005726416897022355, rel=1e-12)


def test_a_weight_above_one_explodes():
    value, _ = scalar(1.9, 51)
    assert value == pytest.approx(8.66323404960593e13, rel=1e-12)


def test_explicit_and_implicit_parts_add_up_to_the_gradient_of_the_recurrent_weight():
    # h_t = tanh(u x_t + w h_{t−1}), differentiated by hand as the chapter on BPTT does
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(T, dtype=torch.float64, generator=generator)
    u, w, h0 = 0.7, -1.3, 0.4
    h, shares = h0, []
    for t in range(T):
        before, h = h, torch.tanh(u * x[t] + w * h).item()
        explicit = (1 - h * h) * before
        shares = [share * (1 - h * h) * w for share in shares] + [explicit]
    program = derive(cells.elman)
    weight = torch.full((1, 1), w, dtype=torch.float64, requires_grad=True)
    given = {"W": torch.full((1, 1), u, dtype=torch.float64), "U": weight, "b": torch.zeros(1, dtype=torch.float64)}
    start = torch.full((1, 1), h0, dtype=torch.float64)
    parameters = [given[p.name] for p in program.parameters]
    output, _ = ops.run(program, "reference", x.view(T, 1, 1), [start], parameters)
    (gradient,) = torch.autograd.grad(output[-1].sum(), weight)
    assert gradient.item() == pytest.approx(sum(shares), rel=1e-12)
    assert gradient.item() != pytest.approx(shares[-1], rel=1e-3)  # the explicit part alone is not the gradient


def test_a_gated_state_without_recurrent_weights_keeps_the_gates_power():
    # GRU with U = 0, W.z = 0 and b.z = 2: dh_T/dh_k = σ(2)^(T−k) · 1
    program = derive(cells.gru)
    _, x, (h,), parameters = draw(cells.gru)
    given = dict(zip([p.name for p in program.parameters], (p.detach().clone() for p in parameters), strict=True))
    given["U"].zero_()
    given["W"][H : 2 * H].zero_()
    given["b"][H : 2 * H] = 2.0
    output, _ = ops.run(program, "reference", x, [h], [given[p.name] for p in program.parameters])
    (gradient,) = torch.autograd.grad(output[-1].sum(), h)
    assert_close(
        "d_h0", gradient, torch.full_like(h, torch.sigmoid(torch.tensor(2.0, dtype=torch.float64)).item() ** T)
    )


@pytest.mark.parametrize("chosen", [cells.lstm, cells.mgu, cells.elman_relu], ids=lambda c: c.name)
@pytest.mark.parametrize("lengths", [None, [3, 0]])
def test_first_and_second_derivatives_pass_torchs_numerical_checks(chosen, lengths):
    program = derive(chosen)
    sizes = chosen.sizes(2, 3)
    shapes = [(3, 2, 2), *((2, sizes[chosen.state_size(s)]) for s in chosen.states)]
    shapes += [p.full_shape(sizes) for p in program.parameters]
    tensors = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    lengths = None if lengths is None else torch.tensor(lengths)
    count = 1 + len(chosen.states)

    def run(x, *rest):
        output, final = ops.run(
            program, "reference", x, rest[: count - 1], rest[count - 1 :], lengths, lengths is not None
        )
        return (output, *final)

    assert torch.autograd.gradcheck(run, tensors)
    assert torch.autograd.gradgradcheck(run, tensors)


def test_a_parameter_that_only_decides_a_comparison_has_a_zero_gradient():
    @cell
    def decided(x, h, *, W, limit):
        return tanh(where(h > limit, W @ x, h))

    for name, mirror, _ in both(decided):
        if name == "limit":
            assert torch.count_nonzero(mirror) == 0
            assert mirror.shape == (H,)


def test_a_function_of_parameters_alone_collects_its_gradient_over_time_before_it_is_passed_on():
    @cell
    def decaying(x, h, *, W, rate):
        keep = sigmoid(rate)
        return keep * h + (1 - keep) * (W @ x)

    program = derive(decaying)
    operations = [program.graph.nodes[i].op for i in program.mirror.end]
    assert operations.index("total") < operations.index("mul")
    for name, mirror, loop in both(decaying, lengths=[5, 0, 2]):
        assert_close(name, mirror, loop)
