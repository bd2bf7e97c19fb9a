"""A trained model that gives one answer for a whole sequence: predict, evaluate, save, load.

>>> from elman.tasks import classify
>>> model = classify.load("reviews.elman.safetensors")      # doctest: +SKIP
>>> model.predict(["what a film", "never again"])           # doctest: +SKIP
['pos', 'neg']
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.dataset import Columns, Dataset, read_examples
from elman.data.examples.choosing import suggest_nearest
from elman.data.examples.fingerprints import Fingerprints
from elman.data.examples.given import as_inputs, refuse_single
from elman.data.examples.intake import as_examples
from elman.data.examples.long_table import LongTable
from elman.data.examples.opening import open_dataset
from elman.data.examples.values import open_values
from elman.data.held import hold, is_frame
from elman.encoders.batches import EncodedSet, OnProgress, answer
from elman.encoders.encoder import Encoder, read_encoder, require_columns
from elman.encoders.table import TableEncoder
from elman.encoders.targets import Targets
from elman.errors import DataError
from elman.expr import Cell
from elman.models.conventions import flatten_column
from elman.models.file import ModelFile
from elman.models.finite import require_finite_output
from elman.models.framed import add_answers, make_frame
from elman.models.layers import Layers
from elman.models.learnt import Overlap
from elman.models.trained import load_trained, restore_module
from elman.phrases import counted
from elman.renamed import renamed_arguments
from elman.scores.classes import Scores
from elman.tasks.classify.baseline.linear import Baseline
from elman.tasks.classify.baseline.storage import read_baseline
from elman.tasks.classify.blending import BlendWeights
from elman.tasks.classify.member import (
    FoldMember,
    average,
    split_weights,
    to_scale,
    write_baselines,
    write_members,
    write_weights,
)
from elman.tasks.classify.module import SequenceClassifier
from elman.tasks.classify.scoring import score_outputs
from elman.tasks.recipe_model import RecipeModel

_logger = logging.getLogger("elman")


@dataclass(kw_only=True)
class TrainedClassifier(RecipeModel):
    """A trained model, with all that is needed to use it.

    Attributes:
        columns: the columns that it reads and predicts.
        encoder: turns an example into the steps of a sequence.
        targets: the possible answers.
        covariates: turns what is read beside the sequence into numbers; None where nothing is.
        blend: how its outputs and those of the baseline are mixed, see :mod:`elman.tasks.classify.blending`.
        baseline: the non-recurrent baseline that is mixed in; None where the network answers alone.
        others: further networks; the answer is the mean of all.
        answering: how many seconds an answer takes by the first network, and by all; None where it was not measured.
    """

    task: ClassVar[str] = "classify"
    part_names: ClassVar[tuple[str, ...]] = ("columns", "encoder", "targets")
    added_names: ClassVar[tuple[str, ...]] = ("covariates", "blend", "members", "baselines")
    module: SequenceClassifier
    columns: Columns
    encoder: Encoder
    targets: Targets
    covariates: TableEncoder | None = None
    blend: BlendWeights = field(default_factory=BlendWeights)
    baseline: Baseline | None = None
    others: tuple[FoldMember, ...] = ()
    answering: tuple[float, float] | None = field(default=None, compare=False)

    @property
    def members(self) -> tuple[FoldMember, ...]:
        """All networks, each with what it reads and with its baseline."""
        return (FoldMember(self.module, self.encoder, self.targets, self.baseline, self.covariates), *self.others)

    @property
    def parameters(self) -> int:
        """The number of trained parameters of all networks and baselines."""
        return sum(one.parameters for one in self.members)

    def alone(self) -> Self:
        """Return the model whose first network answers alone; itself where there is nothing else.

        A temperature that was learnt together with the weight of a baseline is left out with it.
        """
        if not self.others and self.baseline is None:
            return self
        blend = BlendWeights(1.0 if self.blend.baseline else self.blend.network)
        return dataclasses.replace(self, others=(), baseline=None, blend=blend)

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the parts that its file holds."""
        added = {
            "covariates": {} if self.covariates is None else self.covariates.to_dict(),
            "blend": {} if self.blend == BlendWeights() else self.blend.to_dict(),
            "members": write_members(self.others),
            "baselines": write_baselines(self.members),
        }
        return {**super().parts(), **{name: part for name, part in added.items() if part}}

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors of its file, by name."""
        return write_weights(self.members)

    @property
    def classes(self) -> list[str]:
        """Return the classes, in the order of the probabilities; none where it answers with a number."""
        return list(self.targets.classes)

    def predict(self, data: Dataset | Sequence[Any]) -> Any:
        """Return the answer to each example: a class, a tuple of labels, or a number.

        Args:
            data: a dataset, or examples in memory: texts, arrays, mappings by column, or a data frame with the columns
                of the model in any order; see :mod:`elman.data.examples.intake`. One text or one path is refused.

        Returns:
            A list of answers; of a data frame the same frame with the columns `prediction` and, for a class,
            `probability`. Where rows are steps of series, a frame with a row a series.

        Raises:
            DataError: an example cannot be read, or is not what the model was trained on.
        """
        if not is_frame(data):
            return self.targets.decode(self.outputs(data))
        dataset = self._open(data)
        outputs = self.outputs(dataset)
        answers = {"prediction": self.targets.decode(outputs)}
        if self.targets.kind == "category":
            answers["probability"] = self.targets.probabilities(outputs).amax(1).tolist()
        if not isinstance(dataset, LongTable):
            return add_answers(data, answers)
        own = {str(self.columns.id): dataset.series, **answers}
        return make_frame(data, [dict(zip(own, row, strict=True)) for row in zip(*own.values(), strict=True)])

    def probabilities(self, data: Dataset | Sequence[Any]) -> Tensor:
        """Return the probability of each class for each example, (N, L), in the order of `classes`.

        Raises:
            DataError: as for :meth:`predict`.
        """
        return self.targets.probabilities(self.outputs(data))

    @renamed_arguments(told="on_progress")
    def outputs(self, data: Dataset | Sequence[Any], on_progress: OnProgress | None = None) -> Tensor:
        """Return the outputs, (N, outputs): logits of calibrated probabilities, or the scaled number.

        Raises:
            DataError: as for :meth:`predict`.
            ElmanError: they are not finite.
        """
        examples = self._open(data)
        if not len(examples):
            return torch.zeros(0, self.targets.outputs)
        unknown = torch.zeros(len(examples))
        everyone = range(len(examples))
        return self.answer(
            EncodedSet(examples, everyone, self.encoder, unknown, covariates=self.covariates), on_progress
        )

    @renamed_arguments(told="on_progress")
    def answer(self, examples: EncodedSet, on_progress: OnProgress | None = None) -> Tensor:
        """Return the outputs for encoded examples, as :meth:`outputs`; log a warning of windows of another length.

        Raises:
            ElmanError: they are not finite.
        """
        places = getattr(self.encoder, "places", 0)
        if places and (odd := int((examples.lengths != places).sum())):
            _logger.warning(
                f"{odd:,} of {counted(len(examples), 'sequence')} differ in length from those of training, which have "
                f"{places:,} steps; what stands where is read there, and may be shifted"
            )
        found = []
        for number, one in enumerate(self.members):
            read = examples.encoded_by(one.encoder, one.covariates) if number else examples
            network = to_scale(answer(one.module, read, on_progress), one.targets, self.targets)
            baseline = None if one.baseline is None else to_scale(one.baseline.outputs(read), one.targets, self.targets)
            found.append(self.blend.mix(network, baseline))
        outputs = average(found)
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

    def check_columns(self, dataset: Dataset) -> None:
        """Check that a dataset has the columns that the model reads, by name and kind.

        Raises:
            DataError: one is missing, or of another kind.
        """
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
        if targets is None and is_frame(data):
            return open_dataset(hold(data), like=self.columns)
        if isinstance(getattr(data, "columns", None), Columns):
            if targets is not None:
                raise DataError("targets are given with a dataset, which has its own. Drop one of the two.")
            self.check_columns(data)
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
            covariates=self.covariates,
        )


def build_module(
    cell: Cell,
    encoder: Encoder,
    targets: Targets,
    configuration: Mapping[str, Any],
    covariates: TableEncoder | None = None,
) -> SequenceClassifier:
    """Build the module that a configuration describes."""
    layers, own = Layers.take(configuration)
    own |= {} if covariates is None else {"covariates": covariates.size}
    own["complements"] = getattr(encoder, "complements", ())
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
    covariates = _read_covariates(file.parts)
    require_columns(encoder, columns, covariates)
    _require_sides(encoder, columns, file.configuration)
    if columns.target_kind not in (None, targets.kind):
        raise DataError(f"This model predicts a {targets.kind}, and its column is another. Train the model again.")
    cell, options = Cell.from_dict(file.cell), file.configuration
    parts, baselines = file.parts.get("members", {}), file.parts.get("baselines", {})

    def restore(number: int, encoder: Encoder, targets: Targets, covariates: TableEncoder | None) -> FoldMember:
        weights, tensors = split_weights(file.weights, number)
        own = dataclasses.replace(file, weights=weights)
        module = restore_module(
            own, SequenceClassifier, options, lambda: build_module(cell, encoder, targets, options, covariates)
        )
        baseline = read_baseline(baselines[str(number)], tensors) if baselines else None
        return FoldMember(module, encoder, targets, baseline, covariates)

    first, others = restore(0, encoder, targets, covariates), []
    for number in range(1, len(parts) + 1):
        part = parts[str(number)]
        its_encoder, its_targets = read_encoder(part["encoder"]), Targets.from_dict(part["targets"])
        its_covariates = _read_covariates(part)
        require_columns(its_encoder, columns, its_covariates)
        _require_sides(its_encoder, columns, options)
        if (its_targets.kind, its_targets.classes) != (targets.kind, targets.classes):
            raise DataError("The networks of this model know other classes. Train the model again.")
        others.append(restore(number, its_encoder, its_targets, its_covariates))
    return TrainedClassifier.of_file(
        file,
        first.module,
        columns=columns,
        encoder=encoder,
        targets=targets,
        covariates=covariates,
        blend=BlendWeights.from_dict(file.parts["blend"]) if "blend" in file.parts else BlendWeights(),
        baseline=first.baseline,
        others=tuple(others),
    )


def _require_sides(encoder: Encoder, columns: Columns, configuration: Mapping[str, Any]) -> None:
    """Check that steps carry the side inputs that the layers of a model take from them."""
    taken = Layers.take(configuration)[0].carried
    if not tuple(sorted(columns.sides)) == taken == tuple(sorted(getattr(encoder, "sides", ()))):
        raise DataError("The side inputs of this model are not those of its columns. Train the model again.")


def _read_covariates(parts: Mapping[str, Any]) -> TableEncoder | None:
    """Read what is beside the sequence from the parts of a file, or of a member."""
    if "covariates" not in parts:
        return None
    covariates = read_encoder(parts["covariates"])
    if not isinstance(covariates, TableEncoder):
        raise DataError("What this model reads beside a sequence is no table. Train the model again.")
    return covariates
