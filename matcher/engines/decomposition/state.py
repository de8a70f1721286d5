"""What is known of a subproblem: its best plan, its bound, and what gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from matcher.engines.decomposition.bounds.prices import Ascent, ReducedCosts, Relaxation
from matcher.engines.decomposition.bounds.tree import Tree
from matcher.engines.decomposition.kernels.selection import Bools
from matcher.engines.decomposition.search import Search
from matcher.engines.decomposition.search.moves import COVERED
from matcher.engines.decomposition.search.single_source import SingleSourceSearch
from matcher.engines.decomposition.structure import Structure
from matcher.engines.decomposition.tuning import TUNING
from matcher.program import Floats, Program

CLOSED = 1e-8
"""A relative gap that is none: bounds are lowered by what rounding may have added."""


@dataclass(slots=True, eq=False)
class SubproblemState:
    """What every kind of work may use, and adds to.

    Parameters
    ----------
    program
        The subproblem.
    start
        A solution of it to begin from, if there is one.
    gap
        Relative gap at which it is done.
    stop
        Asked often; ends all work soon after it answers ``True``.
    """

    program: Program
    start: Floats | None
    gap: float
    seed: int
    stop: Callable[[], bool]

    x: Floats | None = None
    best: float = np.inf
    bound: float = -np.inf
    is_settled: bool = False
    is_begun: bool = False
    has_prices: bool = False
    # Few selections of the first plan cost more than they ever could.
    has_few_contenders: bool = False
    # A merge of all selections was not solved to its end.
    is_stuck: bool = False
    known: Structure | None = None
    is_searchable: bool = False
    is_single_source: bool = False
    may_search_facilities: bool = False
    # Price of every row, and the columns that prices do not think of.
    prices: Floats = field(init=False)
    closed: Bools = field(init=False)
    relaxation: Relaxation | None = None
    ascent: Ascent | None = None
    tree: Tree | None = None
    # Assignments that a better plan may take, as far as is known.
    num_left: int = field(init=False)
    rng: np.random.Generator = field(init=False)
    lock: Lock = field(default_factory=Lock)
    _root: ReducedCosts | None = None

    def __post_init__(self) -> None:
        self.prices = np.zeros(self.program.num_rows)
        self.closed = np.zeros(self.program.num_columns, dtype=np.bool_)
        self.num_left = self.program.num_columns
        self.rng = np.random.default_rng(self.seed)

    @property
    def structure(self) -> Structure:
        """The program taken apart; asked for only where it is known."""
        assert self.known is not None
        return self.known

    @property
    def is_done(self) -> bool:
        """Whether best and bound are as close as they need to be, or nothing more can be known."""
        if self.is_settled or not np.isfinite(self.best):
            return self.is_settled or self.bound == np.inf
        return self.best - self.bound <= max(self.gap, CLOSED) * abs(self.best)

    def is_over(self) -> bool:
        """Whether all work on it is to end."""
        return self.stop() or self.is_done

    @property
    def gap_value(self) -> float:
        """Best less bound; a guess while there is no plan."""
        if np.isfinite(self.best):
            return max(self.best - self.bound, 0.0)
        return max(abs(self.bound), 1.0) if np.isfinite(self.bound) else 1.0

    @property
    def is_wide(self) -> bool:
        """Whether it is the set of facilities that is in question, and not only the proof."""
        is_hard = self.is_stuck or self.num_left > TUNING.many
        is_far = self.gap_value > TUNING.wide * abs(self.best)
        return self.may_search_facilities and is_hard and is_far

    @property
    def hard(self) -> Bools | None:
        """Selections that the best plan leaves partly to what costs nothing, such as to be unmet.

        There may be just room enough for them to be covered as far as they have to be.
        """
        x = self.start if self.x is None else self.x
        if x is None:
            return None
        s = self.structure
        for_nothing = s.is_free & (self.program.cost[s.x] <= 0)
        left: Floats = np.add.reduceat(np.where(for_nothing, x[s.x], 0.0), s.start[:-1])
        return left > COVERED

    @property
    def root_reduced_costs(self) -> ReducedCosts:
        """What it costs more to hold a column, at the prices found without branching."""
        assert self.relaxation is not None
        assert self.ascent is not None
        if self._root is None:
            self._root = self.relaxation.reduced_costs(self.ascent.prices)
        return self._root

    def idea(self) -> Floats:
        """Mean columns of some node of the tree."""
        assert self.tree is not None
        return self.tree.idea(self.rng)

    def cutoff(self) -> float:
        """A bound from which on nothing needs to be looked at."""
        if not np.isfinite(self.best):
            return np.inf
        return self.best - TUNING.within * self.gap * abs(self.best)

    def accept(self, x: Floats) -> bool:
        """Take a solution if it is one, and better; says whether it did."""
        value = self.program.objective(x)
        with self.lock:
            if value < self.best and self.program.violation(x) <= TUNING.feasible:
                self.x, self.best = x, value
                return True
        return False

    def offer(self, search: Search | SingleSourceSearch) -> None:
        """Take a plan if it is better."""
        with self.lock:
            if search.best < self.best:
                x = search.solution()
                assert x is not None
                self.x, self.best = x, search.best

    def take_bound(self, bound: float) -> bool:
        """Take a bound if it is higher; whether the work on it is to end."""
        self.bound = max(self.bound, bound)
        return self.is_over()
