"""When the rules leave no plan: which few of them to relax, by how little, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

from matcher.engines.base import Engine, Limits
from matcher.formulation import Formulation, formulate
from matcher.network.arrays import Arrays, Floats
from matcher.plan import Correction, CorrectionSet
from matcher.program import Program, Segment
from matcher.schema.objectives import COST, COVERAGE
from matcher.schema.rules import Rule, rules_of
from matcher.screening.candidates import Candidates, Screening
from matcher.solve.frames import evaluate_candidates
from matcher.solve.search import Clock, pursue, solution

# So many alternatives are named.
ALTERNATIVES = 5


def correction_sets(
    arrays: Arrays, screening: Screening, solver: Engine, limits: Limits, clock: Clock
) -> tuple[CorrectionSet, ...]:
    """Sets of rules that are enough to relax; none is part of another.

    The smallest come first, then those that cover most, then the cheapest.

    Every mandatory rule with limits gets amounts by which it may be missed and a binary that allows
    it; the fewest binaries make the first set, and each further one may not hold a set before it
    (the minimal correction sets of Liffiton and Sakallah, Journal of Automated Reasoning 40 (2008),
    1–33). A set's rules are then missed by as little as can be, and the rest planned as ever.

    Parameters
    ----------
    screening
        Of the network.
    clock
        What is left when it runs out is not found.
    """
    candidates, rules = screening.candidates, rules_of(arrays.network.rules)
    relaxable = tuple(rule for rule in rules if not rule.is_target)
    found = []
    for chosen in _sets(arrays, candidates, relaxable, solver, limits, clock):
        relaxed = tuple(
            replace(rule, priority=1, price=None) if i in chosen else rule
            for i, rule in enumerate(relaxable)
        )
        formulation = formulate(arrays, candidates, relaxed, (COVERAGE, COST))
        coverage, missed, cost = formulation.objectives
        formulation = replace(formulation, objectives=(missed, coverage, cost))
        steps = pursue(solver, formulation, limits, clock)
        x = solution(steps)
        if x is not None:
            names = {relaxable[i].name for i in chosen}
            found.append(_correction_set(arrays, screening, formulation, x, names))
    return tuple(sorted(found, key=lambda way: (len(way.rules), round(way.unmet, 6), way.cost)))


def _sets(
    arrays: Arrays,
    candidates: Candidates,
    relaxable: tuple[Rule, ...],
    solver: Engine,
    limits: Limits,
    clock: Clock,
) -> Iterator[frozenset[int]]:
    """Positions of the rules of each set, the smallest sets first."""
    levels = tuple(
        replace(rule, priority=number, price=None) for number, rule in enumerate(relaxable, start=1)
    )
    formulation = formulate(arrays, candidates, levels, (COVERAGE, COST))
    program = _choosing(
        formulation.program, [objective.cost for objective in formulation.objectives[1:-1]]
    )
    first = formulation.program.num_columns
    for _ in range(ALTERNATIVES):
        if clock.left <= 0:
            return
        outcome = solver.solve(program, replace(limits, time_s=clock.left, gap=0.0))
        if outcome.x is None:
            return
        chosen = np.flatnonzero(outcome.x[first:] > 0.5)
        if chosen.size == 0:
            return
        yield frozenset(chosen.tolist())
        program = _without(program, first + chosen)


def _choosing(program: Program, missed: Sequence[Floats]) -> Program:
    """The program that misses as few rules as can be: missed_r ≤ most_r · e_r, minimise Σ e_r."""
    size = len(missed)
    amounts = csr_array(np.vstack(missed))
    most: Floats = np.maximum(np.asarray(amounts @ program.upper), 1e-9)
    # Divided by its most, a row says: the share of it that is missed is at most e_r.
    shares = diags_array(1.0 / most) @ amounts
    above = hstack([program.matrix, csr_array((program.num_rows, size))])
    below = hstack([shares, -eye_array(size)])
    return replace(
        program,
        name="fewest rules to relax",
        cost=np.append(np.zeros(program.num_columns), np.ones(size)),
        offset=0.0,
        matrix=csr_array(vstack([above, below])),
        row_lower=np.append(program.row_lower, np.full(size, -np.inf)),
        row_upper=np.append(program.row_upper, np.zeros(size)),
        lower=np.append(program.lower, np.zeros(size)),
        upper=np.append(program.upper, np.ones(size)),
        integer=np.append(program.integer, np.ones(size, dtype=np.bool_)),
        row_segments=(*program.row_segments, Segment("missed", size)),
        column_segments=(*program.column_segments, Segment("relaxed", size)),
    )


def _without(program: Program, columns: np.ndarray) -> Program:
    """The program in which not all of the columns may be 1."""
    row = np.zeros((1, program.num_columns))
    row[0, columns] = 1.0
    return replace(
        program,
        matrix=csr_array(vstack([program.matrix, csr_array(row)])),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, columns.size - 1.0),
        row_segments=(*program.row_segments, Segment("another set", 1)),
    )


def _correction_set(
    arrays: Arrays, screening: Screening, formulation: Formulation, x: Floats, names: set[str]
) -> CorrectionSet:
    """What the solution asks of the named rules, and what it costs."""
    rows, quantity = formulation.awards(x)
    awarded = formulation.candidates.take(rows)
    come_to = evaluate_candidates(arrays, screening.links, awarded, quantity)
    missed = come_to.rules.filter(pl.col("rule").is_in(names), pl.col("missed") > 0)
    return CorrectionSet(
        rules=tuple(_correction(row) for row in missed.iter_rows(named=True)),
        unmet=max(float(formulation.objectives[1].cost @ x), 0.0),
        cost=come_to.costs.total,
    )


def _correction(row: dict[str, Any]) -> Correction:
    limit: Literal["min", "max"] = (
        "min" if row["min"] is not None and row["actual"] < row["min"] else "max"
    )
    return Correction(
        rule=row["rule"],
        of=row["of"],
        who=row["who"],
        limit=limit,
        stated=row[limit],
        needed=row["actual"],
    )
