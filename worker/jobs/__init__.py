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

from worker.jobs.endings import (
    End,
    Finished,
    cancel,
    fail,
    finish,
    reap,
    retry,
)
from worker.jobs.leases import Claim, Order, claim, give_back, heartbeat, order, progress
from worker.jobs.parts import Part, split
from worker.jobs.queue import (
    KeyReused,
    QueueFull,
    Submission,
    num_queued,
    solve_of_key,
    submit,
    waiting,
)
from worker.jobs.rows import ENDED, parts_of, record

__all__ = [
    "ENDED",
    "Claim",
    "End",
    "Finished",
    "KeyReused",
    "Order",
    "Part",
    "QueueFull",
    "Submission",
    "cancel",
    "claim",
    "fail",
    "finish",
    "give_back",
    "heartbeat",
    "num_queued",
    "order",
    "parts_of",
    "progress",
    "reap",
    "record",
    "retry",
    "solve_of_key",
    "split",
    "submit",
    "waiting",
]
