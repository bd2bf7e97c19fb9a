"""`elman train tag`, and what `elman evaluate` and `elman predict` do with its models."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from elman.cli.inspect import check_report, write_training_report
from elman.cli.options import (
    CellName,
    Force,
    Json,
    Output,
    Quiet,
    Report,
    Search,
    Size,
    command_again,
    default_target,
    parse_sizes,
    with_options,
)
from elman.cli.show import (
    Row,
    describe_file,
    describe_gradient,
    describe_search,
    describe_training,
    drop_output,
    keep_the_best,
    print_json,
    print_rows,
    print_training_as_json,
)
from elman.errors import ConfigError, DataError
from elman.tasks.tag.settings import TagSettings

if TYPE_CHECKING:
    from elman.data.sentences.sentence import Layout, Sentence
    from elman.tasks.tag.model import TrainedTagger

_AT_ONCE = 64
_STANDARD_INPUT = "standard input"


@with_options(TagSettings)
def train_tag(
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="CoNLL-U or other files with a word a line; a folder with seq.in, seq.out and perhaps label; or "
            "two parallel files, words and tags",
            show_default=False,
        ),
    ],
    cell: CellName = "lstm",
    size: Size = None,
    output: Output = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
    report: Report = None,
    search: Search = None,
    **options: Any,
) -> None:
    """Train a model that gives every word of a sentence a tag: parts of speech, names, slots.

    The best weights so far are kept in the model file all along; Ctrl-C ends the training and loses nothing.
    """
    from elman.tasks import tag

    check_report(report, data)
    target = output or _target(data[0])
    with keep_the_best(target) as ended:
        model = tag.train(
            data, cell=cell, sizes=parse_sizes(size), output=target, force=force, quiet=quiet, search=search, **options
        )
        kept = ended(model)
        inside = write_training_report(kept, data, report)
        if json:
            print_training_as_json(model, kept)
        else:
            searched = describe_search(model, command_again("tag", data, cell, size), options, "sentences")
            _report(model, kept, data[0], searched, inside)


def _target(source: str) -> Path:
    return default_target(source.removesuffix(".gz"))


def _report(model: "TrainedTagger", target: Path, source: str, searched: list[Row], inside: list[Row]) -> None:
    found = model.metrics["validation"]
    low, high = found["accuracy_interval"]
    accuracy = f"accuracy {found['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})"
    measured = [accuracy if "f1" not in found else f"F1 {found['f1']:.1%}, {accuracy}"]
    if "label_accuracy" in found:
        measured.append(f"label {found['label_accuracy']:.1%}")
    print_rows(
        ("model", describe_file(model, target)),
        ("validation", f"{', '.join(measured)} on {found['count']:,} words of {found['sentences']:,} sentences"),
        ("", model.metrics["verdict"]),
        *searched,
        ("training", describe_training(model)),
        ("gradient", describe_gradient(model)),
        *inside,
        ("next", f"elman predict {target} {source}"),
    )


def evaluate_tags(model: Path, data: list[str], worst: int, quiet: bool, json: bool) -> None:
    """Measure a model of tags, and print what was measured."""
    from elman.data.sentences.opening import open_tagged
    from elman.tasks import tag
    from elman.tasks.tag.model import score_answers
    from elman.tasks.tag.tables import tag_tables, wrong_words
    from elman.training.progress import show_bar

    trained = tag.load(model)
    found = open_tagged(data, like=trained.layout)
    trained.targets.check_scheme(found.sentences)
    with show_bar("answering", quiet) as told:
        answers = trained.answer(found.sentences, told)
    scores = score_answers(answers, found.sentences, trained.encoder, trained.targets)
    wrong = wrong_words(found.sentences, answers.tags, worst) if worst else []
    if json:
        listed: dict[str, Any] = {"worst": [one._asdict() for one in wrong]} if worst else {}
        print_json({"model": str(model), **scores.to_dict(), **listed})
        return
    console = Console(highlight=False)
    for part, folds in tag_tables(scores, wrong):
        console.print(part, soft_wrap=not folds)


def predict_tags(model: Path, data: list[str], json: bool) -> None:
    """Tag sentences, and write them as they were read, with tags."""
    from elman.tasks import tag

    trained = tag.load(model)
    if "-" in data and len(data) > 1:
        raise ConfigError("- is given beside other data; standard input is answered alone. Drop one of the two.")
    chunks = _read_stream(trained) if data == ["-"] else _read_paths(trained, data)
    try:
        for layout, sentences in chunks:
            answers = trained.answer(sentences)
            for sentence, tags, label in zip(sentences, answers.tags, answers.labels, strict=True):
                if json:
                    named = {} if label is None else {"label": label}
                    facts = {"words": sentence.words, "tags": tags, **named}
                    print_json(facts)
                else:
                    sys.stdout.write(sentence.write(layout, tags, label))
            sys.stdout.flush()
    except BrokenPipeError:
        drop_output()  # whoever reads, such as `head`, has what it wanted


def _read_paths(trained: "TrainedTagger", data: list[str]) -> Iterator[tuple["Layout", Sequence["Sentence"]]]:
    from elman.data.sentences.opening import open_tagged

    found = open_tagged(data, like=trained.layout, tagged=False)
    for start in range(0, len(found), _AT_ONCE):
        yield found.layout, found.sentences[start : start + _AT_ONCE]


def _read_stream(trained: "TrainedTagger") -> Iterator[tuple["Layout", Sequence["Sentence"]]]:
    """Give sentences as they arrive, each as soon as it is whole."""
    from elman.data.sentences.opening import stream_tagged

    if sys.stdin is None:
        raise DataError("Standard input is closed. Name a file, or send sentences to the command.")
    for layout, sentence in stream_tagged(cast("Any", sys.stdin.buffer), _STANDARD_INPUT, trained.layout):
        yield layout, [sentence]
