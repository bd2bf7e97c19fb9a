"""The equations of torch.nn's recurrent layers, with both of their biases and under their names.

Source: the documentation of `torch.nn.RNN`, `torch.nn.LSTM` and `torch.nn.GRU`, version 2.13. The families of other
cells are called W, U, b; here they carry torch's names, and the drop-ins of :mod:`elman.nn` read torch's parameters
with them.
"""

from elman.expr import cell, relu, sigmoid, tanh


@cell
def torch_rnn_tanh(x, h, *, weight_ih, weight_hh, bias_ih, bias_hh):
    """Compute what `torch.nn.RNN` computes with nonlinearity="tanh"."""
    return tanh(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh)


@cell
def torch_rnn_relu(x, h, *, weight_ih, weight_hh, bias_ih, bias_hh):
    """Compute what `torch.nn.RNN` computes with nonlinearity="relu"."""
    return relu(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh)


@cell
def torch_lstm(x, h, c, *, weight_ih, weight_hh, bias_ih, bias_hh):
    """Compute what `torch.nn.LSTM` computes."""
    i = sigmoid(weight_ih.i @ x + bias_ih.i + weight_hh.i @ h + bias_hh.i)
    f = sigmoid(weight_ih.f @ x + bias_ih.f + weight_hh.f @ h + bias_hh.f)
    g = tanh(weight_ih.g @ x + bias_ih.g + weight_hh.g @ h + bias_hh.g)
    o = sigmoid(weight_ih.o @ x + bias_ih.o + weight_hh.o @ h + bias_hh.o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c


@cell
def torch_lstm_projected(x, h, c, *, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr):
    """Compute what `torch.nn.LSTM` computes with proj_size above 0."""
    i = sigmoid(weight_ih.i @ x + bias_ih.i + weight_hh.i @ h + bias_hh.i)
    f = sigmoid(weight_ih.f @ x + bias_ih.f + weight_hh.f @ h + bias_hh.f)
    g = tanh(weight_ih.g @ x + bias_ih.g + weight_hh.g @ h + bias_hh.g)
    o = sigmoid(weight_ih.o @ x + bias_ih.o + weight_hh.o @ h + bias_hh.o)
    c = f * c + i * g
    h = weight_hr @ (o * tanh(c))
    return h, c


@cell
def torch_gru(x, h, *, weight_ih, weight_hh, bias_ih, bias_hh):
    """Compute what `torch.nn.GRU` computes."""
    r = sigmoid(weight_ih.r @ x + bias_ih.r + weight_hh.r @ h + bias_hh.r)
    z = sigmoid(weight_ih.z @ x + bias_ih.z + weight_hh.z @ h + bias_hh.z)
    n = tanh(weight_ih.n @ x + bias_ih.n + r * (weight_hh.n @ h + bias_hh.n))
    h = (1 - z) * n + z * h
    return h
