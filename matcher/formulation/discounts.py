"""Discounts and rebates: what a supplier is awarded, split over the steps of a schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matcher.formulation.builder import Builder
from matcher.formulation.concerned import Index
from matcher.network.arrays import Floats, Ints, index_of
from matcher.program import Segment
from matcher.screening.metrics import metric
from matcher.tolerances import BELOW_STEP, ROUNDING


@dataclass(frozen=True, slots=True)
class _Amount:
    """What the awards of the candidates ``rows`` count: value, or units.

    ``per_share`` is for all of a demand, ``once`` for an award however large. ``per_unit`` is the
    most that one unit counts, ``most`` what all of the awards can come to.
    """

    rows: Index
    per_share: Floats
    once: Floats
    per_unit: float
    most: float


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of a schedule that can be reached, ascending, the first from 0 on.

    From ``start`` to ``end``, in what the steps count, rate × value + constant is paid back.
    """

    name: str
    start: Floats
    end: Floats
    rate: Floats
    constant: Floats

    def labels(self, at: Index) -> tuple[tuple[Ints, tuple[str, ...]], ...]:
        """Label parts of the steps ``at``: the schedule, and where each begins."""
        return (
            (np.zeros(at.size, dtype=np.int32), (self.name,)),
            (at.astype(np.int32), tuple(f"{start:g}" for start in self.start)),
        )


def discounts(b: Builder) -> None:
    """(13) What suppliers pay back is taken off the cost: Σ_j rate_j·V_j + constant_j·t_j.

    Of each schedule one step is taken: t_j = 1, or t_0 = 1 − Σ_j t_j for the first, which holds
    from 0 on and pays nothing if none is stated there. V is the value awarded, M what the steps
    count: V, or units. Both are split, V = Σ V_j and M = Σ M_j, with L_j t_j ≤ M_j ≤ U_j t_j and
    V_j ≤ W_j t_j. So the step is the one that M reaches, whether or not another pays back more.
    """
    network, c = b.arrays.network, b.candidates
    per_unit, once = metric(b.arrays, c, "value")
    order = np.argsort(c.supplier, kind="stable")
    begin = np.searchsorted(c.supplier[order], np.arange(network.suppliers.height + 1))
    for schedule in network.discounts.partition_by("discount", maintain_order=True):
        supplier = index_of(schedule["supplier"], network.suppliers["supplier"])[0]
        rows = order[begin[supplier] : begin[supplier + 1]]
        group = schedule["component_group"][0]
        if group is not None:
            inside = (network.components["group"] == group).fill_null(value=False).to_numpy()
            rows = rows[inside[b.arrays.demands.component[c.demand[rows]]]]
        value = _amount(b, rows, per_unit[rows], once[rows])
        units = _amount(b, rows, np.ones(rows.size), np.zeros(rows.size))
        by_value = schedule["measure"][0] == "value"
        steps = _steps(schedule, value.most if by_value else units.most)
        if not (steps.rate.any() or steps.constant.any()):
            continue  # no step that pays anything is within reach
        taken = _taken(b, steps)
        if by_value:
            _split(b, steps, taken, "value", value, steps.start, steps.end, -steps.rate)
        else:
            none = np.zeros(steps.rate.size)
            _split(b, steps, taken, "units", units, steps.start, steps.end, none)
            dearest = np.minimum(value.per_unit * steps.end, value.most)
            _split(b, steps, taken, "value", value, none, dearest, -steps.rate)


