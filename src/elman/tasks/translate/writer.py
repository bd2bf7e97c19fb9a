"""A translation model as a search sees it.

>>> import torch
>>> from elman import cells
>>> from elman.decoding.search import search
>>> from elman.models.layers import Layers
>>> from elman.tasks.translate.module import TranslationModel
>>> model = TranslationModel(cells.gru, Layers(hidden=8), source_units=7, target_units=7).eval()
>>> writer = TranslationWriter(model, torch.randint(7, (5, 2)), torch.tensor([5, 3]), begin=6)
>>> [len(found) for found in search(writer, 2, end=6, longest=[4, 4])]
[1, 1]
"""

from torch import Tensor

from elman.models.attending import DecoderState
from elman.models.writing import AttendingWriter
from elman.tasks.translate.module import TranslationModel

_SPARE, _TIMES = 10, 2


def longest_target(length: int) -> int:
    """Return how many units a target may have whose source has so many.

    >>> longest_target(7)
    24
    """
    return _TIMES * length + _SPARE


class TranslationWriter(AttendingWriter[TranslationModel]):
    """Writes targets of some sources.

    Args:
        model: in evaluation.
        source: (S, B) units.
        lengths: (B,) of the sources, from 1.
        begin: the unit that stands before every target.
    """

    def __init__(self, model: TranslationModel, source: Tensor, lengths: Tensor, begin: int) -> None:
        super().__init__(model, begin)
        self._source, self.lengths = source, lengths

    def read(self) -> DecoderState:
        """Read the sources."""
        return self._model.encode(self._source, self.lengths)
