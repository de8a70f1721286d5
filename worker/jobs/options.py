"""The options of a solve: `matcher.solve`'s, within what the service allows."""

from __future__ import annotations

from typing import Any

from matcher.errors import InputError, Issue
from worker.settings import Settings

OPTIONS = ("time_limit_s", "gap_limit", "engine", "threads", "seed", "memory_limit_bytes")
TIME_LIMIT_S = 60.0


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
    clipped = {name: options[name] for name in OPTIONS if options.get(name) is not None}
    for name, most in (
        ("time_limit_s", settings.max_time_limit_s),
        ("threads", settings.max_threads),
        ("memory_limit_bytes", settings.max_memory_bytes),
    ):
        if name in clipped:
            clipped[name] = min(clipped[name], most)
    clipped.setdefault("threads", settings.max_threads)
    clipped.setdefault("memory_limit_bytes", settings.max_memory_bytes)
    clipped.setdefault("time_limit_s", min(TIME_LIMIT_S, settings.max_time_limit_s))
    return clipped
