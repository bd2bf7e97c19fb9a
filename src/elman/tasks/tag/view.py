"""Show a model of tags some sentences, so that its layers can be looked at while it works.

What a word needs is asked by showing the words around it alone: the n − 1 before it, and in a model that reads from
both ends as many behind it.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.sentences.opening import open_tagged
from elman.data.sentences.sentence import Sentence
from elman.errors import DataError
from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, LONGEST_EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.tag.batches import EncodedSentences, SentenceBatch
from elman.tasks.tag.model import TrainedTagger
from elman.tasks.tag.module import NO_TAG, SequenceTagger

_WORDS_ASKED = 256


class _Asked(NamedTuple):
    """Hold a word with a tag that is known: its sentence, its place there, and the tag's number."""

    steps: Tensor
    place: int
    tag: int


def view(model: TrainedTagger, data: Sequence[str]) -> View:
    """Show a model of tags sentences that have tags.

    Raises:
        DataError: they cannot be read, a tag is outside the scheme of the model, or it knows none of their tags.
    """
    sentences = open_tagged(list(data), like=model.layout).sentences
    model.targets.check_scheme(sentences)
    module = copy.deepcopy(model.module).double().eval()
    examples, of_last = how_many(max(len(sentence.words) for sentence in sentences))
    chosen = [sentences[i] for i in choose_examples(len(sentences), examples)]
    few = _encode(model, chosen)
    words = _choose_words(_encode(model, [sentences[i] for i in choose_examples(len(sentences), of_last)]))
    if not words or not module.count(few.tags, few.lengths):
        raise DataError("The model knows too few of the tags of these sentences. Give data like those of its training.")

    def loss() -> Tensor:
        said = module(few.steps, few.lengths)
        return module.loss(said, few.tags, few.labels, few.lengths) * len(few.lengths)

    what = f"{len(few.lengths)} sentences of up to {int(few.lengths.max())} words"
    return View(
        module,
        module.recurrent,
        loss,
        lambda n: _loss_with(module, words, n),
        lambda: _explain(model, module, few, [chosen[i].words for i in few.indices.tolist()]),
        what,
        model.metrics,
    )


def _encode(model: TrainedTagger, sentences: Sequence[Sentence]) -> SentenceBatch:
    (batch,) = EncodedSentences(sentences, model.encoder, model.targets).batches(len(sentences))
    return batch


def _choose_words(many: SentenceBatch) -> list[_Asked]:
    found = (many.tags.T != NO_TAG).nonzero().tolist()
    chosen = [found[i] for i in choose_examples(len(found), _WORDS_ASKED)]
    return [_Asked(many.steps[: int(many.lengths[b]), b], t, int(many.tags[t, b])) for b, t in chosen]


def _loss_with(module: SequenceTagger, words: Sequence[_Asked], n: int) -> float:
    """Return the mean −log P of the tags of words of which n − 1 words before are shown."""
    behind = n if module.recurrent.bidirectional else 1
    rows = [one.steps[max(0, one.place - n + 1) : one.place + behind] for one in words]
    places = torch.tensor([min(one.place, n - 1) for one in words])
    lengths, tags = torch.tensor([len(row) for row in rows]), torch.tensor([one.tag for one in words])
    with torch.no_grad():
        emissions = module(pad_sequence(rows), lengths).emissions
        return -float(module.log_share(emissions, lengths, places, tags).mean())


def _explain(
    model: TrainedTagger, module: SequenceTagger, few: SentenceBatch, sentences: Sequence[Sequence[str]]
) -> list[Mattered]:
    """Explain the tag of the word that the model is least sure of, sentence by sentence."""
    explained = []
    for b in choose_examples(len(few.lengths), EXPLAINED):
        length = int(few.lengths[b])
        if length > LONGEST_EXPLAINED:
            continue
        steps, real = few.steps[:length, b : b + 1], few.lengths[b : b + 1]
        with torch.no_grad():
            emissions = module(steps, real).emissions
            said = module.best(emissions, real)[:, 0]
            many, places = real.expand(length), torch.arange(length)
            shares = module.log_share(emissions.expand(-1, length, -1), many, places, said).exp()
        t = int(shares.argmin())

        def score(t: int = t, tag: Tensor = said[t : t + 1], steps: Tensor = steps, real: Tensor = real) -> Tensor:
            return module.log_share(module(steps, real).emissions, real, torch.tensor([t]), tag)

        found = attribute_in_model(module.recurrent, score, points=POINTS)
        words = sentences[b]
        right = model.targets.tags[few.tags[t, b]] if few.tags[t, b] != NO_TAG else "unknown"
        answer = f"“{words[t]}” at step {t} is {model.targets.tags[said[t]]} with {float(shares[t]):.0%}"
        explained.append(mattered(found, 0, length, f"{answer} (it is {right})", words=[f"{word} " for word in words]))
    return explained
