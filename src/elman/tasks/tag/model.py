"""A trained tagger: predict, evaluate, save to a file and load.

>>> from elman.tasks import tag
>>> model = tag.load("english.elman.safetensors")           # doctest: +SKIP
>>> model.predict([["the", "dog", "barks"]])                # doctest: +SKIP
[['DET', 'NOUN', 'VERB']]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from elman.data.examples.intake import as_examples
from elman.data.held import hold, is_frame
from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import TaggedSet, open_tagged
from elman.data.sentences.sentence import Sentence
from elman.encoders.batches import OnProgress
from elman.errors import DataError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.framed import add_answers
from elman.models.layers import Layers
from elman.models.learnt import Overlap, hash_example
from elman.models.trained import load_trained, restore_module
from elman.phrases import counted
from elman.renamed import renamed_arguments
from elman.tasks.recipe_model import RecipeModel
from elman.tasks.tag.batches import Answers, EncodedSentences, answer_sentences
from elman.tasks.tag.encoder import TagEncoder
from elman.tasks.tag.module import SequenceTagger
from elman.tasks.tag.scores import TagScores, score_tags
from elman.tasks.tag.targets import TagTargets

_FORM = "a list of sentences, each a list of words"


@dataclass(kw_only=True)
class TrainedTagger(RecipeModel):
    """A trained tagger with its encoder, targets and layout.

    Attributes:
        layout: the form of its training files.
        encoder: numbers words and their letters.
        targets: the tags and labels that it may predict.
    """

    task: ClassVar[str] = "tag"
    part_names: ClassVar[tuple[str, ...]] = ("layout", "encoder", "targets")
    module: SequenceTagger
    layout: SentenceLayout
    encoder: TagEncoder
    targets: TagTargets

    def predict(self, sentences: Any) -> Any:
        """Return the tags of sentences.

        Args:
            sentences: the words of each; for a model that reads columns beside them, `(word, value, …)` for each word.
                Or a data frame with a word a row, and the columns of the training.

        Returns:
            A list of tags for each sentence; of a frame the same frame with a column `prediction`.

        Raises:
            DataError: a sentence is not a list of words, or is empty; or the frame lacks a column.
        """
        if is_frame(sentences):
            opened = open_tagged([hold(sentences)], like=self.layout, tagged=False)
            self.encoder.require_known(opened.sentences, opened.name)
            tags = [tag for one in self.answer(opened.sentences).tags for tag in one]
            if len(tags) != len(sentences):
                raise DataError(f"The frame has {len(sentences):,} rows and {len(tags):,} words. Leave out empty rows.")
            return add_answers(sentences, {"prediction": tags})
        return [list(tags) for tags in self.answer(as_sentences(sentences)).tags]

    def predict_labels(self, sentences: Sequence[Sequence[str]]) -> list[str | None]:
        """Return the label of each sentence; None where the model has none.

        Raises:
            DataError: as for :meth:`predict`.
        """
        return self.answer(as_sentences(sentences)).labels

    @renamed_arguments(told="on_progress")
    def answer(self, sentences: Sequence[Sentence], on_progress: OnProgress | None = None) -> Answers:
        """Return tags and labels of sentences, and the loss where their tags are known.

        Raises:
            ElmanError: the output of the module is not finite.
        """
        answers = answer_sentences(self.module, self.encode(sentences), on_progress=on_progress)
        require_finite_output(answers.is_finite)
        return answers

    def encode(self, sentences: Sequence[Sentence]) -> EncodedSentences:
        """Encode sentences."""
        return EncodedSentences(sentences, self.encoder, self.targets)

    @renamed_arguments(told="on_progress")
    def evaluate(self, data: TaggedSet | Sequence[Sentence], on_progress: OnProgress | None = None) -> TagScores:
        """Score the model on sentences that have tags.

        Tags and labels that the model has never seen count as wrong answers.

        Raises:
            DataError: a tag is outside the scheme of the model.
        """
        sentences = _require_sentences(data)
        self.targets.check_scheme(sentences)
        scores = score_answers(self.answer(sentences, on_progress), sentences, self.encoder, self.targets)
        return replace(scores, overlap=self.compare_learnt(sentences))

    def compare_learnt(self, sentences: Sequence[Sentence]) -> Overlap | None:
        """Count the sentences that the model was trained on; None for a model that keeps no hashes."""
        return None if self.learnt is None else self.learnt.compare(map(hash_sentence, sentences))


def _require_sentences(data: Any) -> Sequence[Sentence]:
    if isinstance(data, TaggedSet):
        return data.sentences
    remedy = "what open_tagged(paths) reads, or as_sentences(words, tags)"
    listed: list[Sentence] = list(as_examples(data, "data", remedy))
    if not listed or not all(isinstance(sentence, Sentence) for sentence in listed):
        raise DataError(f"The data are no tagged sentences. Give {remedy}.")
    return listed


def score_answers(
    answers: Answers, sentences: Sequence[Sentence], encoder: TagEncoder, targets: TagTargets
) -> TagScores:
    """Score answers to sentences that have tags."""
    return score_tags(
        [sentence.tags or () for sentence in sentences],
        answers.tags,
        scheme=targets.scheme,
        known=[[encoder.knows(word) for word in sentence.words] for sentence in sentences],
        labels=[sentence.label for sentence in sentences] if targets.labels else (),
        predicted_labels=answers.labels if targets.labels else (),
    )


def as_sentences(
    words: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]] | None = None,
    labels: Sequence[str] | None = None,
) -> list[Sentence]:
    """Make sentences from lists of words.

    Args:
        words: of each sentence; with further columns, `(word, value, …)` for each word.
        tags: as many for each; None where they are not known.
        labels: of each sentence; None where there are none.

    Raises:
        DataError: a sentence has no words, something is no word, or tags and words differ in number.
    """
    words = as_examples(words, "sentences", _FORM)
    tags = None if tags is None else as_examples(tags, "tags", "a list of tags for each sentence")
    labels = None if labels is None else _flat(as_examples(labels, "labels", "a list with a label for each sentence"))
    for what, other in (("tags", tags), ("labels", labels)):
        if other is not None and len(other) != len(words):
            raise DataError(f"There are {len(words)} sentences and {what} for {len(other)}. Give as many.")
    made = []
    for index, given in enumerate(words):
        where = f"sentence {index + 1}"
        sentence, further = _read_words(given, where)
        own = None if tags is None else _read_tags(tags[index], where)
        if own is not None and len(own) != len(sentence):
            raise DataError(
                f"{where} has {counted(len(sentence), 'word')} and {counted(len(own), 'tag')}. Give every word a tag."
            )
        made.append(
            Sentence(
                sentence,
                own,
                None if labels is None or labels[index] is None else str(labels[index]),
                where,
                1,
                further=further,
            )
        )
    spaced = next((one for one in made if " " in one.words[0]), None)
    if spaced is not None and all(len(one.words) == 1 for one in made):
        raise DataError(f"{spaced.name} is one word with spaces, {spaced.words[0][:40]!r}. Give {_FORM}.")
    return made


def _read_words(given: Any, where: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the words of a sentence, and the values beside them, where each is `(word, value, …)`."""
    listed = as_examples(given, where, "a list of words, such as ['so', 'good']")
    if not len(listed):
        raise DataError(f"{where} has no words. Leave it out.")
    further: tuple[tuple[str, ...], ...] = ()
    if all(isinstance(word, tuple) and word and all(map(_is_value, word)) for word in listed):
        further, listed = tuple(tuple(map(str, word[1:])) for word in listed), [word[0] for word in listed]
        if len({len(values) for values in further}) > 1:
            raise DataError(f"{where} has words with more values beside them than others. Give each as many.")
    if not all(isinstance(word, str) and word for word in listed):
        raise DataError(f"{where} is not a list of words. Give words, such as ['so', 'good'].")
    return tuple(map(str, listed)), further if any(further) else ()


