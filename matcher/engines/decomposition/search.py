"""The search for plans: take a few related selections out, put each back as it fits best.

Every move takes out selections that compete for the same suppliers and puts them back one by one,
each as the cheapest selection that still fits into the packing rows, opened hubs included. Some
moves empty a hub, some try a closed one. What a selection takes of scarce room is charged at a
random part of its price, so that room is left to those who need it most. Worse plans are accepted
with a probability that falls over time (simulated annealing; ruin and recreate: Schrimpf et al.,
Journal of Computational Physics 159, 2000). A share that nobody takes costs a penalty above
everything else, so that the search may start from any plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.moves import (
    COVERED,
    Items,
    State,
    anneal,
    construct,
    lacking,
    recount,
)
from matcher.engines.decomposition.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

_HOT, _COLD = 0.04, 0.0003
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

_HUB_MOVES = 0.1
_BEAT_S = 0.2


class Search:
    """One plan under search, from the first construction to the best found.

    Parameters
    ----------
    structure
        A program of which every row is known to the search.
    prices
        Price of every row of the program, 0 for those without; shape (rows,).
    seed
        Of every random choice.
    """

    def __init__(self, structure: Structure, prices: Floats, *, seed: int) -> None:
        s = structure
        self.structure = s
        self.best = np.inf
        self._items, self._hubs = items_of(s, prices)
        decided = s.y >= 0
        free = np.bincount(s.selection, weights=~decided, minlength=s.num_selections)
        some = np.minimum(s.most, np.diff(s.start) - free)
        width = int(np.max(some + free, initial=1))
        num = s.num_selections
        self._state = State(
            np.zeros((num, width), dtype=np.int64),
            np.zeros((num, width)),
            np.zeros(num, dtype=np.int64),
            np.zeros(s.packing.size),
            np.zeros(self._hubs.size, dtype=np.int64),
        )
        self._kept: State | None = None
        self._value = np.inf
        self._seed = seed
        self._rounds = 0

    def construct(self, closed: Bools | None = None) -> None:
        """Build a plan from nothing: the dearest selections first, without the closed hubs.

        Parameters
        ----------
        closed
            By column; columns that are no hubs are not looked at.
        """
        items, state = self._items, self._state
        shut = np.zeros(self._hubs.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._hubs]
        start = self.structure.start
        mean = np.add.reduceat(items.cost, start[:-1]) / np.diff(start)
        self._value = construct(np.argsort(-mean, kind="stable"), shut, items, state)
        self._keep()

    def begin(self, x: Floats) -> None:
        """Begin from a solution of the program."""
        s = self.structure
        share = x[s.x]
        taken = np.flatnonzero(np.where(s.y >= 0, x[s.y] > 0.5, share > COVERED))
        selection = s.selection[taken]
        slot = np.arange(taken.size) - np.searchsorted(selection, selection)
        state = self._state
        state.num[:] = np.bincount(selection, minlength=s.num_selections)
        state.item[selection, slot] = taken
        state.share[selection, slot] = share[taken]
        self._value = recount(self._items, state)
        self._keep()

    def anneal(
        self,
        seconds: float,
        *,
        heat: float = 1.0,
        on_better: Callable[[], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Search for some time, from hot (scaled by ``heat``) to cold; the best is kept."""
        if self._kept is not None:
            self._restore(self._kept)
        began = time.perf_counter()
        level = float(np.abs(self._items.cost).mean())
        hot, cold = _HOT * heat * level, _COLD * level
        hub_moves = _HUB_MOVES if self._hubs.size else 0.0
        moves, passed = 1_000, 0.0
        while passed < seconds and not stop():
            self._rounds += 1
            self._value = anneal(
                moves,
                hot * (cold / hot) ** (passed / seconds),
                self._seed * 1_000_003 + self._rounds,
                self._value,
                hub_moves,
                self._items,
                self._state,
            )
            beat = time.perf_counter() - began - passed
            passed += beat
            moves = int(np.clip(moves * _BEAT_S / max(beat, 1e-3), 100, 1_000_000))
            if self._keep() and on_better is not None:
                on_better()

    def solution(self) -> Floats | None:
        """The best plan as a solution of the program; ``None`` if none is whole."""
        if self._kept is None or not np.isfinite(self.best):
            return None
        s = self.structure
        item, share, num = self._kept.item, self._kept.share, self._kept.num
        x = s.program.lower.copy()
        slot = np.arange(item.shape[1])[None, :] < num[:, None]
        taken = item[slot]
        np.add.at(x, s.x[taken], share[slot])
        y, hub = s.y[taken], s.hub[taken]
        x[y[y >= 0]] = 1.0
        x[hub[hub >= 0]] = 1.0
        return x

    def _keep(self) -> bool:
        """Keep the plan if it is the best, or if there is none; says whether it is whole."""
        if self._kept is not None and self._value >= self.best - 1e-9 * abs(self._value):
            return False
        # The value has added up many changes: count it anew.
        self._value = recount(self._items, self._state)
        whole = bool((lacking(self._state) <= COVERED).all())
        if self._kept is not None and not whole:
            return False
        kept = self._state
        self._kept = State(
            kept.item.copy(),
            kept.share.copy(),
            kept.num.copy(),
            kept.load.copy(),
            kept.users.copy(),
        )
        if whole:
            self.best = self._value
        return whole

    def _restore(self, kept: State) -> None:
        for array, value in zip(self._state, kept, strict=True):
            array[:] = value
        self._value = recount(self._items, self._state)
        self._keep()


