"""The compiled moves of the search: take selections out, and put each back as it fits best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index, select
from matcher.program import Floats

COVERED = 1e-9
"""A selection that lacks less than this share is whole."""

# Most selections taken out by a move about others than hubs, and by any move.
_LARGEST_MOVE = 12
_ROOM = 64
# Moves that begin with a selection that lacks something, as long as there are such.
_MENDING = 0.5
# Items of a selection that a move looks at: those that fit, the cheapest first.
_LOOKED_AT = 20


class Items(NamedTuple):
    """What the moves need to know of a program, by item unless stated.

    Items take ``by_share`` of a row for their whole selection and ``by_taking`` for being taken at
    all; these and ``row`` have an entry for each pair of item and row, ``row_start`` says where an
    item's begin. ``worth`` is what taking the whole selection takes of all rows at their prices.
    ``ranked`` lists the items of each selection by what they cost at the prices, least first.
    ``has_twins`` tells selections of which several items load one row.
    ``member`` lists items by ``group``: by what they compete for.
    Rows from ``num_packing`` on are weighed: what a unit above their room costs is their ``rate``,
    and hubs load them by ``hub_load``.
    """

    start: Index
    selection: Index
    cost: Floats
    fixed: Floats
    lower: Floats
    upper: Floats
    is_free: Bools
    most: Index
    worth: Floats
    ranked: Index
    row_start: Index
    row: Index
    by_share: Floats
    by_taking: Floats
    room: Floats
    hub: Index
    hub_cost: Floats
    group: Index
    member_start: Index
    member: Index
    has_twins: Bools
    penalty: float
    num_packing: int
    rate: Floats
    hub_row_start: Index
    hub_row: Index
    hub_load: Floats


class State(NamedTuple):
    """A plan: items and shares of each selection, load of each row, and users of each hub."""

    item: Index
    share: Floats
    num: Index
    load: Floats
    users: Index


@compiled
def lacking(state: State) -> Floats:
    """Share of each selection that nobody has."""
    lacking = np.ones(state.num.size)
    for d in range(state.num.size):
        for j in range(state.num[d]):
            lacking[d] -= state.share[d, j]
    return lacking


@compiled_plain
def _weigh(row: int, more: float, items: Items, state: State) -> float:
    """Load a weighed row; gives what breaking it costs more."""
    room = items.room[row]
    before = max(state.load[row] - room, 0.0)
    state.load[row] += more
    more_owed: float = items.rate[row] * (max(state.load[row] - room, 0.0) - before)
    return more_owed


@compiled_plain
def _owed(items: Items) -> float:
    """What the weighed rows cost while nothing is selected."""
    owed = 0.0
    for row in range(items.num_packing, items.room.size):
        owed += items.rate[row] * max(-items.room[row], 0.0)
    return owed


@compiled_plain
def _change(d: int, sign: int, items: Items, state: State) -> float:
    """Count a selection in (sign 1) or out (-1); gives what it costs."""
    value, lacking = 0.0, 1.0
    for j in range(state.num[d]):
        i, part = state.item[d, j], state.share[d, j]
        value += items.cost[i] * part + items.fixed[i]
        lacking -= part
        for k in range(items.row_start[i], items.row_start[i + 1]):
            load = items.by_share[k] * part + items.by_taking[k]
            if items.row[k] < items.num_packing:
                state.load[items.row[k]] += sign * load
            else:
                value += sign * _weigh(items.row[k], sign * load, items, state)
        hub = items.hub[i]
        if hub >= 0:
            before = state.users[hub]
            state.users[hub] += sign
            if before == 0 or state.users[hub] == 0:
                value += items.hub_cost[hub]
                for k in range(items.hub_row_start[hub], items.hub_row_start[hub + 1]):
                    load = sign * items.hub_load[k]
                    value += sign * _weigh(items.hub_row[k], load, items, state)
    if lacking > COVERED:
        value += items.penalty * lacking
    return value


@compiled
def recount(items: Items, state: State) -> float:
    """Count load, hubs and cost of a plan from nothing; gives the cost."""
    state.load[:] = 0.0
    state.users[:] = 0
    value = _owed(items)
    for d in range(state.num.size):
        value += _change(d, 1, items, state)
    return value


@compiled
def _bench(items: Items) -> tuple[Floats, Index, Bools]:
    """Room to work in for the largest selection."""
    size = 1
    for d in range(items.start.size - 1):
        size = max(size, items.start[d + 1] - items.start[d])
    return (
        np.empty((8, size + 1)),
        np.empty((7, size + 1), np.int64),
        np.empty(size + 1, np.bool_),
    )


@compiled_plain
def _put_in(
    d: int,
    charge: float,
    shut: int,
    hub_part: float,
    items: Items,
    state: State,
    bench: tuple[Floats, Index, Bools],
) -> float:
    """Put a selection in as it fits best; gives what it costs.

    ``charge`` is the part of the prices that it reckons with, ``shut`` a hub that it may not use,
    ``hub_part`` the part of a closed hub's cost that it reckons with.
    """
    numbers, places, free = bench
    m = 0
    for at in range(items.start[d], items.start[d + 1]):
        i = items.ranked[at]
        hub = items.hub[i]
        if hub >= 0 and hub == shut:
            continue
        high, owed, owed_once = items.upper[i], 0.0, 0.0
        for k in range(items.row_start[i], items.row_start[i + 1]):
            row = items.row[k]
            if row >= items.num_packing:
                if state.load[row] > items.room[row]:
                    owed += items.rate[row] * items.by_share[k]
                    owed_once += items.rate[row] * items.by_taking[k]
                continue
            rest = items.room[items.row[k]] - state.load[items.row[k]] - items.by_taking[k]
            if rest < -COVERED:
                high = -1.0
            elif rest < high * items.by_share[k]:
                high = rest / items.by_share[k]
        # Rounding may take a hair off an item that has to have it all.
        if items.lower[i] - COVERED <= high < items.lower[i]:
            high = items.lower[i]
        if high <= COVERED or high < items.lower[i]:
            continue
        fixed = items.fixed[i] + owed_once
        if hub >= 0 and state.users[hub] == 0:
            fixed += hub_part * items.hub_cost[hub]
        numbers[0, m] = items.cost[i] + charge * items.worth[i] + owed
        numbers[1, m] = fixed
        numbers[2, m] = items.lower[i]
        numbers[3, m] = high
        free[m] = items.is_free[i] and fixed == 0.0
        places[0, m] = m
        places[1, m] = i
        m += 1
        if m == _LOOKED_AT:
            break
    while True:
        _, _, size = select(
            numbers[0, :m],
            numbers[1, :m],
            numbers[2, :m],
            numbers[3, :m],
            free[:m],
            items.most[d],
            items.penalty,
            places[0, :m],
            places[2],
            numbers[4],
            numbers[5:],
            places[3:],
        )
        size = min(size, state.item.shape[1])
        state.num[d] = size
        for j in range(size):
            state.item[d, j] = places[1, places[2, j]]
            state.share[d, j] = numbers[4, j]
        value = _change(d, 1, items, state)
        if not items.has_twins[d]:
            return value
        # Each item fits by itself; the last that does not fit beside the others has to go.
        worst = -1
        for j in range(size):
            i = state.item[d, j]
            for k in range(items.row_start[i], items.row_start[i + 1]):
                if items.row[k] >= items.num_packing:
                    break
                room = items.room[items.row[k]]
                if state.load[items.row[k]] > room + 1e-9 * max(1.0, abs(room)):
                    worst = places[2, j]
        if worst < 0:
            return value
        _change(d, -1, items, state)
        m -= 1
        for row in range(4):
            numbers[row, worst] = numbers[row, m]
        free[worst] = free[m]
        places[1, worst] = places[1, m]
        for j in range(m):
            places[0, j] = j


@compiled
def construct(order: Index, shut: Bools, items: Items, state: State) -> float:
    """Put in one selection after the other; gives the cost of the plan."""
    state.num[:] = 0
    state.load[:] = 0.0
    state.users[:] = 0
    # The room of a closed hub seems to be taken; where some are closed, the others open for free.
    bench = _bench(items)
    blocked = np.zeros(items.room.size)
    for i in range(items.hub.size):
        if items.hub[i] >= 0 and shut[items.hub[i]]:
            for k in range(items.row_start[i], items.row_start[i + 1]):
                if items.row[k] >= items.num_packing:
                    break
                blocked[items.row[k]] = 2.0 * abs(items.room[items.row[k]]) + 1.0
    state.load[:] = blocked
    value = _owed(items)
    for d in order:
        value += _put_in(d, 1.0, -1, 0.0 if shut.any() else 1.0, items, state, bench)
    state.load[:] -= blocked
    return value


@compiled
def anneal(
    moves: int,
    heat: float,
    seed: int,
    value: float,
    hub_moves: float,
    short: Index,
    items: Items,
    state: State,
) -> float:
    """Make so many moves at one temperature; gives the cost of the plan.

    ``short`` lists selections that lack something: many moves begin there.
    """
    np.random.seed(seed)
    width = state.item.shape[1]
    return _moves(
        moves,
        heat,
        value,
        hub_moves,
        short,
        items,
        state,
        _bench(items),
        np.empty((2, _ROOM), np.int64),
        np.zeros(state.num.size, np.bool_),
        np.empty((_ROOM, width), np.int64),
        np.empty((_ROOM, width)),
    )


@compiled_plain
def _moves(
    moves: int,
    heat: float,
    value: float,
    hub_moves: float,
    short: Index,
    items: Items,
    state: State,
    bench: tuple[Floats, Index, Bools],
    outs: Index,
    is_out: Bools,
    old_item: Index,
    old_share: Floats,
) -> float:
    out, old_num = outs[0], outs[1]
    num_selections, num_hubs = state.num.size, state.users.size
    for _ in range(moves):
        size, shut, hub_part, more = 0, -1, 1.0, 0
        if np.random.random() < hub_moves:
            hub = np.random.randint(num_hubs)
            first, last = items.member_start[hub], items.member_start[hub + 1]
            if state.users[hub] > 0:
                shut = hub
                for k in range(first, last):
                    d = items.selection[items.member[k]]
                    if size < _ROOM and not is_out[d] and _uses(d, hub, items, state):
                        is_out[d] = True
                        out[size] = d
                        size += 1
            else:
                hub_part = 0.0
                for _ in range(3 + np.random.randint(12)):
                    d = items.selection[items.member[first + np.random.randint(last - first)]]
                    if not is_out[d]:
                        is_out[d] = True
                        out[size] = d
                        size += 1
            more = min(size + np.random.randint(4), _ROOM)
        if size == 0:
            if short.size > 0 and np.random.random() < _MENDING:
                out[0] = short[np.random.randint(short.size)]
            else:
                out[0] = np.random.randint(num_selections)
            is_out[out[0]] = True
            size = 1
            more = 2 + np.random.randint(_LARGEST_MOVE - 1)
        size = _relatives(out, size, more, is_out, items, state)

        change = 0.0
        for q in range(size):
            d = out[q]
            is_out[d] = False
        for q in range(size - 1, 0, -1):
            j = np.random.randint(q + 1)
            out[q], out[j] = out[j], out[q]
        for q in range(size):
            d = out[q]
            old_num[q] = state.num[d]
            for j in range(state.num[d]):
                old_item[q, j], old_share[q, j] = state.item[d, j], state.share[d, j]
            change -= _change(d, -1, items, state)
            state.num[d] = 0
        charge = np.random.random()
        allowed = -heat * np.log(np.random.random() + 1e-300)
        for q in range(size):
            change += _put_in(out[q], charge, shut, hub_part, items, state, bench)
        if change <= allowed:
            value += change
            continue
        for q in range(size):
            _change(out[q], -1, items, state)
        for q in range(size):
            d = out[q]
            state.num[d] = old_num[q]
            for j in range(old_num[q]):
                state.item[d, j], state.share[d, j] = old_item[q, j], old_share[q, j]
            _change(d, 1, items, state)
    return value


@compiled_plain
def _uses(d: int, group: int, items: Items, state: State) -> bool:
    """Whether a selection has an item of a group."""
    found = False
    for j in range(state.num[d]):
        found |= items.group[state.item[d, j]] == group
    return found


@compiled_plain
def _relatives(out: Index, size: int, more: int, is_out: Bools, items: Items, state: State) -> int:
    """Add selections that use what those in ``out`` could use, until there are ``more``."""
    for _ in range(60):
        if size >= more:
            break
        d = out[np.random.randint(size)]
        i = items.start[d] + np.random.randint(items.start[d + 1] - items.start[d])
        group = items.group[i]
        if group < 0:
            continue
        first, last = items.member_start[group], items.member_start[group + 1]
        d = items.selection[items.member[first + np.random.randint(last - first)]]
        if is_out[d] or (not _uses(d, group, items, state) and np.random.random() < 0.9):
            continue
        is_out[d] = True
        out[size] = d
        size += 1
    return size
