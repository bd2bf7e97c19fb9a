"""Read frames of many utterances from one `.npz`: `x` and `lengths` as :mod:`elman.data.examples.arrays` has them.

The transcripts are an array of text with a usual name (`text`, `transcript`, …, or `y`), speakers are in `speaker`.

>>> import tempfile
>>> import numpy as np
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "speech.npz")
...     np.savez(path, x=np.ones((7, 13), np.float32), lengths=[5, 2], text=["so good", "no"])
...     found, arrays, _ = read_packed(path)
>>> [one.transcript for one in found], len(arrays)
(['so good', 'no'], 2)
"""

from pathlib import Path

from elman.data.examples.arrays import TARGET_NAMES, Arrays, open_arrays
from elman.data.formats.numpy_files import open_npz
from elman.data.speech.table import SPEAKER, TEXT
from elman.data.speech.utterance import Utterance, tidy
from elman.errors import DataError
from elman.phrases import name_some


def read_packed(path: Path) -> tuple[list[Utterance], Arrays, list[str]]:
    """Read the utterances of an `.npz`, their frames, and notes about it.

    Raises:
        DataError: the file is damaged, or has no frames or no transcripts.
    """
    members = open_npz(path)
    said = next((name for name in (*TEXT, *TARGET_NAMES) if name in members), None)
    if said is None or members[said].dtype.kind != "U":
        raise DataError(
            f"{path} has no transcripts: it needs an array of text with one of the names {name_some(TEXT)}. "
            f"It has {name_some(list(members))}."
        )
    arrays = open_arrays(path, target=said)
    who = next((name for name in SPEAKER if name in members), None)
    speakers = [None] * len(arrays) if who is None else members[who].load().astype(str).tolist()
    texts = members[said].load().tolist()
    if len(texts) != len(arrays) or len(speakers) != len(arrays):
        raise DataError(f"{path}: {said} and {who or 'x'} have different numbers of examples. Save one for each.")
    utterances = [
        Utterance(path, tidy(text), f"{path} example {row}", speaker, row=row)
        for row, (text, speaker) in enumerate(zip(texts, speakers, strict=True))
    ]
    return utterances, arrays, [note for note in arrays.notes if not note.startswith(said)]
