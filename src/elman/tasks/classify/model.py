"""A trained model that gives one answer for a whole sequence: predict, evaluate, save, load.

>>> from elman.tasks import classify
>>> model = classify.load("reviews.elman.safetensors")      # doctest: +SKIP
>>> model.predict(["what a film", "never again"])           # doctest: +SKIP
['pos', 'neg']
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Columns, Dataset, read_examples
from elman.data.examples.choosing import suggest_nearest
from elman.data.examples.fingerprints import Fingerprints
from elman.data.examples.given import as_inputs, refuse_single
from elman.data.examples.intake import as_examples
from elman.data.examples.values import open_values
from elman.encoders.batches import EncodedSet, OnProgress, answer
from elman.encoders.encoder import Encoder, read_encoder, require_columns
from elman.encoders.targets import Targets
from elman.errors import DataError
from elman.expr import Cell
from elman.models.conventions import flatten_column
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.layers import Layers
from elman.models.learnt import Overlap
from elman.models.trained import Trained, load_trained, restore_module
from elman.renamed import renamed_arguments
from elman.scores.classes import Scores
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.classify.scoring import score_outputs

_logger = logging.getLogger("elman")


@dataclass(kw_only=True)
class TrainedClassifier(Trained):
    """A trained model, with all that is needed to use it.

    Attributes:
        columns: the columns that it reads and predicts.
        encoder: turns an example into the steps of a sequence.
        targets: the possible answers.
    """

    task: ClassVar[str] = "classify"
    part_names: ClassVar[tuple[str, ...]] = ("columns", "encoder", "targets")
    module: SequenceClassifier
    columns: Columns
    encoder: Encoder
    targets: Targets

    @property
    def classes(self) -> list[str]:
        """Return the classes, in the order of the probabilities; none where it answers with a number."""
        return list(self.targets.classes)

    def predict(self, data: Dataset | Sequence[Any]) -> list[Any]:
        """Return the answer to each example: a class, a tuple of labels, or a number.

        Args:
            data: a dataset, or examples in memory: texts, arrays, mappings by column, or a data frame with the columns
                of the model in any order; see :mod:`elman.data.examples.intake`. One text or one path is refused.

        Raises:
            DataError: an example cannot be read, or is not what the model was trained on.
        """
        return self.targets.decode(self.outputs(data))

    def probabilities(self, data: Dataset | Sequence[Any]) -> Tensor:
        """Return the probability of each class for each example, (N, L), in the order of `classes`.

        Raises:
            DataError: as for :meth:`predict`.
        """
        return self.targets.probabilities(self.outputs(data))

    @renamed_arguments(told="on_progress")
    def outputs(self, data: Dataset | Sequence[Any], on_progress: OnProgress | None = None) -> Tensor:
        """Return the raw outputs, (N, outputs): logits, or the scaled number.

        Raises:
            DataError: as for :meth:`predict`.
            ElmanError: they are not finite.
        """
        examples = self._open(data)
        if not len(examples):
            return torch.zeros(0, self.targets.outputs)
        unknown = torch.zeros(len(examples))
        return self.answer(EncodedSet(examples, range(len(examples)), self.encoder, unknown), on_progress)

    @renamed_arguments(told="on_progress")
    def answer(self, examples: EncodedSet, on_progress: OnProgress | None = None) -> Tensor:
        """Return the raw outputs for encoded examples, as :meth:`outputs`.

        Raises:
            ElmanError: they are not finite.
        """
        outputs = answer(self.module, examples, on_progress)
        require_finite_output(bool(outputs.isfinite().all()))
        return outputs

    def evaluate(self, data: Dataset | Sequence[Any], targets: Sequence[Any] | None = None) -> Scores:
        """Score the answers to examples that have targets; log a warning if the model was trained on some of them.

        Args:
            data: a dataset, or examples in memory, as for :meth:`predict`.
            targets: the true answers, one an example, where `data` are examples in memory.

        Raises:
            DataError: as for :meth:`encode`; or a dataset and targets are given.
        """
        encoded = self.encode(self._open(data, targets))
        overlap = self.compare_learnt(encoded.prints)
        warning = overlap and overlap.warn("examples", "other examples")
        if warning:
            _logger.warning(warning)
        return score_outputs(self.targets, self.answer(encoded), encoded.targets, encoded.weights, encoded.groups)

    def _check_columns(self, dataset: Dataset) -> None:
        """Check that a dataset has the columns that the model reads, by name and kind."""
        has = dataset.columns.inputs
        for name, kind in self.columns.inputs.items():
            if has.get(name) != kind:
                listed = ", ".join(f"{column} ({its_kind})" for column, its_kind in has.items())
                near = "" if name in has else suggest_nearest(name, list(has))
                raise DataError(
                    f"{dataset.name} has no column {name} ({kind}). {near}It has: {listed}. "
                    "Open it with open_dataset(…, like=model.columns), or give the data that the model reads."
                )

    def compare_learnt(self, prints: NDArray[np.uint64] | None) -> Overlap | None:
        """Count the examples that the model was trained on; None for a model that keeps no hashes.

        Args:
            prints: the fingerprints of the examples, see :mod:`elman.data.examples.fingerprints`.
        """
        return None if self.learnt is None or prints is None else self.learnt.compare(prints)  # type: ignore[arg-type]

    def _open(self, data: Any, targets: Any = None) -> Dataset:
        """Return a dataset as it is, and examples in memory as one."""
        if isinstance(getattr(data, "columns", None), Columns):
            if targets is not None:
                raise DataError("targets are given with a dataset, which has its own. Drop one of the two.")
            self._check_columns(data)
            dataset: Dataset = data
            return dataset
        kinds = ", ".join(f"{name} ({kind})" for name, kind in self.columns.inputs.items())
        values = as_inputs(data, "data", f"a list of examples of {kinds}, or a dataset of elman.data.open_dataset")
        refuse_single(values, self.columns)
        if targets is not None:
            given = as_examples(targets, "targets", "a list with one answer an example")
            targets = flatten_column(given) if isinstance(given, np.ndarray) else given
        return open_values(values, self.columns, targets)

    @renamed_arguments(told="on_progress")
    def encode(self, dataset: Dataset, on_progress: OnProgress | None = None) -> EncodedSet:
        """Encode a dataset whose targets are known, to evaluate on it.

        Raises:
            DataError: an example cannot be read, has no target, or one that the model has not learnt.
        """
        everyone, known, groups = range(len(dataset)), [], []
        fingerprint, prints = Fingerprints(self.columns.inputs), bytearray()
        for example in read_examples(dataset, everyone):
            known.append(example.target)
            groups.append(example.group)
            prints += fingerprint(example.values)
        if not known:
            raise DataError(f"{dataset.name} has no examples to measure on. Give one or more.")
        targets = self.targets.encode(known, lambda at: dataset[at].where)
        hashes = np.frombuffer(bytes(prints), "<u8")
        return EncodedSet(
            dataset,
            everyone,
            self.encoder,
            targets,
            on_progress=on_progress,
            prints=hashes,
            groups=groups if any(group is not None for group in groups) else None,
        )


def build_module(
    cell: Cell, encoder: Encoder, targets: Targets, configuration: Mapping[str, Any]
) -> SequenceClassifier:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    return SequenceClassifier(
        cell, layers, front=encoder.front, outputs=targets.outputs, suggested=encoder.suggested, **own
    )


def load(path: str | PathLike[str]) -> TrainedClassifier:
    """Read a model file. Nothing that the file contains is executed.

    Raises:
        DataError: there is no such file, it is not a model, it is damaged, or its parts do not fit each other.
    """
    return load_trained(path, TrainedClassifier, _read)


def _read(file: ModelFile) -> TrainedClassifier:
    columns = Columns.from_dict(file.parts["columns"])
    encoder = read_encoder(file.parts["encoder"])
    targets = Targets.from_dict(file.parts["targets"])
    require_columns(encoder, columns)
    if columns.target_kind not in (None, targets.kind):
        raise DataError(f"This model predicts a {targets.kind}, and its column is another. Train the model again.")
    cell = Cell.from_dict(file.cell)
    options = file.configuration
    module = restore_module(file, SequenceClassifier, options, lambda: build_module(cell, encoder, targets, options))
    return TrainedClassifier.of_file(file, module, columns=columns, encoder=encoder, targets=targets)
