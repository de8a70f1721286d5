"""The bound: prices with knapsacks first, then a tree of facilities."""

from __future__ import annotations

import time

import numpy as np

from matcher.engines.decomposition.bounds.coupling_dual import CouplingDual
from matcher.engines.decomposition.bounds.demand_dual import DemandDual, fits_demand_dual
from matcher.engines.decomposition.bounds.prices import Relaxation, aim, ascend, seconds_a_step
from matcher.engines.decomposition.bounds.tree import Tree
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.tuning import TUNING
from matcher.program import Floats


class BoundStrategy(Strategy):
    """Raises the bound until a tree of facilities is done, or not worth its nodes."""

    def __init__(self, state: SubproblemState) -> None:
        super().__init__(state)
        self._may_rise = True

    @property
    def is_possible(self) -> bool:
        """As long as the bound may rise."""
        return self._may_rise

    def run(self, seconds: float, /) -> None:
        """Let prices ascend in the first round, and grow the tree in the others."""
        state = self.state
        if state.tree is None:
            state.tree = self._ascend(seconds)
        else:
            seconds = min(seconds, max(self.seconds, TUNING.first_growth_s))
            state.tree.grow(time.perf_counter() + seconds, state.take_bound)
            self._may_rise = not state.tree.is_finished
        state.num_left = state.tree.num_left

    def _ascend(self, seconds: float) -> Tree:
        """Prices for some time; gives the tree at its root."""
        state = self.state
        relaxation, prices, target = self._relaxation()
        state.relaxation = relaxation
        pace, step_s = relaxation.pace, seconds_a_step(relaxation, prices)
        state.ascent = ascend(
            relaxation,
            prices,
            target=target,
            pace=pace,
            steps=int(np.clip(seconds / step_s, TUNING.fewest_steps, pace.steps)),
            seconds=max(seconds, 2 * TUNING.fewest_steps * step_s),
            stop=state.take_bound,
        )
        self._may_rise = step_s * relaxation.node_pace.steps <= TUNING.node_s
        return Tree(relaxation, state.ascent, state.cutoff)

    def _relaxation(self) -> tuple[Relaxation, Floats, float]:
        """The relaxation that fits, prices to begin from, and what to aim at."""
        state, s = self.state, self.state.structure
        if fits_demand_dual(s):
            demand = DemandDual(s)
            return demand, demand.start(state.prices), state.best
        coupling = CouplingDual(s, with_knapsacks=True)
        prices = coupling.split(state.prices[s.coupling])
        return coupling, prices, aim(state.bound, state.best)