def _amount(b: Builder, rows: Index, per_unit: Floats, once: Floats) -> _Amount:
    """An amount of candidates of one supplier, per unit and once for an award."""
    # What is paid once comes with a tier, and so with a smallest award to spread it over.
    per_share = per_unit * b.quantity[b.candidates.demand[rows]]
    spread = np.divide(once, b.lower[rows], out=np.zeros(rows.size), where=once > 0)
    demands, member = np.unique(b.candidates.demand[rows], return_inverse=True)
    largest = np.zeros(demands.size)
    np.maximum.at(largest, member, per_share + spread)
    reach = np.minimum(
        np.bincount(member, b.upper[rows], minlength=demands.size),
        b.arrays.demands.share_cap[demands],
    )
    return _Amount(
        rows=rows,
        per_share=per_share,
        once=once,
        per_unit=float((largest / b.quantity[demands]).max(initial=0.0)),
        most=float(largest @ reach),
    )


def _steps(schedule: pl.DataFrame, most: float) -> _Steps:
    """The steps of a schedule where what they count can come to ``most``."""
    start, rate, amount = (schedule[name].to_numpy() for name in ("from", "rate", "amount"))
    if start[0] > 0:
        start, rate, amount = (np.append(0.0, values) for values in (start, rate, amount))
    constant, falls = amount, np.diff(amount) < 0
    if schedule["incremental"][0]:
        below = np.append(0.0, np.cumsum(rate[:-1] * np.diff(start)))
        constant = amount + below - rate * start
    else:
        falls |= np.diff(rate) < 0
    end = np.append(np.where(falls, 1.0 - BELOW_STEP, 1.0) * start[1:], most)
    reached = start <= most * (1.0 + ROUNDING)
    return _Steps(
        name=str(schedule["discount"][0]),
        start=np.minimum(start, most)[reached],
        end=np.minimum(end, most)[reached],
        rate=rate[reached],
        constant=constant[reached],
    )


def _taken(b: Builder, steps: _Steps) -> Index:
    """Columns t_j, 1 for the step that is taken; the first is taken if no other is."""
    size = steps.start.size - 1
    return b.add_columns(
        Segment("step", size, steps.labels(np.arange(1, size + 1))),
        cost=-steps.constant[1:],
        upper=np.ones(size),
        integer=True,
    )


def _split(  # noqa: PLR0913 - what a step is made of
    b: Builder,
    steps: _Steps,
    taken: Index,
    what: str,
    amount: _Amount,
    lower: Floats,
    upper: Floats,
    cost: Floats,
) -> None:
    """An amount as a sum over steps, each part within its limits if its step is taken, else 0.

    The columns are parts of the most that the amount can come to, so that they lie between 0 and
    1; the row of the sum is divided by its largest coefficient of an award.
    """
    most = amount.most if amount.most > 0 else 1.0
    lower, upper, every = lower / most, upper / most, np.arange(upper.size)
    part = b.add_columns(
        Segment(f"step_{what}", every.size, steps.labels(every)), cost=cost * most, upper=upper
    )
    decided = np.flatnonzero(amount.once != 0)
    counted = [
        (b.x[amount.rows], amount.per_share),
        (b.y[amount.rows[decided]], amount.once[decided]),
    ]
    scale = max(float(np.abs(values).max(initial=0.0)) for _, values in counted) or 1.0
    b.add_rows(
        Segment(f"discounted_{what}", 1, steps.labels(every[:1])[:1]),
        [
            (np.zeros(columns.size, dtype=np.int64), columns, values / scale)
            for columns, values in (*counted, (part, np.full(part.size, -most)))
        ],
        0.0,
        0.0,
    )
    at = np.flatnonzero(lower > 0)  # never the first step
    each = np.arange(at.size)
    b.add_rows(
        Segment(f"step_{what}_from", at.size, steps.labels(at)),
        [(each, part[at], 1.0), (each, taken[at - 1], -lower[at])],
        0.0,
        np.inf,
    )
    b.add_rows(
        Segment(f"step_{what}_to", every.size, steps.labels(every)),
        [
            (every, part, 1.0),
            (every[1:], taken, -upper[1:]),
            (np.zeros(taken.size, dtype=np.int64), taken, upper[0]),
        ],
        -np.inf,
        np.where(every == 0, upper[0], 0.0),
    )
