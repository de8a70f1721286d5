"""The proof: the exact engine solves all of it, from the best plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.strategies.merging import MergeStrategy
from matcher.engines.decomposition.tuning import TUNING


class ExactStrategy(Strategy):
    """Leaves to the exact engine what the tree has not closed."""

    def __init__(self, state: SubproblemState, exact: Engine, merge: MergeStrategy) -> None:
        super().__init__(state)
        self._exact = exact
        self._merge = merge
        # Assignments that were left when it was last tried.
        self._num_tried = 2 * state.program.num_columns

    @property
    def weight(self) -> float:
        """It may end with a proof."""
        return TUNING.proof_weight

    def is_soon(self, seconds: float) -> bool:
        """Whether it is likely to prove all of it in a time, without any other work."""
        state, num = self.state, self.state.structure.num_assignments
        has_time = seconds >= TUNING.exact_assignment_s * num * num / TUNING.tiny
        return num <= TUNING.tiny and (has_time or not state.is_searchable)

    @property
    def is_possible(self) -> bool:
        """Where merges have found what they may, and little enough is left."""
        state = self.state
        if state.ascent is None:
            return False
        if self._is_all_that_is_left:
            return True
        has_plan = state.x is not None or not state.is_searchable
        is_less = state.num_left <= min(TUNING.small, self._num_tried // 2)
        return has_plan and self._merge.is_ripe and is_less

    @property
    def share_s(self) -> float:
        """What the assignments left usually take, unless there is no other work."""
        if self._is_all_that_is_left:
            return -np.inf
        return TUNING.exact_assignment_s * self.state.num_left

    @property
    def _is_all_that_is_left(self) -> bool:
        return not self.state.is_searchable and not self._merge.may_gain

    def run(self, seconds: float, /) -> None:
        """Solve it within what the tree leaves."""
        state = self.state
        program, cutoff = state.program, np.inf
        if state.tree is not None:
            cutoff = state.cutoff()
            lower, upper = state.tree.limits()
            program = replace(program, lower=lower, upper=upper)
        self._num_tried = state.num_left
        outcome = self._exact.solve(
            program,
            Limits(time_s=seconds, gap=state.gap, threads=1, seed=state.seed),
            start=state.x if cutoff == np.inf else None,
            on_progress=lambda progress: self._take(progress.bound, cutoff),
            cancelled=state.is_over,
        )
        state.is_settled = outcome.termination_reason in ("proved", "gap_limit")
        if outcome.solution_status == "infeasible":
            state.take_bound(cutoff)
        self._take(outcome.bound, cutoff)
        if outcome.x is not None:
            state.accept(outcome.x)

    def _take(self, bound: float | None, cutoff: float) -> None:
        """Take a bound on plans below the cutoff."""
        if bound is not None:
            self.state.take_bound(min(bound, cutoff))
