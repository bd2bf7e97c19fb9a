"""Every cell against its paper, read a second time: written in NumPy, one matrix a gate, one example at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman import cells
from elman.errors import CellError
from open_sizes import OPEN_SIZES, sizes_of
from tolerances import assert_close

T, B, I, H = 5, 3, 7, 11


def sigma(a):
    return 1 / (1 + np.exp(-a))


def simple(activation):
    def step(p, x, h):
        return (activation(p["W"] @ x + p["U"] @ h + p["b"]),)

    return step


def long_short_term_memory(peephole=False, projected=False):
    def step(p, x, h, c):
        def see(gate, cell_state):
            return p["p." + gate] * cell_state if peephole else 0.0

        inputs = sigma(p["W.i"] @ x + p["U.i"] @ h + see("i", c) + p["b.i"])
        forget = sigma(p["W.f"] @ x + p["U.f"] @ h + see("f", c) + p["b.f"])
        new = inputs * np.tanh(p["W.g"] @ x + p["U.g"] @ h + p["b.g"]) + forget * c
        out = sigma(p["W.o"] @ x + p["U.o"] @ h + see("o", new) + p["b.o"]) * np.tanh(new)
        return (p["R"] @ out if projected else out), new

    return step


def gated_unit(p, x, h):
    # Cho et al. 2014: z weighs the old state, and the reset gate acts on the product
    r = sigma(p["W.r"] @ x + p["U.r"] @ h + p["b.r"])
    z = sigma(p["W.z"] @ x + p["U.z"] @ h + p["b.z"])
    candidate = np.tanh(p["W.n"] @ x + p["b.n"] + r * (p["U.n"] @ h + p["d.n"]))
    return (z * h + (1 - z) * candidate,)


def minimal_unit(p, x, h):
    # Zhou et al. 2016: the forget gate weighs the candidate
    f = sigma(p["W.f"] @ x + p["U.f"] @ h + p["b.f"])
    return ((1 - f) * h + f * np.tanh(p["W.n"] @ x + p["U.n"] @ (f * h) + p["b.n"]),)


def fed_back(p, x, y):
    # Jordan 1986: what the network put out is what it sees beside the next input
    hidden = sigma(p["W"] @ x + p["U"] @ y + p["b.h"])
    return (sigma(p["V"] @ hidden + p["b.y"]),)


def independent(p, x, h):
    return (np.maximum(0, p["W"] @ x + np.diag(p["u"]) @ h + p["b"]),)


def coupled(p, x, h, c):
    # Greff et al. 2017, IV-C: the forget gate is what the input gate leaves
    take = sigma(p["W.i"] @ x + p["U.i"] @ h + p["b.i"])
    new = c - take * c + take * np.tanh(p["W.g"] @ x + p["U.g"] @ h + p["b.g"])
    return sigma(p["W.o"] @ x + p["U.o"] @ h + p["b.o"]) * np.tanh(new), new


def layer_normalised(p, x, h, c):
    # Ba et al. 2016, supplement, with LN(z; gain, shift); ε is torch's
    def normalise(v, gain):
        return gain * (v - np.mean(v)) / np.sqrt(np.var(v) + 1e-5)

    def gate(name):
        seen = normalise(p["W." + name] @ x, p["alpha_x." + name])
        return seen + normalise(p["U." + name] @ h, p["alpha_h." + name]) + p["b." + name]

    new = sigma(gate("f")) * c + sigma(gate("i")) * np.tanh(gate("g"))
    return sigma(gate("o")) * np.tanh(normalise(new, p["alpha_c"]) + p["b.c"]), new


def gated_unit_as_published(p, x, h):
    # Cho et al. 2014, eqs 5-8: the reset gate acts on the state, before the product
    r = sigma(p["W.r"] @ x + p["U.r"] @ h + p["b.r"])
    z = sigma(p["W.z"] @ x + p["U.z"] @ h + p["b.z"])
    return (z * h + (1 - z) * np.tanh(p["W.n"] @ x + p["U.n"] @ (r * h) + p["b.n"]),)


def update_gate(p, x, h):
    # Collins et al. 2017: the gate weighs the old state
    g = sigma(p["W.g"] @ x + p["U.g"] @ h + p["b.g"])
    return (g * h + (1 - g) * np.tanh(p["W.c"] @ x + p["U.c"] @ h + p["b.c"]),)


def minimal_gru(p, x, h):
    # Feng et al. 2024, 3.1: the gate weighs the candidate, and nothing but the input is seen
    z = sigma(p["W.z"] @ x + p["b.z"])
    return (h + z * (p["W.n"] @ x + p["b.n"] - h),)


def minimal_lstm(p, x, h):
    # Feng et al. 2024, 3.2: the two gates are scaled to a sum of 1
    f, i = sigma(p["W.f"] @ x + p["b.f"]), sigma(p["W.i"] @ x + p["b.i"])
    return ((f * h + i * (p["W.n"] @ x + p["b.n"])) / (f + i),)


def expressive_memory(p, u, y, z):
    # Rusch et al. 2022, eq. 3 with a step of 1: y sees the new z
    def see(name, state):
        return p["W." + name] @ state + p["V." + name] @ u + p["b." + name]

    slow, slower = sigma(see("delta_z", y)), sigma(see("delta_y", y))
    z = (1 - slow) * z + slow * np.tanh(see("z", y))
    return (1 - slower) * y + slower * np.tanh(see("y", z)), z


def linear_unit(p, x, h, real, imaginary):
    # Orvieto et al. 2023: z = λz + γ(Bx) with a complex λ and γ = √(1 − |λ|²), then relu of the real part of Cz
    decay = np.exp(-np.exp(p["nu"] / 10))
    turn = np.exp(2j * np.arctan(p["theta"] / 10))
    seen = (p["B.p"] + 1j * p["B.q"]) @ x
    z = decay * turn * (real + 1j * imaginary) + 8 * np.sqrt(-np.expm1(2 * np.log(decay))) * seen
    return np.maximum(0, 4 * ((p["C.p"] - 1j * p["C.q"]) @ z).real + p["b"]), z.real, z.imag


def closed_form(p, x, dt, h):
    # Hasani et al. 2022: the gate falls with time, from g to the third head
    f, g, k = (p[f"W.{head}"] @ x + p[f"U.{head}"] @ h + p[f"b.{head}"] for head in "fgk")
    gate = sigma(-f * dt)
    return (gate * np.tanh(g) + (1 - gate) * np.tanh(k),)


def antisymmetric_unit(gated):
    # Chang et al. 2019, plain and gated: both pre-activations share the antisymmetric matrix less γ on its diagonal
    def step(p, x, h):
        matrix = np.array([[p["U"][i, j] - p["U"][j, i] - 0.01 * (i == j) for j in range(H)] for i in range(H)])
        seen = {k: p[f"W{k}"] @ x + p[f"b{k}"] for k in ([".z", ".n"] if gated else [""])}
        gate = sigma(matrix @ h + seen[".z"]) if gated else 1.0
        return (h + 0.1 * gate * np.tanh(matrix @ h + seen[".n" if gated else ""]),)

    return step


def state_regularised(p, x, h):
    # Wang & Niepert 2019, section 3: the probability of each centroid, and the mean of all
    u = np.tanh(p["W"] @ x + p["U"] @ h + p["b"])
    weights = [np.exp(np.dot(centroid, u)) for centroid in p["S"]]
    return (sum(w * centroid for w, centroid in zip(weights, p["S"], strict=True)) / sum(weights),)


PAPERS = {
    "antisymmetric": antisymmetric_unit(gated=False),
    "antisymmetric_gated": antisymmetric_unit(gated=True),
    "state_regularised": state_regularised,
    "elman": simple(np.tanh),
    "elman_relu": simple(lambda a: np.maximum(a, 0)),
    "elman_sigmoid": simple(sigma),
    "jordan": fed_back,
    "indrnn": independent,
    "lstm": long_short_term_memory(),
    "lstm_projected": long_short_term_memory(projected=True),
    "lstm_peephole": long_short_term_memory(peephole=True),
    "lstm_coupled": coupled,
    "lstm_layer_norm": layer_normalised,
    "gru": gated_unit,
    "gru_reset_before": gated_unit_as_published,
    "mgu": minimal_unit,
    "ugrnn": update_gate,
    "mingru": minimal_gru,
    "minlstm": minimal_lstm,
    "lru": linear_unit,
    "lem": expressive_memory,
    "cfc": closed_form,
}


def members(layer):
    """Cut a layer's stacked parameters into the matrices and vectors of the paper."""
    found = {}
    for parameter in layer.program.parameters:
        whole = getattr(layer, parameter.name + "_l0").detach().numpy()
        parts = np.split(whole, len(parameter.members))
        found.update(zip(parameter.members, parts, strict=True))
    return found


