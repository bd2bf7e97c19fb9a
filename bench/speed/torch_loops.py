"""Write cells that torch lacks the way a careful user of torch would, as what our compiled cells are compared with.

The products with the input leave the loop as one product for all gates and time steps; in the loop all gates that can
share one product do; elementwise work is joined where torch has an operation for it; autograd does the rest. The names
and the order of the parameters are those of our layers, and `custom_cells` checks that both compute the same.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def run_ahead(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """Multiply the input of all time steps (T, B, I) with all gates' matrices: (T, B, G · H)."""
    return F.linear(x.flatten(0, 1), W, b).view(*x.shape[:2], -1)


def lstm_peephole(x: Tensor, W: Tensor, U: Tensor, p: Tensor, b: Tensor) -> Tensor:
    """Unroll :obj:`elman.cells.lstm_peephole` over x (T, B, I)."""
    batch, hidden = x.shape[1], U.shape[1]
    h = c = x.new_zeros(batch, hidden)
    p_if, p_o = p[: 2 * hidden].view(2, hidden), p[2 * hidden :]
    U_t = U.t()
    outputs = []
    for ahead in run_ahead(x, W, b).unbind(0):
        a_if, a_g, a_o = torch.addmm(ahead, h, U_t).split((2 * hidden, hidden, hidden), 1)
        i, f = torch.sigmoid(torch.addcmul(a_if.view(batch, 2, hidden), p_if, c.unsqueeze(1))).unbind(1)
        c = torch.addcmul(f * c, i, torch.tanh(a_g))
        h = torch.sigmoid(torch.addcmul(a_o, p_o, c)) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def lem(x: Tensor, **parameters: Tensor) -> Tensor:
    """Unroll :obj:`elman.cells.lem` over x (T, B, I); here W multiplies the states and V the input."""
    # Our layer keeps members of y and of z apart; here three gates are made to share a product, once a call.
    W, V, b = (torch.cat([parameters[f"{family}_delta_y"], parameters[family]]) for family in "WVb")
    hidden = W.shape[1]
    y = z = x.new_zeros(x.shape[1], hidden)
    W_t, W_y_t = W.t(), parameters["W_y"].t()
    for_gates = run_ahead(x, V, b).unbind(0)
    for_y = run_ahead(x, parameters["V_y"], parameters["b_y"]).unbind(0)
    outputs = []
    for ahead, ahead_y in zip(for_gates, for_y, strict=True):
        a_delta, a_z = torch.addmm(ahead, y, W_t).split((2 * hidden, hidden), 1)
        delta_y, delta_z = torch.sigmoid(a_delta).chunk(2, 1)
        z = torch.lerp(z, torch.tanh(a_z), delta_z)
        y = torch.lerp(y, torch.tanh(torch.addmm(ahead_y, z, W_y_t)), delta_y)
        outputs.append(y)
    return torch.stack(outputs)


def lstm_layer_norm(
    x: Tensor, W: Tensor, U: Tensor, b: Tensor, alpha_x: Tensor, alpha_h: Tensor, alpha_c: Tensor
) -> Tensor:
    """Unroll :obj:`elman.cells.lstm_layer_norm` over x (T, B, I)."""
    steps, batch, _ = x.shape
    hidden = U.shape[1]
    h = c = x.new_zeros(batch, hidden)
    b_gates, b_c = b[: 4 * hidden].view(4, hidden), b[4 * hidden :]
    gain_x, gain_h = alpha_x.view(4, hidden), alpha_h.view(4, hidden)
    normalised = F.layer_norm(run_ahead(x, W, None).view(steps, batch, 4, hidden), (hidden,))
    outputs = []
    for ahead in torch.addcmul(b_gates, normalised, gain_x).unbind(0):
        product = F.layer_norm(F.linear(h, U).view(batch, 4, hidden), (hidden,))
        a_if, a_g, a_o = torch.addcmul(ahead, product, gain_h).split((2, 1, 1), 1)
        i, f = torch.sigmoid(a_if).unbind(1)
        c = torch.addcmul(f * c, i, torch.tanh(a_g.squeeze(1)))
        h = torch.sigmoid(a_o.squeeze(1)) * torch.tanh(F.layer_norm(c, (hidden,), alpha_c, b_c))
        outputs.append(h)
    return torch.stack(outputs)


def newcomer(x: Tensor, W: Tensor, U: Tensor, p: Tensor, b: Tensor) -> Tensor:
    """Unroll :obj:`bench.cells.newcomer` over x (T, B, I)."""
    hidden = U.shape[1]
    h = m = x.new_zeros(x.shape[1], hidden)
    p_k, p_s = p.chunk(2)
    U_t = U.t()
    outputs = []
    for ahead in run_ahead(x, W, b).unbind(0):
        a_k, a_n, a_s = torch.addmm(ahead, h, U_t).chunk(3, 1)
        n = torch.tanh(a_n)
        m = torch.lerp(n, m, torch.sigmoid(torch.addcmul(a_k, p_k, m)))
        h = torch.lerp(n, torch.tanh(m), torch.sigmoid(torch.addcmul(a_s, p_s, m)))
        outputs.append(h)
    return torch.stack(outputs)


def antisymmetric(x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    """Unroll :obj:`elman.cells.antisymmetric` over x (T, B, I); its matrix is made once a call."""
    hidden = U.shape[0]
    matrix = U.t() - U - 0.01 * torch.eye(hidden)
    h = x.new_zeros(x.shape[1], hidden)
    outputs = []
    for ahead in run_ahead(x, W, b).unbind(0):
        h = torch.add(h, torch.tanh(torch.addmm(ahead, h, matrix)), alpha=0.1)
        outputs.append(h)
    return torch.stack(outputs)


def state_regularised(x: Tensor, W: Tensor, U: Tensor, b: Tensor, S: Tensor) -> Tensor:
    """Unroll :obj:`elman.cells.state_regularised` over x (T, B, I)."""
    h = x.new_zeros(x.shape[1], U.shape[0])
    U_t, S_t = U.t(), S.t()
    outputs = []
    for ahead in run_ahead(x, W, b).unbind(0):
        h = torch.softmax(torch.tanh(torch.addmm(ahead, h, U_t)) @ S_t, -1) @ S
        outputs.append(h)
    return torch.stack(outputs)


_ALL = (lstm_peephole, lem, lstm_layer_norm, newcomer, antisymmetric, state_regularised)
LOOPS = {loop.__name__: loop for loop in _ALL}
