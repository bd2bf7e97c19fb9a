"""The routes of the server.

>>> ASSETS["page.css"]
'text/css'
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import HTTPException
from fastapi.responses import StreamingResponse

from elman.export import pages
from elman.flow.page.style import colours, page, rules
from elman.models.finite import as_json
from elman.serve.access import Access
from elman.serve.batching import Batcher, Worker
from elman.serve.bodies import parse_json, parse_options, read_body, read_request
from elman.serve.documents import describe
from elman.serve.guard import Guard, refuse
from elman.serve.models import ServedModel
from elman.serve.refusals import Refusal
from elman.serve.streams import follow, log, write_events
from elman.serve.traffic import Traffic
from elman.version import __version__

_PAGE = Path(__file__).parent / "page"
_SHARED = Path(pages.__file__).parent / "page.css"
_JSON = "application/json"
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a form that is broken is its sender's mistake
_INLINE = 2**14  # bytes of a body whose rows are read between two requests, without another thread
ASSETS = {"page.css": "text/css", **dict.fromkeys(sorted(one.name for one in _PAGE.glob("*.js")), "text/javascript")}
"""The files of the page, and their kinds."""


@dataclass
class Doors:
    """The routes of a server, and what they share.

    Attributes:
        models: by name.
        traffic: what the server is doing.
        worker: the thread that computes.
    """

    models: Mapping[str, ServedModel]
    traffic: Traffic
    worker: Worker = field(default_factory=Worker)

    def __post_init__(self) -> None:
        limits = self.traffic.limits
        self.batchers = {
            name: Batcher(one.service.answer, self.worker, limits.batch, limits.most_waiting, limits.seconds)
            for name, one in self.models.items()
        }
        self.routes: dict[str, Callable[..., Awaitable[Response]]] = {
            "GET /": self.show_page,
            "GET /assets/{file}": self.show_asset,
            "GET /health": self.health,
            "GET /ready": self.ready,
            "GET /metrics": self.metrics,
            "GET /v1/models": self.list_models,
            "POST /v1/models/{name}/predict": self.predict,
            "POST /v1/models/{name}/generate": self.generate,
        }

    async def show_page(self, request: Request) -> Response:  # noqa: ARG002 - as all routes
        """Return the page."""
        return Response((_PAGE / "index.html").read_text(encoding="utf-8"), media_type="text/html")

    async def show_asset(self, request: Request) -> Response:
        """Return a file of the page."""
        name = request.path_params["file"]
        if name not in ASSETS:
            raise Refusal(404, "There is no such file.")
        text = (_PAGE / name).read_text(encoding="utf-8")
        if name == "page.css":
            text = colours() + rules() + page() + _SHARED.read_text(encoding="utf-8") + text
        return Response(text, media_type=ASSETS[name])

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """Say that the process lives."""
        return _respond({"status": "ok"})

    async def ready(self, request: Request) -> Response:  # noqa: ARG002
        """Say whether requests are taken."""
        if self.traffic.stopping:
            raise Refusal(503, "The server is stopping.")
        return _respond({"status": "ready", "models": list(self.models)})

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002
        """Return the figures."""
        gauges = self.traffic.gauges()
        gauges["elman_rows_waiting"] = sum(one.rows_waiting for one in self.batchers.values())
        gauges["elman_rows_answered"] = sum(one.rows_answered for one in self.batchers.values())
        gauges["elman_batches"] = sum(one.batches for one in self.batchers.values())
        return Response(self.traffic.figures.write(gauges), media_type="text/plain; version=0.0.4")

    async def list_models(self, request: Request) -> Response:  # noqa: ARG002
        """Describe the models."""
        return _respond({"models": [one.describe() for one in self.models.values()]})

    async def predict(self, request: Request) -> Response:
        """Answer rows, or a file."""
        model, limits = self._find(request), self.traffic.limits
        with self.traffic.body() as body:
            given = await read_request(request, body, model.service, limits)
            options = parse_options(model.service.options, given.options, given.written)
            is_small = given.sent.rows is not None and len(body.content) < _INLINE
            rows = model.service.read(given.sent) if is_small else await self.worker.run(model.service.read, given.sent)
            if len(rows) > limits.most_rows:
                raise Refusal(413, f"There are {len(rows):,} rows, and {limits.most_rows:,} are allowed. Send fewer.")
            answers = await self.batchers[model.name].answer(rows, options)
        return _respond({"model": model.name, "answers": answers})

    async def generate(self, request: Request) -> Response:
        """Write a text, as server-sent events."""
        model, limits = self._find(request), self.traffic.limits
        if model.service.generate is None:
            raise Refusal(404, f"The model {model.name} writes no text of its own. Use predict.")
        with ExitStack() as resources:
            with self.traffic.body() as body:
                options = parse_options(model.service.writes, parse_json(await read_body(request, body, limits)))
            resources.enter_context(self.traffic.stream())
            pieces = await self.worker.run(model.service.generate, options, limits.most_steps)
            return StreamingResponse(
                write_events(pieces, self.worker, self.traffic, resources.pop_all()), media_type="text/event-stream"
            )

    def _find(self, request: Request | WebSocket) -> ServedModel:
        name = request.path_params["name"]
        if name not in self.models:
            raise Refusal(404, f"There is no such model. There are: {', '.join(self.models)}.")
        return self.models[name]

    async def stream(self, socket: WebSocket) -> None:
        """Serve a stream."""
        try:
            await follow(socket, self._find(socket), self.worker, self.traffic)
        except Exception as error:  # noqa: BLE001 - refused before it was accepted
            await refuse(socket.scope, socket.send, log(error))


def build_app(models: Mapping[str, ServedModel], access: Access, traffic: Traffic) -> Guard:
    """Return the application of a server."""
    doors = Doors(models, traffic)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with doors.worker:
            yield

    app = FastAPI(title="elman serve", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.openapi = lambda: describe(models, __version__)  # type: ignore[method-assign]
    for route, endpoint in doors.routes.items():
        method, path = route.split(" ")
        app.add_route(path, _guarded(endpoint), methods=[method])
    app.add_api_websocket_route("/v1/models/{name}/stream", doors.stream)
    app.add_exception_handler(HTTPException, _as_ours)
    app.add_exception_handler(404, _as_ours)
    app.add_exception_handler(405, _as_ours)
    return Guard(app, access, traffic)


def _guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Turn every error of a route into a response."""

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the client is told, and the server lives
            return _refusal(log(error))

    return call


async def _as_ours(_: Request, error: Any) -> Response:
    texts = {404: "There is no such address.", 405: "The address has no such method."}
    return _refusal(Refusal(error.status_code, texts.get(error.status_code, "The request cannot be read.")))


def _respond(data: dict[str, Any]) -> Response:
    return Response(as_json(data), media_type=_JSON)


def _refusal(refusal: Refusal) -> Response:
    return Response(refusal.body(), refusal.status, refusal.headers, media_type=_JSON)
