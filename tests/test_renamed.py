"""Old names of public arguments warn and work; both names at once are refused."""

import inspect

import pytest

from elman.renamed import renamed_arguments


@renamed_arguments(told="on_progress")
def _evaluate(data, on_progress=None):
    return data, on_progress


def test_an_old_name_works_and_warns_where_it_was_written():
    with pytest.warns(
        DeprecationWarning, match=r"`told` of _evaluate is now `on_progress`.* goes away in 0\.2\.0"
    ) as seen:
        assert _evaluate([7], told=3) == ([7], 3)
    assert seen[0].filename == __file__


def test_the_new_name_does_not_warn():
    assert _evaluate([7], on_progress=3) == ([7], 3)


def test_both_names_are_refused():
    with pytest.warns(DeprecationWarning, match="told"), pytest.raises(TypeError, match="not both"):
        _evaluate([7], told=3, on_progress=4)


def test_the_signature_names_the_new_argument_only():
    assert list(inspect.signature(_evaluate).parameters) == ["data", "on_progress"]
