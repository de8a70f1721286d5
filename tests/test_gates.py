"""Each gate: what passes, what does not, and by how much.

Exactly on a limit passes; anything beyond it fails with the distance to the limit.
"""

from __future__ import annotations

from math import pi
from typing import Any

import pytest

from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.schema.tables import MODES
from matcher.screening.candidates import screen
from matcher.screening.gates import REASONS
from tests.networks import Row, network

DEGREE_KM = 6371.0088 * pi / 180

Rejection = tuple[str, float]


def rejections(made: Network) -> list[tuple[str, Any]]:
    """Reason and distance of every gate failed, in the order of demand, bid and gate."""
    found = screen(to_arrays(made)).rejections
    return [
        (list(REASONS)[code], pytest.approx(distance))
        for code, distance in zip(found.reason.tolist(), found.distance.tolist(), strict=True)
    ]


def num_candidates(made: Network) -> int:
    return screen(to_arrays(made)).candidates.size


def one(bid: Row | None = None, **demand: Any) -> Network:
    """One demand of 100 units, and one bid."""
    return network(
        demands=[{"demand": "D", **demand}], bids=[{"bid": "B", "supplier": "S", **(bid or {})}]
    )


def passes(made: Network) -> bool:
    found = screen(to_arrays(made))
    return found.candidates.size > 0 and found.rejections.demand.size == 0


@pytest.mark.parametrize(
    ("ppm", "expected"),
    [
        (0.0, []),
        (499.0, []),
        (500.0, []),
        (500.5, [("quality", 0.5)]),
    ],
)
def test_quality(ppm: float, expected: list[Rejection]) -> None:
    assert rejections(one({"ppm": ppm}, max_ppm=500.0)) == expected


def test_quality_limit_of_zero_allows_no_defect() -> None:
    assert passes(one({"ppm": 0.0}, max_ppm=0.0))
    assert rejections(one({"ppm": 1.0}, max_ppm=0.0)) == [("quality", 1.0)]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (1.0, []),
        (0.95, []),
        (0.94, [("on_time", 0.01)]),
        (0.0, [("on_time", 0.95)]),
    ],
)
def test_on_time(rate: float, expected: list[Rejection]) -> None:
    assert rejections(one({"on_time_rate": rate}, min_on_time_rate=0.95)) == expected


@pytest.mark.parametrize(
    ("lead_time_days", "expected"),
    [
        # Due on 31 January, 30 days after the start; 4 safety days leave 26.
        (25.0, []),
        (26.0, []),
        (26.25, [("delivery", 0.25)]),
        (29.0, [("delivery", 3.0)]),
    ],
)
def test_delivery(lead_time_days: float, expected: list[Rejection]) -> None:
    made = one({"lead_time_days": lead_time_days}, due="2026-01-31", safety_days=4.0)
    assert rejections(made) == expected


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (2.5, []),
        (2.500001, [("ceiling", 0.000001)]),
        (2.92, [("ceiling", 0.42)]),
    ],
)
def test_ceiling(price: float, expected: list[Rejection]) -> None:
    assert rejections(one({"price": price}, ceiling=2.5)) == expected


def test_ceiling_holds_a_sum_of_decimals_that_meets_it() -> None:
    # 0.1 + 0.2 is 0.30000000000000004 in binary.
    assert passes(one({"price": 0.1, "origin_charges": 0.2}, ceiling=0.3))


