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
from matcher.engines.decomposition.search import assignments_of
from matcher.engines.decomposition.search.facilities import (
    FacilityBounds,
    facility_set_of,
    search_facilities,
)
from matcher.engines.decomposition.search.moves import Assignments
from matcher.engines.decomposition.search.reassignment import (
    FULL,
    AssignmentState,
    clear,
    construct,
    empty,
    fill,
    fits,
    gained,
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
# A search within a set of facilities: moves a selection, temperatures as shares of a selection's
# cost.
_SETTLE, _SETTLE_HOT, _SETTLE_COLD = 200, 0.02, 0.003
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
        self._assignments, self._facilities = assignments_of(s, prices)
        n, groups = s.num_selections, self._facilities.size + s.packing.size
        self._state = AssignmentState(
            np.full(n, -1),
            np.zeros(s.packing.size),
            np.zeros(self._facilities.size, dtype=np.int64),
            np.full(groups + 1, -1),
            np.full(n, -1),
            np.full(n, -1),
            np.zeros(groups + 1, dtype=np.int64),
        )
        loads = np.bincount(self._assignments.row, minlength=s.packing.size)
        total = np.bincount(
            self._assignments.row,
            self._assignments.by_share + self._assignments.by_taking,
            minlength=s.packing.size,
        )
        # One unit of overload is what an assignment takes on average.
        self._unit = np.where(total > 0, loads / np.where(total > 0, total, 1.0), 1.0)
        self._price = np.maximum(prices[s.packing], 0.0)
        self._level = float(np.abs(self._assignments.cost + self._assignments.fixed).mean())
        self._penalty = np.array([self._level])
        assignments = self._assignments
        self._guide = guide * assignments.worth
        is_out = np.zeros(s.num_assignments, dtype=np.bool_)
        if shut is not None:
            is_out = (s.facility >= 0) & shut[s.facility]
        self._guide[is_out] += 1e3 * self._level
        order = np.lexsort((is_out[assignments.ranked], assignments.selection[assignments.ranked]))
        self._ranked = assignments.ranked[order]
        # How many of each selection's assignments are looked at, the ranked ones first.
        self._span = np.maximum(np.add.reduceat(~is_out, s.start[:-1], dtype=np.int64), 1)
        self._tried = np.arange(self._facilities.size)
        if shut is not None:
            self._tried = np.flatnonzero(~shut[self._facilities])
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
        assignments, state = self._assignments, self._state
        shut = np.zeros(self._facilities.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._facilities]
        start = self.structure.start
        most = np.zeros(assignments.selection.size)
        np.maximum.at(
            most,
            np.repeat(np.arange(most.size), np.diff(assignments.row_start)),
            (assignments.by_share + assignments.by_taking) * self._unit[assignments.row],
        )
        need = np.add.reduceat(most, start[:-1]) / np.diff(start)
        later = np.zeros(need.size) if hard is None else ~hard
        clear(state)
        construct(
            np.lexsort((-need, later)),
            shut,
            10.0 * self._level,
            self._unit,
            self._guide,
            assignments,
            state,
        )
        self._keep()

    def begin(self, x: Floats) -> None:
        """Begin from a solution of the program."""
        s = self.structure
        taken = np.flatnonzero(x[s.y] > 0.5)
        clear(self._state)
        put_all(taken, self._assignments, self._state)
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
        began = time.perf_counter()
        hot, cold = _HOT * heat * self._level, _COLD * self._level
        facility_moves = _FACILITY_MOVES if self._tried.size else 0.0
        moves, passed = 1_000, 0.0
        n = self.structure.num_selections
        kept, log, undone = np.full(n, -1), np.empty(n + 2, np.int64), np.empty(n + 2, np.int64)
        none_shut = np.zeros(self._facilities.size, dtype=np.bool_)
        while passed < seconds and not stop():
            self._rounds += 1
            best = _anneal(
                moves,
                hot * (cold / hot) ** (passed / seconds),
                self._seed * 1_000_003 + self._rounds,
                self.best,
                facility_moves,
                _FACILITY_HEAT,
                self._level,
                self._unit,
                self._guide,
                self._penalty,
                self._ranked,
                self._span,
                self._tried,
                self._assignments,
                self._state,
                log,
                undone,
                none_shut,
                kept,
            )
            self._take(best, kept, on_better)
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
        began, assignments = time.perf_counter(), self._assignments
        if self._kept is not None:
            clear(self._state)
            put_all(self._kept, assignments, self._state)
        s, level = self.structure, self._level
        n = s.num_selections
        room, need = self._rooms()
        never = 1e9 * level
        with_facility, without = (
            np.minimum(cost[self._facilities], never)
            for cost in (reduced_costs.at_one, reduced_costs.at_zero)
        )
        bounds = FacilityBounds(bound, with_facility, without, room, need)
        granted = s.packing_facility >= 0
        owner = np.where(granted, np.searchsorted(self._facilities, s.packing_facility), -1)
        sets = facility_set_of(assignments, self._state.users == 0, self._price, owner)
        kept, warmth = np.full(n, -1), max(float(assignments.facility_cost.mean()), level)
        tries, passed = 1, 0.0
        while passed < seconds and not stop():
            self._rounds += 1
            best = search_facilities(
                tries,
                _SETTLE * n,
                warmth * _SET_HOT * (_SET_COLD / _SET_HOT) ** (passed / seconds),
                _SETTLE_HOT * level,
                _SETTLE_COLD * level,
                self._seed * 1_000_003 + self._rounds,
                self.best,
                level,
                self._penalty,
                bounds,
                self._unit,
                self._guide,
                self._ranked,
                self._span,
                assignments,
                self._state,
                sets,
                kept,
            )
            self._take(best, kept, on_better)
            beat = time.perf_counter() - began - passed
            passed += beat
            tries = int(np.clip(tries * _BEAT_S / max(beat, 1e-3), 1, 10_000))

    def _take(self, best: float, kept: Index, on_better: Callable[[], None] | None) -> None:
        """Take a plan if it is better."""
        if best < self.best:
            self._kept, self.best = kept.copy(), best
            if on_better is not None:
                on_better()

    def _rooms(self) -> tuple[Floats, float]:
        """What each facility holds, and what selections need at least, in units of overload."""
        s, assignments = self.structure, self._assignments
        load = (assignments.by_share + assignments.by_taking) * self._unit[assignments.row]
        of = np.repeat(np.arange(s.num_assignments), np.diff(assignments.row_start))
        need = np.minimum.reduceat(np.bincount(of, load, s.num_assignments), s.start[:-1])
        room = np.zeros(self._facilities.size)
        granted = s.packing_facility >= 0
        at = np.searchsorted(self._facilities, s.packing_facility[granted])
        np.add.at(room, at, (assignments.room * self._unit)[granted])
        if not granted.all():  # some room needs no facility
            room[:] = np.inf
        return room, float(need.sum()) * (1 - FULL)

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
        state, assignments = self._state, self._assignments
        fits = (state.load <= assignments.room + FULL * np.abs(assignments.room)).all()
        if fits and (state.assignment >= 0).all():
            value = float((assignments.cost + assignments.fixed)[state.assignment].sum())
            value += float(assignments.facility_cost[state.users > 0].sum())
            if value < self.best:
                self._kept, self.best = state.assignment.copy(), value


@compiled_plain
def _anneal(
    moves: int,
    heat: float,
    seed: int,
    best: float,
    facility_moves: float,
    facility_heat: float,
    level: float,
    unit: Floats,
    guide: Floats,
    penalty: Floats,
    ranked: Index,
    span: Index,
    tried: Index,
    assignments: Assignments,
    state: AssignmentState,
    log: Index,
    undone: Index,
    none_shut: Bools,
    kept: Index,
) -> float:
    """Make so many moves; the best plan that fits goes to ``kept``, its value is returned."""
    np.random.seed(seed)
    n = state.assignment.size
    cost, over = recount(unit, assignments, state)
    for move in range(moves):
        if move % _EVERY == _EVERY - 1:
            turn(penalty, over, level)
        price = penalty[0]
        warmth = heat
        if np.random.random() < facility_moves:
            warmth = heat * facility_heat
            facility = tried[np.random.randint(tried.size)]
            if state.users[facility] > 0:
                at, more_cost, more_over = empty(
                    facility, 0, price, none_shut, unit, guide, assignments, state, log, undone
                )
            else:
                at, more_cost, more_over = fill(
                    facility, 0, price, unit, guide, assignments, state, log, undone
                )
        else:
            d = np.random.randint(n)
            new = some_assignment(d, ranked, span, assignments)
            if new == state.assignment[d]:
                continue
            at, more_cost, more_over = shift(
                d, new, price, none_shut, unit, guide, assignments, state, log, undone
            )
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / warmth):
            cost += more_cost - gained(at, guide, state, log, undone)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and fits(assignments, state):
                best = cost
                for k in range(n):
                    kept[k] = state.assignment[k]
        else:
            undo(at, unit, guide, assignments, state, log, undone)
    return best
