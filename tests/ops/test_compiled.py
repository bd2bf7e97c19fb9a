"""Compile, export and trace layers: torch's tools see one operator, and the results are those of eager mode."""

import copy
import io
import subprocess
import sys
import warnings

import pytest
import torch

import elman
import lean_backend
from elman import cells
from elman.errors import ShapeError
from elman.nn import GRU, LSTM, RNN, Recurrent
from tolerances import assert_close

T, B, I, H = 5, 3, 7, 11
LAYERS = {
    "Recurrent": lambda: Recurrent(cells.lstm, I, H, bidirectional=True),
    "recomputing": lambda: Recurrent(cells.gru, I, H, recompute_every=2),
    "RNN": lambda: RNN(I, H, nonlinearity="relu"),
    "LSTM": lambda: LSTM(I, H, 2, proj_size=2),
    "GRU": lambda: GRU(I, H, batch_first=True),
}
layers = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)  # torch says it to itself
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # that shapes are constants
        yield
    torch._dynamo.reset()


def assert_same_run(layer, compiled, x, *arguments, **options):
    """Compare outputs, final states and every gradient of a layer and its compiled form."""
    found = []
    for run in (layer, compiled):
        own = x.clone().requires_grad_()
        output, final = run(own, *arguments, **options)
        values = [output, *(final if isinstance(final, tuple) else (final,))]
        generator = torch.Generator().manual_seed(3)
        above = [torch.randn(v.shape, generator=generator, dtype=v.dtype) for v in values]
        found.append([*values, *torch.autograd.grad(values, [own, *layer.parameters()], above)])
    for number, (right, other) in enumerate(zip(*found, strict=True)):
        assert_close(f"result {number}", other, right)


@layers
def test_a_compiled_layer_is_one_graph_and_gives_what_the_layer_gives(make):
    layer = make()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert_same_run(layer, compiled, torch.randn(T, B, I))


@pytest.mark.slow
@layers
def test_inductor_compiles_layers(make):
    layer = make()
    compiled = torch.compile(layer, fullgraph=True)
    assert_same_run(layer, compiled, torch.randn(T, B, I))
    assert_same_run(layer, compiled, torch.randn(13, 2, I))


def test_lengths_are_an_argument_of_what_is_compiled():
    layer = Recurrent(cells.lstm, I, H, bidirectional=True)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    x = torch.randn(T, B, I)
    for lengths in ([5, 5, 5], [5, 0, 3], [0, 0, 0]):
        x[torch.arange(T)[:, None] >= torch.tensor(lengths)] = torch.nan
        assert_same_run(layer, compiled, x, lengths=torch.tensor(lengths))
    for wrong in ([6, 0, 1], [2, -1, 1]):
        with pytest.raises(ShapeError, match="A length is from 0 to 5"):
            compiled(x, lengths=torch.tensor(wrong))


def test_one_compiled_graph_serves_all_sizes():
    graphs = []
    layer = Recurrent(cells.lstm, I, H, recompute_every=3)

    def count(graph, _):
        graphs.append(graph)
        return graph

    compiled = torch.compile(layer, backend=count, fullgraph=True, dynamic=True)
    for steps, batch in ((5, 3), (7, 2), (2, 13)):
        x = torch.randn(steps, batch, I)
        assert_close("output", compiled(x)[0], layer(x)[0])
    assert len(graphs) == 1
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=True)
    for steps, batch in ((5, 3), (7, 2)):
        assert_same_run(layer, compiled, torch.randn(steps, batch, I))


@pytest.mark.parametrize("shape", [(0, B, I), (T, 0, I)])
def test_nothing_to_run_can_be_compiled(shape):
    layer = Recurrent(cells.lstm, I, H, 2)
    assert_same_run(layer, torch.compile(layer, backend="aot_eager", fullgraph=True), torch.randn(shape))


def test_masks_side_inputs_and_autocast_can_be_compiled():
    noisy = {"dropout": 0.5, "recurrent_dropout": 0.3, "weight_dropout": 0.2, "zoneout": 0.1}
    layer = Recurrent(cells.cfc, I, H, 2, **(noisy | {"recurrent_dropout": 0, "weight_dropout": 0}))
    x, dt = torch.randn(T, B, I), torch.rand(T, B)
    found = []
    for run in (layer, torch.compile(layer, backend="aot_eager", fullgraph=True)):
        torch.manual_seed(3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output, _ = run(x, dt=dt)
        found.append(output)
    assert found[0].dtype == torch.bfloat16
    assert torch.equal(*found)
    layer = Recurrent(cells.lstm, I, H, 2, **noisy)
    found = []
    for run in (layer, torch.compile(layer, backend="aot_eager", fullgraph=True)):
        torch.manual_seed(3)
        found.append(run(x)[0])
    assert_close("output", *found)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [GRU, lambda i, h: Recurrent(cells.mgu, i, h)], ids=["GRU", "Recurrent"])
def test_a_layer_in_half_precision_is_compiled_and_exported(make, dtype):
    layer, x = make(I, H).to(dtype), torch.randn(T, B, I, dtype=dtype)
    expected, _ = layer(x)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    for run in (compiled, torch.export.export(layer, (x,)).module()):
        output, _ = run(x)
        assert output.dtype == dtype
        assert_close("output", output, expected)


