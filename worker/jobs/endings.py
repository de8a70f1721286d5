"""How a solve ends, and the two ways back to the queue: a lost worker, and a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from worker.jobs.leases import Claim, fenced
from worker.jobs.rows import ACTIVE, ENDED, lock, parts_of, record
from worker.settings import Settings
from worker.store.database import Database
from worker.store.models import OutboxMessage, Solve, StoredPlan, Webhook

RETRY_AFTER_S = 1.0

End = Callable[[], bool]
"""A write that ends a job; ``False`` if the job was another's."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a worker found: the three status fields apart, the figures, and the plan as bytes."""

    solution_status: str
    termination_reason: str
    best: float | None
    bound: float | None
    gap: float | None
    verdict: str
    plan: bytes | None


def finish(database: Database, claimed: Claim, found: Finished) -> bool:
    """Write the one result; ``False``, and nothing written, if the job is another's now."""
    with database.write() as session:
        solve = fenced(session, claimed, ends=True)
        if solve is None:
            return False
        solve.solution_status = found.solution_status
        solve.termination_reason = found.termination_reason
        solve.best, solve.bound, solve.gap = found.best, found.bound, found.gap
        solve.verdict = found.verdict
        if found.plan is not None:
            session.add(StoredPlan(solve_id=solve.id, content=found.plan, created_at=time.time()))
        cancelled = solve.cancel_requested_at is not None and found.termination_reason in (
            "cancelled",
            "crashed",
        )
        end(session, solve, "cancelled" if cancelled else "succeeded")
        return True


def fail(database: Database, claimed: Claim, error: str, reason: str | None = None) -> bool:
    """End a job that no repetition would help: the request was wrong, or a part has failed.

    ``reason`` is the termination reason; ``None`` if no solver was ever at work.
    """
    with database.write() as session:
        solve = fenced(session, claimed, ends=True)
        if solve is None:
            return False
        solve.error = error
        solve.termination_reason, solve.solution_status = reason, "none"
        end(session, solve, "failed")
        return True


def retry(database: Database, claimed: Claim, error: str, settings: Settings) -> bool:
    """Give the job back after a crash of its solver, or end it when its attempts are used up."""
    with database.write() as session:
        solve = fenced(session, claimed, ends=True)
        if solve is None:
            return False
        _lost(session, solve, error, settings)
        return True


def reap(database: Database, settings: Settings) -> int:
    """Give back the jobs whose workers have gone silent; gives their number."""
    is_lost = Solve.state.in_(ACTIVE) & (Solve.lease_until < time.time())
    with database.read() as session:
        silent = session.execute(select(Solve.id, Solve.parent_id).where(is_lost)).all()
    num_lost = 0
    for solve_id, parent_id in silent:
        with database.write() as session:
            lock(session, parent_id)
            solve = session.scalars(
                select(Solve).where(Solve.id == solve_id, is_lost).with_for_update(skip_locked=True)
            ).first()
            if solve is not None:
                _lost(session, solve, f"worker {solve.worker} went silent", settings)
                num_lost += 1
    return num_lost


def cancel(session: Session, solve: Solve) -> None:
    """Cancel a solve: at once while it is queued or waits for parts, else by asking its worker.

    Calling it again changes nothing. A worker hears of it within a second.
    """
    lock(session, solve.parent_id)
    session.refresh(solve, with_for_update=True)
    if solve.state in ENDED or solve.cancel_requested_at is not None:
        return
    solve.cancel_requested_at = time.time()
    for part in parts_of(session, solve.id):
        cancel(session, part)
    if solve.phase == "merge" and solve.state == "queued":
        return  # its last part has just ended; what the parts have found is merged
    if solve.phase == "waiting":
        # Its parts end first; what they have found is merged.
        solve.state = "cancelling"
        record(session, solve, "cancelling")
    elif solve.state == "queued":
        solve.termination_reason, solve.solution_status = "cancelled", "none"
        end(session, solve, "cancelled")
    else:
        solve.state = "cancelling"
        record(session, solve, "cancelling")


def _lost(session: Session, solve: Solve, error: str, settings: Settings) -> None:
    solve.lease_until, solve.worker = None, None
    solve.epoch += 1
    if solve.cancel_requested_at is not None and solve.phase != "merge":
        solve.termination_reason, solve.solution_status = "cancelled", "none"
        end(session, solve, "cancelled")
    elif solve.attempts >= settings.max_attempts:
        solve.error = f"{error}; given up after {solve.attempts} attempts"
        solve.termination_reason, solve.solution_status = "crashed", "none"
        end(session, solve, "failed")
    else:
        solve.state = "queued"
        solve.not_before = time.time() + RETRY_AFTER_S * solve.attempts
        record(session, solve, "lost", error=error, attempt=solve.attempts)


def end(session: Session, solve: Solve, state: str) -> None:
    """The one way into a final state: event, webhooks and parent in the same transaction."""
    solve.state, solve.finished_at = state, time.time()
    solve.lease_until, solve.worker = None, None
    found = {
        "state": state,
        "solution_status": solve.solution_status,
        "termination_reason": solve.termination_reason,
        "best": solve.best,
        "bound": solve.bound,
        "gap": solve.gap,
    }
    record(session, solve, "finished", **found, verdict=solve.verdict, error=solve.error)
    if solve.parent_id is not None:
        _tell_parent(session, solve, solve.parent_id)
        return
    message = {
        "type": "solve.finished",
        "timestamp": datetime.fromtimestamp(solve.finished_at, UTC).isoformat(),
        "data": {"solve": solve.id, **found},
    }
    hooks = select(Webhook).where(
        Webhook.tenant_id == solve.tenant_id, Webhook.owner.in_(("", solve.owner))
    )
    for hook in session.scalars(hooks):
        session.add(OutboxMessage(webhook_id=hook.id, next_at=time.time(), body=message))


def _tell_parent(session: Session, part: Solve, parent_id: str) -> None:
    """Queue the whole for merging after its last part; end it early if a part has failed."""
    parent = session.get_one(Solve, parent_id)  # locked by whoever is ending the part
    session.flush()
    unfinished = session.scalar(
        select(func.count())
        .select_from(Solve)
        .where(Solve.parent_id == parent_id, Solve.state.not_in(ENDED))
    )
    record(session, parent, "part_finished", part=part.part, state=part.state, left=unfinished)
    if not unfinished and parent.phase == "waiting":
        parent.phase, parent.state, parent.attempts = "merge", "queued", 0
        parent.not_before = 0.0
    elif part.state == "failed" and "scenarios" not in parent.options:
        for other in parts_of(session, parent_id):
            cancel(session, other)  # without this part there is no plan of the whole
