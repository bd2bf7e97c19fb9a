"""What one writes without a server at hand: FastAPI, a route, and `torch.nn.LSTM`, which answer a request at a time.

python -m bench.speed.plain_server PORT VOCABULARY CLASSES EMBEDDING HIDDEN
"""

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from torch import Tensor, nn


class TextRow(BaseModel):
    """A row of a request."""

    text: str


class RowsOfTexts(BaseModel):
    """The body of a request."""

    rows: list[TextRow]


class PlainClassifier(nn.Module):
    """An embedding, an LSTM in both directions, the mean over time, and a readout."""

    def __init__(self, words: int, classes: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding)
        self.recurrent = nn.LSTM(embedding, hidden, bidirectional=True)
        self.readout = nn.Linear(2 * hidden, classes)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the probabilities (B, classes) of words (T, B)."""
        output, _ = self.recurrent(self.embedding(numbers))
        return torch.softmax(self.readout(output.mean(0)), 1)


def main(port: int, words: int, classes: int, embedding: int, hidden: int) -> None:
    """Serve."""
    torch.set_num_threads(1)
    model, app = PlainClassifier(words, classes, embedding, hidden).eval(), FastAPI()

    @app.post("/predict")
    @torch.inference_mode()
    def predict(body: RowsOfTexts) -> dict[str, list[dict[str, float]]]:
        answers = []
        for row in body.rows:
            numbers = torch.tensor([[hash(word) % words] for word in row.text.split()])
            shares = model(numbers)[0].tolist()
            best = max(range(classes), key=shares.__getitem__)
            answers.append({"prediction": best, "probability": shares[best]})
        return {"answers": answers}

    uvicorn.run(app, port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
