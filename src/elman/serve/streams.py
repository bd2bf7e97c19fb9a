r"""Answers that come piece by piece: a text as server-sent events, and a WebSocket that keeps the state of one client.

>>> event({"text": "so\ngood"})
'data: {"text": "so\\ngood"}\n\n'
>>> event({"units": 2}, "end")
'event: end\ndata: {"units": 2}\n\n'
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from elman.models.finite import as_json
from elman.serve.batching import Worker
from elman.serve.bodies import parse_options
from elman.serve.models import ServedModel
from elman.serve.refusals import Refusal, as_refusal
from elman.serve.traffic import Traffic

_SLICE = 0.02  # seconds that one stream computes before another one may
_END = "end"
_BYTES_A_STEP = 2 * 480  # samples of a hundredth of a second at 48 kHz
_GOING_AWAY, _TOO_MUCH, _TRY_LATER = 1001, 1009, 1013  # RFC 6455

_logger = logging.getLogger("elman")


def event(data: dict[str, Any], name: str = "") -> str:
    """Write a server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {as_json(data)}\n\n"


async def write_events(
    pieces: Iterator[str], worker: Worker, traffic: Traffic, resources: ExitStack
) -> AsyncIterator[str]:
    """Yield the pieces of a text as events, and an event at its end.

    Args:
        pieces: computed one by one.
        worker: computes them.
        traffic: what the server is doing.
        resources: closed at the end, also where the client goes away.
    """
    with resources:
        units, ends = 0, time.monotonic() + traffic.limits.stream_seconds
        try:
            while True:
                some, is_end = await worker.run(_take, pieces)
                units += len(some)
                if some:
                    yield event({"text": "".join(some)})
                if is_end:
                    break
                if time.monotonic() > ends:
                    raise Refusal(503, f"The text took more than {traffic.limits.stream_seconds:g} s. Ask for less.")
        except Exception as error:  # noqa: BLE001 - the status was sent before
            yield event({"error": log(error).text}, "error")
        else:
            yield event({"units": units}, _END)


def _take(pieces: Iterator[str]) -> tuple[list[str], bool]:
    """Return the pieces that a slice of time gives, and whether they are the last."""
    some, ends = [], time.perf_counter() + _SLICE
    for piece in pieces:
        some.append(piece)
        if time.perf_counter() > ends:
            return some, False
    return some, True


async def follow(socket: WebSocket, model: ServedModel, worker: Worker, traffic: Traffic) -> None:
    """Serve one client of a stream: each message is answered, and `{"end": true}` ends it.

    A message is a text or bytes, as the model reads them. A message that is refused is answered with `error`, and
    leaves the state as it was.
    """
    if model.service.follow is None:
        raise Refusal(404, f"The model {model.name} reads whole examples, and no stream. Use predict.")
    options = parse_options(model.service.listens, {}, dict(socket.query_params))
    with traffic.stream():
        client = await worker.run(model.service.follow, options)
        await socket.accept()
        try:
            while True:
                given = await _receive(socket, traffic)
                if is_end(given):
                    await _answer(socket, worker, client.end, end=True)
                    await socket.close()
                    return
                await _answer(socket, worker, client.take, given)
        except _Closed as closed:
            await socket.close(closed.code, closed.reason)
        except (WebSocketDisconnect, OSError):
            return


class _Closed(Exception):  # noqa: N818 - it is no mistake of the program
    """The end of a stream that the server closes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


async def _receive(socket: WebSocket, traffic: Traffic) -> str | bytes:
    """Return the next message.

    Raises:
        WebSocketDisconnect: the client has gone.
        _Closed: the message is too long, none comes, or the server stops.
    """
    limits = traffic.limits
    receiving, stopping = asyncio.ensure_future(socket.receive()), asyncio.ensure_future(traffic.stopped.wait())
    try:
        await asyncio.wait((receiving, stopping), timeout=limits.stream_seconds, return_when=asyncio.FIRST_COMPLETED)
        if traffic.stopping:
            raise _Closed(_GOING_AWAY, "The server is stopping.")
        if not receiving.done():
            raise _Closed(_TRY_LATER, f"Nothing came for {limits.stream_seconds:g} s.")
        message = receiving.result()
    finally:
        receiving.cancel()
        stopping.cancel()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    text = message.get("text")
    given: str | bytes = (message.get("bytes") or b"") if text is None else text
    if len(given) > limits.most_steps * (1 if isinstance(given, str) else _BYTES_A_STEP):
        raise _Closed(_TOO_MUCH, "The message is too long. Send shorter ones.")
    return given


async def _answer(
    socket: WebSocket, worker: Worker, call: Callable[..., dict[str, Any]], *given: Any, **more: Any
) -> None:
    """Send what a call returns, and more; or what is wrong."""
    try:
        answer = await worker.run(call, *given)
    except Exception as error:  # noqa: BLE001 - the client is told, and the stream goes on
        answer = {"error": log(error).text}
    await socket.send_text(as_json({**answer, **more}))


def is_end(message: str | bytes) -> bool:
    """Tell whether a message ends a stream.

    >>> is_end('{"end": true}'), is_end("end"), is_end(b"")
    (True, False, False)
    """
    return isinstance(message, str) and message.replace(" ", "") == '{"end":true}'


def log(error: Exception) -> Refusal:
    """Return what a client gets for an error; a mistake of the server is logged."""
    refusal = as_refusal(error)
    if refusal.status == 500:
        _logger.error("A request failed", exc_info=error)
    return refusal
