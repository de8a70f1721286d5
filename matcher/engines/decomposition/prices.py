"""Bounds from prices: what the coupling rows would cost if everybody had to pay for them.

With a price on every coupling row the selections fall apart, each is solved exactly, and the sum is
a lower bound on the optimum (Lagrangian relaxation). Prices alone see a supplier's room and its
use as if they could be had in parts. So in a second round each *block*, a packing row with the hub
that grants its room, keeps its rows and decides for itself on copies of its items; the prices are
then on the difference between the two copies (variable splitting: Guignard and Kim, Mathematical
Programming 39, 1987). That bound sees whole awards, smallest sizes and whole suppliers.

Prices ascend by subgradients, each step taken along a running mean of them, with Polyak's step
length towards a target.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.compiled import compiled
from matcher.engines.decomposition.knapsack import earn
from matcher.engines.decomposition.selection import Bools, Index, select
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

# Rounding of sums of up to millions of terms, relative to the bound.
ROUNDING = 1e-9

# Relative to the bound: steps towards a plan that is further off than this would be too long.
_FAR = 0.003


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The relaxed program's answer at some prices: its value, a subgradient, and its columns."""

    value: float
    gradient: Floats
    columns: Floats


class Relaxation:
    """The relaxed program, as a concave function of the prices.

    Parameters
    ----------
    structure
        The program, taken apart.
    with_blocks
        Whether blocks decide for themselves; otherwise every coupling row is priced.
    pool, threads
        Where to work in parallel, and on how many pieces.
    """

    def __init__(
        self,
        structure: Structure,
        *,
        with_blocks: bool,
        pool: Executor | None = None,
        threads: int = 1,
    ) -> None:
        s, p = structure, structure.program
        self.structure = s
        self._pool = pool
        self._threads = threads if pool is not None else 1
        self._order = np.arange(s.num_items) - np.repeat(s.start[:-1], np.diff(s.start))
        rows = s.coupling
        self.blocks = _Blocks(s) if with_blocks else None
        if self.blocks is not None:
            rows = np.setdiff1d(rows, self.blocks.rows, assume_unique=True)
        self.rows = rows
        self._matrix = csr_array(p.matrix[rows])
        self._transposed = csr_array(self._matrix.T)
        self._lower, self._upper = p.row_lower[rows], p.row_upper[rows]
        self._decided = np.flatnonzero(s.y >= 0)
        boxed = s.column_upper > 0
        boxed[s.x] = False
        boxed[s.y[self._decided]] = False
        if self.blocks is not None:
            boxed[self.blocks.hub[self.blocks.hub >= 0]] = False
        self._boxed = np.flatnonzero(boxed)
        # More than any selection can cost or save.
        self._decisive = 1e3 * float(np.abs(p.cost).max(initial=1.0))

    @property
    def size(self) -> int:
        """Number of prices."""
        return self.rows.size + (0 if self.blocks is None else 2 * self.blocks.item.size)

    def zero(self) -> Floats:
        """All prices zero."""
        return np.zeros(self.size)

    def split(self, prices: Floats) -> Floats:
        """Prices of this relaxation that match those of the one in which every row is priced."""
        assert self.blocks is not None
        s, blocks = self.structure, self.blocks
        every = np.zeros(s.program.num_rows)
        every[s.coupling] = prices
        inside = np.zeros(s.program.num_rows)
        inside[blocks.rows] = every[blocks.rows]
        worth = s.program.matrix.T @ inside
        y = s.y[blocks.item]
        return np.concatenate(
            [every[self.rows], worth[s.x[blocks.item]], np.where(y >= 0, worth[y], 0.0)]
        )

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be: none on a side where a row has no limit."""
        n = self.rows.size
        rows = prices[:n]
        rows = np.where(np.isposinf(self._upper), np.minimum(rows, 0.0), rows)
        rows = np.where(np.isneginf(self._lower), np.maximum(rows, 0.0), rows)
        return np.concatenate([rows, prices[n:]])

    def at(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> Relaxed:
        """Solve the relaxed program at some prices.

        Parameters
        ----------
        prices
            Proper ones, shape ``(size,)``.
        lower, upper
            Bounds of the columns, to be used for hubs and decisions instead of the program's own.
        """
        s, p = self.structure, self.structure.program
        lower = p.lower if lower is None else lower
        upper = s.column_upper if upper is None else upper
        n = self.rows.size
        row_price = prices[:n]
        reduced = p.cost + self._transposed @ row_price
        cost, fixed = reduced[s.x], np.where(s.y >= 0, reduced[s.y], 0.0)
        if self.blocks is not None:
            m = self.blocks.item.size
            cost[self.blocks.item] += prices[n : n + m]
            fixed[self.blocks.item] += prices[n + m :]
        bonus, forced = self._bonus(lower, upper)
        fixed -= bonus
        share, taken = np.zeros(s.num_items), np.zeros(s.num_items)
        value = p.offset + self._selections(cost, fixed, share, taken) + forced
        columns = np.zeros(p.num_columns)
        columns[s.x] = share
        columns[s.y[self._decided]] = taken[self._decided]
        boxed = self._boxed
        columns[boxed] = np.where(reduced[boxed] < 0, upper[boxed], lower[boxed])
        value += float(reduced[boxed] @ columns[boxed])
        gradient = np.empty(self.size)
        if self.blocks is not None:
            m = self.blocks.item.size
            inside = bonus[self.blocks.item]
            split = np.concatenate([prices[n : n + m], prices[n + m :] + inside])
            value += self.blocks.solve(
                reduced, split, lower, upper, columns, gradient[n:], self._map
            ) + float(np.maximum(inside, 0.0).sum())
            gradient[n : n + m] = share[self.blocks.item] - gradient[n : n + m]
            gradient[n + m :] = taken[self.blocks.item] - gradient[n + m :]
            gradient[n + m :][s.y[self.blocks.item] < 0] = 0.0
        activity = self._matrix @ columns
        over, under = activity - self._upper, activity - self._lower
        with np.errstate(invalid="ignore"):
            limit = np.where(row_price > 0, self._upper, self._lower)
            value -= float(np.where(row_price == 0, 0.0, row_price * limit).sum())
        inside = np.where(over > 0, over, np.where(under < 0, under, 0.0))
        gradient[:n] = np.where(row_price > 0, over, np.where(row_price < 0, under, inside))
        if not np.isfinite(value):  # some selection cannot be made at all
            return Relaxed(np.inf, gradient, columns)
        return Relaxed(value - ROUNDING * abs(value), gradient, columns)

    def _bonus(self, lower: Floats, upper: Floats) -> tuple[Floats, float]:
        """What decisions are paid so that they keep to their bounds, and the sum of rewards."""
        s = self.structure
        bonus = np.zeros(s.num_items)
        y = s.y[self._decided]
        bonus[self._decided] = self._decisive * ((lower[y] > 0.5) * 1.0 - (upper[y] < 0.5))
        return bonus, float(np.maximum(bonus, 0.0).sum())

    def _selections(self, cost: Floats, fixed: Floats, share: Floats, taken: Floats) -> float:
        s = self.structure

        def part(first: int, last: int) -> float:
            total: float = _select_all(
                first,
                last,
                s.start,
                cost,
                fixed,
                s.lower,
                s.upper,
                s.is_free,
                s.most,
                self._order,
                share,
                taken,
            )
            return total

        return self._map(part, s.num_selections)

    def _map(self, part: Callable[[int, int], float], size: int) -> float:
        """Sum of ``part`` over as many ranges as there are threads."""
        if self._pool is None or size < 256:
            return part(0, size)
        ends = np.linspace(0, size, self._threads + 1).astype(int).tolist()
        return sum(self._pool.map(lambda ends: part(*ends), pairwise(ends)))


class _Blocks:
    """Blocks: each a packing row, its items, and the hub that grants its room.

    Of several packing rows that an item loads, the first is its block; items whose own decision
    loads a row, or that a hub-granted row does not know, are in none.
    """

    def __init__(self, structure: Structure) -> None:
        s, p = structure, structure.program
        item_of = np.full(p.num_columns, -1)
        item_of[s.x] = np.arange(s.num_items)
        sub = csr_array(p.matrix[s.packing])
        row = np.repeat(np.arange(s.packing.size), np.diff(sub.indptr))
        item = item_of[sub.indices]
        is_decision = np.zeros(p.num_columns, dtype=np.bool_)
        is_decision[s.y[s.y >= 0]] = True
        pure = np.bincount(row, weights=is_decision[sub.indices], minlength=s.packing.size) == 0
        room = p.row_upper[s.packing].copy()
        grants = (item < 0) & (sub.data < 0)
        np.add.at(room, row[grants], -sub.data[grants])
        loads = np.flatnonzero((item >= 0) & (sub.data > 0) & (pure & (room > 0))[row])
        _, first = np.unique(item[loads], return_index=True)
        loads = loads[first]
        order = np.lexsort((item[loads], row[loads]))
        loads = loads[order]
        used, of = np.unique(row[loads], return_inverse=True)
        self.item: Index = item[loads].astype(np.int64)
        self.start: Index = np.searchsorted(of, np.arange(used.size + 1))
        self.use: Floats = sub.data[loads] / room[row[loads]]
        self.hub: Index = s.packing_hub[used]
        # A row whose loads are all in its block is the block's; so is the link of each such item.
        whole = np.bincount(row[loads], minlength=s.packing.size) == np.bincount(
            row[(item >= 0) & (sub.data > 0)], minlength=s.packing.size
        )
        linked = self.item[(s.hub[self.item] == self.hub[of]) & (s.link[self.item] >= 0)]
        self.rows: Index = np.sort(np.concatenate([s.packing[used[whole[used]]], s.link[linked]]))
        self._structure = s
        self._hub_twice = np.bincount(self.hub[self.hub >= 0], minlength=1).max(initial=0) > 1
        if self._hub_twice:  # a hub belongs to its first block only; the others must have it free
            _, first_block = np.unique(self.hub, return_index=True)
            mask = np.ones(self.hub.size, dtype=np.bool_)
            mask[first_block] = False
            self.hub = np.where(mask, -1, self.hub)

    def solve(
        self,
        reduced: Floats,
        prices: Floats,
        lower: Floats,
        upper: Floats,
        columns: Floats,
        copies: Floats,
        spread: Callable[[Callable[[int, int], float], int], float],
    ) -> float:
        """Each block's least cost; its hub goes to ``columns``, its items to ``copies``."""
        s = self._structure
        has_hub = self.hub >= 0
        at = np.maximum(self.hub, 0)
        hub_cost = np.where(has_hub, reduced[at], 0.0)
        least, most = np.where(has_hub, lower[at], 1.0), np.where(has_hub, upper[at], 1.0)
        use = np.zeros(self.hub.size)
        m = self.item.size

        def part(first: int, last: int) -> float:
            total: float = _earn_all(
                first,
                last,
                self.start,
                self.use,
                s.lower[self.item],
                s.upper[self.item],
                s.is_free[self.item],
                prices[:m],
                prices[m:],
                hub_cost,
                least,
                most,
                use,
                copies[:m],
                copies[m:],
            )
            return total

        total = spread(part, self.hub.size)
        columns[self.hub[has_hub]] = use[has_hub]
        return total


