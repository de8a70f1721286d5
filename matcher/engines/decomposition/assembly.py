"""The whole as the sum of its subproblems: best plan, bound and solution."""

from __future__ import annotations

import numpy as np

from matcher.engines.decomposition.structure import structure_of
from matcher.engines.decomposition.structure.blocks import blocks_of
from matcher.engines.decomposition.subproblem import Subproblem
from matcher.program import Floats, Program, never_met

# A plan that breaks the program by more than this is not taken.
TOLERANCE = 1e-5


class Assembly:
    """A program in blocks, and the subproblems of those that were begun.

    Parameters
    ----------
    program
        The whole.
    start
        A solution of it to fall back on, if there is one.
    """

    def __init__(self, program: Program, start: Floats | None) -> None:
        self.program = program
        self._start = start
        structure = structure_of(program)
        upper = program.upper if structure is None else structure.column_upper
        self.handed_over = "" if structure is None else structure.handed_over
        # A row without a column that may be above 0 is in no block.
        self.is_broken = bool(never_met(program, upper, TOLERANCE).any())
        blocks, self._rest = ([], program.lower) if self.is_broken else blocks_of(program, upper)
        # The largest first: it takes longest.
        self.blocks = sorted(blocks, key=lambda block: -block.columns.size)
        self.subproblems: list[Subproblem] = []
        self._fixed = program.objective(self._rest)

    @property
    def is_whole(self) -> bool:
        """Whether every block has its subproblem."""
        return len(self.subproblems) == len(self.blocks)

    @property
    def best(self) -> float:
        """Value of the best plan, infinite if some block has none."""
        if not self.is_whole:
            return np.inf
        return self._fixed + sum(each.best for each in self.subproblems)

    @property
    def bound(self) -> float:
        """Proven lower bound; minus infinity while some block has none."""
        if not self.is_whole:
            return -np.inf
        return self._fixed + sum(each.bound for each in self.subproblems)

    def solution(self) -> Floats | None:
        """The best plan of all blocks, or else the start; ``None`` if neither is one."""
        for x in (self._together(), self._start):
            if x is not None and self.program.violation(x) <= TOLERANCE:
                return x
        return None

    def _together(self) -> Floats | None:
        x = self._rest.copy()
        for each in self.subproblems:
            if each.x is None:
                return None
            x[each.columns] = each.x
        return x if self.is_whole and x.size > 0 else None
