"""Abuse a server: what clients do by mistake or on purpose, while its memory and the answers to others are watched.

Two small models are served by a process of its own. Its figures are those of the resident set, in /proc.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from answerable import write_reviews
from elman.tasks import classify, generate

STREAMS, CORRUPTED, SLOW, HALF, LARGE = 10_000, 3000, 300, 500, 8
GIGABYTE = 2**30
_ROW = {"rows": [{"text": "so good"}]}
_PATH = "/v1/models/text/predict"
_BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 8


class Server:
    """A process that serves.

    Attributes:
        process: of it.
        port: that it listens on.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    def megabytes(self, what: str = "VmRSS") -> int:
        """Return its memory now, or with `VmHWM` at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) // 1024

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, body: bytes, kind: str = "application/json") -> int:
        """Return the status of a request; 0 where the connection ends without one."""
        reader, writer = await self.connect()
        head = f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        try:
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            return _status(await reader.read())
        except ConnectionError:
            return 0
        finally:
            writer.close()

    async def is_right(self) -> str:
        """Ask what is right, and say how long the answer took."""
        start = time.perf_counter()
        status = await self.ask(json.dumps(_ROW).encode())
        return f"a good request {status} after {1000 * (time.perf_counter() - start):.0f} ms"


def abuse(folder: Path) -> Iterator[str]:
    """Abuse a server in each way, and yield what came of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    models = _train(folder)
    yield f"descriptors: {soft:,} now, {hard:,} allowed"
    ways = {
        "slow clients": _go_slowly,
        "half-closed sockets": _close_halves,
        "1 GB bodies": _send_gigabytes,
        "endless headers": _send_headers,
        "corrupted requests": _corrupt,
        f"{STREAMS:,} streams at the usual limit": _open_streams,
    }
    with _serve(models, "--seconds", "5") as server:
        asyncio.run(server.is_right())
        yield f"memory {server.megabytes()} MB after the first answer"
        for name, way in ways.items():
            yield f"{name}: {asyncio.run(way(server))}; {_look(server)}"
        yield _stop(server)
    limits = ["--most-streams", str(STREAMS), "--most-connections", str(STREAMS + 500)]
    with _serve(models, *limits) as server:
        asyncio.run(server.is_right())
        yield f"{STREAMS:,} streams that are allowed: {asyncio.run(_open_streams(server))}; {_look(server)}"
        yield _stop(server)
    with _serve(models) as server:
        yield f"killed (SIGKILL): {asyncio.run(_kill(server))}"


def _train(folder: Path) -> list[str]:
    small: dict[str, Any] = {"hidden": 16, "epochs": 1, "quiet": True}
    text, book = folder / "text.elman.safetensors", folder / "book.elman.safetensors"
    classify.train(write_reviews(folder / "r.csv", 60), output=text, target="label", compare=False, folds=1, **small)
    (folder / "book.txt").write_text(_BOOK)
    generate.train(folder / "book.txt", output=book, window=7, batch=2, embedding=3, **small)
    return [str(text), str(book)]


@contextmanager
def _serve(models: list[str], *options: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "elman", "serve", *models, "--port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            port = next(int(found[1]) for line in process.stderr if (found := re.search(r"http://[^:]+:(\d+)/", line)))
            yield Server(process, port)
        finally:
            process.kill()
        said = process.stderr.read()
        if said:
            raise AssertionError(f"the server wrote to standard error: {said[:2000]}")


def _look(server: Server) -> str:
    return f"memory {server.megabytes()} MB, at most {server.megabytes('VmHWM')} MB; {asyncio.run(server.is_right())}"


def _stop(server: Server) -> str:
    start = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(60)
    return f"SIGTERM: exit code {code} after {time.perf_counter() - start:.1f} s"


def _status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d+)", answer)
    return int(found[1]) if found else 0


def _say(found: Counter[int]) -> str:
    names = {0: "closed", 101: "accepted"}
    return ", ".join(f"{names.get(status, status)} {count:,}" for status, count in sorted(found.items()))


async def _go_slowly(server: Server) -> str:
    """Send the head of a request, or its body, a byte at a time."""
    whole = f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"

    async def go(number: int) -> int:
        reader, writer = await server.connect()
        ready = 0 if number % 2 else len(whole)
        writer.write(whole[:ready].encode())
        answer = asyncio.ensure_future(reader.read())
        with contextlib.suppress(ConnectionError):
            for letter in whole[ready:] + "x" * 98:
                writer.write(letter.encode())
                await writer.drain()
                await asyncio.wait((answer,), timeout=0.5)
                if answer.done():
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            return _status(await answer)
        return 0

    start = time.perf_counter()
    all_of_them = asyncio.gather(*map(go, range(SLOW)))
    await asyncio.sleep(1)
    meanwhile = await server.is_right()
    found = Counter(await all_of_them)
    return f"{SLOW} gave {_say(found)} within {time.perf_counter() - start:.0f} s; meanwhile {meanwhile}"


async def _close_halves(server: Server) -> str:
    """Send half a request, and close the half of the socket that sends."""

    async def go(number: int) -> int:
        reader, writer = await server.connect()
        body = json.dumps(_ROW)
        whole = f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        writer.write(whole[: random.Random(number).randrange(len(whole))])
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            return _status(await reader.read())
        return 0

    return _say(Counter(await asyncio.gather(*map(go, range(HALF)))))


