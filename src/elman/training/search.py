"""Hyperparameter search: try settings, and keep those that are best on the validation examples.

A recipe gives the search space (`Choice`, `Between`) and a function that trains with some settings and returns their
validation. The first trial has the recipe's own defaults, so that on the validation examples a search is never worse
than they are. The others are proposed by optuna's tree-structured Parzen estimator (Bergstra et al. 2011), and a trial
that is worse than half of those before it at the same share of their run is stopped (median pruning).

>>> space = {"layers": Choice(1, (1, 2, 3)), "dropout": Between(0.3, 0.0, 0.6)}
>>> def train(trial):
...     options = {"layers": 1, "dropout": 0.3, **trial.options}
...     return "a model", Measured(loss=abs(options["dropout"] - 0.5) + options["layers"] / 10)
>>> best = search_settings(train, space, trials=12, seed=1)
>>> best.result, best.tried[0].options, best.measured.loss <= best.tried[0].measured.loss
('a model', {}, True)
"""

import contextlib
import math
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from elman.errors import ConfigError, ElmanError
from elman.scores.measured import Measured
from elman.training.progress import PartProgress, Progress, QuietProgress
from elman.training.ranks import agree

T = TypeVar("T")

_TENTHS = 10  # trials are compared after each tenth of a run
_FIRST_COMPARED = 3  # tenths; the learning rate is still rising before
_FEWEST_TO_COMPARE = 4
_DRAWN_AT_RANDOM = (3, 10)  # trials at random before any is proposed: a third of all, within these bounds
_SHORTEST_SHARE = 0.05  # a trial that would get less than this of its share of the time is not begun


@dataclass(frozen=True)
class Choice:
    """An option with several possible values.

    Attributes:
        default: the value of the first trial.
        values: all of them, the default included.
    """

    default: Any
    values: Sequence[Any]

    def draw(self, name: str, trial: Any) -> Any:
        """Draw a value from a trial of optuna."""
        return trial.suggest_categorical(name, list(self.values))


@dataclass(frozen=True)
class Between:
    """An option that is a number within bounds; an integer where the default is one.

    Attributes:
        default: the value of the first trial.
        low: the lowest.
        high: the highest.
        log: whether it is drawn evenly on a logarithmic scale.
    """

    default: float
    low: float
    high: float
    log: bool = False

    def draw(self, name: str, trial: Any) -> float:
        """Draw a number from a trial of optuna, rounded to three digits so that it is short to write."""
        if isinstance(self.default, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}")


Space = Mapping[str, Choice | Between]


@dataclass(frozen=True)
class Tried:
    """The result of one trial.

    Attributes:
        options: the chosen ones; empty for the defaults.
        measured: its best validation; None where there was none.
        ended: `finished`, `given up`, `interrupted`, or the message of the error that ended it.
    """

    options: dict[str, Any]
    measured: Measured | None
    ended: str = "finished"


@dataclass(frozen=True)
class SearchResult(Generic[T]):
    """The result of a search.

    Attributes:
        result: what the best trial returned.
        options: the chosen ones of that trial; empty where the defaults were best.
        measured: its validation.
        tried: every trial, in order.
        interrupted: whether Ctrl-C ended the search.
    """

    result: T
    options: dict[str, Any]
    measured: Measured
    tried: list[Tried]
    interrupted: bool = False

    def described(self) -> list[dict[str, Any]]:
        """Return every trial as plain data."""
        return [
            {
                "options": trial.options,
                "loss": None if trial.measured is None or math.isnan(trial.measured.loss) else trial.measured.loss,
                "score": None if trial.measured is None else trial.measured.score,
                "ended": trial.ended,
            }
            for trial in self.tried
        ]


class GivenUp(Exception):  # noqa: N818 - nothing went wrong
    """A trial is worse than others were at the same point, and ends."""


class Trial:
    """One trial of a search, as the function that trains sees it.

    Attributes:
        number: from 0.
        options: the chosen ones; empty in the first trial.
        best: the best validation of earlier trials; None if there is none.
        progress: shows the progress of the search.
        measured: the best validation of this trial; None before the first.
        interrupted: whether Ctrl-C ended it.
    """

    def __init__(
        self,
        number: int,
        options: dict[str, Any],
        best: Measured | None,
        progress: Progress,
        *,
        suggestion: Any,
        ends: float | None,
    ) -> None:
        self.number, self.options, self.best, self.progress = number, options, best, progress
        self.measured: Measured | None = None
        self.interrupted = False
        self._suggestion, self._ends = suggestion, ends
        self._tenths = 0

    def seconds_left(self) -> float | None:
        """Return what is left of this trial's share of the time; None without a budget."""
        return None if self._ends is None else max(0.1, self._ends - time.perf_counter())

    def hear(self, share: float, measured: Measured) -> None:
        """Receive a validation.

        Args:
            share: how much of the run is done.
            measured: the best validation of this trial so far.

        Raises:
            GivenUp: earlier trials were better at this point; do not catch it.
        """
        self.measured = measured
        reached = math.floor(_TENTHS * share)
        for tenth in range(self._tenths + 1, reached + 1):
            self._suggestion.report(_quality(measured), tenth)
        self._tenths = max(self._tenths, reached)
        if share < 1 and self.number and self._suggestion.should_prune():
            raise GivenUp


