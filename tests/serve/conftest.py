"""One tiny model of every task, and a server for them in this process."""

import signal
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
