"""One tiny model of every task, a server for them in this process or in its own, and its pages in a browser."""

import re
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="the server; it comes with elman[serve]")
pytest.importorskip("httpx2", reason="the client of Starlette's tests; it comes with elman[dev]")

from fastapi.testclient import TestClient

import every_recipe
from elman.serve.access import Access
from elman.serve.app import build_app
from elman.serve.models import open_models
from elman.serve.server import GracefulServer
from elman.serve.settings import ServerLimits
from elman.serve.traffic import Traffic
from programs import demand

AXE = "axe-core@4.14.1"
TOKEN = "0123456789abcdef-GHI"


class Client(TestClient):
    """A client whose streams go to the same host as its requests."""

    def websocket_connect(self, url, **options):
        return super().websocket_connect(f"ws://localhost{url}", **options)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of the models and of the data that they learnt from."""
    found = tmp_path_factory.mktemp("served")
    every_recipe.subjects(found)
    return found


@pytest.fixture(scope="session")
def models(folder):
    """All models by name."""
    paths = sorted(folder.glob("*.model"))
    return open_models([str(path) for path in paths])


@pytest.fixture
def serve(models):
    """Make a client of a server, with limits and access of its own."""
    opened = []

    def make(access: Access | None = None, traffic: Traffic | None = None, **limits: float) -> Client:
        traffic = traffic or Traffic(ServerLimits(**limits))
        client = Client(build_app(models, access or Access(), traffic), base_url="http://localhost")
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def listen(models):
    """Make a server on a port, in a thread; return the port."""
    running = []

    def make(access: Access | None = None, **limits: float) -> int:
        traffic = Traffic(ServerLimits(**limits))
        server = GracefulServer(build_app(models, access or Access(), traffic), "127.0.0.1", 0, traffic)
        opened = server.open_port()
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        running.append((server, thread))
        return opened.getsockname()[1]

    yield make
    for server, thread in running:
        server.handle_exit(signal.SIGTERM, None)
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def client(serve) -> Iterator[Client]:
    """A client of a server with the usual limits."""
    return serve()


@pytest.fixture(scope="session")
def address(folder):
    """The address of a process that serves all models, with a token."""
    command = [sys.executable, "-m", "elman", "serve", *sorted(map(str, folder.glob("*.model"))), "--port", "0"]
    with subprocess.Popen([*command, "--token", TOKEN], stderr=subprocess.PIPE, text=True) as process:
        yield next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/", line)))
        process.terminate()


@pytest.fixture(scope="session")
def axe(request, tmp_path_factory):
    """The program that looks for what keeps people from using a page, fetched for these tests alone."""
    demand(request.config, "npm")
    place = tmp_path_factory.mktemp("axe")
    done = subprocess.run(["npm", "pack", AXE, "--silent"], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        is_demanded = request.config.getoption("--require-tools")
        (pytest.fail if is_demanded else pytest.skip)(f"npm cannot fetch {AXE} here")
    with tarfile.open(next(place.glob("*.tgz"))) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def visit(chromium, address):
    """Open the page of a model as one who has the token; its `wrong` lists what the browser complains of."""
    opened = []

    def make(name="text", token=TOKEN, browser=None, script=None, **context):
        made = (browser or chromium).new_context(**context)
        opened.append(made)
        if script:
            made.add_init_script(script)
        tab = made.new_page()
        tab.wrong = []
        tab.set_default_timeout(20_000)
        tab.on("console", lambda message: message.type == "error" and tab.wrong.append(message.text))
        tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
        go_to(tab, f"{address}#{name}")
        tab.wait_for_selector("#entry:not([hidden])")
        tab.fill("#token", token)
        tab.keyboard.press("Enter")
        if token == TOKEN:
            tab.wait_for_selector("#work > form")
            tab.wrong.clear()  # of the first request, which had no token
        return tab

    yield make
    for context in opened:
        context.close()


def go_to(tab, address):
    """Open an address; a browser in a container drops a first connection now and then (net::ERR_ABORTED)."""
    from playwright.sync_api import Error

    for tries_left in (2, 1, 0):
        try:
            tab.goto(address)
        except Error as error:
            if not tries_left or "ERR_ABORTED" not in str(error):
                raise
        else:
            return
