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
from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.compiled import compiled, compiled_plain
from matcher.engines.decomposition.moves import Items
from matcher.engines.decomposition.search import items_of
from matcher.engines.decomposition.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

_HOT, _COLD = 0.03, 0.0015
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

_HUB_MOVES, _HUB_HEAT = 0.001, 20.0
"""Share of moves that close or open a hub, and how much warmer these are judged: what follows on
them is not there yet."""
# Shares of shifts that push out another selection, and of these that swap.
_PUSHES, _SWAPS = 0.6, 0.6
_BEAT_S = 0.1
# Loads may sum to this share more than the room, by rounding.
_FULL = 1e-9
GUIDES = (0.8, 0.5, 0.95, 0.0)
"""Shares of its price that room is worth to one search after the other, whoever has it."""
# Penalties change by this factor at most so many moves, between these shares of a selection's cost.
_TURN, _EVERY, _LEAST, _MOST = 1.05, 500, 0.01, 100.0


def is_assigning(structure: Structure) -> bool:
    """Whether each selection takes exactly one item, whole."""
    s = structure
    return bool((s.most == 1).all() and (s.y >= 0).all() and (s.upper >= 1.0).all())


class State(NamedTuple):
    """A plan: the item of each selection, and what follows from it.

    Selections that take items of one group are a ring of ``after`` and ``before``, entered at
    ``first`` (-1 if there is none).
    """

    item: Index
    load: Floats
    users: Index
    first: Index
    after: Index
    before: Index
    size: Index


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

    def construct(self, closed: Bools | None = None) -> None:
        """Build a plan: what needs most room first, each where it costs least.

        Parameters
        ----------
        closed
            By column; hubs that are closed open only where nothing else is left.
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
        _clear(state)
        _construct(
            np.argsort(-need, kind="stable"),
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
        _clear(self._state)
        _put_all(taken, self._items, self._state)
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
        kept = np.full(self.structure.num_selections, -1)
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
                kept,
            )
            if best < self.best:
                self._kept, self.best = kept.copy(), best
                if on_better is not None:
                    on_better()
            beat = time.perf_counter() - began - passed
            passed += beat
            moves = int(np.clip(moves * _BEAT_S / max(beat, 1e-3), 100, 5_000_000))

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
        fits = (state.load <= items.room + _FULL * np.abs(items.room)).all()
        if fits and (state.item >= 0).all():
            value = float((items.cost + items.fixed)[state.item].sum())
            value += float(items.hub_cost[state.users > 0].sum())
            if value < self.best:
                self._kept, self.best = state.item.copy(), value


@compiled
def _clear(state: State) -> None:
    state.item[:] = -1
    state.load[:] = 0.0
    state.users[:] = 0
    state.first[:] = -1
    state.size[:] = 0


@compiled_plain
def _take_out(
    d: int, unit: Floats, guide: Floats, items: Items, state: State
) -> tuple[float, float]:
    """Take a selection's item away; gives the changes of cost and of overload."""
    i = state.item[d]
    cost, over = -items.cost[i] - items.fixed[i] - guide[i], 0.0
    for k in range(items.row_start[i], items.row_start[i + 1]):
        row = items.row[k]
        load = items.by_share[k] + items.by_taking[k]
        over -= unit[row] * min(max(state.load[row] - items.room[row], 0.0), load)
        state.load[row] -= load
    hub = items.hub[i]
    if hub >= 0:
        state.users[hub] -= 1
        if state.users[hub] == 0:
            cost -= items.hub_cost[hub]
    group = items.group[i]
    if state.after[d] == d:
        state.first[group] = -1
    else:
        state.after[state.before[d]] = state.after[d]
        state.before[state.after[d]] = state.before[d]
        state.first[group] = state.after[d]
    state.size[group] -= 1
    state.item[d] = -1
    return cost, over


