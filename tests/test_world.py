"""Candidates all over the world, derived by hand from the shipped facts.

The component weighs 2 kg and takes 0.00332 m³, so a 20-foot container holds 10,000 of it, and by
air its 2 kg are charged (0.553 kg by volume). A unit costs 2.00 EXW and 0.04 of origin charges;
cargo is insured at 0.3 % of 110 %, so 0.0033; money is tied up at 10 % a year. Goods are made in
30 days.

Ways, all great circles in km being checked below:

    road   1.3 × direct km at 500 a day and 1 day of handling; 100 + 0.5 a km for a container
    rail   1.3 × direct km at 400 a day and 3 days of handling; 200 + 0.25 a km for a container
    air    direct km at 10,000 a day and 2 days of handling; 1.29 + 0.000214 a km for a kg
    sea    km of the sea network at 622 a day and 4 days; 250 + 0.064 a km for a container

Over land it is more than 1.3 where the economies between ask for it; those ways are marked.
Money is in US dollars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from math import acos, cos, radians, sin
from typing import Any

import polars as pl
import pytest

import matcher
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.reference.borders import land_detour
from matcher.report.markdown import to_markdown
from matcher.report.summary import summarize
from matcher.screening.candidates import screen
from tests.networks import Row, network
from tests.test_landed_cost import NETWORK, PART, costed

# Economy, latitude and longitude.
WORLD: dict[str, tuple[str, float, float]] = {
    "Bac Ninh": ("VN", 21.19, 106.08),
    "Bangkok": ("TH", 13.75, 100.50),
    "Batam": ("ID", 1.12, 104.05),
    "Bogota": ("CO", 4.61, -74.08),
    "Buenos Aires": ("AR", -34.61, -58.38),
    "Copenhagen": ("DK", 55.68, 12.57),
    "Dubai": ("AE", 25.08, 55.31),
    "Dublin": ("IE", 53.33, -6.25),
    "Gaborone": ("BW", -24.65, 25.91),
    "Gdansk": ("PL", 54.35, 18.65),
    "Hamburg": ("DE", 53.55, 10.00),
    "Hanoi": ("VN", 21.03, 105.85),
    "Harare": ("ZW", -17.83, 31.05),
    "Istanbul": ("TR", 41.01, 28.95),
    "Jakarta": ("ID", -6.21, 106.85),
    "Johannesburg": ("ZA", -26.20, 28.04),
    "Kuching": ("MY", 1.55, 110.35),
    "Laredo": ("US", 27.51, -99.51),
    "Lisbon": ("PT", 38.73, -9.13),
    "London": ("GB", 51.51, -0.13),
    "Monterrey": ("MX", 25.68, -100.32),
    "Nuuk": ("GL", 64.18, -51.72),
    "Oslo": ("NO", 59.91, 10.75),
    "Panama City": ("PA", 8.99, -79.52),
    "Penang": ("MY", 5.41, 100.33),
    "Pontianak": ("ID", -0.03, 109.33),
    "Pyongyang": ("KP", 39.03, 125.75),
    "Riyadh": ("SA", 24.69, 46.72),
    "Sao Paulo": ("BR", -23.55, -46.64),
    "Shenyang": ("CN", 41.79, 123.43),
    "Shenzhen": ("CN", 22.55, 114.07),
    "Singapore": ("SG", 1.29, 103.85),
    "Stuttgart": ("DE", 48.78, 9.18),
    "Taipei": ("TW", 25.05, 121.53),
    "Warsaw": ("PL", 52.23, 21.01),
    "Zurich": ("CH", 47.37, 8.55),
}

# Days, and dollars a unit: members measured with a neighbour have the median of the others.
INTO_THE_UNION = (16.7 / 24, 0.0328)

DIRECT_KM = {
    ("Bac Ninh", "Stuttgart"): 8737.223,
    ("Dubai", "Riyadh"): 867.421,
    ("Gdansk", "Stuttgart"): 899.743,
    ("Hanoi", "Bangkok"): 988.430,
    ("Harare", "Gaborone"): 926.484,
    ("Istanbul", "Stuttgart"): 1773.365,
    ("Johannesburg", "Gaborone"): 274.692,
    ("London", "Stuttgart"): 728.880,
    ("Monterrey", "Laredo"): 218.843,
    ("Nuuk", "Copenhagen"): 3534.948,
    ("Oslo", "Stuttgart"): 1241.688,
    ("Pyongyang", "Shenyang"): 364.341,
    ("Sao Paulo", "Buenos Aires"): 1674.857,
    ("Shenzhen", "Taipei"): 808.109,
    ("Zurich", "Stuttgart"): 163.621,
}


@pytest.mark.parametrize("ends", DIRECT_KM, ids="-".join)
def test_distances_are_great_circles(ends: tuple[str, str]) -> None:
    # By the law of cosines, on a sphere of 6,371.0088 km; the code has the haversine formula.
    (_, a, b), (_, c, d) = (WORLD[name] for name in ends)
    a, b, c, d = (radians(angle) for angle in (a, b, c, d))
    angle = acos(sin(a) * sin(c) + cos(a) * cos(c) * cos(d - b))
    assert 6371.0088 * angle == pytest.approx(DIRECT_KM[ends], abs=0.01)


def by_lorry(*ends: str) -> tuple[float, float]:
    """Days and dollars a unit of a way that leads through other economies.

    = 1 + km / 500 and (100 + 0.5 km) / 10,000, where the detour is that of `land_detour`.
    """
    factor = land_detour([WORLD[name][0] for name in ends])[0, 1]
    km = max(1.3, float(factor)) * DIRECT_KM[ends]  # type: ignore[index]
    return 1 + km / 500, (100 + 0.5 * km) / 10_000


OVER_SWEDEN = by_lorry("Oslo", "Stuttgart")
OVER_FRANCE = by_lorry("London", "Stuttgart")
OVER_LAOS = by_lorry("Hanoi", "Bangkok")


def place(name: str) -> Row:
    economy, latitude, longitude = WORLD[name]
    return {"place": name, "economy": economy, "latitude": latitude, "longitude": longitude}


def trade(origin: str, destination: str, bid: Row, **tables: list[Row]) -> Network:
    """One bid of one place for 100 units in another, a year from the start; tariffs as shipped."""
    rows: dict[str, list[Row]] = {
        "network": [NETWORK],
        "components": [PART],
        "places": [place(origin), place(destination)],
        "demands": [{"demand": "D", "place": destination, "due": "2027-01-01"}],
        "suppliers": [{"supplier": "S", "place": origin}],
        "duties": [],
        "bids": [
            {
                "bid": "B",
                "supplier": "S",
                "price": 2.0,
                "origin_charges": 0.04,
                "lead_time_days": 30.0,
            }
            | bid
        ],
    }
    return network(**(rows | tables))


@dataclass(frozen=True)
class Case:
    """A candidate with its figures: days, and dollars a unit."""

    ends: tuple[str, str]
    mode: str
    transit: float
    freight: float
    export: tuple[float, float] = (0.0, 0.0)
    entry: tuple[float, float] = (0.0, 0.0)
    duty_rate: float = 0.0
    by_fob: bool = False
    bid: Row = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        return f"{'-'.join(self.ends)} by {self.mode}{' ' * bool(self.note)}{self.note}"


PROOF: Row = {"origin_proof": True}
CASES = [
    # Poland and Germany are in one customs territory: no customs and no duty but by sea, where the
    # ports remain. 1.3 × 899.743 = 1,169.666 km of road: 100 + 584.833 = 684.833 dollars, and
    # 1 + 2.339332 days.
    Case(("Gdansk", "Stuttgart"), "road", 3.339332, 0.0684833),
    # 200 + 292.4165 = 492.4165 dollars; 3 + 1,169.666 / 400 = 5.924165 days.
    Case(("Gdansk", "Stuttgart"), "rail", 5.924165, 0.04924165),
    # 1.29 + 0.192545 = 1.482545 a kg, twice; 2 + 0.0899743 days.
    Case(("Gdansk", "Stuttgart"), "air", 2.0899743, 2.96509),
    # A lane of 6 days for 400 dollars. Poland: 15 days and 1,050 dollars to export; Germany: 7 days
    # and 1,050 to import.
    Case(
        ("Gdansk", "Stuttgart"),
        "sea",
        6.0,
        0.04,
        export=(15.0, 0.105),
        entry=(7.0, 0.105),
        tables={
            "lanes": [
                {"origin": "Gdansk", "destination": "Stuttgart", "mode": "sea"}
                | {"days": 6.0, "cost_per_container": 400.0}
            ]
        },
    ),
    # Mexico: 28.4 hours and 460 dollars; the United States: 9 hours and 275, and 3.76 % of what the
    # goods cost without freight and insurance. 284.4959 km: 242.24795 dollars, 1.5689918 days.
    Case(
        ("Monterrey", "Laredo"),
        "road",
        1.5689918,
        0.024224795,
        export=(28.4 / 24, 0.046),
        entry=(0.375, 0.0275),
        duty_rate=0.0376,
        by_fob=True,
    ),
    # With proof of origin the USMCA applies: customs, but no duty.
    Case(
        ("Monterrey", "Laredo"),
        "road",
        1.5689918,
        0.024224795,
        export=(28.4 / 24, 0.046),
        entry=(0.375, 0.0275),
        by_fob=True,
        bid=PROOF,
        note="with proof",
    ),
    # Viet Nam: 21 days, 610 dollars; Germany: 7 days, 1,050. The sea network has 14,243.557 km:
    # 250 + 911.5876 = 1,161.5876 dollars; 4 + 22.8996 = 26.899609 days. The Union charges 4.1 %.
    Case(
        ("Bac Ninh", "Stuttgart"),
        "sea",
        26.899609,
        0.11615876,
        export=(21.0, 0.061),
        entry=(7.0, 0.105),
        duty_rate=0.041,
    ),
    # Proof of origin does not help without a common free trade area in the list.
    Case(
        ("Bac Ninh", "Stuttgart"),
        "sea",
        26.899609,
        0.11615876,
        export=(21.0, 0.061),
        entry=(7.0, 0.105),
        duty_rate=0.041,
        bid=PROOF,
        note="with proof",
    ),
    # Unless the network states the duty of the origin: 1.7 %.
    Case(
        ("Bac Ninh", "Stuttgart"),
        "sea",
        26.899609,
        0.11615876,
        export=(21.0, 0.061),
        entry=(7.0, 0.105),
        duty_rate=0.017,
        tables={"duties": [{"origin": "VN", "destination": "DE", "rate": 0.017}]},
        note="with a duty stated",
    ),
    # By air customs only: Viet Nam 105 hours (4.375 days) and 429.2 dollars, Germany 16.7 hours and
    # 328 dollars.
    # 1.29 + 0.000214 × 8,737.223 = 3.159766 a kg, twice; 2 + 0.8737223 days.
    Case(
        ("Bac Ninh", "Stuttgart"),
        "air",
        2.8737223,
        6.3195314,
        export=(4.375, 0.04292),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
    ),
    # Trains go by China and Russia: 11,358.39 km; 200 + 2,839.5975 dollars; 3 + 28.395975 days.
    Case(
        ("Bac Ninh", "Stuttgart"),
        "rail",
        31.395975,
        0.30395975,
        export=(4.375, 0.04292),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
    ),
    # South Africa and Botswana are in one customs union: 357.0996 km; 278.5498 dollars, 1.7141992.
    Case(("Johannesburg", "Gaborone"), "road", 1.7141992, 0.02785498),
    # Zimbabwe is not: 187.3 hours and 455 dollars; Botswana 6.8 hours, 164.7 and 8.48 % of the FOB
    # value. 1,204.4292 km: 702.2146 dollars, 3.4088584 days.
    Case(
        ("Harare", "Gaborone"),
        "road",
        3.4088584,
        0.07022146,
        export=(187.3 / 24, 0.0455),
        entry=(6.8 / 24, 0.01647),
        duty_rate=0.0848,
        by_fob=True,
    ),
    # Turkey is in a customs union with the European Union: customs (13.8 hours, 393 dollars), but
    # no duty, with or without proof. 2,305.3745 km: 1,252.68725 dollars, 5.610749 days.
    Case(
        ("Istanbul", "Stuttgart"),
        "road",
        5.610749,
        0.125268725,
        export=(13.8 / 24, 0.0393),
        entry=INTO_THE_UNION,
    ),
    # 200 + 576.343625 dollars; 3 + 5.76343625 days.
    Case(
        ("Istanbul", "Stuttgart"),
        "rail",
        8.76343625,
        0.0776343625,
        export=(13.8 / 24, 0.0393),
        entry=INTO_THE_UNION,
    ),
    # Norway is in the European Economic Area, which is no customs union: 4 hours, 125 dollars, and
    # 4.1 % unless the origin is proven.
    Case(
        ("Oslo", "Stuttgart"),
        "road",
        *OVER_SWEDEN,
        export=(4 / 24, 0.0125),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
    ),
    Case(
        ("Oslo", "Stuttgart"),
        "road",
        *OVER_SWEDEN,
        export=(4 / 24, 0.0125),
        entry=INTO_THE_UNION,
        bid=PROOF,
        note="with proof",
    ),
    # Switzerland: 2.5 hours, 142 dollars. Its agreement with the Union has two partners and is not
    # in the list. 212.7073 km: 206.35365 dollars, 1.4254146 days.
    Case(
        ("Zurich", "Stuttgart"),
        "road",
        1.4254146,
        0.020635365,
        export=(2.5 / 24, 0.0142),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
        bid=PROOF,
    ),
    # London on the last day of the transition, and on the day after: 28 hours, 305 dollars, 4.1 %.
    Case(
        ("London", "Stuttgart"),
        "road",
        *OVER_FRANCE,
        tables={"network": [NETWORK | {"start": "2020-12-31"}]},
        note="in the transition",
    ),
    Case(
        ("London", "Stuttgart"),
        "road",
        *OVER_FRANCE,
        export=(28 / 24, 0.0305),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
        tables={"network": [NETWORK | {"start": "2021-01-01"}]},
        note="after the transition",
    ),
    # ASEAN: 105 hours and 429.2 dollars, 54.2 hours and 276; 8.41 % without proof.
    Case(
        ("Hanoi", "Bangkok"),
        "road",
        *OVER_LAOS,
        export=(4.375, 0.04292),
        entry=(54.2 / 24, 0.0276),
        duty_rate=0.0841,
    ),
    Case(
        ("Hanoi", "Bangkok"),
        "road",
        *OVER_LAOS,
        export=(4.375, 0.04292),
        entry=(54.2 / 24, 0.0276),
        bid=PROOF,
        note="with proof",
    ),
    # Nobody publishes figures of North Korea: the median to export, 3.25 days and 415 dollars.
    # China: 48.5 hours, 318.6 and 6.83 %. 473.6433 km: 336.82165 dollars, 1.9472866 days.
    Case(
        ("Pyongyang", "Shenyang"),
        "road",
        1.9472866,
        0.033682165,
        export=(3.25, 0.0415),
        entry=(48.5 / 24, 0.03186),
        duty_rate=0.0683,
    ),
    # Greenland left the Union; median, and the usual entry into the Union.
    # 1.29 + 0.756479 = 2.046479 a kg.
    Case(
        ("Nuuk", "Copenhagen"),
        "air",
        2.3534948,
        4.092958,
        export=(3.25, 0.0415),
        entry=INTO_THE_UNION,
        duty_rate=0.041,
    ),
    # China 29.3 hours and 329.8 dollars; Taiwan 51.4 hours and 405.4, and no tariff is known of it.
    # 1.29 + 0.172935 = 1.462935 a kg.
    Case(
        ("Shenzhen", "Taipei"),
        "air",
        2.0808109,
        2.92587,
        export=(29.3 / 24, 0.03298),
        entry=(51.4 / 24, 0.04054),
    ),
    # Mercosur asks for proof: Brazil 61 hours and 1,088.4 dollars, Argentina 226 hours and 1,320;
    # 14.72 % without. 2,177.3141 km: 1,188.65705 dollars, 5.3546282 days.
    Case(
        ("Sao Paulo", "Buenos Aires"),
        "road",
        5.3546282,
        0.118865705,
        export=(61 / 24, 0.10884),
        entry=(226 / 24, 0.132),
        duty_rate=0.1472,
    ),
    Case(
        ("Sao Paulo", "Buenos Aires"),
        "road",
        5.3546282,
        0.118865705,
        export=(61 / 24, 0.10884),
        entry=(226 / 24, 0.132),
        bid=PROOF,
        note="with proof",
    ),
    # The Gulf states are one customs territory: 1,127.6473 km, 663.82365 dollars, 3.2552946 days.
    Case(("Dubai", "Riyadh"), "road", 3.2552946, 0.066382365),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_candidate_costs_and_takes_what_is_worked_out_by_hand(case: Case) -> None:
    origin, destination = case.ends
    made = trade(origin, destination, {"modes": case.mode} | case.bid, **case.tables)
    found = costed(made)["B", case.mode, 1]

    (export_days, export), (entry_days, entry) = case.export, case.entry
    shipped = 2.0 + 0.04 + export + case.freight
    insurance = 0.0033 * shipped
    customs_value = 2.0 + 0.04 + export if case.by_fob else shipped + insurance
    under_way = export_days + case.transit + entry_days
    expected = {
        "price": 2.0,
        "origin_charges": 0.04,
        "export": export,
        "freight": case.freight,
        "insurance": insurance,
        "duty": case.duty_rate * customs_value,
        "import": entry,
        "carrying": 2.0 * 0.10 * under_way / 365,
    }
    assert {name: cost for name, cost in found.terms.items() if name in expected} == pytest.approx(
        expected, abs=1e-6
    )
    assert found.total == pytest.approx(sum(expected.values()), abs=2e-6)
    assert found.ship == pytest.approx(30 + export_days)
    assert found.arrive == pytest.approx(30 + under_way, abs=2e-5)


def test_there_are_enough_candidates() -> None:
    assert len(CASES) >= 20


def test_the_lorry_from_gdansk_adds_up() -> None:
    # 2 + 0.04 + 0.0684833 + 0.0033 × 2.1084833 + 2 × 0.1 × 3.339332 / 365
    # = 2.1084833 + 0.00695799 + 0.00182977 = 2.11727106
    found = costed(trade("Gdansk", "Stuttgart", {"modes": "road"}))["B", "road", 1]
    assert found.total == pytest.approx(2.11727106, abs=1e-7)
    # It is there on day 33.339, so on the 34th day, 4 February.
    award = matcher.solve(trade("Gdansk", "Stuttgart", {"modes": "road"})).awards.row(0, named=True)
    assert (award["ship_date"], award["arrival_date"]) == (date(2026, 1, 31), date(2026, 2, 4))


def test_the_lorry_from_monterrey_adds_up() -> None:
    # Value without freight 2 + 0.04 + 0.046 = 2.086; with it 2.110224795; insurance 0.0069637418;
    # duty 0.0376 × 2.086 = 0.0784336; import 0.0275; under way 1.1833333 + 1.5689918 + 0.375 =
    # 3.1273251 days: 0.0017136028. Together 2.2248357.
    found = costed(trade("Monterrey", "Laredo", {"modes": "road"}))["B", "road", 1]
    assert found.total == pytest.approx(2.2248357, abs=1e-6)
    proven = costed(trade("Monterrey", "Laredo", {"modes": "road"} | PROOF))["B", "road", 1]
    assert found.total - proven.total == pytest.approx(0.0784336, abs=1e-7)


@pytest.mark.parametrize(
    ("origin", "destination", "rows", "proof", "rate"),
    [
        # A row for every origin says nothing of the members of a union or area.
        ("Gdansk", "Stuttgart", [(None, 0.10)], False, 0.0),
        ("Istanbul", "Stuttgart", [(None, 0.10)], False, 0.0),
        ("Oslo", "Stuttgart", [(None, 0.10)], False, 0.10),
        ("Oslo", "Stuttgart", [(None, 0.10)], True, 0.0),
        # A row that names the origin always counts.
        ("Istanbul", "Stuttgart", [("TR", 0.10)], False, 0.10),  # such as for steel
        ("Oslo", "Stuttgart", [("NO", 0.10)], True, 0.10),
        ("Monterrey", "Laredo", [("MX", 0.25)], True, 0.25),
        ("Zurich", "Stuttgart", [("CH", 0.0)], False, 0.0),
        ("Zurich", "Stuttgart", [("NO", 0.0)], False, 0.041),
    ],
)
def test_a_duty_row_and_a_bloc(
    origin: str,
    destination: str,
    rows: list[tuple[str | None, float]],
    proof: bool,
    rate: float,
) -> None:
    economy = WORLD[destination][0]
    duties = [{"origin": of, "destination": economy, "rate": value} for of, value in rows]
    bid: Row = {"incoterm": "DAP", "modes": "road", "origin_proof": proof}
    # DAP holds all but duty; the United States take out the freight.
    made = trade(origin, destination, bid, duties=duties)
    freight = 0.0
    if destination == "Laredo":
        freight = 0.024224795 + 0.0033 * 2.0
    found = costed(made)["B", "road", 1]
    assert found.terms["duty"] == pytest.approx(rate * (2.0 - freight), abs=1e-8)


@pytest.mark.parametrize(
    ("origin", "destination", "modes"),
    [
        ("Gdansk", "Stuttgart", {"road", "rail", "air", "sea"}),
        ("Lisbon", "Warsaw", {"road", "rail", "air", "sea"}),  # 2,759 km
        ("Copenhagen", "Hamburg", {"road", "air", "sea"}),  # bridges; too near for trains
        ("Monterrey", "Laredo", {"road", "air", "sea"}),
        ("Penang", "Singapore", {"road", "rail", "air", "sea"}),
        ("Kuching", "Pontianak", {"road", "air", "sea"}),  # both on Borneo
        ("Bac Ninh", "Stuttgart", {"rail", "air", "sea"}),  # too far for lorries
        ("Penang", "Jakarta", {"air", "sea"}),
        ("Kuching", "Singapore", {"air", "sea"}),
        ("Dublin", "Stuttgart", {"air", "sea"}),
        ("Batam", "Singapore", {"air", "sea"}),
        ("Bogota", "Panama City", {"air", "sea"}),  # no road through the Darien Gap
        ("Nuuk", "Copenhagen", {"air", "sea"}),
    ],
)
def test_which_modes_connect(origin: str, destination: str, modes: set[str]) -> None:
    for ends in ((origin, destination), (destination, origin)):
        made = trade(ends[0], ends[1], {"incoterm": "EXW"})
        assert {mode for _, mode, _ in costed(made)} == modes


@pytest.mark.parametrize(
    ("mode", "carried_kg"),
    [
        # 14,243.557 km of sea × 19.77 g a tonne-km, and 1.3 × 548.614 km of road to and from it
        # × 96.23 g: 0.2815951 + 0.0686310 = 0.3502261 kg a kg.
        ("sea", 0.3502261),
        ("air", 9.0390940),  # 8,737.223 × 1,034.55 g
        ("rail", 0.3941361),  # 11,358.39 × 34.7 g
    ],
)
def test_emissions_are_those_of_making_and_of_the_way(mode: str, carried_kg: float) -> None:
    # 3 kg to make a unit of 2 kg; at 100 dollars a tonne, 0.1 a kg.
    made = trade(
        "Bac Ninh",
        "Stuttgart",
        {"modes": mode, "co2e_kg": 3.0},
        network=[NETWORK | {"carbon_price": 100.0}],
    )
    candidates = screen(to_arrays(made)).candidates
    assert candidates.co2e_kg.tolist() == pytest.approx([3.0 + 2 * carried_kg], rel=1e-6)
    found = costed(made)["B", mode, 1]
    assert found.terms["carbon"] == pytest.approx(0.1 * (3.0 + 2 * carried_kg), rel=1e-6)
    free = trade("Bac Ninh", "Stuttgart", {"modes": mode, "co2e_kg": 3.0})
    without = costed(free)["B", mode, 1]
    assert without.terms["carbon"] == 0.0
    assert found.total - without.total == pytest.approx(found.terms["carbon"])


def test_the_carbon_price_is_in_the_networks_money() -> None:
    # 3 kg made at home, 100 euros a tonne; a dollar is 0.90 euros, which does not matter here.
    made = network(
        network=[{"currency": "EUR", "carbon_price": 100.0}],
        rates=[{"currency": "USD", "value": 0.9}],
        bids=[{"bid": "B", "supplier": "S", "co2e_kg": 3.0}],
    )
    found = costed(made)["B", "road", 1]
    assert found.terms["carbon"] == pytest.approx(0.3)
    assert found.total == pytest.approx(0.9 + 0.3)


def test_a_carbon_price_turns_a_plan() -> None:
    # A makes a unit for 1.00 and 5 kg, B for 1.20 and 1 kg: from 50 dollars a tonne on it is B.
    for price, winner in ((49.0, "A"), (51.0, "B")):
        made = network(network=[{"carbon_price": price}], bids=TWO)
        plan = matcher.solve(made, gap_limit=0.0)
        assert plan.awards["bid"].to_list() == [winner]
        assert matcher.check(made, plan).findings == ()


TWO: list[Row] = [
    {"bid": "A", "supplier": "S1", "price": 1.0, "co2e_kg": 5.0},
    {"bid": "B", "supplier": "S2", "price": 1.2, "co2e_kg": 1.0},
]
LIMIT: Row = {"rule": "R", "kind": "limit", "scope": "network", "measure": "emissions"}


def solved(**tables: list[Row]) -> tuple[Network, Any]:
    made = network(bids=TWO, **tables)
    plan = matcher.solve(made, gap_limit=0.0)
    assert matcher.check(made, plan).findings == ()
    return made, plan


def quantities(plan: Any) -> dict[str, float]:
    return dict(plan.awards.group_by("bid").agg(pl.col("quantity").sum()).iter_rows())


def test_an_emissions_limit_is_kept() -> None:
    # 5 a + b = 300 and a + b = 100: a = 50. 50 × 1.0 + 50 × 1.2 = 110.
    _, plan = solved(rules=[LIMIT | {"max": 300.0}])
    assert quantities(plan) == pytest.approx({"A": 50.0, "B": 50.0}, rel=1e-4)
    assert plan.result.best == pytest.approx(110.0, rel=1e-5)
    assert plan.awards["co2e_kg"].sum() == pytest.approx(300.0, rel=1e-5)


def test_an_emissions_limit_as_a_target_costs_what_is_missed() -> None:
    # A kg less costs 0.2 / 4 = 0.05 dollars: at 0.04 the target is missed by 200 kg, at 0.06 not.
    for price, total in ((0.04, 100.0 + 0.04 * 200.0), (0.06, 110.0)):
        _, plan = solved(rules=[LIMIT | {"max": 300.0, "priority": 1, "price": price}])
        assert plan.result.best == pytest.approx(total, rel=1e-5)


def test_a_report_tells_a_missed_emissions_target_in_kg() -> None:
    made, plan = solved(rules=[LIMIT | {"max": 300.0, "priority": 1, "price": 0.04}])
    text = to_markdown(summarize(made, plan))
    assert "missed by 200.00 kg CO₂e" in text


def test_a_limit_of_one_suppliers_emissions() -> None:
    _, plan = solved(rules=[LIMIT | {"group": "supplier", "who": "S1", "max": 100.0}])
    assert quantities(plan) == pytest.approx({"A": 20.0, "B": 80.0}, rel=1e-4)


def test_a_plan_over_an_emissions_limit_is_caught() -> None:
    made = network(bids=TWO, rules=[LIMIT | {"max": 300.0}])
    plan = matcher.solve(network(bids=TWO), gap_limit=0.0)  # without the rule, A makes all
    assert quantities(plan) == pytest.approx({"A": 100.0})
    messages = [f.message for f in matcher.check(made, plan).findings if f.code == "rule"]
    assert messages == ["R: 200.00 kg CO₂e more than allowed"]


def test_emissions_as_an_objective() -> None:
    # For at most 10 % more than the least cost of 100: 50 from each, as above.
    _, plan = solved(
        objectives=[
            {"objective": "cost", "order": 1, "tolerance": 0.1},
            {"objective": "emissions", "order": 2},
        ]
    )
    assert quantities(plan) == pytest.approx({"A": 50.0, "B": 50.0}, rel=1e-4)
    [reached] = [each for each in plan.result.objectives if each.objective == "emissions"]
    assert reached.value == pytest.approx(300.0, rel=1e-4)
    # First of all: everything from B, whatever it costs.
    _, plan = solved(
        objectives=[{"objective": "emissions", "order": 1}, {"objective": "cost", "order": 2}]
    )
    assert quantities(plan) == pytest.approx({"B": 100.0})


def test_emissions_choose_the_way() -> None:
    # Two ways of one bid: cost alone takes the lane by air, which is free; emissions the train.
    lanes = [
        {"origin": "Bac Ninh", "destination": "Stuttgart", "mode": mode, "days": 1.0}
        | {"cost_per_kg": cost}
        for mode, cost in (("air", 0.0), ("rail", 1.0))
    ]
    for objectives, mode in (
        ([{"objective": "cost", "order": 1}], "air"),
        ([{"objective": "emissions", "order": 1}, {"objective": "cost", "order": 2}], "rail"),
    ):
        made = trade(
            "Bac Ninh", "Stuttgart", {"modes": "air;rail"}, lanes=lanes, objectives=objectives
        )
        plan = matcher.solve(made, gap_limit=0.0)
        assert plan.awards["mode"].to_list() == [mode]
        assert matcher.check(made, plan).findings == ()


def test_an_economy_without_figures_does_not_stop_a_solve() -> None:
    made = trade("Pyongyang", "Shenyang", {"modes": "road"})
    assert {w.code for w in made.warnings} == {"assumed_duty", "assumed_trade_cost"}
    plan = matcher.solve(made)
    assert plan.awards.height == 1
    assert matcher.check(made, plan).findings == ()
