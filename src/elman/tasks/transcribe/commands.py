"""The commands of a transcriber: summarise a training, evaluate, and transcribe sounds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.text import Text

from elman.data.speech.corpus import sounds_in
from elman.data.speech.opening import open_utterances
from elman.data.speech.utterance import UtteranceSet
from elman.data.text import read_text
from elman.decoding.ctc.preferences import Preferences
from elman.errors import ConfigError, DataError
from elman.models.finite import as_json
from elman.phrases import counted, printable
from elman.scores.errors import require_jiwer
from elman.scores.picture_files import check_format
from elman.tasks.contract import Evaluated, Request, Rows, Score, verdict_of
from elman.tasks.transcribe.aligning import describe_doubts
from elman.tasks.transcribe.answering import hear
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.confusions import count_confusions, find_worst, score_speakers
from elman.tasks.transcribe.files import name_utterances, plan_files, require_seconds, write_form
from elman.tasks.transcribe.intake import as_speech
from elman.tasks.transcribe.listening import listen
from elman.tasks.transcribe.model import TrainedTranscriber, load
from elman.tasks.transcribe.picture import draw_speech, show_speech
from elman.tasks.transcribe.preferring import prefer, read_vocabulary, read_words
from elman.tasks.transcribe.recordings import note_recordings
from elman.tasks.transcribe.spoken import Transcript
from elman.tasks.transcribe.tables import confusion_rows, score_rows, speaker_rows, tuned_rows, worst_rows
from elman.tasks.transcribe.tuning import Tuned, tune
from elman.training.progress import show_bar

_AT_ONCE = 16


def summarise(model: TrainedTranscriber) -> Rows:
    """Return the score on the held-out utterances, and the verdict."""
    found = model.metrics.get("validation")
    if found is None:
        loss = model.metrics["validation_loss"]
        return [("validation", f"{loss:.3f} nats per unit; errors are not counted without jiwer")]
    rates = [f"{found[name]['name']} {found[name]['rate']:.1%}" for name in ("cer", "wer")]
    said = f"{', '.join(rates)} on {counted(found['cer']['count'], 'utterance')}, greedy"
    return [("validation", said), *verdict_of(model)]


def validation_score(model: TrainedTranscriber) -> Score:
    """Return the character error rate, or where errors are not counted the loss."""
    found = model.metrics.get("validation")
    if found is None:
        return Score("nats per unit", model.metrics["validation_loss"], lower=True)
    return Score(found["cer"]["name"], found["cer"]["rate"], lower=True)


def next_command(model: TrainedTranscriber, path: Path, data: Sequence[str]) -> str:  # noqa: ARG001 - as every recipe
    """Return the command that measures it."""
    return f"elman evaluate {path} {data[0]}"


def evaluate(request: Request) -> Evaluated:
    """Compare the transcripts of utterances with what is said in them."""
    require_jiwer()
    trained, options = load(request.model), request.options
    preferences = read_preferences(trained, request)
    speech = open_again(trained, request.data)
    for note in speech.notes:
        request.note(note)
    facts: dict[str, Any] = {}
    shown: list[Any] = []
    if options.tune:
        assert preferences is not None
        preferences, tuned = _tune(trained, speech, preferences, request)
        facts["tuned"] = tuned.to_dict()
        shown += tuned_rows(tuned)
    with show_bar("transcribing", request.quiet) as on_progress:
        scores, texts = trained.evaluate(speech, options.beam, on_progress, preferences)
    said = [one.transcript for one in speech.utterances]
    facts |= scores.to_dict()
    facts["speakers"] = score_speakers(texts, said, speech.speakers)
    shown.append(score_rows(scores))
    shown += speaker_rows(facts["speakers"])
    if options.confused:
        facts["confused"] = [one.to_dict() for one in count_confusions(texts, said)[: options.confused]]
        shown += confusion_rows(facts["confused"])
    if options.worst:
        facts["worst"] = find_worst(texts, said, [one.where for one in speech.utterances], options.worst)
        shown += worst_rows(facts["worst"])
    unknown = sorted(set("".join(said)) - set(trained.encoder.vocabulary.characters))
    if unknown:
        named = printable("".join(unknown[:20]))
        shown.append(Text(f"\nCharacters that the model never writes: {named}"))
    overlap = trained.compare_learnt(speech)
    if overlap is not None:
        facts["learnt_from"] = overlap.estimate
        warning = overlap.warn("utterances", "other utterances")
        shown += [Text(f"\n{warning}")] if warning else []
    return Evaluated(facts, shown)


def _tune(
    trained: TrainedTranscriber, speech: UtteranceSet, preferences: Preferences, request: Request
) -> tuple[Preferences, Tuned]:
    """Find the best weight and bonus; return the preferences with them."""
    heard = list(hear(trained.module, EncodedSpeech(speech, trained.encoder)))
    said = [one.transcript for one in speech.utterances]
    with show_bar("tuning", request.quiet) as on_progress:
        tuned = tune(heard, said, trained.encoder, preferences, request.options.beam, on_progress)
    return replace(preferences, weight=tuned.weight, bonus=tuned.bonus), tuned


def read_preferences(trained: TrainedTranscriber, request: Request) -> Preferences | None:
    """Return what is preferred by the options; None where nothing is.

    Raises:
        ConfigError, DataError: see :func:`elman.tasks.transcribe.preferring.prefer`.
    """
    options = request.options
    hot, only = read_words(options.hot), read_vocabulary(options.only)
    if options.language_model is None and options.weight is None and not (hot or only or options.bonus):
        return None
    return prefer(
        trained.encoder,
        language_model=options.language_model,
        weight=options.weight,
        bonus=options.bonus,
        hot=hot,
        hot_bonus=options.hot_bonus,
        only=only,
        only_from=str(options.only),
        note=request.note,
    )


def predict(request: Request) -> Iterator[str]:
    """Write what is said in each file: a line each, or with `json` or in another form with times."""
    options, form = request.options, request.options.form
    if request.is_streamed():
        options.require_greedy()
        yield from listen(load(request.model).stream(options.rate), request)
        return
    if options.rate is not None:
        raise ConfigError("rate is for samples from standard input, and files name their own. Drop it, or give -.")
    picture = None if options.picture is None else check_format(options.picture)
    trained, paths = load(request.model), _list_sounds(request.data)
    if picture is not None and len(paths) > 1:
        raise ConfigError(f"--picture draws one sound, and {len(paths):,} are given. Name one.")
    targets = _plan(trained, request, form, [path.stem for path in paths])
    preferences = read_preferences(trained, request)
    for note in note_recordings(as_speech(paths), trained.encoder):
        request.note(note)
    for start in range(0, len(paths), _AT_ONCE):
        few = paths[start : start + _AT_ONCE]
        found = trained.transcribe(few, options.beam, preferences)
        for path, target, one in zip(few, targets[start:], found, strict=False):
            if form is not None:
                yield write_form(one, form, target)
            elif request.json:
                yield as_json({"file": str(path), **describe_transcript(one)}) + "\n"
            else:
                yield one.text + "\n"
            if picture is not None:
                speech = EncodedSpeech(as_speech([path]), trained.encoder)
                draw_speech(show_speech(trained.module, speech, one), picture)


def describe_transcript(one: Transcript) -> dict[str, Any]:
    """Return a transcript with the times of its words as plain data."""
    return {"text": one.text, "words": [word.to_dict() for word in one.words]}


def align(request: Request) -> Iterator[str]:
    """Align a text with its sound, or all transcripts of some data with theirs; as a TextGrid, if nothing else is said.

    The data are a sound and the file of its text, or speech with transcripts.
    """
    trained = load(request.model)
    if len(request.data) == 1:
        speech = open_again(trained, request.data)
    else:
        [path] = _list_sounds(request.data[:1])
        speech = as_speech([path], [read_text(request.data[1])])
    form = request.options.form or (None if request.json else "textgrid")
    targets = _plan(trained, request, form, name_utterances(speech))
    with show_bar("aligning", request.quiet or len(speech) == 1) as on_progress:
        found = trained.align_all(speech, on_progress)
    for note in describe_doubts(found, [one.place for one in speech.utterances]):
        request.note(note)
    for one, aligned, target in zip(speech.utterances, found, targets, strict=True):
        if form is None:
            yield as_json({"file": one.place, **aligned.to_dict()}) + "\n"
        else:
            yield write_form(aligned.transcript, form, target)


def _plan(trained: TrainedTranscriber, request: Request, form: str | None, names: Sequence[str]) -> list[Path | None]:
    """Return where each transcript is written.

    Raises:
        ConfigError: options do not fit each other, or the model.
        DataError: a file would be overwritten.
    """
    if form is None:
        return [None] * len(names)
    if request.json:
        raise ConfigError(f"--json and --{form} are two forms of one transcript. Drop one of the two.")
    require_seconds(request.model, trained.encoder.seconds_a_frame)
    return plan_files(names, form, request.options.output)


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
