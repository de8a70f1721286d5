"""What a search found, apart from why it stopped; and the gap between best and bound."""

from __future__ import annotations

from typing import Literal

Found = Literal["optimal", "feasible", "infeasible", "none"]
Stopped = Literal["proved", "gap_limit", "time_limit", "cancelled", "memory_limit", "crashed"]


def gap(best: float | None, bound: float | None) -> float | None:
    """Relative gap |best − bound| / max(1e-10, |best|); ``None`` while either is unknown."""
    if best is None or bound is None:
        return None
    return abs(best - bound) / max(1e-10, abs(best))
