"""Candidates: the options that passed every gate; and the pairs that did not, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, Floats, Ints
from matcher.screening.award_options import AwardOptions, Pairs, options_of, pairs_of, usable_modes
from matcher.screening.delivery import delivery
from matcher.screening.gates import GATES, REASON, Case, Gate, lacks_of, standards_gate
from matcher.screening.landed_cost import (
    DutyRates,
    co2e_kg,
    cost_at_largest,
    duty_rates,
    fixed_cost,
    landed_cost,
    tier_once,
)
from matcher.screening.transport_links import TransportLinks

T = TypeVar("T", "Candidates", "Rejections")

# Pairs looked at together: large enough to keep NumPy busy, small enough to stay in the cache.
CHUNK = 32_768


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates as columns of equal length, sorted by demand, bid, mode, tier.

    Parameters
    ----------
    demand, supplier, bid, link, mode, tier
        Indices into the network's tables, `TransportLinks`, `matcher.schema.tables.MODES` and
        `Tiers`.
    lower, upper
        Smallest and largest award, in units.
    unit_cost
        Landed cost per unit, network currency; the sum of ``terms``.
    terms
        Shape (terms, candidates), in the order of `matcher.screening.landed_cost.TERMS`.
    fixed_cost
        Cost of having the award at all, network currency:
        `matcher.screening.landed_cost.fixed_cost` and, with incremental tiers, what
        `matcher.screening.landed_cost.tier_once` adds (below 0 where prices rise with the
        quantity). Where the lane states vehicles, it has the cost of the first.
    vehicle_units, vehicle_cost
        Units that one vehicle takes and cost of each vehicle after the first, network currency;
        infinite and 0 where the lane states no vehicles.
    landed_once, price_once
        What `matcher.screening.landed_cost.tier_once` adds to ``fixed_cost``, and what the supplier
        is paid besides the tier's price × quantity, network currency; 0 without incremental tiers.
    co2e_kg
        Emissions of making and carrying a unit, kg CO₂e.
    ship, arrive, slack
        Days; see `matcher.screening.delivery.Delivery`.
    """

    demand: Ints
    supplier: Ints
    bid: Ints
    link: Ints
    mode: Ints
    tier: Ints
    lower: Floats
    upper: Floats
    unit_cost: Floats
    terms: Floats
    fixed_cost: Floats
    vehicle_units: Floats
    vehicle_cost: Floats
    landed_once: Floats
    price_once: Floats
    co2e_kg: Floats
    ship: Floats
    arrive: Floats
    slack: Floats

    @property
    def size(self) -> int:
        """Number of candidates."""
        return int(self.demand.size)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The candidates at ``rows``."""
        return type(self)(*(getattr(self, f.name)[..., rows] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Rejections:
    """Why pairs are not candidates: one row for each gate that a rejected pair fails.

    Of the options of a pair, the one that came closest speaks for it; ``mode`` is its mode, or -1
    where the gate does not depend on it. ``distance`` is how far from passing, in the unit that
    `matcher.screening.gates.REASONS` gives; ``standard`` is what is lacking, or -1.
    """

    demand: Ints
    bid: Ints
    mode: Ints
    reason: NDArray[np.int8]
    distance: Floats
    standard: Ints


@dataclass(frozen=True, slots=True)
class Screening:
    """All that the gates and costs say about a network."""

    pairs: Pairs
    links: TransportLinks
    candidates: Candidates
    rejections: Rejections


def screen(arrays: Arrays) -> Screening:
    """Test and cost every option of every pair."""
    pairs, links = pairs_of(arrays)
    duties = duty_rates(arrays)
    passed: list[Candidates] = []
    failed: list[Rejections] = []
    for start in range(0, max(pairs.size, 1), CHUNK):
        candidates, rejections = _screen(arrays, links, duties, pairs.slice(start, start + CHUNK))
        passed.append(candidates)
        failed.append(rejections)
    return Screening(pairs, links, _concat(passed), _concat(failed))


def _screen(
    arrays: Arrays, links: TransportLinks, duties: DutyRates, pairs: Pairs
) -> tuple[Candidates, Rejections]:
    usable = usable_modes(arrays, pairs, links)
    options = options_of(arrays, pairs, usable)
    priced = price(arrays, links, duties, options)

    at_largest = cost_at_largest(arrays, options, priced.unit_cost, priced.landed_once)
    case = Case(arrays, pairs, links, usable, options, priced.slack, at_largest)
    shortfalls = {
        gate: shortfall for gate in GATES if (shortfall := gate.shortfall(case)) is not None
    }
    pair_passes, passes = standards_gate(arrays, pairs) == 0, np.ones(options.demand.size, np.bool_)
    for gate, shortfall in shortfalls.items():
        if gate.of_pairs is None:
            passes &= shortfall <= 0
        else:
            pair_passes &= shortfall <= 0
    passes &= pair_passes[options.pair]
    rows = np.flatnonzero(passes)
    candidates = priced.take(rows)
    kept = np.zeros(pairs.size, dtype=np.bool_)
    kept[options.pair[rows]] = True
    rejected = np.flatnonzero(~kept)
    return candidates, _rejections(case, rejected, shortfalls)


def price(
    arrays: Arrays, links: TransportLinks, duties: DutyRates, options: AwardOptions
) -> Candidates:
    """Cost and date every option as a candidate, whether or not it passes the gates."""
    days = delivery(arrays, links, options)
    terms = landed_cost(arrays, links, duties, options, days.pipeline)
    landed_once, price_once = tier_once(arrays, links, duties, options)
    vehicle_units = links.vehicle_units[options.link, options.mode]
    of_vehicle = links.fixed_cost[options.link, options.mode]
    return Candidates(
        demand=options.demand,
        supplier=arrays.bids.supplier[options.bid],
        bid=options.bid,
        link=options.link,
        mode=options.mode,
        tier=options.tier,
        lower=options.lower,
        upper=options.upper,
        unit_cost=terms.sum(axis=0),
        terms=terms,
        fixed_cost=fixed_cost(arrays, links, options) + landed_once,
        vehicle_units=vehicle_units,
        vehicle_cost=np.where(np.isfinite(vehicle_units), of_vehicle, 0.0),
        landed_once=landed_once,
        price_once=price_once,
        co2e_kg=co2e_kg(arrays, links, options),
        ship=days.ship,
        arrive=days.arrive,
        slack=days.slack,
    )


def _rejections(
    case: Case, rejected: NDArray[np.int64], shortfalls: dict[Gate, Floats]
) -> Rejections:
    arrays, pairs, options = case.arrays, case.pairs, case.options
    parts: list[Rejections] = []

    def add(
        reason: str,
        pair: NDArray[np.int64],
        mode: Ints | None,
        distance: Floats,
        standard: Ints | None = None,
    ) -> None:
        none = np.full(pair.size, -1, dtype=np.int32)
        parts.append(
            Rejections(
                demand=pairs.demand[pair],
                bid=pairs.bid[pair],
                mode=none if mode is None else mode,
                reason=np.full(pair.size, REASON[reason], dtype=np.int8),
                distance=np.asarray(distance, dtype=np.float64),
                standard=none if standard is None else standard,
            )
        )

    for gate, shortfall in shortfalls.items():
        if gate.of_pairs is not None:
            pair = rejected[shortfall[rejected] > 0]
            add(gate.code, pair, None, shortfall[pair])
    asked = Pairs(pairs.demand[rejected], pairs.bid[rejected], pairs.link[rejected])
    lacks = lacks_of(arrays, asked)
    dated = lacks.days > 0
    for reason, rows, distance in (
        ("standard", ~dated, np.ones(int((~dated).sum()))),
        ("certificate_date", dated, lacks.days[dated].astype(np.float64)),
    ):
        add(reason, rejected[lacks.row[rows]], None, distance, lacks.standard[rows])
    of_options = {gate: each for gate, each in shortfalls.items() if gate.scale is not None}
    nearest = _nearest(case, rejected, of_options)
    for gate, shortfall in of_options.items():
        at = nearest[shortfall[nearest] > 0]
        add(gate.code, options.pair[at].astype(np.int64), options.mode[at], shortfall[at])
    found = _concat(parts)
    order = np.lexsort((found.standard, found.reason, found.bid, found.demand))
    return Rejections(*(getattr(found, f.name)[order] for f in fields(Rejections)))


def _nearest(
    case: Case, rejected: NDArray[np.int64], shortfalls: dict[Gate, Floats]
) -> NDArray[np.int64]:
    """For each rejected pair the option that fails the fewest gates, then by the least."""
    options = case.options
    is_rejected = np.zeros(case.pairs.size, dtype=np.bool_)
    is_rejected[rejected] = True
    rows = np.flatnonzero(is_rejected[options.pair])
    fails = np.zeros(rows.size)
    relative = np.zeros(rows.size)
    for gate, shortfall in shortfalls.items():
        assert gate.scale is not None
        fails += shortfall[rows] > 0
        scale = gate.scale(case.arrays, options.demand[rows])
        relative += np.maximum(shortfall[rows], 0.0) / scale
    order = np.lexsort((relative, fails, options.pair[rows]))
    rows = rows[order]
    _, first = np.unique(options.pair[rows], return_index=True)
    return rows[first]


def _concat(parts: list[T]) -> T:
    kind = type(parts[0])
    return kind(
        *(np.concatenate([getattr(part, f.name) for part in parts], axis=-1) for f in fields(kind))
    )
