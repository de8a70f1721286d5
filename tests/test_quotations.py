"""Quotations as suppliers write them: prices for so many units, price breaks side by side."""

from __future__ import annotations

from datetime import date

import pytest

from matcher.errors import InputError
from matcher.network.arrays import to_arrays
from matcher.read import network_from_tables
from matcher.screening.candidates import screen
from matcher.screening.landed_cost import TERMS
from matcher.solve import solve
from tests.networks import Row, frame, network


def test_a_price_may_be_for_a_hundred_or_a_thousand() -> None:
    made = network(
        bids=[
            {"bid": "B1", "supplier": "S1", "price": 2_100.0, "price_per": 1_000.0},
            {"bid": "B2", "supplier": "S2", "price": 250.0, "price_per": 100.0},
            {"bid": "B3", "supplier": "S3", "price": 2.3},
        ]
    )
    # 2,100 / 1,000, 250 / 100 and 2.30 a unit.
    assert screen(to_arrays(made)).candidates.unit_cost.tolist() == pytest.approx([2.1, 2.5, 2.3])
    plan = solve(made, gap_limit=0.0)
    assert plan.awards["bid"].to_list() == ["B1"]
    assert plan.cost == pytest.approx(210.0)  # 100 units


def test_tiers_have_the_price_of_as_many_units() -> None:
    made = network(
        demands=[{"demand": "D", "quantity": 1_000.0}],
        bids=[{"bid": "B", "supplier": "S", "price": 300.0, "price_per": 100.0}],
        tiers=[{"bid": "B", "from_quantity": 500.0, "price": 280.0}],
    )
    assert solve(made, gap_limit=0.0).cost == pytest.approx(2_800.0)  # 1,000 x 280 / 100


@pytest.mark.parametrize("per", [0.0, -100.0])
def test_a_price_is_for_more_than_nothing(per: float) -> None:
    with pytest.raises(InputError) as caught:
        network(bids=[{"bid": "B", "supplier": "S", "price_per": per}])
    assert [issue.code for issue in caught.value.issues] == ["out_of_range"]


@pytest.mark.parametrize(
    "name", ["qty_1", "price_1", "Price 2", "quantity2", "break-3", "from_1000"]
)
def test_price_breaks_side_by_side_lead_to_the_table_of_tiers(name: str) -> None:
    made = network(bids=[{"bid": "B", "supplier": "S"}])
    tables = {
        table: made.table(table) for table in ("network", "lead_firms", "places", "components")
    } | {"demands": made.demands, "suppliers": made.suppliers}
    wide = frame("bids", [{"bid": "B", "supplier": "S", name: 1.9}])
    with pytest.raises(InputError) as caught:
        network_from_tables(tables | {"bids": wide})
    (issue,) = caught.value.issues
    assert issue.code == "unknown_column"
    assert "table tiers" in issue.fix


def test_nobody_is_told_to_delete_what_may_matter() -> None:
    made = network(bids=[{"bid": "B", "supplier": "S"}])
    wide = frame("bids", [{"bid": "B", "supplier": "S", "surcharge_for_alloy": 0.2}])
    names = ("network", "lead_firms", "places", "components", "demands", "suppliers")
    with pytest.raises(InputError) as caught:
        network_from_tables({name: made.table(name) for name in names} | {"bids": wide})
    assert "if nothing in it matters" in caught.value.issues[0].fix


def unit_costs(**bid: float) -> dict[str, float]:
    """The terms of one bid at 2.00 USD and 20 days, with capital at 10 % a year."""
    made = network(
        network=[{"carrying_rate": 0.10}],
        bids=[{"bid": "B", "supplier": "S", "price": 2.0, "lead_time_days": 20.0} | bid],
    )
    return dict(zip(TERMS, screen(to_arrays(made)).candidates.terms[:, 0].tolist(), strict=True))


def test_what_is_paid_in_advance_ties_up_capital() -> None:
    # 30 days before the factory gate: 2.00 x 10 % x 30 / 365.
    assert unit_costs(payment_days=-30.0)["payment_terms"] == pytest.approx(2.0 * 0.1 * 30 / 365)
    # So a bid of 2.01 that is paid on delivery is cheaper.
    made = network(
        network=[{"carrying_rate": 0.10}],
        bids=[
            {"bid": "early", "supplier": "S1", "price": 2.0, "payment_days": -30.0},
            {"bid": "later", "supplier": "S2", "price": 2.01},
        ],
    )
    assert solve(made, gap_limit=0.0).awards["bid"].to_list() == ["later"]


