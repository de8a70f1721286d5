"""Errors as RFC 9457 problem documents, with every issue and its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TypeVar

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from matcher.errors import Issue

T = TypeVar("T")

MEDIA_TYPE = "application/problem+json"
LONGEST_VALUE = 200
# As RFC 9110 has them; Python did not before 3.13.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}


class IssueOut(BaseModel):
    """One thing wrong with an input: where it stands, what it is, and what would be right."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="Stable name of the kind of issue.")
    pointer: str | None = Field(default=None, description="JSON pointer into the body.")
    table: str | None = Field(default=None, description="File or sheet.")
    row: int | None = Field(
        default=None, description="Row as a spreadsheet shows it; the header is 1."
    )
    column: str | None = None
    value: str | None = Field(default=None, description="What was found.")
    problem: str
    fix: str = Field(description="What would be right.")
    severity: str = "error"


class ProblemOut(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Stable name of the kind of problem.")
    title: str
    status: int
    detail: str
    issues: list[IssueOut] = []


class Problem(Exception):
    """An answer that is an error; ``kind`` is the last part of its type."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        issues: Iterable[IssueOut] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.issues = list(issues)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer itself."""
        document = ProblemOut(
            type=f"urn:supplier-matcher:problem:{self.kind}",
            title=phrase(self.status),
            status=self.status,
            detail=encodable(self.detail),
            issues=self.issues,
        )
        return JSONResponse(
            document.model_dump(exclude_none=True),
            self.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def phrase(status: int) -> str:
    """What a status is called."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def not_found(what: str) -> Problem:
    """There is no such thing, or the caller must not know of it."""
    return Problem(404, "not-found", f"There is no such {what}; check the id and the key used.")


def found(thing: T | None, what: str) -> T:
    """The thing; a problem if there is none."""
    if thing is None:
        raise not_found(what)
    return thing


def in_flight() -> Problem:
    """Somebody else holds, or has just changed, what the request needs; nothing was written."""
    return Problem(
        409,
        "in-flight",
        "A request that touches the same things is under way; send this one again.",
        headers={"Retry-After": "1"},
    )


def issue_out(issue: Issue, base: str = "") -> IssueOut:
    """An issue of the core for JSON: a JSON pointer where the input was JSON."""
    pointer = table = None
    if issue.table.startswith("/"):
        pointer = base + issue.table
        if issue.row != 1:  # what is wrong with all rows alike has no place in one
            pointer += "" if issue.row is None else f"/{issue.row - 2}"
            pointer += "" if issue.column is None else f"/{escaped(issue.column)}"
    elif issue.column is not None and issue.column.startswith("/"):
        pointer = base + issue.column
    else:
        table = issue.table
    return IssueOut(
        code=issue.code,
        pointer=None if pointer is None else encodable(pointer),
        table=None if table is None else encodable(table),
        row=issue.row,
        column=None if issue.column is None else encodable(issue.column),
        value=None if issue.value is None else encodable(issue.value)[:LONGEST_VALUE],
        problem=encodable(issue.problem),
        fix=encodable(issue.fix),
        severity=issue.severity,
    )


def invalid(issues: Iterable[Issue], base: str = "") -> Problem:
    """The input cannot be used; all that is wrong with it."""
    found = [issue_out(issue, base) for issue in issues]
    return Problem(422, "invalid-input", counted(found), issues=found)


def bad_value(pointer: str, value: object, problem: str, fix: str) -> IssueOut:
    """An issue with one value of a JSON body."""
    text = encodable(str(value))[:LONGEST_VALUE]
    return IssueOut(code="bad_value", pointer=pointer, value=text, problem=problem, fix=fix)


def bad_values(issues: list[IssueOut]) -> Problem:
    """Values of a JSON body that cannot be used."""
    return Problem(422, "invalid-input", counted(issues), issues=issues)


def counted(issues: list[IssueOut]) -> str:
    """How many of the issues are errors, as a sentence."""
    number = sum(issue.severity == "error" for issue in issues)
    return f"{number} {'issue' if number == 1 else 'issues'}, listed in 'issues'."


def escaped(part: str) -> str:
    """A member's name as part of a JSON pointer."""
    return encodable(part).replace("~", "~0").replace("/", "~1")


def encodable(text: str) -> str:
    """The text with what cannot be encoded, half of a surrogate pair, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
