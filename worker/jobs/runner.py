"""One claimed solve from start to end: the only code that runs a job, whoever woke it.

The solver runs in a child process of its own (`matcher.engines.child`); here a thread renews the
lease and listens for a cancellation, and what was found, or went wrong, becomes one fenced write.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.orm import Session

from matcher.engines.base import Progress
from matcher.errors import EngineCrashed, MatcherError
from matcher.network import Network
from matcher.plan import Plan
from matcher.solve import solve
from worker import jobs
from worker.jobs import Claim, End, Order, plans, scenarios, shards
from worker.jobs.options import limited
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import AWAY, UNREACHABLE, Database, reason

log = logging.getLogger(__name__)

T = TypeVar("T")

# How often a worker asks whether it is to stop: with the solver's grace of 3 s, a cancelled solve
# ends within 5 s.
ASK_EVERY_S = 0.5
PROGRESS_EVERY_S = 1.0
# For how long a job is kept, and its result offered, while the store does not answer.
OFFER_S = 120.0


def run(database: Database, claimed: Claim, settings: Settings) -> None:
    """Work on a claimed solve until it has ended, waits for its parts, or is another's.

    A crash of the solver gives the job back for another attempt; a mistake in the request ends it
    at once, since no repetition would help.
    """
    with Lease(database, claimed, settings) as lease:
        try:
            end = _work(database, claimed, settings, lease)
        except EngineCrashed as error:
            end = partial(jobs.retry, database, claimed, str(error), settings)
        except MatcherError as error:
            end = partial(jobs.fail, database, claimed, str(error))
        except Exception as error:
            log.exception("solve %s, attempt %d", claimed.solve_id, claimed.attempts)
            problem = f"{type(error).__name__}: {error}"
            end = partial(jobs.retry, database, claimed, problem, settings)
        if lease.order != "lost":
            _offer(end, claimed)


def _work(database: Database, claimed: Claim, settings: Settings, lease: Lease) -> End:
    """Do what the solve's phase asks for; gives the write that ends it."""
    if claimed.phase == "merge":
        end_of = scenarios.merged if "scenarios" in claimed.options else shards.merged
        return _patiently(claimed, lambda: _merged(database, claimed, end_of))
    options = limited(claimed.options, settings)
    network = _patiently(claimed, lambda: _network(database, claimed))
    parts: tuple[jobs.Part, ...] = ()
    if claimed.parent_id is None:
        asked = claimed.options.get("scenarios")
        parts = (
            shards.parts(network, claimed, options, settings)
            if asked is None
            else scenarios.parts(network, claimed, options, asked)
        )
    if parts:
        return partial(jobs.split, database, claimed, parts)
    plan = _solve(network, options, database, claimed, lease)
    result = plan.result
    assert result is not None
    if result.termination_reason == "crashed" and plan.awards.is_empty():
        raise EngineCrashed(result.detail or "the solver died before it found a plan")
    return partial(jobs.finish, database, claimed, plans.finished(plan))


def _network(database: Database, claimed: Claim) -> Network:
    with database.read() as session:
        return snapshots.load(session, claimed.network_id)


def _merged(
    database: Database, claimed: Claim, end_of: Callable[[Database, Session, Claim], End]
) -> End:
    with database.read() as session:
        return end_of(database, session, claimed)


def _solve(
    network: Network, options: dict[str, Any], database: Database, claimed: Claim, lease: Lease
) -> Plan:
    told: tuple[str, float | None, float | None] = ("", None, None)
    told_at = began = time.monotonic()

    def on_progress(objective: str, progress: Progress) -> None:
        nonlocal told, told_at
        now, state = time.monotonic(), (objective, progress.best, progress.bound)
        if state == told or now - told_at < PROGRESS_EVERY_S or lease.is_away:
            return
        told, told_at = state, now
        try:
            jobs.progress(database, claimed, *state, now - began)
        except AWAY as error:  # the result matters, a missed report does not
            log.warning("solve %s: progress not recorded: %s", claimed.solve_id, reason(error))

    return solve(network, **options, on_progress=on_progress, cancelled=lambda: lease.order != "go")


def _offer(end: End, claimed: Claim) -> None:
    """Write the end of a job."""
    try:
        if not _patiently(claimed, end):
            log.warning("solve %s is another worker's now: result dropped", claimed.solve_id)
    except UNREACHABLE as error:
        log.error("solve %s: result not stored: %s", claimed.solve_id, reason(error))


def _patiently(claimed: Claim, ask: Callable[[], T]) -> T:
    """Ask the store again and again if it is away for a while: that is no fault of the job's."""
    until, wait_s = time.monotonic() + OFFER_S, 0.2
    while True:
        try:
            return ask()
        except UNREACHABLE as error:
            if time.monotonic() > until:
                raise
            log.warning("solve %s: store does not answer: %s", claimed.solve_id, reason(error))
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 5.0)


@dataclass(slots=True)
class Lease:
    """A thread that renews the lease of a claim and learns what is asked of its holder.

    ``is_away`` says whether the store did not answer when it was last asked.
    """

    database: Database
    claimed: Claim
    settings: Settings
    order: Order = "go"
    is_away: bool = False
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _keep(self) -> None:
        renewed = time.monotonic()
        wait_s = min(ASK_EVERY_S, self.settings.heartbeat_s)
        while self.order != "lost" and not self._over.wait(wait_s):
            try:
                if time.monotonic() - renewed >= self.settings.heartbeat_s:
                    self.order = jobs.heartbeat(self.database, self.claimed, self.settings)
                    renewed = time.monotonic()
                else:
                    self.order = jobs.order(self.database, self.claimed)
                self.is_away = False
            except AWAY as error:
                self.is_away = True
                # A store that is away gives the job to nobody else; the fence guards the rest.
                log.warning("solve %s: no heartbeat: %s", self.claimed.solve_id, reason(error))
