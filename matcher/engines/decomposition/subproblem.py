"""One subproblem on its way from a first plan to a proven one: what to do on it next."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor

from matcher.engines.base import Engine
from matcher.engines.decomposition.kernels.selection import Index
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy, Work
from matcher.engines.decomposition.strategies.beginning import BeginStrategy
from matcher.engines.decomposition.strategies.bounding import BoundStrategy
from matcher.engines.decomposition.strategies.merging import MergeStrategy
from matcher.engines.decomposition.strategies.pricing import PriceStrategy
from matcher.engines.decomposition.strategies.proving import ExactStrategy
from matcher.engines.decomposition.strategies.searching import SearchStrategy
from matcher.engines.decomposition.strategies.settling import ContentionStrategy
from matcher.engines.decomposition.tuning import TUNING
from matcher.program import Floats, Program

# What is chosen from once there are prices; of two that promise as much, the first.
_CHOICE = (Work.SEARCH, Work.CONTENTION, Work.BOUND, Work.MERGE, Work.EXACT)


class Subproblem:
    """One block with what is known of it, and a strategy for each kind of work on it.

    Parameters
    ----------
    program
        The block.
    columns
        Its columns in the whole.
    start
        A solution of it to begin from, if there is one.
    gap
        Relative gap at which it is done.
    exact, improver
        See :class:`matcher.engines.decomposition.engine.DecompositionEngine`.
    stop
        Asked often; ends all work soon after it answers ``True``.
    pool, threads
        For prices to be found in parallel, if nobody else has to work meanwhile.
    """

    # Each of the arguments is of another kind, and none goes without the others.
    def __init__(  # noqa: PLR0913 - keywords
        self,
        program: Program,
        *,
        columns: Index,
        start: Floats | None,
        gap: float,
        seed: int,
        exact: Engine,
        improver: Engine,
        stop: Callable[[], bool],
        pool: Executor | None = None,
        threads: int = 1,
    ) -> None:
        self.columns = columns
        self._state = state = SubproblemState(program, start, gap, seed, stop)
        merge = MergeStrategy(state, improver)
        self._exact = ExactStrategy(state, exact, merge)
        self._strategies: dict[Work, Strategy] = {
            Work.BEGIN: BeginStrategy(state),
            Work.PRICES: PriceStrategy(state, pool, threads),
            Work.SEARCH: SearchStrategy(state),
            Work.CONTENTION: ContentionStrategy(state, exact),
            Work.BOUND: BoundStrategy(state),
            Work.MERGE: merge,
            Work.EXACT: self._exact,
        }

    @property
    def x(self) -> Floats | None:
        """The best plan as a solution of the block; ``None`` while there is none."""
        return self._state.x

    @property
    def best(self) -> float:
        """Value of the best plan, infinite while there is none."""
        return self._state.best

    @property
    def bound(self) -> float:
        """Proven lower bound."""
        return self._state.bound

    @property
    def is_done(self) -> bool:
        """Whether best and bound are as close as they need to be, or nothing more can be known."""
        return self._state.is_done

    @property
    def gap_value(self) -> float:
        """Best less bound; a guess while there is no plan."""
        return self._state.gap_value

    def possible(self, seconds: float, even_seconds: float) -> tuple[Work, ...]:
        """What work there is to do.

        Parameters
        ----------
        seconds
            The subproblem's share of the time that is left, by its part of all gaps.
        even_seconds
            What it would be if all subproblems got the same.
        """
        state = self._state
        if not state.is_begun:
            return ()
        if state.known is None or self._exact.is_soon(even_seconds):
            return (Work.EXACT,)
        if not state.has_prices:
            return (Work.PRICES,)
        choice = ((work, self._strategies[work]) for work in _CHOICE)
        return tuple(work for work, how in choice if how.is_possible and seconds >= how.share_s)

    def at_once(self, work: Work, threads: int) -> int:
        """How many of some threads may be at a kind of work at a time.

        One does, but where sets of facilities are in question: others would only raise the bound.
        """
        state = self._state
        return threads if work == Work.SEARCH and state.ascent is not None and state.is_wide else 1

    def score(self, work: Work) -> float:
        """How much a round of some work promises: less where much was spent, above all in vain."""
        strategy = self._strategies[work]
        vain = 2.0 ** min(strategy.vain_rounds, TUNING.most_times)
        spent = (0.1 + strategy.seconds) * vain
        return self.gap_value * strategy.weight / spent

    def spent_s(self, work: Work) -> float:
        """Seconds spent on a kind of work so far."""
        return self._strategies[work].seconds

    def least_s(self, work: Work) -> float:
        """Seconds that a round of some work needs to be of use; 0 if that is left to others."""
        return self._strategies[work].least_s

    def work(self, work: Work, seconds: float) -> None:
        """Do a round of some work for about some time."""
        began, strategy = time.perf_counter(), self._strategies[work]
        strategy.run(seconds)
        with self._state.lock:
            strategy.seconds += time.perf_counter() - began

    def note(self, work: Work, gap_value: float) -> None:
        """Take note of a round of some work that is done, and began with a gap."""
        strategy = self._strategies[work]
        is_vain = self.gap_value > (1 - TUNING.worthwhile) * gap_value
        strategy.vain_rounds = strategy.vain_rounds + 1 if is_vain else 0
