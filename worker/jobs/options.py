"""The options of a solve as a request states them, and within what the service allows."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from matcher.errors import InputError, Issue
from matcher.options import GapLimit, MemoryLimit, Seed, SolveOptions, Threads, TimeLimit
from worker.settings import Settings

OPTIONS = tuple(each.name for each in fields(SolveOptions))


class StatedOptions(BaseModel):
    """What a request states of a solve's options; the rest is left to the service."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    time_limit_s: TimeLimit | None = Field(default=None, description="Seconds.")
    gap_limit: GapLimit | None = Field(default=None, description="Relative gap to stop at.")
    engine: str | None = None
    threads: Threads | None = None
    seed: Annotated[Seed, Field(le=2**31 - 1)] | None = None
    memory_limit_bytes: MemoryLimit | None = None


def largest(settings: Settings) -> dict[str, int | float]:
    """The most that one solve may ask for, of each option that the service limits."""
    return {
        "time_limit_s": settings.max_time_limit_s,
        "threads": settings.max_threads,
        "memory_limit_bytes": settings.max_memory_bytes,
    }


def limited(options: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The solve's options for `matcher.solve`, none above what the service allows.

    Raises
    ------
    InputError
        An option is unknown.
    """
    unknown = [name for name in options if name not in (*OPTIONS, "scenarios")]
    if unknown:
        raise InputError(
            [
                Issue(
                    code="unknown_option",
                    table="options",
                    column=name,
                    value=str(options[name]),
                    problem="is no option of a solve",
                    fix=f"known are {', '.join(OPTIONS)} and scenarios",
                )
                for name in unknown
            ]
        )
    most = largest(settings)
    default = {**most, "time_limit_s": SolveOptions().time_limit_s}
    stated = {name: options[name] for name in OPTIONS if options.get(name) is not None}
    return {
        name: min(value, most[name]) if name in most else value
        for name, value in {**default, **stated}.items()
    }
