"""The search for plans: take a few related selections out, put each back as it fits best.

Every move takes out selections that compete for the same suppliers and puts them back one by one,
each as the cheapest selection that still fits into the packing rows, opened facilities included.
Some moves empty a facility, some try a closed one. What a selection takes of scarce room is charged
at a random part of its price, so that room is left to those who need it most. Worse plans are
accepted with a probability that falls over time (simulated annealing; ruin and recreate: Schrimpf
et al., Journal of Computational Physics 159, 2000). A share that nobody takes costs a penalty above
everything else, so that the search may start from any plan; so does what breaks a side constraint.
While something is lacking, every second move begins there.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array, vstack

from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import (
    COVERED,
    Assignments,
    SelectionState,
    anneal,
    construct,
    lacking,
    recount,
)
from matcher.engines.decomposition.structure import Structure
from matcher.engines.decomposition.structure.side_constraints import SideConstraints
from matcher.program import Floats

_HOT, _COLD = 0.04, 0.0003
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

_FACILITY_MOVES = 0.1
# A side constraint that may not be broken costs so many times its price a unit at first, and so
# much more after each beat in which it is.
_AT_FIRST, _DEARER, _DEAREST = 2.0, 1.5, 1e4
_ROUNDING = 1e-9
_BEAT_S = 0.2


class Search:
    """One plan under search, from the first construction to the best found.

    Parameters
    ----------
    structure
        A program of which every row is known to the search.
    prices
        Price of every row of the program, 0 for those without; shape (rows,).
    seed
        Of every random choice.
    """

    def __init__(self, structure: Structure, prices: Floats, *, seed: int) -> None:
        s = structure
        self.structure = s
        self.best = np.inf
        assert s.side is not None
        self._assignments, self._facilities = assignments_of(s, prices)
        self._first_rate = self._assignments.rate.copy()
        self._must = np.append(np.zeros(s.packing.size, dtype=np.bool_), np.isinf(s.side.rate))
        decided = s.y >= 0
        free = np.bincount(s.selection, weights=~decided, minlength=s.num_selections)
        some = np.minimum(s.most, np.diff(s.start) - free)
        width = int(np.max(some + free, initial=1))
        num = s.num_selections
        self._state = SelectionState(
            np.zeros((num, width), dtype=np.int64),
            np.zeros((num, width)),
            np.zeros(num, dtype=np.int64),
            np.zeros(self._assignments.room.size),
            np.zeros(self._facilities.size, dtype=np.int64),
        )
        self._kept: SelectionState | None = None
        self._value = np.inf
        self._seed = seed
        self._rounds = 0

    def construct(self, closed: Bools | None = None, hard: Bools | None = None) -> None:
        """Build a plan from nothing: the dearest selections first, without the closed facilities.

        Parameters
        ----------
        closed
            By column; columns that are no facilities are not looked at.
        hard
            Selections that come before all others.
        """
        assignments, state = self._assignments, self._state
        shut = np.zeros(self._facilities.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._facilities]
        start = self.structure.start
        mean = np.add.reduceat(assignments.cost, start[:-1]) / np.diff(start)
        later = np.zeros(mean.size) if hard is None else ~hard
        self._value = construct(np.lexsort((-mean, later)), shut, assignments, state)
        self._keep()

    def begin(self, x: Floats) -> None:
        """Begin from a solution of the program."""
        s = self.structure
        share = x[s.x]
        taken = np.flatnonzero(np.where(s.y >= 0, x[s.y] > 0.5, share > COVERED))
        selection = s.selection[taken]
        slot = np.arange(taken.size) - np.searchsorted(selection, selection)
        state = self._state
        state.num[:] = np.bincount(selection, minlength=s.num_selections)
        state.assignment[selection, slot] = taken
        state.share[selection, slot] = share[taken]
        self._value = recount(self._assignments, state)
        self._keep()

    def anneal(
        self,
        seconds: float,
        *,
        heat: float = 1.0,
        on_better: Callable[[], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Search for some time, from hot (scaled by ``heat``) to cold; the best is kept."""
        if self._kept is not None and np.isfinite(self.best):
            self._restore(self._kept)
        began = time.perf_counter()
        level = float(np.abs(self._assignments.cost).mean())
        hot, cold = _HOT * heat * level, _COLD * level
        facility_moves = _FACILITY_MOVES if self._facilities.size else 0.0
        moves, passed = 1_000, 0.0
        while passed < seconds and not stop():
            self._rounds += 1
            short = np.flatnonzero(lacking(self._state) > COVERED)
            self._value = anneal(
                moves,
                hot * (cold / hot) ** (passed / seconds),
                self._seed * 1_000_003 + self._rounds,
                self._value,
                facility_moves,
                short,
                self._assignments,
                self._state,
            )
            self._insist()
            beat = time.perf_counter() - began - passed
            passed += beat
            moves = int(np.clip(moves * _BEAT_S / max(beat, 1e-3), 100, 1_000_000))
            if self._keep() and on_better is not None:
                on_better()

    def solution(self) -> Floats | None:
        """The best plan as a solution of the program; ``None`` if none is whole."""
        if self._kept is None or not np.isfinite(self.best):
            return None
        s = self.structure
        assignment, share, num = self._kept.assignment, self._kept.share, self._kept.num
        x = s.program.lower.copy()
        slot = np.arange(assignment.shape[1])[None, :] < num[:, None]
        taken = assignment[slot]
        np.add.at(x, s.x[taken], share[slot])
        y, facility = s.y[taken], s.facility[taken]
        x[y[y >= 0]] = 1.0
        x[facility[facility >= 0]] = 1.0
        assert s.side is not None
        s.side.fill(s.program, x)
        return x

    def _broken(self) -> Bools:
        """Which side constraints are broken that may not be."""
        room = self._assignments.room
        above = self._state.load > room + _ROUNDING * np.maximum(1.0, np.abs(room))
        broken: Bools = above & self._must
        return broken

    def _insist(self) -> None:
        """Let what is broken cost more, and what is not so much less."""
        if self._must.any():
            rate, broken = self._assignments.rate, self._broken()
            dearer = np.minimum(rate * _DEARER, _DEAREST * self._first_rate)
            cheaper = np.maximum(rate / _DEARER, self._first_rate)
            rate[self._must] = np.where(broken, dearer, cheaper)[self._must]
            self._value = recount(self._assignments, self._state)

    def _keep(self) -> bool:
        """Keep the plan if it is the best, or if there is none; says whether it is whole."""
        if self._kept is not None and self._value >= self.best - 1e-9 * abs(self._value):
            return False
        # The value has added up many changes: count it anew.
        self._value = recount(self._assignments, self._state)
        whole = bool((lacking(self._state) <= COVERED).all()) and not self._broken().any()
        if self._kept is not None and not whole:
            return False
        kept = self._state
        self._kept = SelectionState(
            kept.assignment.copy(),
            kept.share.copy(),
            kept.num.copy(),
            kept.load.copy(),
            kept.users.copy(),
        )
        if whole:
            self.best = self._value
        return whole

    def _restore(self, kept: SelectionState) -> None:
        for array, value in zip(self._state, kept, strict=True):
            array[:] = value
        self._value = recount(self._assignments, self._state)
        self._keep()


