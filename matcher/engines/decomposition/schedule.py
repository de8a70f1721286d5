"""The schedule: which round of work comes next, on which subproblem, and for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from matcher.engines.decomposition.assembly import Assembly
from matcher.engines.decomposition.strategies import Work
from matcher.engines.decomposition.structure.blocks import DiagonalBlock
from matcher.engines.decomposition.subproblem import Subproblem

# A round takes this part of what a subproblem may still have: later there may be a better use for
# it. The first on the bounds of many takes less: plans wait for it.
_ROUND, _FIRST = 0.4, 0.15
_SHORTEST_S, _LEAST_S = 0.5, 0.05

Round = tuple[Subproblem, Work]


@dataclass(slots=True, eq=False)
class Schedule:
    """Rounds for some threads: the next one goes to where most is promised.

    Parameters
    ----------
    assembly
        The subproblems; those of blocks that have none yet come first.
    make
        Makes the subproblem of a block.
    threads
        How many work at a time.
    left_s
        Asked for the seconds that are left.
    """

    assembly: Assembly
    make: Callable[[DiagonalBlock], Subproblem]
    threads: int
    left_s: Callable[[], float]
    # How many threads are at which work.
    _busy: Counter[Round] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_finished(self) -> bool:
        """Whether nobody is at work, and nothing waits to be begun."""
        return not self._busy.total() and self.assembly.is_whole

    def take(self) -> Round | None:
        """What to do next, counted as begun; ``None`` if all that can be done is being done."""
        with self._lock:
            chosen = self._next()
            if chosen is not None:
                self._busy[chosen] += 1
            return chosen

    def give_back(self, round_: Round) -> None:
        """Count a round as ended."""
        with self._lock:
            self._busy[round_] -= 1

    def seconds(self, subproblem: Subproblem, work: Work) -> float:
        """For how long a round is to go on: a part of its subproblem's share of what is left."""
        if work in (Work.BEGIN, Work.PRICES):
            return 0.0  # they end by themselves
        part, least = _ROUND, _SHORTEST_S
        is_first = subproblem.spent_s(work) == 0
        if work == Work.BOUND and is_first and len(self.assembly.blocks) > 1:
            part, least = _FIRST, 0.0
        elif work == Work.EXACT:
            part = 1.0
        elif work == Work.MERGE:
            least = subproblem.least_s(work)
        left = self.left_s()
        round_s = part * self._seconds_each() * subproblem.gap_value
        return float(np.clip(round_s, min(least, left), max(left, _LEAST_S)))

    def _next(self) -> Round | None:
        assembly = self.assembly
        if not assembly.is_whole:
            subproblem = self.make(assembly.blocks[len(assembly.subproblems)])
            assembly.subproblems.append(subproblem)
            return subproblem, Work.BEGIN
        score, chosen = -1.0, None
        seconds_each, even_seconds = self._seconds_each(), self._even_seconds()
        for subproblem in assembly.subproblems:
            if subproblem.is_done:
                continue
            for work in subproblem.possible(seconds_each * subproblem.gap_value, even_seconds):
                if self._busy[subproblem, work] >= subproblem.at_once(work, self.threads):
                    continue
                if (promise := subproblem.score(work)) > score:
                    score, chosen = promise, (subproblem, work)
        return chosen

    def _seconds_each(self) -> float:
        """Seconds of all threads that are left for each unit of all gaps."""
        total = sum(each.gap_value for each in self.assembly.subproblems if not each.is_done)
        return self._seconds_left() / total if total > 0 else 0.0

    def _even_seconds(self) -> float:
        """Seconds of all threads that are left for each subproblem, if all get the same."""
        num = sum(not each.is_done for each in self.assembly.subproblems)
        return self._seconds_left() / max(num, 1)

    def _seconds_left(self) -> float:
        """Seconds of all threads that are left."""
        return self.threads * self.left_s()
