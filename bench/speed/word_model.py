"""Time an update of a word model as a whole program, with torch's layers and with ours in their place.

The program is that of PyTorch's example `word_language_model`: an embedding, two recurrent layers with dropout, a
linear decoder over all words; truncated backpropagation with the state carried on, clipped gradients, plain steps
downhill. An update is everything from one batch to the next. Words are drawn by Zipf's law, so no corpus is needed.
Both programs begin with the same weights and draw the same dropout, and must have the same losses. As in `small`, they
run on one thread, and what is measured is its time on the processor.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import elman
from bench.speed.drawing import draw_ratios
from bench.speed.measure import FULL, Pace, side_by_side
from bench.speed.progress import track
from bench.speed.report import Result, Row, Target
from bench.speed.small import make_row, on_one_thread
from bench.speed.torch_peer import KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS, HIDDEN, LAYERS, DROPOUT = 10_000, 200, 2, 0.2
STEPS, BATCH, BATCHES = 35, 20, 7
CLIP, RATE = 0.25, 5.0


class WordModel(nn.Module):
    """A network that predicts the next word.

    Args:
        layers: an `nn.LSTM`, `nn.GRU` or `nn.RNN`, torch's or ours.
        words: size of the vocabulary.
    """

    def __init__(self, layers: nn.Module, words: int = WORDS) -> None:
        super().__init__()
        size: Any = layers.hidden_size
        self.embedding, self.layers, self.decoder = nn.Embedding(words, size), layers, nn.Linear(size, words)
        self.dropout = nn.Dropout(DROPOUT)
        for weight in (self.embedding.weight, self.decoder.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, read: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits of the next words (T, B, V) and the final state."""
        output, state = self.layers(self.dropout(self.embedding(read)), state)
        return self.decoder(self.dropout(output)), state


def make_models(kind: str, hidden: int = HIDDEN, words: int = WORDS) -> tuple[WordModel, WordModel]:
    """Make the model with our layers and with torch's, with the same weights."""
    options = {"num_layers": LAYERS, "dropout": DROPOUT}
    ours, theirs = (WordModel(getattr(of, kind)(hidden, hidden, **options), words) for of in (elman.nn, nn))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def make_corpus(words: int = WORDS) -> Tensor:
    """Draw words by Zipf's law, in streams of some batches and one word: (T, B)."""
    shares = 1 / torch.arange(1, words + 1)
    return torch.multinomial(shares, (BATCHES * STEPS + 1) * BATCH, replacement=True).view(-1, BATCH)


def make_update(model: WordModel, corpus: Tensor) -> Callable[[], Tensor]:
    """Make an update on the next batch of a corpus, which begins again at its end; it returns the loss."""
    place: dict[str, Any] = {"start": 0, "state": None}

    def update() -> Tensor:
        if place["start"] + STEPS >= len(corpus):
            place.update(start=0, state=None)
        part = corpus[place["start"] : place["start"] + STEPS + 1]
        model.zero_grad()
        logits, state = model(part[:-1], place["state"])
        loss = F.cross_entropy(logits.flatten(0, 1), part[1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(parameter.grad, alpha=-RATE)  # type: ignore[arg-type]
        states = state if isinstance(state, tuple) else (state,)
        detached = tuple(one.detach() for one in states)
        place.update(start=place["start"] + STEPS, state=detached if isinstance(state, tuple) else detached[0])
        return loss.detach()

    return update


def run(pace: Pace = FULL) -> Result:
    """Measure every kind of layer; `ratio` says how many times as fast the program with ours is."""
    corpus = make_corpus()
    rows = [_measure(kind, corpus, pace) for kind in track("word model", KINDS)]
    return Result(rows, [Target(row["kind"], row["ratio"], 1.0) for row in rows])


def _measure(kind: str, corpus: Tensor, pace: Pace) -> Row:
    models = make_models(kind)
    check_alike(*models, corpus)
    calls = {name: make_update(model, corpus) for name, model in zip(("elman", "torch"), models, strict=True)}
    timings = side_by_side({name: on_one_thread(call) for name, call in calls.items()}, pace)
    return make_row(kind, f"{STEPS}·{BATCH}·{HIDDEN}·{HIDDEN}, {LAYERS} layers", timings)


def check_alike(ours: WordModel, theirs: WordModel, corpus: Tensor) -> None:
    """Compare the losses of both over some updates.

    Raises:
        RuntimeError: they are not the same.
    """
    losses = []
    for model in (ours, theirs):
        torch.manual_seed(1)
        update = make_update(model, corpus)
        losses.append([update().item() for _ in range(3)])
    if not all(math.isclose(one, other, rel_tol=1e-4) for one, other in zip(*losses, strict=True)):
        raise RuntimeError(f"The losses with torch's layers are {losses[1]}, with ours {losses[0]}.")


def draw(rows: list[Row]) -> "Figure":
    """Draw the ratios, a panel for each kind."""
    return draw_ratios(rows, "Update of a word model beside torch.nn (CPU, float32)", "layers T·B·I·H")
