"""Do what the commands ask of a model of tags: say what a training has made of it, measure it, tag sentences."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from elman.data.sentences.opening import open_tagged, stream_tagged
from elman.data.sentences.sentence import Layout, Sentence
from elman.models.finite import as_json
from elman.tasks.contract import Evaluated, Request, Rows, standard_input
from elman.tasks.tag.model import TrainedTagger, load, score_answers
from elman.tasks.tag.tables import tag_tables, wrong_words
from elman.training.progress import show_bar

_AT_ONCE = 64
_STANDARD_INPUT = "standard input"


def summarise(model: TrainedTagger) -> Rows:
    """Say how good its tags of the sentences held out are, and what that is worth."""
    found = model.metrics["validation"]
    low, high = found["accuracy_interval"]
    accuracy = f"accuracy {found['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})"
    measured = [accuracy if "f1" not in found else f"F1 {found['f1']:.1%}, {accuracy}"]
    if "label_accuracy" in found:
        measured.append(f"label {found['label_accuracy']:.1%}")
    said = f"{', '.join(measured)} on {found['count']:,} words of {found['sentences']:,} sentences"
    return [("validation", said), ("", model.metrics["verdict"])]


def next_command(model: TrainedTagger, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Say how to let it tag."""
    return f"elman predict {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Measure its tags of sentences that have some."""
    trained, worst = load(request.model), request.options.worst
    found = open_tagged(request.data, like=trained.layout)
    trained.targets.check_scheme(found.sentences)
    with show_bar("answering", request.quiet) as on_progress:
        answers = trained.answer(found.sentences, on_progress)
    scores = score_answers(answers, found.sentences, trained.encoder, trained.targets)
    wrong = wrong_words(found.sentences, answers.tags, worst) if worst else []
    listed = {"worst": [one._asdict() for one in wrong]} if worst else {}
    return Evaluated({**scores.to_dict(), **listed}, tag_tables(scores, wrong))


def predict(request: Request) -> Iterator[str]:
    """Tag sentences, and give them as they were read, with tags."""
    trained = load(request.model)
    chunks = _read_stream(trained) if request.is_streamed() else _read_paths(trained, request.data)
    for layout, sentences in chunks:
        answers = trained.answer(sentences)
        answered = zip(sentences, answers.tags, answers.labels, strict=True)
        if request.json:
            yield "".join(f"{_describe(*one)}\n" for one in answered)
        else:
            yield "".join(sentence.write(layout, tags, label) for sentence, tags, label in answered)


def _describe(sentence: Sentence, tags: Sequence[str], label: str | None) -> str:
    return as_json({"words": sentence.words, "tags": tags, **({} if label is None else {"label": label})})


def _read_paths(trained: TrainedTagger, data: list[str]) -> Iterator[tuple[Layout, Sequence[Sentence]]]:
    found = open_tagged(data, like=trained.layout, tagged=False)
    for start in range(0, len(found), _AT_ONCE):
        yield found.layout, found.sentences[start : start + _AT_ONCE]


def _read_stream(trained: TrainedTagger) -> Iterator[tuple[Layout, Sequence[Sentence]]]:
    """Give sentences as they arrive, each as soon as it is whole."""
    for layout, sentence in stream_tagged(standard_input("sentences"), _STANDARD_INPUT, trained.layout):
        yield layout, [sentence]
