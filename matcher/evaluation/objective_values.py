"""The value of each objective that awards reach, from the network alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.schema.objectives import GAINS, SMES, Objective, Stage
from matcher.tolerances import STATED


@dataclass(frozen=True, slots=True)
class AwardFigures:
    """Awards as objectives see them, shape (awards,), and what the plan costs.

    ``share`` is of the demand; ``value`` is what the supplier is paid, network currency; ``slack``
    is in days, ``emissions`` in kg CO₂e.
    """

    demand: Ints
    supplier: Ints
    share: Floats
    value: Floats
    slack: Floats
    emissions: Floats
    total_cost: float


def objective_value(arrays: Arrays, awards: AwardFigures, stage: Stage) -> float:
    """What a stage comes to, as people count it.

    Objectives are added up by weight; where some should be large and others small, those that
    should be large count negative.
    """
    values = [
        (objective.weight * VALUES[objective.name](arrays, awards, objective), objective.name)
        for objective in stage.objectives
    ]
    if stage.is_gain:
        return sum(value for value, _ in values)
    return sum(-value if name in GAINS else value for value, name in values)


def _coverage(arrays: Arrays, awards: AwardFigures, _: Objective) -> float:
    """Σ priority × unmet share."""
    demands = arrays.demands
    covered = np.bincount(awards.demand, awards.share, minlength=demands.quantity.size)
    return float(demands.priority @ np.maximum(1.0 - covered, 0.0))


def _cost(_: Arrays, awards: AwardFigures, __: Objective) -> float:
    return awards.total_cost


def _local_value(arrays: Arrays, awards: AwardFigures, objective: Objective) -> float:
    """Σ value awarded to suppliers in the local economies."""
    places = arrays.places
    economy = places.economy[arrays.suppliers.place[awards.supplier]]
    local: Bools = economy == places.economy[arrays.demands.place[awards.demand]]
    if objective.economies:
        local = np.isin(np.asarray(places.economies, dtype=str), objective.economies)[economy]
    return float(awards.value[local].sum())


def _linkages(arrays: Arrays, awards: AwardFigures, objective: Objective) -> float:
    """Number of micro, small and medium suppliers with a viable value."""
    is_small = arrays.network.suppliers["size_class"].is_in(SMES).to_numpy()
    viable = _by_supplier(arrays, awards) >= objective.viable_value * (1 - STATED)
    return float((is_small & viable).sum())


def _concentration(arrays: Arrays, awards: AwardFigures, _: Objective) -> float:
    """The largest value that one supplier is awarded."""
    return float(_by_supplier(arrays, awards).max(initial=0.0))


def _delivery_slack(_: Arrays, awards: AwardFigures, __: Objective) -> float:
    """Σ slack days × share of the demand."""
    return float(awards.slack @ awards.share)


def _supplier_count(_: Arrays, awards: AwardFigures, __: Objective) -> float:
    return float(np.unique(awards.supplier).size)


def _emissions(_: Arrays, awards: AwardFigures, __: Objective) -> float:
    return float(awards.emissions.sum())


VALUES: dict[str, Callable[[Arrays, AwardFigures, Objective], float]] = {
    "coverage": _coverage,
    "cost": _cost,
    "local_value": _local_value,
    "linkages": _linkages,
    "concentration": _concentration,
    "delivery_slack": _delivery_slack,
    "supplier_count": _supplier_count,
    "emissions": _emissions,
}


def _by_supplier(arrays: Arrays, awards: AwardFigures) -> Floats:
    """Value awarded to each supplier."""
    return np.bincount(awards.supplier, awards.value, minlength=arrays.suppliers.place.size).astype(
        np.float64
    )
