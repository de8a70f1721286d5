"""Contention: the few selections that cannot all have what each would have by itself.

Where nearly every selection of a plan costs as little as it ever could, as in coverage, a gap is
about a few that want the same room. They are solved exactly as if there were nobody else, which is
a bound on the whole. If their answer fits into the plan beside all others, it is the optimum; if
not, those in its way join them, and they are solved anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.kernels.selection import Bools
from matcher.engines.decomposition.merge import SELECTIONS, columns_of, restricted
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats, reach

_FITS = 1e-6
"""A row broken by no more than this, relatively, is kept."""
_COSTS = 1e-9


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a contention: a bound on the whole, and the optimum if it was found."""

    bound: float
    x: Floats | None


def contenders(structure: Structure, x: Floats) -> Bools:
    """Selections that cost more in plan ``x`` than they ever could; shape (selections,)."""
    s = structure
    more = s.program.cost * x - _least_cost(s)
    decided = s.y >= 0
    by_assignment = more[s.x]
    by_assignment[decided] += more[s.y[decided]]
    above: Bools = np.add.reduceat(by_assignment, s.start[:-1]) > _COSTS
    return above


def settle(
    structure: Structure,
    x: Floats,
    exact: Engine,
    limits: Limits,
    stop: Callable[[], bool],
) -> Settled:
    """Solve the contenders of plan ``x``, and whoever stands in their way, until all fits.

    Ends without the optimum when there are more of them than an exact engine does well on.
    """
    s, program = structure, structure.program
    until = time.perf_counter() + limits.time_s
    among = contenders(s, x)
    bound = -np.inf
    while among.sum() <= SELECTIONS:
        theirs = columns_of(s, among[s.selection])
        lower = np.where(theirs, 0.0, program.lower)
        least, most = reach(program, lower, np.where(theirs, 0.0, s.column_upper))
        part = restricted(program, theirs, least, most)
        left = until - time.perf_counter()
        if left <= 0:
            break
        outcome = exact.solve(part.program, replace(limits, time_s=left), cancelled=stop)
        if outcome.bound is not None:
            rest = float(_least_cost(s)[~theirs].sum())
            bound = max(bound, outcome.bound + rest)
        if outcome.x is None or outcome.termination_reason not in ("proved", "gap_limit"):
            break
        together = x.copy()
        together[part.columns] = outcome.x
        kept = s.facility[~among[s.selection] & (s.facility >= 0) & (x[s.decider] > 0)]
        together[kept] = x[kept]
        activity = program.matrix @ together
        broken = _outside(activity, program.row_lower, program.row_upper)
        if not broken.any():
            return Settled(bound, together)
        in_the_way = np.zeros(program.num_columns, dtype=np.bool_)
        in_the_way[csr_array(program.matrix)[broken].indices] = True
        has_part = (in_the_way[s.x] | in_the_way[s.decider]) & (x[s.decider] > 0)
        joined = among.copy()
        joined[s.selection[has_part]] = True
        if (joined == among).all():
            break
        among = joined
    return Settled(bound, None)


def _outside(activity: Floats, lower: Floats, upper: Floats) -> Bools:
    """Rows that come to more or less than their limits, by more than rounding."""
    too_much = activity - upper > _FITS * np.maximum(1.0, np.abs(upper))
    too_little = lower - activity > _FITS * np.maximum(1.0, np.abs(lower))
    outside: Bools = too_much | too_little
    return outside


def _least_cost(s: Structure) -> Floats:
    """The least that each column can cost within its bounds."""
    p = s.program
    least: Floats = p.cost * np.where(p.cost < 0, s.column_upper, p.lower)
    return least