@compiled
def _select_all(
    first: int,
    last: int,
    start: Index,
    cost: Floats,
    fixed: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    most: Index,
    order: Index,
    share: Floats,
    taken: Floats,
) -> float:
    """Solve the selections from ``first`` up to ``last``; gives their total cost."""
    size = 0
    for d in range(first, last):
        size = max(size, start[d + 1] - start[d])
    item, part = np.empty(size + 1, np.int64), np.empty(size + 1)
    numbers, places = np.empty((3, size + 1)), np.empty((4, size + 1), np.int64)
    total = 0.0
    for d in range(first, last):
        a, b = start[d], start[d + 1]
        for i in range(a, b):
            # A reward for a decision that needs no share is taken as given.
            if fixed[i] < 0.0 and lower[i] <= 0.0:
                total += fixed[i]
                fixed[i] = 0.0
                taken[i] = 1.0
        bound, _, num = select(
            cost[a:b],
            fixed[a:b],
            lower[a:b],
            upper[a:b],
            is_free[a:b],
            most[d],
            np.inf,
            order[a:b],
            item,
            part,
            numbers,
            places,
        )
        total += bound
        for j in range(num):
            share[a + item[j]] = part[j]
            taken[a + item[j]] = 1.0
    return total


@compiled
def _earn_all(
    first: int,
    last: int,
    start: Index,
    use: Floats,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    share_price: Floats,
    taken_price: Floats,
    hub_cost: Floats,
    least: Floats,
    most: Floats,
    hub: Floats,
    share: Floats,
    taken: Floats,
) -> float:
    """Solve the blocks from ``first`` up to ``last``; gives their total cost."""
    size = 0
    for b in range(first, last):
        size = max(size, start[b + 1] - start[b])
    reward, rate, low, high = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    load, is_in = np.empty(size), np.empty(size)
    total = 0.0
    for b in range(first, last):
        a, n = start[b], start[b + 1] - start[b]
        for i in range(n):
            reward[i] = 0.0 if is_free[a + i] else taken_price[a + i]
            rate[i] = share_price[a + i] / use[a + i]
            low[i], high[i] = lower[a + i] * use[a + i], upper[a + i] * use[a + i]
        value = earn(reward[:n], rate[:n], low[:n], high[:n], load[:n], is_in[:n])
        net = hub_cost[b] - value
        opened = most[b] if net < 0.0 else least[b]
        hub[b] = opened
        total += opened * net
        for i in range(n):
            share[a + i] = load[i] / use[a + i] * opened
            taken[a + i] = is_in[i] * opened
    return total


