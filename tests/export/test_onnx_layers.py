"""Layers as files of ONNX: ONNX Runtime gives what the layer gives, at lengths and for batches of any size."""

import onnx
import onnxruntime
import pytest
import torch

import elman
import lengths
from elman import export
from elman.errors import ConfigError, ElmanError
from elman.export import checking, graph, stack
from elman.testing.random_cells import random_cell
from open_sizes import sizes_of

T, B, I, H = 11, 3, 5, 7
ZOO = elman.cells.names()
STANDARD = {"elman", "elman_relu", "elman_sigmoid", "lstm", "lstm_peephole", "lstm_coupled", "gru", "gru_reset_before"}
LAYERS = {
    "two LSTMs in two directions, batch first": lambda: elman.nn.LSTM(I, H, 2, bidirectional=True, batch_first=True),
    "three GRUs without biases": lambda: elman.nn.GRU(I, H, 3, bias=False),
    "an RNN with relu": lambda: elman.nn.RNN(I, H, nonlinearity="relu"),
    "a projected LSTM": lambda: elman.nn.LSTM(I, H, proj_size=2),
    "a loop in two directions, batch first, with a side input": lambda: elman.nn.Recurrent(
        elman.cells.cfc, I, H, 2, bidirectional=True, batch_first=True
    ),
    "the expectation of zoneout": lambda: elman.nn.Recurrent(elman.cells.lstm, I, H, zoneout=0.2).eval(),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(26)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, **feeds):
    return [torch.from_numpy(v) for v in session(path).run(None, {name: t.numpy() for name, t in feeds.items()})]


def states_of(layer, batch, names):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = dict(zip(layer.program.cell.states, getattr(layer, "state_sizes", None) or layer._state_sizes, strict=True))
    return {f"initial_{n}": torch.randn(rows, batch, sizes[n]).tanh() for n in names}


def call(layer, x, states, lengths, sides):
    given = tuple(states.values())
    with torch.no_grad(), elman.backend("reference"):  # which compiles nothing
        output, final = layer(x, given if len(given) > 1 else given[0], lengths=lengths, **sides)
    return [output, *(final if isinstance(final, tuple) else [final])]


def assert_equal_to_the_layer(layer, path, bound=1e-5, steps=T):
    form = (B, steps) if layer.batch_first else (steps, B)
    x = torch.randn(*form, I)
    sides = {name: torch.rand(*form) for name in layer.program.cell.sides}
    states = states_of(layer, B, layer.program.cell.states)
    lengths = torch.tensor([steps - 2, 0, steps])
    found = run(path, x=x, lengths=lengths, **states, **sides)
    assert checking.difference(found, call(layer, x, states, lengths, sides)) <= bound
    whole = call(layer, x, {name: torch.zeros_like(state) for name, state in states.items()}, None, sides)
    assert checking.difference(run(path, x=x, **sides), whole) <= bound
    return x, lengths, states, sides, found


