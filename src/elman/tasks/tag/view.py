"""Run a tagger on some sentences to inspect its layers.

How much context a tag needs is measured by reading only the words around it: the n − 1 before it, and in a
bidirectional model as many after it.
"""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from elman.data.sentences.opening import TaggedSet, open_tagged
from elman.data.sentences.sentence import Sentence
from elman.errors import DataError
from elman.flow import attribute_in_model
from elman.flow.page.mattered import Mattered
from elman.models.view import EXPLAINED, LONGEST_EXPLAINED, POINTS, View, choose_examples, how_many, mattered
from elman.tasks.tag.batches import EncodedSentences, SentenceBatch
from elman.tasks.tag.model import TrainedTagger
from elman.tasks.tag.module import NO_TAG, SequenceTagger

_PROBED_WORDS = 256


class _ProbedWord(NamedTuple):
    """A word with a known tag: its sentence, what the words there carry, its index, and the tag's number."""

    steps: Tensor
    carried: Tensor | None
    place: int
    tag: int


def view(model: TrainedTagger, data: Any) -> View:
    """Inspect a tagger on sentences that have tags.

    Raises:
        DataError: a file cannot be read, a tag is outside the scheme of the model, or it knows none of the tags.
    """
    sentences = open_again(model, data).sentences
    module = copy.deepcopy(model.module).double().eval()
    examples, of_last = how_many(max(len(sentence.words) for sentence in sentences))
    chosen = [sentences[i] for i in choose_examples(len(sentences), examples)]
    few = _encode(model, chosen)
    words = _choose_words(_encode(model, [sentences[i] for i in choose_examples(len(sentences), of_last)]))
    if not words or not module.count(few.tags, few.lengths):
        raise DataError("The model knows too few of the tags of these sentences. Give data like those of its training.")

    def loss() -> Tensor:
        output = module(few.steps, few.lengths, few.carried)
        return module.loss(output, few.tags, few.labels, few.lengths) * len(few.lengths)

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


def open_again(model: TrainedTagger, data: Any) -> TaggedSet:
    """Return sentences as they are, and open paths as in the training.

    Raises:
        DataError: a file cannot be read, or a tag is outside the scheme of the model.
    """
    opened = data if isinstance(data, TaggedSet) else open_tagged(list(data), like=model.layout)
    model.targets.check_scheme(opened.sentences)
    return opened


def _encode(model: TrainedTagger, sentences: Sequence[Sentence]) -> SentenceBatch:
    (batch,) = EncodedSentences(sentences, model.encoder, model.targets).batches(len(sentences))
    return batch


def _choose_words(many: SentenceBatch) -> list[_ProbedWord]:
    known = (many.tags.T != NO_TAG).nonzero().tolist()
    chosen = [known[i] for i in choose_examples(len(known), _PROBED_WORDS)]
    found = []
    for b, t in chosen:
        end = int(many.lengths[b])
        carried = None if many.carried is None else many.carried[:end, b]
        found.append(_ProbedWord(many.steps[:end, b], carried, t, int(many.tags[t, b])))
    return found


def _loss_with(module: SequenceTagger, words: Sequence[_ProbedWord], n: int) -> float:
    """Return the mean −log P of the tags of words of which n − 1 words before are read."""
    after = n if module.recurrent.bidirectional else 1
    near = [slice(max(0, word.place - n + 1), word.place + after) for word in words]
    rows = [word.steps[part] for word, part in zip(words, near, strict=True)]
    carried = [word.carried[part] for word, part in zip(words, near, strict=True) if word.carried is not None]
    places = torch.tensor([min(word.place, n - 1) for word in words])
    lengths, tags = torch.tensor([len(row) for row in rows]), torch.tensor([word.tag for word in words])
    with torch.no_grad():
        emissions = module(pad_sequence(rows), lengths, pad_sequence(carried) if carried else None).emissions
        return -float(module.log_share(emissions, lengths, places, tags).mean())


def _explain(
    model: TrainedTagger, module: SequenceTagger, few: SentenceBatch, sentences: Sequence[Sequence[str]]
) -> list[Mattered]:
    """Explain the least certain tag of each sentence."""
    explained = []
    for b in choose_examples(len(few.lengths), EXPLAINED):
        length = int(few.lengths[b])
        if length > LONGEST_EXPLAINED:
            continue
        carried = None if few.carried is None else few.carried[:length, b : b + 1]
        given = few.steps[:length, b : b + 1], few.lengths[b : b + 1], carried
        real = given[1]
        with torch.no_grad():
            emissions = module(*given).emissions
            best = module.best(emissions, real)[:, 0]
            many, places = real.expand(length), torch.arange(length)
            shares = module.log_share(emissions.expand(-1, length, -1), many, places, best).exp()
        t = int(shares.argmin())

        def score(t: int = t, tag: Tensor = best[t : t + 1], given: Any = given) -> Tensor:
            return module.log_share(module(*given).emissions, given[1], torch.tensor([t]), tag)

        attribution = attribute_in_model(module.recurrent, score, points=POINTS)
        words = sentences[b]
        right = model.targets.tags[few.tags[t, b]] if few.tags[t, b] != NO_TAG else "unknown"
        answer = f"“{words[t]}” at step {t} is {model.targets.tags[best[t]]} with {float(shares[t]):.0%}"
        shown = [f"{word} " for word in words]
        explained.append(mattered(attribution, 0, length, f"{answer} (it is {right})", words=shown))
    return explained
