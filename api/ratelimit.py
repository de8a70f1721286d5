"""How often a key may ask: one count for all API processes in Redis, else one in each process.

The generic cell rate algorithm: of each name one time is kept, at which its requests so far would
have been due one by one. It is a bucket that refills evenly, without the bucket.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

WINDOW_S = 60
_MOST_NAMES = 10_000
# A request does not wait long for Redis; and others not at all, for a while after one has.
_TIMEOUT_S = 0.5
_AWAY_S = 5.0
# Times are numbers with a fraction: what differs by less is the same.
_SAME_S = 1e-3

# As `RateLimiter._in_memory`, at the time of the Redis server.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
if due + interval - now > window then return {1, tostring(due - now)} end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil(1000 * (due - now)))
return {0, tostring(due - now)}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
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
    """Allows ``per_minute`` requests a minute, and bursts of as many.

    Parameters
    ----------
    redis_url
        Where processes count together. While it is away each counts for itself.
    """

    def __init__(self, per_minute: int, redis_url: str | None = None) -> None:
        self.per_minute = per_minute
        self._due: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._script = None
        if redis_url is not None:
            client = redis.Redis.from_url(
                redis_url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
            self._script = client.register_script(_SCRIPT)

    def take(self, name: str) -> Allowance:
        """Count one request."""
        interval_s = WINDOW_S / self.per_minute
        is_over, ahead_s = self._in_redis(name, interval_s) or self._in_memory(name, interval_s)
        return Allowance(
            self.per_minute,
            max(0, int((WINDOW_S - ahead_s + _SAME_S) / interval_s)),
            math.ceil(ahead_s - _SAME_S),
            math.ceil(ahead_s + interval_s - WINDOW_S - _SAME_S) if is_over else 0,
        )

    def _in_redis(self, name: str, interval_s: float) -> tuple[bool, float] | None:
        if self._script is None or time.monotonic() < self._away_until:
            return None
        try:
            found = self._script(
                keys=[f"matcher:rate:{name}"], args=[interval_s, WINDOW_S + _SAME_S]
            )
            return bool(found[0]), float(found[1])
        except (redis.RedisError, OSError) as error:
            self._away_until = time.monotonic() + _AWAY_S
            log.warning("Redis is away, requests are counted in this process: %s", error)
            return None

    def _in_memory(self, name: str, interval_s: float) -> tuple[bool, float]:
        """Whether the request is one too many, and how far ahead of now its name's time is."""
        now = time.monotonic()
        with self._lock:
            due = max(now, self._due.pop(name, now))
            is_over = due + interval_s - now > WINDOW_S + _SAME_S
            if not is_over:
                due += interval_s
            self._due[name] = due
            if len(self._due) > _MOST_NAMES:
                self._due.popitem(last=False)
        return is_over, due - now
