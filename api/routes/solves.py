"""Solves: submit, follow, cancel, delete."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from api.context import (
    ID,
    Cursor,
    IfNoneMatch,
    Limit,
    Service,
    TheService,
    answer,
    known,
    needs,
    tag_of,
)
from api.problems import IssueOut, Problem, bad_value, bad_values, in_flight, issue_out, not_found
from api.schemas import (
    EventOut,
    Events,
    Incumbent,
    Incumbents,
    Page,
    SolveIn,
    SolveOut,
    State,
    at,
)
from api.uploads import intake
from matcher.engines import engine
from matcher.errors import EngineUnavailable, InputError
from worker import access, directory, jobs, queries
from worker.access import Caller
from worker.directory import assembly
from worker.jobs import scenarios
from worker.jobs.options import largest
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import UNREACHABLE
from worker.store.models import NetworkSnapshot, Solve

router = APIRouter(prefix="/v1/solves", tags=["solves"])
SolveId = Annotated[str, InPath(pattern=ID)]
Prefer = Annotated[str | None, Header(description="wait=N delays the answer up to N seconds.")]
RETRY_AFTER_S = 1
LONGEST_WAIT_S = 60
PING_S = 15.0


def found_solve(here: Service, caller: Caller, solve_id: str) -> Solve:
    """The solve, if the caller may see it; else 404."""
    with here.database.read() as session:
        solve = queries.solve(here.database, session, caller, solve_id)
    if solve is None:
        raise not_found("solve")
    return solve


@router.post("", status_code=202, response_model=SolveOut)
async def submit_solve(
    body: SolveIn,
    here: TheService,
    caller: Annotated[Caller, needs("solves.write")],
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[!-~]{1,255}$",
            description="Sending the request again with the same key does nothing new.",
        ),
    ] = None,
    prefer: Prefer = None,
) -> Response:
    """Queue a solve of a network, or of all open requests of the directory as they are now."""
    solve, is_new = await run_in_threadpool(_submit, here, caller, body, idempotency_key)
    if is_new:
        await run_in_threadpool(here.wake, solve.id)
    waited = _wait_s(prefer)
    if waited and solve.state not in jobs.ENDED:
        await here.hub.ended(solve.id, waited)
        solve = await run_in_threadpool(found_solve, here, caller, solve.id)
    headers = {"Location": f"/v1/solves/{solve.id}", "Retry-After": str(RETRY_AFTER_S)}
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    return answer(SolveOut.of(solve, caller), status=202, headers=headers)


def _submit(
    here: Service, caller: Caller, body: SolveIn, idempotency_key: str | None
) -> tuple[Solve, bool]:
    if bool(body.network) == bool(body.directory):
        both = IssueOut(
            code="one_of",
            pointer="",
            problem="names both a network and the directory, or neither",
            fix='give {"network": id} or {"directory": true}',
        )
        raise bad_values([both])
    options = body.options.model_dump(exclude_none=True)
    _check_options(options, here.settings)
    # A key is its owner's: two lead firms may choose the same one.
    key = None if idempotency_key is None else json.dumps([caller.owner, idempotency_key])
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    if key is not None:
        with here.database.read() as session:
            known = jobs.solve_of_key(session, caller.tenant_id, key)
        if known is not None:
            if known.request_hash != request_hash:
                raise _key_reused()
            return known, False
    snapshot = _snapshot(here, caller) if body.directory else None
    if snapshot is None:
        with here.database.read() as session:
            if queries.network(session, caller, body.network) is None:
                raise not_found("network")
    asked = jobs.Submission(
        tenant_id=caller.tenant_id,
        owner=caller.owner,
        network_id=body.network,
        options=options,
        idempotency_key=key,
        request_hash=request_hash,
    )
    try:
        return _stored(here, caller, asked, snapshot)
    except jobs.KeyReused:
        raise _key_reused() from None
    except jobs.QueueFull:
        raise Problem(
            429,
            "queue-full",
            f"{here.settings.max_queued} solves are waiting; try again when some have ended.",
            headers={"Retry-After": "10"},
        ) from None
    except IntegrityError:
        # The same key, or the network's deletion, at this very moment.
        raise in_flight() from None


def _stored(
    here: Service, caller: Caller, asked: jobs.Submission, snapshot: NetworkSnapshot | None
) -> tuple[Solve, bool]:
    """Network, solve, idempotency key and audit entry in one transaction."""
    with here.database.write() as session:
        if snapshot is not None:
            asked = replace(asked, network_id=snapshots.keep(session, snapshot).id)
        solve, is_new = jobs.submit(session, asked, here.settings)
        if is_new:
            access.audit(session, caller, "solve.create", solve.id, network=asked.network_id)
    return solve, is_new


def _snapshot(here: Service, caller: Caller) -> NetworkSnapshot:
    """The network of the directory as it is now."""
    with here.database.read() as session:
        try:
            tables = assembly.assemble(session, caller)
        except directory.NothingToMatch as error:
            raise Problem(409, "nothing-to-match", str(error)) from None
    with tempfile.TemporaryDirectory(prefix="matcher-") as folder:
        path = Path(folder) / "directory.json"
        path.write_text(json.dumps(tables), encoding="utf-8")
        return intake.snapshot_of(path, caller.tenant_id, caller.owner, here.settings)


def _check_options(options: dict[str, Any], settings: Settings) -> None:
    issues = [
        bad_value(f"/options/{name}", options[name], "is above the limit", f"give {most} at most")
        for name, most in largest(settings).items()
        if options.get(name, 0) > most
    ]
    if "engine" in options:
        try:
            engine(options["engine"])
        except EngineUnavailable as error:
            fix = "leave it out, and auto picks one"
            issues.append(bad_value("/options/engine", options["engine"], str(error), fix))
    if "scenarios" in options:
        try:
            scenarios.validated(options["scenarios"])
        except InputError as error:
            issues += [issue_out(issue, "/options/scenarios") for issue in error.issues]
    if issues:
        raise bad_values(issues)


def _key_reused() -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        "This Idempotency-Key came with another request; use a new one for a new request.",
    )


def _wait_s(prefer: str | None) -> int:
    """Seconds that ``Prefer: wait=N`` asks for; other preferences are passed over."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", prefer or "")
    return min(int(found[1]), LONGEST_WAIT_S) if found else 0


