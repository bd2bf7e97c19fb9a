"""Time several candidates side by side.

>>> import torch
>>> x = torch.randn(50, 50)
>>> taken = side_by_side({"mm": on_threads(lambda: x.mm(x), 1), "add": on_threads(lambda: x + x, 1)}, QUICK)
>>> taken["mm"].low <= taken["mm"].median <= taken["mm"].high
True
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch

Turn = Callable[[int], float]
"""Makes so many calls one after another; returns the seconds that they took together."""

# Below this a block of calls is timed, so that neither the clock nor one interruption decides.
_BLOCK = 0.005
# Threads of torch go on spinning after their work; a pause lets them sleep before the next candidate's turn.
_PAUSE = 0.002
# Other threads and caches than a turn ago cost about a millisecond; longer calls do not feel it.
_SETTLED = 0.02
_MOST_CALLS, _SHORTEST = 10**5, 1e-8


@dataclass(frozen=True)
class Pace:
    """How long measurements take.

    Attributes:
        seconds: what each candidate may spend in a case.
        fewest: rounds of a candidate that is so slow that its seconds allow fewer.
        most: rounds of one that is fast.
        repeats: how often a process is started for one figure.
        requests: that a server is asked.
    """

    seconds: float
    fewest: int
    most: int
    repeats: int
    requests: int = 12_000


FULL = Pace(0.4, 5, 60, 3)
QUICK = Pace(0.02, 2, 5, 1, requests=4000)
WHOLE = replace(FULL, requests=100_000)
"""What is not in every run, because it takes long."""


@dataclass(frozen=True)
class Timing:
    """The times of a call of one candidate, in milliseconds, over all rounds.

    Attributes:
        median: half of the rounds took less.
        low: a quarter of the rounds took less.
        high: a quarter of the rounds took more.
        rounds: how often the candidate had its turn.
        calls: how many calls were made in a turn.
    """

    median: float
    low: float
    high: float
    rounds: int
    calls: int


def on_threads(call: Callable[[], object], threads: int) -> Turn:
    """Make a candidate of a function of this process, called with so many threads of torch."""

    def turn(calls: int) -> float:
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - start

    return turn


def side_by_side(candidates: Mapping[str, Turn], pace: Pace) -> dict[str, Timing]:
    """Time candidates in turn.

    Every candidate has a number of rounds of its own, by the time that it takes; a slow one's are spread evenly over
    those of the fastest.

    Args:
        candidates: what takes turns, by name. Each is called before anything is timed.
        pace: how long that may take.

    Returns:
        What each took, by name.
    """
    plans = {name: _plan(turn, pace) for name, turn in candidates.items()}
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    longest = max(rounds for rounds, _, _ in plans.values())
    for number in range(longest):
        for name, turn in candidates.items():
            rounds, calls, settling = plans[name]
            if (number + 1) * rounds // longest == number * rounds // longest:
                continue
            time.sleep(_PAUSE)
            if settling:
                turn(settling)
            taken[name].append(1000 * turn(calls) / calls)
    return {name: summarise(times, plans[name][1]) for name, times in taken.items()}


def _plan(turn: Turn, pace: Pace) -> tuple[int, int, int]:
    """Choose rounds, calls a round and calls before those that count."""
    seconds = turn(1)
    if seconds < 1:
        seconds = turn(1)
    tried, taken = 1, seconds
    while taken < _BLOCK / 10 and tried < _MOST_CALLS:  # a clock may be coarse
        tried *= 10
        taken = turn(tried)
        seconds = max(taken / tried, _SHORTEST)
    calls = max(1, math.ceil(_BLOCK / seconds))
    settling = math.ceil(calls / 5) if seconds < _SETTLED else 0
    rounds = int(pace.seconds / (seconds * (calls + settling)))
    return min(max(rounds, pace.fewest if seconds < 1 else min(pace.fewest, 3)), pace.most), calls, settling


def summarise(times: list[float], calls: int = 1) -> Timing:
    """Take the median and the quartiles of what every round took.

    >>> summarise([4.0, 1.0, 3.0, 2.0, 5.0])
    Timing(median=3.0, low=2.0, high=4.0, rounds=5, calls=1)
    """
    if len(times) == 1:
        return Timing(times[0], times[0], times[0], 1, calls)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(median, low, high, len(times), calls)


@dataclass(frozen=True)
class Ratio:
    """Say how many times as fast as a peer something is, by the medians and, as the spread, by opposite quartiles."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def times_as_fast(ours: Timing, peer: Timing) -> Ratio:
    """Divide what the peer took by what ours took.

    >>> print(times_as_fast(Timing(2, 1, 4, 5, 1), Timing(6, 4, 8, 5, 1)))
    3.00 (1.00–8.00)
    """
    return Ratio(peer.median / ours.median, peer.low / ours.high, peer.high / ours.low)
