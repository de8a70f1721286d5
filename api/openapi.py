"""The OpenAPI document: what the framework derives, and the problems each operation may answer."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, ProblemOut

_MEANINGS = {
    400: "The body cannot be read.",
    401: "No valid key.",
    403: "The key's role may not do this.",
    404: "There is no such thing, or the key must not know of it.",
    406: "The result does not come in that format.",
    409: "Not as things stand now.",
    412: "The thing has changed since it was read.",
    413: "The body is too large.",
    415: "The body has another content type.",
    422: "The input is wrong; all issues are listed.",
    429: "Too many requests, or too many solves waiting; Retry-After says when to come back.",
    503: "The store does not answer.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": {"schema": {"type": "string"}}},
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def methods_of(app: FastAPI, path: str) -> list[str]:
    """The methods that the operations of an address take."""
    return sorted(
        {
            method.upper()
            for template, methods in document(app)["paths"].items()
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path)
            for method in methods
        }
    )


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = made["components"]["schemas"]
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemOut"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            responses = operation["responses"]
            responses.pop("422", None)
            for status in _problems(path, method, operation):
                responses[str(status)] = _problem(status)
            if any(p["name"] == "if-none-match" for p in operation.get("parameters", ())):
                responses["304"] = {"description": "The client has it already."}
    return made


def _problems(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    """Which problems an operation may answer."""
    if not path.startswith("/v1"):
        return [503] if path == "/readyz" else []
    codes = {401, 403, 422, 429, 503}
    if method in ("post", "put"):
        codes |= {400, 409, 413}
    if method == "delete":
        codes |= {409, 412}
    if method == "put":
        codes |= {412}
    if "{" in path or "requestBody" in operation:
        codes |= {404}
    if path in ("/v1/networks", "/v1/directory") and method == "post":
        codes |= {415}
    if path == "/v1/shared":
        codes |= {404}
    if "/result" in path or "/explain" in path:
        codes |= {406, 409}
    return sorted(codes)


def _problem(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response
