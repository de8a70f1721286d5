"""The engine that picks: exact for what can be proven, decomposition for what is too large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from matcher.engines.base import Engine, Limits, Outcome, Progress
from matcher.program import Floats, Program

EXACT_ITEMS = 600
"""Items up to which an exact engine is faster to a proof."""


@dataclass(slots=True)
class AutoEngine:
    """Picks an engine by size and structure, and says which and why."""

    name: str
    exact: Engine
    decomposition: Engine

    def solve(
        self,
        program: Program,
        limits: Limits,
        *,
        start: Floats | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Minimise ``program`` within ``limits``; see :class:`matcher.engines.base.Engine`."""
        from matcher.engines.decomposition import sizes_of_blocks  # loads its compiler

        sizes = sizes_of_blocks(program)
        if isinstance(sizes, str):
            chosen, why = self.exact, sizes
        else:
            chosen = self.exact if sum(sizes) <= EXACT_ITEMS else self.decomposition
            why = f"has {sum(sizes):,} candidates, {max(sizes, default=0):,} in its largest part"
        outcome = chosen.solve(
            program, limits, start=start, on_progress=on_progress, cancelled=cancelled
        )
        told = f"auto chose {chosen.name}: the network {why}"
        return replace(outcome, detail="; ".join(filter(None, (told, outcome.detail))))
