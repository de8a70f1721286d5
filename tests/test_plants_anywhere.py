"""Plants anywhere in the world, each with foreign suppliers, from a few rows to a plan."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import matcher

# City and economy of the plant, currency and its worth of a dollar, and three foreign suppliers.
PLANTS = {
    "Stuttgart": ("DE", "EUR", 0.9, [("Gdańsk", "PL"), ("Bursa", "TR"), ("Bac Ninh", "VN")]),
    "Monterrey": ("MX", "MXN", 18.0, [("Laredo", "US"), ("Shenzhen", "CN"), ("Medellin", "CO")]),
    "Gaborone": ("BW", "BWP", 13.5, [("Pretoria", "ZA"), ("Harare", "ZW"), ("Pune", "IN")]),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_plan_needs_no_row_of_trade_costs(plant: str, tmp_path: Path) -> None:
    economy, currency, dollar, suppliers = PLANTS[plant]
    tables = {
        "network": [{"name": plant, "currency": currency, "start": "2026-03-02"}],
        "lead_firms": [{"lead_firm": "F"}],
        "places": [
            {"place": city, "economy": where, "city": city}
            for city, where in [(plant, economy), *suppliers]
        ],
        "components": [
            {"component": "bracket", "hs": "732690", "weight_kg": 0.4, "volume_m3": 0.0004}
        ],
        "demands": [
            {
                "demand": "D",
                "lead_firm": "F",
                "component": "bracket",
                "quantity": 9_000,
                "place": plant,
                "due": "2026-12-18",
                "share_cap": 0.4,
            }
        ],
        "suppliers": [
            {"supplier": f"S {city}", "place": city, "size_class": "small"} for city, _ in suppliers
        ],
        "bids": [
            {
                "bid": f"B {city}",
                "supplier": f"S {city}",
                "component": "bracket",
                "price": 2.0,
                "currency": "USD",
                "incoterm": "FCA",
                "lead_time_days": 30,
            }
            for city, _ in suppliers
        ],
        "rates": [{"currency": "USD", "value": dollar}],
    }
    for name, rows in tables.items():
        pl.DataFrame(rows).write_csv(tmp_path / f"{name}.csv")

    made = matcher.read(tmp_path)
    plan = matcher.solve(made, gap_limit=0.0)

    assert made.trade_costs.is_empty()
    assert plan.awards["supplier"].n_unique() == 3  # under a cap of 40 % all three are needed
    assert plan.unmet.is_empty()
    assert matcher.check(made, plan).findings == ()
    # The tariff that is assumed is said, and nothing else is amiss.
    assert {issue.code for issue in made.warnings} == {"assumed_duty"}
    neighbour, _ = suppliers[0]
    award = plan.awards.row(by_predicate=pl.col("supplier") == f"S {neighbour}", named=True)
    assert award["mode"] in ("road", "rail")
    assert (award["arrival_date"] - award["ship_date"]).days <= 8
    # Inside a customs union there is no duty; Laredo lies in a free trade area, without a proof.
    assert (award["duty_per_unit"] > 0) == (plant == "Monterrey")