@pytest.mark.parametrize(
    ("bid", "demand", "expected"),
    [
        ({"moq": 100.0}, {}, []),
        ({"moq": 101.0}, {}, [("quantity", 1.0)]),
        ({"moq": 60.0}, {"share_cap": 0.6}, []),
        ({"moq": 61.0}, {"share_cap": 0.6}, [("quantity", 1.0)]),
        # Multiples of 30 from MOQ 50: 60 at least, up to 90.
        ({"moq": 50.0, "order_multiple": 30.0}, {}, []),
        # Multiples of 40 from MOQ 50: 80 is 10 above the cap of 70.
        ({"moq": 50.0, "order_multiple": 40.0}, {"share_cap": 0.7}, [("quantity", 10.0)]),
        # No multiple of 150 fits into 100: the smallest award is 50 too large.
        ({"order_multiple": 150.0}, {}, [("quantity", 50.0)]),
        # Single source wants all 100 in one award.
        ({"max_quantity": 100.0}, {"single_source": True}, []),
        ({"max_quantity": 99.0}, {"single_source": True}, [("quantity", 1.0)]),
        ({"order_multiple": 25.0}, {"single_source": True}, []),
        # The first multiple of 30 that holds all is 120, 20 more than is needed.
        ({"order_multiple": 30.0}, {"single_source": True}, [("quantity", 20.0)]),
    ],
)
def test_quantity(bid: Row, demand: Row, expected: list[Rejection]) -> None:
    assert rejections(one(bid, **demand)) == expected


@pytest.mark.parametrize(
    ("max_quantity", "expected"),
    [
        (None, []),
        (100.0, []),
        (99.0, [("quantity", 1.0)]),
    ],
)
def test_a_bid_of_a_bundle_gives_all_or_nothing(
    max_quantity: float | None, expected: list[Rejection]
) -> None:
    made = one({"demand": "D", "bundle": "both", "max_quantity": max_quantity})
    assert rejections(made) == expected
    found = screen(to_arrays(made)).candidates
    assert found.lower.tolist() == found.upper.tolist() == [100.0] * (not expected)


@pytest.mark.parametrize(
    ("incremental", "ceiling", "max_quantity", "expected"),
    [
        # 3 a unit, and 2 from 60 on. All units: an award of 60 or more costs 2.
        (False, 2.0, None, []),
        # Incremental: 60 at 3 and 40 at 2 are 260, 2.60 a unit on average.
        (True, 2.6, None, []),
        (True, 2.5, None, [("ceiling", 0.1)]),
        # At most 80: 180 + 40 are 220, 2.75 a unit.
        (True, 2.6, 80.0, [("ceiling", 0.15)]),
        # At most 50, so that the second tier is out of reach, and the first is what is compared.
        (True, 2.6, 50.0, [("ceiling", 0.4)]),
    ],
)
def test_the_ceiling_of_tiers(
    incremental: bool, ceiling: float, max_quantity: float | None, expected: list[Rejection]
) -> None:
    made = network(
        demands=[{"demand": "D", "ceiling": ceiling}],
        bids=[
            {
                "bid": "B",
                "supplier": "S",
                "price": 3.0,
                "incremental": incremental,
                "max_quantity": max_quantity,
            }
        ],
        tiers=[{"bid": "B", "from_quantity": 60.0, "price": 2.0}],
    )
    assert rejections(made) == expected


def test_quantity_of_decimal_multiples() -> None:
    # 3 × 0.1 is 0.30000000000000004; a demand of 0.3 takes three.
    made = one({"order_multiple": 0.1}, quantity=0.3, single_source=True)
    assert rejections(made) == []


def test_a_tier_above_the_demand_is_no_candidate_but_the_bid_is() -> None:
    made = network(
        bids=[{"bid": "B", "supplier": "S"}],
        tiers=[
            {"bid": "B", "from_quantity": 100.0, "price": 0.9},
            {"bid": "B", "from_quantity": 101.0, "price": 0.8},
        ],
    )
    assert num_candidates(made) == 2
    assert rejections(made) == []


# Two places of TH and one of VN on the equator, at 0, 2 and 5 degrees.
PLACES: list[Row] = [
    {"place": "P", "economy": "VN", "latitude": 0.0, "longitude": 5.0},
    {"place": "Q", "economy": "TH", "latitude": 0.0, "longitude": 0.0},
    {"place": "R", "economy": "TH", "latitude": 0.0, "longitude": 2.0},
]


