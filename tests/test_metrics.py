"""What an award counts by each measure, per unit and once.

The bid makes in 30 days and ships within one economy by a lane of 5 days; it is paid 60 days after
the factory gate. Its tiers are incremental: 2.00 a unit, and 1.50 for those from 60 on.
"""

from __future__ import annotations

from typing import Any

import pytest

from matcher.network.arrays import to_arrays
from matcher.screening.candidates import screen
from matcher.screening.metrics import MetricName, metric
from tests.networks import network

# 30 of production, 5 under way, 60 to payment.
YEARS = 95 / 365


@pytest.mark.parametrize(
    ("name", "per_unit", "once"),
    [
        ("quantity", [1, 1], [0, 0]),
        # 0.50 more for each of the first 60.
        ("value", [2.0, 1.5], [0, 30]),
        # Money is free in this network: what is paid and 0.10 of freight; tooling 7, lane 4.
        ("cost", [2.1, 1.6], [11, 41]),
        ("capital", [2.0 * YEARS, 1.5 * YEARS], [0, 30 * YEARS]),
    ],
)
def test_measures(name: MetricName, per_unit: Any, once: Any) -> None:
    at = {"economy": "ID", "latitude": 0.0}
    arrays = to_arrays(
        network(
            places=[
                {"place": "P", "longitude": 110.0, **at},
                {"place": "Q", "longitude": 111.0, **at},
            ],
            suppliers=[{"supplier": "S", "place": "Q"}],
            lanes=[
                {
                    "origin": "Q",
                    "destination": "P",
                    "mode": "road",
                    "days": 5.0,
                    "cost_per_kg": 0.1,
                    "fixed_cost": 4.0,
                }
            ],
            bids=[
                {
                    "bid": "B",
                    "supplier": "S",
                    "price": 2.0,
                    "lead_time_days": 30.0,
                    "payment_days": 60.0,
                    "tooling_cost": 7.0,
                    "incremental": True,
                }
            ],
            tiers=[{"bid": "B", "from_quantity": 60.0, "price": 1.5}],
        )
    )
    found = metric(arrays, screen(arrays).candidates, name)
    assert found[0].tolist() == pytest.approx(per_unit)
    assert found[1].tolist() == pytest.approx(once)


def test_the_tooling_of_a_line_is_no_cost_of_one_award() -> None:
    # D1 and D2 are deliveries of one line, D3 is not; tooling 7.
    arrays = to_arrays(
        network(
            demands=[
                {"demand": "D1", "line": "L"},
                {"demand": "D2", "line": "L"},
                {"demand": "D3"},
            ],
            bids=[{"bid": "B", "supplier": "S", "tooling_cost": 7.0}],
        )
    )
    _, once = metric(arrays, screen(arrays).candidates, "cost")
    assert once.tolist() == [0.0, 0.0, 7.0]


def test_capital_does_not_count_the_days_at_the_border_of_origin() -> None:
    # Exporting takes 14 days before the goods ship; 3 of transit and 23 of import count, and 10 of
    # production: 36 of 365, at a price of 1.
    arrays = to_arrays(
        network(
            places=[
                {"place": "P", "economy": "VN", "latitude": 20.0, "longitude": 106.0},
                {"place": "Q", "economy": "TH", "latitude": 13.0, "longitude": 100.0},
            ],
            suppliers=[{"supplier": "S", "place": "Q"}],
            lanes=[
                {"origin": "Q", "destination": "P", "mode": "sea", "days": 3.0, "cost_per_kg": 0.1}
            ],
            trade_costs=[
                {"economy": "TH", "export_days": 14.0},
                {"economy": "VN", "import_days": 23.0},
            ],
            bids=[{"bid": "B", "supplier": "S", "modes": "sea", "lead_time_days": 10.0}],
        )
    )
    per_unit, once = metric(arrays, screen(arrays).candidates, "capital")
    assert (per_unit.tolist(), once.tolist()) == ([pytest.approx(36 / 365)], [0.0])