def assignments_of(s: Structure, prices: Floats) -> tuple[Assignments, Index]:
    """What the moves need to know, and the column of each facility."""
    p = s.program
    facilities = np.unique(s.facility[s.facility >= 0])
    facility = np.where(s.facility >= 0, np.searchsorted(facilities, s.facility), -1)
    decided = np.flatnonzero(s.y >= 0)
    assignment_of, is_x = np.full(p.num_columns, -1), np.zeros(p.num_columns, dtype=np.bool_)
    assignment_of[s.x], is_x[s.x] = np.arange(s.num_assignments), True
    assignment_of[s.y[decided]] = decided

    assert s.side is not None
    rows = csr_array(vstack([p.matrix[s.packing], s.side.matrix]))
    num_packing, num_all = s.packing.size, rows.shape[0]
    row = np.repeat(np.arange(num_all), np.diff(rows.indptr))
    column, value = rows.indices, rows.data
    room = np.append(p.row_upper[s.packing], s.side.room)
    grants = np.append(s.packing_facility, np.full(num_all - num_packing, -1))[row] == column
    np.add.at(room, row[grants], -value[grants])
    by_facility = np.flatnonzero((assignment_of[column] < 0) & (row >= num_packing))
    by_facility = by_facility[np.lexsort((row[by_facility], column[by_facility]))]
    loading = np.searchsorted(facilities, column[by_facility])
    facility_row, facility_load = row[by_facility], value[by_facility]
    used = (assignment_of[column] >= 0) & (s.column_upper[column] > 0)
    used &= (value > 0) | (row >= num_packing)
    row, column, value = row[used], column[used], value[used]
    # One entry a pair of assignment and row: what the share takes, and what being taken takes.
    num_rows = max(num_all, 1)
    pair, entry = np.unique(assignment_of[column] * num_rows + row, return_inverse=True)
    of, row = pair // num_rows, pair % num_rows
    by_share = np.bincount(entry, value * is_x[column], pair.size).astype(np.float64)
    by_taking = np.bincount(entry, value * ~is_x[column], pair.size).astype(np.float64)
    row_start = np.searchsorted(of, np.arange(s.num_assignments + 1))
    price = np.maximum(np.append(prices[s.packing], s.side.sign * prices[s.side.row]), 0.0)

    packs = row < num_packing
    loaded = (s.selection[of] * num_rows + row)[packs]
    _, at, times = np.unique(loaded, return_index=True, return_counts=True)
    has_twins = np.zeros(s.num_selections, dtype=np.bool_)
    has_twins[s.selection[of[packs][at[times > 1]]]] = True
    first = np.full(s.num_assignments, -1)
    loads = np.flatnonzero(np.diff(row_start) > 0)
    loads = loads[row[row_start[loads]] < num_packing]
    first[loads] = row[row_start[loads]]
    group = np.where(facility >= 0, facility, np.where(first >= 0, facilities.size + first, -1))
    member = np.argsort(group, kind="stable")
    num_groups = facilities.size + s.packing.size
    cost, fixed = p.cost[s.x], np.where(s.y >= 0, p.cost[s.y], 0.0)
    worth = np.bincount(of, price[row] * by_share, s.num_assignments).astype(np.float64)
    facility_cost = p.cost[facilities]
    dearest = float((np.abs(cost) + np.abs(fixed)).max(initial=0.0))
    return Assignments(
        start=s.start,
        selection=s.selection,
        cost=cost,
        fixed=fixed,
        lower=s.lower,
        upper=s.upper,
        is_free=s.is_free,
        most=s.most,
        worth=worth,
        ranked=np.lexsort((cost + worth + fixed / s.upper, s.selection)),
        row_start=row_start,
        row=row,
        by_share=by_share,
        by_taking=by_taking,
        room=room,
        facility=facility,
        facility_cost=facility_cost,
        group=group,
        member_start=np.searchsorted(group[member], np.arange(num_groups + 1)),
        member=member,
        has_twins=has_twins,
        penalty=10.0 * (1.0 + dearest + float(facility_cost.max(initial=0.0))),
        num_packing=num_packing,
        rate=np.append(np.zeros(num_packing), _rates(s.side, price[num_packing:], cost)),
        facility_row_start=np.searchsorted(loading, np.arange(facilities.size + 1)),
        facility_row=facility_row,
        facility_load=facility_load,
    ), facilities


def _rates(side: SideConstraints, price: Floats, cost: Floats) -> Floats:
    """What a unit above each side constraint costs at first.

    Rows that may not be broken cost a multiple of their price, and no less than what an assignment
    costs on average for what it loads on average.
    """
    load = abs(side.matrix).sum(axis=1) / np.maximum(np.diff(side.matrix.indptr), 1)
    usual = np.abs(cost).mean() / np.where(load > 0, load, 1.0)
    rates: Floats = np.where(np.isinf(side.rate), np.maximum(_AT_FIRST * price, usual), side.rate)
    return rates