def from_q(**tables: list[Row]) -> Network:
    """A bid from Q (TH), with tables of its own."""
    rows: dict[str, list[Row]] = {
        "places": PLACES,
        "suppliers": [{"supplier": "S", "place": "Q"}],
        "bids": [{"bid": "B", "supplier": "S"}],
    }
    return network(**(rows | tables))


@pytest.mark.parametrize(
    ("modes", "place", "expected"),
    [
        ("air", "P", []),
        ("road", "P", [("lane", 5 * DEGREE_KM)]),  # no road crosses a border unless a lane says so
        ("rail", "P", [("lane", 5 * DEGREE_KM)]),
        ("road", "R", []),
        ("sea;air", "R", [("lane", 2 * DEGREE_KM)]),  # within one economy goods go by road
        ("rail;air", "P", []),
    ],
)
def test_lane(modes: str, place: str, expected: list[Rejection]) -> None:
    made = from_q(
        demands=[{"demand": "D", "place": place}],
        bids=[{"bid": "B", "supplier": "S", "modes": modes}],
    )
    assert rejections(made) == expected


def test_a_lane_of_ones_own_connects() -> None:
    made = from_q(
        bids=[{"bid": "B", "supplier": "S", "modes": "rail"}],
        lanes=[
            {"origin": "Q", "destination": "P", "mode": "rail", "days": 3.0, "cost_per_kg": 0.1}
        ],
    )
    assert passes(made)


@pytest.mark.filterwarnings("error")
def test_a_place_that_no_ship_reaches() -> None:
    made = network(
        places=[
            PLACES[0],
            {"place": "Astana", "economy": "KZ", "latitude": 51.2, "longitude": 71.4},
        ],
        suppliers=[{"supplier": "S", "place": "Astana"}],
        bids=[{"bid": "B", "supplier": "S", "incoterm": "FCA"}],
    )
    found = screen(to_arrays(made)).candidates
    assert [MODES[mode] for mode in found.mode] == ["air"]


@pytest.mark.parametrize(
    ("incoterm", "named_place", "expected"),
    [
        ("CIF", None, []),
        ("CIF", "P", []),
        ("CIF", "R", [("terms", 3 * DEGREE_KM)]),  # holds to a place in TH, the demand is in VN
        ("DDP", "Q", [("terms", 5 * DEGREE_KM)]),
        ("FOB", "R", []),  # F terms name a place at the origin
    ],
)
def test_terms(incoterm: str, named_place: str | None, expected: list[Rejection]) -> None:
    made = from_q(
        bids=[{"bid": "B", "supplier": "S", "incoterm": incoterm, "named_place": named_place}]
    )
    assert rejections(made) == expected


@pytest.mark.parametrize("incoterm", ["CPT", "DAP", "DDP"])
def test_terms_within_one_economy_hold_to_the_named_place(incoterm: str) -> None:
    # Delivered to Q, where it is made; the demand is at R, two degrees on, and there is no import
    # whose cost would hold the way.
    made = from_q(
        demands=[{"demand": "D", "place": "R"}],
        bids=[{"bid": "B", "supplier": "S", "incoterm": incoterm, "named_place": "Q"}],
    )
    assert rejections(made) == [("terms", 2 * DEGREE_KM)]


def certified(
    due: str = "2026-06-30", requirements: list[Row] | None = None, **certificate: Any
) -> Network:
    """ISO 9001 asked for component C; the supplier holds one certificate."""
    return network(
        demands=[{"demand": "D", "due": due}],
        components=[{"component": "C"}, {"component": "other"}],
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
        requirements=requirements or [{"component": "C", "standard": "ISO 9001"}],
        bids=[{"bid": "B", "supplier": "S"}],
        certificates=[{"supplier": "S", "standard": "ISO 9001", **certificate}],
    )


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "expected"),
    [
        (None, None, []),
        (None, "2026-06-30", []),  # the last day counts
        ("2026-06-30", None, []),  # so does the first
        (None, "2026-06-29", [("certificate_date", 1)]),
        (None, "2026-06-01", [("certificate_date", 29)]),
        ("2026-07-01", None, [("certificate_date", 1)]),
        ("2026-07-10", "2027-01-01", [("certificate_date", 10)]),
        ("1995-01-01", "1998-01-01", [("certificate_date", 10407)]),  # before the network's start:
        # 28 years of 365 days, 7 leap days (2000 to 2024), 180 days from 1 January to 30 June
    ],
)
def test_certificate_dates(
    valid_from: str | None, valid_to: str | None, expected: list[Rejection]
) -> None:
    assert rejections(certified(valid_from=valid_from, valid_to=valid_to)) == expected


