"""Solves: submit, look at, cancel, delete."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as InPath
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from api.context import ID, IfNoneMatch, ThePaging, Visit, answer, needs
from api.problems import IssueOut, Problem, bad_value, bad_values, found, in_flight, issue_out
from api.schemas import Page, SolveIn, SolveOut, State
from api.uploads import intake
from matcher.engines import engine
from matcher.errors import EngineUnavailable, InputError
from worker import directory, jobs, queries
from worker.directory import assembly
from worker.jobs import scenarios
from worker.jobs.options import largest
from worker.settings import Settings
from worker.store import snapshots
from worker.store.models import NetworkSnapshot, Solve

router = APIRouter(prefix="/v1/solves", tags=["solves"])
SolveId = Annotated[str, InPath(pattern=ID)]
Prefer = Annotated[str | None, Header(description="wait=N delays the answer up to N seconds.")]
RETRY_AFTER_S = 1
LONGEST_WAIT_S = 60


def found_solve(visit: Visit, solve_id: str) -> Solve:
    """The solve, if the caller may see it; else 404."""
    with visit.read() as session:
        solve = queries.solve(visit.service.database, session, visit.caller, solve_id)
    return found(solve, "solve")


@router.post("", status_code=202, response_model=SolveOut)
async def submit_solve(
    body: SolveIn,
    visit: Annotated[Visit, needs("solves.write")],
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
    solve, is_new = await run_in_threadpool(_submit, visit, body, idempotency_key)
    if is_new:
        await run_in_threadpool(visit.service.wake, solve.id)
    solve, headers = await _waited(visit, solve, prefer)
    headers |= {"Location": f"/v1/solves/{solve.id}", "Retry-After": str(RETRY_AFTER_S)}
    return answer(SolveOut.of(solve, visit.caller), status=202, headers=headers)


def _submit(visit: Visit, body: SolveIn, idempotency_key: str | None) -> tuple[Solve, bool]:
    if bool(body.network) == bool(body.directory):
        both = IssueOut(
            code="one_of",
            pointer="",
            problem="names both a network and the directory, or neither",
            fix='give {"network": id} or {"directory": true}',
        )
        raise bad_values([both])
    options = body.options.model_dump(exclude_none=True)
    _check_options(options, visit.service.settings)
    # A key is its owner's: two lead firms may choose the same one.
    key = None if idempotency_key is None else json.dumps([visit.caller.owner, idempotency_key])
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    if key is not None:
        with visit.read() as session:
            known = jobs.solve_of_key(session, visit.caller.tenant_id, key)
        if known is not None:
            if known.request_hash != request_hash:
                raise _key_reused()
            return known, False
    snapshot = None
    if body.directory:
        snapshot = _snapshot(visit)
    else:
        with visit.read() as session:
            found(queries.network(session, visit.caller, body.network), "network")
    asked = jobs.Submission(
        tenant_id=visit.caller.tenant_id,
        owner=visit.caller.owner,
        network_id=body.network,
        options=options,
        idempotency_key=key,
        request_hash=request_hash,
    )
    try:
        return _stored(visit, asked, snapshot)
    except jobs.KeyReused:
        raise _key_reused() from None
    except jobs.QueueFull:
        most = visit.service.settings.max_queued
        raise Problem(
            429,
            "queue-full",
            f"{most} solves are waiting; try again when some have ended.",
            headers={"Retry-After": "10"},
        ) from None
    except IntegrityError:
        # The same key, or the network's deletion, at this very moment.
        raise in_flight() from None


def _stored(
    visit: Visit, asked: jobs.Submission, snapshot: NetworkSnapshot | None
) -> tuple[Solve, bool]:
    """Network, solve, idempotency key and audit entry in one transaction."""
    with visit.write() as session:
        if snapshot is not None:
            asked = replace(asked, network_id=snapshots.keep(session, snapshot).id)
        solve, is_new = jobs.submit(session, asked, visit.service.settings)
        if is_new:
            visit.audit(session, "solve.create", solve.id, network=asked.network_id)
    return solve, is_new


def _snapshot(visit: Visit) -> NetworkSnapshot:
    """The network of the directory as it is now."""
    with visit.read() as session:
        try:
            tables = assembly.assemble(session, visit.caller)
        except directory.NothingToMatch as error:
            raise Problem(409, "nothing-to-match", str(error)) from None
    with tempfile.TemporaryDirectory(prefix="matcher-") as folder:
        path = Path(folder) / "directory.json"
        path.write_text(json.dumps(tables), encoding="utf-8")
        caller, settings = visit.caller, visit.service.settings
        return intake.snapshot_of(path, caller.tenant_id, caller.owner, settings)


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


async def _waited(visit: Visit, solve: Solve, prefer: str | None) -> tuple[Solve, dict[str, str]]:
    """The solve at its end, or after the seconds of ``Prefer: wait=N``; and a header that says so.

    Other preferences are passed over.
    """
    stated = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", prefer or "")
    wait_s = min(int(stated[1]), LONGEST_WAIT_S) if stated else 0
    if wait_s and solve.state not in jobs.ENDED:
        await visit.service.hub.ended(solve.id, wait_s)
        solve = await run_in_threadpool(found_solve, visit, solve.id)
    return solve, {"Preference-Applied": f"wait={wait_s}"} if wait_s else {}


@router.get("", response_model=Page[SolveOut])
def list_solves(
    visit: Annotated[Visit, needs("solves.read")],
    paging: ThePaging,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
) -> Response:
    """Solves, the newest first."""
    with visit.read() as session:
        rows = queries.solves(
            visit.service.database, session, visit.caller, paging.limit, paging.cursor, state
        )
        items = [SolveOut.of(row, visit.caller) for row in rows.items]
    return answer(Page[SolveOut](items=items, next=rows.next), paging.if_none_match)


@router.get("/{solve_id}", response_model=SolveOut)
async def get_solve(
    solve_id: SolveId,
    visit: Annotated[Visit, needs("solves.read")],
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Where a solve stands; with ``Prefer: wait=N``, after its end or N seconds."""
    solve = await run_in_threadpool(found_solve, visit, solve_id)
    solve, headers = await _waited(visit, solve, prefer)
    if solve.state not in jobs.ENDED:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer(SolveOut.of(solve, visit.caller), if_none_match, headers=headers)


