"""The search for plans of single sources: shifts and swaps of assignments that may overload.

Where nothing can be split, room is tight in whole loads, and a search that never overloads a
supplier finds no way from one full plan to the next. Here an overload costs a penalty that rises
while the plan has one and falls while it has none (strategic oscillation; for generalised
assignment see Yagiura, Ibaraki and Glover, INFORMS Journal on Computing 16, 2004). Room that a plan
leaves over is worth a part of its price, so that a move is judged by what it leaves to others.
Moves shift one selection, swap two, shift one and let it push out another, close a facility, or
open one; they are accepted as in simulated annealing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from matcher.engines.decomposition.bounds.prices import ReducedCosts
from matcher.engines.decomposition.kernels.compiled import compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.assignments import assignments_of
from matcher.engines.decomposition.search.facilities import (
    FacilityBounds,
    facility_set_of,
    search_facilities,
)
from matcher.engines.decomposition.search.moves import Assignments
from matcher.engines.decomposition.search.reassignment import (
    FULL,
    AssignmentState,
    Workspace,
    clear,
    construct,
    empty,
    fill,
    gained,
    keep,
    put_all,
    recount,
    shift,
    some_assignment,
    turn,
    undo,
)
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

_HOT, _COLD = 0.03, 0.0015
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

_FACILITY_MOVES, _FACILITY_HEAT = 0.001, 20.0
"""Share of moves that close or open a facility, and how much warmer these are judged: what follows
on them is not there yet."""
_BEAT_S = 0.1
GUIDES = (0.8, 0.5, 0.95, 0.0)
"""Shares of its price that room is worth to one search after the other, whoever has it."""
# The penalty changes once in so many moves.
_EVERY = 500
# Temperatures at which sets of facilities are accepted, as shares of what a facility costs on
# average.
_SET_HOT, _SET_COLD = 0.1, 0.01


def is_single_source(structure: Structure) -> bool:
    """Whether each selection takes exactly one assignment, whole, and no row is foreign."""
    s = structure
    return s.foreign.size == 0 and bool(
        (s.most == 1).all() and (s.y >= 0).all() and (s.upper >= 1.0).all()
    )


class SingleSourceSearch:
    """One plan under search, with the methods of `matcher.engines.decomposition.search.Search`.

    Parameters
    ----------
    structure
        A program of which `is_single_source` holds.
    prices
        Price of every row of the program, 0 for those without; shape (rows,).
    seed
        Of every random choice.
    guide
        Share of its price that room is worth while searching.
    shut
        By column: facilities that are used only where nothing else is left. Columns that are no
        facilities are not looked at.
    """

    def __init__(
        self,
        structure: Structure,
        prices: Floats,
        *,
        seed: int,
        guide: float = GUIDES[0],
        shut: Bools | None = None,
    ) -> None:
        s = structure
        self.structure = s
        self.best = np.inf
        assignments, self._facilities = assignments_of(s, prices)
        n = s.num_selections
        level = float(np.abs(assignments.cost + assignments.fixed).mean())
        is_out = np.zeros(s.num_assignments, dtype=np.bool_)
        tried = np.arange(self._facilities.size)
        if shut is not None:
            is_out = (s.facility >= 0) & shut[s.facility]
            tried = np.flatnonzero(~shut[self._facilities])
        room_is_worth = guide * assignments.worth
        room_is_worth[is_out] += 1e3 * level
        order = np.lexsort((is_out[assignments.ranked], assignments.selection[assignments.ranked]))
        self._work = Workspace(
            assignments=assignments,
            state=_nothing(n, self._facilities.size, s.packing.size),
            unit=_units(assignments),
            guide=room_is_worth,
            ranked=assignments.ranked[order],
            # What is shut is not looked at, unless there is nothing else.
            span=np.maximum(np.add.reduceat(~is_out, s.start[:-1], dtype=np.int64), 1),
            tried=tried,
            level=level,
            penalty=np.array([level]),
            log=np.empty(n + 2, np.int64),
            undone=np.empty(n + 2, np.int64),
            kept=np.full(n, -1),
        )
        self._price = np.maximum(prices[s.packing], 0.0)
        self._kept: Index | None = None
        self._seed = seed
        self._rounds = 0

    def construct(self, closed: Bools | None = None, hard: Bools | None = None) -> None:
        """Build a plan: what needs most room first, each where it costs least.

        Parameters
        ----------
        closed
            By column; facilities that are closed open only where nothing else is left.
        hard
            Selections that come before all others.
        """
        work, assignments = self._work, self._work.assignments
        shut = np.zeros(self._facilities.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._facilities]
        start = self.structure.start
        most = np.zeros(assignments.selection.size)
        np.maximum.at(
            most,
            np.repeat(np.arange(most.size), np.diff(assignments.row_start)),
            (assignments.by_share + assignments.by_taking) * work.unit[assignments.row],
        )
        need = np.add.reduceat(most, start[:-1]) / np.diff(start)
        later = np.zeros(need.size) if hard is None else ~hard
        clear(work.state)
        construct(np.lexsort((-need, later)), shut, 10.0 * work.level, work)
        self._keep()

    def begin(self, x: Floats) -> None:
        """Begin from a solution of the program."""
        s = self.structure
        taken = np.flatnonzero(x[s.y] > 0.5)
        clear(self._work.state)
        put_all(taken, self._work)
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
        began, level = time.perf_counter(), self._work.level
        hot, cold = _HOT * heat * level, _COLD * level
        moves, passed = 1_000, 0.0
        none_shut = np.zeros(self._facilities.size, dtype=np.bool_)
        while passed < seconds and not stop():
            warmth = hot * (cold / hot) ** (passed / seconds)
            best = _anneal(moves, warmth, self._next_seed(), self.best, none_shut, self._work)
            self._take(best, on_better)
            beat = time.perf_counter() - began - passed
            passed += beat
            moves = int(np.clip(moves * _BEAT_S / max(beat, 1e-3), 100, 5_000_000))

    def search_facilities(
        self,
        seconds: float,
        bound: float,
        reduced_costs: ReducedCosts,
        *,
        on_better: Callable[[], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Search for a better set of facilities for some time; see `search.facilities`.

        Begins from the best plan, or from where the search is if there is none that fits.

        Parameters
        ----------
        bound, reduced_costs
            A lower bound, and what it costs more to hold a column.
        """
        began, work = time.perf_counter(), self._work
        if self._kept is not None:
            clear(work.state)
            put_all(self._kept, work)
        s = self.structure
        bounds = self._facility_bounds(bound, reduced_costs)
        granted = s.packing_facility >= 0
        owner = np.where(granted, np.searchsorted(self._facilities, s.packing_facility), -1)
        facilities = facility_set_of(work.assignments, work.state.users == 0, self._price, owner)
        level = max(float(work.assignments.facility_cost.mean()), work.level)
        tries, passed = 1, 0.0
        while passed < seconds and not stop():
            warmth = level * _SET_HOT * (_SET_COLD / _SET_HOT) ** (passed / seconds)
            best = search_facilities(
                tries, warmth, self._next_seed(), self.best, bounds, facilities, work
            )
            self._take(best, on_better)
            beat = time.perf_counter() - began - passed
            passed += beat
            tries = int(np.clip(tries * _BEAT_S / max(beat, 1e-3), 1, 10_000))

    def _next_seed(self) -> int:
        self._rounds += 1
        return self._seed * 1_000_003 + self._rounds

    def _take(self, best: float, on_better: Callable[[], None] | None) -> None:
        """Take the plan that the moves kept if it is better."""
        if best < self.best:
            self._kept, self.best = self._work.kept.copy(), best
            if on_better is not None:
                on_better()

    def _facility_bounds(self, bound: float, reduced_costs: ReducedCosts) -> FacilityBounds:
        """What is known of sets, rooms in units of overload."""
        s, work, assignments = self.structure, self._work, self._work.assignments
        load = (assignments.by_share + assignments.by_taking) * work.unit[assignments.row]
        of = np.repeat(np.arange(s.num_assignments), np.diff(assignments.row_start))
        need = np.minimum.reduceat(np.bincount(of, load, s.num_assignments), s.start[:-1])
        room = np.zeros(self._facilities.size)
        granted = s.packing_facility >= 0
        at = np.searchsorted(self._facilities, s.packing_facility[granted])
        np.add.at(room, at, (assignments.room * work.unit)[granted])
        if not granted.all():  # some room needs no facility
            room[:] = np.inf
        never = 1e9 * work.level
        return FacilityBounds(
            bound,
            with_facility=np.minimum(reduced_costs.at_one[self._facilities], never),
            without=np.minimum(reduced_costs.at_zero[self._facilities], never),
            room=room,
            need=float(need.sum()) * (1 - FULL),
        )

    def solution(self) -> Floats | None:
        """The best plan as a solution of the program; ``None`` if none fits."""
        if self._kept is None:
            return None
        s = self.structure
        x = s.program.lower.copy()
        x[s.x[self._kept]] = 1.0
        x[s.y[self._kept]] = 1.0
        facility = s.facility[self._kept]
        x[facility[facility >= 0]] = 1.0
        return x

    def _keep(self) -> None:
        state, assignments = self._work.state, self._work.assignments
        fits = (state.load <= assignments.room + FULL * np.abs(assignments.room)).all()
        if fits and (state.assignment >= 0).all():
            value = float((assignments.cost + assignments.fixed)[state.assignment].sum())
            value += float(assignments.facility_cost[state.users > 0].sum())
            if value < self.best:
                self._kept, self.best = state.assignment.copy(), value


