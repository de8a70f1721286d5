"""What any worker does every few seconds besides solving."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from worker import jobs, outbox
from worker.settings import Settings
from worker.store.database import AWAY, Database

log = logging.getLogger(__name__)


def keep_up(
    database: Database, settings: Settings, over: threading.Event, also: Callable[[], None]
) -> None:
    """Every ``settings.sweep_s`` seconds until ``over``: take jobs from silent workers, send the
    webhook messages that are due, and call ``also``.

    What they raise is logged, and tried again the next time. After the store was away, workers
    first get the time to renew the leases that have run out meanwhile.
    """
    reap_from = 0.0
    while True:
        try:
            if time.monotonic() >= reap_from and (num := jobs.reap(database, settings)):
                log.warning("%d jobs taken back from silent workers", num)
            outbox.send_due(database, settings)
            also()
        except AWAY as error:
            log.warning("the store does not answer: %s", error)
            reap_from = time.monotonic() + 2 * settings.heartbeat_s + settings.sweep_s
        except Exception:
            log.exception("upkeep")
        if over.wait(settings.sweep_s):
            return
