"""The queue: how a solve gets into it, and what waits there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from worker import access
from worker.jobs.rows import record
from worker.settings import Settings
from worker.store.database import Database
from worker.store.models import Solve


class QueueFull(Exception):
    """The tenant has as many solves waiting as it may."""


class KeyReused(Exception):
    """The idempotency key was used for another request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A solve that somebody asks for.

    Parameters
    ----------
    owner
        The lead firm that it belongs to; empty for the tenant as a whole.
    options
        Keyword arguments of `matcher.solve`.
    request_hash
        Tells whether an idempotency key comes with the same request again.
    """

    tenant_id: str
    owner: str
    network_id: str
    options: dict[str, Any]
    idempotency_key: str | None
    request_hash: str


def submit(session: Session, asked: Submission, settings: Settings) -> tuple[Solve, bool]:
    """Queue a solve; the same idempotency key and request give the same solve again.

    Enqueue with the broker only after the transaction has been committed. The second value tells
    whether the solve is new.

    Raises
    ------
    KeyReused
        The key came with another request before.
    QueueFull
        ``settings.max_queued`` solves of the tenant are waiting.
    """
    access.lock_tenant(session, asked.tenant_id)
    if asked.idempotency_key is not None:
        known = solve_of_key(session, asked.tenant_id, asked.idempotency_key)
        if known is not None:
            if known.request_hash != asked.request_hash or known.owner != asked.owner:
                raise KeyReused
            return known, False
    if num_queued(session, asked.tenant_id) >= settings.max_queued:
        raise QueueFull
    solve = Solve(
        tenant_id=asked.tenant_id,
        owner=asked.owner,
        network_id=asked.network_id,
        options=asked.options,
        idempotency_key=asked.idempotency_key,
        request_hash=asked.request_hash,
        created_at=time.time(),
    )
    enqueue(session, solve)
    return solve, True


def enqueue(session: Session, solve: Solve) -> None:
    """Store a new solve, to be claimed by any worker."""
    session.add(solve)
    session.flush()
    record(session, solve, "queued")


def solve_of_key(session: Session, tenant_id: str, idempotency_key: str) -> Solve | None:
    """The solve that was submitted with an idempotency key."""
    return session.scalars(
        select(Solve).where(Solve.tenant_id == tenant_id, Solve.idempotency_key == idempotency_key)
    ).first()


def num_queued(session: Session, tenant_id: str) -> int:
    """How many solves of a tenant wait, parts of others not counted."""
    waiting = select(func.count()).where(
        Solve.tenant_id == tenant_id, Solve.state == "queued", Solve.parent_id.is_(None)
    )
    return session.scalar(waiting) or 0


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
