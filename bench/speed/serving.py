"""Ask servers over loopback with many clients at once: ours with batches and without, and FastAPI over `torch.nn.LSTM`.

All classify texts of 20 words by an LSTM of the same size in both directions. Each server is a process of its own, on
one thread; this process sends, and compares every answer of ours with that of the model itself. The servers take turns.
"""

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.speed.drawing import make_figure
from bench.speed.measure import FULL, Pace
from bench.speed.progress import track
from bench.speed.report import Result, Row
from bench.speed.worker import ROOT
from elman.tasks import classify

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIENTS, ROUNDS = 256, 2
WORDS, LENGTH, EMBEDDING, HIDDEN = 500, 20, 64, 128
_HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"


@dataclass
class Answered:
    """What the requests of one round came to.

    Attributes:
        seconds: of each request that was answered.
        wall: seconds of the round.
        wrong: answers that are not those of the model.
        lost: requests without an answer.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    wrong: int = 0
    lost: int = 0


def run(pace: Pace = FULL) -> Result:
    """Measure every server."""
    texts = make_texts()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.elman.safetensors")
        expected = train_model(path, texts)
        ours = [sys.executable, "-m", "elman", "serve", str(path), "--port", "PORT", "--most-connections", "4096"]
        sizes = map(str, (WORDS, 2, EMBEDDING, HIDDEN))
        plain = [sys.executable, "-m", "bench.speed.plain_server", "PORT", *sizes]
        route = "/v1/models/model/predict"
        servers: dict[str, tuple[list[str], str, Sequence[bytes] | None]] = {
            "elman serve": (ours, route, expected),
            "elman serve --batch 1": ([*ours, "--batch", "1"], route, expected),
            "FastAPI, torch.nn.LSTM": (plain, "/predict", None),
        }
        found: dict[str, list[Answered]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name in track("serving", list(servers)):
                command, where, right = servers[name]
                with served(command) as (port, _):
                    asyncio.run(ask_all(port, where, texts, right, 4 * CLIENTS))  # the first calls compile
                    found[name].append(asyncio.run(ask_all(port, where, texts, right, pace.requests // ROUNDS)))
    rows = [summarise(name, answered) for name, answered in found.items()]
    wrong, lost = (sum(row[key] for row in rows) for key in ("wrong", "lost"))
    return Result(rows, notes=[f"{CLIENTS} clients; {wrong:,} wrong answers of ours, {lost:,} requests lost"])


def make_texts() -> list[str]:
    """Make the texts that are asked about."""
    return [" ".join(random.Random(seed).choices(_words(), k=LENGTH)) for seed in range(997)]  # noqa: S311


def _words() -> list[str]:
    return [f"w{number}" for number in range(WORDS)]


def train_model(path: Path, texts: Sequence[str]) -> list[bytes]:
    """Train a model a little, and return its answers as the server writes them."""
    table = path.with_name("texts.csv")
    lines = [f"{text},{'even' if number % 2 else 'odd'}\n" for number, text in enumerate(texts)]
    table.write_text("text,label\n" + "".join(lines), encoding="utf-8")
    size = {"hidden": HIDDEN, "embedding": EMBEDDING, "cell": "lstm", "epochs": 1, "folds": 1, "letters": False}
    model = classify.train([table], output=path, compare=False, quiet=True, pooling="mean", **size)
    best = model.probabilities(texts).max(1)
    answers = zip(model.predict(texts), best.values.tolist(), strict=True)
    return [json.dumps([{"prediction": one, "probability": round(share, 6)}]).encode() for one, share in answers]


@contextmanager
def served(command: Sequence[str]) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run a server while something is measured; yield its port, and its process."""
    port = free_port()
    started = [re.sub("^PORT$", str(port), part) for part in command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(started, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close())
            yield port, process
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for(attempt: Callable[[], object], seconds: float = 60.0) -> None:
    """Try until it succeeds.

    Raises:
        OSError: it did not within the time.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return


async def ask_all(
    port: int, path: str, texts: Sequence[str], right: Sequence[bytes] | None, requests: int, addresses: int = 1
) -> Answered:
    """Send requests from all clients, each one after the other; they have so many addresses, 127.0.0.1 and above."""
    bodies = [json.dumps({"rows": [{"text": text}]}).encode() for text in texts]
    sent = [_HEAD.format(path=path, size=len(body)).encode() + body for body in bodies]
    answered, left = Answered(), iter(range(requests))
    start = time.perf_counter()
    own = [(f"127.0.0.{1 + number % addresses}", 0) for number in range(CLIENTS)]
    await asyncio.gather(*(_client(port, one, sent, right, left, answered) for one in own))
    answered.wall = time.perf_counter() - start
    return answered


async def _client(
    port: int,
    own: tuple[str, int],
    sent: Sequence[bytes],
    right: Sequence[bytes] | None,
    left: Iterator[int],
    answered: Answered,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=own)
    for number in left:
        place, start = number % len(sent), time.perf_counter()
        try:
            writer.write(sent[place])
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(size[1]) if size else 0)
        except (OSError, asyncio.IncompleteReadError):
            answered.lost += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=own)
            continue
        answered.seconds.append(time.perf_counter() - start)
        if b" 200 " not in head.partition(b"\r\n")[0] or (right is not None and right[place] not in body):
            answered.wrong += 1
    writer.close()


def summarise(name: str, rounds: Sequence[Answered]) -> Row:
    """Return the row of a server."""
    seconds = sorted(second for one in rounds for second in one.seconds)
    return {
        "kind": name,
        "requests": len(seconds),
        "a second": len(seconds) / sum(one.wall for one in rounds),
        "p50 ms": 1000 * seconds[len(seconds) // 2],
        "p99 ms": 1000 * seconds[int(0.99 * (len(seconds) - 1))],
        "wrong": sum(one.wrong for one in rounds),
        "lost": sum(one.lost for one in rounds),
    }


def draw(rows: list[Row]) -> "Figure":
    """Draw how many requests a second each server answers."""
    figure, axes = make_figure(1, f"Requests a second, of {CLIENTS} clients on one machine", height=2.4)
    axes[0, 0].barh([row["kind"] for row in rows][::-1], [row["a second"] for row in rows][::-1])
    return figure
