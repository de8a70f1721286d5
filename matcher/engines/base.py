"""What every engine promises: one method, limits in, an outcome out.

An outcome keeps *what was found* apart from *why the search stopped*: a time limit with a good
plan is a success, and infeasible is an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from matcher.program import Floats, Program
from matcher.status import SolutionStatus, TerminationReason
from matcher.tolerances import BOUND_ABOVE

__all__ = [
    "Engine",
    "Limits",
    "Outcome",
    "Progress",
    "SolutionStatus",
    "TerminationReason",
    "settled_bound",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solve has to end, and what it may use.

    Parameters
    ----------
    time_s
        Wall-clock seconds.
    gap
        Relative gap at which the search may stop.
    threads, seed
        Passed to the solver.
    memory_bytes
        Resident memory of the solver process; ``None`` for no limit.
    """

    time_s: float = 60.0
    gap: float = 1e-4
    threads: int = 2
    seed: int = 0
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running solve stands. ``best`` and ``bound`` are ``None`` while unknown."""

    seconds: float
    best: float | None
    bound: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of an engine.

    ``x`` and ``best`` are ``None`` unless something was found; ``bound`` is a proven lower bound
    on the optimum, ``None`` if nothing was proven.
    """

    solution_status: SolutionStatus
    termination_reason: TerminationReason
    x: Floats | None
    best: float | None
    bound: float | None
    seconds: float
    engine: str
    version: str
    detail: str = ""


class Engine(Protocol):
    """A solver of neutral programs."""

    name: str

    def solve(
        self,
        program: Program,
        limits: Limits,
        *,
        start: Floats | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Minimise ``program`` within ``limits``.

        Parameters
        ----------
        start
            A point to begin from; used if the solver can, and if it is feasible.
        on_progress
            Called from this thread, at most a few times a second.
        cancelled
            Asked a few times a second; once it answers ``True`` the solve ends with its best.
        """
        ...


def settled_bound(best: float | None, bound: float | None) -> tuple[float | None, str]:
    """The bound to report, never above a feasible plan, and what there is to say about it."""
    if best is None or bound is None or bound <= best:
        return bound, ""
    if bound - best <= BOUND_ABOVE * max(1.0, abs(best)):
        return best, ""
    return None, (
        f"the solver's bound {bound:.9g} is above a feasible plan of {best:.9g}: "
        "the bound was dropped"
    )
