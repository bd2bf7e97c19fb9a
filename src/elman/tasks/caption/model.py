"""A model that captions pictures: predict, measure, keep it in a file, read it back.

>>> from elman.tasks import caption
>>> model = caption.load("captions.elman.safetensors")          # doctest: +SKIP
>>> model.predict(["beach.jpg"])                                # doctest: +SKIP
['two children are playing in the sand']
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from elman.backends.held import held
from elman.data.captions.forms import PICTURE
from elman.data.captions.pictures import GivenPictures, PictureFiles, Pictures
from elman.data.examples.intake import as_examples
from elman.decoding.constraints import Constraints
from elman.decoding.search import Beam, Hypothesis, search
from elman.encoders.batches import OnProgress
from elman.encoders.pictures.encoder import CONVOLUTION, PictureMaps
from elman.errors import DataError
from elman.expr import Cell
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.framed import reads_frames
from elman.models.layers import Layers
from elman.models.learnt import Overlap, hash_example
from elman.models.trained import load_trained, restore_module
from elman.nn.evaluation import evaluating
from elman.scores.captions import CaptionScores, score_captions
from elman.tasks.caption.batches import NOTHING, EncodedCaptions
from elman.tasks.caption.encoder import CaptionEncoder
from elman.tasks.caption.module import CaptionModel, CaptionWriter
from elman.tasks.recipe_model import RecipeModel

BEAM = 20
_AT_ONCE = 32  # pictures
_BEAM = Beam(BEAM)


@dataclass(kw_only=True)
class TrainedCaptioner(RecipeModel):
    """A trained model and all that is needed to use it.

    Attributes:
        encoder: numbers captions, and knows what becomes of a picture.
    """

    task: ClassVar[str] = "caption"
    part_names: ClassVar[tuple[str, ...]] = ("encoder",)
    module: CaptionModel
    encoder: CaptionEncoder

    @reads_frames(*PICTURE)
    def predict(
        self, pictures: Any, *, beam: int = BEAM, length_penalty: float = 1.0, on_progress: OnProgress | None = None
    ) -> list[str]:
        """Return a caption of each picture.

        Args:
            pictures: N paths of photos, or arrays: photos (H, W, 3) uint8, or features (C, H, W) or (C,), as in
                training. Or a data frame with a column `image` or the like; it comes back with a column `prediction`.
            beam: hypotheses that are kept, 1 to 512; 1 is greedy.
            length_penalty: rank by ln P / length^A; 0 ranks by probability.
            on_progress: called with (pictures that are answered, all of them).

        Raises:
            DataError: a picture cannot be read, or is not what the model reads.
            ConfigError: an option is outside its range, or the model needs elman[caption].
            ElmanError: what the module puts out is not finite.
        """
        ranked = Beam(beam, length_penalty=length_penalty)
        maps = self.read(as_pictures(pictures))
        return [self.write(found[0]) for found in self.hypotheses(maps, ranked, on_progress)]

    def read(self, pictures: Pictures, on_progress: OnProgress | None = None) -> PictureMaps:
        """Read pictures as the model needs them.

        Raises:
            DataError: one cannot be read, or is not what the model reads.
        """
        own = self.encoder.pictures
        own.check(pictures)
        maps = PictureMaps(pictures, range(len(pictures)), own.reader, own.side, on_progress)
        if len(maps) and maps.size != own.size:
            raise DataError(
                f"{pictures.where(0)} has features {maps.size}, and the model reads {own.size}. Give these."
            )
        return maps

    def hypotheses(
        self, maps: PictureMaps | EncodedCaptions, beam: Beam = _BEAM, on_progress: OnProgress | None = None
    ) -> list[list[Hypothesis]]:
        """Return likely captions of pictures, the best first.

        Args:
            maps: of N pictures, from :meth:`read`, or a set of captions.
            beam: how to search.
            on_progress: called with (pictures that are answered, all of them).

        Raises:
            ElmanError: what the module puts out is not finite.
        """
        return self.hypotheses_of(maps, range(len(maps)), beam, on_progress)

    def hypotheses_of(
        self,
        maps: PictureMaps | EncodedCaptions,
        places: Sequence[int],
        beam: Beam = _BEAM,
        on_progress: OnProgress | None = None,
    ) -> list[list[Hypothesis]]:
        """Return likely captions of some of the pictures, in the order of their places; see :meth:`hypotheses`."""
        found: list[list[Hypothesis]] = []
        end, device = self.encoder.words.end, next(self.module.parameters()).device
        constraints = Constraints(forbidden=self.encoder.unwritten)
        with evaluating(self.module), held(self.module.parameters()):
            for start in range(0, len(places), _AT_ONCE):
                few = places[start : start + _AT_ONCE]
                if isinstance(maps, EncodedCaptions):
                    pictures = maps.pictures(few)
                else:
                    pictures = self.encoder.pictures.scale(maps.batch(few))
                writer, longest = (
                    CaptionWriter(self.module, pictures.to(device), end),
                    [self.encoder.longest] * len(few),
                )
                answers = search(writer, len(few), end=end, longest=longest, beam=beam, constraints=constraints)
                require_finite_output(all(answers))
                found += answers
                if on_progress is not None:
                    on_progress(len(found), len(places))
        return found

    def write(self, hypothesis: Hypothesis) -> str:
        """Return the text of a hypothesis."""
        return self.encoder.words.decode(hypothesis.units)

    def evaluate(
        self, captions: EncodedCaptions, beam: Beam = _BEAM, on_progress: OnProgress | None = None
    ) -> tuple[CaptionScores, list[str]]:
        """Caption pictures, and compare with what people wrote of them.

        Returns:
            The scores, and what was written.
        """
        texts = [self.write(found[0]) for found in self.hypotheses(captions, beam, on_progress)]
        return score_captions(texts, captions.references), texts

    def compare_learnt(self, captions: EncodedCaptions) -> Overlap | None:
        """Count the pictures that the model was trained on; None for a model that keeps no hashes."""
        return None if self.learnt is None else self.learnt.compare(hash_pictures(captions))


def as_pictures(given: Any) -> Pictures:
    """Return pictures that are given in Python.

    Raises:
        DataError: they are one path, or neither paths nor arrays.
    """
    if isinstance(given, Pictures):
        return given
    listed = list(as_examples(given, "pictures", "a list of paths of photos, or of arrays"))
    if all(isinstance(one, str | PathLike) for one in listed):
        paths = [Path(one) for one in listed]
        return PictureFiles("the photos", paths, [str(path) for path in paths])
    if not all(isinstance(one, np.ndarray) for one in listed):
        raise DataError("pictures holds values that are neither paths nor arrays. Give one of the two.")
    return GivenPictures(listed)


def hash_pictures(captions: EncodedCaptions) -> Iterable[int]:
    """Hash each picture, by its bytes."""
    pictures = captions.data.pictures
    return (hash_example("picture", str(pictures.fingerprint(one.index))) for one in captions.data.items)


@torch.no_grad()
def mean_loss(module: CaptionModel, captions: EncodedCaptions) -> float:
    """Return the mean of −ln P over the words of captions and their ends, in nats."""
    total = count = 0.0
    device = next(module.parameters()).device
    with evaluating(module):
        for chosen in captions.draw(_AT_ONCE, None):
            few = captions.batch(chosen)
            written = int((few.written != NOTHING).sum())
            loss = module(*(part.to(device) for part in (few.pictures, few.owners, few.read, few.written)))
            total += float(loss) * written
            count += written
    return total / count


def build_module(cell: Cell, encoder: CaptionEncoder, configuration: Mapping[str, Any]) -> CaptionModel:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    pictures = encoder.pictures
    return CaptionModel(
        cell,
        layers,
        size=pictures.size,
        words=encoder.words.size,
        convolution=pictures.reader == CONVOLUTION,
        **own,
    )


def load(path: str | PathLike[str]) -> TrainedCaptioner:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedCaptioner, _read)


def _read(file: ModelFile) -> TrainedCaptioner:
    encoder, cell = CaptionEncoder.from_dict(file.parts["encoder"]), Cell.from_dict(file.cell)
    options = file.configuration
    module = restore_module(file, CaptionModel, options, lambda: build_module(cell, encoder, options))
    return TrainedCaptioner.of_file(file, module, encoder=encoder)
