"""Refusals of a request: a status and one sentence.

>>> Refusal(413, "The body is too large.").headers
{}
"""

import json
from dataclasses import dataclass, field

from elman.errors import ElmanError
from elman.phrases import printable

_LONGEST = 600  # characters of a sentence


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - it is an answer, and no mistake of the program
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        text: what is wrong, and what to do.
        headers: that go with it.
    """

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the body of the response."""
        return json.dumps({"error": self.text}, ensure_ascii=False).encode()


def as_refusal(error: Exception) -> Refusal:
    """Return what a client gets for an error of the model or of the data.

    Every error of this package is a mistake in what was sent; any other is one of the server, and says nothing.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ElmanError):
        text = " ".join(printable(line).strip() for line in str(error).splitlines())
        return Refusal(422, text[:_LONGEST])
    if isinstance(error, MemoryError):
        return Refusal(503, "There is not enough memory for this request. Send less at a time.")
    return Refusal(500, "The server made a mistake, which stands in its log.")
