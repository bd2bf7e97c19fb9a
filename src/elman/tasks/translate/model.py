"""A model that writes a text for a text: predict, measure, keep it in a file, read it back.

>>> from elman.tasks import translate
>>> model = translate.load("train.elman.safetensors")           # doctest: +SKIP
>>> model.predict(["ein Hund"])                                 # doctest: +SKIP
['a dog']
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.backends.held import held
from elman.data.examples.intake import as_examples
from elman.data.pairs.pair import Pair
from elman.decoding.constraints import NONE, Constraints
from elman.decoding.sampling import Sampling
from elman.decoding.search import Beam, Hypothesis, search
from elman.encoders.batches import OnProgress, draw_batches
from elman.errors import ConfigError, DataError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.framed import reads_frames
from elman.models.layers import Layers
from elman.models.learnt import Overlap, hash_example
from elman.models.ordering import read_bags
from elman.models.trained import load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.scores.translations import TextScores, score_texts
from elman.tasks.recipe_model import RecipeModel
from elman.tasks.translate.arriving import ArrivingSource, write_arriving
from elman.tasks.translate.batches import NOTHING, EncodedPairs, pad_sources
from elman.tasks.translate.demands import constrain, refuse_copying, write_copied
from elman.tasks.translate.encoder import PairEncoder
from elman.tasks.translate.module import TranslationModel
from elman.tasks.translate.reorder import order_units
from elman.tasks.translate.writer import TranslationWriter, longest_target

_logger = logging.getLogger("elman")

MOST_UNITS = 1000
"""Units of a source that are read; a longer one is cut."""

_AT_ONCE = 64  # sources
_SHOWN = 20  # characters of a text in a warning
_BEAM = Beam()


@dataclass(kw_only=True)
class TrainedTranslator(RecipeModel):
    """A trained model and all that is needed to use it.

    Attributes:
        encoder: numbers both sides.
    """

    task: ClassVar[str] = "translate"
    part_names: ClassVar[tuple[str, ...]] = ("encoder",)
    module: TranslationModel
    encoder: PairEncoder

    @property
    def orders(self) -> bool:
        """Whether it was trained to put jumbled words in order."""
        return self.module.bag

    def reorder(
        self, sentences: Sequence[str], *, beam: int = 64, on_progress: OnProgress | None = None
    ) -> list[tuple[str, float]]:
        """Put the words of each sentence into their likeliest order, by beam search over the words that are left.

        Args:
            sentences: words in any order, at most 100 each.
            beam: hypotheses that are kept, 1 to 512.
            on_progress: called with (words placed, all of them).

        Returns:
            For each sentence its words in order, and ln P of that order among all orders of these words.

        Raises:
            ConfigError: the model was not trained on jumbled words, or the beam is outside its range.
            DataError: a word is unknown, or a sentence is too long; the message says which line.
            ElmanError: what the module puts out is not finite.
        """
        if not self.orders:
            raise ConfigError("This model was not trained to put words in order. Train one with jumble (--jumble).")
        target = self.encoder.target
        bags = read_bags(sentences, target.vocabulary)
        orders = order_units(self.module, bags, end=target.end, beam=beam, on_progress=on_progress)
        return [(target.decode(one.units), one.log_probability) for one in orders]

    @reads_frames("source")
    def predict(
        self,
        texts: Sequence[str],
        *,
        beam: int = 5,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        prefix: str | Sequence[str] = "",
        forbid: Sequence[str] = (),
        require: Sequence[str] = (),
        copy_unknown: bool = False,
        sampling: Sampling | None = None,
        seed: int = 1,
    ) -> list[str]:
        """Return what the model writes for texts.

        Args:
            texts: N sources; for one without any letter the answer is empty. Or a data frame with a column `source`,
                or one column; it comes back with a column `prediction`.
            beam: hypotheses that are kept, 1 to 512; 1 is greedy.
            length_penalty: rank by ln P / length^A; 0 ranks by probability.
            coverage_penalty: rank by what of the source was not looked at, with this weight.
            prefix: how answers begin; one for all, or one for each text.
            forbid: phrases that no answer holds.
            require: phrases that every answer holds.
            copy_unknown: write the unit of the source that was looked at most for an unknown one.
            sampling: draw an answer; None searches for the best.
            seed: of what is drawn; the same seed and text give the same answer.

        Raises:
            DataError: `texts` is one text, or something in it is no text; a phrase has an unknown unit.
            ConfigError: an option is outside its range, or contradicts another.
        """
        ranked = Beam(beam, length_penalty=length_penalty, coverage_penalty=coverage_penalty)
        texts = list(as_examples(texts, "texts", "a list of texts"))
        constraints = constrain(self.encoder.target, len(texts), prefix=prefix, forbid=forbid, require=require)
        if copy_unknown:
            refuse_copying(self.encoder.target)
        found = self.hypotheses(texts, ranked, constraints, sampling=sampling, seed=seed)
        copied = texts if copy_unknown else [None] * len(texts)
        return [self.write(one[0], text) if one else "" for one, text in zip(found, copied, strict=True)]

    def hypotheses(
        self,
        texts: Sequence[str],
        beam: Beam = _BEAM,
        constraints: Constraints = NONE,
        on_progress: OnProgress | None = None,
        *,
        sampling: Sampling | None = None,
        seed: int = 1,
    ) -> list[list[Hypothesis]]:
        """Return likely hypotheses for texts, the best first; for one without any letter there is none.

        Args:
            texts: N sources.
            beam: how to search.
            constraints: what must and may not be written; those of each text in the order of the texts.
            on_progress: called with (how many are answered, how many there are).
            sampling: draw `beam.best` hypotheses instead; None searches.
            seed: of what is drawn.

        Raises:
            DataError: see :meth:`predict`.
            ElmanError: what the module puts out is not finite.
        """
        texts = list(as_examples(texts, "texts", "a list of texts"))
        wrong = [type(one).__name__ for one in texts if not isinstance(one, str)]
        if wrong:
            raise DataError(f"texts holds a value of type {wrong[0]}. Give strings.")
        units = [self._read(text) for text in texts]
        if self.orders:
            if beam.best > 1 or constraints is not NONE:
                raise ConfigError(
                    "A model that puts words in order writes all words of a text once. Ask for one order."
                )
            bags, end = [one.tolist() for one in units], self.encoder.target.end
            orders = order_units(self.module, bags, end=end, beam=beam.width, on_progress=on_progress)
            return [[Hypothesis(one.units, one.log_probability, one.log_probability)] for one in orders]
        lengths = torch.tensor([len(one) for one in units], dtype=torch.int64)
        found: list[list[Hypothesis]] = [[] for _ in texts]
        full = [index for index, text in enumerate(texts) if text.strip()]
        done = len(texts) - len(full)
        device = next(self.module.parameters()).device
        demanded = self._writable(constraints)
        with evaluating(self.module), held(self.module.parameters()):
            for few in draw_batches(lengths[full], _AT_ONCE, None):
                chosen = [full[index] for index in few]
                source, own = (t.to(device) for t in pad_sources([units[i] for i in chosen], self.encoder.source.end))
                answers = search(
                    TranslationWriter(self.module, source, own, self.encoder.target.end),
                    len(chosen),
                    end=self.encoder.target.end,
                    longest=[longest_target(length) for length in own.tolist()],
                    beam=beam,
                    constraints=demanded.of(chosen),
                    sampling=sampling,
                    # By the text, so that the same text has the same answer alone and in any batch.
                    randomness=[torch.Generator().manual_seed(hash_example(str(seed), texts[i]) >> 1) for i in chosen],
                )
                for index, answer in zip(chosen, answers, strict=True):
                    require_finite_output(bool(answer) or constraints is not NONE)
                    found[index] = answer
                done += len(chosen)
                if on_progress is not None:
                    on_progress(done, len(texts))
        return found

    def follow(self, pieces: Iterable[str], *, forbid: Sequence[str] = ()) -> Iterator[str]:
        """Translate one text while it arrives, by greedy search; together the result is that of `predict(…, beam=1)`.

        Args:
            pieces: of the text, as they come. As many are taken as the next unit of the target waits for.
            forbid: phrases that the answer does not hold.

        Returns:
            An iterator of what the answer grows by. A letter of several units comes with the last of them.

        Raises:
            ConfigError: the model was not trained to write while its source arrives (`wait`).
            DataError: a phrase has an unknown unit.
            ElmanError: what the module puts out is not finite.
        """
        if self.module.wait is None:
            raise ConfigError("This model reads whole texts. Train one with wait (--wait K).")
        constraints = self._writable(constrain(self.encoder.target, 1, forbid=forbid))
        return self._follow(ArrivingSource(self.encoder.source, iter(pieces), MOST_UNITS), constraints)

    def _follow(self, source: ArrivingSource, constraints: Constraints) -> Iterator[str]:
        with evaluating(self.module):
            yield from write_arriving(self.module, source, self.encoder.target, constraints)
        source.finish()
        _warn_of_cut(source.first, len(source.units))

    def _writable(self, constraints: Constraints) -> Constraints:
        """Return constraints that also forbid what stands in no target."""
        return replace(constraints, forbidden=(*constraints.forbidden, *self.encoder.target.unwritten))

    def _read(self, text: str) -> Tensor:
        """Return the units of a source; of one that is too long the first, with a warning."""
        units = self.encoder.source.encode(text)
        _warn_of_cut(text, len(units))
        return torch.tensor(units[:MOST_UNITS], dtype=torch.int32)

    def write(self, hypothesis: Hypothesis, source: str | None = None) -> str:
        """Return the text of a hypothesis; with the text of its source, units of that replace unknown ones."""
        if source is None or hypothesis.attention is None:
            return self.encoder.target.decode(hypothesis.units)
        looked = hypothesis.attention[: len(hypothesis.units)].argmax(1).tolist()
        return write_copied(self.encoder.source, self.encoder.target, source, hypothesis.units, looked)

    def evaluate(
        self, pairs: Sequence[Pair], beam: Beam = _BEAM, on_progress: OnProgress | None = None
    ) -> tuple[TextScores, list[str]]:
        """Translate sources and compare with their targets.

        Returns:
            The scores, and what was written.

        Raises:
            ConfigError: sacrebleu is not installed.
        """
        found = self.hypotheses([pair.source for pair in pairs], beam, on_progress=on_progress)
        texts = [self.write(one[0]) if one else "" for one in found]
        return score_texts(texts, [pair.target for pair in pairs]), texts

    def compare_learnt(self, pairs: Sequence[Pair]) -> Overlap | None:
        """Count the pairs that the model was trained on; None for a model that keeps no hashes."""
        return None if self.learnt is None else self.learnt.compare(hash_pair(pair, self.orders) for pair in pairs)


def _warn_of_cut(text: str, units: int) -> None:
    """Say that a text is not read to its end, where it has too many units."""
    if units > MOST_UNITS:
        _logger.warning(
            "The text that begins with %r has %s units, and the first %s are read. Split it into sentences.",
            text[:_SHOWN],
            f"{units:,}",
            f"{MOST_UNITS:,}",
        )


@torch.no_grad()
def mean_loss(module: TranslationModel, pairs: EncodedPairs, shuffled: torch.Generator | None = None) -> float:
    """Return the mean of −ln P over the units of targets and their ends, in nats."""
    total = count = 0.0
    device = next(module.parameters()).device
    with evaluating(module):
        for chosen in pairs.draw(_AT_ONCE, None):
            few = pairs.batch(chosen, shuffled)
            written = int((few.written != NOTHING).sum())
            loss = module(*(part.to(device) for part in (few.source, few.lengths, few.read, few.written)))
            total += float(loss) * written
            count += written
    return total / count


def hash_pair(pair: Pair, jumbled: bool = False) -> int:
    """Hash a pair of texts; of one whose source is jumbled, the target alone."""
    return hash_example("" if jumbled else pair.source, pair.target)


def build_module(cell: Cell, encoder: PairEncoder, configuration: Mapping[str, Any]) -> TranslationModel:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    return TranslationModel(
        cell, layers, source_units=encoder.source.size, target_units=encoder.target.size, shared=encoder.shared, **own
    )


def load(path: str | PathLike[str]) -> TrainedTranslator:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedTranslator, _read)


def _read(file: ModelFile) -> TrainedTranslator:
    encoder, cell = PairEncoder.from_dict(file.parts["encoder"]), Cell.from_dict(file.cell)
    options = file.configuration
    module = restore_module(file, TranslationModel, options, lambda: build_module(cell, encoder, options))
    return TrainedTranslator.of_file(file, module, encoder=encoder)
