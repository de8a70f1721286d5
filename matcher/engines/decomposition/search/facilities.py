"""The search for a set of hubs: each is weighed by a bound, then by a search of its assignments.

Where selections are assigned whole and hubs cost much more than assignments, one hub more or less
means that many selections move, and hardly any way to there is downhill. So each try here closes a
hub, opens one, or does both, and draws what the new set may cost, as in simulated annealing. A few
steps of prices on what has little room give a bound on every plan of the set (Lagrangian
relaxation, see `weigh`), a hundred times faster than a search within it, and without noise: most
sets are given up there. In the others assignments are searched, from warm to cold, beginning with
those that the prices think of where a selection has to move; and what that search ends with
decides whether to stay (iterated local search: Lourenço, Martin and Stützle, in *Handbook of
Metaheuristics*, 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled_inline, compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import Items
from matcher.engines.decomposition.search.reassignment import (
    State,
    fits,
    gained,
    put_in,
    recount,
    shift,
    some_item,
    some_user,
    take_out,
    turn,
    undo,
)
from matcher.program import Floats

# Shares of tries that open a hub only, and that close one for it; the others close one only.
_OPEN, _SWAP = 0.2, 0.6
# So often is a change looked for that may be worth a try, or an item whose hub is as wanted.
_LOOKS = 20
# Steps of prices for a try and for the first set, and the share of the limit by which they aim
# above it: aimed at the limit itself, they would not get there.
_STEPS, _FIRST_STEPS, _ABOVE = 30, 90, 0.002
# Steps are halved after so many without a higher bound.
_PATIENCE = 3
# Within a set the penalty rises by this factor, so that the search ends without overload if it can.
_RISE = 4.0


class Outlook(NamedTuple):
    """What is known of sets of hubs before they are tried.

    A set costs at least ``bound``, and ``with_hub`` more of each open hub, ``without`` of each
    other; it holds the sum of ``room`` of open hubs, of which ``need`` is needed. Shapes (hubs,).
    """

    bound: float
    with_hub: Floats
    without: Floats
    room: Floats
    need: float


class Sets(NamedTuple):
    """A set of hubs being tried, and room to work in.

    By hub: whether it is shut. By row that has little room: its price for the set where the search
    stands, the price being tried, that of the highest bound of a try, what it is loaded above its
    room, and the hub that grants the room (-1 for none). By selection: least cost at the prices
    tried, the item that has it, and the item before the try; and a log of moves, with two to spare.
    ``loose`` are items without a hub.
    """

    shut: Bools
    price: Floats
    tried: Floats
    highest: Floats
    over: Floats
    owner: Index
    least: Floats
    item: Index
    before: Index
    log: Index
    undone: Index
    loose: Index


def sets_of(items: Items, shut: Bools, price: Floats, owner: Index) -> Sets:
    """Where a search begins.

    Parameters
    ----------
    shut
        The hubs that are not in the set, by hub.
    price, owner
        Price of each row that has little room, and the hub that grants the room (-1 for none).
    """
    rows, n = price.size, items.most.size
    sets = Sets(
        shut=shut.copy(),
        price=price.copy(),
        tried=np.zeros(rows),
        highest=np.zeros(rows),
        over=np.zeros(rows),
        owner=owner,
        least=np.zeros(n),
        item=np.zeros(n, dtype=np.int64),
        before=np.zeros(n, dtype=np.int64),
        log=np.zeros(n + 2, dtype=np.int64),
        undone=np.zeros(n + 2, dtype=np.int64),
        loose=np.flatnonzero(items.hub < 0),
    )
    weigh(_FIRST_STEPS, np.inf, items, sets)
    sets.price[:] = sets.highest
    return sets


@compiled_plain
def site(
    tries: int,
    moves: int,
    warmth: float,
    hot: float,
    cold: float,
    seed: int,
    best: float,
    level: float,
    penalty: Floats,
    outlook: Outlook,
    unit: Floats,
    guide: Floats,
    ranked: Index,
    span: Index,
    items: Items,
    state: State,
    sets: Sets,
    kept: Index,
) -> float:
    """Try so many sets of hubs; the best plan that fits goes to ``kept``, its value is returned.

    Where no change of the set is worth a try, assignments are searched within the present one.

    Parameters
    ----------
    moves
        Of the search within a set.
    warmth
        Temperature at which sets are accepted.
    hot, cold
        Temperatures of the search within a set, at its start and end.
    level, penalty
        See `shifting.turn`.
    """
    np.random.seed(seed)
    for _ in range(tries):
        price = penalty[0]
        cost, over = recount(unit, items, state)
        limit = cost + price * over - warmth * np.log(1.0 - np.random.random())
        for hub in range(sets.shut.size):
            sets.shut[hub] = state.users[hub] == 0
        closed, opened = _change(limit, outlook, ranked, span, items, state, sets.shut)
        is_new = closed >= 0 or opened >= 0
        if is_new:
            if closed >= 0:
                sets.shut[closed] = True
            if opened >= 0:
                sets.shut[opened] = False
            if weigh(_STEPS, limit, items, sets) > limit:
                continue
        for d in range(state.item.size):
            sets.before[d] = state.item[d]
        if is_new:
            _follow(opened, unit, guide, items, state, sets)
        best = _settle(
            moves, hot, cold, price, best, unit, guide, ranked, span, items, state, sets, kept
        )
        new_cost, new_over = recount(unit, items, state)
        if new_cost + price * new_over <= limit:
            over = new_over
            if is_new:
                for row in range(sets.price.size):
                    sets.price[row] = sets.highest[row]
        else:
            for d in range(state.item.size):
                take_out(d, unit, guide, items, state)
            for d in range(state.item.size):
                put_in(sets.before[d], unit, guide, items, state)
        turn(penalty, over, level)
    return best


@compiled_inline
def _follow(
    opened: int, unit: Floats, guide: Floats, items: Items, state: State, sets: Sets
) -> None:
    """Move selections as the prices tried think: out of hubs that are shut, into the new one."""
    for d in range(state.item.size):
        hub, new = items.hub[state.item[d]], items.hub[sets.item[d]]
        if (hub >= 0 and sets.shut[hub]) or (opened >= 0 and new == opened):
            take_out(d, unit, guide, items, state)
            put_in(sets.item[d], unit, guide, items, state)


@compiled_inline
def _change(
    limit: float,
    outlook: Outlook,
    ranked: Index,
    span: Index,
    items: Items,
    state: State,
    shut: Bools,
) -> tuple[int, int]:
    """A hub to close and one to open; each -1 if there is none.

    Sets that are known to cost more than the limit are passed over, and those that hold too little.
    """
    least, held, num_open = outlook.bound, 0.0, 0
    for hub in range(shut.size):
        least += outlook.without[hub] if shut[hub] else outlook.with_hub[hub]
        if not shut[hub]:
            held += outlook.room[hub]
            num_open += 1
    for _ in range(_LOOKS):
        closed, opened = -1, -1
        kind = np.random.random()
        value, holds = least, held
        if kind >= _OPEN and num_open > 1:
            nth = np.random.randint(num_open)
            for hub in range(shut.size):
                if not shut[hub]:
                    if nth == 0:
                        closed = hub
                    nth -= 1
            value += outlook.without[closed] - outlook.with_hub[closed]
            holds -= outlook.room[closed]
        if kind < _OPEN + _SWAP:
            d = np.random.randint(state.item.size) if closed < 0 else some_user(closed, state)
            for _ in range(_LOOKS):
                hub = items.hub[some_item(d, ranked, span, items)]
                if hub >= 0 and shut[hub]:
                    opened = hub
                    value += outlook.with_hub[hub] - outlook.without[hub]
                    holds += outlook.room[hub]
                    break
        is_one = closed >= 0 or opened >= 0
        if is_one and value <= max(limit, least) and (holds >= outlook.need or holds > held):
            return closed, opened
    return -1, -1


@compiled_plain
def weigh(steps: int, limit: float, items: Items, sets: Sets) -> float:
    """A bound on what plans cost that open all hubs of the set and no others.

    With prices p on rows that have little room r, it is the sum of hubs' costs and of the least
    cost of each selection, what it loads rows with paid at p, less p · r. Prices rise by Polyak's
    subgradient step (Held, Wolfe and Crowder, Mathematical Programming 6, 1974).

    Parameters
    ----------
    steps
        Of prices, at most, beginning from those of ``sets``; the best are left in ``highest``.
    limit
        Where to stop; infinite for the highest bound that the steps reach.
    """
    tried, over = sets.tried, sets.over
    value, pace, vain = -np.inf, 1.0, 0
    for row in range(tried.size):
        tried[row] = sets.price[row]
    for _ in range(steps):
        bound = _bound(items, sets)
        if bound > value:
            value, vain = bound, 0
            for row in range(tried.size):
                sets.highest[row] = tried[row]
        else:
            vain += 1
        if vain == _PATIENCE:
            pace, vain = pace / 2, 0
        steep = 0.0
        for row in range(tried.size):
            if tried[row] > 0.0 or over[row] > 0.0:
                steep += over[row] ** 2
        if value > limit or steep <= 0.0:
            break
        aim = value if limit == np.inf else limit
        step = pace * (aim + _ABOVE * abs(aim) - bound) / steep
        for row in range(tried.size):
            tried[row] = max(tried[row] + step * over[row], 0.0)
    return value


@compiled_inline
def _bound(items: Items, sets: Sets) -> float:
    """The bound of the set at the prices tried; leaves what rows are loaded above their room."""
    over, least = sets.over, sets.least
    for d in range(least.size):
        least[d] = np.inf
    for i in sets.loose:
        _compare(i, items, sets)
    bound = 0.0
    for hub in range(sets.shut.size):
        if not sets.shut[hub]:
            bound += items.hub_cost[hub]
            for m in range(items.member_start[hub], items.member_start[hub + 1]):
                _compare(items.member[m], items, sets)
    for row in range(over.size):
        over[row] = 0.0
        if sets.owner[row] < 0 or not sets.shut[sets.owner[row]]:
            over[row] = -items.room[row]
            bound -= sets.tried[row] * items.room[row]
    for d in range(least.size):
        bound += least[d]
        if least[d] < np.inf:
            i = sets.item[d]
            for k in range(items.row_start[i], items.row_start[i + 1]):
                over[items.row[k]] += items.by_share[k] + items.by_taking[k]
    return bound


@compiled_inline
def _compare(i: int, items: Items, sets: Sets) -> None:
    """Let a selection take an item if that costs less than what it has."""
    cost = items.cost[i] + items.fixed[i]
    for k in range(items.row_start[i], items.row_start[i + 1]):
        cost += sets.tried[items.row[k]] * (items.by_share[k] + items.by_taking[k])
    d = items.selection[i]
    if cost < sets.least[d]:
        sets.least[d], sets.item[d] = cost, i


@compiled_inline
def _settle(
    moves: int,
    hot: float,
    cold: float,
    price: float,
    best: float,
    unit: Floats,
    guide: Floats,
    ranked: Index,
    span: Index,
    items: Items,
    state: State,
    sets: Sets,
    kept: Index,
) -> float:
    """Search assignments to hubs that are not shut; gives the best value, see `site`."""
    cost, over = recount(unit, items, state)
    heat, cooling = hot, (cold / hot) ** (1.0 / max(moves, 1))
    rise = _RISE ** (1.0 / max(moves, 1))
    for _ in range(moves):
        heat *= cooling
        price *= rise
        d = np.random.randint(state.item.size)
        new = state.item[d]
        for _ in range(_LOOKS):
            i = some_item(d, ranked, span, items)
            if items.hub[i] < 0 or not sets.shut[items.hub[i]]:
                new = i
                break
        if new == state.item[d]:
            continue
        at, more_cost, more_over = shift(
            d, new, price, sets.shut, unit, guide, items, state, sets.log, sets.undone
        )
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / heat):
            cost += more_cost - gained(at, guide, state, sets.log, sets.undone)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and fits(items, state):
                best = cost
                for k in range(state.item.size):
                    kept[k] = state.item[k]
        else:
            undo(at, unit, guide, items, state, sets.log, sets.undone)
    return best
