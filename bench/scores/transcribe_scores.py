"""Train `elman train transcribe` on public speech with its defaults, and measure the test parts once.

`ROWS` names the rows. `an4_speech`: the CMU Census database (Acero 1991), its frames of 13 cepstra and its own list to
test with. `digits`: the Free Spoken Digit Dataset, joined to recordings of several words with known times (see
`digits.py`); the test has the takes 0 to 4 of the speakers who are learnt from. `digits_streaming`: the same with
`--streaming`. `digits_speakers`: each of the six speakers in turn is the test, joined and digit by digit, and never
learnt from.

Error rates are jiwer's, of characters (CER) and words (WER), by greedy reading and by the default beam.
"""

import math
import shutil
import statistics
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from bench.scores.digits import TEST, TRAINING, WORDS, JoinedDigits, join_digits
from bench.scores.training_row import train_row
from elman.data.speech.opening import open_utterances
from elman.data.speech.utterance import UtteranceSet
from elman.scores.errors import score_errors
from elman.tasks import generate, transcribe
from elman.tasks.transcribe.answering import BEAM, hear
from elman.tasks.transcribe.batches import EncodedSpeech
from elman.tasks.transcribe.model import TrainedTranscriber
from elman.tasks.transcribe.reading import read_speech
from elman.tasks.transcribe.settings import TranscribeSettings
from elman.tasks.transcribe.tuning import tune

VALIDATION = range(45, 50)
"""The takes that the weights are chosen by: of the speakers who are learnt from, as those who are not are too few."""
ROUNDS = 3
"""How often each take is used in training."""
EPOCHS, FOLD_EPOCHS = 60, 20
"""Of digits: ten words need fewer updates than the default."""

Row = Callable[[Path, Path, int, dict[str, Any], bool], dict[str, Any]]


