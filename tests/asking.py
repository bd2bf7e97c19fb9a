"""Ask a server in this process: one request, many at once, and what comes as events."""

import asyncio
import json

from elman.serve.access import Access
from elman.serve.app import build_app
from elman.serve.settings import ServerLimits
from elman.serve.traffic import Traffic


def ask(client, model, rows, **options):
    """Return the answers of a model to rows of JSON."""
    done = client.post(f"/v1/models/{model}/predict", json={"rows": rows, "options": options})
    assert done.status_code == 200, done.text
    return done.json()["answers"]


def ask_together(models, asked, **limits):
    """Send all requests at once; return the responses, and the figures of the server.

    Args:
        models: of the server.
        asked: the name of a model and a body, or the path of a file, of each request.
        limits: of the server.
    """
    import httpx2

    app = build_app(models, Access(), Traffic(ServerLimits(**limits)))

    async def send():
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            done = await asyncio.gather(
                *(
                    client.post(f"/v1/models/{name}/predict", **({"json": one} if isinstance(one, dict) else form(one)))
                    for name, one in asked
                )
            )
            return done, (await client.get("/metrics")).text

    return asyncio.run(send())


def form(path):
    """Return the form that sends a file."""
    return {"files": {"file": (path.name, path.read_bytes())}}


def figure(text, name):
    """Return a figure of the metrics."""
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def events(text):
    """Return the events of a stream, by name; an event without one is a piece."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", "piece"), json.loads(lines["data"])))
    return found


def denied(client, path, **options):
    """Return the status with which a stream is refused; None where it is accepted."""
    from starlette.testclient import WebSocketDenialResponse

    try:
        with client.websocket_connect(path, **options):
            return None
    except WebSocketDenialResponse as response:
        return response.status_code
