"""The grid of CP-SAT loses no plan, and what it costs there is never more than it costs really."""

from __future__ import annotations

import numpy as np
import pytest
from programs import program, sourcing
from scipy.optimize import linprog

from matcher.engines.grid import grid
from matcher.errors import EngineError
from matcher.program import Floats, Program

INF = np.inf


def feasible_plans(problem: Program, count: int) -> list[Floats]:
    """Vertices of random faces: plans at which as many rows as possible are tight."""
    random = np.random.default_rng(1)
    dense, plans = problem.matrix.toarray(), []
    while len(plans) < count:
        lower, upper = problem.lower.copy(), problem.upper.copy()
        integers = np.flatnonzero(problem.integer)
        lower[integers] = upper[integers] = random.integers(0, 2, integers.size)
        high, low = np.isfinite(problem.row_upper), np.isfinite(problem.row_lower)
        answer = linprog(
            random.normal(size=problem.num_columns),
            A_ub=np.vstack([dense[high], -dense[low]]),
            b_ub=np.concatenate([problem.row_upper[high], -problem.row_lower[low]]),
            bounds=np.column_stack([lower, upper]),
        )
        if answer.status == 0:
            plans.append(answer.x)
    return plans


@pytest.mark.parametrize("seed", range(12))
def test_every_plan_has_a_grid_point_that_costs_no_more(seed: int) -> None:
    problem = sourcing(seed)
    points = grid(problem)
    for x in feasible_plans(problem, 10):
        k = points.point(x)
        assert np.abs(points.plan(k) - x).max() <= points.step.max()
        matrix = problem.matrix.copy()
        matrix.data = points.data.astype(np.float64)
        activity = np.round(matrix @ k.astype(np.float64)).astype(np.int64)
        assert (points.row_lower <= activity).all()
        assert (activity <= points.row_upper).all()
        value = float(points.cost @ k) / points.cost_scale + points.cost_constant
        assert value <= problem.objective(x) * (1 + 1e-9) + 1e-6
        assert value >= problem.objective(x) * (1 - 1e-4) - 1e-2


def test_integer_data_are_exact() -> None:
    problem = program(
        [3, -2, 0.25],
        [[0.1, 0.2, 0], [5, -7, 1]],
        [-INF, 1],
        [0.7, 1],
        [0, -3, 2],
        [9, 4, 2],
        [1, 1, 1],
    )
    points = grid(problem)
    # the first row in tenths: x + 2(y + 3) <= 7 + 6; the second as it is: 5x - 7(y + 3) + 1·0
    # = 1 + 21·(-1) - 2 → 1 - (5·0 - 7·(-3) + 2) = -22; the last column is fixed and takes no part
    assert points.data.tolist() == [1, 2, 5, -7, 0]
    assert points.row_upper.tolist() == [13, -22]
    assert points.row_lower[1] == -22
    assert points.top.tolist() == [9, 7, 0]
    # cost in hundredths: 3 → 300, -2 → -200, 0.25 → 25; at the origin 6 + 0.5
    assert points.cost.tolist() == [300, -200, 25]
    assert points.cost_scale == 100
    assert points.cost_constant == 6.5


def test_large_numbers_stay_within_64_bits() -> None:
    problem = program([1e9, 1e-9], [[1e8, 1e-8]], [-INF], [1e14], [0, 0], [1e6, 1e6], [0, 0])
    points = grid(problem)
    assert float(np.abs(points.data.astype(float)) @ points.top) < 2.0**60
    assert float(np.abs(points.cost.astype(float)) @ points.top) < 2.0**60


def test_a_column_without_end_is_named() -> None:
    problem = program([1, 1], [[1, 0]], [-INF], [3], [0, 0], [INF, INF], [0, 0])
    with pytest.raises(EngineError, match=r"'x\(1\)' lies in \[0, inf\]"):
        grid(problem)
    points = grid(program([1, 1], [[1, 1]], [-INF], [3], [0, 0], [INF, INF], [0, 0]))
    assert (points.origin + points.step * points.top >= 3).all()
