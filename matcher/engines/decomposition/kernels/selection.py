"""The selection of one demand: which few of its assignments to take, and how much of each.

Minimise Σ C_i x_i + Σ_{i taken} F_i over shares Σ x_i = 1 with L_i ≤ x_i ≤ U_i where i is taken, at
most ``most`` assignments taken. *Free* assignments need no decision: F = L = 0, and they are not
counted. A *filler* takes any share at its cost per share; infinite cost forbids it.

The search goes depth first through the assignments in the order of their least cost per share, C +
F/U. A set that takes assignments up to some place of that order, and more from there on, costs at
least what filling the share in that order costs. This bound ends the search after a handful of sets
where at most three of twenty assignments are taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.engines.decomposition.kernels.compiled import compiled_plain
from matcher.program import Floats

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]

SETS_AT_MOST = 20_000
"""FacilitySet after which a search is cut short: its bound then lies below its best selection."""

_SLACK = 1e-12


@compiled_plain
def select(
    cost: Floats,
    fixed: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    most: int,
    filler: float,
    order: Index,
    taken: Index,
    share: Floats,
    numbers: Floats,
    places: Index,
) -> tuple[float, float, int]:
    """Find the cheapest selection of one demand.

    Parameters
    ----------
    cost, fixed, lower, upper, is_free
        C, F, L, U and whether an assignment is free, shape ``(n,)``; 0 ≤ L ≤ U and U > 0. An
        assignment with F < 0 has L > 0 or is free.
    most
        Largest number of assignments taken, free ones not counted.
    filler
        Cost of the whole share left to nobody; infinite where that is not allowed.
    order
        A permutation of the assignments to sort from; sorted on return.
    taken, share
        Filled with the assignments of the best selection and their shares, shape ``(n,)`` at least.
    numbers, places
        Room to work in, shapes ``(3, n + 1)`` and ``(4, n + 1)`` at least.

    Returns
    -------
    bound, value, size
        A lower bound on the cost, the cost of the best selection (infinite if there is none) and
        its number of assignments. Bound and value are equal unless the search was cut short.
    """
    n = cost.size
    rate, left, filled = numbers[0], numbers[1], numbers[2]
    place, chosen, free, ranked = places[0], places[1], places[2], places[3]
    for i in range(n):
        rate[i] = cost[i]
        if not is_free[i]:
            rate[i] += fixed[i] / (upper[i] if fixed[i] >= 0.0 else lower[i])
    for at in range(1, n):
        assignment = order[at]
        j = at - 1
        while j >= 0 and rate[order[j]] > rate[assignment]:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = assignment
    num_free = 0
    for at in range(n):
        if is_free[order[at]]:
            free[num_free] = order[at]
            num_free += 1

    best, size = _fill(
        cost,
        fixed,
        lower,
        upper,
        filler,
        free,
        num_free,
        chosen,
        0,
        ranked,
        np.inf,
        0,
        taken,
        share,
    )
    cut = np.inf
    sets = 0
    depth = 0 if most > 0 else -1
    place[0], left[0], filled[0] = 0, 1.0, 0.0
    while depth >= 0:
        at = place[depth]
        if at >= n:
            depth -= 1
            continue
        assignment = order[at]
        bound = filled[depth] + left[depth] * min(rate[assignment], filler)
        if bound >= best - _SLACK * abs(best):
            depth -= 1
            continue
        if sets >= SETS_AT_MOST:
            # Nothing that was put off here costs less than this.
            cut = min(cut, bound)
            depth -= 1
            continue
        place[depth] = at + 1
        part = min(left[depth], upper[assignment])
        if is_free[assignment]:
            left[depth] -= part
            filled[depth] += part * min(rate[assignment], filler)
            continue
        sets += 1
        chosen[depth] = assignment
        # All of a set costs at least its fixed costs, and its share at its two cheapest
        # assignments.
        least, value = 0.0, 0.0
        low, next_low, room = filler, filler, 1.0
        if num_free > 0 and cost[free[0]] < low:
            low, room = cost[free[0]], upper[free[0]]
            if num_free > 1:
                next_low = min(next_low, cost[free[1]])
        for j in range(depth + 1):
            i = chosen[j]
            least += lower[i]
            value += fixed[i]
            if cost[i] < low:
                low, next_low, room = cost[i], low, upper[i]
            elif cost[i] < next_low:
                next_low = cost[i]
        if least > 1.0 + _SLACK:
            continue
        lacking = left[depth] - part if num_free == 0 else 0.0
        room = min(room, 1.0 - lacking)
        value += low * room
        if room + lacking < 1.0:
            value += next_low * (1.0 - room - lacking)
        if lacking > _SLACK:
            value += filler * lacking
        if value < best:
            best, size = _fill(
                cost,
                fixed,
                lower,
                upper,
                filler,
                free,
                num_free,
                chosen,
                depth + 1,
                ranked,
                best,
                size,
                taken,
                share,
            )
        if depth + 1 < most:
            place[depth + 1] = at + 1
            left[depth + 1] = left[depth] - part
            filled[depth + 1] = filled[depth] + part * rate[assignment]
            depth += 1
    return min(best, cut), best, size


@compiled_plain
def _fill(
    cost: Floats,
    fixed: Floats,
    lower: Floats,
    upper: Floats,
    filler: float,
    free: Index,
    num_free: int,
    chosen: Index,
    num: int,
    ranked: Index,
    best: float,
    size: int,
    taken: Index,
    share: Floats,
) -> tuple[float, int]:
    """Share out among ``chosen`` and free assignments, cheapest first; keep it if it is best."""
    left, value = 1.0, 0.0
    for j in range(num):
        assignment = chosen[j]
        left -= lower[assignment]
        value += fixed[assignment] + cost[assignment] * lower[assignment]
        k = j
        while k > 0 and cost[ranked[k - 1]] > cost[assignment]:
            ranked[k] = ranked[k - 1]
            k -= 1
        ranked[k] = assignment
    a, b = 0, 0
    while left > _SLACK and (a < num or b < num_free):
        if b >= num_free or (a < num and cost[ranked[a]] <= cost[free[b]]):
            assignment = ranked[a]
            a += 1
        else:
            assignment = free[b]
            b += 1
        if cost[assignment] >= filler:
            break
        part = min(left, upper[assignment] - lower[assignment])
        left -= part
        value += part * cost[assignment]
        # Costs ascend, so none that follows is negative if this one is not.
        if value >= best and cost[assignment] >= 0.0:
            return best, size
    if left > _SLACK:
        value += left * filler
    if value >= best:
        return best, size
    # Again, now keeping the shares.
    left = 1.0
    for j in range(num):
        taken[j] = ranked[j]
        share[j] = lower[ranked[j]]
        left -= share[j]
    size = num
    a, b = 0, 0
    while left > _SLACK and (a < num or b < num_free):
        if b >= num_free or (a < num and cost[ranked[a]] <= cost[free[b]]):
            assignment = ranked[a]
            if cost[assignment] >= filler:
                break
            part = min(left, upper[assignment] - lower[assignment])
            share[a] += part
            a += 1
        else:
            assignment = free[b]
            if cost[assignment] >= filler:
                break
            part = min(left, upper[assignment] - lower[assignment])
            taken[size], share[size] = assignment, part
            size += 1
            b += 1
        left -= part
    return value, size
