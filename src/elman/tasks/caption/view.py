"""Run a model that captions on some pictures, to inspect its decoder.

How much context a caption needs is measured by reading only the last words before its middle.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.caption.batches import NOTHING, CaptionBatch
from elman.tasks.caption.model import TrainedCaptioner
from elman.tasks.caption.module import CaptionModel
from elman.tasks.caption.reading import encode_again, open_again


def view(model: TrainedCaptioner, data: Sequence[str]) -> View:
    """Inspect a model that captions, on captions and their pictures.

    Raises:
        DataError: a file cannot be read, or holds no captions.
    """
    captions = encode_again(model, open_again(model, data), quiet=True)
    module = copy.deepcopy(model.module).double().eval()
    few, many = (
        _first(captions.batch(choose_examples(len(captions), most)))
        for most in how_many(1 + int(captions.lengths.max()))
    )
    count = len(few.owners)
    return View(
        module,
        module.recurrent,
        lambda: _loss(module, few) * count,
        lambda n: _loss_behind(module, many, n),
        lambda: _explain(model, module, few),
        f"{count} captions of up to {len(few.read):,} words",
        model.metrics,
    )


def _first(few: CaptionBatch) -> CaptionBatch:
    """Return a batch with the first caption of each picture alone, in float64."""
    owners = few.owners.tolist()
    kept = [owners.index(place) for place in range(len(few.pictures))]
    written = few.written[:, kept]
    steps = int((written != NOTHING).sum(0).max())
    return CaptionBatch(few.pictures.double(), few.owners[kept], few.read[:steps, kept], written[:steps])


def _loss(module: CaptionModel, few: CaptionBatch) -> Tensor:
    """Return the mean of −ln P over the words to be written."""
    logits = module(few.pictures, few.owners, few.read)
    return F.cross_entropy(logits.flatten(0, 1), few.written.flatten(), ignore_index=NOTHING)


@torch.no_grad()
def _loss_behind(module: CaptionModel, few: CaptionBatch, n: int) -> float:
    """Return the loss of the middle word of every caption, where only the n words before it are read."""
    state, losses = module.encode(few.pictures).select(few.owners), []
    for b in range(len(few.owners)):
        middle = int((few.written[:, b] != NOTHING).sum()) // 2
        read = few.read[max(0, middle + 1 - n) : middle + 1, b : b + 1]
        joined, _ = module.decode(read, state.select(torch.tensor([b])))
        losses.append(float(F.cross_entropy(module.read_out(joined[-1]), few.written[middle, b : b + 1])))
    return sum(losses) / len(losses)


def _explain(model: TrainedCaptioner, module: CaptionModel, few: CaptionBatch) -> list[Mattered]:
    """Explain the least certain word of each of some captions."""
    explained, show = [], model.encoder.words.show
    for b in choose_examples(len(few.owners), EXPLAINED):
        written = int((few.written[:, b] != NOTHING).sum())
        pictures, owner, read = (
            few.pictures[b : b + 1],
            torch.zeros(1, dtype=torch.int64),
            few.read[:written, b : b + 1],
        )
        with torch.no_grad():
            chances = module(pictures, owner, read)[:, 0].log_softmax(1)
        t = int(chances.amax(1).argmin())
        unit = int(chances[t].argmax())

        def score(
            t: int = t, unit: int = unit, pictures: Tensor = pictures, owner: Tensor = owner, read: Tensor = read
        ) -> Tensor:
            return module(pictures, owner, read[: t + 1])[t].log_softmax(1)[:, unit]

        attribution = attribute_in_model(module.recurrent, score, points=POINTS)
        answer = (
            f"“{show(unit)}” at step {t} of the caption with {float(chances[t, unit].exp()):.0%} "
            f"(it is “{show(int(few.written[t, b]))}”)"
        )
        words = [f"{show(number)} " for number in read[: t + 1, 0].tolist()]
        explained.append(mattered(attribution, 0, len(words), answer, words=words))
    return explained
