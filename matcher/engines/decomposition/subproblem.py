"""Where one block stands: its best plan, its bound, and the work that improves either."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from threading import Lock
from typing import Literal, get_args

import numpy as np

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.bounds.coupling_dual import CouplingDual
from matcher.engines.decomposition.bounds.demand_dual import DemandDual, fits_demand_dual
from matcher.engines.decomposition.bounds.prices import (
    Ascent,
    ReducedCosts,
    Relaxation,
    aim,
    ascend,
    seconds_a_step,
)
from matcher.engines.decomposition.bounds.tree import Tree
from matcher.engines.decomposition.contention import contenders, settle
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.merge import (
    SELECTIONS,
    around,
    is_small,
    is_whole,
    seconds_needed,
    solve_anew,
)
from matcher.engines.decomposition.search import Search
from matcher.engines.decomposition.search.moves import COVERED
from matcher.engines.decomposition.search.single_source import (
    GUIDES,
    SingleSourceSearch,
    is_single_source,
)
from matcher.engines.decomposition.structure import Structure, structure_of
from matcher.program import Floats, Program

CLOSED = 1e-8
"""A relative gap that is none: bounds are lowered by what rounding may have added."""

Work = Literal["begin", "prices", "contention", "bound", "search", "merge", "exact"]

# Fewest steps in which prices on blocks settle.
_FEWEST = 200
# A search cools within this time: 1 s, and so much an assignment, the more the more assignments
# there are. The first takes a part of it, each one after that twice as long as the one before.
_SEARCH_S, _SEARCH_ASSIGNMENT_S, _SEARCH_DOUBLES = 1.0, 1.2e-3, 20_000
_FIRST_SEARCH = 0.25
# Where what prices think of is no plan, so much of a search's time is spent on making it one.
_REPAIR = 0.1
# What is merged as a whole next gains little from a longer first search, in all and an assignment.
_BEFORE_MERGE_S, _BEFORE_MERGE_ASSIGNMENT_S = 0.5, 4e-4
# A search begins from the facilities of which the prices' mean has this much.
_THOUGHT_OF = 0.02
# One of whole selections shows soon whether a plan is to be had, and cools within that and so much
# an assignment, the next one slower by a factor.
_GLANCE_S, _SINGLE_SOURCE_ASSIGNMENT_S, _SLOWER = 0.2, 1.5e-4, 1.15
# Sets of facilities are searched twice as much as all else where selections are assigned whole,
# HiGHS does not get to the end of a merge, or there are more assignments than this, and the
# relative gap is above this: a narrower one is for proofs to close. Such a search takes so many
# times as long as others; with more selections than this, one facility more or less is too little
# to search anew for.
_MANY, _WIDE, _FACILITIES_TIMES, _FACILITIES_SELECTIONS = 5_000, 0.01, 3.0, 2_000
_WEIGHTS: dict[Work, float] = {"search": 2.0, "merge": 1.0}
# So many nodes of the tree are looked at before a search is taken further.
_LOOKS = 4
# A small block is merged as a whole in this time.
_WHOLE_S = 15.0
# A cluster is given this long: then another one promises more.
_MERGE_S = 8.0
# Few selections contend if they are less than this share of all; they are given this long.
_FEW_CONTEND, _CONTENTION_S = 0.3, 10.0
# A bound this close to the plan, relatively or below 1, is proof: solvers round their answers.
_ROUNDING = 1e-6
# Blocks of at most so many assignments are left to the exact engine, at once or after a first
# merge, if there is time.
_TINY, _SMALL = 300, 2_000
# It needs so long an assignment for more than the tree proves.
_EXACT_ASSIGNMENT_S = 7e-3
# A plan that breaks a row by more than this, relatively, is none.
_FEASIBLE = 1e-5
# A round that narrows the gap by less than this share of it was in vain.
_WORTHWHILE = 0.02
# What grows by a factor each time grows no further after so many, however long a solve is.
_MOST_TIMES = 50
# A merge of nothing but what prices think of ends at this relative gap.
_ROUGH = 1e-3
# How much wider the next merge is after one that was solved in vain: it sees so many times the
# assignments thought of, with those that cost least more if they are taken.
_WIDER = 1.4
# A bound counts as within the gap a little before it is, so that rounding leaves it there.
_WITHIN = 0.99
# A tree grows for so long at first, and then each time as long as all that went before: what is
# thought of and fixed there helps the other kinds of work.
_FIRST_GROWTH_S = 2.0
# A tree is worth its nodes where a node takes no longer than this.
_NODE_S = 1.5


class Subproblem:
    """One block on its way from a first plan to a proven one.

    Parameters
    ----------
    program
        The block.
    columns
        Its columns in the whole.
    start
        A solution of it to begin from, if there is one.
    gap
        Relative gap at which the block is done.
    exact, improver
        See :class:`matcher.engines.decomposition.engine.DecompositionEngine`.
    stop
        Asked often; ends all work soon after it answers ``True``.
    """

    def __init__(
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
    ) -> None:
        self.columns = columns
        self.bound = -np.inf
        self.best = np.inf
        self.x: Floats | None = None
        self.seconds: dict[Work, float] = dict.fromkeys(get_args(Work), 0.0)
        self._vain_rounds: dict[Work, int] = dict.fromkeys(get_args(Work), 0)
        self._program = program
        self._start = start
        self._gap = gap
        self._seed = seed
        self._stop = stop
        self._known: Structure | None = None
        self._is_begun = self._is_searchable = self._is_single_source = (
            self._may_search_facilities
        ) = False
        self._prices = np.zeros(program.num_rows)
        self._closed = np.zeros(program.num_columns, dtype=np.bool_)
        self._has_prices = False
        self._may_bound = True
        self._merges = self._vain = 0
        self._is_merged = self._is_stuck = False
        self._width = 1.0
        self._reduced_costs: ReducedCosts | None = None
        self._is_settled = False
        self._contended = -np.inf
        self._num_left, self._num_exact = program.num_columns, 2 * program.num_columns
        self._exact = exact
        self._improver = improver
        self._lock = Lock()
        self._rng = np.random.default_rng(seed)
        self._relaxation: Relaxation | None = None
        self._ascent: Ascent | None = None
        self._tree: Tree | None = None
        self._searches = 0

    @property
    def is_done(self) -> bool:
        """Whether best and bound are as close as they need to be, or nothing more can be known."""
        if self._is_settled or not np.isfinite(self.best):
            return self._is_settled or self.bound == np.inf
        return self.best - self.bound <= max(self._gap, CLOSED) * abs(self.best)

    @property
    def gap_value(self) -> float:
        """Best less bound; a guess while there is no plan."""
        if np.isfinite(self.best):
            return max(self.best - self.bound, 0.0)
        return max(abs(self.bound), 1.0) if np.isfinite(self.bound) else 1.0

    def possible(self, seconds: float, even_seconds: float) -> tuple[Work, ...]:
        """What work there is to do.

        Parameters
        ----------
        seconds
            The block's share of the time that is left, by its part of all gaps.
        even_seconds
            What it would be if all blocks got the same.
        """
        if not self._is_begun:
            return ()
        if self._known is None or self._is_soon_proven(even_seconds):
            return ("exact",)
        if not self._has_prices:
            return ("prices",)
        works: list[Work] = ["search"] if self._is_searchable else []
        if self.best < self._contended:
            works.append("contention")
        if self._may_bound:
            works.append("bound")
        has_begun = self.x is not None or not self._is_searchable
        may_merge = self._vain < 4
        if self._ascent is not None and has_begun and (may_merge or self._is_searchable):
            if may_merge:
                works.append("merge")
            is_ripe = self._is_merged or self._is_stuck or not may_merge
            has_time = seconds >= _EXACT_ASSIGNMENT_S * self._num_left
            if is_ripe and has_time and self._num_left <= min(_SMALL, self._num_exact // 2):
                works.append("exact")
        elif self._ascent is not None and not self._is_searchable:
            works.append("exact")
        return tuple(works)

    def _is_soon_proven(self, seconds: float) -> bool:
        """Whether the exact engine is likely to prove all of it in a time."""
        num = self._structure.num_assignments
        has_time = seconds >= _EXACT_ASSIGNMENT_S * num * num / _TINY
        return num <= _TINY and (has_time or not self._is_searchable)

    @property
    def _is_wide(self) -> bool:
        """Whether it is the set of facilities that is in question, and not only the proof."""
        is_hard = self._is_stuck or self._num_left > _MANY
        return self._may_search_facilities and is_hard and self.gap_value > _WIDE * abs(self.best)

    def at_once(self, work: Work, threads: int) -> int:
        """How many of some threads may be at a kind of work at a time.

        One does, but where sets of facilities are in question: others would only raise the bound.
        """
        return threads if work == "search" and self._ascent is not None and self._is_wide else 1

    def note(self, work: Work, gap_value: float) -> None:
        """Take note of a round of some work that is done, and began with a gap."""
        is_vain = self.gap_value > (1 - _WORTHWHILE) * gap_value
        self._vain_rounds[work] = self._vain_rounds[work] + 1 if is_vain else 0

    def score(self, work: Work) -> float:
        """How much a round of some work promises: less where much was spent, above all in vain."""
        spent = (0.1 + self.seconds[work]) * 2.0 ** min(self._vain_rounds[work], _MOST_TIMES)
        return self.gap_value * self._weight(work) / spent

    def _weight(self, work: Work) -> float:
        """How much of the time a kind of work deserves."""
        if work in ("exact", "contention"):
            return 4.0
        if self._is_wide and work in _WEIGHTS:
            return _WEIGHTS[work]
        num = self._structure.num_selections
        if work == "merge":
            return float(np.clip(SELECTIONS / num, 0.1, 1.0))
        if work == "search" and self._searches > 0 and not self._is_single_source:
            return float(np.clip(num / (5 * SELECTIONS), 0.1, 1.0))
        return 1.0

    @property
    def merge_s(self) -> float:
        """Seconds that a merge needs to be of use."""
        if self.x is None or self._ascent is None:
            return 0.0
        return seconds_needed(self._structure, self.x, self._ascent.mean)

    @property
    def _structure(self) -> Structure:
        assert self._known is not None
        return self._known

    def begin(self) -> None:
        """Find a first plan, and the bound of each selection by itself."""
        known = structure_of(self._program)
        self._known = known
        self._is_searchable = known is not None and known.is_searchable
        if self._is_searchable:
            s = self._structure
            self._is_single_source = is_single_source(s)
            has_facilities = bool((s.facility >= 0).any())
            self._may_search_facilities = (
                self._is_single_source
                and has_facilities
                and s.num_selections <= _FACILITIES_SELECTIONS
            )
            search = self._new_search(self._seed)
            search.construct(hard=self._hard)
            if isinstance(search, SingleSourceSearch):
                search.anneal(_GLANCE_S, stop=self._stop)
            self._offer(search)
            if self._start is not None:
                search.begin(self._start)
                self._offer(search)
        elif self._start is not None and self._program.violation(self._start) <= _FEASIBLE:
            self.x, self.best = self._start, self._program.objective(self._start)
        if known is None:
            # Only the exact engine knows what to do with it.
            self._is_begun = True
            return
        relaxation = CouplingDual(self._structure, with_knapsacks=False)
        self._take_bound(relaxation.at(relaxation.zero()).value)
        if self.x is not None and contenders(known, self.x).mean() < _FEW_CONTEND:
            self._contended = np.inf
        self._is_begun = True

    def find_prices(self, pool: Executor | None, threads: int) -> None:
        """Find prices for all rows, and the plan that they suggest."""
        relaxation = CouplingDual(self._structure, with_knapsacks=False, pool=pool, threads=threads)
        ascent = ascend(
            relaxation,
            relaxation.zero(),
            target=self.best,
            pace=relaxation.pace,
            stop=self._take_bound,
        )
        self._prices[relaxation.rows] = ascent.prices
        self._closed = ascent.mean < _THOUGHT_OF
        if self._is_searchable:
            search = self._new_search(self._seed)
            search.construct(self._closed, self._hard)
            self._offer(search)
        self._has_prices = True

    def settle_contention(self, seconds: float) -> None:
        """Solve those selections exactly that the best plan gives less than they could have."""
        began = time.perf_counter()
        x, self._contended = self.x, self.best
        assert x is not None
        limits = Limits(time_s=min(seconds, _CONTENTION_S), gap=0.0, threads=1, seed=self._seed)
        settled = settle(
            self._structure, x, self._exact, limits, lambda: self._stop() or self.is_done
        )
        self._take_bound(settled.bound)
        if settled.x is not None:
            self._accept(settled.x)
            self._is_settled = self.best - self.bound <= _ROUNDING * max(1.0, abs(self.best))
        self.seconds["contention"] += time.perf_counter() - began

    def raise_bound(self, seconds: float) -> None:
        """Work on the bound for some time: blocks first, then a tree of facilities."""
        began = time.perf_counter()
        if self._relaxation is None:
            s = self._structure
            if fits_demand_dual(s):
                selections = DemandDual(s)
                prices, target = selections.start(self._prices), self.best
                self._relaxation = selections
            else:
                split = CouplingDual(s, with_knapsacks=True)
                prices, target = split.split(self._prices[s.coupling]), aim(self.bound, self.best)
                self._relaxation = split
            pace, step_s = self._relaxation.pace, seconds_a_step(self._relaxation, prices)
            self._ascent = ascend(
                self._relaxation,
                prices,
                target=target,
                pace=pace,
                steps=int(np.clip(seconds / step_s, _FEWEST, pace.steps)),
                seconds=max(seconds, 2 * _FEWEST * step_s),
                stop=self._take_bound,
            )
            self._tree = Tree(self._relaxation, self._ascent, self._cutoff)
            self._may_bound = step_s * self._relaxation.node_pace.steps <= _NODE_S
        else:
            assert self._tree is not None
            seconds = min(seconds, max(self.seconds["bound"], _FIRST_GROWTH_S))
            self._tree.grow(began + seconds, self._take_bound)
            self._may_bound = not self._tree.is_finished
        self._num_left = self._tree.num_left
        self.seconds["bound"] += time.perf_counter() - began

    def _cutoff(self) -> float:
        """A bound from which on nothing needs to be looked at."""
        return (
            self.best - _WITHIN * self._gap * abs(self.best) if np.isfinite(self.best) else np.inf
        )

    def search(self, seconds: float) -> None:
        """Search for a better plan for some time."""
        began = time.perf_counter()
        with self._lock:
            self._searches += 1
            nth = self._searches
        seed = self._seed + 7919 * nth
        seconds = min(seconds, self._search_s(nth))
        near_bound = self._tree is not None and nth % 2 == 1
        if near_bound and self._is_single_source:
            # Which suppliers a node thinks of decides most: look at some before one is chosen.
            looks = [self._look(nth, seed + k, seconds / (2 * _LOOKS)) for k in range(_LOOKS)]
            search = min(looks, key=lambda each: each.best)
            seconds /= 2
        elif near_bound:
            search = self._new_search(seed, nth)
            search.construct(self._idea() < _THOUGHT_OF, self._hard)
        else:
            search = self._new_search(seed, nth)
            if self.x is not None and nth > 1:
                search.begin(self.x)
            else:
                search.construct(self._closed, self._hard)
                self._make_whole(search, _REPAIR * seconds)
        of_facilities = self._may_search_facilities and not near_bound and self.x is not None
        if isinstance(search, SingleSourceSearch) and of_facilities and self._ascent is not None:
            search.search_facilities(
                _FACILITIES_TIMES * seconds,
                self._ascent.bound,
                self._root_reduced_costs,
                on_better=lambda: self._offer(search),
                stop=lambda: self._stop() or self.is_done,
            )
        else:
            search.anneal(
                seconds,
                heat=1.0 if nth == 1 or near_bound else 0.5,
                on_better=lambda: self._offer(search),
                stop=lambda: self._stop() or self.is_done,
            )
        self._offer(search)
        with self._lock:
            self.seconds["search"] += time.perf_counter() - began

    @property
    def _hard(self) -> Bools | None:
        """Selections that the best plan leaves partly to what costs nothing, such as to be unmet.

        There may be just room enough for them to be covered as far as they have to be.
        """
        x = self._start if self.x is None else self.x
        if x is None:
            return None
        s = self._structure
        for_nothing = s.is_free & (self._program.cost[s.x] <= 0)
        left: Floats = np.add.reduceat(np.where(for_nothing, x[s.x], 0.0), s.start[:-1])
        return left > COVERED

    def _make_whole(self, search: Search | SingleSourceSearch, seconds: float) -> None:
        """Have a search begin from the best plan if it finds none by itself within some time."""
        if self.x is not None and not np.isfinite(search.best):
            search.anneal(seconds, stop=lambda: self._stop() or self.is_done)
            if not np.isfinite(search.best):
                search.begin(self.x)

    def _look(self, nth: int, seed: int, seconds: float) -> Search | SingleSourceSearch:
        """A short search near what a node of the tree thinks of."""
        mean = self._idea()
        search = self._new_search(seed, nth, mean)
        search.construct(mean < 0.5, self._hard)
        search.anneal(seconds, stop=lambda: self._stop() or self.is_done)
        self._offer(search)
        return search

    def _idea(self) -> Floats:
        assert self._tree is not None
        return self._tree.idea(self._rng)

    def _search_s(self, nth: int) -> float:
        """Seconds in which the ``nth`` search cools."""
        num, before = self._structure.num_assignments, min(nth - 1, _MOST_TIMES)
        if self._is_single_source:
            # Later ones go over the same ground, slower.
            return (_GLANCE_S + num * _SINGLE_SOURCE_ASSIGNMENT_S) * _SLOWER**before
        if nth == 1 and is_small(self._structure):
            return min(_BEFORE_MERGE_S, num * _BEFORE_MERGE_ASSIGNMENT_S)
        whole = _SEARCH_S + num * _SEARCH_ASSIGNMENT_S * (1 + num / _SEARCH_DOUBLES)
        return whole * min(_FIRST_SEARCH * 2.0**before, 1.0)

    def merge(self, seconds: float) -> None:
        """Let the exact engine solve some of it anew, from what has been thought of so far."""
        began = time.perf_counter()
        assert self._ascent is not None
        # What prices think of may be far from the best plan, and is soon solved by itself, roughly:
        # the next merge, with that plan, goes on.
        by_itself = self._merges == 0 and is_small(self._structure)
        s, x = self._structure, None if by_itself else self.x
        mean = self._ascent.mean
        if self._tree is not None and self._merges % 2:
            mean = self._idea()
        self._merges += 1
        whole = x is None or is_whole(s, x, mean)
        more = None
        if whole:
            more = self._root_reduced_costs.at_one[s.decider]
        free = around(s, x, mean, more, self._width, self._rng)
        limits = Limits(
            time_s=min(seconds, _WHOLE_S if whole else _MERGE_S),
            gap=_ROUGH if by_itself else min(self._gap, 1e-4),
            threads=1,
            seed=self._seed,
        )
        better, settled = solve_anew(
            s, x, free, self._improver, limits, lambda: self._stop() or self.is_done
        )
        if not by_itself:
            self._is_merged |= whole and settled
            self._is_stuck |= whole and not settled
        if better is not None:
            with self._lock:
                # The best plan may be another by now.
                for beside in (self.x, x):
                    changed = (s.program.lower if beside is None else beside).copy()
                    changed[free] = better
                    value = s.program.objective(changed)
                    if value < self.best and s.program.violation(changed) <= _FEASIBLE:
                        self.x, self.best = changed, value
                        self._vain = 0
                        break
        elif by_itself:
            pass  # there may be no plan within it
        elif settled:
            if whole:
                self._width = min(self._width * _WIDER, _WIDER**_MOST_TIMES)
            # Without a plan even then, there may be none.
            self._vain += x is None
        else:
            self._width = max(self._width / _WIDER, 1.0)
            self._vain += 1
        self.seconds["merge"] += time.perf_counter() - began

    @property
    def _root_reduced_costs(self) -> ReducedCosts:
        """What it costs more to hold a column, at the prices found without branching."""
        assert self._relaxation is not None
        assert self._ascent is not None
        if self._reduced_costs is None:
            self._reduced_costs = self._relaxation.reduced_costs(self._ascent.prices)
        return self._reduced_costs

    def prove(self, seconds: float) -> None:
        """Let the exact engine solve all of it, from the best plan."""
        began = time.perf_counter()
        program, cutoff = self._program, np.inf
        if self._tree is not None:
            cutoff = self._cutoff()
            lower, upper = self._tree.limits()
            program = replace(program, lower=lower, upper=upper)
        self._num_exact = self._num_left
        outcome = self._exact.solve(
            program,
            Limits(time_s=seconds, gap=self._gap, threads=1, seed=self._seed),
            start=self.x if cutoff == np.inf else None,
            on_progress=lambda progress: self._take(progress.bound, cutoff),
            cancelled=lambda: self._stop() or self.is_done,
        )
        self._is_settled = outcome.stopped in ("proved", "gap_limit")
        if outcome.found == "infeasible":
            self._take_bound(cutoff)
        self._take(outcome.bound, cutoff)
        if outcome.x is not None:
            self._accept(outcome.x)
        self.seconds["exact"] += time.perf_counter() - began

    def _take(self, bound: float | None, cutoff: float) -> None:
        """Take a bound on plans below the cutoff."""
        if bound is not None:
            self._take_bound(min(bound, cutoff))

    def _new_search(
        self, seed: int, nth: int = 0, mean: Floats | None = None
    ) -> Search | SingleSourceSearch:
        """The ``nth`` search; where selections are assigned whole, maybe near some mean columns."""
        s = self._structure
        if self._is_single_source:
            guide = GUIDES[nth // 2 % len(GUIDES)]
            shut = None if mean is None else mean < _THOUGHT_OF
            return SingleSourceSearch(s, self._prices, seed=seed, guide=guide, shut=shut)
        return Search(s, self._prices, seed=seed)

    def _accept(self, x: Floats) -> None:
        """Take a solution if it is one, and better."""
        value = self._program.objective(x)
        with self._lock:
            if value < self.best and self._program.violation(x) <= _FEASIBLE:
                self.x, self.best = x, value

    def _offer(self, search: Search | SingleSourceSearch) -> None:
        """Take a plan if it is better."""
        with self._lock:
            if search.best < self.best:
                x = search.solution()
                assert x is not None
                self.x, self.best = x, search.best

    def _take_bound(self, bound: float) -> bool:
        """Take a bound if it is higher; whether the work on it is to end."""
        self.bound = max(self.bound, bound)
        return self._stop() or self.is_done