def test_the_nearest_of_several_certificates_counts() -> None:
    made = network(
        demands=[{"demand": "D", "due": "2026-06-30"}],
        requirements=[{"component": "C", "standard": "ISO 9001"}],
        bids=[{"bid": "B", "supplier": "S"}],
        certificates=[
            {"supplier": "S", "standard": "ISO 9001", "valid_to": "2026-05-31"},  # 30 days short
            {"supplier": "S", "standard": "IATF 16949", "valid_from": "2026-07-05"},  # 5
        ],
    )
    assert rejections(made) == [("certificate_date", 5)]


@pytest.mark.parametrize(
    ("held", "asked", "expected"),
    [
        ("ISO 9001", "ISO 9001", []),
        ("iso9001:2015", "ISO 9001", []),
        ("IATF 16949", "ISO 9001", []),
        ("ISO 9001", "IATF 16949", [("standard", 1)]),  # the other way round it does not imply
        ("FSSC 22000", "HACCP", []),  # FSSC 22000 ⇒ ISO 22000 ⇒ HACCP
        ("ISO 14001", "ISO 9001", [("standard", 1)]),
    ],
)
def test_implied_standards(held: str, asked: str, expected: list[Rejection]) -> None:
    made = certified(standard=held, requirements=[{"component": "C", "standard": asked}])
    assert rejections(made) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (None, []),
        ("C", []),
        ("other", [("standard", 1)]),
    ],
)
def test_the_scope_of_a_certificate(scope: str | None, expected: list[Rejection]) -> None:
    assert rejections(certified(scope=scope)) == expected


@pytest.mark.parametrize(
    ("lead_firm", "expected"),
    [
        (None, [("standard", 1)]),
        ("F", [("standard", 1)]),  # the demand is F's
        ("G", []),
    ],
)
def test_a_requirement_of_one_lead_firm(lead_firm: str | None, expected: list[Rejection]) -> None:
    made = certified(
        requirements=[
            {"component": "C", "standard": "SA 8000", "lead_firm": lead_firm},
            {"component": "C", "standard": "ISO 9001", "lead_firm": None},
        ]
    )
    assert rejections(made) == expected


def test_every_standard_that_is_lacking_is_told() -> None:
    made = certified(
        valid_to="2026-06-20",
        requirements=[
            {"component": "C", "standard": standard}
            for standard in ("ISO 9001", "ISO 14001", "SA 8000")
        ],
    )
    assert rejections(made) == [("standard", 1), ("standard", 1), ("certificate_date", 10)]


def test_a_standard_asked_by_all_and_by_one_is_lacking_once() -> None:
    made = certified(
        requirements=[
            {"component": "C", "standard": "SA 8000", "lead_firm": None},
            {"component": "C", "standard": "SA 8000", "lead_firm": "F"},
        ]
    )
    assert rejections(made) == [("standard", 1)]


