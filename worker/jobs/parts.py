"""A solve in parts: it waits, with nobody's lease, until its last part ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.jobs.endings import end
from worker.jobs.leases import Claim, fenced
from worker.jobs.queue import enqueue
from worker.jobs.rows import record
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import NetworkSnapshot, Solve


@dataclass(frozen=True, slots=True)
class Part:
    """A network to be solved as a part of a larger solve, not stored yet, and its options."""

    snapshot: NetworkSnapshot
    options: dict[str, Any]


def split(database: Database, claimed: Claim, parts: Sequence[Part]) -> bool:
    """Queue the parts of a solve and let it wait for them, at once or not at all.

    Any worker may take a part; whoever ends the last one queues the solve for merging. A solve
    that was cancelled meanwhile ends here. ``False``, and nothing written, if the job is
    another's now.
    """
    with database.write() as session:
        solve = fenced(session, claimed, ends=True)
        if solve is None:
            return False
        if solve.cancel_requested_at is not None:
            solve.termination_reason, solve.solution_status = "cancelled", "none"
            end(session, solve, "cancelled")
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
                created_at=solve.created_at,
            )
            enqueue(session, queued)
        return True
