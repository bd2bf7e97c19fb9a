r"""Write the answers of a model as a table, or as JSON lines.

>>> print(*write_answers([[{"text": "so bad", "prediction": "neg"}]], delimiter=","), end="")
text,prediction
so bad,neg
>>> print(*write_answers([[{"labels": ("a", "b"), "score": float("nan")}]], delimiter=None), end="")
{"labels": ["a", "b"], "score": null}
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from elman.models.finite import as_json


def write_answers(chunks: Iterable[Sequence[Mapping[str, Any]]], delimiter: str | None) -> Iterator[str]:
    """Write rows as text, one piece for each chunk, as soon as the chunk is known.

    Args:
        chunks: rows with the same columns; no chunk is empty.
        delimiter: the character between two cells; None for JSON.
    """
    begun = False
    for rows in chunks:
        if delimiter is None:
            yield "".join(f"{as_json(row)}\n" for row in rows)
            continue
        piece = io.StringIO()
        writer = csv.writer(piece, delimiter=delimiter, lineterminator="\n")
        if not begun:
            writer.writerow(rows[0])
            begun = True
        for row in rows:
            writer.writerow(["|".join(cell) if isinstance(cell, tuple) else cell for cell in row.values()])
        yield piece.getvalue()


def free_names(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Return for each name one that is not taken: itself, or with a number.

    >>> free_names(["prediction", "score"], ["text", "prediction", "prediction_2"])
    {'prediction': 'prediction_3', 'score': 'score'}
    """
    chosen: dict[str, str] = {}
    for name in names:
        number, new = 1, name
        while new in taken or new in chosen.values():
            number += 1
            new = f"{name}_{number}"
        chosen[name] = new
    return chosen