def an4_speech(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Write down names, numbers, dates and spelled words, from cepstra."""
    lists = data / "an4" / "etc"
    model, row = train_row("an4_speech", transcribe, lists / "an4_train.fileids", scratch, seed, given)
    return row | measure_an4(model, lists, scratch, seed, given, test)


def measure_an4(
    model: TrainedTranscriber, lists: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool
) -> dict[str, Any]:
    """Read with language models of the training transcripts alone: n-grams of characters, and a recurrent one.

    Their weights are tuned on the utterances held out, with models of what is learnt from; for the test part the same
    weights go with models of all transcripts of the training list.
    """
    wanted = {name: value for name, value in given.items() if name in ("validation", "streaming")}
    parts = read_speech(lists / "an4_train.fileids", TranscribeSettings(seed=seed, **wanted), quiet=True)
    learnt = [one.transcript for one in parts.learn.utterances]
    everything = [*learnt, *(one.transcript for one in parts.hold.utterances)]
    said = [one.transcript for one in parts.hold.utterances]
    heard = list(hear(model.module, EncodedSpeech(parts.hold, model.encoder)))
    found: dict[str, Any] = {"tuned": {}}
    if test:
        found["test"] = _score(model, [lists / "an4_test.fileids"])
    for name in ("8-gram", "LSTM"):
        with_these = model.prefer(_learn_texts(name, learnt, scratch / f"{name}-learnt.txt", seed))
        tuned = tune(heard, said, model.encoder, with_these)
        cer, wer = min(one[2:] for one in tuned.tried)
        found["tuned"][name] = {"weight": tuned.weight, "bonus": tuned.bonus, "cer": cer, "wer": wer}
        if test:
            texts = _learn_texts(name, everything, scratch / f"{name}-all.txt", seed)
            wishes = model.prefer(texts, weight=tuned.weight, bonus=tuned.bonus)
            speech = open_utterances([lists / "an4_test.fileids"])
            found["test"][f"with the {name}"] = _rate(
                [one.text for one in model.hear(speech, preferences=wishes)], speech
            )
    return found


def _learn_texts(name: str, texts: Sequence[str], path: Path, seed: int) -> Any:
    """Return a language model of some texts: a file whose n-grams are counted, or a trained one."""
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    if name == "8-gram":
        return path
    model = path.with_suffix(".elman.safetensors")
    generate.train(path, output=model, force=True, seed=seed, quiet=True, compare=False, dropout=0.5, epochs=40)
    return model


def digits(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Write down joined digits of speakers who are learnt from, and say when each is spoken."""
    source = data / "fsdd" / "recordings"
    learn = TRAINING[: -len(VALIDATION)]
    model, row = _train_digits("digits", source, scratch, learn, seed, given, EPOCHS)
    if test:
        joined = join_digits(source, scratch / "test", indices=TEST, seed=seed)
        row["test"] = _score(model, [scratch / "test" / "joined.csv"])
        row["times"] = measure_times(model, joined)
    return row


def digits_streaming(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Do the same while it is heard."""
    return digits(data, scratch, seed, {"streaming": True, **given}, test) | {"name": "digits_streaming"}


def digits_speakers(data: Path, scratch: Path, seed: int, given: dict[str, Any], test: bool) -> dict[str, Any]:
    """Write down the digits of speakers who are not learnt from, joined and one by one; each is the test once."""
    takes = sorted((data / "fsdd" / "recordings").glob("*.wav"))
    speakers = sorted({file.stem.split("_")[1] for file in takes})
    folds: list[dict[str, Any]] = []
    row: dict[str, Any] = {}
    for speaker in speakers:
        folder = scratch / speaker
        for file in takes:
            part = folder / ("alone" if file.stem.split("_")[1] == speaker else "others")
            part.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, part)
            if part.name == "alone":
                (part / file.name).with_suffix(".txt").write_text(WORDS[int(file.stem[0])])
        learn, others = range(VALIDATION.start), folder / "others"
        without = {"compare": False, **given}
        model, row = _train_digits("digits_speakers", others, folder, learn, seed, without, FOLD_EPOCHS)
        if test:
            join_digits(folder / "alone", folder / "test", indices=range(50), seed=seed)
            found = {"joined": [folder / "test" / "joined.csv"], "alone": [folder / "alone"]}
            folds.append({"speaker": speaker, **{name: _score(model, files) for name, files in found.items()}})
    if test:
        row |= {"folds": folds, **{name: _mean(folds, name) for name in ("joined", "alone")}}
    return row


ROWS: dict[str, Row] = {
    "an4_speech": an4_speech,
    "digits": digits,
    "digits_streaming": digits_streaming,
    "digits_speakers": digits_speakers,
}
"""By name: takes the folder of all sets, a folder to write to, the seed, options, and whether the test part is read."""


def describe(row: dict[str, Any]) -> tuple[str, str, str]:
    """Write what was measured on the test part, on the validation part, and of the baselines."""
    tested = ""
    if "test" in row:
        told = (f"{name}: CER {one['cer']:.2%}, WER {one['wer']:.2%}" for name, one in row["test"].items())
        tested = "; ".join(told)
    if "times" in row:
        times = row["times"]
        tested += (
            f"; words begin {times['start']:.0f} ms and end {times['end']:.0f} ms away (median of {times['words']:,})"
        )
    if "folds" in row:
        tested = f"WER joined {row['joined']:.2%}, alone {row['alone']:.2%}; of each: " + ", ".join(
            f"{fold['speaker']} {fold['joined']['greedy']['wer']:.1%} and {fold['alone']['greedy']['wer']:.1%}"
            for fold in row["folds"]
        )
    validation, beside = row["metrics"]["validation"], ""
    validated = f"CER {validation['cer']['rate']:.2%}, WER {validation['wer']['rate']:.2%} (greedy)"
    for name, tuned in row.get("tuned", {}).items():
        validated += f"; with the {name} {tuned['cer']:.2%}, {tuned['wer']:.2%}"
    if "baseline" in row["metrics"]:
        other, usual = row["metrics"]["baseline"], row["metrics"]["most_frequent"]
        beside = (
            f"{other['what']} CER {other['cer']['rate']:.1%} ({other['parameters']:,} parameters); "
            f"most frequent transcript {usual['cer']['rate']:.1%}; "
            f"frames shuffled {row['metrics']['shuffled'][0]['cer']['rate']:.1%}"
        )
    return tested, validated, beside


def measure_times(model: TrainedTranscriber, joined: Sequence[JoinedDigits]) -> dict[str, Any]:
    """Return how far the times of rightly written words are from the truth: medians, in ms."""
    apart: dict[str, list[float]] = {"start": [], "end": []}
    for one, found in zip(joined, model.transcribe([one.audio for one in joined]), strict=True):
        written = [word.word for word in found.words]
        for ours, theirs, length in SequenceMatcher(None, written, one.words, autojunk=False).get_matching_blocks():
            for word, (start, end) in zip(
                found.words[ours : ours + length], one.times[theirs : theirs + length], strict=True
            ):
                apart["start"].append(abs(word.start - start))
                apart["end"].append(abs(word.end - end))
    medians = {name: 1000 * statistics.median(values) if values else math.nan for name, values in apart.items()}
    return {**medians, "words": len(apart["start"])}


def _train_digits(
    name: str,
    source: Path,
    folder: Path,
    learn: Sequence[int],
    seed: int,
    given: dict[str, Any],
    epochs: int,
) -> tuple[TrainedTranscriber, dict[str, Any]]:
    join_digits(source, folder / "train", indices=learn, seed=seed, rounds=ROUNDS)
    join_digits(source, folder / "validation", indices=VALIDATION, seed=seed)
    held_out, learnt = (folder / part / "joined.csv" for part in ("validation", "train"))
    return train_row(name, transcribe, learnt, folder, seed, given, epochs=epochs, validation_data=str(held_out))


def _score(model: TrainedTranscriber, files: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Return the error rates by greedy reading and by a beam."""
    speech = open_utterances(list(files))
    return {
        name: _rate([one.text for one in model.hear(speech, beam)], speech)
        for name, beam in (("greedy", 1), (f"beam {BEAM}", BEAM))
    }


def _rate(texts: Sequence[str], speech: UtteranceSet) -> dict[str, float]:
    said = [one.transcript for one in speech.utterances]
    cer, wer = (score_errors(texts, said, unit=unit).rate for unit in ("character", "word"))
    assert cer is not None
    assert wer is not None
    return {"cer": cer, "wer": wer}


def _mean(folds: Sequence[dict[str, Any]], name: str) -> float:
    return statistics.fmean(fold[name]["greedy"]["wer"] for fold in folds)
