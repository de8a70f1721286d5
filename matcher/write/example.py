"""A tiny network to fill a template with. Every name and number in it is invented."""

from __future__ import annotations

from typing import Any

import polars as pl

from matcher.schema.tables import TABLES

_ROWS: dict[str, tuple[dict[str, Any], ...]] = {
    "network": ({"name": "Example", "currency": "USD", "start": "2026-01-05"},),
    "lead_firms": ({"lead_firm": "LF1", "name": "Example Electronics", "economy": "VN"},),
    "places": (
        {
            "place": "Hai Phong",
            "economy": "VN",
            "latitude": 20.86,
            "longitude": 106.68,
            "park": "Example Park",
        },
        {"place": "Da Nang", "economy": "VN", "latitude": 16.07, "longitude": 108.22},
        {"place": "Penang", "economy": "MY", "latitude": 5.41, "longitude": 100.33},
        {"place": "Chonburi", "economy": "TH", "latitude": 13.36, "longitude": 100.98},
    ),
    "components": (
        {
            "component": "housing",
            "name": "Plastic housing",
            "hs": "392690",
            "weight_kg": 0.2,
            "volume_m3": 0.001,
            "defect_cost": 3.0,
        },
        {
            "component": "cable",
            "name": "Cable harness",
            "hs": "854430",
            "weight_kg": 0.1,
            "volume_m3": 0.0004,
            "defect_cost": 5.0,
        },
    ),
    "standards": (
        {
            "standard": "Firm Q-17",
            "name": "The lead firm's own quality standard",
            "class": "firm",
            "implies": "ISO 9001",
        },
    ),
    "requirements": (
        {"component": "housing", "standard": "ISO 9001"},
        {"component": "cable", "standard": "Firm Q-17", "lead_firm": "LF1"},
    ),
    "demands": (
        {
            "demand": "D1",
            "lead_firm": "LF1",
            "component": "housing",
            "quantity": 20000.0,
            "place": "Hai Phong",
            "due": "2026-06-30",
            "share_cap": 0.7,
        },
        {
            "demand": "D2",
            "lead_firm": "LF1",
            "component": "cable",
            "quantity": 8000.0,
            "place": "Hai Phong",
            "due": "2026-06-30",
        },
    ),
    "suppliers": (
        {
            "supplier": "S1",
            "name": "Da Nang Plastics",
            "place": "Da Nang",
            "size_class": "small",
            "onboarding_cost": 500.0,
        },
        {
            "supplier": "S2",
            "name": "Penang Moulding",
            "place": "Penang",
            "size_class": "medium",
            "onboarding_cost": 500.0,
        },
        {
            "supplier": "S3",
            "name": "Chonburi Harness",
            "place": "Chonburi",
            "size_class": "medium",
            "onboarding_cost": 500.0,
        },
    ),
    "certificates": (
        {
            "supplier": "S1",
            "standard": "ISO 9001",
            "valid_from": "2024-01-01",
            "valid_to": "2026-12-31",
        },
        {
            "supplier": "S2",
            "standard": "ISO 9001",
            "valid_from": "2025-01-01",
            "valid_to": "2027-12-31",
        },
        {"supplier": "S3", "standard": "Firm Q-17", "valid_from": "2025-06-01"},
    ),
    "resources": ({"resource": "S1 presses", "supplier": "S1", "capacity": 400.0},),
    "bids": (
        {
            "bid": "B1",
            "supplier": "S1",
            "component": "housing",
            "price": 1.10,
            "currency": "USD",
            "incoterm": "EXW",
            "lead_time_days": 30.0,
            "moq": 2000.0,
            "tooling_cost": 1500.0,
        },
        {
            "bid": "B2",
            "supplier": "S2",
            "component": "housing",
            "price": 4.20,
            "currency": "MYR",
            "incoterm": "FOB",
            "lead_time_days": 25.0,
            "moq": 5000.0,
            "order_multiple": 500.0,
            "tooling_cost": 4000.0,
            "modes": "sea",
        },
        {
            "bid": "B3",
            "supplier": "S3",
            "component": "cable",
            "price": 2.35,
            "currency": "USD",
            "incoterm": "FOB",
            "lead_time_days": 40.0,
            "payment_days": 30.0,
            "ppm": 150.0,
        },
    ),
    "usages": ({"bid": "B1", "resource": "S1 presses", "use_per_unit": 0.02},),
    "tiers": ({"bid": "B1", "from_quantity": 10000.0, "price": 1.02},),
    "lanes": (
        {
            "origin": "Da Nang",
            "destination": "Hai Phong",
            "mode": "road",
            "days": 2.0,
            "cost_per_container": 900.0,
        },
    ),
    "duties": (
        {"hs": "3926", "destination": "VN", "rate": 0.0},
        {"hs": "8544", "origin": "TH", "destination": "VN", "rate": 0.0},
    ),
    "rates": ({"currency": "MYR", "value": 0.24},),
    # Demands due within a period share the capacity of that period.
    "periods": (
        {"period": "2026 H1", "first": "2026-01-05", "last": "2026-06-30"},
        {"period": "2026 H2", "first": "2026-07-01", "last": "2026-12-31"},
    ),
    "capacities": ({"resource": "S1 presses", "period": "2026 H1", "capacity": 300.0},),
    # One rule that must hold, and one target that may be missed at a price.
    "rules": (
        {"rule": "few suppliers", "kind": "supplier_count", "scope": "network", "max": 3.0},
        {
            "rule": "made in Viet Nam",
            "kind": "share",
            "scope": "network",
            "group": "economy",
            "who": "VN",
            "measure": "value",
            "min": 0.3,
            "priority": 1,
            "price": 0.05,
        },
    ),
    # Most value from the economy of each demand, for at most 2 % more than the least cost.
    "objectives": (
        {"objective": "coverage", "order": 1},
        {"objective": "cost", "order": 2, "tolerance": 0.02},
        {"objective": "local_value", "order": 3},
    ),
}


def example_tables() -> dict[str, pl.DataFrame]:
    """The example, a frame for every table; cells that are not stated are null."""
    frames = {}
    for table in TABLES:
        dates = [column.name for column in table.columns if column.kind == "date"]
        text = table.schema | dict.fromkeys(dates, pl.String())
        frame = pl.DataFrame(_ROWS.get(table.name, ()), schema=text, orient="row")
        frames[table.name] = frame.with_columns(pl.col(dates).str.to_date("%Y-%m-%d"))
    return frames
