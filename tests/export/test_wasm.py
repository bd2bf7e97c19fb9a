"""Layers as modules of WebAssembly: they need nothing from outside, and give what the layer gives."""

import subprocess

import numpy as np
import pytest
import torch

import elman
import lengths
from elman import export
from elman.errors import ConfigError, DataError, ElmanError
from elman.export.checking import difference
from elman.export.wasm import layer as wasm_layer
from elman.export.wasm import memory
from elman.export.wasm.code import ModuleWriter
from elman.export.wasm.linker import link
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of
from programs import find, needs

wasmtime = pytest.importorskip("wasmtime", reason="runs the modules; it comes with elman[wasm]")

T, I, H = 13, 5, 7


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


class Module:
    """A module as a user of Wasmtime loads it."""

    def __init__(self, path):
        self.store = wasmtime.Store()
        made = wasmtime.Instance(self.store, wasmtime.Module.from_file(self.store.engine, str(path)), [])
        self.exports = made.exports(self.store)

    def at(self, name):
        return self.exports[name].value(self.store)

    def call(self, name, *numbers):
        self.exports[name](self.store, *numbers)

    def write(self, address, numbers):
        self.exports["memory"].write(self.store, np.asarray(numbers, "<f4").tobytes(), address)

    def read(self, address, count):
        return np.frombuffer(self.exports["memory"].read(self.store, address, address + 4 * count), "<f4").copy()

    def run(self, x, size, sides=()):
        found = []
        for t, row in enumerate(x):
            self.write(self.at("x"), row)
            if len(sides):
                self.write(self.at("sides"), [side[t] for side in sides])
            self.call("step")
            found.append(self.read(self.at("y"), size))
        return torch.from_numpy(np.stack(found))


def outputs(layer, x, **sides):
    with torch.no_grad(), elman.backend("reference"):
        return layer(x, **sides)[0][:, 0]


@pytest.mark.parametrize(("name", "hidden"), [("gru", 67), ("cfc", H), ("jordan", H)])
def test_a_program_of_the_user_gives_what_the_layer_gives(name, hidden, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, hidden, num_layers=2, sizes=sizes_of(name))
    agreement = export.to_wasm(layer, tmp_path / "net.wasm")
    x, sides = torch.randn(T, 1, I), {side: torch.rand(T, 1) for side in layer.cell.sides}
    module = Module(tmp_path / "net.wasm")
    module.call("reset")
    found = module.run(x[:, 0], layer.state_sizes[0], [side[:, 0] for side in sides.values()])
    assert difference([found], [outputs(layer, x, **sides)]) <= agreement.bound


