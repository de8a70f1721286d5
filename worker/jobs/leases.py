"""Claims: who works on a solve, for as long as the lease is renewed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from worker import access
from worker.jobs.rows import ACTIVE, lock, record
from worker.settings import Settings
from worker.store.database import Database
from worker.store.models import Solve

Order = Literal["go", "cancel", "lost"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A solve that a worker may work on, as long as it renews its lease."""

    solve_id: str
    epoch: int
    tenant_id: str
    network_id: str
    phase: str
    options: dict[str, Any]
    attempts: int
    owner: str
    parent_id: str | None


def claim(
    database: Database, worker: str, settings: Settings, solve_id: str | None = None
) -> Claim | None:
    """Take the oldest solve that may start, or ``solve_id`` if that one may.

    A tenant never has more than ``settings.max_running`` solves under way.
    """
    now = time.time()
    with database.write() as session:
        other = aliased(Solve)
        running = (
            select(func.count())
            .select_from(other)
            .where(
                other.tenant_id == Solve.tenant_id,
                other.state.in_(ACTIVE),
                other.phase != "waiting",
            )
            .scalar_subquery()
        )
        query = (
            select(Solve)
            .where(Solve.state == "queued", Solve.not_before <= now, running < settings.max_running)
            .order_by(Solve.created_at, Solve.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=Solve)
        )
        if solve_id is not None:
            query = query.where(Solve.id == solve_id)
        solve = session.scalars(query).first()
        if solve is None:
            return None
        # Two claims may both have seen the last free place; only one gets the lock first.
        access.lock_tenant(session, solve.tenant_id)
        if _num_running(session, solve.tenant_id) >= settings.max_running:
            return None
        solve.state = "running" if solve.cancel_requested_at is None else "cancelling"
        solve.epoch += 1
        solve.attempts += 1
        solve.worker = worker
        solve.lease_until = now + settings.lease_s
        solve.started_at = solve.started_at or now
        record(session, solve, "started", attempt=solve.attempts, phase=solve.phase)
        return Claim(
            solve.id,
            solve.epoch,
            solve.tenant_id,
            solve.network_id,
            solve.phase,
            dict(solve.options),
            solve.attempts,
            solve.owner,
            solve.parent_id,
        )


def heartbeat(database: Database, claimed: Claim, settings: Settings) -> Order:
    """Renew the lease; says whether to go on, to cancel, or that the job is another's now."""
    with database.write() as session:
        solve = fenced(session, claimed)
        if solve is None:
            return "lost"
        solve.lease_until = time.time() + settings.lease_s
        return "cancel" if solve.cancel_requested_at is not None else "go"


def order(database: Database, claimed: Claim) -> Order:
    """What `heartbeat` would say, without renewing the lease: cheap enough to ask often."""
    with database.read() as session:
        row = session.execute(
            select(Solve.epoch, Solve.state, Solve.cancel_requested_at).where(
                Solve.id == claimed.solve_id
            )
        ).first()
    if row is None or row.epoch != claimed.epoch or row.state not in ACTIVE:
        return "lost"
    return "cancel" if row.cancel_requested_at is not None else "go"


def progress(
    database: Database,
    claimed: Claim,
    objective: str,
    best: float | None,
    bound: float | None,
    seconds: float,
) -> bool:
    """Record where the solve stands; ``False`` if the job is another's now."""
    with database.write() as session:
        solve = fenced(session, claimed)
        if solve is None:
            return False
        if objective == "cost":
            solve.best, solve.bound = best, bound
        record(
            session,
            solve,
            "progress",
            objective=objective,
            best=best,
            bound=bound,
            seconds=round(seconds, 3),
        )
        return True


def give_back(database: Database, worker: str) -> int:
    """Queue again what a worker that is being stopped still runs; gives the number of jobs.

    It costs no attempt. The worker finds its claims lost, stops its solvers and writes nothing.
    """
    with database.write() as session:
        running = session.scalars(
            select(Solve)
            .where(
                Solve.worker == worker,
                Solve.state.in_(ACTIVE),
                Solve.cancel_requested_at.is_(None),
            )
            .order_by(Solve.parent_id, Solve.part)  # as `cancel` locks them
            .with_for_update()
        ).all()
        for solve in running:
            solve.state, solve.lease_until, solve.worker = "queued", None, None
            solve.epoch += 1
            solve.attempts -= 1
            solve.not_before = 0.0
            record(session, solve, "released")
        return len(running)


def fenced(session: Session, claimed: Claim, *, ends: bool = False) -> Solve | None:
    """The solve, locked, if the claim still holds; with its parent if it ``ends`` here."""
    if ends:
        lock(session, claimed.parent_id)
    return session.scalars(
        select(Solve)
        .where(Solve.id == claimed.solve_id, Solve.epoch == claimed.epoch, Solve.state.in_(ACTIVE))
        .with_for_update()
    ).first()


def _num_running(session: Session, tenant_id: str) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Solve)
            .where(
                Solve.tenant_id == tenant_id,
                Solve.state.in_(ACTIVE),
                Solve.phase != "waiting",
            )
        )
        or 0
    )
