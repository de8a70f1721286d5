"""The search for better plans: anew from what prices think of, or on from the best plan."""

from __future__ import annotations

import numpy as np

from matcher.engines.decomposition.merge import SELECTIONS, is_small
from matcher.engines.decomposition.search import Search
from matcher.engines.decomposition.search.single_source import GUIDES, SingleSourceSearch
from matcher.engines.decomposition.state import SubproblemState
from matcher.engines.decomposition.strategies import Strategy
from matcher.engines.decomposition.tuning import TUNING
from matcher.program import Floats

# Seeds of one search and the next are so far apart that their looks do not meet.
_SEEDS_APART = 7919
# What later searches from a plan begin with: hotter, and they would forget it.
_WARM = 0.5
# A node thinks that a facility is closed if its mean is below this.
_MORE_OPEN = 0.5


def new_search(
    state: SubproblemState, seed: int, nth: int = 0, mean: Floats | None = None
) -> Search | SingleSourceSearch:
    """The ``nth`` search; of single sources maybe near some mean columns."""
    s = state.structure
    if state.is_single_source:
        guide = GUIDES[nth // 2 % len(GUIDES)]
        shut = None if mean is None else mean < TUNING.thought_of
        return SingleSourceSearch(s, state.prices, seed=seed, guide=guide, shut=shut)
    return Search(s, state.prices, seed=seed)


class SearchStrategy(Strategy):
    """Searches, in turn near what a node of the tree thinks of and from the best plan."""

    def __init__(self, state: SubproblemState) -> None:
        super().__init__(state)
        self._searches = 0

    @property
    def weight(self) -> float:
        """More where facilities are in question, less after the first where merges do better."""
        state = self.state
        if state.is_wide:
            return TUNING.wide_weight
        if self._searches > 0 and not state.is_single_source:
            return float(np.clip(state.structure.num_selections / (5 * SELECTIONS), 0.1, 1.0))
        return 1.0

    @property
    def is_possible(self) -> bool:
        """Where every row is known to the search."""
        return self.state.is_searchable

    def run(self, seconds: float, /) -> None:
        """Search for some time, or as long as this search is worth."""
        state = self.state
        with state.lock:
            self._searches += 1
            nth = self._searches
        seed = state.seed + _SEEDS_APART * nth
        seconds = min(seconds, self._worth_s(nth))
        near_bound = state.tree is not None and nth % 2 == 1
        if near_bound and state.is_single_source:
            # Which suppliers a node thinks of decides most: look at some before one is chosen.
            looks = [
                self._look(nth, seed + k, seconds / (2 * TUNING.looks)) for k in range(TUNING.looks)
            ]
            search = min(looks, key=lambda each: each.best)
            seconds /= 2
        elif near_bound:
            search = new_search(state, seed, nth)
            search.construct(state.idea() < TUNING.thought_of, state.hard)
        else:
            search = new_search(state, seed, nth)
            if state.x is not None and nth > 1:
                search.begin(state.x)
            else:
                search.construct(state.closed, state.hard)
                self._make_whole(search, TUNING.repair * seconds)
        self._go_on(search, seconds, nth, near_bound)

    def _go_on(
        self, search: Search | SingleSourceSearch, seconds: float, nth: int, near_bound: bool
    ) -> None:
        """Search from where a search stands: for sets of facilities where these are in question."""
        state = self.state
        of_facilities = state.may_search_facilities and not near_bound and state.x is not None
        if isinstance(search, SingleSourceSearch) and of_facilities and state.ascent is not None:
            search.search_facilities(
                TUNING.facilities_times * seconds,
                state.ascent.bound,
                state.root_reduced_costs,
                on_better=lambda: state.offer(search),
                stop=state.is_over,
            )
        else:
            search.anneal(
                seconds,
                heat=1.0 if nth == 1 or near_bound else _WARM,
                on_better=lambda: state.offer(search),
                stop=state.is_over,
            )
        state.offer(search)

    def _make_whole(self, search: Search | SingleSourceSearch, seconds: float) -> None:
        """Have a search begin from the best plan if it finds none by itself within some time."""
        state = self.state
        if state.x is not None and not np.isfinite(search.best):
            search.anneal(seconds, stop=state.is_over)
            if not np.isfinite(search.best):
                search.begin(state.x)

    def _look(self, nth: int, seed: int, seconds: float) -> Search | SingleSourceSearch:
        """A short search near what a node of the tree thinks of."""
        state, mean = self.state, self.state.idea()
        search = new_search(state, seed, nth, mean)
        search.construct(mean < _MORE_OPEN, state.hard)
        search.anneal(seconds, stop=state.is_over)
        state.offer(search)
        return search

    def _worth_s(self, nth: int) -> float:
        """Seconds in which the ``nth`` search cools."""
        state, t = self.state, TUNING
        num, before = state.structure.num_assignments, min(nth - 1, t.most_times)
        if state.is_single_source:
            # Later ones go over the same ground, slower.
            return (t.glance_s + num * t.single_source_assignment_s) * t.slower**before
        if nth == 1 and is_small(state.structure):
            return min(t.before_merge_s, num * t.before_merge_assignment_s)
        whole = t.search_s + num * t.search_assignment_s * (1 + num / t.search_doubles)
        return whole * min(t.first_search * 2.0**before, 1.0)
