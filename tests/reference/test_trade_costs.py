"""Trade costs of Doing Business 2009."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.reference.trade_costs import trade_costs
from matcher.schema.tables import BY_NAME


def test_has_the_columns_and_types_of_the_networks_own_table() -> None:
    assert dict(trade_costs().schema) == BY_NAME["trade_costs"].schema


def test_forty_economies_sorted_and_complete() -> None:
    frame = trade_costs()
    assert frame.height == 40
    assert frame["economy"].is_sorted()
    assert frame["economy"].is_unique().all()
    assert sum(frame.null_count().row(0)) == 0
    assert frame.select((pl.exclude("economy") > 0).all()).row(0) == (True,) * 4


@pytest.mark.parametrize(
    ("economy", "export_days", "export_cost", "import_days", "import_cost"),
    [  # read off the printed table
        ("SG", 5, 456, 3, 439),
        ("KZ", 89, 3005, 76, 3055),
        ("MY", 18, 450, 14, 450),
        ("TJ", 82, 3150, 83, 4550),
        ("VN", 24, 734, 23, 901),
    ],
)
def test_rows_of_the_printed_table(
    economy: str, export_days: float, export_cost: float, import_days: float, import_cost: float
) -> None:
    row = trade_costs().row(by_predicate=pl.col("economy") == economy)
    assert row == (economy, export_days, export_cost, import_days, import_cost)
