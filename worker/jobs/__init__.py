"""How a solve moves from queued to its one result: claims, leases, fenced writes.

::

    queued ──claim──▶ running ──finish──▶ succeeded        (also infeasible and time limit)
      │  ▲              │  │ ╲──cancel──▶ cancelling ──finish──▶ cancelled (best plan kept)
      │  └──lost/retry──┘  └──out of attempts──▶ failed
      └──cancel──▶ cancelled

A solve that is split waits, with nobody's lease, until its last part ends; then it is queued once
more, to be merged.

Every claim raises the solve's epoch, and whoever writes must name the epoch it claimed: a worker
that slept through its lease finds that its pen no longer writes. All functions take an open store
and do one short transaction each. Rows are locked tenant last and parent before part, so that no
two of them can wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from worker import access
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import (
    Event,
    NetworkSnapshot,
    OutboxMessage,
    Solve,
    StoredPlan,
    Webhook,
)

ACTIVE = ("running", "cancelling")
ENDED = ("succeeded", "failed", "cancelled")
RETRY_AFTER_S = 1.0

Order = Literal["go", "cancel", "lost"]
End = Callable[[], bool]
"""A write that ends a job; ``False`` if the job was another's."""


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


@dataclass(frozen=True, slots=True)
class Part:
    """A network to be solved as a part of a larger solve, not stored yet, and its options."""

    snapshot: NetworkSnapshot
    options: dict[str, Any]


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


class QueueFull(Exception):
    """The tenant has as many solves waiting as it may."""


class KeyReused(Exception):
    """The idempotency key was used for another request."""


def submit(
    session: Session,
    *,
    tenant_id: str,
    owner: str,
    network_id: str,
    options: dict[str, Any],
    idempotency_key: str | None,
    request_hash: str,
    settings: Settings,
) -> tuple[Solve, bool]:
    """Queue a solve; the same idempotency key and request give the same solve again.

    ``options`` are keyword arguments of `matcher.solve`. Enqueue with the broker only after the
    transaction has been committed. The second value tells whether the solve is new.

    Raises
    ------
    KeyReused
        The key came with another request before.
    QueueFull
        ``settings.max_queued`` solves of the tenant are waiting.
    """
    access.lock_tenant(session, tenant_id)
    if idempotency_key is not None:
        known = session.scalars(
            select(Solve).where(
                Solve.tenant_id == tenant_id, Solve.idempotency_key == idempotency_key
            )
        ).first()
        if known is not None:
            if known.request_hash != request_hash or known.owner != owner:
                raise KeyReused
            return known, False
    queued = session.scalar(
        select(func.count())
        .select_from(Solve)
        .where(Solve.tenant_id == tenant_id, Solve.state == "queued", Solve.parent_id.is_(None))
    )
    if (queued or 0) >= settings.max_queued:
        raise QueueFull
    solve = Solve(
        tenant_id=tenant_id,
        owner=owner,
        network_id=network_id,
        options=options,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        state="queued",
        phase="solve",
        num_events=0,
        attempts=0,
        epoch=0,
        not_before=0.0,
        created_at=time.time(),
    )
    session.add(solve)
    session.flush()
    record(session, solve, "queued")
    return solve, True


def record(session: Session, solve: Solve, kind: str, **data: Any) -> None:
    """Append an event to a solve, within the transaction that makes it true."""
    solve.num_events += 1
    session.add(
        Event(solve_id=solve.id, seq=solve.num_events, at=time.time(), kind=kind, data=data)
    )


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
        solve = _fenced(session, claimed)
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
        solve = _fenced(session, claimed)
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


def finish(database: Database, claimed: Claim, found: Finished) -> bool:
    """Write the one result; ``False``, and nothing written, if the job is another's now."""
    with database.write() as session:
        solve = _fenced(session, claimed, ends=True)
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
        _end(session, solve, "cancelled" if cancelled else "succeeded")
        return True


