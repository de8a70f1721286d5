"""What a search found, apart from why it ended, in codes and in words; and the gap."""

from __future__ import annotations

from typing import Literal

SolutionStatus = Literal["optimal", "feasible", "infeasible", "none"]
TerminationReason = Literal[
    "proved", "gap_limit", "time_limit", "cancelled", "memory_limit", "crashed"
]

FOUND_TEXT: dict[SolutionStatus, str] = {
    "optimal": "This plan is proven optimal",
    "feasible": "A plan was found; it is not proven optimal",
    "infeasible": "It is proven that no plan exists",
    "none": "No plan was found, and it is not proven that none exists",
}
STOPPED_TEXT: dict[TerminationReason, str] = {
    "proved": "proof completed",
    "gap_limit": "gap limit reached",
    "time_limit": "time limit reached",
    "cancelled": "cancelled",
    "memory_limit": "memory limit reached",
    "crashed": "solver failed",
}


def ending(found: SolutionStatus, stopped: TerminationReason) -> str:
    """Why a search ended, in words.

    >>> ending("optimal", "proved"), ending("feasible", "time_limit")
    ('search ended: optimum proven', 'search ended: time limit reached')
    """
    if stopped == "proved":
        why = {"optimal": "optimum proven", "infeasible": "proven that no plan exists"}
        return f"search ended: {why.get(found, STOPPED_TEXT[stopped])}"
    return f"search ended: {STOPPED_TEXT[stopped]}"


def gap(best: float | None, bound: float | None) -> float | None:
    """Relative gap |best − bound| / max(1e-10, |best|); ``None`` while either is unknown."""
    if best is None or bound is None:
        return None
    return abs(best - bound) / max(1e-10, abs(best))
