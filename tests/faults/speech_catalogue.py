"""Faults in reading and writing speech: parts of sounds, transcripts, the lattice of CTC."""

from faults.fault import Fault

FORMS = "tests/data/speech/test_forms.py"
SURVEY = "tests/data/speech/test_survey.py"
LATTICE = "tests/decoding/test_ctc_lattice.py"
SEARCH = "tests/decoding/test_ctc_search.py"

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
    Fault(
        "a path of CTC passes the blank between equal units",
        "decoding/ctc/lattice.py",
        "(states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])",
        "states[:, 2:] != blank",
        LATTICE,
        "all_paths or equal",
    ),
    Fault(
        "a text of CTC ends with its last unit alone",
        "decoding/ctc/lattice.py",
        "totals: list[float] = np.logaddexp(alpha[texts_in_order, ends], last).tolist()",
        "totals: list[float] = np.where(ends > 0, last, alpha[texts_in_order, ends]).tolist()",
        LATTICE,
        "all_paths or loss",
    ),
    Fault(
        "an alignment never ends in a blank",
        "decoding/ctc/lattice.py",
        "if text and best[state - 1] > best[state]:",
        "if text:",
        LATTICE,
        "all_paths",
    ),
    Fault(
        "a unit is repeated without a blank",
        "decoding/ctc/search.py",
        "np.where(last[:, None] == units, self._with_blank[:, None], total[:, None])",
        "np.where(last[:, None] == -7, self._with_blank[:, None], total[:, None])",
        SEARCH,
        "the_book",
    ),
    Fault(
        "paths that become a text of the beam are lost",
        "decoding/ctc/search.py",
        "with_unit[row] = np.logaddexp(with_unit[row], longer[before, column])",
        "with_unit[row] = with_unit[row]",
        SEARCH,
        "the_book",
    ),
    Fault(
        "the end of a text is not scored by the language model",
        "decoding/ctc/preferences.py",
        "gains[self.blank] = end + self._lost_at_end(state)",
        "gains[self.blank] = self._lost_at_end(state)",
        SEARCH,
        "wide_beam",
    ),
    Fault(
        "credit for the beginning of a hot word is kept where the word goes on otherwise",
        "decoding/ctc/preferences.py",
        "credit = np.full(len(gains), -self.hot_bonus * state.length)",
        "credit = np.zeros(len(gains))",
        SEARCH,
        "wide_beam",
    ),
    Fault(
        "what greedy reading gives falls out of the beam",
        "decoding/ctc/search.py",
        "if greedy >= 0 and ranks[greedy] > -np.inf and greedy not in kept:",
        "if greedy < -1:",
        SEARCH,
        "candidate",
    ),
    Fault(
        "beginnings that left the beam are kept for ever",
        "decoding/ctc/search.py",
        "            prefix.forget()\n",
        "            pass\n",
        SEARCH,
        "forgotten",
    ),
)
