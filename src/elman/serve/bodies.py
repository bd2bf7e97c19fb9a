"""Read what is asked: a bounded body as rows of JSON or as one file, and the options with it.

>>> parse_rows(b'{"rows": [{"a": 1}]}')
([{'a': 1}], {})
>>> parse_rows(b'{"rows": [{"a": NaN}]}')
Traceback (most recent call last):
elman.serve.refusals.Refusal: (422, 'NaN is no number of JSON. Write null where a number is missing.')
"""

import asyncio
import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar, get_args

from fastapi import Request
from starlette.requests import ClientDisconnect

from elman.errors import ConfigError
from elman.options import OptionTable
from elman.phrases import printable
from elman.serve.refusals import Refusal
from elman.serve.settings import ServerLimits
from elman.serve.traffic import HeldBody
from elman.tasks.serving import Sent, Service

T = TypeVar("T", bound=OptionTable)

_SUFFIXES = {
    "audio/aiff": ".aiff", "audio/basic": ".au", "audio/flac": ".flac", "audio/mpeg": ".mp3", "audio/ogg": ".ogg",
    "audio/wav": ".wav", "audio/wave": ".wav", "audio/x-wav": ".wav", "audio/x-flac": ".flac", "image/bmp": ".bmp",
    "image/gif": ".gif", "image/jpeg": ".jpg", "image/png": ".png", "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl", "text/csv": ".csv", "text/tab-separated-values": ".tsv", "text/plain": ".txt",
}  # fmt: skip
_JSON = "application/json"
_FORM = "multipart/form-data"
_LONGEST_NAME = 60
_MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


@dataclasses.dataclass(frozen=True)
class ReadRequest:
    """A request to a model.

    Attributes:
        sent: its rows, or its file.
        options: by name.
        written: options that came as texts, in the address or a form.
    """

    sent: Sent
    options: Mapping[str, Any]
    written: Mapping[str, str]


async def read_body(request: Request, body: HeldBody, limits: ServerLimits) -> bytes:
    """Read a body, as long as it is not too large and does not take too long.

    Raises:
        Refusal: it is, or does.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal():
        body.expect(int(said))
    try:
        async with asyncio.timeout(limits.seconds):
            async for piece in request.stream():
                body.add(piece)
    except TimeoutError:
        raise Refusal(408, f"The body did not come within {limits.seconds:g} s. Send it faster.") from None
    except ClientDisconnect:
        raise Refusal(400, "The connection ended before the body had come. Send all of it.") from None
    return bytes(body.content)


async def read_request(request: Request, body: HeldBody, service: Service, limits: ServerLimits) -> ReadRequest:
    """Read the rows or the file of a request.

    Raises:
        Refusal: it has another form, or is too large.
    """
    content = await read_body(request, body, limits)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    written = dict(request.query_params)
    if kind == _JSON:
        rows, options = parse_rows(content)
        if len(rows) > limits.most_rows:
            raise Refusal(
                413, f"There are {len(rows):,} rows, and {limits.most_rows:,} are allowed. Send fewer at a time."
            )
        return ReadRequest(Sent("rows", ".jsonl", rows=rows, most_steps=limits.most_steps), options, written)
    name = ""
    if kind == _FORM:
        name, content, fields = await _read_form(request, content)
        written |= fields
    suffix = PurePath(name).suffix.lower() or _SUFFIXES.get(kind, "")
    if suffix not in service.files:
        wanted = [*([_JSON] if service.rows else []), *service.files]
        what = printable(suffix or kind or "nothing")[:_LONGEST_NAME]
        raise Refusal(415, f"The body is {what}, and this model reads {', '.join(wanted)}. Send one of them.")
    if not content:
        raise Refusal(422, "The file is empty. Send one with content.")
    shown = printable(PurePath(name).name)[:_LONGEST_NAME] or f"the {suffix} file"
    return ReadRequest(Sent(shown, suffix, content, most_steps=limits.most_steps), {}, written)


async def _read_form(request: Request, content: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Return the name and content of the one file of a form, and its other fields."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=1, max_fields=20)
    except Exception:  # noqa: BLE001 - the parser raises several unrelated classes
        raise Refusal(422, "The form cannot be read. Send one file, as curl -F file=@FILE does.") from None
    files = [one for _, one in form.multi_items() if not isinstance(one, str)]
    options = {name: one for name, one in form.multi_items() if isinstance(one, str)}
    if len(files) != 1:
        raise Refusal(422, f"The form has {len(files)} files. Send one.")
    found = files[0]
    whole = await found.read()
    await form.close()
    return found.filename or "", whole, options


def parse_rows(content: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows and the options of a body of JSON.

    Raises:
        Refusal: it is no JSON, or has another form.
    """
    body = parse_json(content)
    wrong = sorted(set(body) - {"rows", "options"})
    rows, options = body.get("rows"), body.get("options", {})
    if wrong:
        raise Refusal(422, f"The body has {printable(wrong[0])[:_LONGEST_NAME]!r}, and only rows and options are read.")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refusal(422, 'The body has no rows. Write {"rows": [{...}, ...]}, an object for each.')
    if not isinstance(options, dict):
        raise Refusal(422, 'The options are no object. Write {"rows": [...], "options": {"NAME": VALUE}}.')
    return rows, options


def parse_json(content: bytes) -> dict[str, Any]:
    """Return the object of a body of JSON.

    Raises:
        Refusal: it is no JSON, or no object.
    """
    try:
        body = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refusal(422, "The JSON is nested too deeply. Send a list of objects.") from None
    except ValueError as error:
        raise Refusal(422, f"The body is no JSON: {printable(str(error))[:100]}. Correct it.") from None
    if _MAY_BE_HALF.search(content):
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Refusal(422, "A text holds half of a surrogate pair, which is no character. Correct it.") from None
    if not isinstance(body, dict):
        raise Refusal(422, "The body is no object of JSON. Write {...}.")
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise Refusal(422, f"{name} is no number of JSON. Write null where a number is missing.")


def parse_options(table: type[T], given: Mapping[str, Any], written: Mapping[str, str] | None = None) -> T:
    """Return the options of a request.

    Args:
        table: their names and ranges.
        given: by name.
        written: those that are texts, which become numbers where numbers are needed.

    Raises:
        ConfigError: there is none of a name, or a value is outside its range.
    """
    kinds = {row.name: kind_of(row) for row in dataclasses.fields(table)}
    read = {name: _convert(name, kinds.get(name, str), value) for name, value in (written or {}).items()}
    return table.of({**read, **given})


def kind_of(row: "dataclasses.Field[Any]") -> Any:
    """Return the type of an option, without None."""
    return next(kind for kind in get_args(row.type) or (row.type,) if kind is not type(None))


def _convert(name: str, kind: Any, value: str) -> Any:
    if kind is str:
        return value
    words = {"true": True, "1": True, "false": False, "0": False}
    if kind is bool:
        if value.lower() not in words:
            raise ConfigError(f"{name} is {value[:20]!r}; it must be true or false.")
        return words[value.lower()]
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{name} is {value[:20]!r}; it must be a number.") from None
