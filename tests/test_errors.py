"""An error is caught by the class that Python's own programs catch, and not said again by readers that catch it too."""

import pytest

import elman
from elman.cells import gru
from elman.data.files import size_of
from elman.errors import BackendError, CellError, ConfigError, DataError, ElmanError, NotFittedError, ShapeError
from elman.expr import Cell


@pytest.mark.parametrize("kind", [CellError, ConfigError, DataError, NotFittedError, ShapeError])
def test_what_blames_a_value_is_a_value_error(kind):
    assert issubclass(kind, ElmanError)
    assert issubclass(kind, ValueError)
    assert kind in (getattr(elman, name) for name in elman.__all__)


def test_what_blames_the_machine_is_none():
    assert not issubclass(BackendError, ValueError)


def test_a_reader_that_catches_value_errors_does_not_say_one_of_ours_again(tmp_path):
    with pytest.raises(CellError, match=r"^graph: "):
        Cell.from_dict({**gru.to_dict(), "graph": {"nodes": [{}], "outputs": []}})
    with pytest.raises(DataError, match=r"is a folder\. Name the files in it"):
        size_of(tmp_path)
