"""The search for a set of hubs: each is judged by a short search of assignments that keep to it.

Where selections are assigned whole and hubs cost much more than assignments, one hub more or less
means that many selections move, and hardly any way to there is downhill. So each try here closes a
hub, opens one, or does both; sends who is concerned elsewhere; searches assignments within the
hubs that are then open, from warm to cold; and only then decides whether to stay (iterated local
search: Lourenço, Martin and Stützle, in *Handbook of Metaheuristics*, 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.compiled import compiled_inline, compiled_plain
from matcher.engines.decomposition.moves import Items
from matcher.engines.decomposition.selection import Bools, Index
from matcher.engines.decomposition.shifting import (
    State,
    empty,
    fill,
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
# Of so many changes that may be worth a try, the one is tried that promises most.
_COMPARED = 8
# Within a try the penalty rises by this factor, so that it ends without overload if it can.
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


class Bench(NamedTuple):
    """Room to work in: by hub whether it is shut, thrice by selection with two to spare."""

    shut: Bools
    log: Index
    undone: Index
    before: Index


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
    bench: Bench,
    kept: Index,
) -> float:
    """Try so many sets of hubs; the best plan that fits goes to ``kept``, its value is returned.

    Where no change of the set is worth a try, assignments are searched within the present one.

    Parameters
    ----------
    moves
        Of the search within each set.
    warmth
        Temperature at which sets are accepted.
    hot, cold
        Temperatures of the search within a set, at its start and end.
    level, penalty
        See `shifting.turn`.
    """
    np.random.seed(seed)
    shut = bench.shut
    for _ in range(tries):
        price = penalty[0]
        cost, over = recount(unit, items, state)
        for d in range(state.item.size):
            bench.before[d] = state.item[d]
        closed, item = _change(best, outlook, ranked, span, items, state, shut)
        if item >= 0:
            opened, d = items.hub[item], items.selection[item]
            shut[opened] = False
            take_out(d, unit, guide, items, state)
            put_in(item, unit, guide, items, state)
        if closed >= 0:
            shut[closed] = True
            empty(closed, 0, price, shut, unit, guide, items, state, bench.log, bench.undone)
        if item >= 0:
            fill(opened, 0, price, unit, guide, items, state, bench.log, bench.undone)
        best = _settle(
            moves, hot, cold, price, best, unit, guide, ranked, span, items, state, bench, kept
        )
        new_cost, new_over = recount(unit, items, state)
        change = new_cost - cost + price * (new_over - over)
        if change > 0.0 and np.random.random() >= np.exp(-change / warmth):
            for d in range(state.item.size):
                take_out(d, unit, guide, items, state)
            for d in range(state.item.size):
                put_in(bench.before[d], unit, guide, items, state)
            new_over = over
        turn(penalty, new_over, level)
    return best


@compiled_inline
def _change(
    best: float,
    outlook: Outlook,
    ranked: Index,
    span: Index,
    items: Items,
    state: State,
    shut: Bools,
) -> tuple[int, int]:
    """A hub to close, and an item of the hub to open; each -1 if there is none.

    Sets that cannot beat the best plan are passed over, and those that hold too little. Of some
    others it is the one that costs least by what is known before.
    """
    least, held, num_open = outlook.bound, 0.0, 0
    for hub in range(shut.size):
        shut[hub] = state.users[hub] == 0
        least += outlook.without[hub] if shut[hub] else outlook.with_hub[hub]
        if not shut[hub]:
            held += outlook.room[hub]
            num_open += 1
    chosen, lowest, compared = (-1, -1), np.inf, 0
    for _ in range(_LOOKS):
        closed, item = -1, -1
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
                i = some_item(d, ranked, span, items)
                hub = items.hub[i]
                if hub >= 0 and shut[hub]:
                    item = i
                    value += outlook.with_hub[hub] - outlook.without[hub]
                    holds += outlook.room[hub]
                    break
        is_one = closed >= 0 or item >= 0
        if is_one and value < max(best, least) and (holds >= outlook.need or holds > held):
            compared += 1
            if value < lowest:
                chosen, lowest = (closed, item), value
            if compared == _COMPARED:
                break
    return chosen


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
    bench: Bench,
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
            if items.hub[i] < 0 or not bench.shut[items.hub[i]]:
                new = i
                break
        if new == state.item[d]:
            continue
        at, more_cost, more_over = shift(
            d, new, price, bench.shut, unit, guide, items, state, bench.log, bench.undone
        )
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / heat):
            cost += more_cost - gained(at, guide, state, bench.log, bench.undone)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and fits(items, state):
                best = cost
                for k in range(state.item.size):
                    kept[k] = state.item[k]
        else:
            undo(at, unit, guide, items, state, bench.log, bench.undone)
    return best
