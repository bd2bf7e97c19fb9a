"""The commands of a tagger: summarise a training, evaluate, and tag sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from elman.data.sentences.layout import SentenceLayout
from elman.data.sentences.opening import open_tagged, stream_tagged
from elman.data.sentences.sentence import Sentence
from elman.models.finite import as_json
from elman.phrases import counted
from elman.tasks.contract import Evaluated, Request, Rows, Score, standard_input, verdict_of
from elman.tasks.tag.model import TrainedTagger, load, score_answers
from elman.tasks.tag.tables import tag_tables, wrong_words
from elman.training.progress import show_bar

_AT_ONCE = 64
_STANDARD_INPUT = "standard input"


def summarise(model: TrainedTagger) -> Rows:
    """Return the score on the held-out sentences, and the verdict."""
    scores = model.metrics["validation"]
    low, high = scores["accuracy_interval"]
    accuracy = f"accuracy {scores['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})"
    measured = [accuracy if "f1" not in scores else f"F1 {scores['f1']:.1%}, {accuracy}"]
    if "label_accuracy" in scores:
        measured.append(f"label {scores['label_accuracy']:.1%}")
    words = f"{counted(scores['count'], 'word')} of {counted(scores['sentences'], 'sentence')}"
    summary = f"{', '.join(measured)} on {words}"
    return [("validation", summary), *verdict_of(model)]


def validation_score(model: TrainedTagger) -> Score:
    """Return the F1 of entities, or where there are none the accuracy of tags."""
    scores = model.metrics["validation"]
    return Score("F1", scores["f1"]) if "f1" in scores else Score("accuracy", scores["accuracy"])


def next_command(model: TrainedTagger, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that tags sentences."""
    return f"elman predict {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Score the tags of sentences that have tags."""
    trained, worst = load(request.model), request.options.worst
    data = open_tagged(request.data, like=trained.layout)
    trained.targets.check_scheme(data.sentences)
    trained.encoder.require_known(data.sentences, data.name)
    with show_bar("answering", request.quiet) as on_progress:
        answers = trained.answer(data.sentences, on_progress)
    scores = score_answers(answers, data.sentences, trained.encoder, trained.targets)
    scores = replace(scores, overlap=trained.compare_learnt(data.sentences))
    wrong = wrong_words(data.sentences, answers.tags, worst) if worst else []
    listed = {"worst": [word._asdict() for word in wrong]} if worst else {}
    return Evaluated({**scores.to_dict(), **listed}, tag_tables(scores, wrong))


def predict(request: Request) -> Iterator[str]:
    """Tag sentences, and write them in their own form with tags."""
    trained = load(request.model)
    chunks = _read_stream(trained) if request.is_streamed() else _read_paths(trained, request.data)
    replaced = False
    for layout, sentences in chunks:
        if not (replaced or request.json) and any(sentence.places and sentence.tags for sentence in sentences):
            replaced = True
            request.note("The sentences have tags, which the predicted ones replace.")
        answers = trained.answer(sentences)
        answered = zip(sentences, answers.tags, answers.labels, strict=True)
        if request.json:
            yield "".join(f"{as_json(describe_tags(*answer))}\n" for answer in answered)
        else:
            yield "".join(sentence.write(layout, tags, label) for sentence, tags, label in answered)


def describe_tags(sentence: Sentence, tags: Sequence[str], label: str | None) -> dict[str, Any]:
    """Return a sentence with its tags as plain data."""
    return {"words": sentence.words, "tags": tags, **({} if label is None else {"label": label})}


def _read_paths(trained: TrainedTagger, data: list[str]) -> Iterator[tuple[SentenceLayout, Sequence[Sentence]]]:
    tagged = open_tagged(data, like=trained.layout, tagged=False)
    trained.encoder.require_known(tagged.sentences, tagged.name)
    for start in range(0, len(tagged), _AT_ONCE):
        yield tagged.layout, tagged.sentences[start : start + _AT_ONCE]


def _read_stream(trained: TrainedTagger) -> Iterator[tuple[SentenceLayout, Sequence[Sentence]]]:
    """Yield sentences as they arrive, each as soon as it is complete."""
    for layout, sentence in stream_tagged(standard_input("sentences"), _STANDARD_INPUT, trained.layout):
        yield layout, [sentence]
