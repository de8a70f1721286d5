"""The objectives as cost vectors, in the order in which they are minimised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matcher.formulation.builder import Builder
from matcher.formulation.instances import Index
from matcher.network.arrays import Floats
from matcher.program import Segment
from matcher.schema.objectives import SMES, Objective, Stage
from matcher.screening.metrics import metric
from matcher.tolerances import MISSED

Terms = list[tuple[Index, Floats]]


@dataclass(frozen=True, slots=True)
class LinearObjective:
    """What one step of the search minimises: ``cost @ x + offset``.

    What is to be large has negative cost, and is a gain if that is all there is. Later steps may
    give up ``tolerance`` × |value| + ``rounding`` of it.
    """

    name: str
    cost: Floats
    offset: float = 0.0
    tolerance: float = 0.0
    is_gain: bool = False
    rounding: float = 0.0


def linear_objectives(b: Builder, stages: tuple[Stage, ...]) -> tuple[LinearObjective, ...]:
    """Those of all stages; targets without a price stand between the first and the second."""
    # Columns that measure an objective come before any vector is as long as the program is wide.
    terms = [
        [(objective, OBJECTIVES[objective.name](b, objective)) for objective in stage.objectives]
        for stage in stages
    ]
    made = []
    for stage, parts in zip(stages, terms, strict=True):
        cost, offset = np.zeros(b.num_columns), 0.0
        for objective, entries in parts:
            for column, value in entries:
                np.add.at(cost, column, objective.weight * value)
            offset += objective.weight * b.offset if objective.name == "cost" else 0.0
        made.append(LinearObjective(stage.name, cost, offset, stage.tolerance, stage.is_gain))
    return (made[0], *_levels(b), *made[1:])


def _levels(b: Builder) -> list[LinearObjective]:
    """Targets without a price, by priority."""
    found = []
    for priority, columns in sorted(b.levels.items()):
        cost = np.zeros(b.num_columns)
        cost[np.concatenate(columns)] = 1.0
        found.append(LinearObjective(f"targets of priority {priority}", cost, rounding=MISSED))
    return found


def _coverage(b: Builder, _: Objective) -> Terms:
    """Σ π_d u_d."""
    return [(b.u, b.arrays.demands.priority)]


def _cost(b: Builder, _: Objective) -> Terms:
    """All that the columns cost, penalties included."""
    return [b.costs()]


def _local_value(b: Builder, objective: Objective) -> Terms:
    """− Σ value of awards to suppliers in the local economies."""
    c, places = b.candidates, b.arrays.places
    of_supplier = places.economy[b.arrays.suppliers.place[c.supplier]]
    if objective.economies:
        named = np.isin(np.asarray(places.economies, dtype=str), objective.economies)
        local = named[of_supplier]
    else:
        local = of_supplier == places.economy[b.arrays.demands.place[c.demand]]
    per_share, once = _value(b)
    rows, decided = np.flatnonzero(local), np.flatnonzero(local & (once != 0))
    return [(b.x[rows], -per_share[rows]), (b.y[decided], -once[decided])]


def _linkages(b: Builder, objective: Objective) -> Terms:
    """− Σ l_s over the small and medium suppliers, with viable value · l_s ≤ value awarded."""
    c = b.candidates
    is_small = b.arrays.network.suppliers["size_class"].is_in(SMES).to_numpy()
    suppliers, position, entries, scale = _by_supplier(b, is_small[c.supplier])
    linked = b.add_columns(
        Segment("linkage", suppliers.size, ((suppliers.astype(np.int32), b.keys.supplier),)),
        cost=np.zeros(suppliers.size),
        upper=np.ones(suppliers.size),
        integer=True,
    )
    b.add_rows(
        Segment("viable_award", suppliers.size, ((suppliers.astype(np.int32), b.keys.supplier),)),
        [*entries, (position, linked, -objective.viable_value / scale)],
        0.0,
        np.inf,
    )
    return [(linked, np.full(linked.size, -1.0))]


def _concentration(b: Builder, _: Objective) -> Terms:
    """M, at least the value awarded to each supplier; in units of the largest award."""
    everyone = np.ones(b.candidates.size, dtype=np.bool_)
    suppliers, position, entries, scale = _by_supplier(b, everyone)
    most = float(np.sum(_largest_value(b)))
    unit = float(scale.max(initial=1.0))
    top = b.add_columns(
        Segment("largest_supplier", 1), cost=np.zeros(1), upper=np.array([most / unit])
    )
    b.add_rows(
        Segment("concentration", suppliers.size, ((suppliers.astype(np.int32), b.keys.supplier),)),
        [*entries, (position, np.repeat(top, suppliers.size), -unit / scale)],
        -np.inf,
        0.0,
    )
    return [(top, np.array([unit]))]


def _delivery_slack(b: Builder, _: Objective) -> Terms:
    """− Σ slack days · share of the demand awarded."""
    return [(b.x, -b.candidates.slack)]


def _supplier_count(b: Builder, _: Objective) -> Terms:
    """The number of suppliers with an award."""
    c = b.candidates
    everyone = np.zeros(c.size, dtype=np.int64)
    column, *_others = b.presence(everyone, c.supplier.astype(np.int64), b.keys.supplier)
    return [(column, np.ones(column.size))]


def _emissions(b: Builder, _: Objective) -> Terms:
    """Σ emissions of the awards, in kg CO₂e."""
    per_unit, _once = metric(b.arrays, b.candidates, "emissions")
    return [(b.x, per_unit * b.quantity[b.candidates.demand])]


OBJECTIVES: dict[str, Callable[[Builder, Objective], Terms]] = {
    "coverage": _coverage,
    "cost": _cost,
    "local_value": _local_value,
    "linkages": _linkages,
    "concentration": _concentration,
    "delivery_slack": _delivery_slack,
    "supplier_count": _supplier_count,
    "emissions": _emissions,
}


def _value(b: Builder) -> tuple[Floats, Floats]:
    """Price paid for all of a candidate's demand, and once: network currency."""
    per_unit, once = metric(b.arrays, b.candidates, "value")
    return per_unit * b.quantity[b.candidates.demand], once


def _largest_value(b: Builder) -> Floats:
    """For each demand the most that can be paid for all of it."""
    per_share, once = _value(b)
    largest = np.zeros(b.quantity.size)
    np.maximum.at(largest, b.candidates.demand, per_share + np.maximum(once, 0.0))
    return largest


def _by_supplier(
    b: Builder, concerned: np.ndarray
) -> tuple[Index, Index, list[tuple[Index, Index, Floats | float]], Floats]:
    """Rows that sum the value awarded to each supplier of the candidates concerned.

    Gives suppliers, row numbers, entries, and what each row was divided by.
    """
    c = b.candidates
    per_share, once = _value(b)
    rows = np.flatnonzero(concerned)
    suppliers, position = np.unique(c.supplier[rows], return_inverse=True)
    scale = np.zeros(suppliers.size)
    np.maximum.at(scale, position, per_share[rows])
    scale = np.where(scale > 0, scale, 1.0)
    decided = np.flatnonzero(once[rows] != 0)
    entries: list[tuple[Index, Index, Floats | float]] = [
        (position, b.x[rows], per_share[rows] / scale[position]),
        (
            position[decided],
            b.y[rows[decided]],
            once[rows[decided]] / scale[position[decided]],
        ),
    ]
    return suppliers.astype(np.int64), np.arange(suppliers.size), entries, scale
