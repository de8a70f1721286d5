"""What may be awarded in a tiny network: every demand, bid, mode and tier that passes the gates.

Landed costs per unit and delivery days come from `matcher.screening.candidates.price` (tested by
hand elsewhere). Gates, award sizes and tiers are worked out here from the network's own tables, as
``docs/model.md`` puts them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.schema.tables import MODES
from matcher.screening.award_options import options_of, pairs_of, usable_modes
from matcher.screening.candidates import price
from matcher.screening.landed_cost import duty_rates

Row = dict[str, Any]
Floats = NDArray[np.float64]

# Rounding of landed costs and days.
NOISE = 1e-9
SECRECY = "ISO/IEC 27001"


def options_in(network: Network) -> list[Row]:
    """The options that pass the gates, each with all that the tables say of it.

    Besides the cells of its bid, component and demand and some of its supplier and place, a row
    has ``mode`` and ``tier``; ``sizes``, the quantities that may be awarded; ``paid`` and
    ``landed``, what 0, 1, 2, … units come to in network currency; ``emitted`` kg CO₂e a unit;
    ``tooling`` in network currency;
    ``lane_cost`` and ``vehicle_units`` of its lane; ``days_tied_up`` from the order to the payment;
    and the ``period`` of the due date.
    """
    arrays = to_arrays(network)
    pairs, links = pairs_of(arrays)
    options = options_of(arrays, pairs, usable_modes(arrays, pairs, links))
    priced = price(arrays, links, duty_rates(arrays), options)
    tables = {
        name: {row[name[:-1]]: row for row in network.table(name).to_dicts()}
        for name in ("components", "suppliers", "places", "periods")
    }
    lanes = {
        (row["origin"], row["destination"], row["mode"]): row for row in network.lanes.to_dicts()
    }
    demands, bids = network.demands.to_dicts(), network.bids.to_dicts()
    rates = dict(network.rates.select("currency", "value").iter_rows()) | {network.currency: 1.0}
    # Landed costs per unit in the tiers of a demand, bid and mode; options are in that order.
    landed: dict[tuple[str, str, int], list[float]] = {}
    rows: list[Row] = []
    for i in range(options.demand.size):
        demand, bid = demands[options.demand[i]], bids[options.bid[i]]
        breaks = network.tiers.filter(bid=bid["bid"]).sort("from_quantity")
        starts = [0.0, *breaks["from_quantity"].to_list(), np.inf]
        prices = [rates[bid["currency"]] * each for each in (bid["price"], *breaks["price"])]
        unit_costs = landed.setdefault((demand["demand"], bid["bid"], int(options.mode[i])), [])
        unit_costs.append(float(priced.unit_cost[i]))
        tier = len(unit_costs) - 1
        most = _most(demand, bid, starts[tier + 1])
        fullest = np.array([max(most, starts[tier])])
        units = np.arange(int(demand["quantity"]) + 1)
        mode, origin = MODES[options.mode[i]], tables["suppliers"][bid["supplier"]]["place"]
        lane = lanes.get((origin, demand["place"], mode), {})
        row = _cells(tables, demand, bid) | {
            "mode": mode,
            "lane_cost": lane.get("fixed_cost", 0.0),
            "vehicle_units": lane.get("vehicle_units"),
            "tier": tier,
            "sizes": _sizes(demand, bid, starts[tier], most),
            "paid": _sum_over_tiers(bid, units, starts, prices, tier),
            "landed": _sum_over_tiers(bid, units, starts, unit_costs, tier),
            "emitted": float(priced.co2e_kg[i]),
            "tooling": rates[bid["currency"]] * bid["tooling_cost"],
            "days_tied_up": bid["lead_time_days"]
            + float(priced.arrive[i] - priced.ship[i])
            + bid["payment_days"],
        }
        cost_when_full = _sum_over_tiers(bid, fullest, starts, unit_costs, tier) / fullest
        if row["sizes"] and _passes(network, row, float(priced.slack[i]), float(cost_when_full[0])):
            rows.append(row)
    return sorted(rows, key=lambda row: (row["demand"], row["bid"], row["mode"], row["tier"]))


def _cells(tables: dict[str, dict[str, Row]], demand: Row, bid: Row) -> Row:
    """The cells of a demand and a bid, and of what they name."""
    supplier = tables["suppliers"][bid["supplier"]]
    place = tables["places"][supplier["place"]]
    due_in = [
        period
        for period, row in tables["periods"].items()
        if row["first"] <= demand["due"] <= row["last"]
    ]
    return (
        bid
        | tables["components"][demand["component"]]
        | demand
        | {key: supplier[key] for key in ("size_class", "ownership")}
        | {key: place[key] for key in ("economy", "park")}
        | {"own_plant_of": supplier["lead_firm"], "period": next(iter(due_in), None)}
    )


def _sum_over_tiers(
    bid: Row, units: NDArray[Any], starts: list[float], rates: list[float], tier: int
) -> Floats:
    """What so many units come to in a tier: all at its rate, or each at that of its own tier."""
    if not bid["incremental"]:
        return np.asarray(units * rates[tier])
    total = rates[tier] * (units - np.minimum(units, starts[tier]))
    for j in range(tier):
        total = total + rates[j] * (np.minimum(units, starts[j + 1]) - np.minimum(units, starts[j]))
    return np.asarray(total)


def _most(demand: Row, bid: Row, end_of_tier: float) -> float:
    """The largest quantity that an option allows, before it is made whole."""
    cap = 1.0 if demand["share_cap"] is None else demand["share_cap"]
    most = np.inf if bid["max_quantity"] is None else bid["max_quantity"]
    return float(min(cap * demand["quantity"], most, end_of_tier))


def _sizes(demand: Row, bid: Row, start_of_tier: float, most: float) -> list[int]:
    """The quantities that an option allows, above 0."""
    whole = demand["single_source"] or bid["bundle"] is not None
    least = max(bid["moq"], start_of_tier, demand["quantity"] if whole else 1)
    return [x for x in range(1, int(demand["quantity"]) + 1) if least <= x <= most]


def _passes(network: Network, row: Row, slack_days: float, cost_when_full: float) -> bool:
    """The gates that a drawn network can fail."""
    stops = network.ramps.filter(bid=row["bid"], share=0.0)["period"].to_list()
    return (
        slack_days >= -NOISE
        and (row["ceiling"] is None or cost_when_full <= row["ceiling"] * (1 + NOISE))
        and row["own_plant_of"] in (None, row["lead_firm"])
        and not (row["core"] and row["own_plant_of"] is None)
        and not (
            row["sensitive"] and row["own_plant_of"] is None and not _keeps_secrets(network, row)
        )
        and row["period"] not in stops
    )


def _keeps_secrets(network: Network, row: Row) -> bool:
    """Whether the lead of its consortium, or the supplier, holds what sensitive parts ask for."""
    leads = dict(network.consortia.select("consortium", "lead").iter_rows())
    holder = leads.get(row["consortium"], row["supplier"])
    enough = {SECRECY, *network.standards.filter(implies=SECRECY)["standard"]}
    return any(
        held["standard"] in enough and (held["valid_to"] is None or held["valid_to"] >= row["due"])
        for held in network.certificates.filter(supplier=holder).to_dicts()
    )
