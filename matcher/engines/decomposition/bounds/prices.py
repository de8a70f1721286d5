"""Bounds from prices: what a limit would cost if everybody had to pay for it.

With a price on every row that holds the parts of a program together, the parts fall apart, each is
solved exactly, and the sum is a lower bound on the optimum (Lagrangian relaxation). Which rows are
priced is the matter of a *relaxation*:

- `matcher.engines.decomposition.bounds.coupling_dual`: the rows that couple selections;
- `matcher.engines.decomposition.bounds.demand_dual`: the selections themselves.

Prices ascend by subgradients, each step taken along a running mean of them, with Polyak's step
length towards a target.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.selection import Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats, Program

# Rounding of sums of up to millions of terms, relative to the bound.
ROUNDING = 1e-9

# Relative to the bound: steps towards a plan that is further off than this would be too long.
_FAR = 0.003
# Where no plan is known, the optimum is thought to lie this share above the bound.
_REACH = 0.2


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The relaxed program's answer at some prices: its value, a subgradient, and its columns."""

    value: float
    gradient: Floats
    columns: Floats


@dataclass(frozen=True, slots=True)
class ReducedCosts:
    """By how much a relaxed value rises, at least, if one column is held at 0, or at 1.

    Shapes (columns,); infinite where that cannot be, 0 where nothing is known.
    """

    at_zero: Floats
    at_one: Floats


@dataclass(frozen=True, slots=True)
class Pace:
    """How prices ascend.

    Parameters
    ----------
    first, last
        Step lengths, as shares of Polyak's: they shrink geometrically from ``first`` to
        ``first · last``.
    deflection
        Weight of the newest subgradient in the running mean along which steps are taken.
    steps
        How many.
    """

    first: float
    last: float
    deflection: float
    steps: int


class Relaxation(Protocol):
    """A relaxed program, as a concave function of the prices.

    ``pace`` is how its prices ascend at first, ``node_pace`` how they follow a decision. Both were
    found by trying some on generated networks and public instances.
    """

    structure: Structure
    pace: Pace
    node_pace: Pace

    @property
    def size(self) -> int:
        """Number of prices."""

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be: none on a side where a row has no limit."""

    def at(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> Relaxed:
        """Solve the relaxed program at some proper prices.

        Parameters
        ----------
        prices
            Shape ``(size,)``.
        lower, upper
            Bounds of the columns, to be used for facilities and decisions instead of the program's
            own.
        """

    def reduced_costs(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> ReducedCosts:
        """What it would cost at some prices to hold a facility or a decision at 0 or 1."""


class PricedRows:
    """Rows that are priced, with their limits."""

    def __init__(self, program: Program, rows: Index) -> None:
        self.rows = rows
        self._matrix = csr_array(program.matrix[rows])
        self._transposed = csr_array(self._matrix.T)
        self._lower, self._upper = program.row_lower[rows], program.row_upper[rows]

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be; a positive one is on the upper limit."""
        prices = np.where(np.isposinf(self._upper), np.minimum(prices, 0.0), prices)
        return np.where(np.isneginf(self._lower), np.maximum(prices, 0.0), prices)

    def paid(self, prices: Floats) -> Floats:
        """What a unit of each column pays for the rows that it is in."""
        paid: Floats = self._transposed @ prices
        return paid

    def settle(self, prices: Floats, columns: Floats) -> tuple[float, Floats]:
        """What the limits themselves are worth, and how far ``columns`` overstep them."""
        activity = self._matrix @ columns
        over, under = activity - self._upper, activity - self._lower
        with np.errstate(invalid="ignore"):
            limit = np.where(prices > 0, self._upper, self._lower)
            value = -float(np.where(prices == 0, 0.0, prices * limit).sum())
        inside = np.where(over > 0, over, np.where(under < 0, under, 0.0))
        return value, np.where(prices > 0, over, np.where(prices < 0, under, inside))


@dataclass(frozen=True, slots=True)
class Ascent:
    """How far the prices came: the best bound, its prices, and mean columns at the end."""

    bound: float
    prices: Floats
    mean: Floats


# Ten arguments, of which three are given by nearly everybody: a record of them would say less.
def ascend(  # noqa: PLR0913 - keywords with defaults
    relaxation: Relaxation,
    prices: Floats,
    *,
    target: float,
    pace: Pace,
    steps: int | None = None,
    seconds: float = np.inf,
    mean: Floats | None = None,
    lower: Floats | None = None,
    upper: Floats | None = None,
    stop: Callable[[float], bool] = lambda _: False,
) -> Ascent:
    """Raise the bound by some steps.

    Parameters
    ----------
    target
        Value that Polyak's steps aim at: the best plan, or infinite if there is none.
    steps
        How many, if not those of the pace.
    seconds
        Where steps turn out so slow that they would take longer, fewer are taken.
    mean
        Mean columns of an earlier ascent, to be carried on.
    stop
        Told the best bound after each step; ends the ascent when it says so.
    """
    steps = pace.steps if steps is None else steps
    began = time.perf_counter()
    best, best_prices = -np.inf, prices
    direction = np.zeros(relaxation.size)
    for step in range(steps):
        passed = max(step / steps, (time.perf_counter() - began) / seconds)
        if passed >= 1.0:
            break
        answer = relaxation.at(prices, lower, upper)
        if answer.value > best:
            best, best_prices = answer.value, prices
        weight = 0.02 if mean is not None else 1.0
        mean = answer.columns if mean is None else (1 - weight) * mean + weight * answer.columns
        if stop(best):
            break
        direction = pace.deflection * answer.gradient + (1 - pace.deflection) * direction
        norm = float(direction @ direction)
        if norm <= 1e-18:
            break
        reach = target - best if np.isfinite(target) else _REACH * abs(best)
        scale = pace.first * pace.last**passed * max(reach, 0.0) / norm
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