def test_what_is_compiled_keeps_its_backend(lean):
    layer = GRU(I, H)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert_same_run(layer, compiled, torch.randn(T, B, I))
    lean_backend.asked.clear()
    with elman.backend("reference"):
        compiled(torch.randn(T, B, I, requires_grad=True))
    assert lean_backend.asked == [("forward", T, True)]


def test_the_backward_pass_alone_can_be_compiled():
    layer = GRU(I, H, 2)
    twin = copy.deepcopy(layer)
    x = torch.randn(T, B, I)
    twin(x)[0].sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch looks at .grad of values that have none, and says so to itself
        with torch._dynamo.compiled_autograd._enable(torch.compile(backend="aot_eager", fullgraph=True)):
            layer(x)[0].sum().backward()
    for one, other in zip(layer.parameters(), twin.parameters(), strict=True):
        assert_close("gradient", one.grad, other.grad)


def export(layer, strict, *arguments):
    """Export a layer for any T and B, save it, and load it again."""
    steps, batch = torch.export.Dim("T", min=2, max=100), torch.export.Dim("B", min=2, max=100)
    axes = {0: batch, 1: steps} if layer.batch_first else {0: steps, 1: batch}
    shapes = (axes, *(None if a is None else {0: batch} for a in arguments[1:]))
    exported = torch.export.export(layer, arguments, dynamic_shapes=shapes, strict=strict)
    file = io.BytesIO()
    torch.export.save(exported, file)
    return file


@pytest.mark.parametrize(
    ("make", "strict"),
    [
        *(pytest.param(make, False, id=name) for name, make in LAYERS.items()),
        pytest.param(LAYERS["GRU"], True, id="GRU, strict"),
        pytest.param(LAYERS["Recurrent"], True, id="Recurrent, strict", marks=pytest.mark.slow),
    ],
)
def test_an_exported_layer_is_saved_loaded_and_run_on_other_sizes(make, strict):
    layer = make()
    file = export(layer, strict, torch.randn(T, B, I))
    file.seek(0)
    program = torch.export.load(file)
    assert any(node.target == torch.ops.elman.forward.default for node in program.graph.nodes)
    x = torch.randn(13, 2, I)
    (output, final), (right, right_final) = program.module()(x), layer(x)
    assert_close("output", output, right)
    for one, other in zip(final, right_final, strict=True):
        assert_close("final state", one, other)


def test_an_exported_layer_takes_lengths():
    layer = Recurrent(cells.lstm, I, H, bidirectional=True)
    file = export(layer, False, torch.randn(T, B, I), None, torch.tensor([5, 0, 3]))
    file.seek(0)
    x, lengths = torch.randn(13, 2, I), torch.tensor([2, 13])
    output, _ = torch.export.load(file).module()(x, None, lengths)
    assert_close("output", output, layer(x, lengths=lengths)[0])


@pytest.mark.slow
def test_an_exported_layer_runs_where_its_cell_is_not_known(tmp_path):
    @elman.cell
    def private(x, h, *, W, U, b):
        return elman.tanh(W @ x + U @ h + b)

    layer = Recurrent(private, I, H)
    path, x = tmp_path / "layer.pt2", torch.randn(13, 2, I)
    path.write_bytes(export(layer, False, torch.randn(T, B, I)).getvalue())
    torch.save(x, tmp_path / "x")
    code = (
        "import sys, torch, elman.ops\n"
        "output, _ = torch.export.load(sys.argv[1] + '/layer.pt2').module()(torch.load(sys.argv[1] + '/x'))\n"
        "torch.save(output, sys.argv[1] + '/output')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert_close("output", torch.load(tmp_path / "output"), layer(x)[0])


def test_a_traced_layer_is_saved_and_loaded():
    layer = Recurrent(cells.lstm, I, H, 2, bidirectional=True)
    traced = torch.jit.trace(layer, torch.randn(T, B, I), check_trace=False)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    x = torch.randn(13, 2, I)
    assert_close("output", torch.jit.load(file)(x)[0], layer(x)[0])


def test_sizes_are_found_without_values():
    layer = Recurrent(cells.lstm, I, H, 2, bidirectional=True, device="meta")
    x = torch.randn(T, B, I, device="meta", requires_grad=True)
    output, (h, c) = layer(x)
    assert (output.shape, h.shape, c.shape) == ((T, B, 2 * H), (4, B, H), (4, B, H))
    output.sum().backward()
    assert x.grad.shape == x.shape
    assert all(p.grad.shape == p.shape for p in layer.parameters())


REPLICA = """
import sys, torch, elman
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
layer = elman.nn.LSTM(7, 11, 2)
layer.load_state_dict(torch.load(f"{folder}/weights"))
replica = torch.nn.parallel.DistributedDataParallel(layer)
x = torch.load(f"{folder}/x")[:, 2 * rank : 2 * rank + 2]
replica(x)[0].square().sum().backward()
torch.save([p.grad for p in layer.parameters()], f"{folder}/gradients{rank}")
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_replicas_in_two_processes_average_their_gradients(tmp_path):
    layer, x = LSTM(I, H, 2), torch.randn(T, 4, I)
    torch.save(layer.state_dict(), tmp_path / "weights")
    torch.save(x, tmp_path / "x")
    command = [sys.executable, "-c", REPLICA]
    processes = [subprocess.Popen([*command, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    layer(x)[0].square().sum().backward()
    for rank in range(2):
        for found, parameter in zip(torch.load(tmp_path / f"gradients{rank}"), layer.parameters(), strict=True):
            assert_close("gradient", found, parameter.grad / 2)
