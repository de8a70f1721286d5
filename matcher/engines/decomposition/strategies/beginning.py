"""The first phase: a first plan, and the bound of each selection by itself."""

from __future__ import annotations

from matcher.engines.decomposition.bounds.coupling_dual import CouplingDual
from matcher.engines.decomposition.contention import contenders
from matcher.engines.decomposition.search.single_source import (
    SingleSourceSearch,
    is_single_source,
)
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.strategies.searching import new_search
from matcher.engines.decomposition.structure import structure_of
from matcher.engines.decomposition.tuning import TUNING


class BeginStrategy(Strategy):
    """Takes the program apart, constructs a plan, and bounds it without prices."""

    @property
    def is_possible(self) -> bool:
        """Only once."""
        return not self.state.is_begun

    def run(self, _: float, /) -> None:
        """Find them, however long it takes."""
        state = self.state
        state.known = structure_of(state.program)
        state.is_searchable = state.known is not None and state.known.is_searchable
        if state.is_searchable:
            self._construct()
        elif state.start is not None:
            state.accept(state.start)
        if state.known is not None:
            relaxation = CouplingDual(state.known, with_knapsacks=False)
            state.take_bound(relaxation.at(relaxation.zero()).value)
            if state.x is not None:
                share = contenders(state.known, state.x).mean()
                state.has_few_contenders = bool(share < TUNING.few_contend)
        # Else only the exact engine knows what to do with it.
        state.is_begun = True

    def _construct(self) -> None:
        state, s = self.state, self.state.structure
        state.is_single_source = is_single_source(s)
        state.may_search_facilities = (
            state.is_single_source
            and bool((s.facility >= 0).any())
            and s.num_selections <= TUNING.facilities_selections
        )
        search = new_search(state, state.seed)
        search.construct(hard=state.hard)
        if isinstance(search, SingleSourceSearch):
            search.anneal(TUNING.glance_s, stop=state.stop)
        state.offer(search)
        if state.start is not None:
            search.begin(state.start)
            state.offer(search)
