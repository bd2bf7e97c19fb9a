"""Try settings, and keep what did best on the validation examples.

A recipe says what may be chosen (`Choice`, `Between`) and gives a function that trains with some choices and tells what
they reached. The first trial has the recipe's own defaults, so that a search never loses to them on the examples that
it judges by. The others are proposed by optuna's tree-structured Parzen estimator (Bergstra et al. 2011), and a trial
that is worse than half of those before it were at the same share of their run is given up (the median rule).

>>> space = {"layers": Choice(1, (1, 2, 3)), "dropout": Between(0.3, 0.0, 0.6)}
>>> def train(trial):
...     options = {"layers": 1, "dropout": 0.3, **trial.options}
...     return "a model", Measured(loss=abs(options["dropout"] - 0.5) + options["layers"] / 10)
>>> found = search_settings(train, space, trials=12, seed=1)
>>> found.result, found.tried[0].options, found.measured.loss <= found.tried[0].measured.loss
('a model', {}, True)
"""

import contextlib
import dataclasses
import math
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from elman.errors import ConfigError, ElmanError
from elman.scores.measured import Measured
from elman.training.progress import Moment, Progress, QuietProgress

T = TypeVar("T")

_TENTHS = 10  # of a run: so often trials are compared
_FIRST_COMPARED = 3  # tenths: learning rates still rise before
_FEWEST_TO_COMPARE = 4
_DRAWN_AT_RANDOM = (3, 10)  # trials before any is proposed: a third of all, within these bounds
_SHORTEST_SHARE = 0.05  # a trial that would get less of its share of the time is not begun


@dataclass(frozen=True)
class Choice:
    """Let an option be one of several values.

    Attributes:
        default: what it is where nothing is given.
        values: all of them, the default included.
    """

    default: Any
    values: Sequence[Any]

    def draw(self, name: str, trial: Any) -> Any:
        """Ask optuna for a value."""
        return trial.suggest_categorical(name, list(self.values))


@dataclass(frozen=True)
class Between:
    """Let an option be a number within bounds; a whole number where the default is one.

    Attributes:
        default: what it is where nothing is given.
        low: the lowest.
        high: the highest.
        log: whether its logarithm is what is spread evenly.
    """

    default: float
    low: float
    high: float
    log: bool = False

    def draw(self, name: str, trial: Any) -> float:
        """Ask optuna for a number; it is rounded to three digits, so that it can be written down."""
        if isinstance(self.default, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}")


Space = Mapping[str, Choice | Between]


@dataclass(frozen=True)
class Tried:
    """Say what one trial reached.

    Attributes:
        options: what was chosen; nothing for the defaults.
        measured: its best validation; None where there was none.
        ended: `finished`, `given up`, `interrupted`, or the message of the error that ended it.
    """

    options: dict[str, Any]
    measured: Measured | None
    ended: str = "finished"