def split(database: Database, claimed: Claim, parts: Sequence[Part]) -> bool:
    """Queue the parts of a solve and let it wait for them, at once or not at all.

    Any worker may take a part; whoever ends the last one queues the solve for merging. A solve
    that was cancelled meanwhile ends here. ``False``, and nothing written, if the job is
    another's now.
    """
    with database.write() as session:
        solve = _fenced(session, claimed, ends=True)
        if solve is None:
            return False
        if solve.cancel_requested_at is not None:
            solve.termination_reason, solve.solution_status = "cancelled", "none"
            _end(session, solve, "cancelled")
            return True
        solve.phase, solve.parts = "waiting", len(parts)
        solve.lease_until, solve.worker = None, None
        solve.epoch += 1  # whoever held the lease holds nothing now
        record(session, solve, "split", parts=len(parts))
        for number, part in enumerate(parts):
            queued = Solve(
                tenant_id=solve.tenant_id,
                owner=solve.owner,
                network_id=snapshots.keep(session, part.snapshot).id,
                options=part.options,
                request_hash="",
                parent_id=solve.id,
                part=number,
                state="queued",
                phase="solve",
                num_events=0,
                attempts=0,
                epoch=0,
                not_before=0.0,
                created_at=solve.created_at,
            )
            session.add(queued)
            session.flush()
            record(session, queued, "queued")
        return True


def subnetworks_of(session: Session, solve_id: str) -> list[Solve]:
    """The parts of a solve, in order."""
    return list(
        session.scalars(select(Solve).where(Solve.parent_id == solve_id).order_by(Solve.part))
    )


def retry(database: Database, claimed: Claim, error: str, settings: Settings) -> bool:
    """Give the job back after a crash of its solver, or end it when its attempts are used up."""
    with database.write() as session:
        solve = _fenced(session, claimed, ends=True)
        if solve is None:
            return False
        _lost(session, solve, error, settings)
        return True


def fail(database: Database, claimed: Claim, error: str, reason: str | None = None) -> bool:
    """End a job that no repetition would help: the request was wrong, or a part has failed.

    ``reason`` is the termination reason; ``None`` if no solver was ever at work.
    """
    with database.write() as session:
        solve = _fenced(session, claimed, ends=True)
        if solve is None:
            return False
        solve.error = error
        solve.termination_reason, solve.solution_status = reason, "none"
        _end(session, solve, "failed")
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


def reap(database: Database, settings: Settings) -> int:
    """Give back the jobs whose workers have gone silent; gives their number."""
    is_lost = Solve.state.in_(ACTIVE) & (Solve.lease_until < time.time())
    with database.read() as session:
        silent = session.execute(select(Solve.id, Solve.parent_id).where(is_lost)).all()
    num_lost = 0
    for solve_id, parent_id in silent:
        with database.write() as session:
            _lock(session, parent_id)
            solve = session.scalars(
                select(Solve).where(Solve.id == solve_id, is_lost).with_for_update(skip_locked=True)
            ).first()
            if solve is not None:
                _lost(session, solve, f"worker {solve.worker} went silent", settings)
                num_lost += 1
    return num_lost


def waiting(database: Database, limit: int = 100) -> list[str]:
    """Ids of solves that may start now: what a sweep enqueues again."""
    with database.read() as session:
        return list(
            session.scalars(
                select(Solve.id)
                .where(Solve.state == "queued", Solve.not_before <= time.time())
                .order_by(Solve.created_at, Solve.id)
                .limit(limit)
            )
        )


