"""The row of a solve: the states it may be in, its events, its parts, and its lock."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.store.models import Event, Solve

ACTIVE = ("running", "cancelling")
ENDED = ("succeeded", "failed", "cancelled")


def record(session: Session, solve: Solve, kind: str, **data: Any) -> None:
    """Append an event to a solve, within the transaction that makes it true."""
    solve.num_events += 1
    session.add(
        Event(solve_id=solve.id, seq=solve.num_events, at=time.time(), kind=kind, data=data)
    )


def parts_of(session: Session, solve_id: str) -> list[Solve]:
    """The parts of a solve, in order."""
    return list(
        session.scalars(select(Solve).where(Solve.parent_id == solve_id).order_by(Solve.part))
    )


def lock(session: Session, solve_id: str | None) -> None:
    """Lock a row until the transaction ends."""
    if solve_id is not None:
        session.execute(select(Solve.id).where(Solve.id == solve_id).with_for_update())
