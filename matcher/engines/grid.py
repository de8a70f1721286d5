"""A program on an integer grid: every feasible plan of the program has a point there.

CP-SAT knows integers only. A continuous column becomes ``x = origin + step·k + e`` with an integer
``k`` and a rest ``|e| ≤ step/2``; a row is multiplied by a scale and its coefficients are rounded.
The row's bounds are then moved outward by the most that the rests and the rounding can amount to,
so the grid is a relaxation: it loses no plan, and a bound proved on it holds for the program. The
objective's coefficients are rounded down for the same reason. If all columns are integer and the
data are decimal fractions, nothing is moved and the grid is the program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.errors import EngineError
from matcher.program import Floats, Program

Integers = NDArray[np.int64]

_STEPS = 2.0**25
"""Grid points of a continuous column, at least. Its rests are then below 2e-8 of its range."""

_ROW_BUDGET = 2.0**56
_COST_BUDGET = 2.0**58
"""Largest activity of a row and of the objective, well inside 64 bits."""

_WIDEST = 2.0**40
_DECIMALS = 6
_EPSILON = 1e-12
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Grid:
    """Minimise ``cost @ k`` with ``row_lower <= A k <= row_upper`` and ``0 <= k <= top``.

    ``A`` has the program's sparsity (``data`` in the order of its CSR array). An absent row bound
    is ``±2**62``. The objective of the program is at least
    ``(cost @ k) / cost_scale + cost_constant`` for the ``k`` of any feasible plan.
    """

    origin: Floats
    step: Floats
    top: Integers
    data: Integers
    row_lower: Integers
    row_upper: Integers
    cost: Integers
    cost_scale: float
    cost_constant: float

    def plan(self, k: Integers) -> Floats:
        """The plan at a grid point; its continuous columns are only about right."""
        return self.origin + self.step * k

    def point(self, x: Floats) -> Integers:
        """The grid point nearest to a plan."""
        return np.clip(np.round((x - self.origin) / self.step), 0, self.top).astype(np.int64)


UNBOUNDED = 2**62


def grid(program: Program) -> Grid:
    """Put ``program`` on a grid.

    Raises
    ------
    EngineError
        If a column has no finite bounds and the rows imply none.
    """
    lower, upper = _finite_bounds(program)
    integer, matrix = program.integer, program.matrix
    lower = np.where(integer, np.ceil(lower - 1e-9), lower)
    upper = np.maximum(np.where(integer, np.floor(upper + 1e-9), upper), lower)
    width = upper - lower
    step = np.ones_like(width)
    wide = ~integer & (width > 0)
    step[wide] = 2.0 ** np.floor(np.log2(width[wide] / _STEPS))
    top = np.where(integer, width, np.ceil(width / step))
    rest = np.where(integer | (width == 0), 0.0, step / 2)

    columns, data = matrix.indices, matrix.data
    magnitude = abs(matrix)
    rows = np.repeat(np.arange(program.num_rows), np.diff(matrix.indptr))
    # A fixed column is part of the base; whatever its coefficient, it needs no room in the budget.
    moving = np.where(top[columns] > 0, data * step[columns], 0.0)
    scaled, scale = _scale_rows(program, moving, top[columns], rows)
    coefficients = np.round(scaled)
    drift = _sum_by_row(np.abs(coefficients - scaled) * top[columns], rows, program.num_rows)
    slack = scale * (magnitude @ rest) + drift
    base = matrix @ lower
    limits = []
    for sign, bound in ((-1.0, program.row_lower), (1.0, program.row_upper)):
        present = np.isfinite(bound)
        edge = scale * (np.where(present, bound, 0.0) - base)
        size = scale * (np.abs(np.where(present, bound, 0.0)) + magnitude @ np.abs(lower))
        edge = edge + sign * (slack + _EPSILON * (1.0 + size) + 1e-9)
        rounded = np.floor(edge) if sign > 0 else np.ceil(edge)
        present &= np.abs(rounded) < UNBOUNDED
        limits.append(np.where(present, rounded, sign * UNBOUNDED).astype(np.int64))

    weights = program.cost * step
    cost_scale = _scale(weights, top, _COST_BUDGET)
    scaled_cost = cost_scale * weights
    near = np.round(scaled_cost)
    is_exact = np.abs(scaled_cost - near) <= 1e-9 * np.maximum(1.0, np.abs(near))
    return Grid(
        origin=lower,
        step=step,
        top=top.astype(np.int64),
        data=coefficients.astype(np.int64),
        row_lower=limits[0],
        row_upper=limits[1],
        cost=np.where(is_exact, near, np.floor(scaled_cost)).astype(np.int64),
        cost_scale=cost_scale,
        cost_constant=program.objective(lower) - float(np.abs(program.cost) @ rest),
    )


def _scale_rows(
    program: Program, data: Floats, top: Floats, rows: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Coefficients times the scale of their row, and the scales.

    The smallest power of ten, on top of the finest step, that makes a row integral; where none
    does, the largest power of two that the budget allows.
    """
    m = program.num_rows
    size = _sum_by_row(np.abs(data) * top, rows, m)
    room = _ROW_BUDGET / np.maximum(size, 1e-300)
    finest = np.ones(m)
    column_step = np.abs(data)
    np.minimum.at(finest, rows, np.where(column_step > 0, _power_of_two(column_step), 1.0))
    scale = 2.0 ** np.floor(np.log2(np.clip(room, 2.0**-60, 2.0**60)))
    open_rows = np.ones(m, dtype=np.bool_)
    for decimals in range(_DECIMALS + 1):
        for base in (np.ones(m), 1.0 / finest):
            trial = 10.0**decimals * base
            values = data * trial[rows]
            near = np.round(values)
            off = np.abs(values - near) > 1e-9 * np.minimum(1.0, np.abs(near)) / np.maximum(top, 1)
            fits = open_rows & (trial <= room)
            fits[rows[off]] = False
            scale[fits] = trial[fits]
            open_rows &= ~fits
    return data * scale[rows], scale


