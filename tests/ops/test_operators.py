"""The operators follow torch's rules, and equal the reference in eager mode, on any backend."""

import pytest
import torch

import elman
from elman import cell, cells, ops, tanh
from elman.autodiff import derive
from elman.errors import ShapeError, SlowWarning
from elman.nn import Recurrent
from tolerances import assert_close

T, B, I, H = 5, 3, 7, 11


def draw(chosen, follow=True):
    """Draw a program and what it reads, in float64, in the order of the operators' arguments; no lengths."""
    program = derive(chosen)
    sizes = chosen.sizes(I, H, dict.fromkeys(chosen.open_sizes, H))
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = [torch.randn(B, sizes[chosen.state_size(s)], dtype=torch.float64) for s in chosen.states]
    parameters = [torch.randn(p.full_shape(sizes), dtype=torch.float64) / 2 for p in program.parameters]
    sides = [torch.rand(T, B, 1, dtype=torch.float64) for _ in chosen.sides]
    for tensor in (x, *states, *parameters):
        tensor.requires_grad_(follow)
    return program, [x, states, parameters, sides]


@pytest.mark.parametrize("every", [0, 2])
@pytest.mark.parametrize("lengths", [None, [5, 0, 3]])
@pytest.mark.parametrize("chosen", [cells.lstm, cells.cfc], ids=lambda c: c.name)
def test_forward_keeps_the_rules_of_an_operator(chosen, lengths, every):
    program, tensors = draw(chosen)
    lengths = None if lengths is None else torch.tensor(lengths)
    how = (program.text, "reference", lengths is not None, every)
    torch.library.opcheck(torch.ops.elman.forward.default, (*tensors, lengths, *how, True))


@pytest.mark.parametrize(
    ("chosen", "lengths", "every", "needs_input"),
    [
        (cells.elman, None, 2, True),
        (cells.lstm, [5, 0, 3], 0, True),
        (cells.lstm, [5, 0, 3], 2, False),
        pytest.param(cells.lstm, None, 0, True, marks=pytest.mark.slow),
        pytest.param(cells.lstm, None, 2, False, marks=pytest.mark.slow),
    ],
)
def test_mirror_keeps_the_rules_of_an_operator(chosen, lengths, every, needs_input):
    # Derivatives of the mirror cannot be traced where there are lengths: the reference looks at their values.
    program, tensors = draw(chosen, follow=lengths is None)
    tensors[0].requires_grad_(lengths is None and needs_input)
    lengths = None if lengths is None else torch.tensor(lengths)
    how = (program.text, "reference", lengths is not None, every)
    with torch.no_grad():
        output, final, saved = torch.ops.elman.forward(*tensors, lengths, *how, True)
    d_output, *d_final = (torch.randn_like(v).requires_grad_(lengths is None) for v in (output, *final))
    arguments = (*tensors, lengths, output, saved, d_output, d_final, *how, needs_input)
    torch.library.opcheck(torch.ops.elman.mirror.default, arguments)


# States that a careless implementation would return as the given tensors, or as views of one.
SHARING = {
    "a state stays": lambda x, h, c, *, W: (tanh(W @ x) + c, c),
    "states change places": lambda x, h, c, *, W: (c + 0 * (W @ x), h),
    "a state is the input": lambda x, h, c, *, W: (tanh(W @ c), x),
    "states are parts of one product": lambda x, h, c, *, W: (W.a @ x, W.b @ x),
    "two states are one value": lambda x, h, c, *, W: (tanh(W @ x + h + c),) * 2,
    "a state is a number": lambda x, h, c, *, W: (tanh(W @ x + h + c), 0.5),
}


