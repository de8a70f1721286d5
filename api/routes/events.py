"""What happened to a solve: its events as a list or a stream, its best plans so far, its log."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool

from api.context import IfNoneMatch, Visit, answer, known, needs, tag_of
from api.problems import IssueOut, bad_values
from api.routes.solves import SolveId, found_solve
from api.schemas import EventOut, Events, Incumbent, Incumbents, at
from worker import jobs, queries
from worker.store.database import UNREACHABLE
from worker.store.models import Solve

router = APIRouter(prefix="/v1/solves", tags=["solves"])
PING_S = 15.0


@router.get("/{solve_id}/incumbents", response_model=Incumbents)
def list_incumbents(
    solve_id: SolveId,
    visit: Annotated[Visit, needs("progress.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Costs of the best plans so far, each better than the one before it."""
    found_solve(visit, solve_id)
    items: list[Incumbent] = []
    for event in _all_events(visit, solve_id):
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
    visit: Annotated[Visit, needs("progress.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Everything that happened to a solve, a line each."""
    found_solve(visit, solve_id)
    lines = [
        f"{at(event.at).isoformat(timespec='milliseconds')} {event.seq} {event.kind} "
        f"{json.dumps({k: v for k, v in event.data.items() if v is not None}, sort_keys=True)}"
        for event in _all_events(visit, solve_id)
    ]
    text = "".join(f"{line}\n" for line in lines)
    tag = tag_of(text.encode())
    return known(tag, if_none_match) or PlainTextResponse(text, headers={"ETag": tag})


def _all_events(visit: Visit, solve_id: str) -> list[Any]:
    events: list[Any] = []
    with visit.read() as session:
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
    visit: Annotated[Visit, needs("progress.read")],
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
    solve = await run_in_threadpool(found_solve, visit, solve_id)
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
        return await run_in_threadpool(_listed, visit, after, solve, if_none_match)
    if solve.state in jobs.ENDED and after >= solve.num_events:
        return Response(status_code=204)
    return StreamingResponse(
        _stream(visit, solve_id, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _listed(visit: Visit, after: int, solve: Solve, if_none_match: str | None) -> Response:
    with visit.read() as session:
        items = [EventOut.of(row) for row in queries.events(session, solve.id, after)]
    last = items[-1].seq if items else after
    is_complete = solve.state in jobs.ENDED and last >= solve.num_events
    return answer(Events(items=items, is_complete=is_complete), if_none_match)


async def _stream(visit: Visit, solve_id: str, after: int) -> AsyncIterator[bytes]:
    """Events as they are recorded, and a ping while there are none."""

    def more() -> list[Any]:
        with visit.read() as session:
            return list(queries.events(session, solve_id, after))

    async with visit.service.hub.watching(solve_id):
        while not visit.service.hub.is_closing:
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
            if not await visit.service.hub.news(solve_id, after, PING_S):
                yield KEEPALIVE_COMMENT
