"""Landed cost and delivery days of candidates, derived by hand.

The component of most tests weighs 2 kg and takes 0.00332 m³, so a 20-foot container (28,200 kg,
33.2 m³) holds min(28,200 / 2, 33.2 / 0.00332) = min(14,100, 10,000) = 10,000 of it. Trade costs are
stated (those of Doing Business 2009), in US dollars a container and alike by all modes; the shipped
ones and customs stand in `test_world.py`:

    TH  export 14 days, 625    VN  import 23 days, 901    AU  import 12 days, 1,239
    ID  export 21 days, 704    MY  import 14 days, 450

Money is tied up at 10 % a year; cargo is insured at 0.3 % of 110 % of its value, so 0.0033.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import pi
from typing import Any

import pytest

import matcher
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.plan import plan_from_dict
from matcher.schema.tables import MODES
from matcher.screening.candidates import screen
from matcher.screening.landed_cost import TERMS
from matcher.solve.complete import complete
from tests.networks import Row, network

# One degree along the equator, of a sphere of 6,371.0088 km radius: 111.195 km.
DEGREE_KM = 6371.0088 * pi / 180
NETWORK: Row = {"carrying_rate": 0.10, "insurance_rate": 0.003}
PART: Row = {
    "component": "C",
    "hs": "850760",
    "weight_kg": 2.0,
    "volume_m3": 0.00332,
    "defect_cost": 5.0,
}
PLACES: list[Row] = [
    {"place": "Bangkok", "economy": "TH", "latitude": 13.7, "longitude": 100.5},
    {"place": "Hanoi", "economy": "VN", "latitude": 21.0, "longitude": 105.8},
    {"place": "Sydney", "economy": "AU", "latitude": -33.9, "longitude": 151.2},
]


def trade_cost(economy: str, *export_and_import: float) -> Row:
    """Days and cost of export, then of import, by sea and by every other mode."""
    figures = ("export_{}days", "export_{}cost_usd{}", "import_{}days", "import_{}cost_usd{}")
    row: Row = {"economy": economy}
    for name, value in zip(figures, export_and_import, strict=True):
        row[name.format("", "_per_container")] = row[name.format("clearance_", "")] = value
    return row


TRADE_COSTS = [
    trade_cost("TH", 14.0, 625.0, 13.0, 795.0),
    trade_cost("VN", 24.0, 734.0, 23.0, 901.0),
    trade_cost("AU", 9.0, 1200.0, 12.0, 1239.0),
    trade_cost("ID", 21.0, 704.0, 27.0, 660.0),
    trade_cost("MY", 18.0, 450.0, 14.0, 450.0),
]
SEA: Row = {
    "origin": "Bangkok",
    "destination": "Hanoi",
    "mode": "sea",
    "days": 5.0,
    "cost_per_container": 1000.0,
}


@dataclass(frozen=True)
class Costed:
    """A candidate: its terms by name and its days."""

    terms: Mapping[str, float]
    total: float
    fixed: float
    paid_once: float
    ship: float
    arrive: float
    slack: float


def costed(made: Network) -> dict[tuple[str, str, int], Costed]:
    """The candidates of a network by bid, mode and tier."""
    arrays = to_arrays(made)
    c = screen(arrays).candidates
    return {
        (
            made.bids["bid"][int(c.bid[i])],
            MODES[c.mode[i]],
            int(c.tier[i] - arrays.bids.tier_start[c.bid[i]]) + 1,
        ): Costed(
            dict(zip(TERMS, c.terms[:, i].tolist(), strict=True)),
            float(c.unit_cost[i]),
            float(c.fixed_cost[i]),
            float(c.price_once[i]),
            float(c.ship[i]),
            float(c.arrive[i]),
            float(c.slack[i]),
        )
        for i in range(c.size)
    }


def terms(**stated: float) -> Any:
    """What is expected: the stated terms, and 0 for the others."""
    assert stated.keys() <= {t if t != "import" else "imports" for t in TERMS}
    values = {("import" if name == "imports" else name): v for name, v in stated.items()}
    return pytest.approx({term: values.get(term, 0.0) for term in TERMS}, rel=1e-9, abs=1e-12)


def to_hanoi(*bids: Row, **tables: list[Row]) -> Network:
    """Bids from Bangkok for a demand in Hanoi, by sea in 5 days for 1,000 dollars a container."""
    rows: dict[str, list[Row]] = {
        "network": [NETWORK],
        "components": [PART],
        "places": PLACES,
        "lanes": [SEA],
        "demands": [{"demand": "D", "place": "Hanoi", "due": "2026-12-31"}],
        "suppliers": [{"supplier": "S", "place": "Bangkok"}],
        "duties": [{"hs": "8507", "destination": "VN", "rate": 0.05}],
        "trade_costs": TRADE_COSTS,
        "bids": [
            {
                "supplier": "S",
                "price": 2.0,
                "origin_charges": 0.04,
                "lead_time_days": 30.0,
                "modes": "sea",
            }
            | bid
            for bid in bids
        ],
    }
    return network(**(rows | tables))


# Days under way: 14 export + 5 transit + 23 import = 42, so 2.00 × 10 % × 42 / 365 of carrying.
CARRIED = 2.00 * 0.10 * 42 / 365
# Per unit, of 10,000 in a container: export 625, freight 1,000, import 901.
EXPORT, FREIGHT, IMPORT = 0.0625, 0.1, 0.0901


@pytest.mark.parametrize(
    ("incoterm", "expected"),
    [
        # The buyer pays everything. Shipped value 2 + 0.04 + 0.0625 + 0.1 = 2.2025; with insurance
        # of 0.0033 × 2.2025 the customs value is 2.2025 × 1.0033.
        (
            "EXW",
            terms(
                price=2.0,
                origin_charges=0.04,
                export=EXPORT,
                freight=FREIGHT,
                insurance=0.0033 * 2.2025,
                duty=0.05 * 2.2025 * 1.0033,
                imports=IMPORT,
                carrying=CARRIED,
            ),
        ),
        # FCA, FAS and FOB hold origin charges and export; shipped value 2 + 0.1.
        (
            "FCA",
            terms(
                price=2.0,
                freight=FREIGHT,
                insurance=0.0033 * 2.1,
                duty=0.05 * 2.1 * 1.0033,
                imports=IMPORT,
                carrying=CARRIED,
            ),
        ),
        (
            "FAS",
            terms(
                price=2.0,
                freight=FREIGHT,
                insurance=0.0033 * 2.1,
                duty=0.05 * 2.1 * 1.0033,
                imports=IMPORT,
                carrying=CARRIED,
            ),
        ),
        (
            "FOB",
            terms(
                price=2.0,
                freight=FREIGHT,
                insurance=0.00693,
                duty=0.1053465,
                imports=IMPORT,
                carrying=CARRIED,
            ),
        ),
        # CFR and CPT hold the freight too, not the insurance: 0.0033 × 2 = 0.0066.
        (
            "CFR",
            terms(
                price=2.0, insurance=0.0066, duty=0.05 * 2.0066, imports=IMPORT, carrying=CARRIED
            ),
        ),
        ("CPT", terms(price=2.0, insurance=0.0066, duty=0.10033, imports=IMPORT, carrying=CARRIED)),
        # CIF and CIP hold the insurance too: the price is the customs value.
        ("CIF", terms(price=2.0, duty=0.10, imports=IMPORT, carrying=CARRIED)),
        ("CIP", terms(price=2.0, duty=0.10, imports=IMPORT, carrying=CARRIED)),
        ("DAP", terms(price=2.0, duty=0.10, carrying=CARRIED)),
        # DDP holds all; only time still costs.
        ("DDP", terms(price=2.0, carrying=CARRIED)),
    ],
)
def test_an_incoterm_leaves_to_the_buyer_what_the_price_does_not_hold(
    incoterm: str, expected: Any
) -> None:
    found = costed(to_hanoi({"bid": "B", "incoterm": incoterm}))["B", "sea", 1]
    assert found.terms == expected
    # 30 production + 14 export; + 5 transit + 23 import. The due date is day 364 of the year.
    assert (found.ship, found.arrive, found.slack) == (44.0, 72.0, 364.0 - 72.0)


def test_the_fob_bid_adds_up() -> None:
    # 2 + 0.1 + 0.00693 + 0.1053465 + 0.0901 + 0.0230136986 = 2.3253901986
    found = costed(to_hanoi({"bid": "B", "incoterm": "FOB"}))["B", "sea", 1]
    assert found.total == pytest.approx(2.3253901986, abs=1e-10)


def test_defects_payment_terms_safety_days_and_tooling() -> None:
    found = costed(
        to_hanoi(
            {
                "bid": "B",
                "incoterm": "DDP",
                "ppm": 200.0,
                "payment_days": 60.0,
                "tooling_cost": 700.0,
            },
            lanes=[SEA | {"fixed_cost": 50.0}],
            demands=[{"demand": "D", "place": "Hanoi", "due": "2026-03-31", "safety_days": 3.0}],
        )
    )["B", "sea", 1]
    assert found.terms == terms(
        price=2.0,
        carrying=2.0 * 0.10 * 45 / 365,  # 42 days under way and 3 on the shelf
        quality=0.001,  # 200 / 1,000,000 × 5 dollars a defect
        payment_terms=-2.0 * 0.10 * 60 / 365,
    )
    assert found.fixed == 750.0  # tooling 700 + lane 50
    # 31 March is day 89 (31 + 28 + 30); 89 − 72 − 3 safety days.
    assert (found.arrive, found.slack) == (72.0, 14.0)


def test_road_within_an_economy_has_no_border() -> None:
    # Two places on the equator, a degree apart: 1.3 × 111.195 = 144.554 km of road, for
    # 100 + 0.5 a km a container, at 500 km a day and 1 day of handling.
    km = 1.3 * DEGREE_KM
    freight = (100 + 0.5 * km) / 10_000
    made = network(
        network=[NETWORK],
        components=[PART],
        places=[
            {"place": "West", "economy": "ID", "latitude": 0.0, "longitude": 110.0},
            {"place": "East", "economy": "ID", "latitude": 0.0, "longitude": 111.0},
        ],
        suppliers=[{"supplier": "S", "place": "West"}],
        demands=[{"demand": "D", "place": "East"}],
        duties=[{"hs": "85", "destination": "ID", "rate": 0.4}],
        bids=[
            {
                "bid": incoterm,
                "supplier": "S",
                "price": 3.0,
                "incoterm": incoterm,
                "origin_charges": 0.2,
                "lead_time_days": 10.0,
            }
            for incoterm in ("EXW", "FOB")
        ],
    )
    found = costed(made)
    assert set(found) == {("EXW", "road", 1), ("FOB", "road", 1)}
    days = 1 + km / 500
    carrying = 3.0 * 0.10 * days / 365
    assert found["EXW", "road", 1].terms == terms(
        price=3.0,
        origin_charges=0.2,
        freight=freight,
        insurance=0.0033 * (3.2 + freight),
        carrying=carrying,
    )
    assert found["FOB", "road", 1].terms == terms(
        price=3.0, freight=freight, insurance=0.0033 * (3.0 + freight), carrying=carrying
    )
    assert found["EXW", "road", 1].ship == 10.0
    assert found["EXW", "road", 1].arrive == pytest.approx(10 + days, rel=1e-12)


def test_goods_made_where_they_are_needed_do_not_travel() -> None:
    made = network(
        network=[NETWORK | {"insurance_rate": 0.0}],
        components=[PART],
        bids=[
            {
                "bid": "B",
                "supplier": "S",
                "price": 4.0,
                "origin_charges": 0.1,
                "lead_time_days": 7.0,
            }
        ],
    )
    found = costed(made)["B", "road", 1]
    assert found.terms == terms(price=4.0, origin_charges=0.1)
    assert (found.ship, found.arrive) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("weight_kg", "chargeable_kg"),
    [
        (2.0, 2.0),
        (0.2, 0.00332 * 1e6 / 6000),  # 0.553 kg by volume, more than 0.2 kg
    ],
)
def test_air_charges_weight_or_volume(weight_kg: float, chargeable_kg: float) -> None:
    # ID to MY, nine degrees along the equator: 1,000.756 km for 1.29 + 0.000214 a km a kg, at
    # 10,000 km a day and 2 days of handling.
    km = 9 * DEGREE_KM
    freight = (1.29 + 0.000214 * km) * chargeable_kg
    made = network(
        trade_costs=TRADE_COSTS,
        network=[NETWORK],
        components=[PART | {"weight_kg": weight_kg}],
        places=[
            {"place": "Out", "economy": "ID", "latitude": 0.0, "longitude": 101.0},
            {"place": "In", "economy": "MY", "latitude": 0.0, "longitude": 110.0},
        ],
        suppliers=[{"supplier": "S", "place": "Out"}],
        demands=[{"demand": "D", "place": "In"}],
        bids=[{"bid": "B", "supplier": "S", "price": 2.0, "incoterm": "FOB", "modes": "air"}],
    )
    found = costed(made)["B", "air", 1]
    days = 21 + 2 + km / 10_000 + 14  # export of ID, flight, import of MY
    # A container holds 10,000 by volume, whichever the weight: 450 / 10,000 to import.
    assert found.terms == terms(
        price=2.0,
        freight=freight,
        insurance=0.0033 * (2.0 + freight),
        imports=0.045,
        carrying=2.0 * 0.10 * days / 365,
    )
    assert found.arrive == pytest.approx(days, rel=1e-12)


def test_sea_between_places_at_one_port_costs_handling_only() -> None:
    # The same node of the sea network: 0 km, 250 dollars a container and 4 days of handling. The
    # two economies share Borneo, so lorries go between them as well.
    at = {"latitude": 1.2, "longitude": 103.7}
    made = network(
        trade_costs=TRADE_COSTS,
        network=[NETWORK],
        components=[PART],
        places=[{"place": "Out", "economy": "ID", **at}, {"place": "In", "economy": "MY", **at}],
        suppliers=[{"supplier": "S", "place": "Out"}],
        demands=[{"demand": "D", "place": "In"}],
        bids=[{"bid": "B", "supplier": "S", "price": 2.0, "incoterm": "FCA"}],
    )
    found = costed(made)
    assert set(found) == {("B", "sea", 1), ("B", "air", 1), ("B", "road", 1)}
    assert found["B", "sea", 1].terms["freight"] == pytest.approx(0.025)
    assert found["B", "sea", 1].arrive == 21 + 4 + 14


@pytest.mark.parametrize(
    ("lane", "freight", "fixed", "days"),
    [
        # By container and by kg: 600 / 10,000 + 0.15 × 2 kg.
        (
            {"mode": "road", "days": 2.0, "cost_per_container": 600.0, "cost_per_kg": 0.15},
            0.36,
            0,
            2,
        ),
        # By kg alone: the container costs nothing then.
        ({"mode": "rail", "days": 2.5, "cost_per_kg": 0.15, "fixed_cost": 90.0}, 0.30, 90, 2.5),
        # Free: 0 is a price too.
        ({"mode": "road", "days": 0.0, "cost_per_container": 0.0}, 0.0, 0, 0),
    ],
)
def test_a_lane_of_ones_own(lane: Row, freight: float, fixed: float, days: float) -> None:
    ends = {"origin": "Bangkok", "destination": "Hanoi"}
    found = costed(
        to_hanoi({"bid": "B", "incoterm": "FOB", "modes": lane["mode"]}, lanes=[ends | lane])
    )["B", lane["mode"], 1]
    assert found.terms["freight"] == pytest.approx(freight, abs=1e-12)
    assert (found.fixed, found.arrive) == (fixed, 30 + 14 + days + 23)


def test_a_lane_that_states_days_keeps_the_computed_freight() -> None:
    # Air, three degrees along the equator: freight as computed, days as stated.
    km = 3 * DEGREE_KM
    made = network(
        trade_costs=TRADE_COSTS,
        components=[PART],
        places=[
            {"place": "Out", "economy": "ID", "latitude": 0.0, "longitude": 110.0},
            {"place": "In", "economy": "MY", "latitude": 0.0, "longitude": 113.0},
        ],
        suppliers=[{"supplier": "S", "place": "Out"}],
        demands=[{"demand": "D", "place": "In"}],
        lanes=[{"origin": "Out", "destination": "In", "mode": "air", "days": 1.0}],
        bids=[{"bid": "B", "supplier": "S", "incoterm": "FOB", "modes": "air"}],
    )
    found = costed(made)["B", "air", 1]
    assert found.terms["freight"] == pytest.approx(2.0 * (1.29 + 0.000214 * km), rel=1e-12)
    assert found.arrive == 21 + 1 + 14


def test_a_lane_runs_one_way() -> None:
    # No land leads to Australia, so only a lane would make a road.
    back = {"origin": "Sydney", "destination": "Bangkok", "mode": "road", "cost_per_kg": 0.0}
    found = costed(
        to_hanoi(
            {"bid": "B", "incoterm": "FOB", "modes": "road;sea"},
            demands=[{"demand": "D", "place": "Sydney"}],
            lanes=[SEA | {"destination": "Sydney"}, back | {"days": 1.0}],
        )
    )
    assert set(found) == {("B", "sea", 1)}


def test_money_of_the_bid_of_the_network_and_of_the_tables() -> None:
    # The network counts in euros; 1 USD = 0.90 EUR and 1 THB = 0.025 EUR. Price, origin charges,
    # tooling are the bid's money (THB); trade costs are USD; lanes and defects are EUR.
    found = costed(
        to_hanoi(
            {
                "bid": "B",
                "incoterm": "EXW",
                "price": 80.0,
                "currency": "THB",
                "origin_charges": 1.6,
                "tooling_cost": 4000.0,
                "ppm": 100.0,
            },
            network=[NETWORK | {"currency": "EUR"}],
            rates=[{"currency": "USD", "value": 0.90}, {"currency": "THB", "value": 0.025}],
            lanes=[SEA | {"fixed_cost": 30.0}],
        )
    )["B", "sea", 1]
    # Price 80 × 0.025 = 2; origin 0.04; export 625 × 0.9 / 10,000 = 0.05625; freight 0.1;
    # together 2.19625; import 901 × 0.9 / 10,000 = 0.08109; quality 0.0001 × 5.
    assert found.terms == terms(
        price=2.0,
        origin_charges=0.04,
        export=0.05625,
        freight=0.1,
        insurance=0.0033 * 2.19625,
        duty=0.05 * 2.19625 * 1.0033,
        imports=0.08109,
        carrying=CARRIED,
        quality=0.0005,
    )
    assert found.fixed == 4000 * 0.025 + 30


def test_computed_freight_is_turned_into_the_networks_money() -> None:
    at = {"latitude": 1.2, "longitude": 103.7}
    made = network(
        trade_costs=TRADE_COSTS,
        network=[NETWORK | {"currency": "EUR"}],
        components=[PART],
        places=[{"place": "Out", "economy": "ID", **at}, {"place": "In", "economy": "MY", **at}],
        suppliers=[{"supplier": "S", "place": "Out"}],
        demands=[{"demand": "D", "place": "In"}],
        rates=[{"currency": "USD", "value": 0.9}],
        bids=[{"bid": "B", "supplier": "S", "incoterm": "FCA"}],
    )
    found = costed(made)
    assert found["B", "sea", 1].terms["freight"] == pytest.approx(250 * 0.9 / 10_000)
    assert found["B", "air", 1].terms["freight"] == pytest.approx(2 * 1.29 * 0.9)
    assert found["B", "air", 1].terms["import"] == pytest.approx(450 * 0.9 / 10_000)


@pytest.mark.parametrize(
    ("incoterm", "customs_value"),
    [
        # Bangkok to Sydney for 2,000 a container: freight 0.2. Australia values FOB.
        ("EXW", 2.0 + 0.04 + 0.0625),  # price, origin charges, export
        ("FOB", 2.0),
        ("CFR", 2.0 - 0.2),  # the freight in the price is taken out
        ("CIF", 2.0 - 0.2 - 0.0066),  # and the insurance: 0.0033 × 2
    ],
)
def test_customs_that_value_fob_leave_freight_and_insurance_out(
    incoterm: str, customs_value: float
) -> None:
    found = costed(
        to_hanoi(
            {"bid": "B", "incoterm": incoterm},
            demands=[{"demand": "D", "place": "Sydney"}],
            lanes=[
                {
                    "origin": "Bangkok",
                    "destination": "Sydney",
                    "mode": "sea",
                    "days": 16.0,
                    "cost_per_container": 2000.0,
                }
            ],
            duties=[{"hs": "8507", "destination": "AU", "rate": 0.05}],
        )
    )["B", "sea", 1]
    assert found.terms["duty"] == pytest.approx(0.05 * customs_value, rel=1e-12)
    assert found.terms["import"] == pytest.approx(0.1239)
    assert found.arrive == 30 + 14 + 16 + 12


def test_a_network_brings_trade_costs_of_its_own() -> None:
    # They are neither the shipped ones of the United States nor those of Thailand.
    found = costed(
        to_hanoi(
            {"bid": "B", "incoterm": "EXW", "origin_charges": 0.0},
            places=[
                *PLACES,
                {"place": "Los Angeles", "economy": "US", "latitude": 34.0, "longitude": -118.2},
            ],
            demands=[{"demand": "D", "place": "Los Angeles"}],
            lanes=[
                {
                    "origin": "Bangkok",
                    "destination": "Los Angeles",
                    "mode": "sea",
                    "days": 20.0,
                    "cost_per_container": 3000.0,
                }
            ],
            duties=[{"hs": "8507", "destination": "US", "rate": 0.034}],
            trade_costs=[
                {"economy": "US", "import_days": 5.0, "import_cost_usd_per_container": 1315.0},
                {"economy": "TH", "export_days": 9.0, "export_cost_usd_per_container": 500.0},
            ],
        )
    )["B", "sea", 1]
    # Shipped value 2 + 0.05 + 0.3; the United States value FOB: 2.05.
    assert found.terms == terms(
        price=2.0,
        export=0.05,
        freight=0.3,
        insurance=0.0033 * 2.35,
        duty=0.034 * 2.05,
        imports=0.1315,
        carrying=2.0 * 0.10 * (9 + 20 + 5) / 365,
    )
    assert (found.ship, found.arrive) == (39.0, 64.0)


@pytest.mark.parametrize(
    ("rows", "rate"),
    [
        ([], 0.0875),  # the tariff of Viet Nam on most-favoured nations
        ([("8507", "MY", 0.0)], 0.0875),  # a row of another origin says nothing
        ([("", None, 0.30)], 0.30),
        ([("", None, 0.30), ("85", None, 0.20)], 0.20),
        ([("85", None, 0.20), ("8507", None, 0.10)], 0.10),
        ([("85", None, 0.20), ("8506", None, 0.10)], 0.20),
        ([("8507", None, 0.10), ("8507", "TH", 0.0)], 0.0),  # preference for the origin
        ([("8507", None, 0.10), ("8507", "MY", 0.0)], 0.10),
        ([("85", "TH", 0.0), ("8507", None, 0.10)], 0.10),  # the longer code wins over the origin
        ([("850760", None, 0.07), ("85076010", None, 0.01)], 0.07),  # finer than the component's
    ],
)
def test_the_most_specific_duty_counts(
    rows: list[tuple[str, str | None, float]], rate: float
) -> None:
    duties = [
        {"hs": hs or None, "origin": origin, "destination": "VN", "rate": value}
        for hs, origin, value in rows
    ]
    found = costed(to_hanoi({"bid": "B", "incoterm": "CIF"}, duties=duties))["B", "sea", 1]
    assert found.terms["duty"] == pytest.approx(2.0 * rate, abs=1e-12)


def test_a_tier_lowers_price_duty_insurance_and_carrying() -> None:
    made = to_hanoi(
        {"bid": "B", "incoterm": "FOB"}, tiers=[{"bid": "B", "from_quantity": 60.0, "price": 1.5}]
    )
    found = costed(made)
    assert found["B", "sea", 1].terms["price"] == 2.0
    assert found["B", "sea", 2].terms == terms(
        price=1.5,
        freight=FREIGHT,
        insurance=0.0033 * 1.6,
        duty=0.05 * 1.6 * 1.0033,
        imports=IMPORT,
        carrying=1.5 * 0.10 * 42 / 365,
    )


def incremental(**bid: Any) -> Network:
    """2.00 a unit, 1.50 for those from 60 on and 1.20 for those from 80 on; tooling 7."""
    return to_hanoi(
        {"bid": "B", "incoterm": "FOB", "tooling_cost": 7.0, "incremental": True, **bid},
        tiers=[
            {"bid": "B", "from_quantity": 60.0, "price": 1.5},
            {"bid": "B", "from_quantity": 80.0, "price": 1.2},
        ],
    )


# What a unit costs more for each dollar of its FOB price: insurance, duty on both, carrying.
PER_DOLLAR = 1 + 0.0033 + 0.05 * 1.0033 + 0.10 * 42 / 365


def test_incremental_tiers_cost_once_what_their_price_does_not_hold() -> None:
    found = costed(incremental())
    unit = [found["B", "sea", tier].total for tier in (1, 2, 3)]
    # From one tier to the next the price falls by 0.50 and 0.30.
    assert unit[0] - unit[1] == pytest.approx(0.5 * PER_DOLLAR)
    assert unit[1] - unit[2] == pytest.approx(0.3 * PER_DOLLAR)
    # The first 60 are paid 0.50 more than the second tier; the first 80 another 0.30 more than the
    # third: 30 and 30 + 24 dollars of price.
    assert [found["B", "sea", tier].paid_once for tier in (1, 2, 3)] == pytest.approx([0, 30, 54])
    assert [found["B", "sea", tier].fixed for tier in (1, 2, 3)] == pytest.approx(
        [7, 7 + 30 * PER_DOLLAR, 7 + 54 * PER_DOLLAR]
    )
    # 90 units are 60 of the first price, 20 of the second and 10 of the third.
    assert 90 * unit[2] + found["B", "sea", 3].fixed == pytest.approx(
        60 * unit[0] + 20 * unit[1] + 10 * unit[2] + 7
    )


def test_tiers_for_all_units_cost_nothing_once() -> None:
    found = costed(incremental(incremental=False))
    assert [found["B", "sea", tier].fixed for tier in (1, 2, 3)] == [7, 7, 7]
    assert [found["B", "sea", tier].paid_once for tier in (1, 2, 3)] == [0, 0, 0]


def test_what_incremental_tiers_cost_once_depends_on_the_mode() -> None:
    # By air the goods are under way for 14 + 1 + 23 days instead of 42.
    found = costed(
        to_hanoi(
            {"bid": "B", "incoterm": "DDP", "incremental": True, "modes": "sea;air"},
            lanes=[SEA, SEA | {"mode": "air", "days": 1.0}],
            tiers=[{"bid": "B", "from_quantity": 60.0, "price": 1.5}],
        )
    )
    assert found["B", "sea", 2].fixed == pytest.approx(30 * (1 + 0.10 * 42 / 365))
    assert found["B", "air", 2].fixed == pytest.approx(30 * (1 + 0.10 * 38 / 365))


def test_incremental_prices_may_rise_and_be_in_other_money() -> None:
    # 40 baht a unit, and 80 from 50 on; a baht is 0.025 dollars. In the second tier the first 50
    # are paid 1 dollar less than 2.
    found = costed(
        network(
            rates=[{"currency": "THB", "value": 0.025}],
            bids=[
                {"bid": "B", "supplier": "S", "price": 40.0, "currency": "THB", "incremental": True}
            ],
            tiers=[{"bid": "B", "from_quantity": 50.0, "price": 80.0}],
        )
    )
    assert (found["B", "road", 2].paid_once, found["B", "road", 2].fixed) == (-50.0, -50.0)


@pytest.mark.parametrize(
    ("quantity", "tier", "paid"),
    [
        (59.0, 1, 118.0),
        (60.0, 2, 120.0),
        (79.0, 2, 120.0 + 19 * 1.5),
        (90.0, 3, 120.0 + 20 * 1.5 + 10 * 1.2),
    ],
)
def test_an_award_made_by_hand_gets_the_tier_that_it_reaches(
    quantity: float, tier: int, paid: float
) -> None:
    made = incremental(incoterm="DDP", tooling_cost=0.0)
    plan = complete(
        made, plan_from_dict({"awards": [{"demand": "D", "bid": "B", "quantity": quantity}]})
    )
    award = plan.awards.row(0, named=True)
    assert award["tier"] == tier
    # DDP holds all but the time under way.
    assert award["landed_cost"] + award["fixed_cost"] == pytest.approx(paid * (1 + 0.10 * 42 / 365))


@pytest.mark.parametrize(("is_incremental", "mode"), [(False, "sea"), (True, "air")])
def test_an_award_made_by_hand_goes_the_way_that_is_cheapest_for_all_of_it(
    is_incremental: bool, mode: str
) -> None:
    # A year of capital costs the value, so 36.5 days less by air save 0.1 of it, for 0.23 more
    # freight. 100 units at 2 save 0.20 each; 60 of them at 3 and 40 at 2 save 0.26 each.
    made = network(
        network=[{"carrying_rate": 1.0}],
        places=[
            {"place": "P", "economy": "VN", "latitude": 0.0, "longitude": 5.0},
            {"place": "Q", "economy": "TH", "latitude": 0.0, "longitude": 0.0},
        ],
        suppliers=[{"supplier": "S", "place": "Q"}],
        lanes=[
            {"origin": "Q", "destination": "P", "mode": "sea", "days": 37.5, "cost_per_kg": 0.0},
            {"origin": "Q", "destination": "P", "mode": "air", "days": 1.0, "cost_per_kg": 0.23},
        ],
        trade_costs=[{"economy": "TH"}, {"economy": "VN"}],
        components=[{"component": "C", "volume_m3": 0.0001}],
        bids=[{"bid": "B", "supplier": "S", "price": 3.0, "incremental": is_incremental}],
        tiers=[{"bid": "B", "from_quantity": 60.0, "price": 2.0}],
    )
    plan = complete(
        made, plan_from_dict({"awards": [{"demand": "D", "bid": "B", "quantity": 100.0}]})
    )
    assert plan.awards["mode"].to_list() == [mode]


def test_the_plan_dates_whole_days_upwards() -> None:
    # The road of a degree takes 1 + 144.554 / 500 = 1.289 days; made in 10.5 days, the goods ship
    # on day 10.5 and arrive on day 11.789: 12 and 13 January.
    made = network(
        places=[
            {"place": "West", "economy": "ID", "latitude": 0.0, "longitude": 110.0},
            {"place": "East", "economy": "ID", "latitude": 0.0, "longitude": 111.0},
        ],
        suppliers=[{"supplier": "S", "place": "West"}],
        demands=[{"demand": "D", "place": "East"}],
        bids=[{"bid": "B", "supplier": "S", "lead_time_days": 10.5}],
    )
    award = matcher.solve(made).awards.row(0, named=True)
    assert (award["order_date"], award["ship_date"], award["arrival_date"]) == (
        date(2026, 1, 1),
        date(2026, 1, 12),
        date(2026, 1, 13),
    )
