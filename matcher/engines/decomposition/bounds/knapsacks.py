"""Blocks: suppliers that decide for themselves what to load, at given prices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.knapsack import earn, earn_if_in
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

Spread = Callable[[Callable[[int, int], float], int], float]
"""Sums a function of a first and a last block over all blocks, maybe in parallel."""


class Blocks:
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
        spread: Spread,
    ) -> float:
        """Each block's least cost; its hub goes to ``columns``, its items to ``copies``.

        Parameters
        ----------
        reduced
            Cost of each column of the program; only hubs are looked at.
        prices
            What a share of each item is paid, then what taking it is paid, shape ``(2 · items,)``.
        """
        s = self._structure
        has_hub = self.hub >= 0
        hub_cost, least, most = self._hubs(reduced, lower, upper)
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

    def rises(
        self,
        reduced: Floats,
        prices: Floats,
        lower: Floats,
        upper: Floats,
        rise: Floats,
        spread: Spread,
    ) -> tuple[Floats, Floats]:
        """What each block costs more without its hub and with it, shape (blocks,).

        What it costs more with an item is added to ``rise``, shape (items of the structure,).
        Other parameters are those of `solve`.
        """
        s = self._structure
        hub_cost, least, most = self._hubs(reduced, lower, upper)
        without, with_hub = np.zeros(self.hub.size), np.zeros(self.hub.size)
        with_item = np.zeros(self.item.size)
        m = self.item.size

        def part(first: int, last: int) -> float:
            _rise_all(
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
                without,
                with_hub,
                with_item,
            )
            return 0.0

        spread(part, self.hub.size)
        rise[self.item] += with_item
        return without, with_hub

    def _hubs(self, reduced: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats, Floats]:
        """Cost and bounds of each block's hub; a block without one is always there."""
        has_hub, at = self.hub >= 0, np.maximum(self.hub, 0)
        return (
            np.where(has_hub, reduced[at], 0.0),
            np.where(has_hub, lower[at], 1.0),
            np.where(has_hub, upper[at], 1.0),
        )


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


@compiled
def _rise_all(
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
    without: Floats,
    with_hub: Floats,
    with_item: Floats,
) -> None:
    """Fill in what blocks from ``first`` up to ``last`` cost more if something is decided."""
    size = 0
    for b in range(first, last):
        size = max(size, start[b + 1] - start[b])
    reward, rate, low, high = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    load, is_in, worth = np.empty(size), np.empty(size), np.empty(size)
    for b in range(first, last):
        a, n = start[b], start[b + 1] - start[b]
        for i in range(n):
            reward[i] = 0.0 if is_free[a + i] else taken_price[a + i]
            rate[i] = share_price[a + i] / use[a + i]
            low[i], high[i] = lower[a + i] * use[a + i], upper[a + i] * use[a + i]
        net = hub_cost[b] - earn(reward[:n], rate[:n], low[:n], high[:n], load[:n], is_in[:n])
        if most[b] < 0.5:
            with_hub[b] = np.inf
            with_item[a : a + n] = np.inf
            continue
        now = net if least[b] > 0.5 else min(net, 0.0)
        without[b] = np.inf if least[b] > 0.5 else -now
        with_hub[b] = net - now
        earn_if_in(reward[:n], rate[:n], low[:n], high[:n], worth[:n])
        for i in range(n):
            with_item[a + i] = max(hub_cost[b] - worth[i] - now, 0.0)
