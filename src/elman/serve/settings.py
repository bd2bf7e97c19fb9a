"""The limits of the server: everything that a client can make large has one.

>>> ServerLimits(batch=1).most_rows
1000
"""

from dataclasses import dataclass

from elman.options import OptionTable, option

MEGABYTE = 2**20
MOST_HELD = 16
"""Bodies of the largest size that are held in memory at a time, all clients together."""


@dataclass(frozen=True, kw_only=True)
class ServerLimits(OptionTable):
    """The limits of the server."""

    batch: int = option(
        64,
        "rows that are answered together, of requests that wait; 1 answers each alone [dim](default: 64)[/]",
        least=1,
    )
    most_body: int = option(16, "megabytes of a body [dim](default: 16)[/]", least=1, most=1024, metavar="MB")
    most_rows: int = option(1000, "rows of a request [dim](default: 1000)[/]", least=1)
    most_steps: int = option(
        20_000,
        "characters of a text, rows of a series, hundredths of a second of a sound [dim](default: 20,000)[/]",
        least=1,
    )
    most_waiting: int = option(
        4096, "rows that wait for an answer, of all requests to a model [dim](default: 4096)[/]", least=1
    )
    most_streams: int = option(64, "streams that are open at a time [dim](default: 64)[/]", least=1)
    most_connections: int = option(
        1024, "connections at a time; above it the answer is 503 [dim](default: 1024)[/]", least=1
    )
    seconds: float = option(
        30.0, "seconds until a request without an answer gets 503 [dim](default: 30)[/]", above=0, metavar="S"
    )
    stream_seconds: float = option(
        300.0,
        "seconds of a text that is written, and between two messages of a stream [dim](default: 300)[/]",
        above=0,
        metavar="S",
    )