@compiled_plain
def _put_in(i: int, unit: Floats, guide: Floats, items: Items, state: State) -> tuple[float, float]:
    """Let a selection without an item take one; gives the changes of cost and of overload."""
    cost, over = _change_if_in(i, unit, guide, items, state)
    d = items.selection[i]
    for k in range(items.row_start[i], items.row_start[i + 1]):
        state.load[items.row[k]] += items.by_share[k] + items.by_taking[k]
    hub = items.hub[i]
    if hub >= 0:
        state.users[hub] += 1
    group = items.group[i]
    first = state.first[group]
    if first < 0:
        state.first[group] = d
        state.after[d], state.before[d] = d, d
    else:
        last = state.before[first]
        state.after[d], state.before[d] = first, last
        state.after[last], state.before[first] = d, d
    state.size[group] += 1
    state.item[d] = i
    return cost, over


@compiled_plain
def _change_if_in(
    i: int, unit: Floats, guide: Floats, items: Items, state: State
) -> tuple[float, float]:
    """What taking an item would change in cost and overload."""
    cost, over = items.cost[i] + items.fixed[i] + guide[i], 0.0
    for k in range(items.row_start[i], items.row_start[i + 1]):
        row = items.row[k]
        load = items.by_share[k] + items.by_taking[k]
        over += unit[row] * min(max(state.load[row] + load - items.room[row], 0.0), load)
    hub = items.hub[i]
    if hub >= 0 and state.users[hub] == 0:
        cost += items.hub_cost[hub]
    return cost, over


@compiled
def _put_all(taken: Index, items: Items, state: State) -> None:
    unit, guide = np.ones(state.load.size), np.zeros(items.cost.size)
    for i in taken:
        if state.item[items.selection[i]] < 0:
            _put_in(i, unit, guide, items, state)


@compiled
def _construct(
    order: Index,
    shut: Bools,
    penalty: float,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
) -> None:
    for d in order:
        _put_in(
            _cheapest(d, -1, shut, penalty, unit, guide, items, state), unit, guide, items, state
        )


@compiled_plain
def _cheapest(
    d: int,
    avoided: int,
    shut: Bools,
    penalty: float,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
) -> int:
    """Item of a selection that adds least to cost and penalties; hubs avoided or shut come last."""
    least, chosen = np.inf, items.start[d]
    for i in range(items.start[d], items.start[d + 1]):
        cost, over = _change_if_in(i, unit, guide, items, state)
        value = cost + penalty * over
        hub = items.hub[i]
        if hub >= 0 and (hub == avoided or shut[hub]):
            value += 1e3 * penalty
        if value < least:
            least, chosen = value, i
    best: int = chosen
    return best


@compiled_plain
def _item_in(d: int, group: int, items: Items) -> int:
    """An item of a selection in a group; -1 if it has none."""
    low, high = items.member_start[group], items.member_start[group + 1]
    while low < high:
        middle = (low + high) // 2
        if items.member[middle] < items.start[d]:
            low = middle + 1
        else:
            high = middle
    if low < items.member_start[group + 1] and items.member[low] < items.start[d + 1]:
        item: int = items.member[low]
        return item
    return -1


@compiled_plain
def _some_item(d: int, ranked: Index, span: Index, items: Items) -> int:
    """A random item of a selection, more likely a cheap one."""
    item: int = ranked[items.start[d] + int(span[d] * np.random.random() ** 3)]
    return item


@compiled_plain
def _some_user(group: int, state: State) -> int:
    """A random selection that takes an item of a group that is in use."""
    d = state.first[group]
    for _ in range(np.random.randint(state.size[group])):
        d = state.after[d]
    user: int = d
    return user


