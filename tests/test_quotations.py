"""Quotations as suppliers write them: prices for so many units, price breaks side by side."""

from __future__ import annotations

import pytest

from matcher.errors import InputError
from matcher.network.arrays import to_arrays
from matcher.read import network_from_tables
from matcher.screening.candidates import screen
from matcher.solve import solve
from tests.networks import frame, network


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
