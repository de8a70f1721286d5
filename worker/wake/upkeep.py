"""What any worker does every few seconds besides solving."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from worker import jobs, outbox
from worker.settings import Settings
from worker.store.database import AWAY, Database, reason

log = logging.getLogger(__name__)


def keep_up(
    database: Database, settings: Settings, over: threading.Event, also: Callable[[], None]
) -> None:
    """Take jobs from silent workers, call ``also`` and send due webhook messages, until ``over``.

    It looks every ``settings.sweep_s`` seconds. Messages have a thread of their own, since jobs
    must not wait for slow receivers. After the store was away, workers first get the time to renew
    the leases that have run out meanwhile.
    """
    sending = threading.Thread(
        target=_repeat,
        args=(partial(outbox.send_due, database, settings), settings.sweep_s, over),
        name="outbox",
        daemon=True,
    )
    sending.start()
    reap_from = 0.0

    def look_after() -> None:
        nonlocal reap_from
        try:
            if time.monotonic() >= reap_from and (num := jobs.reap(database, settings)):
                log.warning("%d jobs taken back from silent workers", num)
            also()
        except AWAY:
            reap_from = time.monotonic() + 2 * settings.heartbeat_s + settings.sweep_s
            raise

    _repeat(look_after, settings.sweep_s, over)
    sending.join(outbox.TIMEOUT_S)  # the message in hand; others are sent by who comes next


def _repeat(what: Callable[[], object], every_s: float, over: threading.Event) -> None:
    """Do something again and again; what it raises is logged."""
    while True:
        try:
            what()
        except AWAY as error:
            log.warning("the store does not answer: %s", reason(error))
        except Exception:
            log.exception("upkeep")
        if over.wait(every_s):
            return
