"""What a Celery worker is woken for; see `worker.celery_app`."""

from __future__ import annotations

import os
import threading
import time
from functools import cache
from typing import Any

from worker import jobs, runner, upkeep, wakeup
from worker.celery_app import app
from worker.settings import Settings, settings_from_environment
from worker.store.database import Database

# After a job ends, so many waiting ones are called up: its parts, or its tenant's next.
_CALL_UP = 8


@cache
def _settings() -> Settings:
    return settings_from_environment()


@cache
def _database() -> Database:
    return Database(_settings().database_url, _settings().store_timeout_s)


@app.task(name=wakeup.TASK, bind=True)  # type: ignore[untyped-decorator]
def wake(task: Any, solve_id: str) -> None:
    """Run the solve, or any that waits if that one is taken."""
    settings, database = _settings(), _database()
    worker = f"{task.request.hostname}/{os.getppid()}"
    claimed = jobs.claim(database, worker, settings, solve_id) or jobs.claim(
        database, worker, settings
    )
    if claimed is None:
        return
    runner.run(database, claimed, settings)
    for waiting in jobs.waiting(database, _CALL_UP):
        wakeup.enqueue(settings, waiting)


def keep_up(over: threading.Event) -> None:
    """The upkeep of a worker: silent workers, webhooks, and jobs that nobody was woken for."""
    settings, database = _settings(), _database()
    upkeep.keep_up(database, settings, over, lambda: wakeup.sweep(settings, jobs.waiting(database)))


def give_back_later(worker: str) -> None:
    """After the grace, give back what this worker still runs."""
    time.sleep(_settings().stop_grace_s)
    jobs.give_back(_database(), worker)
