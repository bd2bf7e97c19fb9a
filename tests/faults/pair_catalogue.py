"""Faults to plant in the checks of pairs of texts, in the scores of translations and in error rates."""

from faults.fault import Fault

PAIRS = "tests/data/pairs/test_pairs.py"
SUSPECTS = "tests/data/pairs/test_suspects.py"
TRANSLATIONS = "tests/scores/test_translations.py"
ERRORS = "tests/scores/test_errors.py"

PAIR_FAULTS = (
    Fault(
        "a shift is looked for in one direction alone",
        "data/pairs/checks.py",
        "_MOVES = (0, 1, -1, 2, -2)",
        "_MOVES = (0, 1, 2)",
        tests=PAIRS,
        only="later_one_cancels_it",
    ),
    Fault(
        "a pair whose sides were exchanged is found where the source is nothing but words of targets",
        "data/pairs/checks.py",
        "lean(pair.source) < -1 and lean(pair.target) > 1",
        "lean(pair.source) < -9 and lean(pair.target) > 1",
        tests=PAIRS,
        only="exchanged",
    ),
    Fault(
        "a list of suspects replaces any file",
        "data/pairs/suspects.py",
        'not in (b"", _HEADER.encode())',
        "is None",
        tests=SUSPECTS,
        only="an_older_list",
    ),
    Fault(
        "suspects are listed from the least suspect on",
        "data/pairs/suspects.py",
        "(number not in reasons, -fits[number])",
        "(number not in reasons, fits[number])",
        tests=SUSPECTS,
        only="fit_least",
    ),
    Fault(
        "a line feed within a text of a list ends its row",
        "data/pairs/suspects.py",
        r'r"[\t\n\r]"',
        r'r"[\t\r]"',
        tests=SUSPECTS,
        only="a_row_is_a_line",
    ),
    Fault(
        "rows with a cell more are read",
        "data/pairs/opening.py",
        "if len(cells) != width",
        "if len(cells) < width",
        tests=PAIRS,
        only="damaged_or_ambiguous",
    ),
    Fault(
        "two sets of texts are scored on other draws",
        "scores/comparison.py",
        "for row in resample(counts, seed)",
        "for row in resample(counts, seed + int(counts.sum()))",
        tests=TRANSLATIONS,
        only="more_certain",
    ),
    Fault(
        "p counts one side",
        "scores/resampling.py",
        "2 * (1 + fewer)",
        "(1 + fewer)",
        tests=TRANSLATIONS,
        only="rarer_sign",
    ),
    Fault(
        "an interval of 90 % is called one of 95 %",
        "scores/resampling.py",
        "_EDGE = 25",
        "_EDGE = 50",
        tests=TRANSLATIONS,
        only="like_its_own",
    ),
    Fault(
        "examples of one group are drawn each for itself",
        "scores/resampling.py",
        "        rows = summed\n",
        "        del summed\n",
        tests=ERRORS,
        only="groups_alike",
    ),
    Fault(
        "chrF counts spaces",
        "scores/ngrams.py",
        'letters = "".join(text.split())',
        "letters = text",
        tests=TRANSLATIONS,
        only="any_part",
    ),
    Fault(
        "a composed letter is two",
        "scores/errors.py",
        '" ".join(unicodedata.normalize("NFC", text).split())',
        '" ".join(unicodedata.normalize("NFD", text).split())',
        tests=ERRORS,
        only="composed",
    ),
    Fault(
        "what is written for an empty reference is no error",
        "scores/errors.py",
        "return [0, units, written, units]",
        "return [0, units, 0, units]",
        tests=ERRORS,
        only="empty",
    ),
)
