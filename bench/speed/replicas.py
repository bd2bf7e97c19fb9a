"""Two servers behind nginx, with the configuration of docs/serve.md: `python -m bench.speed.replicas`.

It needs nginx. Shown are the answers, events as they are written, streams that stay with their replica, and what
becomes of requests while one replica is killed. Clients have addresses of their own (127.0.0.1, 127.0.0.2, …), by which
nginx chooses the replica. The three processes and the clients share the cores, so the figures say what nginx costs, and
not what two machines would give.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.speed.serving import ask_all, free_port, make_texts, served, summarise, train_model, wait_for
from bench.speed.worker import ROOT
from elman.tasks import generate

PREDICT, WRITE, STREAM = (f"/v1/models/{name}" for name in ("model/predict", "book/generate", "book/stream"))
REQUESTS, ADDRESSES, STREAMS = 6000, 32, 5
_BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 8


def main() -> None:
    """Run all of it."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        sys.exit("There is no nginx here. Install it: apt-get install nginx-light")
    texts = make_texts()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        path, book = folder / "model.elman.safetensors", folder / "book.elman.safetensors"
        right = train_model(path, texts)
        (folder / "book.txt").write_text(_BOOK)
        generate.train(folder / "book.txt", output=book, epochs=1, hidden=64, quiet=True)
        command = [sys.executable, "-m", "elman", "serve", str(path), str(book), "--port", "PORT"]
        command += ["--most-connections", "4096", "--answer-to", "models.example.org"]
        replicas = [stack.enter_context(served(command)) for _ in range(2)]
        ports = [port for port, _ in replicas]
        site = stack.enter_context(_proxy(nginx, folder, ports))
        for port, what in ((ports[0], "one server"), (site, "two behind nginx")):
            asyncio.run(ask_all(port, PREDICT, texts, right, 1024, ADDRESSES))
            _show(what, asyncio.run(ask_all(port, PREDICT, texts, right, REQUESTS, ADDRESSES)))
        print(_events(site))
        print(asyncio.run(_stick(site, ports)))
        asking = ask_all(site, PREDICT, texts, right, REQUESTS, ADDRESSES)
        _show("one of the two is killed meanwhile", asyncio.run(_while_killed(asking, replicas[0][1])))


@contextmanager
def _proxy(nginx: str, folder: Path, ports: list[int]) -> Iterator[int]:
    """Run nginx with the configuration of the page; yield its port."""
    page, own = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8"), free_port()
    found = re.search(r"```text\n(# nginx: .*?)```", page, re.DOTALL)
    assert found is not None
    site = found[1].replace("listen 80;", f"listen 127.0.0.1:{own};")
    for written, port in zip(("10.0.0.1:8000", "10.0.0.2:8000"), ports, strict=True):
        site = site.replace(written, f"127.0.0.1:{port}")
    whole = f"user root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{ worker_connections 4096; }}\n"
    (folder / "nginx.conf").write_text(f"{whole}http {{\naccess_log off;\n{site}\n}}\n", encoding="utf-8")
    with subprocess.Popen([nginx, "-p", str(folder), "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]) as process:
        try:
            wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{own}/health", timeout=1).close())
            yield own
        finally:
            process.terminate()


def _show(what: str, answered: object) -> None:
    row = summarise(what, [answered])  # type: ignore[list-item]
    rest = ", ".join(f"{name} {value:,.0f}" for name, value in row.items() if name != "kind")
    print(f"{what}: {rest}", flush=True)


def _events(site: int) -> str:
    """Let a text be written through nginx, and say whether it came piece by piece."""
    body = json.dumps({"length": 3000, "seed": 1}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{site}{WRITE}", body, {"Content-Type": "application/json"})
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as text:  # noqa: S310
        arrived = [time.perf_counter() - start for line in text if line.startswith(b"data: ")]
    return f"events: {len(arrived)}, the first after {arrived[0]:.2f} s, the last after {arrived[-1]:.2f} s"


async def _stick(site: int, ports: list[int]) -> str:
    """Open streams from several addresses, and count the replicas that those of one address are on."""
    from websockets.asyncio.client import connect

    spread: Counter[int] = Counter()
    for number in range(8):
        before = [_open_streams(port) for port in ports]
        opened = []
        for _ in range(STREAMS):
            address = (f"127.0.0.{1 + number}", 0)
            stream = await connect(f"ws://127.0.0.1:{site}{STREAM}?top=1", local_addr=address, proxy=None)
            await stream.send("the ")
            assert json.loads(await stream.recv())["next"]
            opened.append(stream)
        more = [_open_streams(port) - one for port, one in zip(ports, before, strict=True)]
        assert sorted(more) == [0, STREAMS], more
        spread[more.index(STREAMS)] += 1
        await asyncio.gather(*(stream.close() for stream in opened))
        while [_open_streams(port) for port in ports] != before:
            await asyncio.sleep(0.05)
    said = " and ".join(f"{spread[index]} addresses on replica {index + 1}" for index in range(len(ports)))
    return f"streams: {STREAMS} of each of 8 addresses, all of one address on one replica: {said}"


def _open_streams(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as found:
        lines = found.read().decode().splitlines()
    return int(next(line for line in lines if line.startswith("elman_open_streams ")).split()[1])


async def _while_killed(asking: "asyncio.Future[object]", process: "subprocess.Popen[bytes]") -> object:
    task = asyncio.ensure_future(asking)
    await asyncio.sleep(1)
    process.kill()
    return await task


if __name__ == "__main__":
    main()
