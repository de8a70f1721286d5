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
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

from matcher.errors import MatcherError
from worker import wakeup
from worker.settings import settings_from_environment
from worker.store.database import Database

try:
    _settings = settings_from_environment()
    Database(_settings.database_url).close()  # an address that is none is told now, and once
except MatcherError as error:
    sys.exit(str(error))

app = Celery("worker", broker=_settings.redis_url, include=["worker.tasks"])
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


@worker_ready.connect  # type: ignore[untyped-decorator]
def _on_ready(**_: Any) -> None:
    from worker import tasks

    threading.Thread(target=tasks.keep_up, args=(_over,), name="upkeep", daemon=True).start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _on_shutting_down(sender: str, **_: Any) -> None:
    from worker import tasks

    _over.set()
    name = f"{sender}/{os.getpid()}"
    threading.Thread(target=tasks.give_back_later, args=(name,), name="stop", daemon=True).start()
