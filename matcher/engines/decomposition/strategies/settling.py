"""Contention: those selections exactly that the best plan gives less than they could have."""

from __future__ import annotations

import numpy as np

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.contention import settle
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.tuning import TUNING


class ContentionStrategy(Strategy):
    """Settles what few selections contend for, once for each better plan."""

    def __init__(self, state: SubproblemState, exact: Engine) -> None:
        super().__init__(state)
        self._exact = exact
        self._settled = np.inf  # the value of the plan of which it was last tried

    @property
    def weight(self) -> float:
        """It may end with a proof."""
        return TUNING.proof_weight

    @property
    def is_possible(self) -> bool:
        """Where few contend in a plan that is better than the last one."""
        return self.state.has_few_contenders and self.state.best < self._settled

    def run(self, seconds: float, /) -> None:
        """Solve them exactly."""
        state = self.state
        x, self._settled = state.x, state.best
        assert x is not None
        limits = Limits(
            time_s=min(seconds, TUNING.contention_s), gap=0.0, threads=1, seed=state.seed
        )
        settled = settle(state.structure, x, self._exact, limits, state.is_over)
        state.take_bound(settled.bound)
        if settled.x is not None:
            state.accept(settled.x)
            slack = TUNING.rounding * max(1.0, abs(state.best))
            state.is_settled = state.best - state.bound <= slack
