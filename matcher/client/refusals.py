"""Errors of this package that answers of the service stand for, and what is refused unsent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from matcher.errors import InputError, Issue, LimitError, ServiceError

# The body is too large, or there are too many requests or solves.
_TOO_MUCH = (413, 429)


def failure_of(response: httpx.Response) -> InputError | LimitError | ServiceError:
    """The error of this package that an answer stands for."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code, place = response.status_code, response.request.url.path
    title = problem.get("title") or response.reason_phrase or "an unexpected answer"
    told = problem.get("detail") or title
    if not response.is_client_error:
        return ServiceError(f"{place}: {code} {told}; try again, or look into the service's log")
    if code in _TOO_MUCH:
        return LimitError(f"{place}: {told}")
    issues = [_issue(found) for found in problem.get("issues") or () if isinstance(found, dict)]
    if not issues:
        fix = {
            401: "give the service's key as key=… or in MATCHER_KEY",
            403: "use a key of a role that may do this",
            404: "check the id, and that the key is of the same tenant",
        }.get(code, "see docs/api.md")
        issues = [Issue(code="refused", table=place, problem=f"{told} ({code})", fix=fix)]
    return InputError(issues)


def _issue(found: Mapping[str, Any]) -> Issue:
    """An issue as the service tells it; what it leaves out is left out here."""

    def text(name: str) -> str | None:
        return None if found.get(name) is None else str(found[name])

    row = found.get("row")
    return Issue(
        code=text("code") or "refused",
        table=text("table") or text("pointer") or "request",
        row=row if isinstance(row, int) else None,
        column=text("column"),
        value=text("value"),
        problem=text("problem") or text("detail") or "is refused",
        fix=text("fix") or "see docs/api.md",
        severity="warning" if found.get("severity") == "warning" else "error",
    )


def asked_wait_s(response: httpx.Response) -> float | None:
    """Seconds that the answer asks to wait: it may state them, or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def refused(place: str, problem: str, fix: str) -> InputError:
    """The error of something that is not sent at all."""
    return InputError([Issue(code="bad_option", table=place, problem=problem, fix=fix)])
