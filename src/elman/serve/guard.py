"""The first layer of the server: refuses what may not ask, counts and times what may, and adds headers.

>>> POLICY.split(";")[0]
"default-src 'none'"
"""

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from elman.serve.access import Access
from elman.serve.refusals import Refusal
from elman.serve.traffic import Traffic

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_KNOWN = re.compile(
    r"/(?:health|ready|metrics|openapi\.json|assets/[^/]+|v1/models(?:/[^/]+(?:/(?:predict|generate|stream))?)?)?"
)
_NAMED = re.compile(r"(/assets/|/v1/models/)[^/]+")
_ALWAYS = {"/health", "/ready", "/metrics"}


class Guard:
    """The first layer of the server.

    Args:
        app: the layers behind it.
        access: who may ask.
        traffic: what the server is doing.
    """

    def __init__(self, app: App, access: Access, traffic: Traffic) -> None:
        self._app, self._access, self._traffic = app, access, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one stream."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                extra = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        self._traffic.requests += 1
        try:
            self._check(scope)
            await self._app(scope, receive, send_on)
        except Refusal as refusal:
            await refuse(scope, send_on, refusal)
        finally:
            self._traffic.requests -= 1
            route = route_of(scope["path"])
            self._traffic.figures.count("elman_requests_total", route=route, status=str(status))
            self._traffic.figures.measure("elman_request_seconds", time.perf_counter() - start, route=route)

    def _check(self, scope: Scope) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path, query = scope["path"], scope.get("query_string", b"").decode("latin-1")
        self._access.check(scope.get("method", "GET"), path, headers, query)
        if self._traffic.stopping and path not in _ALWAYS:
            raise Refusal(503, "The server is stopping. Ask another one.", {"Connection": "close"})


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Send a refusal to a request, or to a stream that was not accepted."""
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    body = refusal.body()
    own = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refusal.headers}
    headers = [(name.lower().encode(), value.encode()) for name, value in own.items()]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def route_of(path: str) -> str:
    """Return the route of a path, without what clients choose.

    >>> route_of("/v1/models/book/predict"), route_of("/wp-login.php")
    ('/v1/models/NAME/predict', 'other')
    """
    return _NAMED.sub(r"\1NAME", path) if _KNOWN.fullmatch(path) else "other"
