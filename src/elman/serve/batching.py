"""Answer the rows of requests that wait together: while one batch is computed, the next one gathers.

No request waits for others to come, so a server with one client is as fast as without batches. An answer is the same in
any batch, to the last bit. Where a row makes a batch fail, its requests are answered one by one, and one alone fails.

>>> import asyncio
>>> async def ask() -> list:
...     with Worker() as worker:
...         batcher = Batcher(lambda rows, options: [row + options for row in rows], worker, 5, 9, 1.0)
...         return await asyncio.gather(batcher.answer([1, 2], 10), batcher.answer([3], 20))
>>> asyncio.run(ask())
[[11, 12], [23]]
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from elman.serve.refusals import Refusal

T = TypeVar("T")
_BUSY = {"Retry-After": "1"}


class Worker:
    """The one thread that computes: kernels divide their own work, and the state of a module has one user."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="elman-serve")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[..., T], *given: Any) -> T:
        """Run a function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


@dataclass(eq=False)
class _Waiting:
    """Rows of one request that wait, their options, and where their answers are expected."""

    rows: Sequence[Any]
    options: Any
    answers: "asyncio.Future[list[Any]]"


class Batcher:
    """The rows that wait for one model.

    Args:
        answer: answers rows that have the same options.
        worker: runs it.
        batch: most rows that are answered together.
        most_waiting: rows that may wait.
        seconds: that a request may wait.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Any], Any], Sequence[Any]],
        worker: Worker,
        batch: int,
        most_waiting: int,
        seconds: float,
    ) -> None:
        self._answer, self._worker = answer, worker
        self._batch, self._most_waiting, self._seconds = batch, most_waiting, seconds
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self.rows_waiting = self.rows_answered = self.batches = 0

    async def answer(self, rows: Sequence[Any], options: Any) -> list[Any]:
        """Return the answers to rows.

        Raises:
            Refusal: too many rows wait, or the answer takes too long.
            ElmanError: what was asked cannot be answered.
        """
        if self.rows_waiting + len(rows) > self._most_waiting:
            raise Refusal(429, f"{self.rows_waiting:,} rows wait for an answer. Try again later.", dict(_BUSY))
        loop = asyncio.get_running_loop()
        starts = range(0, len(rows), self._batch)
        parts = [_Waiting(rows[at : at + self._batch], options, loop.create_future()) for at in starts]
        self._waiting.extend(parts)
        self.rows_waiting += len(rows)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.gather(*(one.answers for one in parts))
        except TimeoutError:
            raise Refusal(503, f"There was no answer within {self._seconds:g} s. Send less, or try later.") from None
        finally:
            for one in parts:
                one.answers.cancel()
        return [answer for part in found for answer in part]

    async def _run(self) -> None:
        try:
            while self._waiting:
                few = self._take()
                if few:
                    _hand_over(few, await self._worker.run(self._compute, few))
        finally:
            self._running = None

    def _take(self) -> list[_Waiting]:
        """Return the first that wait and have the same options; those that nobody waits for any more are dropped."""
        few: list[_Waiting] = []
        size = 0
        while self._waiting:
            one = self._waiting[0]
            if not one.answers.done() and few and (size + len(one.rows) > self._batch or one.options != few[0].options):
                break
            self._waiting.popleft()
            self.rows_waiting -= len(one.rows)
            if not one.answers.done():
                few.append(one)
                size += len(one.rows)
        return few

    def _compute(self, few: list[_Waiting]) -> list[list[Any] | Exception]:
        """Answer requests together; in the thread of the worker."""
        rows = [row for one in few for row in one.rows]
        self.batches += 1
        self.rows_answered += len(rows)
        try:
            answers = iter(self._answer(rows, few[0].options))
            return [[next(answers) for _ in one.rows] for one in few]
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is expected
            if len(few) == 1:
                return [error if isinstance(error, Exception) else RuntimeError(f"the model ended with {error!r}")]
            return [result for one in few for result in self._compute([one])]


def _hand_over(few: list[_Waiting], results: Sequence[list[Any] | Exception]) -> None:
    """Give each request that is still expected its answers, or what kept it from them."""
    for one, result in zip(few, results, strict=True):
        if one.answers.done():
            continue
        if isinstance(result, Exception):
            one.answers.set_exception(result)
        else:
            one.answers.set_result(result)
