"""Every engine gives the answer of brute force, and says no more than it proved."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest
from programs import NATIVE, brute_force, program, sourcing, two_in_lots

from matcher.engines import NAMES, engine
from matcher.engines.base import Limits, settled_bound
from matcher.errors import EngineError, EngineUnavailable
from matcher.program import Program

ALL = (*NATIVE, "pulp:PULP_CBC_CMD" if sys.version_info < (3, 12) else "pulp:HiGHS")
EXACT = Limits(time_s=20, gap=0.0)
INF = np.inf


@functools.cache
def optimum(seed: int) -> float:
    best = brute_force(sourcing(seed))
    assert best is not None
    return best


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", range(6))
def test_equals_brute_force(name: str, seed: int) -> None:
    problem = sourcing(seed)
    outcome = engine(name).solve(problem, EXACT)
    assert (outcome.solution_status, outcome.termination_reason) == ("optimal", "proved"), (
        outcome.detail
    )
    assert outcome.best == pytest.approx(optimum(seed), rel=1e-6, abs=1e-6)
    assert outcome.bound is not None
    assert outcome.bound <= optimum(seed) + 1e-6 * abs(optimum(seed))
    assert outcome.x is not None
    assert problem.violation(outcome.x) <= 1e-6
    assert problem.objective(outcome.x) == outcome.best
    integers = outcome.x[problem.integer]
    assert (integers == np.round(integers)).all()


@pytest.mark.parametrize("name", ALL)
def test_infeasible_is_an_answer(name: str) -> None:
    # x + y = 3 with y binary and x at most 1
    problem = program([1, 1], [[1, 1]], [3], [3], [0, 0], [1, 1], [0, 1])
    outcome = engine(name).solve(problem, EXACT)
    assert (outcome.solution_status, outcome.termination_reason) == ("infeasible", "proved")
    assert outcome.x is None
    assert outcome.best is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("problem", "optimum"),
    [
        # a linear program: 2x + 3y, x + y >= 4, x <= 3 → x = 3, y = 1 → 9; constant 10
        (program([2, 3], [[1, 1]], [4], [INF], [0, 0], [3, 9], [0, 0], 10), 19),
        # general integers below zero: min x + y, 2x + 2y >= -7 → x + y >= -3.5 → -3
        (program([1, 1], [[2, 2]], [-7], [INF], [-5, -5], [5, 5], [1, 1]), -3),
        # a row with two ends: 2 <= x + y <= 3, cheapest is 2 of x
        (program([1, 2], [[1, 1]], [2], [3], [0, 0], [5, 5], [0, 1]), 2),
        # no rows at all: every column at its cheaper bound, 1·2 - 1·4
        (program([1, -1], np.zeros((0, 2)), [], [], [2, 0], [9, 4], [1, 0]), -2),
        # an endless column bounded by its row: max x, 2x + y <= 9.5, y >= 1 → x = 4.25
        (program([-1, 0], [[2, 1]], [-INF], [9.5], [0, 1], [INF, 5], [0, 1]), -4.25),
    ],
    ids=["linear", "negative integers", "two-sided row", "no rows", "endless column"],
)
def test_special_shapes(name: str, problem: Program, optimum: float) -> None:
    outcome = engine(name).solve(problem, EXACT)
    assert outcome.solution_status == "optimal", outcome
    assert outcome.best == pytest.approx(optimum, abs=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("slack", [0.0, 1e-9, 2e-9, 1e-8, 1e-7])
def test_a_row_just_above_a_whole_number_is_kept(name: str, slack: float) -> None:
    # SCIP once left both demands unmet at a cost of 3.
    outcome = engine(name).solve(two_in_lots(slack), EXACT)
    assert outcome.solution_status == "optimal", outcome
    assert outcome.best == pytest.approx(13, abs=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_no_quantity_without_its_award(name: str) -> None:
    # x <= 1e7·y: a solver whose zero is 1e-6 would make x = 0.5 with y = 5e-8 and pay nothing.
    # Paying for y (100) is cheaper than leaving 0.5 unmet (500).
    problem = program(
        [0, 100, 1000],
        [[1, 0, 1], [1, -1e7, 0]],
        [0.5, -INF],
        [0.5, 0],
        [0, 0, 0],
        [INF, 1, 1],
        [0, 1, 0],
    )
    outcome = engine(name).solve(problem, EXACT)
    assert outcome.x is not None, outcome
    assert outcome.x[1] == 1
    assert outcome.best == pytest.approx(100, abs=1e-4)
    assert outcome.bound is None or outcome.bound <= 100 + 1e-4


@pytest.mark.parametrize("name", NATIVE)
def test_unbounded_is_an_error(name: str) -> None:
    problem = program([-1], [[1]], [0], [INF], [0], [INF], [0])
    with pytest.raises(EngineError, match=r"(?i)unbounded|finite bounds|infinite"):
        engine(name).solve(problem, EXACT)


@pytest.mark.parametrize("name", NATIVE)
def test_gap_limit_is_not_called_optimal(name: str) -> None:
    problem = sourcing(3)
    outcome = engine(name).solve(problem, Limits(time_s=20, gap=0.5))
    assert outcome.best is not None
    assert outcome.bound is not None
    assert outcome.bound <= optimum(3) + 1e-6 * abs(optimum(3)) <= outcome.best * (1 + 2e-6)
    is_closed = outcome.best - outcome.bound <= 1e-6 * abs(outcome.best)
    expected = ("optimal", "proved") if is_closed else ("feasible", "gap_limit")
    assert (outcome.solution_status, outcome.termination_reason) == expected


@pytest.mark.parametrize("name", NATIVE)
def test_equal_seeds_give_equal_plans(name: str) -> None:
    problem = sourcing(21, max_awards=40)
    first, second = (engine(name).solve(problem, Limits(20, gap=0, seed=7)) for _ in range(2))
    assert first.x is not None
    assert second.x is not None
    assert first.best == second.best
    assert (first.x == second.x).all()


def test_wrong_options_are_refused() -> None:
    with pytest.raises(EngineError, match="threads"):
        engine("highs").solve(sourcing(0), Limits(5, threads=-3))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("higs", "did you mean 'highs'"),
        ("cplex", "known are auto"),
        ("pulp", "pulp:SOLVER"),
        ("highs:fast", "known are"),
        ("", "known are"),
    ],
)
def test_unknown_engines_name_the_known(name: str, hint: str) -> None:
    with pytest.raises(EngineUnavailable, match=hint):
        engine(name)
    assert set(NATIVE) <= set(NAMES)


def test_an_unreachable_solver_names_the_reachable() -> None:
    with pytest.raises(EngineUnavailable, match=r"(?s)GUROBI_CMD.*PuLP reaches"):
        engine("pulp:GUROBI_CMD").solve(sourcing(0), EXACT)
    with pytest.raises(EngineUnavailable, match="did you mean 'GUROBI'"):
        engine("pulp:GURBI").solve(sourcing(0), EXACT)


def test_the_parent_loads_no_solver() -> None:
    script = (
        "import sys; from matcher.engines import engine, pulp; engine('cpsat'); engine('highs'); "
        "print([m for m in ('highspy', 'ortools', 'pyscipopt', 'pulp') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_start_is_not_taken_for_the_optimum() -> None:
    # HiGHS 1.15.1 takes this start, 0.25 + 2/3, for the optimum. But 3/4 of the first
    # demand can be had from x1, with all the room there is, and 3/4 of the second from x3, which
    # needs no room: 1/4 + 1/4.
    inf, a, b = np.inf, 0.75, 1 / 3
    rows = np.zeros((17, 13))
    for row, entries in enumerate(
        [
            {0: 1, 1: 1, 2: 1, 11: 1},
            {3: 1, 4: 1, 5: 1, 12: 1},
            {1: 1, 6: -a},
            {2: 1, 7: -a},
            {4: 1, 8: -a},
            {5: 1, 9: -a},
            {1: 1, 6: -0.25},
            {4: 1, 8: -b},
            {0: 1, 1: 1, 2: 1},
            {3: 1, 4: 1, 5: 1},
            {1: 1, 4: a, 10: -1},
            *({column: 1, 10: -1} for column in (6, 7, 8, 9)),
            {0: 1, 10: -a},
            {3: 1, 10: -a},
        ]
    ):
        for column, value in entries.items():
            rows[row, column] = value
    problem = program(
        [0] * 11 + [1, 1],
        rows,
        [1, 1, *[-inf] * 4, 0, 0, *[-inf] * 9],
        [1, 1, 0, 0, 0, 0, inf, inf, a, a, *[0] * 7],
        [0] * 13,
        [a] * 6 + [1] * 7,
        [0] * 6 + [1] * 5 + [0, 0],
    )
    start = np.array([0, a, 0, 0, b, 0, 1, 0, 1, 0, 1, 0.25, 2 / 3])
    assert problem.violation(start) <= 1e-12
    for name in (*NATIVE, "decomposition"):
        outcome = engine(name).solve(problem, EXACT, start=start)
        assert outcome.best == pytest.approx(0.5, abs=1e-6), name


def test_a_bound_above_a_plan_is_dropped_and_told() -> None:
    assert settled_bound(10.0, 9.0) == (9.0, "")
    assert settled_bound(10.0, 10.0 + 1e-6) == (10.0, "")
    bound, detail = settled_bound(10.0, 11.0)
    assert bound is None
    assert "was dropped" in detail
