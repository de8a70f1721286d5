"""Small and hard programs for the tests of the engines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import csr_array

from matcher.program import Program, Segment

NATIVE = ("highs", "cpsat", "scip")


def program(
    cost: ArrayLike,
    rows: ArrayLike,
    row_lower: ArrayLike,
    row_upper: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    integer: ArrayLike,
    offset: float = 0.0,
) -> Program:
    """A program from plain lists."""
    cost = np.array(cost, dtype=float)
    matrix = csr_array(np.array(rows, dtype=float).reshape(-1, cost.size))
    return Program(
        "test",
        cost,
        matrix,
        np.array(row_lower, dtype=float),
        np.array(row_upper, dtype=float),
        np.array(lower, dtype=float),
        np.array(upper, dtype=float),
        np.array(integer, dtype=bool),
        (Segment("row", matrix.shape[0]),),
        (Segment("x", cost.size),),
        offset,
    )


def sourcing(seed: int, max_awards: int = 6) -> Program:
    """A random tiny sourcing problem: minimum awards, share caps, fixed costs and capacities.

    Columns: a quantity per demand and supplier, a binary award for each, unmet per demand.
    """
    random = np.random.default_rng(seed)
    suppliers = int(random.integers(2, 4))
    demands = int(random.integers(1, max_awards // suppliers + 1))
    quantity = random.uniform(10, 1000, demands).round(int(random.integers(0, 3)))
    n = demands * suppliers
    demand_of, supplier_of = np.divmod(np.arange(n), suppliers)
    cap, least = (0.7 * quantity[demand_of]).round(3), (0.15 * quantity[demand_of]).round(3)
    one, none = np.eye(n), np.zeros((n, demands))
    meets = (demand_of == np.arange(demands)[:, None]).astype(float)
    uses = (supplier_of == np.arange(suppliers)[:, None]) * random.uniform(0.3, 2, n).round(3)
    rows = np.block(
        [
            [meets, np.zeros((demands, n)), np.eye(demands)],
            [one, -np.diag(cap), none],
            [one, -np.diag(least), none],
            [uses, np.zeros((suppliers, n + demands))],
        ]
    )
    endless = np.full(n, np.inf)
    return program(
        np.concatenate(
            [
                random.uniform(1, 20, n).round(4),
                random.uniform(0, 500, n).round(2),
                np.full(demands, 100.0),
            ]
        ),
        rows,
        np.concatenate([quantity, -endless, np.zeros(n), np.full(suppliers, -np.inf)]),
        np.concatenate(
            [
                quantity,
                np.zeros(n),
                endless,
                np.full(suppliers, round(0.45 * float(quantity.sum()), 2)),
            ]
        ),
        np.zeros(2 * n + demands),
        np.concatenate([quantity[demand_of], np.ones(n), quantity]),
        [0] * n + [1] * n + [0] * demands,
        offset=float(random.integers(-5, 6)),
    )


def two_in_lots(slack: float) -> Program:
    """Two demands, of which one may be left unmet, each offered twice in whole lots.

    Columns: a share for each offer, a binary award for each, use of the one supplier, the unmet
    share of each demand, the lots of each offer (half a demand, or a quarter). At most 1 +
    ``slack`` demands are unmet. The cheapest is the second offer to the first demand, 10 + 3.
    """
    one, none = np.eye(4), np.zeros((4, 4))
    rest = np.zeros((4, 3))
    meets, lots = [[1, 1, 0, 0], [0, 0, 1, 1]], np.array([0.5, 0.5, 0.25, 0.25])
    demand = np.block([[np.array(meets), np.zeros((2, 5)), np.eye(2), np.zeros((2, 4))]])
    rows = np.vstack(
        [
            demand,
            np.hstack([one, -one, rest, none]),
            np.hstack([one, -np.diag([0.5, 1, 1, 1]), rest, none]),
            np.hstack([one, none, rest, -np.diag(lots)]),
            [0.5, 0.5, 1, 1] + [0] * 4 + [-1] + [0] * 6,
            np.hstack([none, one, [[-1, 0, 0]] * 4, none]),
            [0] * 9 + [1, 1] + [0] * 4,
        ]
    )
    ends = [np.inf] * 4
    return program(
        [12, 10, 24, 20] + [0] * 4 + [3] + [0] * 6,
        rows,
        [1, 1] + [-np.inf] * 4 + [0] * 8 + [-np.inf] * 6,
        [1, 1] + [0] * 4 + ends + [0] * 9 + [1 + slack],
        np.zeros(15),
        [1] * 11 + [2, 2, 4, 4],
        [0] * 4 + [1] * 5 + [0] * 2 + [1] * 4,
    )


def market_split(rows: int = 5, columns: int = 40, seed: int = 0) -> Program:
    """Split customers so that every product's sales halve (Cornuéjols and Dawande 1998).

    Plans are easy (any split, at the cost of its deviation), a proof is out of reach at this size.
    """
    random = np.random.default_rng(seed)
    sales = random.integers(0, 100, (rows, columns)).astype(float)
    half = sales.sum(axis=1) // 2
    width = columns + 2 * rows
    return program(
        [0] * columns + [1] * (2 * rows),
        np.hstack([sales, np.eye(rows), -np.eye(rows)]),
        half,
        half,
        np.zeros(width),
        [1] * columns + [5000] * (2 * rows),
        [1] * columns + [0] * (2 * rows),
    )


def all_in_one_half(problem: Program) -> np.ndarray:
    """The worst plan of a market split: nobody on one side, the deviation makes up for it."""
    rows = problem.num_rows
    x = np.zeros(problem.num_columns)
    x[-2 * rows : -rows] = problem.row_lower
    return x


def large_sourcing(demands: int = 1500, bids: int = 15) -> Program:
    """A sourcing problem whose presolve alone takes a while; built without dense matrices."""
    random = np.random.default_rng(5)
    n = demands * bids
    demand_of = np.repeat(np.arange(demands), bids)
    supplier_of = random.integers(0, demands // 3, n)
    quantity = random.integers(100, 1000, demands).astype(float)
    cap = 0.7 * quantity[demand_of]
    awards = np.arange(n)
    entries: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]] = (
        (demand_of, awards, np.ones(n)),
        (np.arange(demands), 2 * n + np.arange(demands), np.ones(demands)),
        (demands + awards, awards, np.ones(n)),
        (demands + awards, n + awards, -cap),
        (demands + n + supplier_of, awards, random.uniform(0.5, 2, n)),
    )
    row, column, value = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    m = demands + n + demands // 3
    room = float(quantity.sum()) / (demands // 3)
    return Program(
        "large",
        np.concatenate(
            [random.uniform(1, 20, n), random.uniform(0, 500, n), np.full(demands, 100.0)]
        ),
        csr_array((value, (row, column)), shape=(m, 2 * n + demands)),
        np.concatenate([quantity, np.full(m - demands, -np.inf)]),
        np.concatenate([quantity, np.zeros(n), np.full(demands // 3, 1.2 * room)]),
        np.zeros(2 * n + demands),
        np.concatenate([quantity[demand_of], np.ones(n), quantity]),
        np.concatenate([np.zeros(n), np.ones(n), np.zeros(demands)]).astype(bool),
        (Segment("row", m),),
        (Segment("x", 2 * n + demands),),
    )


def brute_force(problem: Program) -> float | None:
    """The optimum by trying every combination of the integer columns; ``None`` if none fits."""
    integer = np.flatnonzero(problem.integer)
    ranges = [range(int(problem.lower[j]), int(problem.upper[j]) + 1) for j in integer]
    equal = problem.row_lower == problem.row_upper
    dense = problem.matrix.toarray()
    has_upper, has_lower = np.isfinite(problem.row_upper), np.isfinite(problem.row_lower)
    has_upper &= ~equal
    has_lower &= ~equal
    above = np.vstack([dense[has_upper], -dense[has_lower]])
    limits = np.concatenate([problem.row_upper[has_upper], -problem.row_lower[has_lower]])
    best = None
    for values in product(*ranges):
        lower, upper = problem.lower.copy(), problem.upper.copy()
        lower[integer] = upper[integer] = values
        answer = linprog(
            problem.cost,
            A_ub=above if above.size else None,
            b_ub=limits if above.size else None,
            A_eq=dense[equal] if equal.any() else None,
            b_eq=problem.row_lower[equal] if equal.any() else None,
            bounds=np.column_stack([lower, upper]),
        )
        if answer.status == 0 and (best is None or answer.fun + problem.offset < best):
            best = float(answer.fun + problem.offset)
    return best
