"""What every endpoint stands on: the service, the caller, and answers with an ETag."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.hub import Hub
from api.metrics import Metrics
from api.problems import IssueOut, Problem
from api.ratelimit import RateLimiter
from worker import access
from worker.access import Caller
from worker.settings import Settings
from worker.store.database import Database

log = logging.getLogger(__name__)

ID = r"^[0-9a-f]{32}$"
_bearer = HTTPBearer(auto_error=False, description="An API key, such as mk_….")


@dataclass(frozen=True, slots=True)
class Service:
    """What the endpoints share."""

    settings: Settings
    database: Database
    enqueue: Callable[[str], None] | None
    hub: Hub
    limiter: RateLimiter
    metrics: Metrics

    def wake(self, solve_id: str) -> None:
        """Tell a worker of a committed solve; without a broker the sweep finds it."""
        if self.enqueue is None:
            return
        try:
            self.enqueue(solve_id)
        except Exception:
            log.warning("solve %s is stored, but the broker is away", solve_id, exc_info=True)


# Dependencies that wait for nothing are async, which saves each of them a thread.
async def service(request: Request) -> Service:
    """The service that this process runs."""
    found: Service = request.app.state.service
    return found


TheService = Annotated[Service, Depends(service)]


def caller(
    request: Request,
    here: TheService,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Whose key the request came with; counts it against the key's rate limit."""
    request.state.route = request.scope["route"].path
    known = None
    if bearer is not None and bearer.credentials:
        with here.database.read() as session:
            known = access.authenticate(session, bearer.credentials)
    host = request.client.host if request.client else "?"
    allowance = here.limiter.take(known.key_id if known else f"address {host}")
    request.state.rate = allowance
    if allowance.is_over:
        raise Problem(
            429,
            "too-many-requests",
            f"More than {allowance.limit} requests in a minute; wait {allowance.wait_s} s.",
            headers={"Retry-After": str(allowance.wait_s)},
        )
    if known is None:
        raise Problem(
            401,
            "unauthorized",
            "Send a valid API key as 'Authorization: Bearer mk_…'.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return known


TheCaller = Annotated[Caller, Depends(caller)]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that may be made: the service that it came to, and whose key it came with."""

    service: Service
    caller: Caller

    def read(self) -> AbstractContextManager[Session]:
        """A session that only reads."""
        return self.service.database.read()

    def write(self) -> AbstractContextManager[Session]:
        """A session whose changes are stored at its end, all or none."""
        return self.service.database.write()

    def audit(self, session: Session, action: str, target: str, **detail: Any) -> None:
        """Write down what the caller does, within the transaction that does it."""
        access.audit(session, self.caller, action, target, **detail)


def needs(action: str) -> Any:
    """A dependency that lets only those callers through whose role may do ``action``."""

    async def check(request: Request, here: TheService, known: TheCaller) -> Visit:
        if not known.may(action):
            raise Problem(
                403, "forbidden", f"A key of the role {known.role} may not do this ({action})."
            )
        _only_known_queries(request)
        return Visit(here, known)

    return Depends(check)


def _only_known_queries(request: Request) -> None:
    """A misspelt parameter is an error, not silence."""
    own = request.scope["route"].dependant
    known = {field.alias for each in (own, *own.dependencies) for field in each.query_params}
    issues = [
        IssueOut(
            code="unknown_parameter",
            column=f"query {name}",
            problem="is no parameter of this address",
            fix=f"known are {', '.join(sorted(known))}" if known else "it takes none",
        )
        for name in request.query_params
        if name not in known
    ]
    if issues:
        raise Problem(422, "invalid-input", "Unknown query parameters.", issues=issues)


IfNoneMatch = Annotated[str | None, Header(description="ETags that the client has.")]
IfMatch = Annotated[str | None, Header(description="ETag that the update is meant for.")]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is wanted, and which one the client has already."""

    limit: int
    cursor: str | None
    if_none_match: str | None


async def paging(
    limit: Annotated[int, Query(ge=1, le=500, description="Most items of a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=400, description="'next' of the page before this one.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Paging:
    """What every list takes."""
    return Paging(limit, cursor, if_none_match)


ThePaging = Annotated[Paging, Depends(paging)]


async def bad_cursor(*_: object) -> Response:
    """Handler of cursors that no list gave."""
    issue = IssueOut(
        code="bad_cursor",
        column="query cursor",
        problem="is no cursor of this list",
        fix="give 'next' of the page before, or leave it out",
    )
    return Problem(422, "invalid-input", "The cursor is not valid.", issues=[issue]).response()


def answer(
    model: BaseModel,
    if_none_match: str | None = None,
    *,
    status: int = 200,
    etag: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The model as JSON with its ETag; 304 without a body if the client has it already."""
    body = model.model_dump_json(by_alias=True).encode()
    tag = tag_of(body) if etag is None else f'"{etag}"'
    return known(tag, if_none_match) or Response(
        body, status, {"ETag": tag, **(headers or {})}, media_type="application/json"
    )


def tag_of(*content: bytes) -> str:
    """The ETag of what is made of this content alone."""
    digest = hashlib.sha256()
    for part in content:
        digest.update(hashlib.sha256(part).digest())
    return f'"{digest.hexdigest()[:32]}"'


def known(tag: str, if_none_match: str | None) -> Response | None:
    """A 304 if the client has what the ETag names; ``None`` if it has not."""
    if if_none_match is None or not _matches(tag, if_none_match):
        return None
    return Response(status_code=304, headers={"ETag": tag})


def stated(if_match: str | None) -> str | None:
    """The one ETag of If-Match without its quotes; several are none that can match."""
    return None if if_match is None else if_match.strip().removeprefix("W/").strip('"')


def _matches(tag: str, stated: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in stated.split(",")]
    return tag in tags or "*" in tags
