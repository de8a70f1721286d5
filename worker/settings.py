"""Settings of the service, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from matcher.errors import MatcherError

MIB = 2**20
# The descriptions are what a wrong value is told not to be.
Count = Annotated[int, Field(gt=0, description="a whole number above 0")]
CountOr0 = Annotated[int, Field(ge=0, description="a whole number 0 or more")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]
SecondsOr0 = Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number 0 or more")]


class Settings(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str
    redis_url: str | None = None
    concurrency: Count = 1
    lease_s: Seconds = 30.0
    heartbeat_s: Seconds = 5.0
    max_attempts: Count = 3
    max_upload_bytes: Count = 200 * MIB
    max_time_limit_s: Seconds = 3600.0
    max_memory_bytes: Count = 4096 * MIB
    max_threads: Count = 2
    max_queued: Count = 100
    max_running: Count = 2
    requests_per_minute: Count = 30_000
    max_pairs: Count = 5_000_000
    split_above_pairs: CountOr0 = 2_000
    sweep_s: Seconds = 2.0
    stop_grace_s: SecondsOr0 = 10.0
    store_timeout_s: Seconds = 30.0
    webhook_private_addresses: bool = False


def _variable(name: str) -> str:
    """The variable that a setting is read from."""
    return name.upper() if name in ("database_url", "redis_url") else f"MATCHER_{name.upper()}"


class _Environment(BaseSettings, Settings):
    """The settings as variables, and the folder of a store that none of them names."""

    model_config = SettingsConfigDict(
        alias_generator=_variable, case_sensitive=True, env_ignore_empty=True, loc_by_alias=False
    )

    database_url: str = ""
    webhook_private_addresses: Annotated[bool, BeforeValidator(lambda text: text == "1")] = False
    data: Path = Path("matcher-data")


def settings_from_environment() -> Settings:
    """The settings that ``DATABASE_URL``, ``REDIS_URL`` and ``MATCHER_…`` variables ask for.

    An empty variable counts as one that is not set.

    Raises
    ------
    MatcherError
        Variables are no numbers, or numbers that make no sense; a line for each.
    """
    try:
        found = _Environment().model_dump()
    except ValidationError as error:
        raise MatcherError("\n".join(_wrong(each) for each in error.errors())) from None
    data = found.pop("data")
    found["database_url"] = found["database_url"] or f"sqlite:///{data / 'matcher.sqlite3'}"
    return Settings(**found)


def _wrong(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    wanted = Settings.model_fields[name].description
    return f"{_variable(name)}: '{error['input']}' is not {wanted}; give one"
