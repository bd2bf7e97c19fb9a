"""The server: `elman serve MODEL…`, one process that answers for several models by name, with a page of its own.

A request passes `guard` (who may ask, see `access`), a route of `app`, and `bodies`, which reads it. Its
rows become examples by the `served.py` of the model's task, wait in `batching` for the one thread that computes, and
come back as JSON. `streams` answers piece by piece: a text as server-sent events, and a WebSocket with the state of one
client. `traffic` knows what is going on, `metrics` counts, `documents` describes the interface, `page/` is what a
browser shows, and `server` runs all of it and stops it.

It needs the packages of `elman[serve]`. Every limit stands in `settings`.

>>> from elman.serve.settings import ServerLimits
>>> ServerLimits().batch
64
"""

import importlib

from elman.errors import BackendError


def require_packages() -> None:
    """Check that the packages of the server are installed.

    Raises:
        BackendError: one is missing.
    """
    for name in ("fastapi", "uvicorn", "websockets", "python_multipart"):
        try:
            importlib.import_module(name)
        except ImportError:
            raise BackendError(
                f"serve needs {name}, and it is not installed. Install it: pip install 'elman[serve]'."
            ) from None
