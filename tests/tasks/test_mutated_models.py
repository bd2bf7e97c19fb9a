"""Model files of all recipes are damaged and forged: none answers otherwise in silence, none ends in a traceback."""

import os
import random
from collections import Counter

import pytest

from damaged_models import judge_all, mutants_of
from every_recipe import subjects


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants are judged in forked processes, whose memory is bounded")
@pytest.mark.parametrize("each", [pytest.param(8, id="112"), pytest.param(720, id="10,080", marks=pytest.mark.slow)])
def test_a_changed_file_is_refused_or_answers_as_it_should(each, tmp_path):
    counts, wrong = Counter(), []
    for number, subject in enumerate(subjects(tmp_path)):
        mutants = list(mutants_of(subject.path, each, random.Random(number)))
        more, found = judge_all(subject, mutants, tmp_path)
        counts += more
        wrong += found
    assert wrong == [], counts
    assert counts.total() == 14 * each
    assert counts["refused"] > 6 * each