def by_hand(name, layer, x, states, lengths, sides):
    """Run every example by itself with the paper's equations."""
    outputs = np.zeros((T, B, states[0].shape[-1]))
    final = [s.numpy().copy() for s in states]
    for b in range(B):
        state = [s[b] for s in final]
        for t in range(lengths[b]):
            state = PAPERS[name](members(layer), x[t, b].numpy(), *(float(s[t, b]) for s in sides), *state)
            outputs[t, b] = state[0]
        for s, value in zip(final, state, strict=True):
            s[b] = value
    return torch.from_numpy(outputs), [torch.from_numpy(f) for f in final]


@pytest.mark.parametrize("name", cells.names())
@pytest.mark.parametrize("lengths", [[5, 5, 5], [3, 0, 5]])
def test_every_cell_computes_what_its_paper_says(name, lengths):
    layer = elman.nn.Recurrent(cells.find(name), I, H, sizes=sizes_of(name), dtype=torch.float64)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(T, B, I, dtype=torch.float64)
    states = [torch.randn(B, n, dtype=torch.float64) for n in layer.state_sizes]
    given = states[0][None] if len(states) == 1 else tuple(s[None] for s in states)
    sides = {side: torch.rand(T, B, dtype=torch.float64) for side in layer.cell.sides}
    output, final = layer(x, given, lengths=lengths, **sides)
    expected, expected_final = by_hand(name, layer, x, states, lengths, sides.values())
    assert_close("output", output.detach(), expected)
    for found, right in zip([final] if len(states) == 1 else final, expected_final, strict=True):
        assert_close("final state", found[0].detach(), right)