@compiled
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
    kept: Index,
) -> float:
    """Make so many moves; the best plan that fits goes to ``kept``, its value is returned."""
    np.random.seed(seed)
    n = state.item.size
    num_hubs = state.users.size
    none_shut = np.zeros(num_hubs, np.bool_)
    log, undone = np.empty(2 * n + 8, np.int64), np.empty(2 * n + 8, np.int64)
    at = 0
    # Counted anew, so that rounding does not add up over rounds.
    state.load[:] = 0.0
    cost, over, worth = 0.0, 0.0, 0.0
    for d in range(n):
        i = state.item[d]
        worth += guide[i]
        cost += items.cost[i] + items.fixed[i]
        for k in range(items.row_start[i], items.row_start[i + 1]):
            state.load[items.row[k]] += items.by_share[k] + items.by_taking[k]
    for hub in range(num_hubs):
        if state.users[hub] > 0:
            cost += items.hub_cost[hub]
    for row in range(state.load.size):
        over += unit[row] * max(state.load[row] - items.room[row], 0.0)
    for move in range(moves):
        if move % _EVERY == _EVERY - 1:
            change = _TURN if over > 1e-7 else 1.0 / _TURN
            penalty[0] = min(max(penalty[0] * change, _LEAST * level), _MOST * level)
        price = penalty[0]
        at = 0
        more_cost, more_over = 0.0, 0.0
        is_hub = np.random.random() < hub_moves
        if is_hub:
            hub = tried[np.random.randint(tried.size)]
            if state.users[hub] > 0:
                while state.users[hub] > 0:
                    d = state.first[hub]
                    log[at], undone[at] = d, state.item[d]
                    at += 1
                    c, o = _take_out(d, unit, guide, items, state)
                    more_cost, more_over = more_cost + c, more_over + o
                for j in range(at):
                    i = _cheapest(log[j], hub, none_shut, price, unit, guide, items, state)
                    c, o = _put_in(i, unit, guide, items, state)
                    more_cost, more_over = more_cost + c, more_over + o
            else:
                for m in range(items.member_start[hub], items.member_start[hub + 1]):
                    i = items.member[m]
                    d = items.selection[i]
                    old = state.item[d]
                    if at >= n:
                        break
                    out_c, out_o = _take_out(d, unit, guide, items, state)
                    in_c, in_o = _change_if_in(i, unit, guide, items, state)
                    gain = out_c + in_c + price * (out_o + in_o)
                    if state.users[hub] == 0:
                        gain -= items.hub_cost[hub]
                    if gain < 0.0 and in_o <= 0.0:
                        log[at], undone[at] = d, old
                        at += 1
                        c, o = _put_in(i, unit, guide, items, state)
                        more_cost, more_over = more_cost + out_c + c, more_over + out_o + o
                    else:
                        _put_in(old, unit, guide, items, state)
        else:
            d = np.random.randint(n)
            old = state.item[d]
            new = _some_item(d, ranked, span, items)
            if new == old:
                continue
            here, there = items.group[old], items.group[new]
            other = -1
            pushes = there >= 0 and here != there and state.size[there] > 0
            if pushes and np.random.random() < _PUSHES:
                other = _some_user(there, state)
            log[0], undone[0] = d, old
            at = 1
            c, o = _take_out(d, unit, guide, items, state)
            more_cost, more_over = more_cost + c, more_over + o
            if other >= 0:
                log[1], undone[1] = other, state.item[other]
                at = 2
                c, o = _take_out(other, unit, guide, items, state)
                more_cost, more_over = more_cost + c, more_over + o
            c, o = _put_in(new, unit, guide, items, state)
            more_cost, more_over = more_cost + c, more_over + o
            if other >= 0:
                i = -1
                if here >= 0 and np.random.random() < _SWAPS:
                    i = _item_in(other, here, items)
                if i < 0:
                    i = _cheapest(other, -1, none_shut, price, unit, guide, items, state)
                c, o = _put_in(i, unit, guide, items, state)
                more_cost, more_over = more_cost + c, more_over + o
        change = more_cost + price * more_over
        warmth = heat * hub_heat if is_hub else heat
        if change <= 0.0 or np.random.random() < np.exp(-change / warmth):
            more_worth = 0.0
            for j in range(at):
                more_worth += guide[state.item[log[j]]] - guide[undone[j]]
            cost, over = cost + more_cost - more_worth, over + more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best:
                fits = True
                for row in range(state.load.size):
                    if state.load[row] > items.room[row] + _FULL * abs(items.room[row]):
                        fits = False
                if fits:
                    best = cost
                    kept[:] = state.item
        else:
            for j in range(at):
                _take_out(log[j], unit, guide, items, state)
            for j in range(at):
                _put_in(undone[j], unit, guide, items, state)
    return best
