"""Knapsacks: suppliers that decide for themselves what to load, at given prices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.knapsack import earn, earn_if_in
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

Spread = Callable[[Callable[[int, int], float], int], float]
"""Sums a function of a first and a last knapsack over all knapsacks, maybe in parallel."""


class Knapsacks:
    """Knapsacks: each a packing row, its assignments, and the facility that grants its room.

    Of several packing rows that an assignment loads, the first is its knapsack; assignments whose
    own decision loads a row, or that a facility-granted row does not know, are in none.
    """

    def __init__(self, structure: Structure) -> None:
        s, p = structure, structure.program
        assignment_of = np.full(p.num_columns, -1)
        assignment_of[s.x] = np.arange(s.num_assignments)
        sub = csr_array(p.matrix[s.packing])
        row = np.repeat(np.arange(s.packing.size), np.diff(sub.indptr))
        assignment = assignment_of[sub.indices]
        is_decision = np.zeros(p.num_columns, dtype=np.bool_)
        is_decision[s.y[s.y >= 0]] = True
        pure = np.bincount(row, weights=is_decision[sub.indices], minlength=s.packing.size) == 0
        room = p.row_upper[s.packing].copy()
        grants = (assignment < 0) & (sub.data < 0)
        np.add.at(room, row[grants], -sub.data[grants])
        loads = np.flatnonzero((assignment >= 0) & (sub.data > 0) & (pure & (room > 0))[row])
        _, first = np.unique(assignment[loads], return_index=True)
        loads = loads[first]
        order = np.lexsort((assignment[loads], row[loads]))
        loads = loads[order]
        used, of = np.unique(row[loads], return_inverse=True)
        self.assignment: Index = assignment[loads].astype(np.int64)
        self.start: Index = np.searchsorted(of, np.arange(used.size + 1))
        self.use: Floats = sub.data[loads] / room[row[loads]]
        self.facility: Index = s.packing_facility[used]
        # A row whose loads are all in its knapsack is the knapsack's; so is the link of each such
        # assignment.
        whole = np.bincount(row[loads], minlength=s.packing.size) == np.bincount(
            row[(assignment >= 0) & (sub.data > 0)], minlength=s.packing.size
        )
        linked = self.assignment[
            (s.facility[self.assignment] == self.facility[of]) & (s.link[self.assignment] >= 0)
        ]
        self.rows: Index = np.sort(np.concatenate([s.packing[used[whole[used]]], s.link[linked]]))
        self._structure = s
        self._facility_twice = (
            np.bincount(self.facility[self.facility >= 0], minlength=1).max(initial=0) > 1
        )
        if (
            self._facility_twice
        ):  # a facility belongs to its first knapsack only; the others must have it free
            _, first_knapsack = np.unique(self.facility, return_index=True)
            mask = np.ones(self.facility.size, dtype=np.bool_)
            mask[first_knapsack] = False
            self.facility = np.where(mask, -1, self.facility)

    def solve(
        self,
        reduced: Floats,
        prices: Floats,
        lower: Floats,
        upper: Floats,
        columns: Floats,
        copies: Floats,
        spread: Spread,
    ) -> float:
        """Least cost of all knapsacks; facilities go to ``columns``, assignments to ``copies``.

        Parameters
        ----------
        reduced
            Cost of each column of the program; only facilities are looked at.
        prices
            What a share of each assignment is paid, then what taking it is paid, shape ``(2 ·
            assignments,)``.
        """
        s = self._structure
        has_facility = self.facility >= 0
        facility_cost, least, most = self._facilities(reduced, lower, upper)
        use = np.zeros(self.facility.size)
        m = self.assignment.size

        def part(first: int, last: int) -> float:
            total: float = _earn_all(
                first,
                last,
                self.start,
                self.use,
                s.lower[self.assignment],
                s.upper[self.assignment],
                s.is_free[self.assignment],
                prices[:m],
                prices[m:],
                facility_cost,
                least,
                most,
                use,
                copies[:m],
                copies[m:],
            )
            return total

        total = spread(part, self.facility.size)
        columns[self.facility[has_facility]] = use[has_facility]
        return total

    def reduced_costs(
        self,
        reduced: Floats,
        prices: Floats,
        lower: Floats,
        upper: Floats,
        reduced_cost: Floats,
        spread: Spread,
    ) -> tuple[Floats, Floats]:
        """What each knapsack costs more without its facility and with it, shape (knapsacks,).

        What it costs more with an assignment is added to ``reduced_cost``, shape (assignments of
        the structure,). Other parameters are those of `solve`.
        """
        s = self._structure
        facility_cost, least, most = self._facilities(reduced, lower, upper)
        without, with_facility = np.zeros(self.facility.size), np.zeros(self.facility.size)
        with_assignment = np.zeros(self.assignment.size)
        m = self.assignment.size

        def part(first: int, last: int) -> float:
            _reduced_costs(
                first,
                last,
                self.start,
                self.use,
                s.lower[self.assignment],
                s.upper[self.assignment],
                s.is_free[self.assignment],
                prices[:m],
                prices[m:],
                facility_cost,
                least,
                most,
                without,
                with_facility,
                with_assignment,
            )
            return 0.0

        spread(part, self.facility.size)
        reduced_cost[self.assignment] += with_assignment
        return without, with_facility

    def _facilities(
        self, reduced: Floats, lower: Floats, upper: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Cost and bounds of each knapsack's facility; a knapsack without one is always there."""
        has_facility, at = self.facility >= 0, np.maximum(self.facility, 0)
        return (
            np.where(has_facility, reduced[at], 0.0),
            np.where(has_facility, lower[at], 1.0),
            np.where(has_facility, upper[at], 1.0),
        )


