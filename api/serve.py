"""The service on this machine: store, API, and without a broker the worker too, in one process."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from matcher.errors import MatcherError
from worker import access
from worker.settings import Settings, settings_from_environment
from worker.store.database import Database
from worker.wake.loop import Loop

FIRST_TENANT = "default"
_GRACE_S = 10


class Server(uvicorn.Server):
    """A server whose event streams end when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, at a second SIGINT at once; readers of streams come back to another process.

        The signal is not sent again afterwards, as the base class would: it would end the process
        before the running jobs are given back.
        """
        del frame
        self.app.state.service.hub.close()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(host: str = "127.0.0.1", port: int = 8000, settings: Settings | None = None) -> None:
    """Run the service until it is told to stop (SIGINT or SIGTERM).

    On a fresh store an admin key is made and printed, this once.

    Parameters
    ----------
    settings
        By default those of the environment; with ``redis_url``, Celery workers do the solving.

    Raises
    ------
    MatcherError
        The port is taken, a variable is wrong, or the store cannot be opened; says what to do.
    """
    settings = settings or settings_from_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    _check_free(host, port)
    database = Database(settings.database_url, settings.store_timeout_s)
    database.migrate()
    key = first_key(database)
    if key is not None:
        print(f"Admin key, shown this once: {key}", flush=True)
    wake = threading.Event()
    loop: Loop | None = None
    if settings.redis_url is None:
        name = f"{socket.gethostname()}/{os.getpid()}"
        loop = Loop(database, settings, name, wake, concurrency=settings.concurrency)
        loop.start()
    app = create_app(settings, database, _enqueue(settings, wake))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    print(f"Listening on http://{host}:{port} (documentation at /docs)", flush=True)
    try:
        Server(config, app).run()
    finally:
        if loop is not None:
            loop.stop()
        database.close()


def _enqueue(settings: Settings, wake: threading.Event) -> Callable[[str], None]:
    """Wakes the loop of this process, or with a broker some worker."""
    if settings.redis_url is None:
        return lambda _: wake.set()
    from worker.wake import wakeup  # only who has a broker needs its library

    def enqueue(solve_id: str) -> None:
        wakeup.enqueue(settings, solve_id)

    return enqueue


def _check_free(host: str, port: int) -> None:
    """Raise if the port is taken, before a key is shown that nobody will see again."""
    try:
        socket.create_server((host, port), reuse_port=False).close()
    except OSError as error:
        raise MatcherError(
            f"cannot listen on {host}:{port}: {error.strerror}; give another --port or --host"
        ) from None


def first_key(database: Database) -> str | None:
    """An admin key of the first tenant, if the store is fresh; ``None`` if it is in use."""
    with database.write() as session:
        if access.has_tenants(session):
            return None
        tenant = access.create_tenant(session, FIRST_TENANT)
        return access.create_key(session, tenant.id, "first admin", "admin")[1]