def search_settings(
    train: Callable[[Trial], tuple[T, Measured | None]],
    space: Space,
    *,
    trials: int,
    seconds: float | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> SearchResult[T]:
    """Try settings one after the other.

    Args:
        train: trains with `trial.options` in at most `trial.seconds_left()`, calls `trial.hear` after every validation,
            sets `trial.interrupted` where Ctrl-C ended it, and returns a result and its best validation, None if there
            was none.
        space: the options that may be chosen.
        trials: how many, the defaults included.
        seconds: the time for all trials; what is left is divided equally among those that are left.
        seed: of all random numbers.
        progress: shows the trial, the time left, and a line about each trial.

    Raises:
        ConfigError: optuna is not installed, or there is nothing to choose or to try.
        ElmanError: the first trial failed, whose options are those of the caller.
        KeyboardInterrupt: Ctrl-C was pressed before the first validation.
    """
    if trials < 1 or not space:
        what = f"search is {trials}; it must be at least 1" if space else "Every option that could be searched is given"
        raise ConfigError(f"{what}. Give search a number of trials, and leave some of the options open.")
    shown = QuietProgress() if progress is None else progress
    with _quiet_optuna() as optuna:
        return _Search(train, space, trials, seconds, _make_study(optuna, trials, seed), shown).run()


class _Search(Generic[T]):
    def __init__(
        self,
        train: Callable[[Trial], tuple[T, Measured | None]],
        space: Space,
        trials: int,
        seconds: float | None,
        study: Any,
        progress: Progress,
    ) -> None:
        self._train, self._space, self._trials, self._study = train, space, trials, study
        self._progress = progress
        self._start = time.perf_counter()
        self._ends = None if seconds is None else self._start + seconds
        self._least = 0.0 if seconds is None else _SHORTEST_SHARE * seconds / trials
        self._tried: list[Tried] = []
        self._best: tuple[T, dict[str, Any], Measured] | None = None

    def run(self) -> SearchResult[T]:
        self._study.enqueue_trial({name: row.default for name, row in self._space.items()})
        interrupted = False
        try:
            for number in range(self._trials):
                if number and self._ends is not None and agree(self._ends - time.perf_counter()) < self._least:
                    self._progress.note(f"the time is over after {number} of {self._trials} trials")
                    break
                interrupted = self._try(number)
                if interrupted:
                    break
        except KeyboardInterrupt:
            interrupted = True
        if self._best is None:
            if interrupted:
                raise KeyboardInterrupt
            raise ElmanError(
                f"None of {len(self._tried)} trials came to a validation. Give a longer time budget, or fewer trials."
            )
        return SearchResult(*self._best, self._tried, interrupted)

    def _try(self, number: int) -> bool:
        """Run one trial; return whether it was interrupted."""
        suggestion = self._study.ask()
        drawn = {name: row.draw(name, suggestion) for name, row in self._space.items()}
        best = None if self._best is None else self._best[2]
        shown = PartProgress(self._progress, "trial", number, self._trials, self._start, self._ends)
        now = time.perf_counter()
        ends = None if self._ends is None else now + (self._ends - now) / (self._trials - number)
        trial = Trial(number, drawn if number else {}, best, shown, suggestion=suggestion, ends=ends)
        ended = "finished"
        try:
            result, trial.measured = self._train(trial)
            if trial.measured is not None and trial.measured.better_than(best):
                self._best = result, trial.options, trial.measured
        except GivenUp:
            ended = "given up"
        except ElmanError as error:
            if number == 0:
                raise
            trial.measured, ended = None, str(error)
        self._record(suggestion, trial, "interrupted" if trial.interrupted else ended)
        return trial.interrupted

    def _record(self, suggestion: Any, trial: Trial, ended: str) -> None:
        """Record the result of a trial for optuna and for the user."""
        from optuna.trial import TrialState

        measured = trial.measured
        if measured is None or math.isnan(measured.loss):
            self._study.tell(suggestion, state=TrialState.FAIL)
        elif ended == "given up":
            self._study.tell(suggestion, state=TrialState.PRUNED)
        else:
            self._study.tell(suggestion, _quality(measured))
        self._tried.append(Tried(trial.options, measured, ended))
        said = "no validation" if measured is None else measured.said or f"loss {measured.loss:.4g}"
        how = "" if ended == "finished" else f", {ended}"
        best = ", best so far" if self._best is not None and self._best[2] is measured else ""
        chosen = " ".join(as_arguments(trial.options)) or "the defaults"
        self._progress.note(f"trial {trial.number + 1} of {self._trials}: {said}{how}{best}  ({chosen})")


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Return options as arguments of a command line.

    >>> as_arguments({"learning_rate": 0.01, "letters": False, "augment": True, "forget_bias": None})
    ['--learning-rate', '0.01', '--no-letters', '--augment']
    """
    arguments: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            arguments += [f"--{flag}", shlex.quote(str(value))]
    return arguments


def _quality(measured: Measured) -> float:
    """Return the number that optuna maximises: the score, or where there is none the negative loss."""
    return -measured.compared if measured.score is None else measured.score


def _make_study(optuna: Any, trials: int, seed: int) -> Any:
    least, most = _DRAWN_AT_RANDOM
    return optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(most, max(least, trials // 3))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FEWEST_TO_COMPARE, n_warmup_steps=_FIRST_COMPARED),
    )


def require_optuna() -> Any:
    """Import optuna; a recipe does so before it reads anything, so that an error comes at once.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "search needs optuna, and it is not installed. Install it: pip install 'elman[search]'."
        ) from None
    return optuna


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Import optuna, and silence its log in the meantime."""
    optuna = require_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
