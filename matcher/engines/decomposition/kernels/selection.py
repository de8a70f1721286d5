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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matcher.engines.decomposition.kernels.compiled import (
    compiled,
    compiled_inline,
    compiled_plain,
)
from matcher.program import Floats

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]

SETS_AT_MOST = 20_000
"""Sets after which a search is cut short: its bound then lies below its best selection."""

_SLACK = 1e-12


class Choices(NamedTuple):
    """What a selection chooses from: C, F, L, U and whether an assignment is free, shape ``(n,)``.

    0 ≤ L ≤ U and U > 0. An assignment with F < 0 has L > 0 or is free.
    """

    cost: Floats
    fixed: Floats
    lower: Floats
    upper: Floats
    is_free: Bools


class Bench(NamedTuple):
    """Where a selection is worked out.

    ``taken`` and ``share`` are left filled with the best selection's assignments and their shares.
    Shapes ``(n + 1,)``, of ``numbers`` ``(3, n + 1)`` and of ``places`` ``(4, n + 1)``, at least.
    """

    taken: Index
    share: Floats
    numbers: Floats
    places: Index


class Selections(NamedTuple):
    """All selections of a program: where the assignments of each begin, and what limits them."""

    start: Index
    lower: Floats
    upper: Floats
    is_free: Bools
    most: Index


@compiled
def largest(start: Index, first: int, last: int) -> int:
    """The largest number of entries between two of ``start``, from ``first`` up to ``last``."""
    size = 0
    for d in range(first, last):
        size = max(size, start[d + 1] - start[d])
    return size


@compiled
def bench_for(size: int) -> Bench:
    """A bench for selections of up to ``size`` assignments."""
    return Bench(
        np.empty(size + 1, np.int64),
        np.empty(size + 1),
        np.empty((3, size + 1)),
        np.empty((4, size + 1), np.int64),
    )


# A little over a page: the depth-first loop is one thing, and its parts share their places.
@compiled_plain
def select(
    choices: Choices, most: int, filler: float, order: Index, bench: Bench
) -> tuple[float, float, int]:
    """Find the cheapest selection of one demand.

    Parameters
    ----------
    most
        Largest number of assignments taken, free ones not counted.
    filler
        Cost of the whole share left to nobody; infinite where that is not allowed.
    order
        A permutation of the assignments to sort from; sorted on return.

    Returns
    -------
    bound, value, size
        A lower bound on the cost, the cost of the best selection (infinite if there is none) and
        its number of assignments. Bound and value are equal unless the search was cut short.
    """
    n = choices.cost.size
    rate, left, filled = bench.numbers[0], bench.numbers[1], bench.numbers[2]
    place, chosen = bench.places[0], bench.places[1]
    num_free = _rank(choices, order, bench)
    best, size = _fill(choices, filler, num_free, 0, np.inf, 0, bench)
    cut = np.inf
    sets = 0
    depth = 0 if most > 0 else -1
    place[0], left[0], filled[0] = 0, 1.0, 0.0
    while depth >= 0:
        at = place[depth]
        if at >= n:
            depth -= 1
            continue
        i = order[at]
        bound = filled[depth] + left[depth] * min(rate[i], filler)
        if bound >= best - _SLACK * abs(best):
            depth -= 1
            continue
        if sets >= SETS_AT_MOST:
            # Nothing that was put off here costs less than this.
            cut = min(cut, bound)
            depth -= 1
            continue
        place[depth] = at + 1
        part = min(left[depth], choices.upper[i])
        if choices.is_free[i]:
            left[depth] -= part
            filled[depth] += part * min(rate[i], filler)
            continue
        sets += 1
        chosen[depth] = i
        lacking = left[depth] - part if num_free == 0 else 0.0
        fits, value = _least(choices, filler, num_free, depth + 1, lacking, bench)
        if not fits:
            continue
        if value < best:
            best, size = _fill(choices, filler, num_free, depth + 1, best, size, bench)
        if depth + 1 < most:
            place[depth + 1] = at + 1
            left[depth + 1] = left[depth] - part
            filled[depth + 1] = filled[depth] + part * rate[i]
            depth += 1
    return min(best, cut), best, size


