"""The search for plans: take a few related selections out, put each back as it fits best.

Every move takes out selections that compete for the same suppliers and puts them back one by one,
each as the cheapest selection that still fits into the packing rows, opened facilities included.
Some moves empty a facility, some try a closed one. What a selection takes of scarce room is charged
at a random part of its price, so that room is left to those who need it most. Worse plans are
accepted with a probability that falls over time (simulated annealing; ruin and recreate: Schrimpf
et al., Journal of Computational Physics 159, 2000). A share that nobody takes costs a penalty above
everything else, so that the search may start from any plan; so does what breaks a side constraint.
While something is lacking, every second move begins there.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from matcher.engines.decomposition.kernels.selection import Bools
from matcher.engines.decomposition.search.assignments import assignments_of
from matcher.engines.decomposition.search.moves import (
    COVERED,
    SelectionState,
    anneal,
    construct,
    lacking,
    recount,
)
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

_HOT, _COLD = 0.04, 0.0003
"""Temperatures at the start and the end, as shares of what a selection costs on average."""

# A side constraint that may not be broken costs so much more after each beat in which it is, and no
# more than so many times what it costs at first.
_DEARER, _DEAREST = 1.5, 1e4
_ROUNDING = 1e-9
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
        assert s.side is not None
        self._assignments, self._facilities = assignments_of(s, prices)
        self._first_rate = self._assignments.rate.copy()
        self._must = np.append(np.zeros(s.packing.size, dtype=np.bool_), np.isinf(s.side.rate))
        decided = s.y >= 0
        free = np.bincount(s.selection, weights=~decided, minlength=s.num_selections)
        some = np.minimum(s.most, np.diff(s.start) - free)
        width = int(np.max(some + free, initial=1))
        num = s.num_selections
        self._state = SelectionState(
            np.zeros((num, width), dtype=np.int64),
            np.zeros((num, width)),
            np.zeros(num, dtype=np.int64),
            np.zeros(self._assignments.room.size),
            np.zeros(self._facilities.size, dtype=np.int64),
        )
        self._kept: SelectionState | None = None
        self._value = np.inf
        self._seed = seed
        self._rounds = 0

    def construct(self, closed: Bools | None = None, hard: Bools | None = None) -> None:
        """Build a plan from nothing: the dearest selections first, without the closed facilities.

        Parameters
        ----------
        closed
            By column; columns that are no facilities are not looked at.
        hard
            Selections that come before all others.
        """
        assignments, state = self._assignments, self._state
        shut = np.zeros(self._facilities.size, dtype=np.bool_)
        if closed is not None:
            shut = closed[self._facilities]
        start = self.structure.start
        mean = np.add.reduceat(assignments.cost, start[:-1]) / np.diff(start)
        later = np.zeros(mean.size) if hard is None else ~hard
        self._value = construct(np.lexsort((-mean, later)), shut, assignments, state)
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
        state.assignment[selection, slot] = taken
        state.share[selection, slot] = share[taken]
        self._value = recount(self._assignments, state)
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
        if self._kept is not None and np.isfinite(self.best):
            self._restore(self._kept)
        began = time.perf_counter()
        level = float(np.abs(self._assignments.cost).mean())
        hot, cold = _HOT * heat * level, _COLD * level
        moves, passed = 1_000, 0.0
        while passed < seconds and not stop():
            self._rounds += 1
            short = np.flatnonzero(lacking(self._state) > COVERED)
            self._value = anneal(
                moves,
                hot * (cold / hot) ** (passed / seconds),
                self._seed * 1_000_003 + self._rounds,
                self._value,
                short,
                self._assignments,
                self._state,
            )
            self._insist()
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
        assignment, share, num = self._kept.assignment, self._kept.share, self._kept.num
        x = s.program.lower.copy()
        slot = np.arange(assignment.shape[1])[None, :] < num[:, None]
        taken = assignment[slot]
        np.add.at(x, s.x[taken], share[slot])
        y, facility = s.y[taken], s.facility[taken]
        x[y[y >= 0]] = 1.0
        x[facility[facility >= 0]] = 1.0
        assert s.side is not None
        s.side.fill(s.program, x)
        return x

    def _broken(self) -> Bools:
        """Which side constraints are broken that may not be."""
        room = self._assignments.room
        above = self._state.load > room + _ROUNDING * np.maximum(1.0, np.abs(room))
        broken: Bools = above & self._must
        return broken

    def _insist(self) -> None:
        """Let what is broken cost more, and what is not so much less."""
        if self._must.any():
            rate, broken = self._assignments.rate, self._broken()
            dearer = np.minimum(rate * _DEARER, _DEAREST * self._first_rate)
            cheaper = np.maximum(rate / _DEARER, self._first_rate)
            rate[self._must] = np.where(broken, dearer, cheaper)[self._must]
            self._value = recount(self._assignments, self._state)

    def _keep(self) -> bool:
        """Keep the plan if it is the best, or if there is none; says whether it is whole."""
        if self._kept is not None and self._value >= self.best - 1e-9 * abs(self._value):
            return False
        # The value has added up many changes: count it anew.
        self._value = recount(self._assignments, self._state)
        whole = bool((lacking(self._state) <= COVERED).all()) and not self._broken().any()
        if self._kept is not None and not whole:
            return False
        kept = self._state
        self._kept = SelectionState(
            kept.assignment.copy(),
            kept.share.copy(),
            kept.num.copy(),
            kept.load.copy(),
            kept.users.copy(),
        )
        if whole:
            self.best = self._value
        return whole

    def _restore(self, kept: SelectionState) -> None:
        for array, value in zip(self._state, kept, strict=True):
            array[:] = value
        self._value = recount(self._assignments, self._state)
        self._keep()
