"""The claim loop of a service without a broker: threads that poll the table of solves."""

from __future__ import annotations

import logging
import threading
import time

from worker import jobs
from worker.jobs import runner
from worker.settings import Settings
from worker.store.database import AWAY, Database, reason
from worker.wake.upkeep import keep_up

log = logging.getLogger(__name__)

SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.2, 1.0


class Loop:
    """Claims solves and runs them, ``concurrency`` at a time, until it is stopped.

    Parameters
    ----------
    name
        Name of this worker; no other that is running may have it.
    wake
        Set it once something was submitted: the next look is then at once, not within a second.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        name: str,
        wake: threading.Event | None = None,
        *,
        concurrency: int = 1,
    ) -> None:
        self.database = database
        self.settings = settings
        self.name = name
        self.wake = wake or threading.Event()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._workers = [
            threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True)
            for i in range(concurrency)
        ]
        self._upkeep = threading.Thread(
            target=keep_up,
            args=(database, settings, self._over, self._look),
            name=f"{name}-upkeep",
            daemon=True,
        )

    def start(self) -> None:
        """Start the threads."""
        for thread in (*self._workers, self._upkeep):
            thread.start()

    def stop(self, grace_s: float | None = None) -> None:
        """Take nothing new; after the grace, give back what still runs; return once all is quiet.

        The grace is ``settings.stop_grace_s`` unless given. Jobs that are given back lose no
        attempt, and their solver processes are ended.
        """
        self._stopping.set()
        self.wake.set()
        self._over.set()
        until = time.monotonic() + (self.settings.stop_grace_s if grace_s is None else grace_s)
        for thread in self._workers:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in self._workers):
            try:
                num = jobs.give_back(self.database, self.name)
                log.info("%d running jobs given back", num)
            except AWAY as error:
                log.error("running jobs are left to their leases: %s", reason(error))
        for thread in (*self._workers, self._upkeep):
            thread.join()

    def _look(self) -> None:
        if jobs.waiting(self.database, limit=1):
            self.wake.set()

    def _work(self) -> None:
        wait_s = SHORTEST_WAIT_S
        while not self._stopping.is_set():
            if self._run_one():
                wait_s = SHORTEST_WAIT_S
                self.wake.set()  # its parts, or the solve it was a part of, may start now
                continue
            if self.wake.wait(wait_s):
                wait_s = SHORTEST_WAIT_S
                if not self._stopping.is_set():
                    self.wake.clear()
            else:
                wait_s = min(1.5 * wait_s, LONGEST_WAIT_S)

    def _run_one(self) -> bool:
        """Claim a solve and run it; ``False`` if there was none."""
        try:
            claimed = jobs.claim(self.database, self.name, self.settings)
            if claimed is None:
                return False
            runner.run(self.database, claimed, self.settings)
        except AWAY as error:
            log.warning("the store does not answer: %s", reason(error))
            return False
        except Exception:
            # The job's lease runs out and another attempt is made; this thread goes on.
            log.exception("%s", self.name)
            return False
        return True
