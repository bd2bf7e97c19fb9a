"""The commands of a transcriber: summarise a training, evaluate, and transcribe sounds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from elman.data.speech.corpus import sounds_in
from elman.data.speech.opening import open_utterances
from elman.data.speech.utterance import UtteranceSet
from elman.errors import ConfigError, DataError
from elman.models.finite import as_json
from elman.phrases import printable
from elman.scores.errors import score_errors
from elman.tasks.contract import Evaluated, Request, Rows
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.listening import listen
from elman.tasks.transcribe.model import TrainedTranscriber, load
from elman.tasks.transcribe.tables import score_rows, worst_rows
from elman.training.progress import show_bar

_AT_ONCE = 16


def summarise(model: TrainedTranscriber) -> Rows:
    """Return the score on the held-out utterances, and the verdict."""
    found = model.metrics["validation"]
    rates = [f"{found[name]['name']} {found[name]['rate']:.1%}" for name in ("cer", "wer")]
    said = f"{', '.join(rates)} on {found['cer']['count']:,} utterances, greedy"
    return [("validation", said), *([("", model.metrics["verdict"])] if "verdict" in model.metrics else [])]


def next_command(model: TrainedTranscriber, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that measures it."""
    return f"elman evaluate {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Compare the transcripts of utterances with what is said in them."""
    trained, options = load(request.model), request.options
    speech = open_again(trained, request.data)
    for note in speech.notes:
        request.note(note)
    with show_bar("transcribing", request.quiet) as on_progress:
        scores, texts = trained.evaluate(speech, options.beam, on_progress)
    facts: dict[str, Any] = scores.to_dict()
    shown: list[Any] = [score_rows(scores)]
    if options.worst:
        facts["worst"] = _find_worst(speech, texts, options.worst)
        shown += worst_rows(facts["worst"])
    unknown = sorted(
        set("".join(one.transcript for one in speech.utterances)) - set(trained.encoder.vocabulary.characters)
    )
    if unknown:
        named = printable("".join(unknown[:20]))
        shown.append(Text(f"\nCharacters that the model never writes: {named}"))
    return Evaluated(facts, shown)


def predict(request: Request) -> Iterator[str]:
    """Write what is said in each file, a line each; with `json` the times of the words too."""
    if request.is_streamed():
        request.options.require_greedy()
        yield from listen(load(request.model).stream(request.options.rate), request)
        return
    if request.options.rate is not None:
        raise ConfigError("rate is for samples from standard input, and files name their own. Drop it, or give -.")
    trained, paths = load(request.model), _list_sounds(request.data)
    for start in range(0, len(paths), _AT_ONCE):
        few = paths[start : start + _AT_ONCE]
        for path, one in zip(few, trained.transcribe(few, request.options.beam), strict=True):
            if request.json:
                words = [word.to_dict() for word in one.words]
                yield as_json({"file": str(path), "text": one.text, "words": words}) + "\n"
            else:
                yield one.text + "\n"


def open_again(trained: TrainedTranscriber, data: Sequence[str]) -> UtteranceSet:
    """Open speech to measure a model on; tables are read by the columns that the training was given.

    Raises:
        DataError: it cannot be read, or is not what the model reads.
    """
    given = {name: trained.metrics.get(f"{name}_column") for name in ("audio", "text", "speaker")}
    return open_utterances(list(data), **{name: one if isinstance(one, str) else None for name, one in given.items()})


def _list_sounds(data: Sequence[str]) -> list[Path]:
    """Return the files that are named, and those in the folders that are named."""
    paths: list[Path] = []
    for name in data:
        path = Path(name)
        found = sounds_in([path], deep=True) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path} has no sounds in it. Name a folder with some, or files.")
        paths += found
    for one in as_speech(paths).utterances:
        if not one.audio.is_file():
            raise DataError(f"{one.audio} does not exist. Check the path; the current folder is {Path.cwd()}.")
    return paths


def _find_worst(speech: UtteranceSet, texts: Sequence[str], most: int) -> list[dict[str, str]]:
    """Return transcripts that are not exact, those with the largest share of wrong characters first."""
    said = [one.transcript for one in speech.utterances]
    wrong = [place for place, text in enumerate(texts) if text != said[place]]

    def share(place: int) -> float:
        found = score_errors([texts[place]], [said[place]], unit="character")
        return float("inf") if found.rate is None else found.rate

    ordered = sorted(wrong, key=share, reverse=True)[:most]
    return [
        {"where": speech.utterances[place].where, "said": said[place], "written": texts[place]} for place in ordered
    ]