@dataclass(frozen=True)
class SearchResult(Generic[T]):
    """Hold what a search has found.

    Attributes:
        result: what the best trial gave.
        options: what was chosen in it; nothing where the defaults were best.
        measured: its validation.
        tried: every trial, in order.
        interrupted: whether somebody pressed Ctrl-C.
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
                "options": one.options,
                "loss": None if one.measured is None or math.isnan(one.measured.loss) else one.measured.loss,
                "score": None if one.measured is None else one.measured.score,
                "ended": one.ended,
            }
            for one in self.tried
        ]


class GivenUp(Exception):  # noqa: N818 - nothing went wrong
    """End a trial that does worse than others did."""


class Trial:
    """Be one attempt, as the function that trains sees it.

    Attributes:
        number: from 0.
        options: what was chosen; nothing in the first trial.
        best: the best validation of the trials before; None if there is none.
        progress: shows how far this trial, and with it the search, is.
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
        asked: Any,
        ends: float | None,
    ) -> None:
        self.number, self.options, self.best, self.progress = number, options, best, progress
        self.measured: Measured | None = None
        self.interrupted = False
        self._asked, self._ends = asked, ends
        self._tenths = 0

    def seconds_left(self) -> float | None:
        """Return what is left of this trial's share of the time; None without a budget."""
        return None if self._ends is None else max(0.1, self._ends - time.perf_counter())

    def hear(self, share: float, measured: Measured) -> None:
        """Be told of a validation.

        Args:
            share: how much of the run is done.
            measured: what the best weights of this trial so far reached.

        Raises:
            GivenUp: others were better at this point; let it pass.
        """
        self.measured = measured
        reached = math.floor(_TENTHS * share)
        for tenth in range(self._tenths + 1, reached + 1):
            self._asked.report(_quality(measured), tenth)
        self._tenths = max(self._tenths, reached)
        if share < 1 and self.number and self._asked.should_prune():
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
        train: trains with `trial.options` in at most `trial.seconds_left()`, tells `trial.hear` of every validation,
            sets `trial.interrupted` where Ctrl-C ended it, and returns a result and the validation that it is judged
            by, None if there was none.
        space: what may be chosen.
        trials: how many, the defaults included.
        seconds: how long all may take. What is left is shared equally among those that are left.
        seed: the source of all chance.
        progress: is shown the trial, the time left, and a line about each trial.

    Raises:
        ConfigError: optuna is not installed, or there is nothing to choose or to try.
        ElmanError: the first trial failed, which had nothing but what was asked for.
        KeyboardInterrupt: Ctrl-C was pressed before anything was found.
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
                if number and self._ends is not None and self._ends - time.perf_counter() < self._least:
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
        """Run one trial; say whether it was interrupted."""
        asked = self._study.ask()
        drawn = {name: row.draw(name, asked) for name, row in self._space.items()}
        best = None if self._best is None else self._best[2]
        shown = _TrialProgress(self._progress, number, self._trials, self._start, self._ends)
        now = time.perf_counter()
        ends = None if self._ends is None else now + (self._ends - now) / (self._trials - number)
        trial = Trial(number, drawn if number else {}, best, shown, asked=asked, ends=ends)
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
        self._tell(asked, trial, "interrupted" if trial.interrupted else ended)
        return trial.interrupted

    def _tell(self, asked: Any, trial: Trial, ended: str) -> None:
        """Keep what came of a trial, for optuna and for the user."""
        from optuna.trial import TrialState

        measured = trial.measured
        if measured is None or math.isnan(measured.loss):
            self._study.tell(asked, state=TrialState.FAIL)
        elif ended == "given up":
            self._study.tell(asked, state=TrialState.PRUNED)
        else:
            self._study.tell(asked, _quality(measured))
        self._tried.append(Tried(trial.options, measured, ended))
        said = "no validation" if measured is None else measured.said or f"loss {measured.loss:.4g}"
        how = "" if ended == "finished" else f", {ended}"
        best = ", best so far" if self._best is not None and self._best[2] is measured else ""
        chosen = " ".join(as_arguments(trial.options)) or "the defaults"
        self._progress.note(f"trial {trial.number + 1} of {self._trials}: {said}{how}{best}  ({chosen})")


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Write options as arguments of a command line.

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


class _TrialProgress(QuietProgress):
    """Show one trial as a part of the search: validations of a trial are not lines of their own."""

    def __init__(self, progress: Progress, number: int, trials: int, start: float, ends: float | None) -> None:
        self._progress, self._number, self._trials = progress, number, trials
        self._start, self._ends = start, ends

    def update(self, moment: Moment) -> None:
        """Show how far the search is."""
        now = time.perf_counter()
        share = (self._number + moment.share) / self._trials
        if self._ends is not None:
            left: float | None = max(0.0, self._ends - now)
        else:
            left = (now - self._start) * (1 - share) / share if share > 0 else None
        part = f"trial {self._number + 1} of {self._trials}"
        self._progress.update(dataclasses.replace(moment, share=share, seconds_left=left, part=part))


def _quality(measured: Measured) -> float:
    """Return the number that optuna raises: the score, or where there is none the loss, turned round."""
    return -measured.loss if measured.score is None else measured.score


def _make_study(optuna: Any, trials: int, seed: int) -> Any:
    least, most = _DRAWN_AT_RANDOM
    return optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(most, max(least, trials // 3))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FEWEST_TO_COMPARE, n_warmup_steps=_FIRST_COMPARED),
    )


def require_optuna() -> Any:
    """Give optuna. A recipe asks before it reads anything, so that nobody waits for an error.

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
    """Give optuna, which writes nothing in the meantime."""
    optuna = require_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
