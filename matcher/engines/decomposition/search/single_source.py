"""The search for plans where each selection takes one item: shifts and swaps that may overload.

Where nothing can be split, room is tight in whole pieces, and a search that never overloads a
supplier finds no way from one full plan to the next. Here an overload costs a penalty that rises
while the plan has one and falls while it has none (strategic oscillation; for generalised
assignment see Yagiura, Ibaraki and Glover, INFORMS Journal on Computing 16, 2004). Room that a plan
leaves over is worth a part of its price, so that a move is judged by what it leaves to others.
Moves shift one selection, swap two, shift one and let it push out another, close a hub, or open
one; they are accepted as in simulated annealing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from matcher.engines.decomposition.bounds.prices import Rises
from matcher.engines.decomposition.kernels.compiled import compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search import items_of
from matcher.engines.decomposition.search.facilities import Outlook, sets_of, site
from matcher.engines.decomposition.search.moves import Items
from matcher.engines.decomposition.search.reassignment import (
    FULL,
    State,
    clear,
    construct,
    empty,
    fill,
    fits,
    gained,
    put_all,
    recount,
    shift,
    some_item,
    turn,
    undo,
)
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

_HOT, _COLD = 0.03, 0.0015
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

_HUB_MOVES, _HUB_HEAT = 0.001, 20.0
"""Share of moves that close or open a hub, and how much warmer these are judged: what follows on
them is not there yet."""
_BEAT_S = 0.1
GUIDES = (0.8, 0.5, 0.95, 0.0)
"""Shares of its price that room is worth to one search after the other, whoever has it."""
# The penalty changes once in so many moves.
_EVERY = 500
# A search within a set of hubs: moves a selection, temperatures as shares of a selection's cost.
_SETTLE, _SETTLE_HOT, _SETTLE_COLD = 200, 0.02, 0.003
# Temperatures at which sets of hubs are accepted, as shares of what a hub costs on average.
_SITE_HOT, _SITE_COLD = 0.1, 0.01


def is_assigning(structure: Structure) -> bool:
    """Whether each selection takes exactly one item, whole, and no row is weighed."""
    s = structure
    return s.foreign.size == 0 and bool(
        (s.most == 1).all() and (s.y >= 0).all() and (s.upper >= 1.0).all()
    )


class Assigning:
    """One plan under search, with the methods of `matcher.engines.decomposition.search.Search`.

    Parameters
    ----------
    structure
        A program of which `is_assigning` holds.
    prices
        Price of every row of the program, 0 for those without; shape (rows,).
    seed
        Of every random choice.
    guide
        Share of its price that room is worth while searching.
    shut
        By column: hubs that are used only where nothing else is left. Columns that are no hubs are
        not looked at.
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
        self._items, self._hubs = items_of(s, prices)
        n, groups = s.num_selections, self._hubs.size + s.packing.size
        self._state = State(
            np.full(n, -1),
            np.zeros(s.packing.size),
            np.zeros(self._hubs.size, dtype=np.int64),
            np.full(groups + 1, -1),
            np.full(n, -1),
            np.full(n, -1),
            np.zeros(groups + 1, dtype=np.int64),
        )
        loads = np.bincount(self._items.row, minlength=s.packing.size)
        total = np.bincount(
            self._items.row,
            self._items.by_share + self._items.by_taking,
            minlength=s.packing.size,
        )
        # One unit of overload is what an item takes on average.
        self._unit = np.where(total > 0, loads / np.where(total > 0, total, 1.0), 1.0)
        self._price = np.maximum(prices[s.packing], 0.0)
        self._level = float(np.abs(self._items.cost + self._items.fixed).mean())
        self._penalty = np.array([self._level])
        items = self._items
        self._guide = guide * items.worth
        is_out = np.zeros(s.num_items, dtype=np.bool_)
        if shut is not None:
            is_out = (s.hub >= 0) & shut[s.hub]
        self._guide[is_out] += 1e3 * self._level
        order = np.lexsort((is_out[items.ranked], items.selection[items.ranked]))
        self._ranked = items.ranked[order]
        # How many of each selection's items are looked at, the ranked ones first.
        self._span = np.maximum(np.add.reduceat(~is_out, s.start[:-1], dtype=np.int64), 1)
        self._tried = np.arange(self._hubs.size)
        if shut is not None:
            self._tried = np.flatnonzero(~shut[self._hubs])
        self._kept: Index | None = None
        self._seed = seed
        self._rounds = 0

    def construct(self, closed: Bools | None = None, hard: Bools | None = None) -> None:
        """Build a plan: what needs most room first, each where it costs least.

        Parameters
        ----------
        closed
            By column; hubs that are closed open only where nothing else is left.
        hard
            Selections that come before all others.
        """
        items, state = self._items, self._state
        shut = np.zeros(self._hubs.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._hubs]
        start = self.structure.start
        most = np.zeros(items.selection.size)
        np.maximum.at(
            most,
            np.repeat(np.arange(most.size), np.diff(items.row_start)),
            (items.by_share + items.by_taking) * self._unit[items.row],
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
            items,
            state,
        )
        self._keep()

    def begin(self, x: Floats) -> None:
        """Begin from a solution of the program."""
        s = self.structure
        taken = np.flatnonzero(x[s.y] > 0.5)
        clear(self._state)
        put_all(taken, self._items, self._state)
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
        hub_moves = _HUB_MOVES if self._tried.size else 0.0
        moves, passed = 1_000, 0.0
        n = self.structure.num_selections
        kept, log, undone = np.full(n, -1), np.empty(n + 2, np.int64), np.empty(n + 2, np.int64)
        none_shut = np.zeros(self._hubs.size, dtype=np.bool_)
        while passed < seconds and not stop():
            self._rounds += 1
            best = _anneal(
                moves,
                hot * (cold / hot) ** (passed / seconds),
                self._seed * 1_000_003 + self._rounds,
                self.best,
                hub_moves,
                _HUB_HEAT,
                self._level,
                self._unit,
                self._guide,
                self._penalty,
                self._ranked,
                self._span,
                self._tried,
                self._items,
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

    def site(
        self,
        seconds: float,
        bound: float,
        rises: Rises,
        *,
        on_better: Callable[[], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Search for a better set of hubs for some time; see `siting`.

        Begins from the best plan, or from where the search is if there is none that fits.

        Parameters
        ----------
        bound, rises
            A lower bound, and what it costs more to hold a column.
        """
        began, items = time.perf_counter(), self._items
        if self._kept is not None:
            clear(self._state)
            put_all(self._kept, items, self._state)
        s, level = self.structure, self._level
        n = s.num_selections
        room, need = self._rooms()
        never = 1e9 * level
        with_hub, without = (
            np.minimum(rise[self._hubs], never) for rise in (rises.at_one, rises.at_zero)
        )
        outlook = Outlook(bound, with_hub, without, room, need)
        granted = s.packing_hub >= 0
        owner = np.where(granted, np.searchsorted(self._hubs, s.packing_hub), -1)
        sets = sets_of(items, self._state.users == 0, self._price, owner)
        kept, warmth = np.full(n, -1), max(float(items.hub_cost.mean()), level)
        tries, passed = 1, 0.0
        while passed < seconds and not stop():
            self._rounds += 1
            best = site(
                tries,
                _SETTLE * n,
                warmth * _SITE_HOT * (_SITE_COLD / _SITE_HOT) ** (passed / seconds),
                _SETTLE_HOT * level,
                _SETTLE_COLD * level,
                self._seed * 1_000_003 + self._rounds,
                self.best,
                level,
                self._penalty,
                outlook,
                self._unit,
                self._guide,
                self._ranked,
                self._span,
                items,
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
        """How much each hub holds, and how much selections need at least, in units of overload."""
        s, items = self.structure, self._items
        load = (items.by_share + items.by_taking) * self._unit[items.row]
        of = np.repeat(np.arange(s.num_items), np.diff(items.row_start))
        need = np.minimum.reduceat(np.bincount(of, load, s.num_items), s.start[:-1])
        room = np.zeros(self._hubs.size)
        granted = s.packing_hub >= 0
        at = np.searchsorted(self._hubs, s.packing_hub[granted])
        np.add.at(room, at, (items.room * self._unit)[granted])
        if not granted.all():  # some room needs no hub
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
        hub = s.hub[self._kept]
        x[hub[hub >= 0]] = 1.0
        return x

    def _keep(self) -> None:
        state, items = self._state, self._items
        fits = (state.load <= items.room + FULL * np.abs(items.room)).all()
        if fits and (state.item >= 0).all():
            value = float((items.cost + items.fixed)[state.item].sum())
            value += float(items.hub_cost[state.users > 0].sum())
            if value < self.best:
                self._kept, self.best = state.item.copy(), value


@compiled_plain
def _anneal(
    moves: int,
    heat: float,
    seed: int,
    best: float,
    hub_moves: float,
    hub_heat: float,
    level: float,
    unit: Floats,
    guide: Floats,
    penalty: Floats,
    ranked: Index,
    span: Index,
    tried: Index,
    items: Items,
    state: State,
    log: Index,
    undone: Index,
    none_shut: Bools,
    kept: Index,
) -> float:
    """Make so many moves; the best plan that fits goes to ``kept``, its value is returned."""
    np.random.seed(seed)
    n = state.item.size
    cost, over = recount(unit, items, state)
    for move in range(moves):
        if move % _EVERY == _EVERY - 1:
            turn(penalty, over, level)
        price = penalty[0]
        warmth = heat
        if np.random.random() < hub_moves:
            warmth = heat * hub_heat
            hub = tried[np.random.randint(tried.size)]
            if state.users[hub] > 0:
                at, more_cost, more_over = empty(
                    hub, 0, price, none_shut, unit, guide, items, state, log, undone
                )
            else:
                at, more_cost, more_over = fill(
                    hub, 0, price, unit, guide, items, state, log, undone
                )
        else:
            d = np.random.randint(n)
            new = some_item(d, ranked, span, items)
            if new == state.item[d]:
                continue
            at, more_cost, more_over = shift(
                d, new, price, none_shut, unit, guide, items, state, log, undone
            )
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / warmth):
            cost += more_cost - gained(at, guide, state, log, undone)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and fits(items, state):
                best = cost
                for k in range(n):
                    kept[k] = state.item[k]
        else:
            undo(at, unit, guide, items, state, log, undone)
    return best
