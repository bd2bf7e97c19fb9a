"""A trained language model: evaluate, generate, complete, reorder, save to a file and load."""

import math
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from elman.decoding.sampling import Sampling
from elman.errors import ConfigError, DataError, ElmanError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.given import describe_classes, find_class
from elman.models.layers import Layers
from elman.models.ordering import read_bags
from elman.models.trained import load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.renamed import renamed_arguments
from elman.tasks.generate.corpus import Corpus, hash_passages
from elman.tasks.generate.module import LanguageModel
from elman.tasks.generate.reader import Reader, extend, likeliest
from elman.tasks.generate.reorder import order_words
from elman.tasks.generate.scores import Evaluation, OnProgress, dynamic_loss, mean_loss
from elman.tasks.recipe_model import RecipeModel
from elman.vocabulary.vocabulary import Vocabulary, read_vocabulary
from elman.vocabulary.words import Words

_FIRST_WORD = 2  # after <eos> and <unk>
_LENGTHS = {"character": 500, "word": 100, "subword": 200}


@dataclass(kw_only=True)
class TrainedModel(RecipeModel):
    """A trained language model with its vocabulary.

    Attributes:
        vocabulary: the units that it knows.
        configuration: the options of the module; `classes` are the names of the classes, `given` is the name of what
            they are.
    """

    task: ClassVar[str] = "generate"
    part_names: ClassVar[tuple[str, ...]] = ("vocabulary",)
    module: LanguageModel
    vocabulary: Vocabulary

    @property
    def classes(self) -> list[str]:
        """The names of the classes; empty for a model of plain text."""
        return list(self.configuration["classes"])

    @renamed_arguments(told="on_progress")
    def evaluate(
        self, text: str | Corpus, *, dynamic: float | None = None, on_progress: OnProgress | None = None
    ) -> Evaluation:
        """Compute the loss on a text, with the state carried from its start to its end.

        Args:
            text: all its units except the first are predicted; for a model with classes a corpus of the same classes.
            dynamic: the learning rate of dynamic evaluation, see
                :func:`elman.tasks.generate.scores.dynamic_loss`.
            on_progress: called with (steps done, all of them).

        Raises:
            DataError: the text has fewer than two units, a character that the model has never seen, or other classes.
            ConfigError: `dynamic` is not above 0.
            ElmanError: the loss is not finite, because of `dynamic` or of the weights.
        """
        if dynamic is not None and not 0 < dynamic < 1000:
            raise ConfigError(f"dynamic is {dynamic}. It is a learning rate; use a number above 0, such as 0.1.")
        corpus = text if isinstance(text, Corpus) else Corpus(_require_text(text, "The text"))
        if "\n" not in corpus.text and corpus.given is None and _is_file(corpus.text):
            raise DataError(f"{corpus.text!r} is the name of a file, not its text. Give read_corpus({corpus.text!r}).")
        if list(corpus.classes) != self.classes:
            raise DataError(self._describe_classes("Measure it on a folder with just these."))
        numbers, given = corpus.encode(self.vocabulary)
        if len(numbers) < 2:
            raise DataError(
                f"The text has {len(numbers)} {self.vocabulary.unit}(s), so there is none to predict. Give two or more."
            )
        numbers = numbers.to(self._device)
        given = None if given is None else given.to(self._device)
        with evaluating(self.module):
            if dynamic is None:
                loss = mean_loss(self.module, numbers, 1, given, on_progress)
            else:
                loss = dynamic_loss(self.module, numbers, dynamic, given, on_progress)
        if not math.isfinite(loss):
            remedy = (
                "Train it again with a lower --learning-rate."
                if dynamic is None
                else f"Use a lower rate than {dynamic}."
            )
            raise ElmanError(f"The loss is not finite, so there is nothing to report. {remedy}")
        predicted = corpus.text[self.vocabulary.length_of_first(corpus.text) :]
        unknown = self.vocabulary.count_unknown(numbers[1:])
        overlap = None if self.learnt is None else self.learnt.compare(hash_passages(corpus.text))
        return Evaluation(loss, len(numbers) - 1, len(predicted), len(predicted.encode()), unknown, overlap)

    def generate(
        self,
        prompt: str = "",
        *,
        length: int | None = None,
        lines: int | None = None,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        seed: int | None = None,
        given: str | None = None,
    ) -> Iterator[str]:
        """Write text, one unit at a time.

        Args:
            prompt: the text to continue; it is not repeated. Without one, the text starts as after a line end.
            length: how many units; by default 500 characters, 100 words or 200 subwords, or no limit with `lines`.
            lines: stop after this number of line ends.
            temperature: 1 draws from the model's distribution, below 1 prefers likely units, 0 is greedy.
            top_k: draw from the k most likely units only.
            top_p: draw from the nucleus of this probability only.
            min_p: draw from units that are at least so many times as likely as the likeliest only.
            seed: the same seed gives the same text; None gives another each time.
            given: the class to condition on, where the model has classes.

        Returns:
            An iterator of pieces of text, each computed when it is requested. `<unk>` is never drawn.

        Raises:
            ConfigError: an option is outside its range.
            DataError: the prompt has a unit that the model does not know.
        """
        if length is not None and length < 0:
            raise ConfigError(f"The length is {length}. Use the number of {self.vocabulary.unit}s wanted, 0 or more.")
        if lines is not None and lines < 1:
            raise ConfigError(f"The number of lines is {lines}. Use 1 or more.")
        if seed is not None and not 0 <= seed < 2**63:
            raise ConfigError(f"The seed is {seed}. Use a whole number from 0 to 2**63 - 1.")
        if lines is not None and length is None and not self.vocabulary.ends_lines:
            raise ConfigError(
                "lines is given, and the model has never seen a line end, so it would write for ever. Give a length."
            )
        sampling = Sampling(temperature, top_k, top_p, min_p)
        randomness = torch.Generator().manual_seed(secrets.randbits(63) if seed is None else seed)
        reader = self.start(prompt, given)
        if length is None and lines is None:
            length = _LENGTHS[self.vocabulary.unit]
        return self._write(reader, self.vocabulary.speller(prompt), length, lines, sampling, randomness)

    def next(self, prompt: str, *, top: int = 10, given: str | None = None) -> list[tuple[str, float]]:
        """Return the likeliest next units and their probabilities, the likeliest first.

        Args:
            prompt: the text to continue.
            top: how many.
            given: the class, where the model has classes.

        Raises:
            ConfigError: `top` is below 1, or the class is unknown.
            DataError: the prompt has a unit that the model does not know.
        """
        if top < 1:
            raise ConfigError(f"top is {top}. Use 1 or more.")
        pairs = likeliest(self.start(prompt, given).probabilities(), top)
        return [(self.vocabulary.show(number), probability) for number, probability in pairs]

    def complete(self, text: str, *, top: int = 5, given: str | None = None) -> list[tuple[str, float]]:
        """Return the likeliest continuations of an unfinished line, and their probabilities.

        A model of words completes the last word, or proposes the next one after a space. Any other model proposes its
        likeliest next units, each extended to the end of a word.

        Args:
            text: one line, perhaps in the middle of a word.
            top: how many.
            given: the class, where the model has classes.

        Raises:
            ConfigError, DataError: as for :meth:`next`.
        """
        if not isinstance(self.vocabulary, Words):
            return extend(self.start(text, given), self.vocabulary.decode, top)
        before, begun = self.vocabulary.split_last(_require_text(text, "text"))
        shares = self.start(before, given).probabilities().tolist()
        words = self.vocabulary.words
        fitting = [number for number in range(_FIRST_WORD, len(words)) if words[number].startswith(begun)]
        fitting.sort(key=lambda number: (-shares[number], number))
        return [(words[number][len(begun) :], shares[number]) for number in fitting[:top]]

    @renamed_arguments(told="on_progress")
    def reorder(
        self,
        sentences: Sequence[str],
        *,
        beam: int = 64,
        future_cost: bool = False,
        given: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[tuple[str, float]]:
        """Put the words of each sentence into their likeliest order, by beam search.

        Args:
            sentences: words in any order, at most 100 each.
            beam: the beam width, 1 to 512; a wider beam finds likelier orders and takes longer.
            future_cost: add the log frequency of the words not placed yet to a score (Schmaltz et al. 2016, section
                3).
            given: the class, where the model has classes.
            on_progress: called with (words placed, all of them).

        Returns:
            For each sentence its words in order, and log P of that order in nats.

        Raises:
            ConfigError: the model is not one of words, or an option is outside its range.
            DataError: a word is unknown, or a sentence is too long; the message says which line.
        """
        bags = read_bags(sentences, self.vocabulary)
        words = cast("Words", self.vocabulary)
        orderings = order_words(
            _Conditioned(self.module, self._class_number(given)),
            bags,
            end=words.end,
            beam=beam,
            future=words.log_frequencies() if future_cost else None,
            device=self._device,
            on_progress=on_progress,
        )
        return [(words.decode(ordering.words), ordering.log_probability) for ordering in orderings]

    @property
    def _device(self) -> torch.device:
        return self.module.embedding.weight.device

    def start(self, prompt: str = "", given: str | None = None) -> Reader:
        """Return the state after a text, from which a caller reads on, unit by unit.

        Raises:
            ConfigError, DataError: as for :meth:`next`.
        """
        numbers = self.vocabulary.encode_prompt(_require_text(prompt, "The prompt")).tolist()
        reader = Reader(self.module, self._class_number(given))
        for number in numbers:
            reader.step(number)
        return reader

    def _write(
        self,
        reader: Reader,
        spell: Callable[[int], str],
        length: int | None,
        lines: int | None,
        sampling: Sampling,
        randomness: torch.Generator,
    ) -> Iterator[str]:
        written = ended = 0
        unknown = self.vocabulary.unknown
        while (length is None or written < length) and (lines is None or ended < lines):
            number = sampling.draw(exclude(reader.logits(), unknown), randomness)
            written += 1
            piece = spell(number)
            ended += piece.count("\n")
            yield piece
            reader.step(number)

    def _class_number(self, given: str | None) -> int | None:
        """Return the number of a class by its name, see :func:`elman.models.given.find_class`."""
        return find_class(given, self.classes, self.configuration["given"])

    def _describe_classes(self, remedy: str) -> str:
        if not self.classes:
            return "This model has no classes. Give it a plain text."
        return describe_classes(self.classes, remedy)


class _Conditioned(nn.Module):
    """A language model conditioned on one class."""

    def __init__(self, module: LanguageModel, given: int | None) -> None:
        super().__init__()
        self._module, self._given = module, given
        self.train(module.training)

    def forward(self, numbers: Tensor, state: Any = None) -> Any:
        given = None if self._given is None else torch.full_like(numbers, self._given)
        return self._module(numbers, state, given=given)


def _require_text(text: Any, name: str) -> str:
    """Refuse what is no text.

    Raises:
        DataError: it is of another type.
    """
    if not isinstance(text, str):
        raise DataError(f"{name} is of the type {type(text).__name__}, not a text. Give one text.")
    return text


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def exclude(logits: Tensor, number: int | None) -> Tensor:
    """Set the probability of one unit to 0."""
    if number is None or len(logits) == 1:
        return logits
    kept = logits.clone()
    kept[number] = torch.finfo(logits.dtype).min
    return kept


def build_module(cell: Cell, units: int, configuration: dict[str, Any]) -> LanguageModel:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(_options(configuration))
    return LanguageModel(cell, units, layers, classes=len(configuration["classes"]), **own)


def _options(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name not in ("classes", "given")}


def load(path: str | PathLike[str]) -> TrainedModel:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedModel, _read)


def _read(file: ModelFile) -> TrainedModel:
    vocabulary = read_vocabulary(file.parts["vocabulary"])
    cell = Cell.from_dict(file.cell)
    _check_names(file.configuration)
    module = restore_module(
        file,
        LanguageModel,
        _options(file.configuration),
        lambda: build_module(cell, len(vocabulary), file.configuration),
    )
    return TrainedModel.of_file(file, module, vocabulary=vocabulary)


def _check_names(configuration: dict[str, Any]) -> None:
    classes = configuration["classes"]
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in [*classes, configuration["given"]]):
        raise ValueError("the names of the classes are not texts")
