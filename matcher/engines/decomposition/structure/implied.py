"""Rows within one selection that whatever it selects meets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_inline
from matcher.engines.decomposition.kernels.selection import (
    Bench,
    Bools,
    Choices,
    Index,
    Selections,
    bench_for,
    largest,
    select,
)
from matcher.engines.decomposition.structure.rows import SLACK, Rows
from matcher.program import Floats


class _Inner(NamedTuple):
    """Rows of one selection each: where the entries of each begin, and which selection it is.

    By entry: its value, and the assignment of which it is the share; where it is a decision -1, and
    the assignment decided.
    """

    start: Index
    assignment: Index
    decision: Index
    value: Floats
    selection: Index


def implied(
    rows: Rows, which: Index, x: Index, y: Index, selections: Selections, selection_of: Index
) -> Bools:
    """Which of some rows are each of one selection alone and met by whatever it selects.

    Parameters
    ----------
    x, y
        Columns of each assignment; ``y`` is -1 where it has no decision.
    selection_of
        Selection of each column, -1 for none.
    """
    p = rows.program
    of = np.full(p.num_rows, -1)
    of[rows.row] = selection_of[rows.column]
    alone = rows.all_of((selection_of[rows.column] == of[rows.row]) & (of[rows.row] >= 0))
    met = np.zeros(which.size, dtype=np.bool_)
    inner = np.flatnonzero(alone[which])
    if inner.size == 0:
        return met
    position = np.full(p.num_rows, -1)
    position[which[inner]] = np.arange(inner.size)
    at = np.flatnonzero(position[rows.row] >= 0)
    assignment_of, decision_of = np.full(p.num_columns, -1), np.full(p.num_columns, -1)
    assignment_of[x] = np.arange(x.size)
    decided = np.flatnonzero(y >= 0)
    decision_of[y[decided]] = decided
    entries = _Inner(
        np.searchsorted(position[rows.row[at]], np.arange(inner.size + 1)),
        assignment_of[rows.column[at]],
        decision_of[rows.column[at]],
        rows.value[at],
        of[which[inner]],
    )
    least, greatest = _extremes(entries, selections)
    met[inner] = (least >= p.row_lower[which[inner]] - SLACK) & (
        greatest <= p.row_upper[which[inner]] + SLACK
    )
    return met


class _RowBench(NamedTuple):
    """Where a row is worked out.

    By assignment of its selection: what a share and what taking it adds; those of them that matter,
    in an order; and the bench of `select`.
    """

    cost: Floats
    fixed: Floats
    few: Choices
    order: Index
    select: Bench


@compiled
def _extremes(rows: _Inner, selections: Selections) -> tuple[Floats, Floats]:
    """Bounds on what each row can add up to."""
    size = largest(selections.start, 0, selections.start.size - 1)
    few = Choices(
        np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size, np.bool_)
    )
    order = np.empty(size, np.int64)
    bench = _RowBench(np.empty(size), np.empty(size), few, order, bench_for(size))
    ends = np.empty((2, rows.selection.size))
    for row in range(rows.selection.size):
        for side in range(2):
            sign = 1.0 - 2.0 * side
            ends[side, row] = sign * _least(row, sign, rows, selections, bench)
    return ends[0], ends[1]


@compiled
def _least(row: int, sign: float, rows: _Inner, selections: Selections, bench: _RowBench) -> float:
    """A bound on the least that a row, or with sign -1 its negative, can add up to."""
    d = rows.selection[row]
    a = selections.start[d]
    n = selections.start[d + 1] - a
    cost, fixed = bench.cost, bench.fixed
    cost[:n] = 0.0
    fixed[:n] = 0.0
    for entry in range(rows.start[row], rows.start[row + 1]):
        if rows.assignment[entry] >= 0:
            cost[rows.assignment[entry] - a] += sign * rows.value[entry]
        else:
            fixed[rows.decision[entry] - a] += sign * rows.value[entry]
    # Where a decision is rewarded and needs no share, take the reward as given.
    given = 0.0
    for i in range(n):
        if fixed[i] < 0.0 and selections.lower[a + i] <= 0.0:
            given += fixed[i]
            fixed[i] = 0.0
    num = _those_that_matter(d, selections, bench)
    few = bench.few
    choices = Choices(
        few.cost[:num], few.fixed[:num], few.lower[:num], few.upper[:num], few.is_free[:num]
    )
    bound, _, _ = select(choices, selections.most[d], np.inf, bench.order[:num], bench.select)
    least: float = bound + given
    return least


@compiled_inline
def _those_that_matter(d: int, selections: Selections, bench: _RowBench) -> int:
    """Of assignments that count the same, only the roomiest: a bound may take their best."""
    a, few = selections.start[d], bench.few
    n = selections.start[d + 1] - a
    cost, fixed, is_free = bench.cost, bench.fixed, selections.is_free
    num = 0
    for i in range(n):
        low, roomier = selections.lower[a + i], 0
        for j in range(n):
            if cost[j] != cost[i] or fixed[j] != fixed[i]:
                continue
            if is_free[a + i] or is_free[a + j]:
                continue
            low = min(low, selections.lower[a + j])
            more = selections.upper[a + j] - selections.upper[a + i]
            if more > 0.0 or (more == 0.0 and j < i):
                roomier += 1
        if roomier < selections.most[d]:
            few.cost[num], few.fixed[num], few.lower[num] = cost[i], fixed[i], low
            few.upper[num], few.is_free[num] = selections.upper[a + i], is_free[a + i]
            bench.order[num] = num
            num += 1
    return num
