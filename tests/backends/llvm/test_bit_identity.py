"""The same numbers, bit for bit, in any batch, on any number of threads, padded, streamed, and in training."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from elman import cells
from elman.backends.llvm.emit import tiles as llvm_tiles
from elman.backends.llvm.plan import MOST_CHAINS
from elman.backends.llvm.run import engine as llvm_engine
from elman.backends.llvm.run import frames as llvm_frames
from elman.backends.llvm.run import kernel as llvm_kernel
from kernels import Given, build, compute, draw, evaluate, only, step_through
from tolerances import assert_identical

ZOO = [cells.find(name) for name in cells.names()]
SOME = [cells.lstm, cells.gru_reset_before, cells.lstm_layer_norm]

every_cell = pytest.mark.parametrize("chosen", ZOO, ids=lambda c: c.name)
some_cells = pytest.mark.parametrize("chosen", SOME, ids=lambda c: c.name)
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@pytest.fixture
def threads(monkeypatch) -> Iterator[None]:
    """Let a test set torch's threads, and let kernels use them also for little work."""
    before = torch.get_num_threads()
    monkeypatch.setattr(llvm_kernel, "LEAST_WORK", 0)
    llvm_kernel.lay_out.cache_clear()
    monkeypatch.setattr(llvm_frames, "SMALL", 0)
    yield
    torch.set_num_threads(before)


