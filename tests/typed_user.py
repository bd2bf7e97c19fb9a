"""A small program of a user. `make check` checks its types with `mypy --strict`, and the tests run it."""

from pathlib import Path

import torch
from torch import Tensor

import elman
from elman import Cell, Expr, Family
from elman.tasks import Classifier, Tagger, classify, generate
from elman.tasks.classify.model import TrainedClassifier


@elman.cell
def gated(x: Expr, h: Expr, *, W: Family, U: Family, b: Family) -> Expr:
    """A cell of the user's own."""
    z = elman.sigmoid(W.z @ x + U.z @ h + b.z)
    return z * h + (1 - z) * elman.tanh(W.n @ x + U.n @ h + b.n)


class LastOutput(torch.nn.Module):
    """A network that reads a sequence and returns two numbers."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.recurrent = elman.nn.Recurrent(cell, input_size=3, hidden_size=5)
        self.readout = torch.nn.Linear(self.recurrent.output_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Read a time-major batch."""
        output, _ = self.recurrent(x)
        answer: Tensor = self.readout(output[-1])
        return answer


def run_layers() -> dict[str, Tensor]:
    """Run a layer with its gradient, step by step, and in place of torch's LSTM."""
    x = torch.randn(7, 2, 3)
    network = LastOutput(gated)
    network(x).square().mean().backward()
    stream = network.recurrent.stream(batch_size=2)
    streamed = torch.stack([stream.step(step) for step in x])
    whole, _ = network.recurrent(x)
    with elman.backend("reference"):
        output, (h_n, c_n) = elman.nn.LSTM(3, 5, bidirectional=True)(x)
    return {"streamed": streamed, "whole": whole, "output": output, "h_n": h_n, "c_n": c_n}


def train_and_load(folder: Path) -> dict[str, str]:
    """Train models, read them from their files, and use them."""
    table, book = folder / "reviews.csv", folder / "book.txt"
    table.write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 20, encoding="utf-8")
    book.write_text("to be or not to be. " * 50, encoding="utf-8")
    classify.train(table, hidden=5, epochs=1, output=folder / "reviews.model", quiet=True, compare=False)
    model: TrainedClassifier = elman.load(folder / "reviews.model")
    estimator = Classifier(hidden=5, epochs=1).fit(["good film", "bad film"] * 9, ["pos", "neg"] * 9)
    tagger = Tagger(hidden=5, epochs=1).fit([["we", "run"]] * 9, [["PRON", "VERB"]] * 9)
    writer = generate.train(book, hidden=5, epochs=1, quiet=True, compare=False)
    try:
        elman.load(book)
        refused = ""
    except elman.DataError as error:
        refused = str(error)
    return {
        "class": model.predict(["good film"])[0],
        "estimated": str(estimator.predict(["bad film"])[0]),
        "tag": tagger.predict([["we", "run"]])[0][0],
        "written": "".join(writer.generate(prompt="to ", length=10, seed=1)),
        "refused": refused,
    }