@dataclass(frozen=True, slots=True)
class Ascent:
    """How far the prices came: the best bound, its prices, and mean columns at the end."""

    bound: float
    prices: Floats
    mean: Floats


def ascend(
    relaxation: Relaxation,
    prices: Floats,
    *,
    target: float,
    steps: int,
    first: float,
    deflection: float,
    last: float = 0.01,
    lower: Floats | None = None,
    upper: Floats | None = None,
    stop: Callable[[float], bool],
) -> Ascent:
    """Raise the bound by so many steps.

    Parameters
    ----------
    target
        Value that Polyak's steps aim at: the best plan, or a guess.
    steps
        How many; step lengths shrink geometrically over them, from ``first`` to ``first · last``.
    deflection
        Weight of the newest subgradient in the running mean along which steps are taken.
    stop
        Told the best bound after each step; ends the ascent when it says so.
    """
    best, best_prices = -np.inf, prices
    direction = np.zeros(relaxation.size)
    mean: Floats | None = None
    for step in range(steps):
        answer = relaxation.at(prices, lower, upper)
        if answer.value > best:
            best, best_prices = answer.value, prices
        weight = 0.02 if mean is not None else 1.0
        mean = answer.columns if mean is None else (1 - weight) * mean + weight * answer.columns
        if stop(best):
            break
        direction = deflection * answer.gradient + (1 - deflection) * direction
        norm = float(direction @ direction)
        if norm <= 1e-18:
            break
        scale = first * last ** (step / steps) * max(target - best, 0.0) / norm
        prices = relaxation.proper(prices + scale * direction)
    assert mean is not None
    return Ascent(best, best_prices, mean)


def aim(bound: float, best: float) -> float:
    """What steps from a bound aim at: the best plan, but not too far."""
    return min(best, bound + _FAR * abs(bound))


def seconds_a_step(relaxation: Relaxation, prices: Floats) -> float:
    """How long a step takes, measured on the second of two."""
    relaxation.at(prices)
    began = time.perf_counter()
    relaxation.at(prices)
    return time.perf_counter() - began