async def _send_gigabytes(server: Server) -> str:
    """Send bodies of 1 GB, with their length and without."""
    piece = b"x" * 2**20

    async def go(number: int) -> tuple[int, int]:
        reader, writer = await server.connect()
        length = f"Content-Length: {GIGABYTE}" if number % 2 else "Transfer-Encoding: chunked"
        head = f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        writer.write(head.encode())
        answer, sent = asyncio.ensure_future(reader.read(2000)), 0
        with contextlib.suppress(ConnectionError):
            while sent < GIGABYTE and not answer.done():
                writer.write(piece if number % 2 else b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            status = _status(await answer)
            writer.close()
            return status, sent
        return 0, sent

    found = await asyncio.gather(*map(go, range(LARGE)))
    most = max(sent for _, sent in found) // 2**20
    return f"{_say(Counter(status for status, _ in found))}; {most} MB of one were sent at most"


async def _send_headers(server: Server) -> str:
    async def go(_: int) -> int:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        answer = asyncio.ensure_future(reader.read(2000))
        with contextlib.suppress(ConnectionError):
            for _number in range(1000):
                writer.write(b"x: " + b"y" * 10_000 + b"\r\n")
                await writer.drain()
                if answer.done():
                    break
        with contextlib.suppress(ConnectionError):
            return _status(await answer)
        return 0

    return _say(Counter(await asyncio.gather(*map(go, range(LARGE)))))


async def _corrupt(server: Server) -> str:
    """Send bodies that are changed at random, with wrong columns, and with numbers that are none."""
    drawn = random.Random(1)
    bodies = []
    for number in range(CORRUPTED):
        row = [_ROW, {"rows": [{"txt": "a"}]}, {"rows": [{"text": float("nan")}]}, {"rows": [{"text": 1e999}]}][
            number % 4
        ]
        body = bytearray(json.dumps(row).encode())
        for _ in range(drawn.randrange(4)):
            at = drawn.randrange(len(body))
            if drawn.random() < 0.5:
                body[at] = drawn.randrange(256)
            else:
                del body[at : at + drawn.randrange(1, 9)]
        bodies.append(bytes(body))
    kinds = ("application/json", "application/json", "multipart/form-data; boundary=x", "text/csv")
    found: Counter[int] = Counter()
    for start in range(0, CORRUPTED, 50):
        few = bodies[start : start + 50]
        found.update(await asyncio.gather(*(server.ask(body, drawn.choice(kinds)) for body in few)))
    return _say(found)


async def _open_streams(server: Server) -> str:
    """Open streams, and leave them open; then ask each that is for an answer."""
    head = (
        b"GET /v1/models/book/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    text = b"\x81\x84\0\0\0\0the "  # a frame of text, masked with zeros

    clients: list[_StreamClient] = []

    async def go() -> int:
        try:
            reader, writer = await server.connect()
            writer.write(head)
            status = _status(await reader.readuntil(b"\r\n\r\n"))
        except (OSError, asyncio.IncompleteReadError):
            return 0
        if status == 101:
            clients.append(_StreamClient(reader, writer))
        else:
            writer.close()
        return status

    start, opened = time.perf_counter(), Counter[int]()
    for _ in range(STREAMS // 100):
        opened.update(await asyncio.gather(*(go() for _ in range(100))))
    took = time.perf_counter() - start
    meanwhile = await server.is_right() if len(clients) < STREAMS else ""
    memory = server.megabytes()
    for client in clients:
        client.writer.write(text)
    await asyncio.wait_for(asyncio.gather(*(client.answered.wait() for client in clients)), 120)
    for client in clients:
        client.close()
    said = f"{_say(opened)} in {took:.0f} s; memory {memory} MB with them open"
    return f"{said}; {len(clients):,} were answered{meanwhile and f'; {meanwhile} beside them'}"


class _StreamClient:
    """A client of a stream that answers pings, as every client does, and waits for one answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, self.answered = writer, asyncio.Event()
        self._listening = asyncio.ensure_future(self._listen(reader))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, size = await reader.readexactly(2)
                size = int.from_bytes(await reader.readexactly(2), "big") if size == 126 else size
                content = await reader.readexactly(size)
                if kind == 0x89:  # ping
                    self.writer.write(b"\x8a" + bytes([0x80 | size]) + bytes(4) + content)
                elif kind == 0x81:  # text
                    self.answered.set()

    def close(self) -> None:
        self._listening.cancel()
        self.writer.close()


async def _kill(server: Server) -> str:
    """Kill the process while it answers; a supervisor would start another."""
    body = json.dumps(_ROW).encode()
    asked = [asyncio.ensure_future(server.ask(body)) for _ in range(200)]
    await asyncio.sleep(0.2)
    server.process.kill()
    found = Counter(await asyncio.gather(*asked))
    server.process.wait(60)
    with contextlib.suppress(ConnectionError):
        await server.ask(body)
        return "it still answers"
    return f"{_say(found)}; the next request: connection refused, until a supervisor starts it again"