def cancel(session: Session, solve: Solve) -> None:
    """Cancel a solve: at once while it is queued or waits for parts, else by asking its worker.

    Calling it again changes nothing. A worker hears of it within a second.
    """
    _lock(session, solve.parent_id)
    session.refresh(solve, with_for_update=True)
    if solve.state in ENDED or solve.cancel_requested_at is not None:
        return
    solve.cancel_requested_at = time.time()
    for part in subnetworks_of(session, solve.id):
        cancel(session, part)
    if solve.phase == "merge" and solve.state == "queued":
        return  # its last part has just ended; what the parts have found is merged
    if solve.phase == "waiting":
        # Its parts end first; what they have found is merged.
        solve.state = "cancelling"
        record(session, solve, "cancelling")
    elif solve.state == "queued":
        solve.termination_reason, solve.solution_status = "cancelled", "none"
        _end(session, solve, "cancelled")
    else:
        solve.state = "cancelling"
        record(session, solve, "cancelling")


def _fenced(session: Session, claimed: Claim, *, ends: bool = False) -> Solve | None:
    """The solve, locked, if the claim still holds; with its parent if it ``ends`` here."""
    if ends:
        _lock(session, claimed.parent_id)
    return session.scalars(
        select(Solve)
        .where(Solve.id == claimed.solve_id, Solve.epoch == claimed.epoch, Solve.state.in_(ACTIVE))
        .with_for_update()
    ).first()


def _lock(session: Session, solve_id: str | None) -> None:
    """Lock a row until the transaction ends."""
    if solve_id is not None:
        session.execute(select(Solve.id).where(Solve.id == solve_id).with_for_update())


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


def _lost(session: Session, solve: Solve, error: str, settings: Settings) -> None:
    solve.lease_until, solve.worker = None, None
    solve.epoch += 1
    if solve.cancel_requested_at is not None and solve.phase != "merge":
        solve.termination_reason, solve.solution_status = "cancelled", "none"
        _end(session, solve, "cancelled")
    elif solve.attempts >= settings.max_attempts:
        solve.error = f"{error}; given up after {solve.attempts} attempts"
        solve.termination_reason, solve.solution_status = "crashed", "none"
        _end(session, solve, "failed")
    else:
        solve.state = "queued"
        solve.not_before = time.time() + RETRY_AFTER_S * solve.attempts
        record(session, solve, "lost", error=error, attempt=solve.attempts)


def _end(session: Session, solve: Solve, state: str) -> None:
    """The one way into a final state: event, webhooks and parent in the same transaction."""
    solve.state, solve.finished_at = state, time.time()
    solve.lease_until, solve.worker = None, None
    record(
        session,
        solve,
        "finished",
        state=state,
        solution_status=solve.solution_status,
        termination_reason=solve.termination_reason,
        best=solve.best,
        bound=solve.bound,
        gap=solve.gap,
        verdict=solve.verdict,
        error=solve.error,
    )
    if solve.parent_id is None:
        hooks = select(Webhook).where(
            Webhook.tenant_id == solve.tenant_id, Webhook.owner.in_(("", solve.owner))
        )
        for hook in session.scalars(hooks):
            session.add(
                OutboxMessage(
                    webhook_id=hook.id,
                    next_at=time.time(),
                    body={
                        "type": "solve.finished",
                        "timestamp": datetime.fromtimestamp(solve.finished_at, UTC).isoformat(),
                        "data": {
                            "solve": solve.id,
                            "state": state,
                            "solution_status": solve.solution_status,
                            "termination_reason": solve.termination_reason,
                            "best": solve.best,
                            "bound": solve.bound,
                            "gap": solve.gap,
                        },
                    },
                )
            )
        return
    parent = session.get_one(Solve, solve.parent_id)  # locked by whoever is ending the part
    session.flush()
    unfinished = session.scalar(
        select(func.count())
        .select_from(Solve)
        .where(Solve.parent_id == parent.id, Solve.state.not_in(ENDED))
    )
    record(session, parent, "part_finished", part=solve.part, state=state, left=unfinished)
    if not unfinished and parent.phase == "waiting":
        parent.phase, parent.state, parent.attempts = "merge", "queued", 0
        parent.not_before = 0.0
    elif state == "failed" and "scenarios" not in parent.options:
        for part in subnetworks_of(session, parent.id):
            cancel(session, part)  # without this part there is no plan of the whole
