"""Put the words of sentences in order, whatever model says which order is likely.

>>> import torch
>>> from elman.decoding.search import Writer
>>> class Rising(Writer):
...     '''Prefers a word of a higher number.'''
...     def begin(self, sources):
...         return torch.zeros(sources, 5).log_softmax(1), None
...     def step(self, units, state):
...         return (torch.arange(5) > units[:, None]).float().log_softmax(1), None
...     def select(self, state, rows):
...         return None
>>> [order.units for order in order_bags(lambda _: Rising(), [[4, 2, 3], [1]], end=0)]
[[2, 3, 4], [1]]
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

from elman.data.examples.intake import as_examples
from elman.decoding.bags import BagOrder, BagWriter, write_bags
from elman.decoding.search import Beam
from elman.errors import ConfigError, DataError
from elman.models.finite import require_finite_output
from elman.vocabulary.vocabulary import Vocabulary
from elman.vocabulary.words import Words

MOST_WORDS = 100

_MOST_ROWS = 2**12


def order_bags(
    open_writer: Callable[[list[int]], BagWriter],
    bags: Sequence[Sequence[int]],
    *,
    end: int,
    beam: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[BagOrder]:
    """Find a likely order of each bag of words, of some bags of similar length at a time.

    Args:
        open_writer: returns the writer of some bags, by their indices.
        bags: the numbers of the words of each sentence.
        end: the number of the end.
        beam: how many beginnings are kept, 1 to 512.
        on_progress: called with (words placed, all of them).

    Raises:
        ConfigError: the beam is outside its range.
        ElmanError: what the model puts out is not finite.
    """
    width = Beam(beam).width
    orders: dict[int, BagOrder] = {}
    placed, total = 0, sum(map(len, bags))
    for indices in _batches(bags, max(1, _MOST_ROWS // width)):
        chosen = [bags[index] for index in indices]
        found = write_bags(open_writer(indices), chosen, end=end, width=width)
        require_finite_output(all(found))
        orders.update((index, of[0]) for index, of in zip(indices, found, strict=True))
        placed += sum(map(len, chosen))
        if on_progress is not None:
            on_progress(placed, total)
    return [orders[index] for index in range(len(bags))]


def _batches(bags: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """Yield the indices of bags of similar length, at most `most` at a time."""
    order = iter(sorted(range(len(bags)), key=lambda index: len(bags[index])))
    while batch := list(itertools.islice(order, most)):
        yield batch


def check_bags(bags: Sequence[Sequence[int]], where: str) -> None:
    """Refuse bags that are too large.

    Args:
        bags: of words.
        where: the name of a bag in the message, before its number from 1.

    Raises:
        DataError: a bag has more than 100 words.
    """
    for number, bag in enumerate(bags, start=1):
        if len(bag) > MOST_WORDS:
            raise DataError(
                f"{where} {number} has {len(bag)} words; at most {MOST_WORDS} are put in order. Split the sentence."
            )


def read_bags(sentences: Sequence[str], vocabulary: Vocabulary) -> list[list[int]]:
    """Number the words of sentences.

    Raises:
        ConfigError: the vocabulary is not one of words.
        DataError: there is no list of texts, a word is unknown, or a sentence is too long; the message says which line.
    """
    if not isinstance(vocabulary, Words):
        raise ConfigError(
            f"reorder puts words in order, and this is a model of {vocabulary.unit}s. Train one with --unit word."
        )
    texts = list(as_examples(sentences, "sentences", "a list of texts"))
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise DataError(f"line {number} is of the type {type(text).__name__}, not a text. Give one text.")
    return [_read_bag(vocabulary, text, f"line {i}: " * (len(texts) > 1)) for i, text in enumerate(texts, 1)]


def _read_bag(words: Words, sentence: str, where: str) -> list[int]:
    try:
        numbers = words.encode_prompt(sentence).tolist()
    except DataError as error:
        raise DataError(f"{where}{error}") from None
    bag = [number for number in numbers if number != words.end]
    if len(bag) > MOST_WORDS:
        raise DataError(
            f"{where}{len(bag)} words are too many to put in order; the most is {MOST_WORDS}. "
            "Give shorter sentences, a line each, with --file."
        )
    return bag
