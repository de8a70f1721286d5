"""``python -m worker``: the claim loop alone, on the store that ``DATABASE_URL`` names.

It polls the table and needs no broker. ``MATCHER_CONCURRENCY`` solves run at a time. SIGTERM or
SIGINT stops it; what does not finish within ``MATCHER_STOP_GRACE_S`` is given back.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys

from matcher.errors import MatcherError
from worker.settings import settings_from_environment
from worker.store.database import Database
from worker.wake.loop import Loop


def main() -> None:
    """Run until a signal says to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        settings = settings_from_environment()
        database = Database(settings.database_url, settings.store_timeout_s)
        database.migrate()
    except MatcherError as error:
        sys.exit(str(error))
    loop = Loop(
        database,
        settings,
        f"{socket.gethostname()}/{os.getpid()}",
        concurrency=settings.concurrency,
    )
    # Reaching another thread, a signal does not wake this one from a lock; a byte on a socket does.
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    loop.start()
    told.recv(1)
    loop.stop()
    database.close()


if __name__ == "__main__":
    main()
