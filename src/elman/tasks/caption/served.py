"""A model that captions, as the server uses it: one photo, or the features of pictures as rows.

>>> serve.__name__
'serve'
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.captions.pictures import GivenPictures
from elman.data.formats import images
from elman.decoding.search import Beam
from elman.errors import DataError
from elman.tasks.caption.commands import describe_captions
from elman.tasks.caption.model import TrainedCaptioner
from elman.tasks.serving import SearchWidth, Sent, Service


def serve(trained: TrainedCaptioner) -> Service:
    """Serve a model that captions."""
    reads_photos = trained.encoder.pictures.reads_photos

    def read(sent: Sent) -> list[NDArray[Any]]:
        if reads_photos and sent.rows is None:
            with sent.in_file() as path:
                return [images.read_image(path)]
        if reads_photos or sent.rows is None:
            wanted = f"a photo, one of {', '.join(images.SUFFIXES)}" if reads_photos else 'rows {"features": [...]}'
            raise DataError(f"This model reads {wanted}. Send that.")
        return [_read_features(row.get("features"), number) for number, row in enumerate(sent.rows, start=1)]

    def answer(pictures: Sequence[NDArray[Any]], options: SearchWidth) -> list[dict[str, Any]]:
        given = GivenPictures(pictures)
        found = trained.hypotheses(trained.read(given), Beam(options.beam, options.nbest))
        return [describe_captions(trained, name, few) for name, few in zip(given.names, found, strict=True)]

    return Service(
        page="picture" if reads_photos else "table",
        read=read,
        answer=answer,
        rows=[] if reads_photos else [{"features": np.zeros(trained.encoder.pictures.size).tolist()}],
        files=tuple(images.SUFFIXES) if reads_photos else (),
        options=SearchWidth,
    )


def _read_features(given: Any, number: int) -> NDArray[Any]:
    """Read features (C,) or (C, H, W).

    Raises:
        DataError: they are something else.
    """
    found: NDArray[np.float32] | None
    try:
        found = np.array(given, np.float32)
    except (TypeError, ValueError):
        found = None
    if found is None or found.ndim not in (1, 3):
        raise DataError(f"row {number} has no features (C,) or (C, H, W). Send lists of numbers.")
    return found
