"""Tiny networks for tests, from rows.

What a test does not state is filled in so that it does not matter: everybody is at the place P,
so goods travel no distance; money is free and nothing is insured, so a bid's landed cost is its
price; no duty is due; the due date is far away. A table of a given name replaces its default rows
as a whole.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from matcher.network import Network
from matcher.read import network_from_tables

Row = dict[str, Any]

START = "2026-01-01"

DEFAULTS: dict[str, Row] = {
    "network": {
        "name": "Test",
        "currency": "USD",
        "start": START,
        "carrying_rate": 0.0,
        "insurance_rate": 0.0,
    },
    "lead_firms": {"lead_firm": "F"},
    "places": {"place": "P", "economy": "VN", "latitude": 20.0, "longitude": 106.0},
    "components": {"component": "C", "weight_kg": 1.0, "volume_m3": 0.001},
    "demands": {
        "demand": "D",
        "lead_firm": "F",
        "component": "C",
        "quantity": 100.0,
        "place": "P",
        "due": "2027-01-01",
    },
    "suppliers": {"place": "P", "size_class": "small"},
    "bids": {
        "component": "C",
        "price": 1.0,
        "currency": "USD",
        "incoterm": "EXW",
        "lead_time_days": 0.0,
    },
    "trade_costs": {
        "export_days": 0.0,
        "export_cost_usd_per_container": 0.0,
        "import_days": 0.0,
        "import_cost_usd_per_container": 0.0,
        "export_clearance_days": 0.0,
        "export_clearance_cost_usd": 0.0,
        "import_clearance_days": 0.0,
        "import_clearance_cost_usd": 0.0,
    },
}
ALWAYS = ("network", "lead_firms", "places", "components", "demands")


def frame(table: str, rows: list[Row]) -> pl.DataFrame:
    """The rows of a table, each on top of the table's defaults."""
    return pl.DataFrame(
        [DEFAULTS.get(table, {}) | row for row in rows], infer_schema_length=None, strict=False
    )


def network(**tables: list[Row]) -> Network:
    """A network of the given rows; suppliers that are not given are those that bid.

    ``duties=[]`` leaves the duty to the tariff of the destination.
    """
    rows: dict[str, list[Row]] = {name: [{}] for name in ALWAYS}
    rows |= tables
    # A place that states a city lies there.
    nowhere = {"latitude": None, "longitude": None}
    rows["places"] = [nowhere | place if "city" in place else place for place in rows["places"]]
    economies = dict.fromkeys((DEFAULTS["places"] | place)["economy"] for place in rows["places"])
    rows.setdefault("duties", [{"destination": economy, "rate": 0.0} for economy in economies])
    names = sorted({row["supplier"] for row in rows["bids"]})
    rows.setdefault("suppliers", [{"supplier": name} for name in names])
    return network_from_tables({name: frame(name, table) for name, table in rows.items() if table})