def _is_value(part: Any) -> bool:
    return part != "" if isinstance(part, str) else isinstance(part, int | float | np.number)


def _read_tags(given: Any, where: str) -> tuple[str, ...]:
    listed = as_examples(given, f"The tags of {where}", "a list with a tag for each word")
    if not all(isinstance(tag, (str, int, np.generic)) for tag in listed):
        raise DataError(f"The tags of {where} are not texts. Give a list with a tag for each word.")
    return tuple(map(str, listed))


def _flat(labels: Any) -> Any:
    """Return labels in a single column, (N, 1), as N of them.

    Raises:
        DataError: a label is not one text or number.
    """
    if getattr(labels, "ndim", 1) == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    for index, label in enumerate(labels):
        if not isinstance(label, (str, int, float, np.generic, type(None))):
            raise DataError(f"The label of sentence {index + 1} is {type(label).__name__}, not one text. Give a text.")
    return labels


def hash_sentence(sentence: Sentence) -> int:
    """Hash the words of a sentence, whatever its tags."""
    return hash_example("\n".join(sentence.words))


def build_module(
    cell: Cell, encoder: TagEncoder, targets: TagTargets, configuration: Mapping[str, Any]
) -> SequenceTagger:
    """Build the module that a configuration describes."""
    words, letters = encoder.sizes
    layers, own = Layers.take(configuration)
    return SequenceTagger(
        cell,
        layers,
        words=words,
        letters=letters,
        tags=len(targets.tags),
        labels=len(targets.labels),
        further=encoder.further_sizes,
        **own,
    )


def load(path: str | PathLike[str]) -> TrainedTagger:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedTagger, _read)


def _read(file: ModelFile) -> TrainedTagger:
    layout = SentenceLayout.from_dict(file.parts["layout"])
    encoder = TagEncoder.from_dict(file.parts["encoder"])
    targets = TagTargets.from_dict(file.parts["targets"])
    cell = Cell.from_dict(file.cell)
    options = file.configuration
    if Layers.take(options)[0].carried != tuple(sorted(encoder.sides)):
        raise DataError("The side inputs of this model are not those of its words. Train the model again.")
    module = restore_module(file, SequenceTagger, options, lambda: build_module(cell, encoder, targets, options))
    return TrainedTagger.of_file(file, module, layout=layout, encoder=encoder, targets=targets)
