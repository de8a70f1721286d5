"""Merging: what the search and the prices each think of, put together by an exact engine.

The columns of the best plan and those on which the prices' mean is not zero make a small program
(relaxation induced neighbourhoods: Danna, Rothberg and Le Pape, Mathematical Programming 102,
2005). Where even that is large, most selections stay as they are and only a cluster of those that
share suppliers is solved anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.engines.decomposition.structure.blocks import DiagonalBlock
from matcher.program import Floats, Program, Segment

_SEEN = 0.01
"""An assignment counts as thought of if the prices' mean has this share of it."""

SELECTIONS = 200
"""Selections that an exact engine can be expected to do well on within seconds."""

# Or else so many assignments.
_ASSIGNMENTS = 1_500
# An exact engine needs so long to be of use, and so much an assignment.
_SHORTEST_S, _ASSIGNMENT_S = 2.0, 7e-3


def around(
    structure: Structure,
    x: Floats | None,
    mean: Floats,
    reduced_cost: Floats | None,
    width: float,
    rng: np.random.Generator,
) -> Bools:
    """Columns to solve anew: those thought of, of a cluster of selections, with their facilities.

    Columns that are neither of an assignment nor a facility are always among them.

    Parameters
    ----------
    x
        The best plan; without one, all selections are solved, and may be left to what is free.
    reduced_cost
        What each assignment costs more if it is taken, shape (assignments,); needed for widths
        above 1.
    width
        How many assignments, as a multiple of those thought of; the next ones are those that cost
        least.
    """
    s = structure
    chosen = np.ones(s.num_selections, dtype=np.bool_)
    if x is None:
        assignments = (mean[s.x] > _SEEN) | s.is_free
    else:
        if not is_whole(s, x, mean):
            chosen = _cluster(s, x, rng)
        assignments = chosen[s.selection] & _thought_of(s, x, mean)
    inside = chosen[s.selection]
    more = int((width - 1.0) * assignments.sum())
    if more > 0 and reduced_cost is not None:
        near = np.flatnonzero(inside & ~assignments & np.isfinite(reduced_cost))
        assignments[near[np.argsort(reduced_cost[near], kind="stable")[:more]]] = True
    return columns_of(s, assignments)


def columns_of(structure: Structure, assignments: Bools) -> Bools:
    """Columns of some assignments with their facilities, and all that are of neither kind."""
    s = structure
    columns = s.column_upper > 0
    for known in (s.x, s.y, s.facility):
        columns[known[known >= 0]] = False
    columns[s.x[assignments]] = True
    for theirs in (s.y[assignments], s.facility[assignments]):
        columns[theirs[theirs >= 0]] = True
    return columns


def is_whole(structure: Structure, x: Floats, mean: Floats) -> bool:
    """Whether all selections can be solved anew at once."""
    return is_small(structure) or int(_thought_of(structure, x, mean).sum()) <= _ASSIGNMENTS


def is_small(structure: Structure) -> bool:
    """Whether all selections can be solved anew at once, whatever is thought of."""
    return structure.num_selections <= 1.5 * SELECTIONS


def seconds_needed(structure: Structure, x: Floats, mean: Floats) -> float:
    """Time in which an exact engine usually finds something in what is thought of."""
    share = 1.0 if is_whole(structure, x, mean) else SELECTIONS / structure.num_selections
    num = share * int(_thought_of(structure, x, mean).sum())
    return max(_SHORTEST_S, _ASSIGNMENT_S * num)


def _thought_of(s: Structure, x: Floats, mean: Floats) -> Bools:
    return (mean[s.x] > _SEEN) | (x[s.x] > 0)


def restricted(program: Program, free: Bools, least: Floats, most: Floats) -> DiagonalBlock:
    """The program of the ``free`` columns alone.

    Parameters
    ----------
    least, most
        What the other columns come to in each row, shape (rows,); where these differ, the free
        columns may count on whichever they need, so that the program is a relaxation.
    """
    columns = np.flatnonzero(free)
    part = csr_array(csr_array(program.matrix)[:, columns])
    rows = np.flatnonzero(np.diff(part.indptr) > 0)
    return DiagonalBlock(
        replace(
            program,
            name=f"{program.name}, a part",
            cost=program.cost[columns],
            matrix=csr_array(part[rows]),
            row_lower=program.row_lower[rows] - most[rows],
            row_upper=program.row_upper[rows] - least[rows],
            lower=program.lower[columns],
            upper=program.upper[columns],
            integer=program.integer[columns],
            row_segments=(Segment("row", rows.size),),
            column_segments=(Segment("column", columns.size),),
            offset=0.0,
        ),
        columns,
    )


def solve_anew(
    structure: Structure,
    x: Floats | None,
    free: Bools,
    improver: Engine,
    limits: Limits,
    stop: Callable[[], bool],
) -> tuple[Floats | None, bool]:
    """The best values found for the ``free`` columns, and whether there was nothing more to find.

    Values are ``None`` if none are better than ``x``.
    """
    program = structure.program
    given = program.matrix @ np.where(free, 0.0, program.lower if x is None else x)
    part = restricted(program, free, given, given)
    start = None if x is None else x[part.columns]
    outcome = improver.solve(part.program, limits, start=start, cancelled=stop)
    settled = outcome.termination_reason in ("proved", "gap_limit")
    if x is None or outcome.x is None or outcome.best is None:
        return outcome.x, settled
    if outcome.best >= part.program.objective(x[part.columns]) - 1e-9 * abs(outcome.best):
        return None, settled
    return outcome.x, settled


def _cluster(s: Structure, x: Floats, rng: np.random.Generator) -> Bools:
    """About `SELECTIONS` selections, gathered from one outwards by the suppliers they share."""
    used = np.flatnonzero(x[s.x] > 0)
    group = _groups(s)
    chosen = np.zeros(s.num_selections, dtype=np.bool_)
    chosen[rng.integers(s.num_selections)] = True
    seen = np.zeros(int(group.max(initial=0)) + 2, dtype=np.bool_)
    while True:
        mine = used[chosen[s.selection[used]]]
        groups = np.unique(group[mine])
        groups = groups[(groups >= 0) & ~seen[groups]]
        if groups.size == 0:
            return chosen
        seen[rng.permutation(groups)[: max(1, groups.size // 2)]] = True
        reached = np.unique(s.selection[used[seen[group[used]] & (group[used] >= 0)]])
        reached = reached[~chosen[reached]]
        left = SELECTIONS - int(chosen.sum())
        chosen[rng.permutation(reached)[:left]] = True
        if left <= reached.size:
            return chosen


def _groups(s: Structure) -> Index:
    """What assignments compete for: their facility's column, or else their packing row."""
    group = s.facility.copy()
    assignment_of = np.full(s.program.num_columns, -1)
    assignment_of[s.x] = np.arange(s.num_assignments)
    rows = csr_array(s.program.matrix[s.packing])
    row = np.repeat(np.arange(s.packing.size), np.diff(rows.indptr))
    assignment = assignment_of[rows.indices]
    alone = (assignment >= 0) & (s.facility[np.maximum(assignment, 0)] < 0)
    group[assignment[alone]] = s.program.num_columns + row[alone]
    return group
