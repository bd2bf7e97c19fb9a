"""The description of the interface in OpenAPI 3.1, with examples made of each model's own columns.

>>> describe({}, version="1")["info"]["version"]
'1'
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from elman.options import OptionTable
from elman.serve.bodies import kind_of
from elman.serve.models import ServedModel

_KINDS = {int: "integer", float: "number", bool: "boolean", str: "string"}
_REFUSALS = {
    "401": "the token is missing or wrong",
    "403": "the host or the page is a foreign one",
    "413": "the body or the number of rows is too large",
    "415": "the body has another form than the model reads",
    "422": "what was sent is not what the model reads; the sentence says what to do",
    "429": "too many rows wait; try again later",
    "503": "no answer in time, too many streams, or the server is stopping",
}


def describe(models: Mapping[str, ServedModel], version: str) -> dict[str, Any]:
    """Return the document of a server."""
    paths: dict[str, Any] = {
        "/health": {"get": _plain("Whether the process lives.")},
        "/ready": {"get": _plain("Whether it takes requests: 503 while it stops.")},
        "/metrics": {"get": _plain("Figures in the text form of Prometheus.", "text/plain")},
        "/v1/models": {"get": _plain("The models, and what they read.")},
    }
    for model in models.values():
        base, service = f"/v1/models/{model.name}", model.service
        paths[f"{base}/predict"] = {"post": _predict(model)}
        if service.generate is not None:
            paths[f"{base}/generate"] = {"post": _generate(model)}
        if service.follow is not None:
            text = "A WebSocket with the state of one client: a message in, an answer out."
            paths[f"{base}/stream"] = {"get": {**_plain(text), "parameters": _in_query(service.listens)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "elman serve", "version": version},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _plain(summary: str, kind: str = "application/json") -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "done", "content": {kind: {}}}, **_refusals()}}


def _refusals() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"error": {"type": "string"}}}
    return {
        status: {"description": text, "content": {"application/json": {"schema": schema}}}
        for status, text in _REFUSALS.items()
    }


def _predict(model: ServedModel) -> dict[str, Any]:
    service = model.service
    content: dict[str, Any] = {}
    if service.rows:
        rows = {"type": "array", "minItems": 1, "items": {"type": "object"}}
        properties = {"rows": rows, "options": _schema(service.options)}
        content["application/json"] = {
            "schema": {"type": "object", "required": ["rows"], "properties": properties},
            "example": {"rows": list(service.rows)},
        }
    if service.files:
        file = {"type": "string", "format": "binary", "description": f"one of {', '.join(service.files)}"}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": {"file": file}}}
    return {
        **_plain(f"Answers of {model.name}, a model for {model.task}."),
        "parameters": _in_query(service.options),
        "requestBody": {"required": True, "content": content},
    }


def _generate(model: ServedModel) -> dict[str, Any]:
    example = {"prompt": "", "length": 100, "temperature": 0.8}
    body = {"application/json": {"schema": _schema(model.service.writes), "example": example}}
    return {
        **_plain("Writes a text, as server-sent events.", "text/event-stream"),
        "requestBody": {"required": True, "content": body},
    }


def _in_query(table: type[OptionTable]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in _schema(table)["properties"].items()
    ]


def _schema(table: type[OptionTable]) -> dict[str, Any]:
    """Return the schema of a table of options."""
    properties = {}
    for row in dataclasses.fields(table):
        rules = {"minimum": "least", "maximum": "most", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
        bounds = {name: row.metadata[key] for name, key in rules.items() if row.metadata[key] is not None}
        default = {} if row.default is None else {"default": row.default}
        properties[row.name] = {"type": _KINDS[kind_of(row)], "description": row.metadata["text"], **default, **bounds}
    return {"type": "object", "properties": properties}
