"""Prices on the rows that couple selections.

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

import numpy as np

from matcher.engines.decomposition.bounds.knapsacks import Knapsacks
from matcher.engines.decomposition.bounds.prices import (
    ROUNDING,
    Pace,
    PricedRows,
    ReducedCosts,
    Relaxation,
    Relaxed,
)
from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.selection import Bools, Index, select
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats


class CouplingDual(Relaxation):
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
        s, p = structure, structure.program
        self.structure = s
        self.pace = Pace(0.5, 1e-3, 0.1, 3_000) if with_knapsacks else Pace(1.0, 1e-3, 0.3, 500)
        self.node_pace = Pace(0.3, 0.01, 0.1, 150)
        self._pool = pool
        self._threads = threads if pool is not None else 1
        self._order = np.arange(s.num_assignments) - np.repeat(s.start[:-1], np.diff(s.start))
        rows = s.coupling
        self.knapsacks = Knapsacks(s) if with_knapsacks else None
        if self.knapsacks is not None:
            rows = np.setdiff1d(rows, self.knapsacks.rows, assume_unique=True)
        self._rows = PricedRows(p, rows)
        self._decided = np.flatnonzero(s.y >= 0)
        boxed = s.column_upper > 0
        boxed[s.x] = False
        boxed[s.y[self._decided]] = False
        if self.knapsacks is not None:
            boxed[self.knapsacks.facility[self.knapsacks.facility >= 0]] = False
        self._boxed = np.flatnonzero(boxed)
        # More than any selection can cost or save.
        self._decisive = 1e3 * float(np.abs(p.cost).max(initial=1.0))

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
        y = s.y[knapsacks.assignment]
        return np.concatenate(
            [every[self.rows], worth[s.x[knapsacks.assignment]], np.where(y >= 0, worth[y], 0.0)]
        )

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be: none on a side where a row has no limit."""
        n = self.rows.size
        return np.concatenate([self._rows.proper(prices[:n]), prices[n:]])

    def at(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> Relaxed:
        """Solve the relaxed program; see `Relaxation`."""
        s, p = self.structure, self.structure.program
        lower = p.lower if lower is None else lower
        upper = s.column_upper if upper is None else upper
        n = self.rows.size
        reduced, cost, fixed, bonus = self._charged(prices, lower, upper)
        forced = float(np.maximum(bonus, 0.0).sum())
        share, taken = np.zeros(s.num_assignments), np.zeros(s.num_assignments)
        value = p.offset + self._selections(cost, fixed, share, taken) + forced
        columns = np.zeros(p.num_columns)
        columns[s.x] = share
        columns[s.y[self._decided]] = taken[self._decided]
        boxed = self._boxed
        columns[boxed] = np.where(reduced[boxed] < 0, upper[boxed], lower[boxed])
        value += float(reduced[boxed] @ columns[boxed])
        gradient = np.empty(self.size)
        if self.knapsacks is not None:
            m = self.knapsacks.assignment.size
            split = self._split(prices, bonus)
            value += self.knapsacks.solve(
                reduced, split, lower, upper, columns, gradient[n:], self._map
            ) + float(np.maximum(bonus[self.knapsacks.assignment], 0.0).sum())
            gradient[n : n + m] = share[self.knapsacks.assignment] - gradient[n : n + m]
            gradient[n + m :] = taken[self.knapsacks.assignment] - gradient[n + m :]
            gradient[n + m :][s.y[self.knapsacks.assignment] < 0] = 0.0
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
        s, p = self.structure, self.structure.program
        lower = p.lower if lower is None else lower
        upper = s.column_upper if upper is None else upper
        reduced, cost, fixed, bonus = self._charged(prices, lower, upper)
        at_zero, at_one = np.zeros(p.num_columns), np.zeros(p.num_columns)
        boxed = self._boxed
        at_zero[boxed] = np.maximum(-reduced[boxed], 0.0)
        at_one[boxed] = np.maximum(reduced[boxed], 0.0)
        reduced_cost = np.zeros(s.num_assignments)

        def part(first: int, last: int) -> float:
            _reduced_costs(
                first,
                last,
                s.start,
                cost,
                fixed,
                s.lower,
                s.upper,
                s.is_free,
                s.most,
                self._order,
                reduced_cost,
            )
            return 0.0

        self._map(part, s.num_selections)
        if self.knapsacks is not None:
            facilities = self.knapsacks.reduced_costs(
                reduced, self._split(prices, bonus), lower, upper, reduced_cost, self._map
            )
            with_facility = self.knapsacks.facility >= 0
            at_zero[self.knapsacks.facility[with_facility]] = facilities[0][with_facility]
            at_one[self.knapsacks.facility[with_facility]] = facilities[1][with_facility]
        else:
            facility = s.facility >= 0
            reduced_cost[facility] += at_one[s.facility[facility]]
        at_one[s.y[self._decided]] = reduced_cost[self._decided]
        return ReducedCosts(at_zero, at_one)

    def _charged(
        self, prices: Floats, lower: Floats, upper: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Cost of columns, of assignments' shares, of taking them, and the bonus in the last one.

        The bonus is what decisions are paid so that they keep to their bounds.
        """
        s, p = self.structure, self.structure.program
        n = self.rows.size
        reduced = p.cost + self._rows.paid(prices[:n])
        cost, fixed = reduced[s.x], np.where(s.y >= 0, reduced[s.y], 0.0)
        if self.knapsacks is not None:
            m = self.knapsacks.assignment.size
            cost[self.knapsacks.assignment] += prices[n : n + m]
            fixed[self.knapsacks.assignment] += prices[n + m :]
        bonus = np.zeros(s.num_assignments)
        y = s.y[self._decided]
        bonus[self._decided] = self._decisive * ((lower[y] > 0.5) * 1.0 - (upper[y] < 0.5))
        return reduced, cost, fixed - bonus, bonus

    def _split(self, prices: Floats, bonus: Floats) -> Floats:
        """What knapsacks are paid for shares and for taking."""
        assert self.knapsacks is not None
        n, m = self.rows.size, self.knapsacks.assignment.size
        return np.concatenate(
            [prices[n : n + m], prices[n + m :] + bonus[self.knapsacks.assignment]]
        )

    def _selections(self, cost: Floats, fixed: Floats, share: Floats, taken: Floats) -> float:
        s = self.structure

        def part(first: int, last: int) -> float:
            total: float = _select_all(
                first,
                last,
                s.start,
                cost,
                fixed,
                s.lower,
                s.upper,
                s.is_free,
                s.most,
                self._order,
                share,
                taken,
            )
            return total

        return self._map(part, s.num_selections)

    def _map(self, part: Callable[[int, int], float], size: int) -> float:
        """Sum of ``part`` over as many ranges as there are threads."""
        if self._pool is None or size < 256:
            return part(0, size)
        ends = np.linspace(0, size, self._threads + 1).astype(int).tolist()
        return sum(self._pool.map(lambda ends: part(*ends), pairwise(ends)))


@compiled
def _select_all(
    first: int,
    last: int,
    start: Index,
    cost: Floats,
    fixed: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    most: Index,
    order: Index,
    share: Floats,
    taken: Floats,
) -> float:
    """Solve the selections from ``first`` up to ``last``; gives their total cost."""
    size = 0
    for d in range(first, last):
        size = max(size, start[d + 1] - start[d])
    assignment, part = np.empty(size + 1, np.int64), np.empty(size + 1)
    numbers, places = np.empty((3, size + 1)), np.empty((4, size + 1), np.int64)
    total = 0.0
    for d in range(first, last):
        a, b = start[d], start[d + 1]
        for i in range(a, b):
            # A reward for a decision that needs no share is taken as given.
            if fixed[i] < 0.0 and lower[i] <= 0.0:
                total += fixed[i]
                fixed[i] = 0.0
                taken[i] = 1.0
        bound, _, num = select(
            cost[a:b],
            fixed[a:b],
            lower[a:b],
            upper[a:b],
            is_free[a:b],
            most[d],
            np.inf,
            order[a:b],
            assignment,
            part,
            numbers,
            places,
        )
        total += bound
        for j in range(num):
            share[a + assignment[j]] = part[j]
            taken[a + assignment[j]] = 1.0
    return total


@compiled
def _reduced_costs(
    first: int,
    last: int,
    start: Index,
    cost: Floats,
    fixed: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    most: Index,
    order: Index,
    reduced_cost: Floats,
) -> None:
    """Fill in what each selection costs more, at least, if it has to take an assignment."""
    size = 0
    for d in range(first, last):
        size = max(size, start[d + 1] - start[d])
    assignment, part = np.empty(size + 1, np.int64), np.empty(size + 1)
    numbers, places = np.empty((3, size + 1)), np.empty((4, size + 1), np.int64)
    for d in range(first, last):
        a, b = start[d], start[d + 1]
        decisive = 1.0
        for i in range(a, b):
            decisive += 2.0 * (abs(cost[i]) + abs(fixed[i]))
        own = fixed[a:b].copy()
        for i in range(b - a):
            if own[i] < 0.0 and lower[a + i] <= 0.0:
                own[i] = 0.0
        least = 0.0
        for i in range(-1, b - a):
            if i >= 0 and (is_free[a + i] or lower[a + i] <= 0.0):
                continue
            if i >= 0:
                own[i] -= decisive
            bound, _, _ = select(
                cost[a:b],
                own,
                lower[a:b],
                upper[a:b],
                is_free[a:b],
                most[d],
                np.inf,
                order[a:b],
                assignment,
                part,
                numbers,
                places,
            )
            if i < 0:
                least = bound
            else:
                own[i] += decisive
                reduced_cost[a + i] = bound + decisive - least
                # What is lost by adding and taking away a large number.
                reduced_cost[a + i] = max(reduced_cost[a + i] - 1e-12 * decisive, 0.0)
