"""Train a non-recurrent baseline on the same features, in seconds: a recurrent model must beat it.

Units (words, characters, k-mers) become a bag, those of texts with n-grams, see `bags`, and a linear layer reads it.
Frames are read by a network with one hidden layer: all at once where every example has the same number of steps, else
as their mean, deviation, extremes and ends, see `frame_summaries`. Loss and answers are those of the recurrent model.
The strength of weight decay, and the epoch to stop at, are chosen on the validation examples. In a fold they are chosen
on a part of the training examples, and then all of these are learnt from with what was chosen.

>>> from elman.tasks.classify.scoring import score_outputs
>>> baseline = train_baseline(training, validation, targets, units="words")        # doctest: +SKIP
>>> score_outputs(targets, baseline.outputs(test), test.targets).accuracy          # doctest: +SKIP
0.794
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from elman.encoders.batches import EncodedSet
from elman.encoders.targets import Targets
from elman.nn.evaluation import evaluating
from elman.nn.rowwise import Linear
from elman.scores.measured import Measured
from elman.tasks.classify.baseline.bags import BagReader, Bags, LinearOnBags, Places
from elman.tasks.classify.baseline.frame_summaries import SUMMARIES, SummaryReader, steps_of_all
from elman.tasks.classify.baseline.ngrams import NGrams
from elman.training.allowance import Allowance

_MOST_STEPS = 2**24  # of units that are put into bags: a hundred thousand texts of 160 words
_NGRAMS_A_STEP = {"letters": 16, "units": 4}
_MOST_NUMBERS = 2**26  # that summaries of frames have
_MOST_WEIGHTS = 2**23
_ROUNDS = 10  # of L-BFGS, for each penalty; the time left is checked between them
# Of squared weights, to be divided by the number of examples; the usual one first, as time may end before the others.
_PENALTIES = (1.0, 0.3, 0.1, 0.03, 3.0, 10.0)
_COST_OF_A_UNIT = 15  # in a bag, forward and back, in multiplications: a look-up is slow
_PASSES = 3  # over the weights in an update: forward, and two products on the way back
_STEPS_OF_A_ROUND = 10
_SETTLED = 1e-5  # a round that lowers the loss by less is the last
_HIDDEN = 64
_DECAYS = (0.01, 0.3, 3.0)  # of AdamW
_RATE = 2e-3
_BATCH = 64
_EPOCHS = 200
_PATIENCE = 20  # epochs without a better validation
_OF_CHOOSING = 0.75  # of the seconds, where all examples are learnt from after it
_READ_AT_ONCE = 1024

_How = tuple[float, int]
"""The strength of weight decay, and the epochs or rounds of the training."""


@dataclass
class Baseline:
    """A trained non-recurrent baseline.

    Attributes:
        what: its name, such as `a bag of words`; with `(cut short)` where its training is not finished.
        parameters: its number of parameters.
        examples: its number of training examples: all, unless they do not fit in memory.
        seconds: the duration of its training.
        finished: whether it was trained to its end; False where that would have taken too long.
        module: its layers.
        reader: turns examples into what they read.
    """

    what: str
    parameters: int
    examples: int
    seconds: float
    finished: bool
    module: nn.Module = field(repr=False)
    reader: BagReader | SummaryReader = field(repr=False)

    @property
    def reads_order(self) -> bool:
        """Whether it reads where each step stands, or which steps follow each other."""
        if isinstance(self.reader, SummaryReader):
            return bool(self.reader.steps)
        counted = self.reader.counted
        return counted.of == "units" if isinstance(counted, NGrams) else bool(counted.count)

    def outputs(self, examples: EncodedSet) -> Tensor:
        """Return its outputs for each example, (N, outputs), like those of a recurrent model."""
        parts = torch.arange(len(examples)).split(_READ_AT_ONCE)
        with evaluating(self.module), torch.no_grad():
            return torch.cat([self.module(self.reader.read(examples, part.tolist())) for part in parts])


def train_baseline(
    training: EncodedSet,
    validation: EncodedSet,
    targets: Targets,
    *,
    units: str | None,
    within: tuple[Sequence[int], Sequence[int]] | None = None,
    select: str | None = None,
    seed: int = 1,
    seconds: float = 20.0,
    places: int = 0,
    complements: Sequence[int] = (),
    ngrams: str | None = None,
) -> Baseline:
    """Train the non-recurrent baseline that suits the examples.

    The same seed gives the same model.

    Args:
        training: the training examples.
        validation: the examples that choose the best weights, unless `within` says others.
        targets: the possible answers.
        units: the name of the units, such as `words`; None where examples are frames.
        within: the places in `training` of the examples that are learnt from at first, and of those that choose.
        select: what chooses them, see :meth:`elman.encoders.targets.Targets.measure`.
        seed: of the initial weights, and of the order of examples.
        seconds: stop after about this much work; the examples are read in any case.
        places: at how many steps, from the start, a unit is one of its own; see `bags`.
        complements: the number of the reverse complement of each unit, where both strands are read.
        ngrams: what n-grams are made of, see `ngrams`; they are left out where they do not fit in memory.
    """
    start, everything = time.monotonic(), range(len(training))

    def train(
        learn: Sequence[int],
        seconds: float,
        judges: tuple[EncodedSet, Sequence[int]] | None,
        how: _How | None,
    ) -> tuple[Baseline, _How | None]:
        drawn = torch.Generator().manual_seed(seed)
        reader: BagReader | SummaryReader
        if units is None:
            steps = steps_of_all(training)
            numbers = torch.full((len(learn),), (steps or SUMMARIES) * training.steps(0).shape[1])
            chosen = [learn[place] for place in _choose(numbers, _MOST_NUMBERS, drawn)]
            reader = SummaryReader.learn(training, chosen)
            what = f"a feed-forward network{_read_as(steps)}"
        else:
            lengths = training.lengths[torch.tensor(learn)]
            chosen = [learn[place] for place in _choose(lengths, _MOST_STEPS, drawn)]
            fits = ngrams is not None and int(lengths.sum()) * _NGRAMS_A_STEP[ngrams] <= _MOST_STEPS
            most = _MOST_WEIGHTS // targets.outputs
            reader = BagReader.learn(training, chosen, most, places, complements, ngrams if fits else None)
            what = f"a bag of {units}{_count_as(reader.counted)}"
        best = _Best(targets, Allowance(seconds), select)
        if judges is not None:
            best.inputs, best.aims = reader.read(*judges), _Aims.of(judges[0], torch.tensor(judges[1]))
        inputs: Any = reader.read(training, chosen)
        aims = _Aims.of(training, torch.tensor(chosen))
        all_hows = [(one, _EPOCHS) for one in _DECAYS] if units is None else [(one, _ROUNDS) for one in _PENALTIES]
        hows = all_hows if how is None else [how]
        if isinstance(reader, BagReader):
            module = _train_linear(LinearOnBags(len(reader), targets.outputs), inputs, aims, best, hows)
        else:
            module = _train_network(inputs, aims, best, drawn, hows)
        parameters = sum(p.numel() for p in module.parameters())
        if best.cut_short:
            what = f"{what} (cut short)"
        taken = time.monotonic() - start
        return Baseline(what, parameters, len(chosen), taken, not best.cut_short, module, reader), best.how

    if within is None:
        return train(everything, seconds, (validation, range(len(validation))), None)[0]
    learn, hold = within
    first, how = train(learn, _OF_CHOOSING * seconds, (training, hold), None)
    if how is None or not first.finished:
        return first
    return train(everything, (1 - _OF_CHOOSING) * seconds, None, how)[0]


def _count_as(counted: Places | NGrams) -> str:
    if isinstance(counted, NGrams):
        return " with n-grams of letters" if counted.of == "letters" else " with n-grams"
    return " and their places" if counted.count else ""


def _read_as(steps: int | None) -> str:
    if steps is None:
        return " on mean, deviation, extremes and ends"
    return "" if steps == 1 else f" on all {steps} steps at once"


@dataclass(frozen=True)
class _Aims:
    """The true targets of some examples, and their sample weights; None where all are equal."""

    targets: Tensor
    weights: Tensor | None

    @classmethod
    def of(cls, examples: EncodedSet, rows: Tensor) -> Self:
        return cls(examples.targets, examples.weights).at(rows)

    def __len__(self) -> int:
        return len(self.targets)

    def at(self, rows: Tensor) -> Self:
        return replace(self, targets=self.targets[rows], weights=None if self.weights is None else self.weights[rows])


@dataclass
class _Best:
    """The best weights so far by validation, how they were made, and whether the allowed work was too little.

    Without examples to validate on, the last weights stay.
    """

    targets: Targets
    allowance: Allowance
    select: str | None
    inputs: Any = None
    aims: _Aims | None = None
    measured: Measured | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    how: _How | None = None
    cut_short: bool = False

    def offer(self, module: nn.Module, how: _How) -> Measured | None:
        if self.aims is None:
            return None
        with torch.no_grad():
            measured = self.targets.measure(module(self.inputs), self.aims.targets, self.aims.weights, self.select)
        if measured.better_than(self.measured):
            self.measured, self.weights, self.how = measured, copy.deepcopy(module.state_dict()), how
        return measured

    def put_into(self, module: nn.Module) -> nn.Module:
        if self.weights:  # empty where every loss was NaN, or nothing was validated
            module.load_state_dict(self.weights)
        return module

    def loss(self, outputs: Tensor, aims: _Aims) -> Tensor:
        return self.targets.training_loss(outputs, aims.targets, weights=aims.weights)


def _train_linear(module: LinearOnBags, inputs: Bags, aims: _Aims, best: _Best, hows: Sequence[_How]) -> nn.Module:
    """Lower the loss by L-BFGS (Liu & Nocedal 1989), with one penalty after the other."""
    turned = inputs.turned(len(module.weight))
    for penalty, rounds in hows:
        scale = penalty / (2 * len(aims))
        optimizer = torch.optim.LBFGS(
            module.parameters(),
            max_iter=_STEPS_OF_A_ROUND,
            max_eval=3 * _STEPS_OF_A_ROUND,
            line_search_fn="strong_wolfe",
        )

        def closure(scale: float = scale, optimizer: torch.optim.LBFGS = optimizer) -> Tensor:
            optimizer.zero_grad()
            best.allowance.spend(_COST_OF_A_UNIT * len(inputs.units) * best.targets.outputs, updates=1)
            loss = best.loss(module(inputs, turned), aims) + scale * module.weight.square().sum()
            loss.backward()
            return loss

        last = float("inf")
        for _ in range(rounds):
            loss = float(optimizer.step(closure).detach())  # type: ignore[arg-type]
            best.cut_short = best.allowance.is_over
            if best.cut_short or last - loss < _SETTLED:
                break
            last = loss
        best.offer(module, (penalty, rounds))
        if best.cut_short:
            break
    return best.put_into(module)


def _train_network(inputs: Tensor, aims: _Aims, best: _Best, drawn: torch.Generator, hows: Sequence[_How]) -> nn.Module:
    """Train with each weight decay for its share of the allowance; keep the best of all."""
    # Built on the meta device, which draws no random numbers: `_initialise` draws from a generator of its own.
    with torch.device("meta"):
        module = build_network(inputs.shape[1], best.targets.outputs)
    module.to_empty(device="cpu")
    for number, how in enumerate(hows):
        until = best.allowance.left * (1 - 1 / (len(hows) - number))
        _initialise(module, drawn)
        _train_once(module, inputs, aims, best, drawn, how, until)
    return best.put_into(module)


def build_network(inputs: int, outputs: int) -> nn.Sequential:
    """Build the network that reads frames, with one hidden layer."""
    return nn.Sequential(Linear(inputs, _HIDDEN), nn.ReLU(), Linear(_HIDDEN, outputs))


def _train_once(
    module: nn.Module,
    inputs: Tensor,
    aims: _Aims,
    best: _Best,
    drawn: torch.Generator,
    how: _How,
    until: float,
) -> None:
    decay, epochs = how
    weights = sum(p.numel() for p in module.parameters())
    optimizer = torch.optim.AdamW(module.parameters(), lr=_RATE, weight_decay=decay)
    own: Measured | None = None
    waited = 0
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(aims), generator=drawn).split(_BATCH):
            optimizer.zero_grad()
            best.loss(module(inputs[rows]), aims.at(rows)).backward()
            optimizer.step()
            best.allowance.spend(_PASSES * len(rows) * weights, updates=1)
            if best.allowance.left <= until:
                break
        measured = best.offer(module, (decay, epoch))
        if measured is not None:
            waited = 0 if measured.better_than(own) else waited + 1
            own = measured if waited == 0 else own
        if waited > _PATIENCE:
            return
        if best.allowance.left <= until:
            best.cut_short = True
            return


def _initialise(module: nn.Sequential, drawn: torch.Generator) -> None:
    """Draw weights at U(±1/√F), as torch does."""
    for layer in module:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=drawn)


def _choose(sizes: Tensor, most: int, drawn: torch.Generator) -> list[int]:
    """Choose the training examples: all, or a random part that fits in memory."""
    if int(sizes.sum()) <= most:
        return list(range(len(sizes)))
    order = torch.randperm(len(sizes), generator=drawn)
    fitting = int((sizes[order].cumsum(0) <= most).sum())
    return sorted(order[: max(1, fitting)].tolist())
