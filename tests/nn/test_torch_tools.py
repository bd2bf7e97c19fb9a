"""What torch's tools do with a layer: each works, or says what to call instead."""

import io
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import nn

import elman
from elman.errors import ConfigError
from tolerances import assert_close, assert_identical

T, B, I, H = 7, 2, 3, 5
LAYERS = {
    "RNN": lambda: elman.nn.RNN(I, H, nonlinearity="relu"),
    "LSTM": lambda: elman.nn.LSTM(I, H, num_layers=2, bidirectional=True),
    "GRU": lambda: elman.nn.GRU(I, H, bias=False),
    "Recurrent": lambda: elman.nn.Recurrent(elman.cells.mgu, I, H, zoneout=0.1, recurrent_dropout=0.2),
}
CELLS = {
    "LSTMCell": lambda: elman.nn.LSTMCell(I, H),
    "RNNCell": lambda: elman.nn.RNNCell(I, H, nonlinearity="relu"),
    "Cell": lambda: elman.nn.Cell(elman.cells.mgu, I, H),
}
ALL = {**LAYERS, **CELLS}


class Model(nn.Module):
    """A model in which a layer is a part."""

    def __init__(self, layer: nn.Module, **given: Any) -> None:
        super().__init__()
        self.layer, self.given = layer.eval(), given
        self.readout = nn.Linear(H * (2 if layer.bidirectional else 1), 4)

    def forward(self, x):
        output, _ = self.layer(x, **self.given)
        return self.readout(output)


class OneState(nn.Module):
    """A model in which one step is a part."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, x):
        return self.step(x)


def quietly(tool: Any, *args: Any, **options: Any) -> Any:
    """Call a tool of torch, whose warnings (it is deprecated, say) are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tool(*args, **options)


def around(name: str) -> tuple[nn.Module, torch.Tensor]:
    layer = ALL[name]()
    return (Model(layer), torch.randn(T, B, I)) if name in LAYERS else (OneState(layer), torch.randn(B, I))


def first(value: Any) -> torch.Tensor:
    return value[0] if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", ALL)
def test_loading_a_pickled_layer_without_code_needs_its_class_alone(name):
    layer = ALL[name]().eval()
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    wanted = f"{type(layer).__module__}.{type(layer).__qualname__}"
    assert torch.serialization.get_unsafe_globals_in_checkpoint(file) == [wanted]
    file.seek(0)
    with torch.serialization.safe_globals([type(layer)]):
        again = torch.load(file, weights_only=True)
    x = torch.randn(T, B, I) if name in LAYERS else torch.randn(B, I)
    assert_identical("output", first(again(x)), first(layer(x)))
    assert again.program.text == layer.program.text
    assert getattr(again, "cell", None) == getattr(layer, "cell", None)


def test_a_pickled_cell_still_names_its_source():
    layer = elman.nn.Recurrent(elman.cells.gru, I, H)
    assert pickle.loads(pickle.dumps(layer)).cell.source == elman.cells.gru.source


def test_a_layer_that_was_pickled_with_its_program_is_read():
    layer = LAYERS["Recurrent"]()
    again = type(layer).__new__(type(layer))
    again.__setstate__(dict(layer.__dict__))
    x = torch.randn(T, B, I)
    assert_identical("output", again.eval()(x)[0], layer.eval()(x)[0])


@pytest.mark.parametrize("name", ALL)
def test_symbolic_trace_makes_a_layer_one_node(name):
    model, x = around(name)
    traced = torch.fx.symbolic_trace(model)
    called = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    assert called[0] in ("layer", "step")
    assert_identical("output", first(traced(x)), first(model(x)))


def test_symbolic_trace_passes_states_and_lengths_on():
    layer = elman.nn.LSTM(I, H)

    class Given(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x, h, c, lengths):
            _, (h, c) = self.layer(x, (h, c), lengths=lengths)
            return h + c

    given = (torch.randn(T, B, I), torch.randn(1, B, H), torch.randn(1, B, H), torch.tensor([3, 7]))
    model = Given()
    assert_identical("states", torch.fx.symbolic_trace(model)(*given), model(*given))


@pytest.mark.parametrize("name", ALL)
def test_a_layer_alone_is_no_module_to_trace(name):
    with pytest.raises(ConfigError, match="traced by itself"):
        torch.fx.symbolic_trace(ALL[name]())


@pytest.mark.parametrize("kinds", [{nn.LSTM, nn.Linear}, {elman.nn.LSTM}])
def test_quantising_says_that_a_layer_stays_as_it_is(kinds):
    model = Model(elman.nn.LSTM(I, H)).eval()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantised = torch.ao.quantization.quantize_dynamic(model, kinds)
    said = [str(w.message) for w in caught if "leaves elman.nn" in str(w.message)]
    assert said
    assert "stay torch.float32" in said[0]
    x = torch.randn(T, B, I)
    assert_identical("output", quantised.layer(x)[0], model.layer(x)[0])
    assert not hasattr(model.layer, "qconfig")


@pytest.mark.parametrize("name", ALL)
def test_scripting_names_what_to_call_instead(name):
    model, _ = around(name)
    with pytest.raises(ConfigError, match=r"torch\.jit\.script: .*\n  Use torch\.jit\.trace, torch\.compile"):
        quietly(torch.jit.script, model)


def exported(model: nn.Module, x: torch.Tensor, *, dynamo: bool) -> Any:
    """Export a model, and return a function that runs the file."""
    runtime = pytest.importorskip("onnxruntime", reason="runs the exported files; it comes with elman[dev]")
    pytest.importorskip("onnxscript", reason="torch exports with it; it comes with elman[dev]")
    file = io.BytesIO()
    if dynamo:
        program = quietly(torch.onnx.export, model.eval(), (x,), dynamo=True, verbose=False)
        file.write(program.model_proto.SerializeToString())
    else:
        names = {"input_names": ["x"], "dynamic_axes": {"x": {0: "T", 1: "B"} if x.dim() == 3 else {0: "B"}}}
        quietly(torch.onnx.export, model.eval(), (x,), file, dynamo=False, **names)
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda given: torch.from_numpy(session.run(None, {name: given.numpy()})[0])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU", "LSTMCell", "RNNCell"])
def test_an_exported_file_runs_for_any_length_and_batch(name):
    model, x = around(name)
    run = exported(model, x, dynamo=False)
    for given in (x, torch.randn(11, 5, I) if name in LAYERS else torch.randn(5, I)):
        assert_close("output", run(given), first(model(given)).detach())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LSTM", "GRU", "LSTMCell", "RNNCell"])
def test_a_file_of_the_exporter_that_compiles_runs(name):
    model, x = around(name)
    assert_close("output", exported(model, x, dynamo=True)(x), first(model(x)).detach())


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        (lambda: elman.nn.Recurrent(elman.cells.gru, I, H), {}),
        (lambda: elman.nn.LSTM(I, H, proj_size=2), {}),
        (lambda: elman.nn.GRU(I, H), {"lengths": [3, 7]}),
    ],
)
def test_what_onnx_cannot_hold_gets_a_sentence(layer, given):
    pytest.importorskip("onnxscript", reason="torch exports with it; it comes with elman[dev]")
    model = Model(layer(), **given)
    with pytest.raises(ConfigError, match="ONNX has no operator for"):
        quietly(torch.onnx.export, model.eval(), (torch.randn(T, B, I),), io.BytesIO(), dynamo=False)
