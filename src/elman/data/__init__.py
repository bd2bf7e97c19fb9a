r"""Read data: files become examples, in memory one at a time.

All data of a recipe comes through :func:`elman.data.open_dataset`. It recognises what a path holds (a table, a folder
with one folder a class, sound, images, arrays, sequences of a genome), infers the kind of each column, reports it in
notes, and returns a :class:`Dataset`: a length, and the example at each index, read on access.

* `text` reads UTF-8, with one message for every wrong byte; `signatures` names files that are not text;
* `dataset` defines an example, the columns and a dataset;
* `formats` reads single files of sound, images, features and arrays, `tables` rows of cells;
* `examples` reads examples with one target each, also from a pipe, row by row;
* `series` reads values over time, `sentences` words with tags, `pairs` texts with their translations, `speech` sounds
  with what is said in them, `captions` pictures with what is seen, `music` frames of notes.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from elman.data import open_dataset
    >>> with TemporaryDirectory() as folder:
    ...     reviews = Path(folder, "reviews.csv")
    ...     _ = reviews.write_text("text,label\nvery good,yes\nso bad,no\ngood,yes\n")
    ...     dataset = open_dataset([reviews])
    ...     len(dataset), dataset.columns.inputs, dataset[1].values["text"], dataset[1].target
    (3, {'text': 'text'}, 'so bad', 'no')
"""

from elman.data.dataset import Columns, Dataset, Example
from elman.data.examples.arriving import stream_rows
from elman.data.examples.opening import open_dataset
from elman.data.series.opening import open_series
from elman.data.series.series import Series, SeriesSet

__all__ = ["Columns", "Dataset", "Example", "Series", "SeriesSet", "open_dataset", "open_series", "stream_rows"]