def test_every_cell_of_the_zoo_is_listed_once_with_a_source():
    assert set(cells.names()) == set(PAPERS)
    for name in cells.names():
        found = cells.find(name)
        assert found is getattr(cells, name)
        assert found.name == name
        assert found.open_sizes == tuple(OPEN_SIZES.get(name, ()))
        first = found.doc.splitlines()[0]
        assert len(first) <= 110, f"{name} fills more than a line of the list"
        assert any(str(year) in first for year in range(1980, 2027)), f"{name} names no source"


@pytest.mark.parametrize("name", cells.names())
def test_the_gradients_of_every_cell_pass_the_public_checker(name):
    report = elman.testing.check_gradients(cells.find(name))
    assert report.worst < 1e-6
    assert report.checked > 100
    assert report.skipped < report.checked / 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lsmt", "Did you mean lstm?"),
        ("", "There are: elman, "),
        ("none.py:cell", "there is no file none.py"),
        ("cell.py", "there is no file cell.py. Give the path of a Python file and a cell: FILE.py:NAME"),
    ],
)
def test_an_unknown_cell_is_refused_with_what_there_is(name, message):
    with pytest.raises(CellError) as caught:
        cells.find(name)
    assert message in str(caught.value)


def test_a_cell_is_found_in_a_file_and_failures_name_its_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from elman import cell, sigmoid, tanh\n"
        "import neighbour\n"
        "@cell\n"
        "def light(x, h, *, W, U, b):\n"
        "    z = sigmoid(W.z @ x + U.z @ h + b.z)\n"
        "    return (1 - z) * tanh(W.n @ x + U.n @ h + b.n) + z * h\n"
        "number = 3\n"
    )
    (tmp_path / "neighbour.py").write_text("")
    assert cells.find(f"{file}:light").states == ("h",)
    for name, message in [("lihgt", "Did you mean light?"), ("number", "is a int, not a cell")]:
        with pytest.raises(CellError, match=message.replace("?", r"\?")):
            cells.find(f"{file}:{name}")
    file.write_text("\n\nraise RuntimeError('no')\n")
    with pytest.raises(CellError, match="line 3: RuntimeError: no"):
        cells.find(f"{file}:light")
    file.write_text("def (:\n")
    with pytest.raises(CellError, match="line 1: SyntaxError"):
        cells.find(f"{file}:light")


def test_a_cell_file_may_end_print_or_move_without_harm(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(CellError, match="line 2: SystemExit"):
        cells.find(f"{file}:light")
    here = Path.cwd()
    file.write_text(f"import os\nprint('loud')\nos.chdir({str(tmp_path)!r})\nfrom elman.cells import gru as light\n")
    assert cells.find(f"{file}:light") == cells.gru
    assert Path.cwd() == here
    assert capsys.readouterr().out == ""
