"""Speech: the forms that are read, what is left out and said, and what is refused with its file and line."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.speech.opening import open_utterances
from elman.errors import DataError

RATE = 8009


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(files):
    """Write files: texts as they are, sounds of as many samples as a number says."""
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            noise = np.random.default_rng(content).normal(size=content) * 0.1
            soundfile.write(path, noise, 16000 if path.suffix == ".mp3" else RATE)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")


def mfc(frames, order=">"):
    numbers = np.random.default_rng(1).normal(size=(frames, 13)).astype(f"{order}f4")
    return np.array(numbers.size, f"{order}i4").tobytes() + numbers.tobytes()


def found(path, **options):
    speech = open_utterances(path, **options)
    return [(str(one.audio), one.transcript, one.speaker, one.where) for one in speech.utterances]


TWO = {"a.wav": 101, "b.wav": 211}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", "speaker,path,text\nAnn,a.wav,so good\nBo,b.wav,\n"),
        ("d.csv", "client_id;file;sentence\nAnn;a.wav;  so   good\nBo;b.wav;\n"),
        ("d.tsv", "audio\ttranscript\tspeaker\na.wav\tso good\tAnn\nb.wav\t\tBo\n"),
        ("d.jsonl", '{"wav_path":"a.wav","text":"so good","speaker":"Ann"}\n{"wav_path":"b.wav","speaker":"Bo"}\n'),
    ],
)
def test_tables_are_read_by_the_usual_names_of_their_columns(name, content):
    put({**TWO, name: content})
    first = 1 if name.endswith("jsonl") else 2
    assert found(name) == [
        ("a.wav", "so good", "Ann", f"{name} line {first}"),
        ("b.wav", "", "Bo", f"{name} line {first + 1}"),
    ]


def test_columns_of_other_names_are_named():
    put({**TWO, "d.csv": "who,what,which\nAnn,so good,a.wav\n"})
    assert found("d.csv", audio="which", text="what", speaker="who") == [("a.wav", "so good", "Ann", "d.csv line 2")]


def test_common_voice_is_read_by_its_validated_table():
    table = 'client_id\tpath\tsentence_id\tsentence\nab12\tx.mp3\t7\t"So" he said\ncd34\ty.mp3\t8\tNo\n'
    put({"cv/validated.tsv": table, "cv/other.tsv": "path\nz.mp3\n", "cv/clips/x.mp3": 4000})
    speech = open_utterances("cv")
    assert found("cv") == [("cv/clips/x.mp3", '"So" he said', "ab12", "cv/validated.tsv line 2")]
    assert "1 transcript without its sound is left out: cv/validated.tsv line 3." in speech.notes
    assert speech.read(0).rate == 16000


def test_librispeech_is_read_with_its_speakers():
    put(
        {
            "dev/84/1/84-1.trans.txt": "84-1-0000 SO GOOD\n84-1-0001 NO\n",
            "dev/84/1/84-1-0000.flac": 101,
            "dev/84/1/84-1-0009.flac": 101,
            "dev/9/2/9-2.trans.txt": "9-2-0000 YES\n",
            "dev/9/2/9-2-0000.flac": 101,
        }
    )
    assert found("dev") == [
        ("dev/84/1/84-1-0000.flac", "SO GOOD", "84", "dev/84/1/84-1.trans.txt line 1"),
        ("dev/9/2/9-2-0000.flac", "YES", "9", "dev/9/2/9-2.trans.txt line 1"),
    ]
    notes = open_utterances("dev").notes
    assert "1 transcript without its sound is left out: dev/84/1/84-1.trans.txt line 2." in notes
    assert "1 sound without a transcript is left out: dev/84/1/84-1-0009.flac." in notes


def test_ljspeech_is_read_with_the_normalised_text_and_odd_quotes():
    put({"lj/metadata.csv": 'LJ1|In 1456, "odd|In fourteen fifty-six, "odd\nLJ2|so\n'})
    put({"lj/wavs/LJ1.wav": 101, "lj/wavs/LJ2.wav": 101})
    assert [(text, where) for _, text, _, where in found("lj")] == [
        ('In fourteen fifty-six, "odd', "lj/metadata.csv line 1"),
        ("so", "lj/metadata.csv line 2"),
    ]


KALDI = {"k/wav.scp": "r1 a.wav\nr2 k2/b.wav\n", "k/a.wav": 3 * RATE, "k2/b.wav": RATE}


def test_kaldi_is_read_with_segments_and_speakers():
    segments = "u1 r1 0.5 1.25\nu2 r1 2 -1\nu3 r2 0 1.4\n"
    put({**KALDI, "k/text": "u1 so good\nu2\nu3 no\n", "k/segments": segments, "k/utt2spk": "u1 Ann\nu3 Bo\n"})
    speech = open_utterances("k")
    assert [(one.transcript, one.speaker, one.where) for one in speech.utterances] == [
        ("so good", "Ann", "k/segments line 1"),
        ("", None, "k/segments line 2"),
        ("no", "Bo", "k/segments line 3"),
    ]
    whole = soundfile.read("k/a.wav", dtype="float32")[0]
    np.testing.assert_array_equal(speech.read(0).samples, whole[round(0.5 * RATE) : round(1.25 * RATE)])
    np.testing.assert_array_equal(speech.read(1).samples, whole[2 * RATE :])
    # An end that is rounded up by less than half a second is the end of the sound.
    assert len(speech.read(2).samples) == speech.measure(2).samples == RATE


def test_kaldi_without_segments_has_an_utterance_a_recording():
    put({**KALDI, "k/text": "r2 no\nr9 gone\n"})
    assert found("k") == [("k2/b.wav", "no", None, "k/text line 1")]
    assert open_utterances("k").notes[-2:] == [
        "1 transcript without its sound is left out: k/text line 2.",
        "1 sound without a transcript is left out: r1.",
    ]


def test_a_command_of_kaldi_is_refused_and_never_run():
    put({"k/wav.scp": "r1 touch harm |\n", "k/text": "r1 so\n"})
    with pytest.raises(DataError, match=r"k/wav\.scp line 1 is a command, which is not run"):
        open_utterances("k")
    assert not Path("harm").exists()


def test_a_part_of_nemo_is_read_by_its_offset_and_duration():
    rows = [
        {"audio_filepath": "a.wav", "duration": 1.0, "text": "so", "offset": 0.5},
        {"audio_filepath": "a.wav", "duration": 3.0, "text": "good"},
    ]
    put({"a.wav": 3 * RATE, "manifest.json": "\n".join(map(json.dumps, rows))})
    speech = open_utterances("manifest.json")
    whole = soundfile.read("a.wav", dtype="float32")[0]
    np.testing.assert_array_equal(speech.read(0).samples, whole[round(0.5 * RATE) : round(1.5 * RATE)])
    np.testing.assert_array_equal(speech.read(1).samples, whole)


@pytest.mark.parametrize("end", [".txt", ".lab", ".trn"])
def test_a_text_beside_a_sound_is_its_transcript(end):
    put({"s/a.wav": 101, f"s/a{end}": "so\ngood\n", "s/in/b.flac": 101, f"s/in/b{end}": "", "s/c.ogg": 101})
    put({f"s/d{end}": "gone"})
    assert found("s") == [("s/a.wav", "so good", None, f"s/a{end}"), ("s/in/b.flac", "", None, f"s/in/b{end}")]
    assert open_utterances("s").notes[2:] == [
        f"1 transcript without its sound is left out: s/d{end}.",
        "1 sound without a transcript is left out: s/c.ogg.",
        "Nothing is said in 1 of them.",
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_sphinx_is_read_in_either_byte_order(order):
    put(
        {
            "an/etc/an_train.fileids": "clstk/fash/x-b\nclstk/mabc/y-b\n",
            "an/etc/an_train.transcription": "<s> SO  GOOD </s> (x-b)\nNO (y-b)\n",
            "an/feat/clstk/fash/x-b.mfc": mfc(7, order),
            "an/feat/clstk/mabc/y-b.mfc": mfc(3, order),
        }
    )
    speech = open_utterances("an")
    assert [(one.transcript, one.speaker) for one in speech.utterances] == [("SO GOOD", "fash"), ("NO", "mabc")]
    expected = np.random.default_rng(1).normal(size=(7, 13)).astype(np.float32)
    np.testing.assert_array_equal(speech.read(0), expected)


def test_several_lists_of_sphinx_are_not_joined():
    put({"an/a_test.fileids": "x\n", "an/a_train.fileids": "x\n"})
    with pytest.raises(DataError, match=r"an has a_test\.fileids, a_train\.fileids\. Name one of them"):
        open_utterances("an")


def test_frames_of_many_utterances_are_read_from_one_file():
    frames = np.random.default_rng(3).normal(size=(11, 5)).astype(np.float32)
    np.savez("d.npz", x=frames, lengths=[4, 7], transcript=["so good", "no"], speaker=["Ann", "Bo"])
    speech = open_utterances("d.npz")
    assert [(one.transcript, one.speaker) for one in speech.utterances] == [("so good", "Ann"), ("no", "Bo")]
    np.testing.assert_array_equal(speech.read(1), frames[4:])


def test_several_parts_are_read_one_after_the_other():
    put({**TWO, "d.csv": "path,text\na.wav,so\n", "e.csv": "path,text\nb.wav,no\n"})
    assert [text for _, text, _, _ in found(["d.csv", "e.csv"])] == ["so", "no"]


@pytest.mark.parametrize(
    ("files", "path", "message"),
    [
        ({"d.csv": "path,label\na.wav,x\n"}, "d.csv", "d.csv has no column text, sentence, transcript"),
        ({"d.csv": "path,text\nz.wav,x\n"}, "d.csv", "d.csv has no sound with a transcript. 1 transcript without"),
        ({"d.jsonl": '{"path": "a.wav", "text": ["x"]}'}, "d.jsonl", "d.jsonl line 1, column text: a list stands"),
        (
            {"m.json": '{"path": "a.wav", "text": "x", "offset": -1}'},
            "m.json",
            "m.json line 1, column offset: '-1' is no time",
        ),
        ({"k/wav.scp": "u a.wav\n", "k/text": "u x\nu y\n"}, "k", "k/text line 2: u was in k/text line 1 before"),
        (
            {"k/wav.scp": "r a.wav\n", "k/text": "u x\n", "k/segments": "u r 2 1\n"},
            "k",
            "k/segments line 1 ends at 1 s and begins at 2 s",
        ),
        (
            {"k/wav.scp": "r a.wav\n", "k/text": "u x\n", "k/segments": "u r 1\n"},
            "k",
            "k/segments line 1 has 3 fields",
        ),
        ({"a.fileids": "x\n", "a.transcription": "X\n"}, "a.fileids", "a.transcription line 1 has no name of a file"),
        ({"lj/metadata.csv": "a|b|c|d\n", "lj/wavs/a.wav": 7}, "lj", "lj/metadata.csv line 1 has 4 fields"),
        ({"s/a.md": "x"}, "s", "s holds no form of speech"),
        ({"a.txt": "x"}, "a.txt", "a.txt is no list of utterances"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(files, path, message):
    put({**TWO, **files})
    with pytest.raises(DataError) as refused:
        open_utterances(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_sound_and_frames_are_not_mixed():
    put({**TWO, "c.mfc": mfc(3), "d.csv": "path,text\na.wav,so\nc.mfc,no\n"})
    with pytest.raises(DataError, match=r"d\.csv line 2 is sound, and d\.csv line 3 is frames of features"):
        open_utterances("d.csv")


def test_columns_are_named_of_tables_alone():
    put({**TWO, "a.txt": "so"})
    with pytest.raises(DataError, match="has no columns"):
        open_utterances(".", text="text")


def test_a_part_outside_its_sound_is_refused_with_its_line():
    put({**KALDI, "k/text": "u1 so\nu2 no\n", "k/segments": "u1 r1 3.5 4\nu2 r2 0.5 2\n"})
    speech = open_utterances("k")
    with pytest.raises(
        DataError, match=r"k/segments line 1: k/a\.wav from 3\.5 s to 4 s is outside the sound.* 3\.00 s"
    ):
        speech.read(0)
    with pytest.raises(DataError, match=r"k/segments line 2: .*is outside the sound"):
        speech.measure(1)
