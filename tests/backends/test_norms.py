"""The norms of dL/ds at every time step and example, which the mirror computes."""

import pytest
import torch

import elman
from elman import cells
from elman.autodiff import derive
from elman.backends import load
from elman.backends.inputs import Inputs

T, B, I, H = 7, 5, 3, 37


@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "reverse"])
@pytest.mark.parametrize("lengths", [None, [7, 0, 3, 1, 6]], ids=["whole", "ragged"])
@pytest.mark.parametrize("name", ["reference", "llvm"])
@pytest.mark.parametrize("chosen", [cells.lstm, cells.gru, cells.elman], ids=lambda c: c.name)
def test_norms_are_those_of_what_autograd_finds_at_every_state(chosen, name, lengths, reverse):
    torch.manual_seed(3)
    layer = elman.nn.Recurrent(chosen, I, H, dtype=torch.float64)
    program, backend = derive(chosen), load(name)
    lengths = None if lengths is None else torch.tensor(lengths)
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = [torch.randn(B, n, dtype=torch.float64) for n in layer.state_sizes]
    given = Inputs(x, states, [p.detach() for p in layer.parameters()], lengths, reverse)
    output, final, saved = backend.run_forward(program, given)
    d_output, d_final = torch.randn_like(output), [torch.randn_like(f) for f in final]
    norms = torch.zeros(len(states), T, B, dtype=torch.float64)
    backend.run_mirror(program, given, output, saved, d_output, d_final, norms=norms)
    assert torch.allclose(norms, step_by_step(program, given, d_output, d_final), rtol=1e-11, atol=1e-12)


def step_by_step(program, given, d_output, d_final):
    """Run single steps under autograd, and compute the gradient of the states after each."""
    reference, steps = load("reference"), len(given.x)
    lengths = given.lengths if given.lengths is not None else torch.full((B,), steps)
    found = torch.zeros(len(given.states), steps, B, dtype=torch.float64)
    for example in range(B):
        order = range(int(lengths[example]))
        states = [s[example : example + 1].clone().requires_grad_() for s in given.states]
        after, total = {}, torch.zeros((), dtype=torch.float64)
        for t in reversed(order) if given.reverse else order:
            states = reference.run_step(program, Inputs(given.x[t, example : example + 1], states, given.parameters))
            # A separate tensor for each state: that the step computes h from c must not enter dL/dc.
            states = [s.clone() for s in states]
            after[t] = states
            total = total + (states[0] * d_output[t, example]).sum()
        total = total + sum((s * d[example]).sum() for s, d in zip(states, d_final, strict=True))
        for t, held in after.items():
            gradients = torch.autograd.grad(total, held, retain_graph=True)
            found[:, t, example] = torch.stack([g.norm() for g in gradients])
    return found
