"""The layers of a tagger: a tag for every word, and optionally a label for the sentence.

    word → embedding ─┐
                      ├→ recurrent layers over the sentence ─┬→ linear → softmax or CRF: a tag a word
    letters → letter ─┘                                      └→ maximum over words → linear: a label
      embeddings → recurrent layer over each distinct word, read from both ends (Ling et al. 2015, section 3)

>>> from elman import cells
>>> tagger = SequenceTagger(cells.find("gru"), Layers(hidden=7), words=9, letters=5, tags=3)
>>> steps = torch.ones(5, 2, 4, dtype=torch.int64)
>>> tagger(steps, torch.tensor([5, 2])).emissions.shape
torch.Size([5, 2, 3])
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.backends.inputs import step_mask
from elman.decoding.crf import LinearChain
from elman.expr import Cell
from elman.models.layers import Layers
from elman.nn import Recurrent
from elman.nn.rows import Dropout, part_of
from elman.nn.rowwise import Linear
from elman.nn.states import listed
from elman.vocabulary.tally import FIRST, UNKNOWN

NO_TAG = -1
"""The number of an unknown tag, and of padding after the end of a sentence."""

# The embedding of a rare word stays near its initial value, which is noise next to the letters and should be small.
_SMALL = 0.1
_LABEL_WEIGHT = 0.5
_BESIDE = 25  # the largest size of the embedding of a column
_IMPOSSIBLE = -500.0  # a finite score, whose exponential is still above 0 in float64


class TaggerOutput(NamedTuple):
    """The output of the layers for B sentences.

    Attributes:
        emissions: (T, B, K), a score for each tag.
        labels: (B, M), logits of the labels; None where there are none.
    """

    emissions: Tensor
    labels: Tensor | None


class SequenceTagger(nn.Module):
    """A network that tags every word of B sentences.

    Args:
        cell: the equations of the recurrent layers, those over letters as well.
        words: how many word numbers there are.
        letters: how many letter numbers there are; 0 where letters are not read.
        tags: K.
        labels: M, of the whole sentence; 0 for none.
        embedding: size of a word's embedding.
        letter_embedding: size of a letter's.
        letter_hidden: H of the layer over letters.
        crf: choose the tags of a sentence together.
        input_dropout: dropout on the input of the recurrent layers.
        further: how many numbers each column has that is read beside the words.

    Raises:
        ConfigError: the cell reads more than its input.
    """

    def __init__(
        self,
        cell: Cell,
        layers: Layers,
        *,
        words: int,
        letters: int,
        tags: int,
        labels: int = 0,
        embedding: int = 100,
        letter_embedding: int = 32,
        letter_hidden: int = 64,
        crf: bool = False,
        input_dropout: float = 0.0,
        further: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding, padding_idx=0)
        with torch.no_grad():
            self.embedding.weight.mul_(_SMALL)
        self.speller = Speller(cell, letters, letter_embedding, letter_hidden, layers.sizes) if letters else None
        self.input_dropout = Dropout(input_dropout)
        spelled = self.speller.size if self.speller is not None else 0
        self.further = nn.ModuleList(nn.Embedding(count, min(count, _BESIDE), padding_idx=0) for count in further)
        wide = sum(min(count, _BESIDE) for count in further)
        self.sides = layers.side_inputs(cell)
        self.recurrent = layers.build(cell, embedding + spelled + wide, "a word")
        self.dropout = Dropout(layers.dropout)
        size = self.recurrent.output_size
        self.readout = Linear(size, tags)
        self.chain = LinearChain(tags) if crf else None
        self.label = Linear(size, labels) if labels else None

    @property
    def layers_that_recur(self) -> list[Recurrent]:
        """The recurrent layers: over words, and over letters."""
        return [self.recurrent, *([self.speller.recurrent] if self.speller is not None else [])]

    def forward(self, steps: Tensor, lengths: Tensor, carried: Tensor | None = None) -> TaggerOutput:
        """Compute a score for each tag of each word.

        Args:
            steps: (T, B, 1 + W + columns) int64, the numbers of a word, of its letters and of what is read beside it; 0
                after the end.
            lengths: (B,) int64, the words of each sentence.
            carried: (T, B, S) the side inputs that the words carry.
        """
        x = self.embed(steps)
        output, _ = self.recurrent(self.input_dropout(x), None, lengths, **self.sides.of(x, carried, lengths))
        output = self.dropout(output)
        labels = None if self.label is None else self.label(_highest(output, lengths))
        return TaggerOutput(self.readout(output), labels)

    def embed(self, steps: Tensor) -> Tensor:
        """Turn the numbers of words (T, B, 1 + W + columns) into the vectors that the recurrent layers read."""
        x = self.embedding(steps[..., 0])
        letters = steps.shape[2] - len(self.further)
        if self.speller is not None:
            x = torch.cat([x, self.speller(steps[..., 1:letters])], dim=2)
        if self.further:
            x = torch.cat([x, *(column(steps[..., letters + at]) for at, column in enumerate(self.further))], dim=2)
        return x

    def tag_loss(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean of −log P over words, in nats.

        Args:
            emissions: (T, B, K).
            tags: (T, B), `NO_TAG` where the tag is not known. Such words are ignored; a CRF ignores the whole
                sentence, since its probability is one of whole sentences.
            lengths: (B,).
        """
        if self.chain is None:
            return F.cross_entropy(emissions.flatten(0, 1), tags.flatten(), ignore_index=NO_TAG, reduction="mean")
        whole = _whole(tags, lengths)
        log_p = self.chain.log_probability(emissions[:, whole], tags[:, whole], lengths[whole])
        return -log_p.sum() / lengths[whole].sum().clamp(min=1)

    def loss(self, output: TaggerOutput, tags: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Return the training loss: :meth:`tag_loss`, plus half the loss of the labels if there are some.

        Args:
            output: of the sentences.
            tags: (T, B), see :meth:`tag_loss`.
            labels: (B,), `NO_TAG` where the label is not known.
            lengths: (B,).
        """
        loss = part_of(self.tag_loss(output.emissions, tags, lengths), self.count(tags, lengths))
        if output.labels is None:
            return loss
        missed = F.cross_entropy(output.labels, labels, ignore_index=NO_TAG, reduction="sum")
        count = (labels != NO_TAG).sum()
        return loss + part_of(_LABEL_WEIGHT * missed / count.clamp(min=1), count)

    def log_share(self, emissions: Tensor, lengths: Tensor, places: Tensor, tags: Tensor) -> Tensor:
        """Return the marginal log P of the tag of one word of each sentence, (B,).

        Args:
            emissions: (T, B, K).
            lengths: (B,).
            places: (B,) int64, the index of the word.
            tags: (B,) int64, the number of the tag.
        """
        each = torch.arange(len(places), device=emissions.device)
        if self.chain is None:
            return emissions[places, each].log_softmax(1)[each, tags]
        only = torch.zeros_like(emissions)
        only[places, each] = _IMPOSSIBLE
        only[places, each, tags] = 0.0
        return self.chain.log_partition(emissions + only, lengths) - self.chain.log_partition(emissions, lengths)

    def count(self, tags: Tensor, lengths: Tensor) -> int:
        """Return the number of words of which :meth:`tag_loss` is the mean."""
        return int((tags != NO_TAG).sum() if self.chain is None else lengths[_whole(tags, lengths)].sum())

    def best(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """Return the tag of every word, (T, B) int64."""
        return emissions.argmax(2) if self.chain is None else self.chain.best(emissions, lengths)


class Speller(nn.Module):
    """A bidirectional recurrent layer over the letters of words, which reads every distinct word of a batch once.

    Letters have no times: side inputs are 1 at each.

    Args:
        cell: the equations.
        letters: how many letter numbers there are.
        embedding: size of a letter's embedding.
        hidden: H.
        sizes: sizes that the cell leaves open.

    Attributes:
        size: of the vector of a word.
    """

    def __init__(
        self, cell: Cell, letters: int, embedding: int, hidden: int, sizes: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(letters, embedding, padding_idx=0)
        self.recurrent = Recurrent(cell, embedding, hidden, bidirectional=True, sizes=sizes)
        self.size = self.recurrent.output_size

    def forward(self, letters: Tensor) -> Tensor:
        """Turn the letters of words (T, B, W), zeros after the end of each, into vectors (T, B, size)."""
        distinct, which = torch.unique(letters.flatten(0, 1), dim=0, return_inverse=True)
        lengths = (distinct != 0).sum(1)
        x = self.embedding(distinct[:, : int(lengths.max())].T)
        sides = {name: x.new_ones(x.shape[:2]) for name in self.recurrent.cell.sides}
        _, final_state = self.recurrent(x, None, lengths, **sides)
        first = listed(final_state)[0]
        return torch.cat([first[0], first[1]], dim=1)[which].unflatten(0, letters.shape[:2])


def drop_words(steps: Tensor, counts: Tensor, chance: float, randomness: torch.Generator) -> Tensor:
    """Replace some words by the unknown word, rare words more often: with probability a / (a + count).

    (Kiperwasser & Goldberg 2016, section 4.) So the model learns to tag unknown words.

    Args:
        steps: (T, B, 1 + W); a new tensor is returned.
        counts: (words,) how often each number occurs; special numbers are ignored.
        chance: the probability for a word that occurs once.
        randomness: the random generator.
    """
    if not chance:
        return steps
    numbers = steps[..., 0]
    a = chance / (1 - chance)
    drawn = torch.rand(numbers.shape, generator=randomness) < a / (a + counts[numbers])
    dropped = steps.clone()
    dropped[..., 0] = numbers.masked_fill(drawn & (numbers >= FIRST), UNKNOWN)
    return dropped


def _whole(tags: Tensor, lengths: Tensor) -> Tensor:
    """Return in which sentences every tag is known, (B,)."""
    return ((tags != NO_TAG) | ~step_mask(lengths, len(tags))).all(0)


def _highest(output: Tensor, lengths: Tensor) -> Tensor:
    """Return the maximum over time of outputs (T, B, n), without padding, (B, n)."""
    return output.masked_fill(~step_mask(lengths, len(output)).unsqueeze(2), -torch.inf).amax(0)
