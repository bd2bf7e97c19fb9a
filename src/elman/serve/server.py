"""Run the server, and stop it gracefully: requests in progress end, and new ones get 503.

>>> room_for(4)
4
"""

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from elman.errors import ConfigError
from elman.serve.guard import App
from elman.serve.patience import patient
from elman.serve.settings import MEGABYTE
from elman.serve.traffic import Traffic

_GRACE = 30  # seconds that requests in progress have to end
_OTHER_FILES = 64  # descriptors of the process besides its connections
_KEPT = 20  # seconds that an idle connection stays open
_TICK = 0.05
_TURN = 0.0005  # seconds


class GracefulServer(uvicorn.Server):
    """A server that refuses new requests for as long as old ones are in progress, and then ends."""

    def __init__(self, app: App, host: str, port: int, traffic: Traffic) -> None:
        limits = traffic.limits
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="critical",
            access_log=False,
            http=patient(limits.seconds),
            ws="websockets-sansio",
            ws_max_size=limits.most_body * MEGABYTE,
            ws_max_queue=4,
            limit_concurrency=room_for(limits.most_connections),
            timeout_keep_alive=_KEPT,
            timeout_graceful_shutdown=_GRACE,
            server_header=False,
            proxy_headers=False,
        )
        super().__init__(config)
        self._traffic = traffic
        self._loop: asyncio.AbstractEventLoop | None = None

    def open_port(self) -> socket.socket:
        """Open the port.

        Raises:
            ConfigError: it cannot be opened.
        """
        host, port = self.config.host, self.config.port
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[:2], family=family)
        except OSError as error:
            why = str(error.strerror).partition(" (")[0]  # asyncio and socket repeat the address behind it
            raise ConfigError(f"{host}:{port} cannot be opened ({why}). Choose another --port or --host.") from None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Begin to accept."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal stops at once."""
        if self._traffic.stopping or self._loop is None:
            super().handle_exit(sig, frame)
            return
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        self._traffic.stopped.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self._traffic.requests:
                    await asyncio.sleep(_TICK)
        self.should_exit = True


def run(app: App, host: str, port: int, traffic: Traffic, on_start: Callable[[int], None]) -> None:
    """Serve until a signal comes.

    Args:
        app: the application.
        host: the address.
        port: 0 takes one that is free.
        traffic: what the server is doing.
        on_start: called with the port, once it is open.

    Raises:
        ConfigError: the port cannot be opened.
    """
    # Two threads take turns: one computes and is often ready, one reads requests. At the usual 5 ms each would wait.
    sys.setswitchinterval(_TURN)
    # Modules and models stay until the end: to look through them for garbage took a second of the stop.
    gc.freeze()
    server = GracefulServer(app, host, port, traffic)
    opened = server.open_port()
    on_start(opened.getsockname()[1])
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[opened])


def room_for(connections: int) -> int:
    """Return how many connections there can be: the limit of descriptors is raised as far as is allowed."""
    try:
        import resource
    except ImportError:  # Windows
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - _OTHER_FILES))
