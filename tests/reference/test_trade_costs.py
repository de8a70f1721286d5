"""Trade costs: Doing Business 2015 by sea, Doing Business 2020 by other modes."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.reference.trade_costs import assumed_trade_costs, trade_costs
from matcher.schema.tables import BY_NAME

BY_SEA = (
    "export_days",
    "export_cost_usd_per_container",
    "import_days",
    "import_cost_usd_per_container",
)
CLEARANCE = (
    "export_clearance_days",
    "export_clearance_cost_usd",
    "import_clearance_days",
    "import_clearance_cost_usd",
)


def test_has_the_columns_and_types_of_the_networks_own_table() -> None:
    assert dict(trade_costs().schema) == BY_NAME["trade_costs"].schema


def test_economies_are_sorted_and_complete_by_way_of_shipping() -> None:
    frame = trade_costs()
    assert frame["economy"].is_sorted()
    assert frame["economy"].is_unique().all()
    for columns, economies, lacking in (
        (BY_SEA, 189, {"LI", "SO"}),
        (CLEARANCE, 189, {"ER", "YE"}),
    ):
        known = frame.select(pl.all_horizontal(pl.col(columns).is_not_null())).to_series()
        nothing = frame.select(pl.all_horizontal(pl.col(columns).is_null())).to_series()
        assert known.sum() == economies
        assert (known | nothing).all()
        assert set(frame.filter(nothing)["economy"]) == lacking
    assert frame.select((pl.col(BY_SEA) > 0).all()).row(0) == (True,) * 4
    assert frame.select((pl.col(CLEARANCE) >= 0).all()).row(0) == (True,) * 4


@pytest.mark.parametrize(
    ("economy", "export_days", "export_cost", "import_days", "import_cost"),
    [  # Doing Business 2015; Taiwan, which the edition leaves out, of 2009
        ("SG", 6, 460, 4, 440),
        ("KZ", 79, 5285, 67, 5265),
        ("MY", 11, 525, 8, 560),
        ("TJ", 71, 9050, 70, 10650),
        ("VN", 21, 610, 21, 600),
        ("DE", 9, 1015, 7, 1050),
        ("TW", 13, 757, 12, 769),
    ],
)
def test_rows_by_sea(
    economy: str, export_days: float, export_cost: float, import_days: float, import_cost: float
) -> None:
    row = trade_costs().row(by_predicate=pl.col("economy") == economy)
    assert row[:5] == (economy, export_days, export_cost, import_days, import_cost)


@pytest.mark.parametrize(
    ("economy", "export_hours", "export_cost", "import_hours", "import_cost"),
    [  # Doing Business 2020: hours and dollars of documents and border together
        ("MX", 28.4, 460, 61.8, 550),
        ("US", 3.0, 235, 9.0, 275),
        ("ZA", 160, 1312, 123, 749),
        ("TR", 13.8, 393, 8.5, 101),
        # Half an hour and 0 dollars in the source, as measured with Germany: the median of Cyprus,
        # Ireland and Malta for import, and for export of eleven members with another partner.
        ("PL", 25, 305, 16.7, 328),
        ("DE", 37, 390, 16.7, 328),
        ("IE", 25, 380, 24.8, 328),
        # Not a member: half an hour is what it takes there.
        ("SM", 0.5, 0, 6.5, 150),
    ],
)
def test_rows_by_other_modes_are_in_days(
    economy: str, export_hours: float, export_cost: float, import_hours: float, import_cost: float
) -> None:
    row = trade_costs().row(by_predicate=pl.col("economy") == economy)
    assert row[5:] == pytest.approx(
        (export_hours / 24, export_cost, import_hours / 24, import_cost)
    )


def test_an_economy_without_figures_is_taken_as_the_middle_one() -> None:
    assumed = assumed_trade_costs()
    assert list(assumed) == [*BY_SEA, *CLEARANCE]
    for name, value in assumed.items():
        known = trade_costs()[name].drop_nulls().sort()
        assert value == known[known.len() // 2]  # of 189, the 95th