@router.get("", response_model=Page[SolveOut])
def list_solves(
    here: TheService,
    caller: Annotated[Caller, needs("solves.read")],
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Solves, the newest first."""
    with here.database.read() as session:
        page = queries.solves(here.database, session, caller, limit, cursor, state)
        items = [SolveOut.of(row, caller) for row in page.items]
    return answer(Page[SolveOut](items=items, next=page.next), if_none_match)


@router.get("/{solve_id}", response_model=SolveOut)
async def get_solve(
    solve_id: SolveId,
    here: TheService,
    caller: Annotated[Caller, needs("solves.read")],
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Where a solve stands; with ``Prefer: wait=N``, after its end or N seconds."""
    solve = await run_in_threadpool(found_solve, here, caller, solve_id)
    waited = _wait_s(prefer)
    if waited and solve.state not in jobs.ENDED:
        await here.hub.ended(solve_id, waited)
        solve = await run_in_threadpool(found_solve, here, caller, solve_id)
    headers = {} if solve.state in jobs.ENDED else {"Retry-After": str(RETRY_AFTER_S)}
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    return answer(SolveOut.of(solve, caller), if_none_match, headers=headers)


@router.post("/{solve_id}/cancel", status_code=202, response_model=SolveOut)
def cancel_solve(
    solve_id: SolveId, here: TheService, caller: Annotated[Caller, needs("solves.write")]
) -> Response:
    """Ask a solve to end; the best plan so far is kept. Asking again changes nothing."""
    with here.database.write() as session:
        # Cancelling takes its own locks, a whole before its parts.
        solve = queries.solve(here.database, session, caller, solve_id)
        if solve is None:
            raise not_found("solve")
        if solve.state not in jobs.ENDED and solve.cancel_requested_at is None:
            jobs.cancel(session, solve)
            access.audit(session, caller, "solve.cancel", solve_id)
    return answer(
        SolveOut.of(solve, caller), status=202, headers={"Location": f"/v1/solves/{solve_id}"}
    )


@router.delete("/{solve_id}", status_code=204, response_class=Response)
def delete_solve(
    solve_id: SolveId, here: TheService, caller: Annotated[Caller, needs("solves.write")]
) -> Response:
    """Delete a solve that has ended, with its plan and events."""
    with here.database.write() as session:
        solve = queries.solve(here.database, session, caller, solve_id, lock=True)
        if solve is None:
            raise not_found("solve")
        if not queries.delete_solve(session, solve):
            if solve.parent_id is not None:
                whole = f"It is a part of solve {solve.parent_id}; delete that one."
                raise Problem(409, "is-a-part", whole)
            raise Problem(409, "not-ended", f"The solve is {solve.state}; cancel it first.")
        access.audit(session, caller, "solve.delete", solve_id)
    return Response(status_code=204)


@router.get("/{solve_id}/incumbents", response_model=Incumbents)
def list_incumbents(
    solve_id: SolveId,
    here: TheService,
    caller: Annotated[Caller, needs("progress.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Costs of the best plans so far, each better than the one before it."""
    found_solve(here, caller, solve_id)
    items: list[Incumbent] = []
    for event in _all_events(here, solve_id):
        best = event.data.get("best")
        if event.kind != "progress" or event.data.get("objective") != "cost" or best is None:
            continue
        if not items or best < items[-1].best:
            seconds, bound = event.data["seconds"], event.data.get("bound")
            items.append(Incumbent(seconds=seconds, best=best, bound=bound))
    return answer(Incumbents(items=items), if_none_match)


@router.get(
    "/{solve_id}/log",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_log(
    solve_id: SolveId,
    here: TheService,
    caller: Annotated[Caller, needs("progress.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Everything that happened to a solve, a line each."""
    found_solve(here, caller, solve_id)
    lines = [
        f"{at(event.at).isoformat(timespec='milliseconds')} {event.seq} {event.kind} "
        f"{json.dumps({k: v for k, v in event.data.items() if v is not None}, sort_keys=True)}"
        for event in _all_events(here, solve_id)
    ]
    text = "".join(f"{line}\n" for line in lines)
    tag = tag_of(text.encode())
    return known(tag, if_none_match) or PlainTextResponse(text, headers={"ETag": tag})


def _all_events(here: Service, solve_id: str) -> list[Any]:
    events: list[Any] = []
    with here.database.read() as session:
        while more := queries.events(session, solve_id, events[-1].seq if events else 0):
            events.extend(more)
    return events


@router.get(
    "/{solve_id}/events",
    response_model=Events,
    responses={
        200: {
            "description": "Events as a list, or as a stream with Accept: text/event-stream.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The stream has nothing more to tell."},
    },
)
async def get_events(
    request: Request,
    solve_id: SolveId,
    here: TheService,
    caller: Annotated[Caller, needs("progress.read")],
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Number of the last known.")] = 0,
    last_event_id: Annotated[
        str | None, Header(description="As 'after'; what browsers send by themselves.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What happened to a solve after event number ``after``.

    As ``text/event-stream`` the answer stays open until the solve has ended; ids are the events'
    numbers, and a reader that comes back with ``Last-Event-ID`` misses none.
    """
    solve = await run_in_threadpool(found_solve, here, caller, solve_id)
    if last_event_id is not None:
        if not re.fullmatch(r"[0-9]{1,9}", last_event_id):
            issue = IssueOut(
                code="bad_value",
                column="header Last-Event-ID",
                problem="is no number of an event",
                fix="send the id of the last event that arrived",
            )
            raise bad_values([issue])
        after = int(last_event_id)
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return await run_in_threadpool(_listed, here, after, solve, if_none_match)
    if solve.state in jobs.ENDED and after >= solve.num_events:
        return Response(status_code=204)
    return StreamingResponse(
        _stream(here, solve_id, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _listed(here: Service, after: int, solve: Solve, if_none_match: str | None) -> Response:
    with here.database.read() as session:
        items = [EventOut.of(row) for row in queries.events(session, solve.id, after)]
    last = items[-1].seq if items else after
    is_complete = solve.state in jobs.ENDED and last >= solve.num_events
    return answer(Events(items=items, is_complete=is_complete), if_none_match)


async def _stream(here: Service, solve_id: str, after: int) -> AsyncIterator[bytes]:
    """Events as they are recorded, and a ping while there are none."""

    def more() -> list[Any]:
        with here.database.read() as session:
            return list(queries.events(session, solve_id, after))

    async with here.hub.watching(solve_id):
        while not here.hub.is_closing:
            try:
                events = await run_in_threadpool(more)
            except UNREACHABLE:
                return  # its reader comes back with Last-Event-ID
            for event in events:
                after = event.seq
                yield format_sse_event(
                    id=str(event.seq),
                    event=event.kind,
                    data_str=json.dumps({"at": at(event.at).isoformat(), **event.data}),
                )
                if event.kind == "finished":
                    return
            if not await here.hub.news(solve_id, after, PING_S):
                yield KEEPALIVE_COMMENT