@pytest.mark.parametrize("equations", SHARING.values(), ids=SHARING)
def test_no_result_shares_memory_with_another_or_with_what_was_given(equations):
    chosen = cell(equations)
    program, tensors = draw(chosen, follow=False)
    output, final, saved = torch.ops.elman.forward(*tensors, None, program.text, "reference", False, 0, True)
    d_output, d_final = torch.randn_like(output), [torch.randn_like(f) for f in final]
    how = (program.text, "reference", False, 0, True)
    gradients = torch.ops.elman.mirror(*tensors, None, output, saved, d_output, d_final, *how)
    given = [tensors[0], *tensors[1], *tensors[2], d_output, *d_final]
    found = [output, *final, *saved, gradients[0], *gradients[1], *gradients[2]]
    places = [t.untyped_storage().data_ptr() for t in (*given, *found)]
    assert len(set(places)) == len(places)
    assert all(t.is_contiguous() for t in found)


def test_a_program_that_is_read_from_its_text_in_another_process_is_the_same(monkeypatch):
    from elman.autodiff import noise
    from elman.autodiff import program as module

    masks = noise.Noise(recurrent_dropout=(("h", 0.25),), zoneout=(("c", 0.5),))
    for program in (derive(cells.lstm, False, masks), derive(cells.cfc)):
        assert module.read_program(program.text) is program
        monkeypatch.setattr(module, "_written", {})  # nothing of this process is known there
        again = module._read.__wrapped__(program.text)
        assert again is not program
        assert (again.graph, again.bias, again.noise) == (program.graph, program.bias, program.noise)
        assert again.text == program.text
        monkeypatch.undo()
    for wrong in ("", "[]", "{}", '{"bias": 1, "cell": {}, "noise": {}}', program.text.replace("drawn", "drowned")):
        with pytest.raises(elman.CellError, match="not the form of a saved"):
            module.read_program(wrong)


@pytest.mark.parametrize("lengths", [None, [5, 0, 3], [0, 0, 0]])
@pytest.mark.parametrize("every", [None, 2])
def test_a_layer_gives_the_same_on_every_backend(lean, lengths, every):
    layer = Recurrent(cells.lstm, I, H, 2, bidirectional=True, recompute_every=every, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    start = tuple(torch.randn(4, B, H, dtype=torch.float64) for _ in range(2))
    found = []
    for backend in ("reference", "lean"):
        with elman.backend(backend):
            output, final = layer(x, start, lengths)
        loss = output.square().sum() + (final[0] * final[1]).sum()
        found.append([output, *final, *torch.autograd.grad(loss, [x, *layer.parameters()])])
    names = ["output", "h", "c", "d_x", *(f"d_{name}" for name, _ in layer.named_parameters())]
    for name, right, other in zip(names, *found, strict=True):
        assert_close(name, other, right)
    assert bool(lean.asked) == (lengths != [0, 0, 0]), "a batch of padding alone is nothing to run"


def test_no_gradient_of_the_input_is_computed_where_none_is_asked(lean):
    layer = elman.nn.GRU(I, H, 2)
    layer(torch.randn(T, B, I))[0].sum().backward()
    assert lean.asked == [("forward", T, True)] * 2 + [("mirror", T, True), ("mirror", T, False)]


def test_nothing_is_saved_without_a_gradient(lean):
    layer = elman.nn.GRU(I, H)
    with torch.no_grad():
        layer(torch.randn(T, B, I))
    layer.requires_grad_(False)(torch.randn(T, B, I))
    assert lean.asked == [("forward", T, False)] * 2


def test_second_derivatives_run_on_the_reference_and_say_so_once(lean):
    layer = elman.nn.GRU(2, 3, dtype=torch.float64)
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    parameters = dict(layer.named_parameters())
    start = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x, start, *values):
        layer_of = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(layer, layer_of, (x, start), {"lengths": [4, 1]})

    with pytest.warns(SlowWarning) as said:
        assert torch.autograd.gradgradcheck(run, (x, start, *parameters.values()))
    assert [str(one.message) for one in said] == ["torch_gru runs on the reference where a gradient is differentiated"]


