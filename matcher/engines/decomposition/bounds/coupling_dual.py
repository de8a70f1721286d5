"""The coupling-dual relaxation: prices on the rows that couple selections.

Prices alone see a supplier's room and its use as if they could be had in parts. So in a second
round each *knapsack*, a packing row with the facility that grants its room, keeps its rows and
decides for itself on copies of its assignments; the prices are then on the difference between the
two copies (variable splitting: Guignard and Kim, Mathematical Programming 39, 1987). That bound
sees whole awards, smallest sizes and whole suppliers.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.bounds.dual import LagrangianDual
from matcher.engines.decomposition.bounds.knapsacks import Knapsacks, Task
from matcher.engines.decomposition.bounds.prices import ROUNDING, Pace, ReducedCosts, Relaxed
from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.selection import (
    Choices,
    Index,
    Selections,
    bench_for,
    largest,
    select,
)
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

# Fewer selections than this are not worth more than one thread.
_WORTH_THREADS = 256


class CouplingDual(LagrangianDual):
    """The relaxed program, as a concave function of the prices.

    Parameters
    ----------
    structure
        The program, taken apart.
    with_knapsacks
        Whether knapsacks decide for themselves; otherwise every coupling row is priced.
    pool, threads
        Where to work in parallel, and in how many parts.
    """

    def __init__(
        self,
        structure: Structure,
        *,
        with_knapsacks: bool,
        pool: Executor | None = None,
        threads: int = 1,
    ) -> None:
        s, rows = structure, structure.coupling
        self.knapsacks = Knapsacks(s) if with_knapsacks else None
        if self.knapsacks is not None:
            rows = np.setdiff1d(rows, self.knapsacks.rows, assume_unique=True)
        super().__init__(s, rows, self.knapsacks, np.arange(s.num_assignments))
        self.pace = Pace(0.5, 1e-3, 0.1, 3_000) if with_knapsacks else Pace(1.0, 1e-3, 0.3, 500)
        self.node_pace = Pace(0.3, 0.01, 0.1, 150)
        self._pool = pool
        self._threads = threads if pool is not None else 1
        self._selections = s.selections
        self._order = np.arange(s.num_assignments) - np.repeat(s.start[:-1], np.diff(s.start))

    @property
    def size(self) -> int:
        """Number of prices."""
        return self.rows.size + (
            0 if self.knapsacks is None else 2 * self.knapsacks.assignment.size
        )

    @property
    def rows(self) -> Index:
        """The rows with a price, which come first among the prices."""
        return self._rows.rows

    def zero(self) -> Floats:
        """All prices zero."""
        return np.zeros(self.size)

    def split(self, prices: Floats) -> Floats:
        """Prices of this relaxation that match those of the one in which every row is priced."""
        assert self.knapsacks is not None
        s, knapsacks = self.structure, self.knapsacks
        every = np.zeros(s.program.num_rows)
        every[s.coupling] = prices
        inside = np.zeros(s.program.num_rows)
        inside[knapsacks.rows] = every[knapsacks.rows]
        worth = s.program.matrix.T @ inside
        x, y = s.x[knapsacks.assignment], s.y[knapsacks.assignment]
        return np.concatenate([every[self.rows], worth[x], np.where(y >= 0, worth[y], 0.0)])

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be: none on a side where a row has no limit."""
        n = self.rows.size
        return np.concatenate([self._rows.proper(prices[:n]), prices[n:]])

    def at(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> Relaxed:
        """Solve the relaxed program; see `Relaxation`."""
        s, p = self.structure, self.structure.program
        lower, upper = self._limits(lower, upper)
        n = self.rows.size
        charged = self._charged(prices, lower, upper)
        reduced, bonus = charged.reduced, charged.bonus
        forced = float(np.maximum(bonus, 0.0).sum())
        share, taken = np.zeros(s.num_assignments), np.zeros(s.num_assignments)
        value = p.offset + self._select(charged, share, taken) + forced
        columns = np.zeros(p.num_columns)
        columns[s.x] = share
        columns[s.y[self._decided]] = taken[self._decided]
        value += self._decide_rest(reduced, lower, upper, columns)
        gradient = np.empty(self.size)
        if self.knapsacks is not None:
            theirs, m = self.knapsacks.assignment, self.knapsacks.assignment.size
            task = Task(reduced, self._paid(prices, bonus), lower, upper)
            value += self.knapsacks.solve(task, columns, gradient[n:], self._map) + float(
                np.maximum(bonus[theirs], 0.0).sum()
            )
            gradient[n : n + m] = share[theirs] - gradient[n : n + m]
            gradient[n + m :] = taken[theirs] - gradient[n + m :]
            gradient[n + m :][s.y[theirs] < 0] = 0.0
        worth, gradient[:n] = self._rows.settle(prices[:n], columns)
        value += worth
        if not np.isfinite(value):  # some selection cannot be made at all
            return Relaxed(np.inf, gradient, columns)
        return Relaxed(value - ROUNDING * abs(value), gradient, columns)

    def reduced_costs(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> ReducedCosts:
        """What it costs to hold a column; see `Relaxation`.

        An assignment pays in its selection and in its knapsack, which decide apart; where knapsacks
        do not decide it also pays for its facility.
        """
        s = self.structure
        lower, upper = self._limits(lower, upper)
        charged = self._charged(prices, lower, upper)
        at_zero, at_one = self._costs_of_rest(charged.reduced)
        more = np.zeros(s.num_assignments)

        def part(first: int, last: int) -> float:
            cost, fixed = charged.cost, charged.fixed
            _reduced_costs(first, last, self._selections, cost, fixed, self._order, more)
            return 0.0

        self._map(part, s.num_selections)
        if self.knapsacks is not None:
            task = Task(charged.reduced, self._paid(prices, charged.bonus), lower, upper)
            self.knapsacks.reduced_costs(task, at_zero, at_one, more, self._map)
        else:
            linked = s.facility >= 0
            more[linked] += at_one[s.facility[linked]]
        at_one[s.y[self._decided]] = more[self._decided]
        return ReducedCosts(at_zero, at_one)

    def _charged(self, prices: Floats, lower: Floats, upper: Floats) -> _Charged:
        s, p = self.structure, self.structure.program
        n = self.rows.size
        reduced = p.cost + self._rows.paid(prices[:n])
        cost, fixed = reduced[s.x], np.where(s.y >= 0, reduced[s.y], 0.0)
        if self.knapsacks is not None:
            theirs, m = self.knapsacks.assignment, self.knapsacks.assignment.size
            cost[theirs] += prices[n : n + m]
            fixed[theirs] += prices[n + m :]
        bonus = np.zeros(s.num_assignments)
        bonus[self._decided] = self._bonus(lower, upper)
        return _Charged(reduced, cost, fixed - bonus, bonus)

    def _paid(self, prices: Floats, bonus: Floats) -> Floats:
        """What knapsacks are paid for shares and for taking."""
        assert self.knapsacks is not None
        n, theirs = self.rows.size, self.knapsacks.assignment
        m = theirs.size
        return np.concatenate([prices[n : n + m], prices[n + m :] + bonus[theirs]])

    def _select(self, charged: _Charged, share: Floats, taken: Floats) -> float:
        """Solve all selections; gives their total cost."""
        answer = _Answer(share, taken)

        def part(first: int, last: int) -> float:
            cost, fixed = charged.cost, charged.fixed
            total: float = _select_all(
                first, last, self._selections, cost, fixed, self._order, answer
            )
            return total

        return self._map(part, self.structure.num_selections)

    def _map(self, part: Callable[[int, int], float], size: int) -> float:
        """Sum of ``part`` over as many ranges as there are threads."""
        if self._pool is None or size < _WORTH_THREADS:
            return part(0, size)
        ends = np.linspace(0, size, self._threads + 1).astype(int).tolist()
        return sum(self._pool.map(lambda ends: part(*ends), pairwise(ends)))


class _Charged(NamedTuple):
    """Cost of columns, of assignments' shares and of taking them.

    ``bonus``, in the last one, is what decisions are paid so that they keep to their bounds.
    """

    reduced: Floats
    cost: Floats
    fixed: Floats
    bonus: Floats


class _Answer(NamedTuple):
    """The share of each assignment, and whether it is taken (0 or 1)."""

    share: Floats
    taken: Floats


@compiled
def _choices(d: int, selections: Selections, cost: Floats, fixed: Floats) -> Choices:
    """What a selection chooses from; ``fixed`` has its assignments only."""
    a, b = selections.start[d], selections.start[d + 1]
    return Choices(
        cost[a:b], fixed, selections.lower[a:b], selections.upper[a:b], selections.is_free[a:b]
    )


@compiled
def _select_all(
    first: int,
    last: int,
    selections: Selections,
    cost: Floats,
    fixed: Floats,
    order: Index,
    answer: _Answer,
) -> float:
    """Solve the selections from ``first`` up to ``last``; gives their total cost."""
    bench = bench_for(largest(selections.start, first, last))
    total = 0.0
    for d in range(first, last):
        a, b = selections.start[d], selections.start[d + 1]
        for i in range(a, b):
            # A reward for a decision that needs no share is taken as given.
            if fixed[i] < 0.0 and selections.lower[i] <= 0.0:
                total += fixed[i]
                fixed[i] = 0.0
                answer.taken[i] = 1.0
        choices = _choices(d, selections, cost, fixed[a:b])
        bound, _, num = select(choices, selections.most[d], np.inf, order[a:b], bench)
        total += bound
        for j in range(num):
            answer.share[a + bench.taken[j]] = bench.share[j]
            answer.taken[a + bench.taken[j]] = 1.0
    return total


@compiled
def _reduced_costs(
    first: int,
    last: int,
    selections: Selections,
    cost: Floats,
    fixed: Floats,
    order: Index,
    more: Floats,
) -> None:
    """Fill in what each selection costs more, at least, if it has to take an assignment."""
    lower = selections.lower
    bench = bench_for(largest(selections.start, first, last))
    for d in range(first, last):
        a, b = selections.start[d], selections.start[d + 1]
        decisive = 1.0
        for i in range(a, b):
            decisive += 2.0 * (abs(cost[i]) + abs(fixed[i]))
        own = fixed[a:b].copy()
        for i in range(b - a):
            if own[i] < 0.0 and lower[a + i] <= 0.0:
                own[i] = 0.0
        choices = _choices(d, selections, cost, own)
        least = 0.0
        for i in range(-1, b - a):
            if i >= 0 and (selections.is_free[a + i] or lower[a + i] <= 0.0):
                continue
            if i >= 0:
                own[i] -= decisive
            bound, _, _ = select(choices, selections.most[d], np.inf, order[a:b], bench)
            if i < 0:
                least = bound
            else:
                own[i] += decisive
                more[a + i] = bound + decisive - least
                # What is lost by adding and taking away a large number.
                more[a + i] = max(more[a + i] - 1e-12 * decisive, 0.0)