@pytest.mark.parametrize(
    ("held", "stated", "expected"),
    [
        ({"standard": "ISO 9001"}, [], [("standard", 1)]),
        ({"standard": "iso 27001:2022"}, [], []),
        ({"standard": "Secrecy F"}, [], []),  # the firm's own agreement, which implies it
        ({"standard": "ISO 27001", "scope": "other"}, [], [("standard", 1)]),
        ({"standard": "ISO 27001", "valid_to": "2026-06-28"}, [], [("certificate_date", 2)]),
        # Stated besides, by all or by one lead firm, it is still one standard.
        ({"standard": "ISO 9001"}, [("ISO 27001", None)], [("standard", 1)]),
        ({"standard": "ISO 9001"}, [("ISO 27001", "F")], [("standard", 1)]),
        ({"standard": "ISO 9001"}, [("ISO 27001", "G")], [("standard", 1)]),
        # Other standards are asked as ever.
        ({"standard": "ISO 27001"}, [("SA 8000", None), ("UL", "G")], [("standard", 1)]),
    ],
)
def test_sensitive_components(
    held: Row, stated: list[tuple[str, str | None]], expected: list[Rejection]
) -> None:
    made = network(
        demands=[
            {"demand": f"D {component}", "component": component, "due": "2026-06-30"}
            for component in ("A", "C")
        ],
        components=[
            {"component": "A"},
            {"component": "C", "sensitive": True},
            {"component": "other"},
        ],
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
        standards=[{"standard": "Secrecy F", "class": "firm", "implies": "ISO/IEC 27001"}],
        requirements=[
            {"component": "C", "standard": standard, "lead_firm": firm} for standard, firm in stated
        ],
        bids=[
            {"bid": f"B {component}", "supplier": "S", "component": component}
            for component in ("A", "C")
        ],
        certificates=[{"supplier": "S", **held}],
    )
    assert rejections(made) == expected  # nothing is asked of makers of A


@pytest.mark.parametrize(
    ("holder", "expected"),
    [("lead", []), ("member", [("standard", 1), ("standard", 1)])],
)
def test_certificates_of_a_consortium_are_its_leads(holder: str, expected: list[Rejection]) -> None:
    made = network(
        requirements=[{"component": "C", "standard": "ISO 9001"}],
        consortia=[{"consortium": "K", "lead": "lead"}],
        bids=[
            {"bid": f"B {supplier}", "supplier": supplier, "consortium": "K"}
            for supplier in ("lead", "member")
        ],
        certificates=[{"supplier": holder, "standard": "ISO 9001"}],
    )
    assert rejections(made) == expected


@pytest.mark.parametrize(
    ("owner", "core", "expected"),
    [
        (None, False, []),
        ("F", False, []),
        ("G", False, [("own_plant", 1)]),
        (None, True, [("in_house", 1)]),
        ("F", True, []),
        ("G", True, [("own_plant", 1), ("in_house", 1)]),
    ],
)
def test_own_plants_and_core_components(
    owner: str | None, core: bool, expected: list[Rejection]
) -> None:
    made = network(
        components=[{"component": "C", "core": core}],
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],  # the demand is F's
        suppliers=[{"supplier": "S", "lead_firm": owner}],
        bids=[{"bid": "B", "supplier": "S"}],
    )
    assert rejections(made) == expected


# In the order of their days, not of their keys.
PERIODS: list[Row] = [
    {"period": "spring", "first": "2026-01-01", "last": "2026-03-31"},
    {"period": "early summer", "first": "2026-04-01", "last": "2026-06-30"},
    {"period": "half", "first": "2026-07-01", "last": "2026-12-31"},
]


@pytest.mark.parametrize(
    ("due", "shares", "expected"),
    [
        ("2026-02-15", {}, []),
        ("2026-02-15", {"spring": 0.01}, []),
        ("2026-02-15", {"early summer": 0.0, "half": 0.0}, []),
        # 15 February to 1 April: 14 + 31 days.
        ("2026-02-15", {"spring": 0.0}, [("ramp", 45)]),
        ("2026-02-15", {"spring": 0.0, "early summer": 0.2}, [("ramp", 45)]),
        ("2026-02-15", {"spring": 0.0, "early summer": 0.2, "half": 0.0}, [("ramp", 45)]),
        ("2026-03-31", {"spring": 0.0}, [("ramp", 1)]),
        # To 1 July, 30 + 31 + 30 days more.
        ("2026-02-15", {"spring": 0.0, "early summer": 0.0}, [("ramp", 136)]),
        ("2026-06-01", {"spring": 0.0, "early summer": 0.0}, [("ramp", 30)]),
    ],
)
def test_ramp(due: str, shares: dict[str, float], expected: list[Rejection]) -> None:
    made = network(
        demands=[{"demand": "D", "due": due}],
        periods=PERIODS,
        bids=[{"bid": "B", "supplier": "S"}],
        resources=[{"resource": "R", "supplier": "S", "capacity": 1000.0}],
        usages=[{"bid": "B", "resource": "R", "use_per_unit": 1.0}],
        ramps=[{"bid": "B", "period": period, "share": share} for period, share in shares.items()],
    )
    assert rejections(made) == expected


