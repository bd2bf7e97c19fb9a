"""Run a translation model on some pairs to inspect its encoder.

How much context a translation needs is measured by reading only the last units of every source. A model that puts
words in order reads what is written so far, so there the last units before the middle of a target are read alone.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, LONGEST_EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.translate.batches import NOTHING, EncodedPairs, PairBatch
from elman.tasks.translate.model import MOST_UNITS, TrainedTranslator
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.ordering import left_in_bags, order_loss
from elman.tasks.translate.reading import read_pairs_again


def view(model: TrainedTranslator, data: Sequence[str]) -> View:
    """Inspect a translation model on pairs.

    Raises:
        DataError: a file cannot be read, or holds no pairs.
    """
    pairs = EncodedPairs(read_pairs_again(model, data).pairs, model.encoder, MOST_UNITS)
    module = copy.deepcopy(model.module).double().eval()
    few, many = (pairs.batch(choose_examples(len(pairs), most)) for most in how_many(int(pairs.sources.max())))
    what = f"{len(few.lengths)} sources of up to {int(few.lengths.max())} units"
    return View(
        module,
        module.recurrent,
        lambda: _loss(module, few) * len(few.lengths),
        lambda n: (_loss_behind if model.orders else _loss_of_last)(module, many, n),
        lambda: _explain(model, module, few),
        what,
        model.metrics,
    )


def _loss(module: TranslationModel, few: PairBatch) -> Tensor:
    """Return the mean of −ln P over the units to be written."""
    logits = module(few.source, few.lengths, few.read)
    return F.cross_entropy(logits.flatten(0, 1), few.written.flatten(), ignore_index=NOTHING)


def _loss_of_last(module: TranslationModel, few: PairBatch, n: int) -> float:
    """Return the loss where only the last n units of every source are read."""
    rows = [few.source[max(0, length - n) : length, b] for b, length in enumerate(few.lengths.tolist())]
    source = torch.nn.utils.rnn.pad_sequence(rows)
    lengths = torch.tensor([len(row) for row in rows])
    with torch.no_grad():
        return float(_loss(module, PairBatch(source, lengths, few.read, few.written, few.indices)))


@torch.no_grad()
def _loss_behind(module: TranslationModel, few: PairBatch, n: int) -> float:
    """Return the loss of the middle unit of every target, where only the n units before it are read."""
    states, losses = module.encode(few.source, few.lengths), []
    for b, length in enumerate(few.lengths.tolist()):
        one, middle = slice(b, b + 1), length // 2
        bag, real, written = few.source[:length, one].t(), few.lengths[one], few.written[: middle + 1, one]
        read = few.read[max(0, middle + 1 - n) : middle + 1, one]
        joined, _ = module.decode(read, states.select(torch.tensor([b])))
        scores = module.read_out_wanted(joined[-1:].transpose(0, 1), bag)
        left = left_in_bags(bag, real, written)[:, -1:]
        losses.append(float(order_loss(scores, left, bag, written[-1:], 0.0)))
    return sum(losses) / len(losses)


def _explain(model: TrainedTranslator, module: TranslationModel, few: PairBatch) -> list[Mattered]:
    """Explain the least certain unit of each of some targets."""
    explained = []
    for b in choose_examples(len(few.lengths), EXPLAINED):
        length, written = int(few.lengths[b]), int((few.written[:, b] != NOTHING).sum())
        if length > LONGEST_EXPLAINED:
            continue
        source, real = few.source[:length, b : b + 1], few.lengths[b : b + 1]
        read = few.read[:written, b : b + 1]
        with torch.no_grad():
            chances = module(source, real, read)[:, 0].log_softmax(1)
        t = int(chances.amax(1).argmin())
        unit = int(chances[t].argmax())

        def score(
            t: int = t, unit: int = unit, source: Tensor = source, real: Tensor = real, read: Tensor = read
        ) -> Tensor:
            return module(source, real, read[: t + 1])[t].log_softmax(1)[:, unit]

        attribution = attribute_in_model(module.recurrent, score, points=POINTS)
        right = model.encoder.target.show(int(few.written[t, b]))
        answer = (
            f"“{model.encoder.target.show(unit)}” at step {t} of the target with {float(chances[t, unit].exp()):.0%} "
            f"(it is “{right}”)"
        )
        looked_at = read[: t + 1] if model.orders else source  # what the layer reads
        gap = "" if model.encoder.source.vocabulary.unit == "character" else " "
        shown = [f"{model.encoder.source.show(number)}{gap}" for number in looked_at[:, 0].tolist()]
        explained.append(mattered(attribution, 0, len(looked_at), answer, words=shown))
    return explained
