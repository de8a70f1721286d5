"""How often a key may ask: a bucket that refills, for each key and each process."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

WINDOW_S = 60
_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How much is left of a limit: requests, and seconds until it is whole again."""

    limit: int
    left: int
    reset_s: int
    wait_s: int

    @property
    def is_over(self) -> bool:
        """Whether this request is one too many."""
        return self.wait_s > 0

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"requests";r={self.left};t={self.reset_s}',
        }


class RateLimiter:
    """Allows ``per_minute`` requests a minute, and bursts of as many."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str) -> Standing:
        """Count one request."""
        per_second = self.per_minute / WINDOW_S
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.pop(name, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - at) * per_second)
            is_over = left < 1
            left = left if is_over else left - 1
            self._buckets[name] = left, now
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return Standing(
            self.per_minute,
            int(left),
            math.ceil((self.per_minute - left) / per_second),
            math.ceil((1 - left) / per_second) if is_over else 0,
        )
