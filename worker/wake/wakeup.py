"""Waking a worker through the broker: a message that may be lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from worker.settings import Settings

log = logging.getLogger(__name__)

QUEUE = "solves"
TASK = "worker.tasks.wake"
TRANSPORT: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 5,
}
# While the broker is away, callers do not wait for it again and again.
_AWAY_S = 2.0
_AWAY = (OperationalError, redis.RedisError, OSError)


class _Sender:
    """Sends wake messages to one broker; never raises when it is away."""

    def __init__(self, url: str) -> None:
        self.app = Celery(broker=url, set_as_current=False)
        self.app.conf.update(
            task_default_queue=QUEUE,
            task_serializer="json",
            task_ignore_result=True,
            result_backend=None,
            broker_transport_options=TRANSPORT | {"max_retries": 0, "socket_timeout": 2},
        )
        self.redis = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._away_until = 0.0
        self._lock = threading.Lock()

    def send(self, solve_id: str) -> bool:
        """Send one message, unless the broker has just been found away."""
        if time.monotonic() < self._away_until:
            return False
        with self._lock:
            if time.monotonic() < self._away_until:
                return False
            try:
                self.app.send_task(TASK, (solve_id,), retry=False)
            except _AWAY as error:
                self._away_until = time.monotonic() + _AWAY_S
                log.warning("the broker is away, the sweep will wake a worker: %s", error)
                return False
        return True

    def num_messages(self) -> int | None:
        """Messages that wait in the queue; ``None`` while the broker is away."""
        try:
            return int(self.redis.llen(QUEUE))
        except _AWAY:
            return None


@cache
def _sender(url: str) -> _Sender:
    return _Sender(url)


def enqueue(settings: Settings, solve_id: str) -> bool:
    """Wake a worker for a solve, once its transaction has been committed.

    ``False`` if there is no broker or it is away: then a sweep, or the polling loop, finds the
    solve.
    """
    return settings.redis_url is not None and _sender(settings.redis_url).send(solve_id)


def sweep(settings: Settings, solve_ids: Sequence[str]) -> None:
    """Wake workers for solves that wait although no message does."""
    if settings.redis_url is None or not solve_ids:
        return
    sender = _sender(settings.redis_url)
    if sender.num_messages() == 0:
        for solve_id in solve_ids:
            if not sender.send(solve_id):
                return
