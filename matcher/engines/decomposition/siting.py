"""The search for a set of hubs: sets are judged by a bound on what they cost at best.

Where selections are assigned whole and hubs cost much more than assignments, one hub more or less
means that many selections move, and hardly any way to there is downhill. So each try here closes a
hub, opens one, or does both, and weighs the set that results: a few steps of prices on what has
little room give a bound on every plan of that set (Lagrangian relaxation, see `weigh`), a hundred
times faster than a search within it, and without noise. What a set may cost is drawn beforehand,
as in simulated annealing, so that a set is given up as soon as its bound is above. Only where the
bound of a set is below the best plan are assignments searched within it, from warm to cold,
beginning with those that its prices think of.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.compiled import compiled_inline, compiled_plain
from matcher.engines.decomposition.moves import Items
from matcher.engines.decomposition.selection import Bools, Index
from matcher.engines.decomposition.shifting import (
    State,
    fits,
    gained,
    put_in,
    recount,
    shift,
    some_item,
    take_out,
    turn,
    undo,
)
from matcher.program import Floats

# Shares of tries that open a hub only, and that close one for it; the others close one only.
_OPEN, _SWAP = 0.2, 0.6
# So often is a change looked for that may be worth a try, or an item whose hub is as wanted.
_LOOKS = 20
# Steps of prices for a try, times more for a set that is taken, and the share of the limit by
# which they aim above it: aimed at the limit itself, they would not get there.
_STEPS, _MORE, _ABOVE = 30, 3, 0.002
# Steps are halved after so many without a higher bound.
_PATIENCE = 3
# Within a set the penalty rises by this factor, so that the search ends without overload if it can.
_RISE = 4.0
# Sets share counts of how often they were searched, this many.
_COUNTS = 1 << 16


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
    """The set of hubs where a search stands, what is known of it, and room to work in.

    By hub: whether it is open, whether it is shut to a search within the set, and a random number;
    the sum of these without carries is the key of a set, by which is counted how often it was
    searched. ``value`` is the bound of the set, shape (1,). By row that has little room: its price,
    the price being tried, that of the highest bound of a try, what it is loaded above its room,
    and the hub that grants the room (-1 for none). By selection: least cost at the prices tried,
    and the item that has it; and a log of moves, with two to spare. ``loose`` are items without a
    hub.
    """

    is_open: Bools
    shut: Bools
    number: Index
    searched: Index
    value: Floats
    price: Floats
    tried: Floats
    highest: Floats
    over: Floats
    owner: Index
    least: Floats
    item: Index
    log: Index
    undone: Index
    loose: Index


def sets_of(items: Items, is_open: Bools, price: Floats, owner: Index, seed: int) -> Sets:
    """Where a search begins.

    Parameters
    ----------
    is_open
        The set, by hub.
    price, owner
        Price of each row that has little room, and the hub that grants the room (-1 for none).
    seed
        Of the numbers of hubs.
    """
    hubs, rows, n = is_open.size, price.size, items.most.size
    sets = Sets(
        is_open=is_open.copy(),
        shut=np.zeros(hubs, dtype=np.bool_),
        number=np.random.default_rng(seed).integers(0, 2**62, hubs),
        searched=np.zeros(_COUNTS, dtype=np.int64),
        value=np.zeros(1),
        price=price.copy(),
        tried=np.zeros(rows),
        highest=np.zeros(rows),
        over=np.zeros(rows),
        owner=owner,
        least=np.zeros(n),
        item=np.zeros(n, dtype=np.int64),
        log=np.zeros(n + 2, dtype=np.int64),
        undone=np.zeros(n + 2, dtype=np.int64),
        loose=np.flatnonzero(items.hub < 0),
    )
    stand(items, sets)
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
        limit = sets.value[0] - warmth * np.log(1.0 - np.random.random())
        closed, opened = _change(limit, outlook, ranked, span, items, state, sets)
        if closed >= 0 or opened >= 0:
            _turn_over(closed, opened, sets)
            if weigh(_STEPS, limit, items, sets) > limit:
                _turn_over(closed, opened, sets)
                continue
            for row in range(sets.price.size):
                sets.price[row] = sets.highest[row]
            stand(items, sets)
        if sets.value[0] < best and _is_due(sets):
            for d in range(state.item.size):
                take_out(d, unit, guide, items, state)
            for d in range(state.item.size):
                put_in(sets.item[d], unit, guide, items, state)
            price = penalty[0]
            best = _settle(
                moves, hot, cold, price, best, unit, guide, ranked, span, items, state, sets, kept
            )
            turn(penalty, recount(unit, items, state)[1], level)
    return best


@compiled_inline
def _turn_over(closed: int, opened: int, sets: Sets) -> None:
    """Open what is closed of two hubs, and close what is open; -1 is none."""
    if closed >= 0:
        sets.is_open[closed] = not sets.is_open[closed]
    if opened >= 0:
        sets.is_open[opened] = not sets.is_open[opened]


@compiled_inline
def _is_due(sets: Sets) -> bool:
    """Whether to search within the set: less and less often the more often it was, and noted."""
    key = 0
    for hub in range(sets.is_open.size):
        sets.shut[hub] = not sets.is_open[hub]
        if sets.is_open[hub]:
            key ^= sets.number[hub]
    key %= sets.searched.size
    is_due: bool = np.random.random() * (1 + sets.searched[key]) < 1.0
    if is_due:
        sets.searched[key] += 1
    return is_due


@compiled_inline
def _change(
    limit: float,
    outlook: Outlook,
    ranked: Index,
    span: Index,
    items: Items,
    state: State,
    sets: Sets,
) -> tuple[int, int]:
    """A hub to close and one to open; each -1 if there is none.

    Sets that are known to cost more than the limit are passed over, and those that hold too little.
    """
    is_open = sets.is_open
    least, held, num_open = outlook.bound, 0.0, 0
    for hub in range(is_open.size):
        least += outlook.with_hub[hub] if is_open[hub] else outlook.without[hub]
        if is_open[hub]:
            held += outlook.room[hub]
            num_open += 1
    for _ in range(_LOOKS):
        closed, opened = -1, -1
        kind = np.random.random()
        value, holds = least, held
        if kind >= _OPEN and num_open > 1:
            nth = np.random.randint(num_open)
            for hub in range(is_open.size):
                if is_open[hub]:
                    if nth == 0:
                        closed = hub
                    nth -= 1
            value += outlook.without[closed] - outlook.with_hub[closed]
            holds -= outlook.room[closed]
        if kind < _OPEN + _SWAP:
            d = np.random.randint(state.item.size)
            for _ in range(_LOOKS):
                hub = items.hub[some_item(d, ranked, span, items)]
                if hub >= 0 and not is_open[hub]:
                    opened = hub
                    value += outlook.with_hub[hub] - outlook.without[hub]
                    holds += outlook.room[hub]
                    break
        is_one = closed >= 0 or opened >= 0
        if is_one and value <= max(limit, least) and (holds >= outlook.need or holds > held):
            return closed, opened
    return -1, -1


@compiled_plain
def stand(items: Items, sets: Sets) -> None:
    """Take the set that is open: its bound, and the prices that give it."""
    sets.value[0] = weigh(_MORE * _STEPS, np.inf, items, sets)
    for row in range(sets.price.size):
        sets.price[row] = sets.highest[row]


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
    for hub in range(sets.is_open.size):
        if sets.is_open[hub]:
            bound += items.hub_cost[hub]
            for m in range(items.member_start[hub], items.member_start[hub + 1]):
                _compare(items.member[m], items, sets)
    for row in range(over.size):
        over[row] = 0.0
        if sets.owner[row] < 0 or sets.is_open[sets.owner[row]]:
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
