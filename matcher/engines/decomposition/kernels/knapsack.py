"""What a supplier could earn at given prices: the most valuable load of one packing row.

Maximise Σ reward_i y_i + Σ rate_i w_i over loads Σ w_i ≤ 1 with low_i y_i ≤ w_i ≤ high_i y_i, y_i
binary. The relaxation is a knapsack of pieces, filled in the order of their slopes: an assignment's
value as a function of its load is a jump and then a line, and its concave envelope is one or two
pieces. Branching on the piece that is filled in part makes it exact. Method: Dantzig's bound with
depth-first branch and bound, as for knapsacks in Martello and Toth, *Knapsack Problems*, 1990.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_inline
from matcher.engines.decomposition.kernels.selection import Index
from matcher.program import Floats

NODES_AT_MOST = 500
"""Nodes after which the bound is given instead of the optimum."""

_SLACK = 1e-12
_NEAR = 1e-9
# What a piece is: the first of an undecided assignment, the rest of an undecided one, the rest of
# one that is decided to be in.
_FIRST, _REST, _REST_IF_IN = 0, 1, 2


class _Loads(NamedTuple):
    """What may be loaded, by assignment: see the module."""

    reward: Floats
    rate: Floats
    low: Floats
    high: Floats


class _Pieces(NamedTuple):
    """Assignments cut into pieces.

    ``of`` lists the assignments, ``given`` is what is earned without any room. By piece: its slope
    and width, the position of its assignment in ``of``, what it is, and the steepest first in
    ``order``.
    """

    of: Index
    given: float
    slope: Floats
    width: Floats
    owner: Index
    kind: Index
    order: Index


class _Filled(NamedTuple):
    """The room filled with pieces: whether what is in fits, and what is earned.

    ``torn`` is the position of the assignment whose first piece was filled in part, -1 if none
    was, and ``torn_value`` is what that part earns.
    """

    fits: bool
    value: float
    torn: int
    torn_value: float


@compiled
def earn(
    reward: Floats, rate: Floats, low: Floats, high: Floats, load: Floats, is_in: Floats
) -> float:
    """Find the most valuable load.

    Parameters
    ----------
    reward, rate, low, high
        Per assignment, shape ``(n,)``; loads as shares of the room.
    load, is_in
        Filled with the best load found and which assignments are in it (0 or 1), shape ``(n,)``.

    Returns
    -------
    float
        An upper bound on the value: the optimum, unless the search was cut short.
    """
    n = reward.size
    load[:n], is_in[:n] = 0.0, 0.0
    loads = _Loads(reward, rate, low, high)
    pieces = _pieces(loads, False)
    of, m = pieces.of, pieces.of.size
    if m == 0:
        return 0.0
    state = np.zeros(m, np.int64)  # 1: in, -1: out, 0: undecided
    part, on = np.zeros(m), np.zeros(m)
    branch, side, above = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    depth, nodes = 0, 0
    best, cut = -1.0, -np.inf
    while True:
        nodes += 1
        filled = _fill(loads, pieces, state, part, on)
        value, torn = filled.value, filled.torn
        done = not filled.fits or value <= best + _NEAR * max(1.0, abs(best))
        if not done:
            rounded = _round(loads, of, filled, part, on)
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


@compiled_inline
def _fill(loads: _Loads, pieces: _Pieces, state: Index, part: Floats, on: Floats) -> _Filled:
    """Fill the room beside what is in; what is loaded goes to ``part``, who is in to ``on``."""
    room, value, torn, torn_value = 1.0, pieces.given, -1, 0.0
    for t in range(pieces.of.size):
        i = pieces.of[t]
        part[t], on[t] = 0.0, 0.0
        if state[t] == 1:
            room -= loads.low[i]
            value += loads.reward[i] + loads.rate[i] * loads.low[i]
            part[t], on[t] = loads.low[i], 1.0
        elif loads.low[i] <= 0.0 and loads.reward[i] >= 0.0:
            on[t] = 1.0
    if room < -_SLACK:
        return _Filled(False, value, torn, torn_value)
    for q in range(pieces.order.size):
        piece = pieces.order[q]
        t, kind, slope = pieces.owner[piece], pieces.kind[piece], pieces.slope[piece]
        if room <= 0.0 or slope <= 0.0:
            break
        if state[t] == -1 or t == torn:
            continue
        if (kind == _REST_IF_IN) != (state[t] == 1):
            continue
        taken = min(room, pieces.width[piece])
        room -= taken
        value += slope * taken
        part[t] += taken
        if kind == _FIRST:
            if taken >= pieces.width[piece] - _SLACK:
                on[t] = 1.0
            else:
                torn, torn_value = t, slope * taken
    return _Filled(True, value, torn, torn_value)


@compiled_inline
def _round(loads: _Loads, of: Index, filled: _Filled, part: Floats, on: Floats) -> float:
    """What the filled room earns once the torn assignment is in with what it has, or out."""
    rounded, torn = filled.value, filled.torn
    if torn >= 0:
        i = of[torn]
        rounded -= filled.torn_value
        worth = 0.0
        if part[torn] >= loads.low[i]:
            worth = loads.reward[i] + loads.rate[i] * part[torn]
        on[torn] = 1.0 if worth > 0.0 else 0.0
        if worth > 0.0:
            rounded += worth
        else:
            part[torn] = 0.0
    return rounded


@compiled
def earn_if_in(reward: Floats, rate: Floats, low: Floats, high: Floats, worth: Floats) -> None:
    """Fill ``worth`` with an upper bound on the value with each assignment, if that has to be in.

    The rest of the room is filled as if pieces could be had in parts; minus infinity marks
    assignments that do not fit. Parameters are those of `earn`, shapes ``(n,)``.
    """
    n = reward.size
    worth[:n] = -np.inf
    pieces = _pieces(_Loads(reward, rate, low, high), True)
    of, given, order = pieces.of, pieces.given, pieces.order
    slope, width, owner, kind = pieces.slope, pieces.width, pieces.owner, pieces.kind
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
def _pieces(loads: _Loads, every: bool) -> _Pieces:
    """Assignments that fit and can earn something (or ``every`` one that fits), cut into pieces."""
    reward, rate, low, high = loads.reward, loads.rate, loads.low, loads.high
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
    slope = slope[:k]
    # Stable, so that of pieces with one slope the first of an assignment comes before its rest.
    order = np.argsort(-slope, kind="mergesort")
    return _Pieces(of[:m], given, slope, width[:k], owner[:k], kind[:k], order)
