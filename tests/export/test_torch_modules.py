"""Layers as modules of plain torch: torch's own where it has the cell, else a loop that torch alone can run."""

import subprocess
import sys

import pytest
import torch

import elman
from elman import export
from elman.errors import ConfigError
from elman.export.checking import difference
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of

T, B, I, H = 11, 3, 5, 7


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


@pytest.mark.parametrize(
    "make",
    [
        lambda: elman.nn.LSTM(I, H, 2, bidirectional=True, batch_first=True),
        lambda: elman.nn.LSTM(I, H, proj_size=2),
        lambda: elman.nn.GRU(I, H, bias=False),
        lambda: elman.nn.RNN(I, H, nonlinearity="relu"),
        lambda: elman.nn.GRUCell(I, H),
        lambda: elman.nn.RNNCell(I, H, nonlinearity="relu"),
    ],
)
def test_a_drop_in_becomes_the_layer_that_it_replaces_to_the_bit(make):
    ours = make()
    theirs = export.to_torch(ours)
    assert type(theirs) is ours.torchs
    assert repr(theirs) == repr(ours)
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    assert all(torch.equal(tensor, state[name]) for name, tensor in theirs.state_dict().items())


@pytest.mark.parametrize("name", ["lstm", "gru", "elman", "elman_relu"])
def test_a_cell_that_torch_has_becomes_its_layer(name):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, num_layers=2, bidirectional=True)
    module = export.to_torch(layer)
    assert type(module) in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
    x = torch.randn(T, B, I)
    with torch.no_grad(), elman.backend("reference"):
        assert difference([module(x)[0]], [layer(x)[0]]) <= 1e-5


@pytest.mark.parametrize("name", ["gru_reset_before", "lstm_layer_norm", "lem", "lru"])
def test_another_cell_becomes_a_loop(name, caplog):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, 2, bidirectional=name == "lem", sizes=sizes_of(name))
    module = export.to_torch(layer)
    assert f"torch has no cell like {name}" in caplog.text
    x = torch.randn(T, B, I)
    state = torch.zeros(2 * (2 if layer.bidirectional else 1), B, sum(layer.state_sizes))
    with elman.backend("reference"):
        expected, _ = layer(x)
    output, _ = module(x, state)
    assert difference([output.detach()], [expected.detach()]) <= 1e-4
    weights = [p for p in module.parameters() if p.requires_grad]
    assert sum(p.numel() for p in weights) == sum(p.numel() for p in layer.parameters())
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(output.square().sum(), weights))


@pytest.mark.parametrize("seed", [3, 11])
def test_a_random_cell_becomes_a_loop(seed):
    cell = random_cell(seed)
    sizes = dict.fromkeys(cell.open_sizes, 3)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=sizes)
    if cell.sides:
        with pytest.raises(ConfigError, match="has one input"):
            export.to_torch(layer)
    else:
        export.to_torch(layer)  # it compares the loop with the layer


def test_a_loop_runs_without_elman(tmp_path):
    layer = elman.nn.Recurrent(elman.cells.mgu, I, H)
    export.to_torch(layer).save(str(tmp_path / "loop.pt"))
    x = torch.randn(T, B, I)
    torch.save(x, tmp_path / "x.pt")
    program = (
        "import sys; sys.modules['elman'] = None\nimport torch\nloop = torch.jit.load(sys.argv[1] + '/loop.pt')\n"
        "x = torch.load(sys.argv[1] + '/x.pt')\nwith torch.no_grad():\n"
        f"    torch.save(loop(x, torch.zeros(1, {B}, {H}))[0], sys.argv[1] + '/y.pt')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        assert difference([torch.load(tmp_path / "y.pt")], [layer(x)[0]]) <= 1e-5