def assert_all_identical(what, found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert_identical(f"{what}: {name}", found[name], value)


@every_cell
def test_an_example_alone_or_in_any_batch(chosen):
    layer = build(chosen, 7, 21, dtype=torch.float64, bidirectional=True)
    whole = draw(layer, 4, 32)
    expected = evaluate(layer, whole)
    for examples in ([5], [31], [0, 9], [8, 30, 2, 2, 11, 17, 1], list(range(16))):
        part = evaluate(layer, only(whole, examples))
        assert_all_identical(str(examples), part, {n: v[:, examples] for n, v in expected.items()})


@every_type
@some_cells
@pytest.mark.parametrize(("entry", "hidden"), [(1, 1), (1, 16), (300, 19), (16, 300), (33, 130)])
def test_an_example_alone_or_in_any_batch_at_any_width(chosen, dtype, entry, hidden):
    layer = build(chosen, entry, hidden, dtype=dtype)
    whole = draw(layer, 3, 13)
    expected = evaluate(layer, whole)
    for examples in ([0], [12], [7, 1, 4], list(range(12))):
        part = evaluate(layer, only(whole, examples))
        assert_all_identical(str(examples), part, {n: v[:, examples] for n, v in expected.items()})


@every_cell
def test_training_evaluation_streams_and_whole_sequences(chosen):
    layer = build(chosen, 7, 21, 2, dtype=torch.float64)
    given = draw(layer, 5, 3)
    expected = evaluate(layer, given)
    trained = compute(layer, given)
    assert_all_identical("with gradients", {name: trained[name] for name in expected}, expected)
    assert_all_identical("streamed", step_through(layer, given), expected)


@every_cell
def test_padding_behind_an_example(chosen):
    layer = build(chosen, 7, 21, dtype=torch.float64, bidirectional=True)
    padded = draw(layer, 6, 5, [4, 6, 0, 1, 3])
    expected = evaluate(layer, padded)
    for b, n in enumerate(padded.lengths):
        alone = only(padded, [b])
        cut = Given(alone.x[:n], alone.states, None, {name: s[:n] for name, s in alone.sides.items()})
        found = evaluate(layer, cut)
        assert_identical(f"output {b}", found.pop("output"), expected["output"][:n, [b]])
        assert torch.count_nonzero(expected["output"][n:, b]) == 0
        for name, value in found.items():
            assert_identical(f"{name} {b}", value, expected[name][:, [b]])


@every_cell
def test_a_reverse_direction_and_a_flipped_sequence(chosen):
    both = build(chosen, 7, 21, dtype=torch.float64, bidirectional=True)
    single = build(chosen, 7, 21, dtype=torch.float64)
    for name, parameter in single.named_parameters():
        parameter.data = getattr(both, f"{name}_reverse").data
    given = draw(both, 5, 3)
    flipped = {name: side.flip(0) for name, side in given.sides.items()}
    expected = evaluate(single, Given(given.x.flip(0), [s[1:] for s in given.states], None, flipped))
    found = evaluate(both, given)
    output = found.pop("output")
    assert_identical("output", output[..., output.shape[-1] // 2 :], expected["output"].flip(0))
    for name, value in found.items():
        assert_identical(name, value[1:], expected[name])


@some_cells
@every_type
@pytest.mark.parametrize("lengths", [None, "ragged"])
def test_values_do_not_depend_on_threads(chosen, dtype, lengths, threads):
    layer = build(chosen, 7, 40, dtype=dtype, bidirectional=True)
    for steps, batch in [(5, 11), (1, 2), (3, 1), (12, 33)]:
        lengths = lengths and torch.randint(1, steps + 1, (batch,)).tolist()
        given = draw(layer, steps, batch, lengths)
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(compute(layer, given))
        for name in (
            "output",
            *(f"final {s}" for s in chosen.states),
            *(f"gradient of {s}" for s in ("x", *chosen.states)),
        ):
            assert_identical(name, found[1][name], found[0][name])


@some_cells
@every_type
@pytest.mark.parametrize("count", [1, 2])
def test_gradients_are_the_same_in_every_run(chosen, dtype, count, threads):
    torch.set_num_threads(count)
    layer = build(chosen, 7, 40, dtype=dtype, bidirectional=True)
    given = draw(layer, 17, 33, torch.randint(0, 18, (33,)).tolist())
    expected = compute(layer, given)
    for _ in range(3):
        assert_all_identical("again", compute(layer, given), expected)


@every_type
def test_the_chunks_of_a_long_sequence(dtype, monkeypatch):
    layer = build(cells.gru, 5, 33, dtype=dtype)
    given = draw(layer, 64, 7, torch.randint(0, 65, (7,)).tolist())
    expected = compute(layer, given)
    chunks = set()

    class Watched(llvm_kernel.Layout):
        def __init__(self, *args):
            super().__init__(*args)
            chunks.add(self.chunk)

    monkeypatch.setattr(llvm_kernel, "Layout", Watched)
    for size in (1, 3 << 13, 5 << 14, 1 << 30):
        monkeypatch.setattr(llvm_kernel, "CHUNK_BYTES", size)
        llvm_kernel.lay_out.cache_clear()
        assert_all_identical(f"chunks of {size} bytes", compute(layer, given), expected)
    llvm_kernel.lay_out.cache_clear()
    assert {1, 64} < chunks
    assert any(64 % n for n in chunks)  # the last chunk is shorter


@pytest.mark.parametrize("shape", [(1, (1, 2, 3)), (2, (1, 2))], ids=str)
def test_tiles_of_any_shape_give_the_same_values(shape, quick_kernels, monkeypatch):
    layer = build(cells.lstm_layer_norm, 7, 70, dtype=torch.float64)
    given = draw(layer, 4, 9)
    expected = compute(layer, given)
    width, rows = shape
    table = [(n, rows, llvm_tiles.ANY) for n in (width, 1)]
    monkeypatch.setattr(llvm_tiles, "SHAPES", {r: dict.fromkeys(range(1, MOST_CHAINS + 1), table) for r in (16, 32)})
    monkeypatch.setattr(llvm_engine, "_libraries", {})
    llvm_kernel._find.cache_clear()
    assert_all_identical(f"tiles of {shape}", compute(layer, given), expected)


@some_cells
def test_code_that_was_not_optimised_gives_the_same_values(chosen, request):
    layer = build(chosen, 7, 70, dtype=torch.float64)
    given = draw(layer, 4, 9)
    expected = compute(layer, given)
    request.getfixturevalue("quick_kernels")
    assert_all_identical("not optimised", compute(layer, given), expected)


def test_runs_in_several_python_threads_at_once_do_not_disturb_each_other():
    layer = build(cells.lstm, 7, 40, dtype=torch.float64)
    given = [draw(layer, 9, 5) for _ in range(4)]
    expected = [compute(layer, g) for g in given]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for found, alone in zip(pool.map(lambda g: compute(layer, g), given), expected, strict=True):
                assert_all_identical("beside others", found, alone)


def test_a_spare_workspace_that_another_thread_takes_first_is_made_anew(monkeypatch):
    class TakenFromUnderYou(list):
        def __bool__(self):
            return True

    layer = build(cells.lstm, 7, 13, dtype=torch.float64)
    given = draw(layer, 2, 3)
    expected = evaluate(layer, given)

    class Layout(llvm_kernel.Layout):
        def __init__(self, *args):
            super().__init__(*args)
            self.spare = TakenFromUnderYou()

    monkeypatch.setattr(llvm_kernel, "Layout", Layout)
    llvm_kernel.lay_out.cache_clear()
    assert_all_identical("taken", evaluate(layer, given), expected)
    llvm_kernel.lay_out.cache_clear()
