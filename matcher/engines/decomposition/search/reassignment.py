"""The compiled moves of selections that take one item each: shift, swap, push out, close, open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_inline
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import Items
from matcher.program import Floats

FULL = 1e-9
"""Loads may sum to this share more than the room, by rounding."""

# Penalties change by this factor at a time, between these shares of a selection's cost.
_TURN, _LEAST, _MOST = 1.05, 0.01, 100.0
# Shares of shifts that push out another selection, and of these that swap.
_PUSHES, _SWAPS = 0.6, 0.6


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


@compiled
def clear(state: State) -> None:
    state.item[:] = -1
    state.load[:] = 0.0
    state.users[:] = 0
    state.first[:] = -1
    state.size[:] = 0


@compiled_inline
def take_out(
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


@compiled_inline
def put_in(i: int, unit: Floats, guide: Floats, items: Items, state: State) -> tuple[float, float]:
    """Let a selection without an item take one; gives the changes of cost and of overload."""
    cost, over = change_if_in(i, unit, guide, items, state)
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


@compiled_inline
def change_if_in(
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
def put_all(taken: Index, items: Items, state: State) -> None:
    unit, guide = np.ones(state.load.size), np.zeros(items.cost.size)
    for i in taken:
        if state.item[items.selection[i]] < 0:
            put_in(i, unit, guide, items, state)


@compiled
def construct(
    order: Index,
    shut: Bools,
    penalty: float,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
) -> None:
    for d in order:
        put_in(cheapest(d, -1, shut, penalty, unit, guide, items, state), unit, guide, items, state)


@compiled_inline
def cheapest(
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
        cost, over = change_if_in(i, unit, guide, items, state)
        value = cost + penalty * over
        hub = items.hub[i]
        if hub >= 0 and (hub == avoided or shut[hub]):
            value += 1e3 * penalty
        if value < least:
            least, chosen = value, i
    best: int = chosen
    return best


@compiled_inline
def item_in(d: int, group: int, items: Items) -> int:
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


@compiled_inline
def some_item(d: int, ranked: Index, span: Index, items: Items) -> int:
    """A random item of a selection, more likely a cheap one."""
    item: int = ranked[items.start[d] + int(span[d] * np.random.random() ** 3)]
    return item


@compiled_inline
def some_user(group: int, state: State) -> int:
    """A random selection that takes an item of a group that is in use."""
    d = state.first[group]
    for _ in range(np.random.randint(state.size[group])):
        d = state.after[d]
    user: int = d
    return user


@compiled_inline
def shift(
    d: int,
    new: int,
    price: float,
    shut: Bools,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Let a selection take another item; it may push out a selection, which may take its place.

    Gives the number of selections moved, noted in ``log`` with the items they had in ``undone``,
    and the changes of cost and of overload.
    """
    old = state.item[d]
    here, there = items.group[old], items.group[new]
    other = -1
    pushes = there >= 0 and here != there and state.size[there] > 0
    if pushes and np.random.random() < _PUSHES:
        other = some_user(there, state)
    log[0], undone[0] = d, old
    cost, over = take_out(d, unit, guide, items, state)
    if other >= 0:
        log[1], undone[1] = other, state.item[other]
        c, o = take_out(other, unit, guide, items, state)
        cost, over = cost + c, over + o
    c, o = put_in(new, unit, guide, items, state)
    cost, over = cost + c, over + o
    if other < 0:
        return 1, cost, over
    i = -1
    if here >= 0 and np.random.random() < _SWAPS:
        i = item_in(other, here, items)
    if i < 0:
        i = cheapest(other, -1, shut, price, unit, guide, items, state)
    c, o = put_in(i, unit, guide, items, state)
    return 2, cost + c, over + o


@compiled_inline
def undo(
    at: int,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
    log: Index,
    undone: Index,
) -> None:
    """Give the first ``at`` selections of ``log`` the items back that they had."""
    for j in range(at):
        take_out(log[j], unit, guide, items, state)
    for j in range(at):
        put_in(undone[j], unit, guide, items, state)


@compiled_inline
def empty(
    hub: int,
    at: int,
    price: float,
    shut: Bools,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Send the users of a hub elsewhere; noted from ``at`` on, see `shift`."""
    cost, over, begun = 0.0, 0.0, at
    while state.users[hub] > 0:
        d = state.first[hub]
        log[at], undone[at] = d, state.item[d]
        at += 1
        c, o = take_out(d, unit, guide, items, state)
        cost, over = cost + c, over + o
    for j in range(begun, at):
        i = cheapest(log[j], hub, shut, price, unit, guide, items, state)
        c, o = put_in(i, unit, guide, items, state)
        cost, over = cost + c, over + o
    return at, cost, over


@compiled_inline
def fill(
    hub: int,
    at: int,
    price: float,
    unit: Floats,
    guide: Floats,
    items: Items,
    state: State,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Let selections come to a hub where they gain by it; noted from ``at`` on, see `shift`.

    The first pays for the hub, which is not held against it.
    """
    cost, over, begun = 0.0, 0.0, at
    for m in range(items.member_start[hub], items.member_start[hub + 1]):
        i = items.member[m]
        d = items.selection[i]
        old = state.item[d]
        if at - begun >= state.item.size:
            break
        if items.hub[old] == hub:
            continue
        out_c, out_o = take_out(d, unit, guide, items, state)
        in_c, in_o = change_if_in(i, unit, guide, items, state)
        gain = out_c + in_c + price * (out_o + in_o)
        if state.users[hub] == 0:
            gain -= items.hub_cost[hub]
        if gain < 0.0 and in_o <= 0.0:
            log[at], undone[at] = d, old
            at += 1
            c, o = put_in(i, unit, guide, items, state)
            cost, over = cost + out_c + c, over + out_o + o
        else:
            put_in(old, unit, guide, items, state)
    return at, cost, over


@compiled_inline
def recount(unit: Floats, items: Items, state: State) -> tuple[float, float]:
    """Cost and overload of a plan; loads are counted anew, so that rounding does not add up."""
    state.load[:] = 0.0
    cost, over = 0.0, 0.0
    for d in range(state.item.size):
        i = state.item[d]
        cost += items.cost[i] + items.fixed[i]
        for k in range(items.row_start[i], items.row_start[i + 1]):
            state.load[items.row[k]] += items.by_share[k] + items.by_taking[k]
    for hub in range(state.users.size):
        if state.users[hub] > 0:
            cost += items.hub_cost[hub]
    for row in range(state.load.size):
        over += unit[row] * max(state.load[row] - items.room[row], 0.0)
    return cost, over


@compiled_inline
def fits(items: Items, state: State) -> bool:
    """Whether no row is overloaded."""
    for row in range(state.load.size):
        if state.load[row] > items.room[row] + FULL * abs(items.room[row]):
            return False
    return True


@compiled_inline
def turn(penalty: Floats, over: float, level: float) -> None:
    """Raise the penalty of one unit of overload if there is one, lower it if there is none.

    Parameters
    ----------
    penalty
        The penalty, shape (1,).
    level
        What a selection costs on average.
    """
    change = _TURN if over > 1e-7 else 1.0 / _TURN
    penalty[0] = min(max(penalty[0] * change, _LEAST * level), _MOST * level)


@compiled_inline
def gained(at: int, guide: Floats, state: State, log: Index, undone: Index) -> float:
    """How much of the change of cost by a move is only what room is thought to be worth."""
    worth = 0.0
    for j in range(at):
        worth += guide[state.item[log[j]]] - guide[undone[j]]
    return worth