def _nothing(num_selections: int, num_facilities: int, num_rows: int) -> AssignmentState:
    """A plan in which nothing is assigned."""
    groups = num_facilities + num_rows
    return AssignmentState(
        np.full(num_selections, -1),
        np.zeros(num_rows),
        np.zeros(num_facilities, dtype=np.int64),
        np.full(groups + 1, -1),
        np.full(num_selections, -1),
        np.full(num_selections, -1),
        np.zeros(groups + 1, dtype=np.int64),
    )


def _units(assignments: Assignments) -> Floats:
    """What a unit of each row counts, so that an assignment takes 1 on average."""
    num = assignments.room.size
    loads = np.bincount(assignments.row, minlength=num)
    total = np.bincount(
        assignments.row, assignments.by_share + assignments.by_taking, minlength=num
    )
    units: Floats = np.where(total > 0, loads / np.where(total > 0, total, 1.0), 1.0)
    return units


@compiled_plain
def _anneal(
    moves: int, heat: float, seed: int, best: float, none_shut: Bools, work: Workspace
) -> float:
    """Make so many moves; the best plan that fits is kept, its value is returned."""
    np.random.seed(seed)
    state = work.state
    cost, over = recount(work)
    facility_moves = _FACILITY_MOVES if work.tried.size > 0 else 0.0
    for move in range(moves):
        if move % _EVERY == _EVERY - 1:
            turn(over, work)
        price = work.penalty[0]
        warmth = heat
        if np.random.random() < facility_moves:
            warmth = heat * _FACILITY_HEAT
            facility = work.tried[np.random.randint(work.tried.size)]
            if state.users[facility] > 0:
                at, more_cost, more_over = empty(facility, price, none_shut, work)
            else:
                at, more_cost, more_over = fill(facility, price, work)
        else:
            d = np.random.randint(state.assignment.size)
            new = some_assignment(d, work)
            if new == state.assignment[d]:
                continue
            at, more_cost, more_over = shift(d, new, price, none_shut, work)
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / warmth):
            cost += more_cost - gained(at, work)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and keep(work):
                best = cost
        else:
            undo(at, work)
    return best