@compiled_inline
def _rank(choices: Choices, order: Index, bench: Bench) -> int:
    """Sort by least cost per share, and list the free ones in that order; gives their number."""
    n = choices.cost.size
    rate, free = bench.numbers[0], bench.places[2]
    for i in range(n):
        rate[i] = choices.cost[i]
        if not choices.is_free[i]:
            size = choices.upper[i] if choices.fixed[i] >= 0.0 else choices.lower[i]
            rate[i] += choices.fixed[i] / size
    for at in range(1, n):
        i = order[at]
        j = at - 1
        while j >= 0 and rate[order[j]] > rate[i]:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = i
    num_free = 0
    for at in range(n):
        if choices.is_free[order[at]]:
            free[num_free] = order[at]
            num_free += 1
    return num_free


@compiled_inline
def _least(
    choices: Choices, filler: float, num_free: int, num: int, lacking: float, bench: Bench
) -> tuple[bool, float]:
    """Whether the ``num`` chosen fit into one share, and what any selection of them costs at least.

    That is their fixed costs, and the share at the two cheapest of all.
    """
    chosen, free = bench.places[1], bench.places[2]
    least, value = 0.0, 0.0
    low, next_low, room = filler, filler, 1.0
    if num_free > 0 and choices.cost[free[0]] < low:
        low, room = choices.cost[free[0]], choices.upper[free[0]]
        if num_free > 1:
            next_low = min(next_low, choices.cost[free[1]])
    for j in range(num):
        i = chosen[j]
        least += choices.lower[i]
        value += choices.fixed[i]
        if choices.cost[i] < low:
            low, next_low, room = choices.cost[i], low, choices.upper[i]
        elif choices.cost[i] < next_low:
            next_low = choices.cost[i]
    room = min(room, 1.0 - lacking)
    value += low * room
    if room + lacking < 1.0:
        value += next_low * (1.0 - room - lacking)
    if lacking > _SLACK:
        value += filler * lacking
    return least <= 1.0 + _SLACK, value


@compiled_plain
def _fill(
    choices: Choices,
    filler: float,
    num_free: int,
    num: int,
    best: float,
    size: int,
    bench: Bench,
) -> tuple[float, int]:
    """Share out among ``num`` chosen and free assignments; keep it if it costs less than best."""
    cost = choices.cost
    chosen, free, ranked = bench.places[1], bench.places[2], bench.places[3]
    left, value = 1.0, 0.0
    for j in range(num):
        i = chosen[j]
        left -= choices.lower[i]
        value += choices.fixed[i] + cost[i] * choices.lower[i]
        k = j
        while k > 0 and cost[ranked[k - 1]] > cost[i]:
            ranked[k] = ranked[k - 1]
            k -= 1
        ranked[k] = i
    a, b = 0, 0
    while left > _SLACK and (a < num or b < num_free):
        if b >= num_free or (a < num and cost[ranked[a]] <= cost[free[b]]):
            i = ranked[a]
            a += 1
        else:
            i = free[b]
            b += 1
        if cost[i] >= filler:
            break
        part = min(left, choices.upper[i] - choices.lower[i])
        left -= part
        value += part * cost[i]
        # Costs ascend, so none that follows is negative if this one is not.
        if value >= best and cost[i] >= 0.0:
            return best, size
    if left > _SLACK:
        value += left * filler
    if value >= best:
        return best, size
    return value, _keep(choices, filler, num_free, num, bench)


@compiled_plain
def _keep(choices: Choices, filler: float, num_free: int, num: int, bench: Bench) -> int:
    """Share out as `_fill` does, the chosen ranked by cost, and keep the shares; gives how many."""
    cost, taken, share = choices.cost, bench.taken, bench.share
    free, ranked = bench.places[2], bench.places[3]
    left = 1.0
    for j in range(num):
        taken[j] = ranked[j]
        share[j] = choices.lower[ranked[j]]
        left -= share[j]
    size = num
    a, b = 0, 0
    while left > _SLACK and (a < num or b < num_free):
        if b >= num_free or (a < num and cost[ranked[a]] <= cost[free[b]]):
            i = ranked[a]
            if cost[i] >= filler:
                break
            part = min(left, choices.upper[i] - choices.lower[i])
            share[a] += part
            a += 1
        else:
            i = free[b]
            if cost[i] >= filler:
                break
            part = min(left, choices.upper[i] - choices.lower[i])
            taken[size], share[size] = i, part
            size += 1
            b += 1
        left -= part
    return size
