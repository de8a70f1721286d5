"""The second phase: prices for all rows, and the plan that they suggest."""

from __future__ import annotations

from concurrent.futures import Executor

from matcher.engines.decomposition.bounds.coupling_dual import CouplingDual
from matcher.engines.decomposition.bounds.prices import ascend
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.strategies.searching import new_search
from matcher.engines.decomposition.tuning import TUNING


class PriceStrategy(Strategy):
    """Prices every row that couples selections.

    Parameters
    ----------
    pool, threads
        Where to work in parallel, if nobody else has to work meanwhile.
    """

    def __init__(self, state: SubproblemState, pool: Executor | None, threads: int) -> None:
        super().__init__(state)
        self._pool = pool
        self._threads = threads

    @property
    def is_possible(self) -> bool:
        """Only once."""
        return not self.state.has_prices

    def run(self, _: float, /) -> None:
        """Find them, however long it takes."""
        state = self.state
        relaxation = CouplingDual(
            state.structure, with_knapsacks=False, pool=self._pool, threads=self._threads
        )
        ascent = ascend(
            relaxation,
            relaxation.zero(),
            target=state.best,
            pace=relaxation.pace,
            stop=state.take_bound,
        )
        state.prices[relaxation.rows] = ascent.prices
        state.closed = ascent.mean < TUNING.thought_of
        if state.is_searchable:
            search = new_search(state, state.seed)
            search.construct(state.closed, state.hard)
            state.offer(search)
        state.has_prices = True