def test_a_deposit_is_paid_with_the_order() -> None:
    # 30 % of 2.00 for the 20 days of production, less 70 % of it for 60 days after.
    expected = 2.0 * 0.1 * (0.3 * 20 - 0.7 * 60) / 365
    costs = unit_costs(deposit=0.3, payment_days=60.0)
    assert costs["payment_terms"] == pytest.approx(expected)
    assert costs["price"] == 2.0


@pytest.mark.parametrize(
    ("bid", "awarded"),
    [
        # 20 days of production and 30 until payment: 100 x 2.00 x 50 / 365 = 27.40 tied up.
        ({"payment_days": 30.0}, 100.0),
        ({"payment_days": 31.0}, 0.0),  # 27.95
        ({"payment_days": 81.0, "deposit": 0.5}, 0.0),  # half of 200 x 101 / 365 = 27.67
        ({"payment_days": 80.0, "deposit": 0.5}, 100.0),  # half of 200 x 100 / 365 = 27.40
        ({"payment_days": -30.0}, 100.0),  # nothing at all
    ],
)
def test_an_advance_frees_the_suppliers_working_capital(bid: Row, awarded: float) -> None:
    made = network(
        suppliers=[{"supplier": "S", "credit_line": 27.5}],
        bids=[
            {"bid": "B", "supplier": "S", "price": 2.0, "lead_time_days": 20.0, "moq": 100.0} | bid
        ],
        rules=[{"rule": "line", "kind": "working_capital", "scope": "network", "max": 1.0}],
    )
    assert solve(made, gap_limit=0.0).awards["quantity"].sum() == pytest.approx(awarded)


def test_surcharges_come_on_top_of_every_tier() -> None:
    made = network(
        demands=[{"demand": "D", "quantity": 1_000.0}],
        bids=[
            {
                "bid": "B",
                "supplier": "S",
                "price": 300.0,
                "price_per": 100.0,
                "surcharge_rate": 0.05,
                "surcharge": 0.10,
            }
        ],
        tiers=[{"bid": "B", "from_quantity": 500.0, "price": 280.0}],
    )
    # 3.00 x 1.05 + 0.10 a unit, and from 500 on 2.80 x 1.05 + 0.10.
    costs = screen(to_arrays(made)).candidates.unit_cost.tolist()
    assert costs == pytest.approx([3.25, 3.04])


# Arrival of what is made at the place where it is needed, ordered on 6 February 2026, a Friday.
@pytest.mark.parametrize(
    ("economy", "lead", "arrives"),
    [
        ("VN", {"lead_time_days": 15.0}, date(2026, 2, 21)),
        # 9 to 13 and 23 to 27 February and 2 to 6 March: Tet closes 16 to 20 February.
        ("VN", {"lead_time_working_days": 15.0}, date(2026, 3, 6)),
        ("VN", {"lead_time_days": 15.0, "lead_time_working_days": 15.0}, date(2026, 3, 6)),
        ("VN", {"lead_time_days": 40.0, "lead_time_working_days": 15.0}, date(2026, 3, 18)),
        # 9 to 27 February but for Presidents' Day on the 16th, and 2 March.
        ("US", {"lead_time_working_days": 15.0}, date(2026, 3, 2)),
        # There Friday and Saturday are the weekend, so that work ends on another day.
        ("BD", {"lead_time_working_days": 5.0}, None),
        ("VN", {"lead_time_working_days": 0.0}, date(2026, 2, 6)),
        ("VN", {"lead_time_working_days": 0.5}, date(2026, 2, 9)),
    ],
)
def test_lead_times_in_working_days(economy: str, lead: Row, arrives: date | None) -> None:
    bid = {"bid": "B", "supplier": "S", "lead_time_days": None} | lead
    made = network(
        network=[{"start": "2026-02-06"}],
        places=[{"economy": economy}],
        demands=[{"demand": "D", "due": "2026-12-31"}],
        bids=[bid],
    )
    arrival = solve(made, gap_limit=0.0).awards["arrival_date"][0]
    if arrives is None:  # Sunday to Thursday are worked, whatever the holidays
        assert arrival.isoweekday() in (7, 1, 2, 3, 4)
    else:
        assert arrival == arrives


def test_a_lead_time_has_to_be_stated() -> None:
    with pytest.raises(InputError) as caught:
        network(bids=[{"bid": "B", "supplier": "S", "lead_time_days": None}])
    assert [(issue.code, issue.column) for issue in caught.value.issues] == [
        ("missing_cell", "lead_time_days")
    ]
    assert "lead_time_working_days" in caught.value.issues[0].fix
