"""Facility knapsack subproblems: suppliers that decide what to load, at given prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.knapsack import earn, earn_if_in
from matcher.engines.decomposition.kernels.selection import Bools, Index, largest
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

Spread = Callable[[Callable[[int, int], float], int], float]
"""Sums a function of a first and a last knapsack over all knapsacks, maybe in parallel."""


class Task(NamedTuple):
    """What knapsacks are to decide, at what prices.

    ``reduced`` is the cost of each column of the program, of which only facilities are looked at;
    ``paid`` what a share of each assignment is paid, then what taking it is paid, shape
    ``(2 · assignments,)``; ``lower`` and ``upper`` are bounds of the columns.
    """

    reduced: Floats
    paid: Floats
    lower: Floats
    upper: Floats


class _KnapsackLoads(NamedTuple):
    """Assignments by knapsack: where those of each begin, what they use of its room, their size."""

    start: Index
    use: Floats
    lower: Floats
    upper: Floats
    is_free: Bools


class _Terms(NamedTuple):
    """What assignments are paid, and the cost and the bounds of each knapsack's facility."""

    share: Floats
    taken: Floats
    facility_cost: Floats
    least: Floats
    most: Floats


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
        self._loads = _KnapsackLoads(
            np.searchsorted(of, np.arange(used.size + 1)),
            sub.data[loads] / room[row[loads]],
            s.lower[self.assignment],
            s.upper[self.assignment],
            s.is_free[self.assignment],
        )
        times = np.bincount(self.facility[self.facility >= 0], minlength=1)
        if times.max(initial=0) > 1:
            # A facility belongs to its first knapsack only; the others must have it free.
            _, first_knapsack = np.unique(self.facility, return_index=True)
            mask = np.ones(self.facility.size, dtype=np.bool_)
            mask[first_knapsack] = False
            self.facility = np.where(mask, -1, self.facility)

    def solve(self, task: Task, columns: Floats, copies: Floats, spread: Spread) -> float:
        """Least cost of all knapsacks; facilities go to ``columns``, assignments to ``copies``."""
        terms, loads = self._terms(task), self._loads
        use = np.zeros(self.facility.size)
        m = self.assignment.size

        def part(first: int, last: int) -> float:
            total: float = _earn_all(first, last, loads, terms, use, copies[:m], copies[m:])
            return total

        total = spread(part, self.facility.size)
        has_facility = self.facility >= 0
        columns[self.facility[has_facility]] = use[has_facility]
        return total

    def reduced_costs(
        self, task: Task, at_zero: Floats, at_one: Floats, more: Floats, spread: Spread
    ) -> None:
        """Fill in what knapsacks cost more if something is held.

        Parameters
        ----------
        at_zero, at_one
            Filled for facilities, shape (columns of the program,).
        more
            To which is added what it costs to have an assignment in, shape (assignments of the
            structure,).
        """
        terms, loads = self._terms(task), self._loads
        without, with_facility = np.zeros(self.facility.size), np.zeros(self.facility.size)
        with_assignment = np.zeros(self.assignment.size)

        def part(first: int, last: int) -> float:
            _reduced_costs(first, last, loads, terms, without, with_facility, with_assignment)
            return 0.0

        spread(part, self.facility.size)
        has_facility = self.facility >= 0
        at_zero[self.facility[has_facility]] = without[has_facility]
        at_one[self.facility[has_facility]] = with_facility[has_facility]
        more[self.assignment] += with_assignment

    def _terms(self, task: Task) -> _Terms:
        """The task by knapsack; one without a facility is always there, for nothing."""
        has_facility, at = self.facility >= 0, np.maximum(self.facility, 0)
        m = self.assignment.size
        return _Terms(
            task.paid[:m],
            task.paid[m:],
            np.where(has_facility, task.reduced[at], 0.0),
            np.where(has_facility, task.lower[at], 1.0),
            np.where(has_facility, task.upper[at], 1.0),
        )


class _Room(NamedTuple):
    """The loads of one knapsack as `earn` wants them."""

    reward: Floats
    rate: Floats
    low: Floats
    high: Floats
    load: Floats
    is_in: Floats


@compiled
def _room(loads: _KnapsackLoads, first: int, last: int) -> _Room:
    """Room for the largest of the knapsacks from ``first`` up to ``last``."""
    size = largest(loads.start, first, last)
    return _Room(
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size),
    )


@compiled
def _earn(b: int, loads: _KnapsackLoads, terms: _Terms, room: _Room) -> float:
    """What a knapsack can earn; its loads are left in the room."""
    a, n = loads.start[b], loads.start[b + 1] - loads.start[b]
    for i in range(n):
        use = loads.use[a + i]
        room.reward[i] = 0.0 if loads.is_free[a + i] else terms.taken[a + i]
        room.rate[i] = terms.share[a + i] / use
        room.low[i], room.high[i] = loads.lower[a + i] * use, loads.upper[a + i] * use
    value: float = earn(
        room.reward[:n], room.rate[:n], room.low[:n], room.high[:n], room.load[:n], room.is_in[:n]
    )
    return value


@compiled
def _earn_all(
    first: int,
    last: int,
    loads: _KnapsackLoads,
    terms: _Terms,
    facility: Floats,
    share: Floats,
    taken: Floats,
) -> float:
    """Solve the knapsacks from ``first`` up to ``last``; gives their total cost."""
    room = _room(loads, first, last)
    total = 0.0
    for b in range(first, last):
        a, n = loads.start[b], loads.start[b + 1] - loads.start[b]
        net = terms.facility_cost[b] - _earn(b, loads, terms, room)
        opened = terms.most[b] if net < 0.0 else terms.least[b]
        facility[b] = opened
        total += opened * net
        for i in range(n):
            share[a + i] = room.load[i] / loads.use[a + i] * opened
            taken[a + i] = room.is_in[i] * opened
    return total


@compiled
def _reduced_costs(
    first: int,
    last: int,
    loads: _KnapsackLoads,
    terms: _Terms,
    without: Floats,
    with_facility: Floats,
    with_assignment: Floats,
) -> None:
    """Fill in what knapsacks from ``first`` up to ``last`` cost more if something is decided."""
    room = _room(loads, first, last)
    worth = np.empty(room.load.size)
    for b in range(first, last):
        a, n = loads.start[b], loads.start[b + 1] - loads.start[b]
        net = terms.facility_cost[b] - _earn(b, loads, terms, room)
        if terms.most[b] < 0.5:
            with_facility[b] = np.inf
            with_assignment[a : a + n] = np.inf
            continue
        now = net if terms.least[b] > 0.5 else min(net, 0.0)
        without[b] = np.inf if terms.least[b] > 0.5 else -now
        with_facility[b] = net - now
        earn_if_in(room.reward[:n], room.rate[:n], room.low[:n], room.high[:n], worth[:n])
        for i in range(n):
            with_assignment[a + i] = max(terms.facility_cost[b] - worth[i] - now, 0.0)
