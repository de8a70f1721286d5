"""What a supplier could earn at given prices: the most valuable load of one packing row.

Maximise Σ reward_i y_i + Σ rate_i w_i over loads Σ w_i ≤ 1 with low_i y_i ≤ w_i ≤ high_i y_i, y_i
binary. The relaxation is a knapsack of pieces, filled in the order of their slopes: an item's value
as a function of its load is a jump and then a line, and its concave envelope is one or two pieces.
Branching on the piece that is filled in part makes it exact. Method: Dantzig's bound with
depth-first branch and bound, as for knapsacks in Martello and Toth, *Knapsack Problems*, 1990.
"""

from __future__ import annotations

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.selection import Index
from matcher.program import Floats

NODES_AT_MOST = 500
"""Nodes after which the bound is given instead of the optimum."""

_SLACK = 1e-12
_NEAR = 1e-9
# What a piece is: the first of an undecided item, the rest of an undecided one, the rest of one
# that is decided to be in.
_FIRST, _REST, _REST_IF_IN = 0, 1, 2


@compiled
def earn(
    reward: Floats, rate: Floats, low: Floats, high: Floats, load: Floats, is_in: Floats
) -> float:
    """Find the most valuable load.

    Parameters
    ----------
    reward, rate, low, high
        Per item, shape ``(n,)``; loads as shares of the room.
    load, is_in
        Filled with the best load found and which items are in it (0 or 1), shape ``(n,)``.

    Returns
    -------
    float
        An upper bound on the value: the optimum, unless the search was cut short.
    """
    n = reward.size
    load[:n], is_in[:n] = 0.0, 0.0
    of, given, slope, width, owner, kind = _pieces(reward, rate, low, high, False)
    m, k = of.size, slope.size
    if m == 0:
        return 0.0
    # Stable, so that of pieces with one slope the first of an item comes before its rest.
    order = np.argsort(-slope, kind="mergesort")

    state = np.zeros(m, np.int64)  # 1: in, -1: out, 0: undecided
    part, on = np.zeros(m), np.zeros(m)
    branch, side, above = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    depth, nodes = 0, 0
    best, cut = -1.0, -np.inf
    while True:
        nodes += 1
        room, value, torn, torn_value = 1.0, given, -1, 0.0
        for t in range(m):
            i = of[t]
            part[t], on[t] = 0.0, 0.0
            if state[t] == 1:
                room -= low[i]
                value += reward[i] + rate[i] * low[i]
                part[t], on[t] = low[i], 1.0
            elif low[i] <= 0.0 and reward[i] >= 0.0:
                on[t] = 1.0
        fits = room >= -_SLACK
        if fits:
            for q in range(k):
                piece = order[q]
                t = owner[piece]
                if room <= 0.0 or slope[piece] <= 0.0:
                    break
                if state[t] == -1 or t == torn:
                    continue
                if (kind[piece] == _REST_IF_IN) != (state[t] == 1):
                    continue
                taken = min(room, width[piece])
                room -= taken
                value += slope[piece] * taken
                part[t] += taken
                if kind[piece] == _FIRST:
                    if taken >= width[piece] - _SLACK:
                        on[t] = 1.0
                    else:
                        torn, torn_value = t, slope[piece] * taken
        done = not fits or value <= best + _NEAR * max(1.0, abs(best))
        if not done:
            rounded = value
            if torn >= 0:
                i = of[torn]
                rounded -= torn_value
                worth = reward[i] + rate[i] * part[torn] if part[torn] >= low[i] else 0.0
                on[torn] = 1.0 if worth > 0.0 else 0.0
                if worth > 0.0:
                    rounded += worth
                else:
                    part[torn] = 0.0
            if rounded > best:
                best = rounded
                for t in range(m):
                    load[of[t]], is_in[of[t]] = part[t], on[t]
            done = torn < 0 or value <= best + _NEAR * max(1.0, abs(best))
            if not done and nodes >= NODES_AT_MOST:
                cut = max(cut, value)
                done = True
        if not done:
            branch[depth], side[depth], above[depth] = torn, 1, value
            state[torn] = 1
            depth += 1
            continue
        while depth > 0:
            t = branch[depth - 1]
            if side[depth - 1] == 1 and above[depth - 1] > best + _NEAR * max(1.0, abs(best)):
                side[depth - 1] = -1
                state[t] = -1
                break
            state[t] = 0
            depth -= 1
        if depth == 0:
            return max(best, cut) + _NEAR * max(1.0, abs(best))


