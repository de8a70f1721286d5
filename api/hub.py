"""Waking those who wait for a solve: one look at the store a moment, however many wait."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from worker import queries
from worker.jobs import ENDED
from worker.store.database import Database, reason

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25


class Hub:
    """Knows where each solve stands that somebody waits for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_closing = False
        self._waiting: Counter[str] = Counter()
        self._stands: dict[str, tuple[int, str]] = {}
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Let everybody go; streams end, and their readers come back to another process."""
        self.is_closing = True

    @asynccontextmanager
    async def watching(self, solve_id: str) -> AsyncIterator[None]:
        """Keep an eye on a solve."""
        self._waiting[solve_id] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._waiting[solve_id] -= 1
            if not self._waiting[solve_id]:
                del self._waiting[solve_id]
                self._stands.pop(solve_id, None)

    async def news(self, solve_id: str, seen: int, timeout_s: float) -> bool:
        """Wait for an event after number ``seen``; ``False`` if none came in time."""
        return await self._until(
            lambda: solve_id in self._stands and self._stands[solve_id][0] > seen, timeout_s
        )

    async def ended(self, solve_id: str, timeout_s: float) -> bool:
        """Wait for the end of a solve; ``False`` if it has not come in time."""
        async with self.watching(solve_id):
            return await self._until(
                lambda: solve_id in self._stands and self._stands[solve_id][1] in ENDED, timeout_s
            )

    async def _until(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        async with self._changed:
            while not is_so() and not self.is_closing:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), min(left, 1.0))
        return is_so()

    async def _look(self) -> None:
        while self._waiting and not self.is_closing:
            ids = list(self._waiting)
            try:
                stands = await run_in_threadpool(self._read, ids)
            except SQLAlchemyError as error:
                log.warning("the store does not answer: %s", reason(error))
                stands = {}
            async with self._changed:
                if any(self._stands.get(name) != stand for name, stand in stands.items()):
                    self._stands.update(stands)
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_EVERY_S)
        async with self._changed:
            self._changed.notify_all()

    def _read(self, ids: list[str]) -> dict[str, tuple[int, str]]:
        with self.database.read() as session:
            return queries.where_they_stand(session, ids)
