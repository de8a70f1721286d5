"""Landed cost: what one unit costs when it has arrived, term by term.

Every term is per unit, in the network's currency. What the incoterm says the price already holds
is not counted again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.reference.incoterms import incoterms
from matcher.reference.modes import AIR_KG_PER_M3
from matcher.screening.award_options import AwardOptions, largest_award
from matcher.screening.delivery import at_the_border, delivery, economies_of
from matcher.screening.transport_links import AIR, TransportLinks
from matcher.tolerances import STATED

TERMS = (
    "price",
    "origin_charges",
    "export",
    "freight",
    "insurance",
    "duty",
    "import",
    "carrying",
    "quality",
    "payment_terms",
    "carbon",
)

DAYS_PER_YEAR = 365.0
KG_PER_TONNE = 1_000.0
# Cover of 110 % of the price is the least that the C terms ask for (Incoterms 2020, CIF A5).
INSURED_SHARE = 1.1


@dataclass(frozen=True, slots=True)
class DutyRates:
    """Duty by HS code, economy of origin and of destination: shape (codes, economies, economies).

    ``code`` gives the position of each component's HS code; ``proven`` is the rate of goods whose
    origin is proven.
    """

    code: NDArray[np.int32]
    rate: Floats
    proven: Floats


def duty_rates(arrays: Arrays) -> DutyRates:
    """The duty of every HS code that occurs, between every two economies that occur.

    The longest matching HS code wins, then a row that names the origin. Where no row matches it is
    the most-favoured-nation tariff of the destination (reading the network has warned of that), or
    0 where none is known. It is 0 within one economy, within a customs union, and within a free
    trade area if the origin is proven, unless a row that names the origin says otherwise.
    """
    codes, code = np.unique(np.array(arrays.components.hs, dtype=str), return_inverse=True)
    names, economies = arrays.places.economies, arrays.economies
    shape = (codes.size, len(names), len(names))
    rate = np.broadcast_to(np.nan_to_num(economies.tariff), shape).copy()
    is_named = np.zeros(shape, dtype=np.bool_)
    index = {name: i for i, name in enumerate(names)}
    frame = arrays.network.duties.with_columns(
        length=pl.col("hs").fill_null("").str.len_chars(),
        named=pl.col("origin").is_not_null(),
    ).sort("length", "named")
    # Broad rows first, so that what is written later is the more specific.
    for hs, origin, destination, value in frame.select(
        "hs", "origin", "destination", "rate"
    ).iter_rows():
        if destination not in index or (origin is not None and origin not in index):
            continue
        rows = np.flatnonzero(np.char.startswith(codes, hs or ""))
        columns = slice(None) if origin is None else index[origin]
        rate[rows, columns, index[destination]] = value
        is_named[rows, columns, index[destination]] = origin is not None
    rate[~is_named & economies.no_duty] = 0.0
    within = np.arange(len(names))
    rate[:, within, within] = 0.0
    proven = np.where(~is_named & economies.free_trade, 0.0, rate)
    return DutyRates(code=code.astype(np.int32), rate=rate, proven=proven)


# long: eleven terms, one after the other, as the docstring has them
def landed_cost(
    arrays: Arrays,
    links: TransportLinks,
    duties: DutyRates,
    options: AwardOptions,
    pipeline_days: Floats,
) -> Floats:
    """Landed cost per unit of each option, shape (terms, options), in the order of `TERMS`.

    Parameters
    ----------
    pipeline_days
        Days between factory gate and use, of each option; see
        `matcher.screening.delivery.Delivery`.

    Notes
    -----
    With h(term) = 1 where the incoterm's price already holds a term, and 0 otherwise:

    - price: the tier's price
    - origin charges, export, freight, insurance, import: (1 − h) × the charge; export and import
      are the economy's cost per container ÷ units per container: the port's by sea, that of
      documents and customs by other modes, 0 within one economy and, but by sea, within one
      customs territory
    - freight = cost per container ÷ units per container + cost per kg × chargeable kg
    - insurance = rate × 1.1 × (price + origin + export + freight, as far as not held); 0 within
      one place
    - duty = rate × customs value × (1 − h); the customs value is what the goods have cost up to
      the border of the importing economy (CIF), or without freight and insurance where the
      economy values FOB; the rate is that of proven origin if the bid proves it
    - carrying = price × carrying rate × pipeline days ÷ 365
    - quality = ppm ÷ 10⁶ × cost of a defect
    - payment terms = price × carrying rate × (deposit × lead time − (1 − deposit) × payment days)
      ÷ 365: what is paid before the factory gate less what is paid after it, so that with carrying
      it makes the capital that is really tied up
    - carbon = emissions of making and freight (`co2e_kg`) × carbon price ÷ 1,000
    """
    bids, components, economies = arrays.bids, arrays.components, arrays.economies
    network, terms = arrays.network, incoterms()
    bid, demand = options.bid, options.demand
    component = arrays.demands.component[demand]
    incoterm = bids.incoterm[bid]
    origin, destination = economies_of(arrays, options)
    leaving, entering = at_the_border(
        arrays,
        options,
        (economies.export_cost, economies.import_cost),
        (economies.export_clearance_cost, economies.import_clearance_cost),
    )
    container_share = 1.0 / components.units_per_container[component]
    price = arrays.tiers.price[options.tier]

    origin_charges = _unless(terms.origin[incoterm], bids.origin_charges[bid])
    export = _unless(terms.export[incoterm], leaving * container_share)
    weight = components.weight_kg[component]
    chargeable = np.where(
        options.mode == AIR,
        np.maximum(weight, components.volume_m3[component] * AIR_KG_PER_M3),
        weight,
    )
    full_freight = (
        links.cost_per_container[options.link, options.mode] * container_share
        + links.cost_per_kg[options.link, options.mode] * chargeable
    )
    freight_held = terms.freight[incoterm]
    freight = _unless(freight_held, full_freight)
    insurance_held = terms.insurance[incoterm]
    shipped_value = price + origin_charges + export + freight
    stays = arrays.suppliers.place[bids.supplier[bid]] == arrays.demands.place[demand]
    insurance = _unless(
        insurance_held | stays, network.insurance_rate * INSURED_SHARE * shipped_value
    )

    cif_value = shipped_value + insurance
    # Where customs value FOB, main carriage and insurance are taken out whoever paid them.
    fob_value = price + origin_charges + export
    fob_value -= np.where(freight_held, full_freight, 0.0)
    fob_value -= np.where(insurance_held, network.insurance_rate * INSURED_SHARE * price, 0.0)
    customs_value = np.where(
        economies.fob_valuation[destination], np.maximum(fob_value, 0.0), cif_value
    )
    code = duties.code[component]
    rate = np.where(
        bids.origin_proof[bid],
        duties.proven[code, origin, destination],
        duties.rate[code, origin, destination],
    )
    duty = _unless(terms.duty[incoterm], rate * customs_value)
    imports = _unless(terms.imports[incoterm], entering * container_share)
    capital = price * (network.carrying_rate / DAYS_PER_YEAR)
    return np.stack(
        [
            price,
            origin_charges,
            export,
            freight,
            insurance,
            duty,
            imports,
            capital * pipeline_days,
            bids.ppm[bid] * 1e-6 * components.defect_cost[component],
            capital * _paid_before(arrays, options),
            co2e_kg(arrays, links, options) * (network.carbon_price / KG_PER_TONNE),
        ]
    )


def _paid_before(arrays: Arrays, options: AwardOptions) -> Floats:
    """Days by which the price is paid before the factory gate, on average; below 0 after it."""
    bids, bid = arrays.bids, options.bid
    deposit = bids.deposit[bid]
    early: Floats = deposit * bids.lead_time_days[bid] - (1 - deposit) * bids.payment_days[bid]
    return early


def co2e_kg(arrays: Arrays, links: TransportLinks, options: AwardOptions) -> Floats:
    """Emissions of making and carrying a unit of each option, kg CO₂e, shape (options,).

    = what the bid states of making it + weight × emissions of the link a kg.
    """
    weight = arrays.components.weight_kg[arrays.demands.component[options.demand]]
    emitted: Floats = (
        arrays.bids.co2e_kg[options.bid] + weight * links.co2e_per_kg[options.link, options.mode]
    )
    return emitted


def fixed_cost(arrays: Arrays, links: TransportLinks, options: AwardOptions) -> Floats:
    """Cost of having an award at all, in the network's currency: tooling and the lane's own.

    Where the lane's own is paid for each vehicle, it is that of the first.
    """
    cost: Floats = (
        arrays.bids.tooling_cost[options.bid] + links.fixed_cost[options.link, options.mode]
    )
    return cost


def further_vehicles(links: TransportLinks, options: AwardOptions, quantity: Floats) -> Floats:
    """Cost of the vehicles that ``quantity`` units of each option start after the first.

    = lane's fixed cost × (⌈quantity ÷ vehicle units⌉ − 1), in the network's currency; 0 where the
    lane states no vehicles.
    """
    vehicle_units = links.vehicle_units[options.link, options.mode]
    started = np.maximum(np.ceil(quantity * (1 - STATED) / vehicle_units), 1.0)
    cost: Floats = links.fixed_cost[options.link, options.mode] * (started - 1.0)
    return cost


def tier_once(
    arrays: Arrays, links: TransportLinks, duties: DutyRates, options: AwardOptions
) -> tuple[Floats, Floats]:
    """What an award costs once because its bid's tiers are incremental.

    Returns
    -------
    landed : numpy.ndarray
        Of the landed cost, shape (options,), network currency: with it, the landed cost per unit
        of the option's tier holds for all units. It is below 0 where prices rise with the
        quantity, and 0 in the first tier and without incremental tiers.
    paid : numpy.ndarray
        The same of the price, which is what the supplier is paid.

    Notes
    -----
    Tier j holds for the units from L_j on and costs ℓ_j each (landed, by the option's mode), so x
    units in tier k cost Σ_{j<k} ℓ_j (L_{j+1} − L_j) + ℓ_k (x − L_k) = ℓ_k x + once, where
    once = Σ_{j≤k} (ℓ_{j−1} − ℓ_j) L_j.
    """
    landed, paid = np.zeros(options.bid.size), np.zeros(options.bid.size)
    first = arrays.bids.tier_start[options.bid]
    rows = np.flatnonzero(arrays.bids.incremental[options.bid] & (options.tier > first))
    part = options.take(rows)
    pipeline_days = delivery(arrays, links, part).pipeline  # the same in every tier

    def unit_cost(tier: Ints) -> Floats:
        at = replace(part, tier=tier)
        cost: Floats = landed_cost(arrays, links, duties, at, pipeline_days).sum(axis=0)
        return cost

    tier = first[rows]
    cost, price = unit_cost(tier), arrays.tiers.price[tier]
    for _ in range(int((part.tier - tier).max(initial=0))):
        # An option whose own tier is reached stays there and adds nothing more.
        tier = np.minimum(tier + 1, part.tier)
        next_cost, next_price = unit_cost(tier), arrays.tiers.price[tier]
        landed[rows] += (cost - next_cost) * arrays.tiers.lower[tier]
        paid[rows] += (price - next_price) * arrays.tiers.lower[tier]
        cost, price = next_cost, next_price
    return landed, paid


def cost_at_largest(
    arrays: Arrays, options: AwardOptions, unit_cost: Floats, landed_once: Floats
) -> Floats:
    """Landed cost per unit of each option's largest award, before order multiples.

    = unit cost + once-only cost of incremental tiers (see `tier_once`) ÷ largest award; without
    incremental tiers it is the unit cost. Of a tier that lies above the largest award, the
    smallest quantity of the tier counts instead, since no smaller award is priced so.
    """
    largest = np.maximum(largest_award(arrays, options), arrays.tiers.lower[options.tier])
    cost: Floats = unit_cost + landed_once / largest
    return cost


def _unless(held: Bools, charge: Floats) -> Floats:
    """The charge where the price does not hold it; 0 where it does, even if it is unknown."""
    return np.where(held, 0.0, charge)
