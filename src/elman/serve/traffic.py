"""What a server is doing now: open streams, bodies in memory, requests in progress, and whether it is stopping.

>>> traffic = Traffic(ServerLimits(most_streams=1))
>>> with traffic.stream():
...     traffic.streams
1
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from elman.serve.metrics import Figures
from elman.serve.refusals import Refusal
from elman.serve.settings import MEGABYTE, MOST_HELD, ServerLimits


@dataclass
class Traffic:
    """What a server is doing now.

    Attributes:
        limits: of the server.
        figures: counted since its start.
        stopped: is set where new requests are refused.
        requests: in progress.
        streams: that are open.
        held: bytes of bodies in memory.
    """

    limits: ServerLimits
    figures: Figures = field(default_factory=Figures)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0
    streams: int = 0
    held: int = 0

    @property
    def stopping(self) -> bool:
        """Whether new requests are refused."""
        return self.stopped.is_set()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count a stream while it is open.

        Raises:
            Refusal: too many are.
        """
        if self.streams >= self.limits.most_streams:
            raise Refusal(503, f"{self.streams:,} streams are open, and no more are allowed. Try again later.")
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    @contextmanager
    def body(self) -> Iterator["HeldBody"]:
        """Collect a body, and count its bytes while it is needed."""
        held = HeldBody(self)
        try:
            yield held
        finally:
            self.held -= len(held.content)

    def gauges(self) -> dict[str, float]:
        """Return what is now, for the metrics."""
        return {
            "elman_open_requests": self.requests,
            "elman_open_streams": self.streams,
            "elman_held_bytes": self.held,
            "elman_ready": 0 if self.stopping else 1,
        }


class HeldBody:
    """The bytes of one body.

    Attributes:
        content: those that have come.
    """

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.content = bytearray()

    def expect(self, size: int) -> None:
        """Refuse a body that says that it is too large.

        Raises:
            Refusal: it is.
        """
        most = self._traffic.limits.most_body
        if size > most * MEGABYTE:
            raise Refusal(413, f"The body has more than {most} MB, the most that is allowed. Send less at a time.")

    def add(self, piece: bytes) -> None:
        """Add what has come.

        Raises:
            Refusal: it is too much, alone or with other bodies.
        """
        self.expect(len(self.content) + len(piece))
        limits = self._traffic.limits
        if self._traffic.held + len(piece) > MOST_HELD * limits.most_body * MEGABYTE:
            raise Refusal(503, "The server holds too many bodies of other requests. Try again later.")
        self.content += piece
        self._traffic.held += len(piece)