def test_the_states_are_all_that_a_step_carries_on(tmp_path):
    layer = elman.nn.LSTM(I, H, num_layers=2)
    export.to_wasm(layer, tmp_path / "net.wasm")
    x, module = torch.randn(T, I), Module(tmp_path / "net.wasm")
    module.run(x[:4], H)
    kept = module.read(module.at("states"), module.at("states_bytes") // 4)
    assert kept.size == 2 * 2 * 8  # layers, states, numbers with their padding
    first = module.run(x[4:], H)
    module.write(module.at("states"), kept)
    assert torch.equal(module.run(x[4:], H), first)
    module.call("reset")
    assert not torch.equal(module.run(x[4:], H), first)
    assert not module.read(memory._FIRST - 4, 1).any()


@pytest.mark.parametrize("seed", [3, 11, 23])
def test_a_random_cell_is_written(seed, tmp_path):
    write_random(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_agree_at_every_length(seed, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    assert_agrees_at_every_length(layer, tmp_path / "net.wasm")


@pytest.mark.slow
@pytest.mark.parametrize("name", elman.cells.names())
def test_every_cell_of_the_zoo_agrees_at_every_length(name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    assert_agrees_at_every_length(layer, tmp_path / "net.wasm")


def assert_agrees_at_every_length(layer, path):
    export.to_wasm(layer, path)
    network, module = export.network.take(layer), Module(path)
    for x, sides in lengths.draw(network):
        module.call("reset")
        found = module.run(x[:, 0], network.output_size, [side[:, 0] for side in sides])
        lengths.assert_agrees(found, network, x, sides, wasm_layer.BOUND)


def write_random(seed, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    agreement = export.to_wasm(layer, tmp_path / "net.wasm")
    assert agreement.difference <= agreement.bound


def test_states_that_trade_places_do_so(tmp_path):
    @elman.cell
    def trade(x, h, c, m, *, W):
        return W @ x + c, m, c

    assert export.to_wasm(elman.nn.Recurrent(trade, I, H), tmp_path / "net.wasm").difference < 2e-6


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (23, 2), (37, 5)])
def test_a_packed_matrix_is_multiplied_and_its_rows_are_found(rows, columns, tmp_path):
    weight, bias = np.random.default_rng(1).standard_normal((rows, columns)), np.arange(rows)
    writer = ModuleWriter()
    x, y, row = (writer.memory.reserve(size) for size in (columns, rows, columns))
    writer.write_linear("linear", weight, bias)
    function = writer.function("row", 1)
    function.unpack_row(writer.memory.put_matrix(weight), function.args[0], rows, columns, row)
    function.end()
    (tmp_path / "net.wasm").write_bytes(link(writer, {}))
    module, given = Module(tmp_path / "net.wasm"), np.random.default_rng(2).standard_normal(columns)
    module.write(x, given)
    module.call("linear", x, y)
    np.testing.assert_allclose(module.read(y, rows), weight @ given + bias, rtol=1e-5, atol=1e-6)
    for number in range(rows):
        module.call("row", number)
        np.testing.assert_array_equal(module.read(row, columns), weight[number].astype(np.float32))


@needs("node")
def test_the_module_needs_nothing_and_its_code_is_small(tmp_path):
    export.to_wasm(elman.nn.LSTM(I, H, num_layers=3), tmp_path / "net.wasm")
    script = """
    const module = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
    const { exports } = new WebAssembly.Instance(module);
    exports.step();
    console.log(WebAssembly.Module.imports(module).length, Object.keys(exports).sort().join(" "));
    """
    done = subprocess.run(
        [find("node"), "--eval", script, tmp_path / "net.wasm"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 memory reset states states_bytes step x y\n"
    weights = 4 * 3 * (4 * 8 * (I + H + 2) + 4 * 8 * H)
    assert (tmp_path / "net.wasm").stat().st_size - weights < 30_000


def test_the_card_says_what_was_verified(tmp_path):
    agreement = export.to_wasm(elman.nn.GRU(I, H), tmp_path / "net.wasm")
    card = export.read_card(tmp_path / "net.wasm")
    assert card["state_sizes"] == {"h": H}
    assert card["verified"]["difference"] == agreement.difference
    whole = (tmp_path / "net.wasm").read_bytes()
    for damaged in (whole[:8], whole[:-300], b"\0asm\1\0\0\0\x0b"):
        (tmp_path / "damaged.wasm").write_bytes(damaged)
        with pytest.raises(DataError, match="is not a module that elman exported"):
            export.read_card(tmp_path / "damaged.wasm")


def test_a_module_that_differs_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "net.wasm"
    path.write_text("what was there")
    monkeypatch.setattr(memory, "pack", lambda matrix: np.ones(4 * memory.vectors(len(matrix)) * matrix.shape[1]))
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        export.to_wasm(elman.nn.GRU(I, H), path, force=True)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_without_wasmtime_the_card_says_that_it_was_not_verified(tmp_path, monkeypatch):
    monkeypatch.setattr(wasm_layer, "is_installed", lambda: False)
    assert export.to_wasm(elman.nn.GRU(I, H), tmp_path / "net.wasm") is None
    assert export.read_card(tmp_path / "net.wasm")["verified"] is None


def test_a_layer_in_two_directions_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="bidirectional"):
        export.to_wasm(elman.nn.GRU(I, H, bidirectional=True), tmp_path / "net.wasm")
    assert list(tmp_path.iterdir()) == []
