"""What awards attain of each objective, from the network alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.schema.objectives import GAINS, SMES, Objective, Stage

# A value awarded may lie below a viable one by this share of it.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Attained:
    """Awards as objectives see them, shape (awards,), and what the plan costs.

    ``share`` is of the demand; ``value`` is what the supplier is paid, network currency; ``slack``
    is in days.
    """

    demand: Ints
    supplier: Ints
    share: Floats
    value: Floats
    slack: Floats
    total_cost: float


def attainment(arrays: Arrays, attained: Attained, stage: Stage) -> float:
    """What a stage comes to, as people count it.

    Objectives are added up by weight; where some should be large and others small, those that
    should be large count negative.
    """
    values = [
        (objective.weight * VALUES[objective.name](arrays, attained, objective), objective.name)
        for objective in stage.objectives
    ]
    if stage.is_gain:
        return sum(value for value, _ in values)
    return sum(-value if name in GAINS else value for value, name in values)


def _coverage(arrays: Arrays, attained: Attained, _: Objective) -> float:
    """Σ priority × unmet share."""
    demands = arrays.demands
    covered = np.bincount(attained.demand, attained.share, minlength=demands.quantity.size)
    return float(demands.priority @ np.maximum(1.0 - covered, 0.0))


def _cost(_: Arrays, attained: Attained, __: Objective) -> float:
    return attained.total_cost


def _local_value(arrays: Arrays, attained: Attained, objective: Objective) -> float:
    """Σ value awarded to suppliers in the local economies."""
    places = arrays.places
    economy = places.economy[arrays.suppliers.place[attained.supplier]]
    local: Bools = economy == places.economy[arrays.demands.place[attained.demand]]
    if objective.economies:
        local = np.isin(np.asarray(places.economies, dtype=str), objective.economies)[economy]
    return float(attained.value[local].sum())


def _linkages(arrays: Arrays, attained: Attained, objective: Objective) -> float:
    """Number of micro, small and medium suppliers with a viable value."""
    is_small = arrays.network.suppliers["size_class"].is_in(SMES).to_numpy()
    viable = _by_supplier(arrays, attained) >= objective.viable_value * (1 - TOLERANCE)
    return float((is_small & viable).sum())


def _concentration(arrays: Arrays, attained: Attained, _: Objective) -> float:
    """The largest value that one supplier is awarded."""
    return float(_by_supplier(arrays, attained).max(initial=0.0))


def _delivery_slack(_: Arrays, attained: Attained, __: Objective) -> float:
    """Σ slack days × share of the demand."""
    return float(attained.slack @ attained.share)


def _supplier_count(_: Arrays, attained: Attained, __: Objective) -> float:
    return float(np.unique(attained.supplier).size)


VALUES: dict[str, Callable[[Arrays, Attained, Objective], float]] = {
    "coverage": _coverage,
    "cost": _cost,
    "local_value": _local_value,
    "linkages": _linkages,
    "concentration": _concentration,
    "delivery_slack": _delivery_slack,
    "supplier_count": _supplier_count,
}


def _by_supplier(arrays: Arrays, attained: Attained) -> Floats:
    """Value awarded to each supplier."""
    return np.bincount(
        attained.supplier, attained.value, minlength=arrays.suppliers.place.size
    ).astype(np.float64)
