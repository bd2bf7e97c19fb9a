"""A language model whose cell reads a number besides its input: the same at every step, also unit by unit."""

import pytest
import torch

from elman.errors import ConfigError
from elman.export import read_card
from elman.export.checking import difference
from elman.export.graph import Session
from elman.export.models import run_steps
from elman.tasks import generate
from elman.tasks.exporting import export_model
from elman.tasks.generate.reader import Reader
from elman.tasks.inspection import inspect_model
from small_trainings import write_book

SMALL = {"cell": "cfc", "hidden": 5, "epochs": 1, "batch": 4, "window": 17, "quiet": True, "compare": False}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = write_book(tmp_path_factory.mktemp("book") / "book.txt")
    generate.train(path, output=path.with_name("m"), side={"dt": 2.5}, **SMALL)
    return path


def test_units_one_by_one_are_read_as_the_whole_text(book):
    model = generate.load(book.with_name("m"))
    numbers = torch.randint(0, len(model.module.embedding.weight), (7,))
    seen = []
    hook = model.module.recurrent.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((args[0], kwargs["dt"])), with_kwargs=True
    )
    with torch.no_grad():
        expected = model.module(numbers[:, None])[0][:, 0]
    hook.remove()
    ((x, dt),) = seen
    assert torch.equal(dt, torch.full(x.shape[:2], 2.5))
    reader = Reader(model.module)
    for number, logits in zip(numbers.tolist(), expected, strict=True):
        reader.step(number)
        assert torch.allclose(reader.logits(), logits, atol=1e-5)


def test_a_file_of_onnx_has_the_number_and_the_browser_is_refused(book, tmp_path):
    export_model(book.with_name("m"), tmp_path / "m.onnx")
    model, card = generate.load(book.with_name("m")), read_card(tmp_path / "m.onnx")
    numbers = torch.randint(0, len(model.module.embedding.weight), (7, 3))
    names = [name for name in card["inputs"] if name.startswith("initial")]
    found = run_steps(Session((tmp_path / "m.onnx").read_bytes()), [{"units": row.numpy()} for row in numbers], names)
    with torch.no_grad():
        expected = model.module(numbers)[0].softmax(-1)
    assert difference([torch.from_numpy(found[0])], [expected]) <= 1e-5
    for name in ("m.html", "m.wasm"):
        with pytest.raises(ConfigError, match=r"no model is written for the browser with that\. Write it to ONNX"):
            export_model(book.with_name("m"), tmp_path / name)


def test_a_look_inside_cuts_the_numbers_with_the_text(book):
    inspected = inspect_model(book.with_name("m"), [str(book)], length=40, explain=False)
    assert inspected.truncation is not None


@pytest.mark.parametrize("side", ["dt=gaps", "dt=gaps:t", "dt=time"])
def test_a_text_has_no_times(side, book):
    with pytest.raises(
        ConfigError, match=rf"side is {side}, and a text has no columns and no times. Give a number: dt=1"
    ):
        generate.train(book, side=side, **SMALL)
