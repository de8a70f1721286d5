"""Exceptions to problem documents."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import openapi
from api.problems import (
    LONGEST_VALUE,
    IssueOut,
    Problem,
    counted,
    encodable,
    escaped,
    in_flight,
    invalid,
    phrase,
)
from matcher.errors import InputError, LimitError, MatcherError
from worker.store.database import Busy, reason

_log = logging.getLogger(__name__)


async def of_problem(_: Request, error: Problem) -> Response:
    """Handler of `Problem`."""
    return error.response()


async def of_core(_: Request, error: MatcherError) -> Response:
    """Handler of errors of the core: what a user can mend is a 422."""
    if isinstance(error, InputError):
        return invalid(error.issues).response()
    kind = "too-large" if isinstance(error, LimitError) else "engine"
    return Problem(422, kind, str(error)).response()


async def of_store(_: Request, error: Exception) -> Response:
    """Handler of a store that does not answer; nothing that was accepted is lost."""
    if isinstance(error, Busy):
        return in_flight().response()
    _log.error("The store does not answer: %s", reason(error))
    return Problem(
        503, "store-away", "The store does not answer; ask again.", headers={"Retry-After": "5"}
    ).response()


async def of_http(request: Request, error: HTTPException) -> Response:
    """Handler of what the framework itself refuses."""
    kind = phrase(error.status_code).lower().replace(" ", "-")
    detail = {
        404: "There is nothing at this address; /openapi.json lists what there is.",
        405: "This address does not take that method; the header Allow lists those it takes.",
    }.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route only that has this path.
        allowed = openapi.methods_of(request.app, request.url.path)
        headers["Allow"] = ", ".join(allowed) or headers.get("Allow", "GET")
    return Problem(error.status_code, kind, detail, headers=headers).response()


async def of_validation(_: Request, error: RequestValidationError) -> Response:
    """Handler of bodies and parameters that are not what the document says."""
    issues = []
    for found in error.errors():
        where, *path = found["loc"]
        value = found.get("input")
        is_body = where == "body"
        issues.append(
            IssueOut(
                code=str(found["type"]),
                pointer="".join(f"/{escaped(str(part))}" for part in path) if is_body else None,
                column=None if is_body else f"{where} {'.'.join(map(str, path))}",
                value=None
                if value is None or isinstance(value, dict | list | bytes)
                else encodable(str(value))[:LONGEST_VALUE],
                problem=encodable(str(found["msg"])),
                fix="see /openapi.json",
            )
        )
    return Problem(422, "invalid-input", counted(issues), issues=issues).response()
