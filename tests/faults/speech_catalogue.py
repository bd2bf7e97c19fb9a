"""Faults in reading and writing speech: parts of sounds, transcripts, the lattice of CTC."""

from faults.fault import Fault

FORMS = "tests/data/speech/test_forms.py"
SURVEY = "tests/data/speech/test_survey.py"

SPEECH_FAULTS = (
    Fault(
        "the end of a part of a sound is taken for its length",
        "data/speech/utterance.py",
        "else round(one.end * header.rate)",
        "else round((one.start + one.end) * header.rate)",
        FORMS,
        "nemo or kaldi",
    ),
    Fault(
        "a command in a list of sounds is taken for a file",
        "data/speech/kaldi.py",
        'if entry.value.endswith("|"):',
        'if entry.value.endswith("||"):',
        FORMS,
        "command",
    ),
    Fault(
        "transcripts have numbers that another field has in words",
        "data/speech/corpus.py",
        "Utterance(sound, tidy(texts[-1]), where)",
        "Utterance(sound, tidy(texts[0]), where)",
        FORMS,
        "ljspeech",
    ),
    Fault(
        "a place in a lossy format is sought, and missed by some samples",
        "data/formats/sound.py",
        '_READ_FROM_THE_START = ("OGG", "MP3")',
        "_READ_FROM_THE_START = ()",
        SURVEY,
        "a_part_is_the_same",
    ),
    Fault(
        "equal neighbours need no blank between them",
        "data/speech/checks.py",
        "return len(units) + sum(",
        "return len(units) + 0 * sum(",
        SURVEY,
        "equal_neighbours",
    ),
    Fault(
        "single samples at the limit count as clipping",
        "data/speech/survey.py",
        "runs[runs >= _RUN]",
        "runs[runs >= 1]",
        SURVEY,
        "runs_at_the_limit",
    ),
)