def test_a_third_derivative_equals_that_of_the_loop_in_torch():
    layer = torch.nn.RNNCell(2, 3, dtype=torch.float64)
    ours = elman.nn.RNN(2, 3, dtype=torch.float64)
    ours.load_state_dict({f"{name}_l0": value for name, value in layer.state_dict().items()})
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)

    def loop(x):
        h = torch.zeros(2, 3, dtype=torch.float64)
        for step in x:
            h = layer(step, h)
        return h

    found = []
    for run in (lambda x: ours(x)[1][0], loop):
        value = run(x).square().sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, x, create_graph=True)
            value = gradient.square().sum()
        found.append(gradient)
    assert_close("third derivative", *found)


def test_one_tensor_in_two_places_gets_both_shares_of_a_second_derivative():
    layer = Recurrent(cells.lstm, 2, 3, dtype=torch.float64)
    x = torch.randn(4, 2, 2, dtype=torch.float64)
    start = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda s: layer(x, (s, s))[0], (start,))


def test_function_transforms_run_on_the_reference_and_say_so_once(lean):
    layer = elman.nn.GRU(I, H, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64)
    stacked = {name: torch.stack([p, -p]) for name, p in layer.named_parameters()}
    with pytest.warns(SlowWarning) as said:
        both = [torch.vmap(lambda p: torch.func.functional_call(layer, p, (x,))[0])(stacked) for _ in range(2)][1]
    for number, sign in enumerate((1, -1)):
        own = {name: sign * p for name, p in layer.named_parameters()}
        assert_close("output", both[number], torch.func.functional_call(layer, own, (x,))[0])
    what = "torch_gru runs on the reference where torch.func or forward-mode differentiation transforms it"
    assert [str(one.message) for one in said] == [what]


@pytest.mark.parametrize("shape", [(0, B, I), (T, 0, I)])
def test_a_run_of_nothing_has_gradients_and_second_derivatives_of_zero(shape):
    program, (_, _, parameters, _) = draw(cells.lstm)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    start = [torch.randn(shape[1], H, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    output, final = ops.run(program, "auto", x, start, parameters)
    assert output.shape == (*shape[:2], H)
    assert all(torch.equal(a, b) for a, b in zip(final, start, strict=True))
    loss = sum(v.square().sum() for v in (output, *final))
    d_x, d_h, d_c, *rest = torch.autograd.grad(loss, [x, *start, *parameters], create_graph=True)
    assert d_x.shape == shape
    assert_close("d_h", d_h, 2 * start[0])
    assert_close("d_c", d_c, 2 * start[1])
    assert not any(g.any() for g in rest)
    if shape[0] == 0:
        (again,) = torch.autograd.grad(d_h.square().sum(), start[0])
        assert_close("second derivative", again, 8 * start[0])


@pytest.mark.parametrize("lengths", [[6, 0, 1], [5, -1, 1]])
def test_a_length_out_of_range_is_refused_by_the_operator_too(lengths):
    program, tensors = draw(cells.gru, follow=False)
    with pytest.raises(ShapeError, match="A length is from 0 to 5"):
        torch.ops.elman.forward(*tensors, torch.tensor(lengths), program.text, "reference", False, 0, False)


def test_what_an_operator_is_given_must_have_the_shapes_of_its_run():
    program, (x, states, parameters, sides) = draw(cells.lstm, follow=False)
    how = (program.text, "llvm", False, 0)
    output, final, saved = torch.ops.elman.forward(x, states, parameters, sides, None, *how, True)
    given = (x, states, parameters, sides, None)

    def mirror(output=output, saved=saved, d_output=output, d_final=final):
        return torch.ops.elman.mirror(*given, output, saved, d_output, d_final, *how, True)

    mirror()
    for wrong in (
        {"output": output[:-1]},
        {"d_output": output[..., :-1]},
        {"d_final": [final[0], final[1][:-1]]},
        {"saved": [saved[0][:-1]]},
    ):
        with pytest.raises(ShapeError, match="Give"):
            mirror(**wrong)
    with pytest.raises(ShapeError, match="state c has shape"):
        torch.ops.elman.forward(x, [states[0], states[1][:-1]], *given[2:], *how, True)
    strided = torch.stack([saved[0], saved[0]], 1)[:, 0]
    assert_close("dL/dx", mirror(saved=[strided])[0], mirror()[0])