@compiled
def earn_if_in(reward: Floats, rate: Floats, low: Floats, high: Floats, worth: Floats) -> None:
    """Fill ``worth`` with an upper bound on the value if an item has to be in, for every item.

    The rest of the room is filled as if pieces could be had in parts; minus infinity marks items
    that do not fit. Parameters are those of `earn`, shapes ``(n,)``.
    """
    n = reward.size
    worth[:n] = -np.inf
    of, given, slope, width, owner, kind = _pieces(reward, rate, low, high, True)
    order = np.argsort(-slope, kind="mergesort")
    for t in range(of.size):
        i = of[t]
        room, value = 1.0 - low[i], reward[i] + rate[i] * low[i] + given
        if low[i] <= 0.0 and reward[i] >= 0.0:
            value -= reward[i]  # it is among what is given
        more = max(min(high[i], 1.0) - low[i], 0.0) if rate[i] > 0.0 else 0.0
        for q in range(order.size):
            piece = order[q]
            if more > 0.0 and rate[i] >= slope[piece]:
                value += rate[i] * min(room, more)
                room -= min(room, more)
                more = 0.0
            if room <= 0.0 or slope[piece] <= 0.0:
                break
            if owner[piece] == t or kind[piece] == _REST_IF_IN:
                continue
            taken = min(room, width[piece])
            room -= taken
            value += slope[piece] * taken
        value += rate[i] * min(max(room, 0.0), more) if more > 0.0 else 0.0
        worth[i] = value + _NEAR * max(1.0, abs(value))


@compiled
def _pieces(
    reward: Floats, rate: Floats, low: Floats, high: Floats, every: bool
) -> tuple[Index, float, Floats, Floats, Index, Index]:
    """The items that fit and can earn something (or ``every`` one that fits), cut into pieces.

    Returns
    -------
    of, given, slope, width, owner, kind
        Items; what is earned without any room; and of each piece its slope, its width, the position
        of its item in ``of``, and what it is.
    """
    n = reward.size
    of = np.empty(n, np.int64)
    m = 0
    for i in range(n):
        if low[i] > 1.0 + _SLACK:
            continue
        top = min(high[i], 1.0) if rate[i] > 0.0 else low[i]
        if every or reward[i] + rate[i] * top > 0.0:
            of[m] = i
            m += 1
    slope, width = np.empty(3 * m), np.empty(3 * m)
    owner, kind = np.empty(3 * m, np.int64), np.empty(3 * m, np.int64)
    given = 0.0
    k = 0
    for t in range(m):
        i = of[t]
        top = max(min(high[i], 1.0), low[i]) if rate[i] > 0.0 else low[i]
        if low[i] <= 0.0 and reward[i] >= 0.0:
            # Nothing to decide: being in costs no room.
            given += reward[i]
            slope[k], width[k], owner[k], kind[k] = rate[i], top, t, _REST
            k += 1
            continue
        first = low[i] if reward[i] >= 0.0 or top <= low[i] else top
        if first <= 0.0:
            continue
        slope[k], width[k] = (reward[i] + rate[i] * first) / first, first
        owner[k], kind[k] = t, _FIRST
        k += 1
        if top > low[i]:
            if first == low[i]:
                # No steeper than the first, whatever rounding says, so that it comes after it.
                slope[k], width[k] = min(rate[i], slope[k - 1]), top - low[i]
                owner[k], kind[k] = t, _REST
                k += 1
            slope[k], width[k], owner[k], kind[k] = rate[i], top - low[i], t, _REST_IF_IN
            k += 1
    return of[:m], given, slope[:k], width[:k], owner[:k], kind[:k]