def test_the_ramp_of_one_bid_does_not_lengthen_that_of_the_next() -> None:
    # Each waits for the end of its own period: B1 a day for the year's end, B2 30 + 1 for April.
    made = network(
        demands=[
            {"demand": "D1", "due": "2026-12-31"},
            {"demand": "D2", "due": "2026-03-01"},
        ],
        periods=PERIODS,
        bids=[
            {"bid": "B1", "supplier": "S1", "demand": "D1"},
            {"bid": "B2", "supplier": "S2", "demand": "D2"},
        ],
        ramps=[
            {"bid": "B1", "period": "half", "share": 0.0},
            {"bid": "B2", "period": "spring", "share": 0.0},
        ],
    )
    assert rejections(made) == [("ramp", 1), ("ramp", 31)]


def test_every_gate_that_is_failed_is_told() -> None:
    made = one(
        {"ppm": 30.0, "on_time_rate": 0.5, "lead_time_days": 40.0, "price": 9.0, "moq": 150.0},
        max_ppm=10.0,
        min_on_time_rate=0.9,
        due="2026-01-31",
        ceiling=8.0,
    )
    assert rejections(made) == [
        ("quality", 20.0),
        ("on_time", 0.4),
        ("quantity", 50.0),
        ("delivery", 10.0),
        ("ceiling", 1.0),
    ]


def test_a_gate_of_the_mode_is_not_failed_if_another_mode_passes_it() -> None:
    # Sea arrives on day 30, a day late; air on day 3 for 10 more than the ceiling allows. Neither
    # is a candidate, and each fails one gate: the nearer speaks. 1 day of 29 is nearer than 10 of
    # 5 in cost.
    lanes = [
        {"origin": "Q", "destination": "P", "mode": mode, "days": days, "cost_per_kg": cost}
        for mode, days, cost in (("sea", 30.0, 1.0), ("air", 3.0, 14.0))
    ]
    made = from_q(
        demands=[{"demand": "D", "due": "2026-01-30", "ceiling": 5.0}],
        lanes=lanes,
        trade_costs=[{"economy": "TH"}, {"economy": "VN"}],
    )
    found = screen(to_arrays(made)).rejections
    assert rejections(made) == [("delivery", 1.0)]
    assert [MODES[mode] for mode in found.mode] == ["sea"]


def test_the_mode_that_fails_fewer_gates_speaks() -> None:
    # Sea is late and too dear; air is only too dear, if by more.
    lanes = [
        {"origin": "Q", "destination": "P", "mode": mode, "days": days, "cost_per_kg": cost}
        for mode, days, cost in (("sea", 30.0, 5.0), ("air", 3.0, 14.0))
    ]
    made = from_q(
        demands=[{"demand": "D", "due": "2026-01-30", "ceiling": 5.0}],
        lanes=lanes,
        trade_costs=[{"economy": "TH"}, {"economy": "VN"}],
    )
    # Price 1 and 14 for a kg, 10 above the ceiling of 5.
    assert rejections(made) == [("ceiling", 10.0)]


def test_a_bid_for_one_demand_is_a_pair_of_that_demand_only() -> None:
    made = network(
        demands=[{"demand": "D1"}, {"demand": "D2"}],
        bids=[{"bid": "B", "supplier": "S", "demand": "D2"}],
    )
    found = screen(to_arrays(made))
    assert (found.pairs.demand.tolist(), found.candidates.demand.tolist()) == ([1], [1])