@compiled
def _earn_all(
    first: int,
    last: int,
    start: Index,
    use: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    share_price: Floats,
    taken_price: Floats,
    facility_cost: Floats,
    least: Floats,
    most: Floats,
    facility: Floats,
    share: Floats,
    taken: Floats,
) -> float:
    """Solve the knapsacks from ``first`` up to ``last``; gives their total cost."""
    size = 0
    for b in range(first, last):
        size = max(size, start[b + 1] - start[b])
    reward, rate, low, high = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    load, is_in = np.empty(size), np.empty(size)
    total = 0.0
    for b in range(first, last):
        a, n = start[b], start[b + 1] - start[b]
        for i in range(n):
            reward[i] = 0.0 if is_free[a + i] else taken_price[a + i]
            rate[i] = share_price[a + i] / use[a + i]
            low[i], high[i] = lower[a + i] * use[a + i], upper[a + i] * use[a + i]
        value = earn(reward[:n], rate[:n], low[:n], high[:n], load[:n], is_in[:n])
        net = facility_cost[b] - value
        opened = most[b] if net < 0.0 else least[b]
        facility[b] = opened
        total += opened * net
        for i in range(n):
            share[a + i] = load[i] / use[a + i] * opened
            taken[a + i] = is_in[i] * opened
    return total


@compiled
def _reduced_costs(
    first: int,
    last: int,
    start: Index,
    use: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    share_price: Floats,
    taken_price: Floats,
    facility_cost: Floats,
    least: Floats,
    most: Floats,
    without: Floats,
    with_facility: Floats,
    with_assignment: Floats,
) -> None:
    """Fill in what knapsacks from ``first`` up to ``last`` cost more if something is decided."""
    size = 0
    for b in range(first, last):
        size = max(size, start[b + 1] - start[b])
    reward, rate, low, high = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    load, is_in, worth = np.empty(size), np.empty(size), np.empty(size)
    for b in range(first, last):
        a, n = start[b], start[b + 1] - start[b]
        for i in range(n):
            reward[i] = 0.0 if is_free[a + i] else taken_price[a + i]
            rate[i] = share_price[a + i] / use[a + i]
            low[i], high[i] = lower[a + i] * use[a + i], upper[a + i] * use[a + i]
        net = facility_cost[b] - earn(reward[:n], rate[:n], low[:n], high[:n], load[:n], is_in[:n])
        if most[b] < 0.5:
            with_facility[b] = np.inf
            with_assignment[a : a + n] = np.inf
            continue
        now = net if least[b] > 0.5 else min(net, 0.0)
        without[b] = np.inf if least[b] > 0.5 else -now
        with_facility[b] = net - now
        earn_if_in(reward[:n], rate[:n], low[:n], high[:n], worth[:n])
        for i in range(n):
            with_assignment[a + i] = max(facility_cost[b] - worth[i] - now, 0.0)
