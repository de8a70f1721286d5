"""Settings of the service, from the environment."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from pathlib import Path

from matcher.errors import MatcherError

MIB = 2**20
_MAY_BE_0 = ("stop_grace_s", "split_above_pairs")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the service keeps its data and what it allows.

    Parameters
    ----------
    database_url
        SQLAlchemy address; a SQLite file in the working directory unless told otherwise.
    redis_url
        Address of the broker; ``None`` lets workers poll the database.
    concurrency
        Jobs side by side in a worker that polls.
    lease_s, heartbeat_s
        A worker that has not renewed its lease for ``lease_s`` has lost its job.
    max_attempts
        Starts of a job after which it has failed.
    max_upload_bytes
        Largest body of a request.
    max_time_limit_s, max_memory_bytes, max_threads
        Most that one solve may ask for; memory is also the default.
    max_queued, max_running
        Solves of one tenant that may wait and run at once.
    requests_per_minute
        Requests that one key may make, to all API processes with the same Redis together.
    max_pairs
        Demand–bid pairs above which a network is refused before anything is built.
    split_above_pairs
        Demand–bid pairs from which a network that falls apart is solved in parts: below, starting
        a solver for each part takes longer than solving all at once.
    sweep_s
        Seconds between two looks for silent workers, jobs that nobody was woken for, and
        webhook messages that are due.
    stop_grace_s
        Seconds that running jobs have to finish when their worker is being stopped; what is left
        is given back.
    store_timeout_s
        Seconds after which a store that does not answer counts as away.
    webhook_private_addresses
        Whether webhooks may go to addresses that are not public, and without TLS.
    """

    database_url: str
    redis_url: str | None = None
    concurrency: int = 1
    lease_s: float = 30.0
    heartbeat_s: float = 5.0
    max_attempts: int = 3
    max_upload_bytes: int = 200 * MIB
    max_time_limit_s: float = 3600.0
    max_memory_bytes: int = 4096 * MIB
    max_threads: int = 2
    max_queued: int = 100
    max_running: int = 2
    requests_per_minute: int = 30_000
    max_pairs: int = 5_000_000
    split_above_pairs: int = 2_000
    sweep_s: float = 2.0
    stop_grace_s: float = 10.0
    store_timeout_s: float = 30.0
    webhook_private_addresses: bool = False


def settings_from_environment() -> Settings:
    """The settings that ``DATABASE_URL``, ``REDIS_URL`` and ``MATCHER_…`` variables ask for.

    Raises
    ------
    MatcherError
        A variable is no number, or one that makes no sense.
    """
    data = Path(os.environ.get("MATCHER_DATA") or "matcher-data")
    numbers: dict[str, float | int] = {}
    for each in fields(Settings):
        text = os.environ.get(f"MATCHER_{each.name.upper()}")
        default = each.default
        if text and isinstance(default, int | float) and not isinstance(default, bool):
            numbers[each.name] = _number(each.name, text, type(default))
    return Settings(
        database_url=os.environ.get("DATABASE_URL") or f"sqlite:///{data / 'matcher.sqlite3'}",
        redis_url=os.environ.get("REDIS_URL") or None,
        webhook_private_addresses=os.environ.get("MATCHER_WEBHOOK_PRIVATE_ADDRESSES") == "1",
        **numbers,  # type: ignore[arg-type]
    )


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and (value > 0 or (value == 0 and name in _MAY_BE_0)):
        return value
    wanted = "a whole number" if kind is int else "a number"
    least = "0 or more" if name in _MAY_BE_0 else "above 0"
    raise MatcherError(f"MATCHER_{name.upper()}: '{text}' is not {wanted} {least}; give one")