def items_of(s: Structure, prices: Floats) -> tuple[Items, Index]:
    """What the moves need to know, and the column of each hub."""
    p = s.program
    hubs = np.unique(s.hub[s.hub >= 0])
    hub = np.where(s.hub >= 0, np.searchsorted(hubs, s.hub), -1)
    decided = np.flatnonzero(s.y >= 0)
    item_of, is_x = np.full(p.num_columns, -1), np.zeros(p.num_columns, dtype=np.bool_)
    item_of[s.x], is_x[s.x] = np.arange(s.num_items), True
    item_of[s.y[decided]] = decided

    rows = csr_array(p.matrix[s.packing])
    row = np.repeat(np.arange(s.packing.size), np.diff(rows.indptr))
    column, value = rows.indices, rows.data
    room = p.row_upper[s.packing].copy()
    grants = s.packing_hub[row] == column
    np.add.at(room, row[grants], -value[grants])
    used = (item_of[column] >= 0) & (value > 0) & (s.column_upper[column] > 0)
    row, column, value = row[used], column[used], value[used]
    # One entry a pair of item and row: what the share takes, and what being taken takes.
    num_rows = max(s.packing.size, 1)
    pair, entry = np.unique(item_of[column] * num_rows + row, return_inverse=True)
    of, row = pair // num_rows, pair % num_rows
    by_share = np.bincount(entry, value * is_x[column], pair.size).astype(np.float64)
    by_taking = np.bincount(entry, value * ~is_x[column], pair.size).astype(np.float64)
    row_start = np.searchsorted(of, np.arange(s.num_items + 1))
    price = np.maximum(prices[s.packing], 0.0)

    loaded = s.selection[of] * num_rows + row
    _, at, times = np.unique(loaded, return_index=True, return_counts=True)
    has_twins = np.zeros(s.num_selections, dtype=np.bool_)
    has_twins[s.selection[of[at[times > 1]]]] = True
    first = np.full(s.num_items, -1)
    loads = np.flatnonzero(np.diff(row_start) > 0)
    first[loads] = row[row_start[loads]]
    group = np.where(hub >= 0, hub, np.where(first >= 0, hubs.size + first, -1))
    member = np.argsort(group, kind="stable")
    num_groups = hubs.size + s.packing.size
    cost, fixed = p.cost[s.x], np.where(s.y >= 0, p.cost[s.y], 0.0)
    worth = np.bincount(of, price[row] * by_share, s.num_items).astype(np.float64)
    hub_cost = p.cost[hubs]
    dearest = float((np.abs(cost) + np.abs(fixed)).max(initial=0.0))
    return Items(
        start=s.start,
        selection=s.selection,
        cost=cost,
        fixed=fixed,
        lower=s.lower,
        upper=s.upper,
        is_free=s.is_free,
        most=s.most,
        worth=worth,
        ranked=np.lexsort((cost + worth + fixed / s.upper, s.selection)),
        row_start=row_start,
        row=row,
        by_share=by_share,
        by_taking=by_taking,
        room=room,
        hub=hub,
        hub_cost=hub_cost,
        group=group,
        member_start=np.searchsorted(group[member], np.arange(num_groups + 1)),
        member=member,
        has_twins=has_twins,
        penalty=10.0 * (1.0 + dearest + float(hub_cost.max(initial=0.0))),
    ), hubs
