"""A connection that waits for its request no longer than is allowed, and reads no endless header.

What a client sends before its request is whole is seen by no route: without a limit, as many clients as there may be
connections could send a byte a minute, and nobody else would be answered.

>>> patient(seconds=30.0).__name__
'PatientProtocol'
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from elman.serve.refusals import Refusal

MOST_HEADER = 2**16
"""Bytes of the headers of a request."""
_TOO_LARGE = Refusal(431, "The headers are too large. Send fewer.").body()
_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
)


def patient(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol of connections that wait so long for the headers of a request."""
    base: Any = AutoHTTPProtocol

    class PatientProtocol(base):  # type: ignore[misc]
        """A connection of HTTP."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._received = 0  # bytes since the last request was whole
            self._before: Any = None
            self._look_again()

        def data_received(self, data: bytes) -> None:
            self._received += len(data)
            super().data_received(data)
            if not self._awaits_request():
                self._received = 0
            elif self._received > MOST_HEADER and not self.transport.is_closing():
                self.transport.write(_REFUSED)
                self.transport.close()

        def _awaits_request(self) -> bool:
            return self.cycle is None or bool(self.cycle.response_complete)

        def _look_again(self) -> None:
            self._before = self.cycle
            self.loop.call_later(seconds, self._look)

        def _look(self) -> None:
            """Close the connection where no request has come since the last look; one that is a stream is another's."""
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._awaits_request() and self.cycle is self._before:
                self.transport.close()
            else:
                self._look_again()

    return PatientProtocol