@pytest.mark.parametrize("name", ZOO)
def test_a_cell_of_the_zoo_runs_in_onnx_runtime(name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    agreement = export.to_onnx(layer, tmp_path / "layer.onnx")
    assert_equal_to_the_layer(layer, tmp_path / "layer.onnx", max(1e-5, agreement.bound))
    operators = {node.op_type for node in onnx.load(tmp_path / "layer.onnx").graph.node}
    assert ("Scan" in operators) == (name not in STANDARD)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_layer_runs_in_onnx_runtime(make, tmp_path):
    layer = make()
    export.to_onnx(layer, tmp_path / "layer.onnx")
    x, lengths, states, sides, found = assert_equal_to_the_layer(layer, tmp_path / "layer.onnx")
    spoilt = x.clone()
    (spoilt if layer.batch_first else spoilt.transpose(0, 1))[1] = torch.nan  # it has no real step
    again = run(tmp_path / "layer.onnx", x=spoilt, lengths=lengths, **states, **sides)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("seed", [3, 11, 23])
def test_a_random_cell_runs_in_onnx_runtime(seed, tmp_path):
    assert_random(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_random_cells_run_in_onnx_runtime_at_every_length(seed, tmp_path):
    cell = random_cell(seed)
    layer = elman.nn.Recurrent(cell, H if cell.ties else I, H, sizes=dict.fromkeys(cell.open_sizes, 3))
    assert_agrees_at_every_length(layer, tmp_path / "cell.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_every_cell_of_the_zoo_runs_in_onnx_runtime_at_every_length(name, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(name), I, H, sizes=sizes_of(name))
    assert_agrees_at_every_length(layer, tmp_path / "cell.onnx")


def assert_agrees_at_every_length(layer, path):
    export.to_onnx(layer, path)
    network = export.network.take(layer)
    for x, sides in lengths.draw(network):
        output, *_ = run(path, x=x, **dict(zip(network.sides, sides, strict=True)))
        # The functions of ONNX Runtime are others than ours, so a cell that amplifies rounding goes further apart.
        lengths.assert_agrees(output[:, 0], network, x, sides, 1e-5, times=64)


def assert_random(seed, tmp_path):
    cell = random_cell(seed)
    tied = bool(cell.ties)
    sizes = dict.fromkeys(cell.open_sizes, 3)
    layer = elman.nn.Recurrent(cell, H if tied else I, H, sizes=sizes)
    agreement = export.to_onnx(layer, tmp_path / "cell.onnx")
    x, sides = torch.randn(T, B, layer.input_size), {name: torch.rand(T, B) for name in cell.sides}
    states = states_of(layer, B, cell.states)
    found = run(tmp_path / "cell.onnx", x=x, **states, **sides)
    assert checking.difference(found, call(layer, x, states, None, sides)) <= max(1e-5, agreement.bound)


@pytest.mark.parametrize("cell", ["gru", "cfc"])
def test_the_form_of_one_step_is_the_stream(cell, tmp_path):
    layer = elman.nn.Recurrent(elman.cells.find(cell), I, H, num_layers=2)
    export.to_onnx(layer, tmp_path / "step.onnx", step=True)
    stream, runtime, state = layer.stream(B), session(tmp_path / "step.onnx"), {}
    for x in torch.randn(T, B, I):
        sides = {name: torch.rand(B) for name in layer.cell.sides}
        given = {name: side.numpy() for name, side in sides.items()}
        output, final = runtime.run(None, {"x": x.numpy(), **given, **state})
        state = {"initial_h": final}
        assert checking.difference([torch.from_numpy(output)], [stream.step(x, **sides)]) <= 1e-5
    assert checking.difference([torch.from_numpy(final)], [stream.state]) <= 1e-5


def test_a_module_of_one_step_is_written_as_one(tmp_path):
    step = elman.nn.LSTMCell(I, H)
    export.to_onnx(step, tmp_path / "step.onnx")
    x, h, c = torch.randn(B, I), torch.randn(B, H), torch.randn(B, H)
    output, new_h, new_c = run(tmp_path / "step.onnx", x=x, initial_h=h[None], initial_c=c[None])
    expected = torch.nn.LSTMCell(I, H)
    expected.load_state_dict(step.state_dict())
    with torch.no_grad():
        assert checking.difference([new_h[0], new_c[0]], expected(x, (h, c))) <= 1e-5
    assert torch.equal(output, new_h[0])


def test_the_order_of_factors_and_summands_does_not_hide_an_lstm():
    @elman.cell
    def turned(x, h, c, *, W, U, b):
        o = elman.sigmoid(b.o + (U.o @ h + W.o @ x))
        g = elman.tanh(U.g @ h + b.g + W.g @ x)
        f = elman.sigmoid(W.f @ x + b.f + U.f @ h)
        i = elman.sigmoid(W.i @ x + U.i @ h)
        c = g * i + c * f
        return elman.tanh(c) * o, c

    layer = elman.nn.Recurrent(turned, I, H)
    assert stack.recognise(export.network.take(layer)).op == "LSTM"


def test_what_is_nearly_an_lstm_or_a_gru_is_a_loop(tmp_path):
    @elman.cell
    def swapped(x, h, *, W, U, b):  # ONNX keeps z of the old state
        z, n = elman.sigmoid(W.z @ x + U.z @ h + b.z), elman.tanh(W.n @ x + U.n @ h + b.n)
        return (1 - z) * h + z * n

    @elman.cell
    def late(x, h, c, *, W, U, p, b):  # its output gate sees the cell state before the step
        i, f = elman.sigmoid(W.i @ x + U.i @ h + b.i), elman.sigmoid(W.f @ x + U.f @ h + b.f)
        o = elman.sigmoid(W.o @ x + U.o @ h + p.o * c + b.o)
        new = f * c + i * elman.tanh(W.g @ x + U.g @ h + b.g)
        return o * elman.tanh(new), new

    for cell in (swapped, late):
        layer = elman.nn.Recurrent(cell, I, H)
        assert stack.recognise(export.network.take(layer)) is None
        export.to_onnx(layer, tmp_path / "loop.onnx", force=True)
        assert_equal_to_the_layer(layer, tmp_path / "loop.onnx")


def test_the_card_states_what_was_verified(tmp_path):
    agreement = export.to_onnx(elman.nn.GRU(I, H), tmp_path / "gru.onnx")
    card = export.read_card(tmp_path / "gru.onnx")
    assert card["verified"] == {"difference": agreement.difference, "bound": 1e-5, "lengths": [1, 7, 123]}
    assert 0 < agreement.difference < 1e-5
    assert card["state_sizes"] == {"h": H}
    assert "sigmoid" in card["equations"]


def test_a_file_that_differs_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "gru.onnx"
    path.write_bytes(b"what was there")
    weights = stack._weights
    monkeypatch.setattr(stack, "_weights", lambda *given: [part + 1e-3 for part in weights(*given)])
    with pytest.raises(ElmanError, match=r"differs by .* Nothing was written"):
        export.to_onnx(elman.nn.GRU(I, H), path, force=True)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_float32_itself_is_allowed_to_differ_where_a_cell_amplifies_rounding(tmp_path):
    @elman.cell
    def ill(x, h, *, W, U, b):
        return elman.layer_norm(3000 + elman.tanh(W @ x + U @ h + b)) * 0.5

    agreement = export.to_onnx(elman.nn.Recurrent(ill, I, H), tmp_path / "ill.onnx")
    assert agreement.bound > 1e-5


@pytest.mark.parametrize(
    ("layer", "options", "text"),
    [
        (lambda: elman.cells.gru, {}, "its sizes are not chosen yet"),
        (lambda: torch.nn.GRU(I, H), {}, "no recurrent layer"),
        (lambda: elman.nn.GRU(I, H, bidirectional=True), {"step": True}, "bidirectional"),
        (lambda: elman.nn.GRU(I, H).double(), {}, "float64"),
        (lambda: spoilt(elman.nn.GRU(I, H)), {}, "not finite"),
        (lambda: hooked(elman.nn.GRU(I, H)), {}, "hook"),
        (lambda: type("Own", (elman.nn.GRU,), {"forward": lambda self, x: x})(I, H), {}, "overrides forward"),
        (lambda: elman.nn.Recurrent(named_like_a_port(), I, H), {}, "called output"),
    ],
)
def test_what_cannot_be_exported_is_refused(layer, options, text, tmp_path):
    with pytest.raises(ConfigError, match=text):
        export.to_onnx(layer(), tmp_path / "layer.onnx", **options)
    assert list(tmp_path.iterdir()) == []


def spoilt(layer):
    layer.bias_ih_l0.data[0] = torch.inf
    return layer


def hooked(layer):
    layer.register_forward_hook(lambda *a: None)
    return layer


def named_like_a_port():
    @elman.cell
    def cell(x, output, /, h, *, W, U, b):
        return elman.tanh(W @ x + U @ h + b) * output

    return cell


def test_a_target_that_cannot_be_is_refused(tmp_path):
    layer = elman.nn.GRU(I, H)
    (tmp_path / "there.onnx").write_bytes(b"x")
    for target, text in ((tmp_path, "is a folder"), ("there.onnx", "exists"), ("no/net.onnx", "there is no folder")):
        with pytest.raises(ConfigError, match=text):
            export.to_onnx(layer, tmp_path / target)
    assert (tmp_path / "there.onnx").read_bytes() == b"x"


def test_an_old_runtime_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime, "__version__", "1.9.3")
    with pytest.raises(elman.BackendError, match=r"1\.9\.3 is too old"):
        export.to_onnx(elman.nn.GRU(I, H), tmp_path / "gru.onnx")


def test_computed_weights_are_written_as_they_are(tmp_path):
    layer = torch.nn.utils.parametrizations.weight_norm(elman.nn.GRU(I, H), "weight_hh_l0")
    export.to_onnx(layer, tmp_path / "gru.onnx")
    assert_equal_to_the_layer(layer, tmp_path / "gru.onnx")


def test_a_file_that_is_none_of_ours_has_no_card(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no file of ONNX")
    with pytest.raises(elman.DataError, match="is not a file that elman exported"):
        export.read_card(tmp_path / "x.onnx")
    assert graph.KEY == "elman"  # which is how a program without this package finds the card
