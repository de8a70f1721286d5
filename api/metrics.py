"""Figures for Prometheus: requests of this process, and solves of the whole store."""

from __future__ import annotations

import logging
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from worker import queries
from worker.store.database import Database

log = logging.getLogger(__name__)

_STATES = ("queued", "running", "cancelling", "succeeded", "failed", "cancelled")


class Metrics:
    """Requests of this process, and solves of the whole store."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Solves(database))
        self._requests = Counter(
            "matcher_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "matcher_request_seconds",
            "Time to the head of the answer.",
            ("method", "route"),
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """Everything in the text format."""
        return generate_latest(self.registry)


class _Solves(Collector):
    """Solves by state, counted when asked."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def describe(self) -> list[Any]:
        """Nothing to count yet when it is registered."""
        return []

    def collect(self) -> list[Any]:
        """One gauge; without a store there is none."""
        gauge = GaugeMetricFamily("matcher_solves", "Solves by state.", labels=("state",))
        try:
            with self.database.read() as session:
                counts = queries.solves_by_state(session)
        except SQLAlchemyError:
            log.warning("no figures of solves: the store does not answer")
            return []
        for state in _STATES:
            gauge.add_metric([state], counts.get(state, 0))
        return [gauge]
