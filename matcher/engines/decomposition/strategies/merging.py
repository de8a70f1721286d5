"""Merges: the exact engine solves some of it anew, from what has been thought of so far."""

from __future__ import annotations

import numpy as np

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.kernels.selection import Bools
from matcher.engines.decomposition.merge import (
    SELECTIONS,
    around,
    is_small,
    is_whole,
    seconds_needed,
    solve_anew,
)
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.tuning import TUNING
from matcher.program import Floats


class MergeStrategy(Strategy):
    """Merges the best plan with what prices think of, wider after each merge in vain."""

    def __init__(self, state: SubproblemState, improver: Engine) -> None:
        super().__init__(state)
        self._improver = improver
        self._merges = self._vain = 0
        self._is_merged = False
        self._width = 1.0

    @property
    def may_gain(self) -> bool:
        """Whether another merge may find something."""
        return self._vain < TUNING.vain_merges

    @property
    def is_ripe(self) -> bool:
        """Whether merges have found what they may, so that the rest is for a proof."""
        return self._is_merged or self.state.is_stuck or not self.may_gain

    @property
    def weight(self) -> float:
        """Less where a merge sees only a cluster of all selections."""
        if self.state.is_wide:
            return 1.0
        return float(np.clip(SELECTIONS / self.state.structure.num_selections, 0.1, 1.0))

    @property
    def least_s(self) -> float:
        """Seconds that a merge needs to be of use."""
        state = self.state
        if state.x is None or state.ascent is None:
            return 0.0
        return seconds_needed(state.structure, state.x, state.ascent.mean)

    @property
    def is_possible(self) -> bool:
        """Once prices have ascended, and there is a plan unless that is for merges to find."""
        state = self.state
        has_begun = state.x is not None or not state.is_searchable
        return state.ascent is not None and has_begun and self.may_gain

    def run(self, seconds: float, /) -> None:
        """Merge once."""
        state, s = self.state, self.state.structure
        assert state.ascent is not None
        # What prices think of may be far from the best plan, and is soon solved by itself, roughly:
        # the next merge, with that plan, goes on.
        by_itself = self._merges == 0 and is_small(s)
        x = None if by_itself else state.x
        mean = state.ascent.mean
        if state.tree is not None and self._merges % 2:
            mean = state.idea()
        self._merges += 1
        whole = x is None or is_whole(s, x, mean)
        more = state.root_reduced_costs.at_one[s.decider] if whole else None
        free = around(s, x, mean, more, self._width, state.rng)
        limits = Limits(
            time_s=min(seconds, TUNING.whole_merge_s if whole else TUNING.cluster_merge_s),
            gap=TUNING.rough_gap if by_itself else min(state.gap, TUNING.merge_gap),
            threads=1,
            seed=state.seed,
        )
        better, settled = solve_anew(s, x, free, self._improver, limits, state.is_over)
        if whole and not by_itself:
            self._is_merged |= settled
            state.is_stuck |= not settled
        if better is not None:
            self._take(better, free, x)
        elif not by_itself:  # within what prices think of there may be no plan
            self._widen(settled, whole, has_plan=x is not None)

    def _take(self, better: Floats, free: Bools, x: Floats | None) -> None:
        """Take what was found if it makes the best plan; that may be another by now."""
        state = self.state
        for beside in (state.x, x):
            changed = (state.program.lower if beside is None else beside).copy()
            changed[free] = better
            if state.accept(changed):
                self._vain = 0
                break

    def _widen(self, settled: bool, whole: bool, *, has_plan: bool) -> None:
        """See more next time if it was solved in vain, less if it was not solved."""
        if not settled:
            self._width = max(self._width / TUNING.wider, 1.0)
            self._vain += 1
            return
        if whole:
            self._width = min(self._width * TUNING.wider, TUNING.wider**TUNING.most_times)
        # Without a plan even then, there may be none.
        self._vain += not has_plan