def _scale(weights: Floats, top: Floats, budget: float) -> float:
    """A scale that makes all weights integral, or else the largest within the budget."""
    size = float(np.abs(weights) @ top)
    room = budget / max(size, 1e-300)
    for decimals in range(_DECIMALS + 1):
        trial = 10.0**decimals
        values = weights * trial
        if trial <= room and (np.abs(values - np.round(values)) <= 1e-9).all():
            return trial
    return float(2.0 ** np.floor(np.log2(min(max(room, 2.0**-60), 2.0**60))))


def _power_of_two(values: Floats) -> Floats:
    """The largest power of two not above each value."""
    return 2.0 ** np.floor(np.log2(np.where(values > 0, values, 1.0)))


def _sum_by_row(values: Floats, rows: NDArray[np.int64], m: int) -> Floats:
    return np.bincount(rows, weights=values, minlength=m).astype(np.float64)


def _finite_bounds(program: Program) -> tuple[Floats, Floats]:
    """Column bounds, where infinite derived from the rows' activities."""
    lower, upper = program.lower.copy(), program.upper.copy()
    matrix = program.matrix
    columns, data = matrix.indices, matrix.data
    rows = np.repeat(np.arange(program.num_rows), np.diff(matrix.indptr))
    for _ in range(_ROUNDS):
        if np.isfinite(lower).all() and np.isfinite(upper).all():
            break
        positive = data > 0
        at_least = data * np.where(positive, lower[columns], upper[columns])
        at_most = data * np.where(positive, upper[columns], lower[columns])
        with np.errstate(invalid="ignore"):
            for least, bound, is_upper in (
                (at_least, program.row_upper, True),
                (at_most, program.row_lower, False),
            ):
                others = _others(least, rows, program.num_rows)
                implied = (bound[rows] - others) / np.where(data == 0, 1.0, data)
                usable = np.isfinite(implied) & (data != 0)
                for is_top, side in ((True, positive == is_upper), (False, positive != is_upper)):
                    chosen = usable & side
                    if is_top:
                        slack = 1e-9 * np.maximum(1.0, np.abs(implied[chosen]))
                        loose = np.full_like(upper, np.inf)
                        np.minimum.at(loose, columns[chosen], implied[chosen] + slack)
                        upper = np.where(np.isinf(upper), loose, upper)
                    else:
                        slack = 1e-9 * np.maximum(1.0, np.abs(implied[chosen]))
                        loose = np.full_like(lower, -np.inf)
                        np.maximum.at(loose, columns[chosen], implied[chosen] - slack)
                        lower = np.where(np.isinf(lower), loose, lower)
    endless = np.flatnonzero(~np.isfinite(lower) | ~np.isfinite(upper) | (upper - lower > _WIDEST))
    if endless.size:
        column = int(endless[0])
        label = program.column_labels()[column]
        raise EngineError(
            f"CP-SAT needs every column between finite bounds at most 2^40 apart, but column "
            f"'{label}' lies in [{program.lower[column]:g}, {program.upper[column]:g}]: give it "
            "tighter bounds, or use the engine 'highs'"
        )
    return lower, upper


def _others(terms: Floats, rows: NDArray[np.int64], m: int) -> Floats:
    """For each entry, the sum of the other terms of its row; infinite if one of them is."""
    endless = np.isinf(terms)
    count = _sum_by_row(endless.astype(np.float64), rows, m)[rows] - endless
    finite = np.where(endless, 0.0, terms)
    total = _sum_by_row(finite, rows, m)[rows] - finite
    return np.where(count > 0, np.inf, total)
