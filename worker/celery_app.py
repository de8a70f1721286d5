"""Celery on Redis: it wakes workers and spreads solves over machines; the database is the truth.

Start a worker with ``DATABASE_URL`` and ``REDIS_URL`` set::

    python -m celery -A worker.celery_app worker --concurrency 2

Every worker also looks after the table every few seconds: it takes jobs back from silent workers
and wakes somebody for jobs whose message was lost. So a message may be lost, doubled or late, and
nothing needs to be stored in Redis. A worker that is told to stop (SIGTERM) takes nothing new and
gives back, after ``MATCHER_STOP_GRACE_S``, what still runs.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from matcher.errors import MatcherError
from worker import jobs
from worker.jobs import runner
from worker.settings import settings_from_environment
from worker.store.database import Database
from worker.wake import upkeep, wakeup

try:
    _settings = settings_from_environment()
    Database(_settings.database_url).close()  # an address that is none is told now, and once
except MatcherError as error:
    sys.exit(str(error))

app = Celery("worker", broker=_settings.redis_url)
app.conf.update(
    task_default_queue=wakeup.QUEUE,
    task_acks_late=False,
    task_ignore_result=True,
    result_backend=None,
    task_serializer="json",
    accept_content=["json"],
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    # A solver library that has run once may hang for ever in a forked child.
    worker_pool="prefork",
    worker_pool_start_method="spawn",
    worker_soft_shutdown_timeout=30,
    # The coming default would silently drop what runs when Redis goes away.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options=wakeup.TRANSPORT,
)

_over = threading.Event()

# After a job ends, so many waiting ones are called up: its parts, or its tenant's next.
_CALL_UP = 8


@cache
def _database() -> Database:
    return Database(_settings.database_url, _settings.store_timeout_s)


@app.task(name=wakeup.TASK, bind=True)  # type: ignore[untyped-decorator]
def wake(task: Any, solve_id: str) -> None:
    """Run the solve, or any that waits if that one is taken."""
    database = _database()
    worker = f"{task.request.hostname}/{os.getppid()}"
    claimed = jobs.claim(database, worker, _settings, solve_id) or jobs.claim(
        database, worker, _settings
    )
    if claimed is None:
        return
    runner.run(database, claimed, _settings)
    for waiting in jobs.waiting(database, _CALL_UP):
        wakeup.enqueue(_settings, waiting)


def _keep_up() -> None:
    """The upkeep of a worker: silent workers, webhooks, and jobs that nobody was woken for."""
    database = _database()
    upkeep.keep_up(
        database, _settings, _over, lambda: wakeup.sweep(_settings, jobs.waiting(database))
    )


def _give_back_later(worker: str) -> None:
    """After the grace, give back what this worker still runs."""
    time.sleep(_settings.stop_grace_s)
    jobs.give_back(_database(), worker)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _on_ready(**_: Any) -> None:
    threading.Thread(target=_keep_up, name="upkeep", daemon=True).start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _on_shutting_down(sender: str, **_: Any) -> None:
    _over.set()
    name = f"{sender}/{os.getpid()}"
    threading.Thread(target=_give_back_later, args=(name,), name="stop", daemon=True).start()