@router.post("/{solve_id}/cancel", status_code=202, response_model=SolveOut)
def cancel_solve(solve_id: SolveId, visit: Annotated[Visit, needs("solves.write")]) -> Response:
    """Ask a solve to end; the best plan so far is kept. Asking again changes nothing."""
    with visit.write() as session:
        # Cancelling takes its own locks, a whole before its parts.
        solve = found(
            queries.solve(visit.service.database, session, visit.caller, solve_id), "solve"
        )
        if solve.state not in jobs.ENDED and solve.cancel_requested_at is None:
            jobs.cancel(session, solve)
            visit.audit(session, "solve.cancel", solve_id)
    return answer(
        SolveOut.of(solve, visit.caller), status=202, headers={"Location": f"/v1/solves/{solve_id}"}
    )


@router.delete("/{solve_id}", status_code=204, response_class=Response)
def delete_solve(solve_id: SolveId, visit: Annotated[Visit, needs("solves.write")]) -> Response:
    """Delete a solve that has ended, with its plan and events."""
    with visit.write() as session:
        solve = found(
            queries.solve(visit.service.database, session, visit.caller, solve_id, lock=True),
            "solve",
        )
        if not queries.delete_solve(session, solve):
            if solve.parent_id is not None:
                whole = f"It is a part of solve {solve.parent_id}; delete that one."
                raise Problem(409, "is-a-part", whole)
            raise Problem(409, "not-ended", f"The solve is {solve.state}; cancel it first.")
        visit.audit(session, "solve.delete", solve_id)
    return Response(status_code=204)
