"""A sentence that one client of the server sends word by word; the tags of the new words come back.

They are those of the sentence so far, as if it ended there. With a CRF a later word can change the tag of an earlier
one, which has been answered by then: `predict` has the tags of the whole.
"""

import json
from typing import Any

import torch
from torch import Tensor

from elman.data.sentences.sentence import Sentence
from elman.errors import DataError
from elman.models.finite import require_finite_output
from elman.nn.evaluation import evaluating
from elman.nn.states import States
from elman.options import OptionTable
from elman.tasks.serving import require_text
from elman.tasks.tag.batches import units
from elman.tasks.tag.commands import describe_tags
from elman.tasks.tag.model import TrainedTagger, as_sentences


def can_follow(trained: TrainedTagger) -> bool:
    """Tell whether a model reads forward, so that a word has a tag before the next one comes."""
    return not trained.module.recurrent.bidirectional


class TagStream:
    """A sentence that arrives.

    Args:
        trained: a model that can follow.
    """

    def __init__(self, trained: TrainedTagger, _: OptionTable) -> None:
        self._trained, self._module = trained, trained.module
        self._state: States | None = None
        self._before: Tensor | None = None  # of the CRF
        self._highest: Tensor | None = None  # outputs, for the label
        self._last: tuple[tuple[str, ...], ...] = ()  # what was beside the last word

    @torch.no_grad()
    def take(self, message: str | bytes) -> dict[str, Any]:
        """Read words with spaces between them, or as JSON, and return their tags and the label so far."""
        [sentence] = self._read(require_text(message))
        self._trained.encoder.require_further(sentence)
        module, targets = self._module, self._trained.targets
        encoder = self._trained.encoder
        steps = torch.tensor([encoder.spell(*own) for own in units(encoder.without_sides(sentence))])[:, None]
        carried = encoder.carried(sentence, self._last)
        with evaluating(module):
            x = module.embed(steps)
            sides = module.sides.of(x, None if carried is None else carried[:, None])
            output, state = module.recurrent(x, self._state, **sides)
            emissions = module.readout(output)
            highest = output.amax(0) if self._highest is None else torch.maximum(self._highest, output.amax(0))
            label = None if module.label is None else targets.labels[int(module.label(highest).argmax(1))]
        require_finite_output(bool(emissions.isfinite().all()))
        before = None
        if module.chain is None:
            best = emissions.argmax(2)
        else:
            best, before = module.chain.search(emissions, torch.tensor([len(steps)]), self._before)
        self._state, self._before, self._highest = state, before, highest
        self._last = sentence.further[-1:]
        return describe_tags(sentence, [targets.tags[number] for number in best[:, 0].tolist()], label)

    def end(self) -> dict[str, Any]:
        """Return nothing more: every word has its tag."""
        return {}

    def _read(self, message: str) -> list[Sentence]:
        words: Any = message.split()
        if message.lstrip().startswith("["):
            try:
                words = json.loads(message)
            except (ValueError, RecursionError):
                words = message.split()
        if not isinstance(words, list) or not words:
            raise DataError("The message has no words. Write them with spaces between, or as a list of JSON.")
        return as_sentences([as_words(words)])


def as_words(listed: list[Any]) -> list[Any]:
    """Return words that came as JSON, where a word with the values beside it is a list.

    >>> as_words(["so", ["good", "JJ"]])
    ['so', ('good', 'JJ')]
    """
    return [tuple(word) if isinstance(word, list) else word for word in listed]
