"""Where the cross-checks draw the line: next to each fault stands what is still right."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.errors import InputError
from matcher.read import network_from_tables
from matcher.schema.tables import BY_NAME
from matcher.write.example import example_tables

Tables = dict[str, pl.DataFrame]


def codes(tables: Tables) -> list[str]:
    """Codes of all issues, errors or warnings."""
    try:
        return [issue.code for issue in network_from_tables(tables).warnings]
    except InputError as error:
        return [issue.code for issue in error.issues]


def row(table: str, key: str, **cells: object) -> Tables:
    """The example with some cells of the row that has this key."""
    tables = example_tables()
    described = BY_NAME[table]
    tables[table] = tables[table].with_columns(
        pl.when(pl.col(described.key[0]) == key)
        .then(pl.lit(value, dtype=described[name].dtype))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in cells.items()
    )
    return tables


@pytest.mark.parametrize(
    ("table", "key", "cells", "expected"),
    [
        ("demands", "D1", {"min_suppliers": 2, "max_suppliers": 2}, []),
        ("demands", "D1", {"share_cap": 0.5, "max_suppliers": 2}, []),
        ("demands", "D1", {"share_cap": 0.49, "max_suppliers": 2}, ["cannot_be_covered"]),
        ("demands", "D2", {"single_source": True, "min_suppliers": 1}, []),
        ("demands", "D2", {"single_source": True, "share_cap": 1.0}, []),
        ("demands", "D2", {"single_source": True, "share_cap": 0.99}, ["contradiction"]),
        (
            "demands",
            "D2",
            {"single_source": True, "share_cap": 0.5, "max_suppliers": 1},
            ["contradiction"],
        ),
        ("bids", "B1", {"moq": 2000.0, "max_quantity": 2000.0}, []),
        # Multiples of 0.1: 20000 / 0.1 is a whole number but for rounding.
        ("bids", "B3", {"order_multiple": 0.1}, []),
        ("bids", "B2", {"order_multiple": 5000.0, "max_quantity": 5000.0}, []),
        ("bids", "B2", {"order_multiple": 4999.0, "max_quantity": 9997.0}, ["no_multiple_fits"]),
        ("bids", "B2", {"order_multiple": 4999.0, "max_quantity": 9998.0}, []),
        (
            "bids",
            "B2",
            {"moq": None, "order_multiple": 500.0, "max_quantity": 499.0},
            ["no_multiple_fits"],
        ),
        # B1 asks for no multiple, so D1 can be met whatever B2 asks for.
        ("bids", "B2", {"order_multiple": 7.0}, []),
        ("bids", "B3", {"order_multiple": 7.0}, ["no_award_step_divides"]),
        ("tiers", "B1", {"price": 1.10}, []),
        ("tiers", "B1", {"price": 1.11}, ["tier_price_rises"]),
        ("certificates", "S1", {"valid_to": None}, []),
        ("rules", "few suppliers", {"min": 3.0}, []),
        ("rules", "few suppliers", {"scope": "demand", "of": "D1"}, []),
        ("rules", "few suppliers", {"scope": "lead_firm", "of": "D1"}, ["dangling_id"]),
        ("bids", "B3", {"demand": "D2"}, []),
        ("suppliers", "S3", {"place": "Hai Phong"}, []),  # a domestic bid asks for no duty row
    ],
)
def test_the_line_between_right_and_wrong(
    table: str, key: str, cells: dict[str, object], expected: list[str]
) -> None:
    assert codes(row(table, key, **cells)) == expected


def duties(*rows: tuple[str | None, str | None, str]) -> Tables:
    return {
        **example_tables(),
        "duties": pl.DataFrame(
            [(*each, 0.05) for each in rows], schema=BY_NAME["duties"].schema, orient="row"
        ),
    }


@pytest.mark.parametrize(
    ("rows", "lacking"),
    [
        ([(None, None, "VN")], None),
        ([("3926", "MY", "VN"), ("854430", None, "VN")], None),
        ([("39", "MY", "VN"), ("8544", "TH", "VN")], None),
        ([("392690", "TH", "VN"), ("8544", "TH", "VN")], "1 component from MY into VN"),
        ([("39269090", None, "VN"), ("8544", "TH", "VN")], "1 component from MY into VN"),
        ([(None, None, "TH")], "2 components from MY, TH into VN"),
        ([], "2 components from MY, TH into VN"),
    ],
)
def test_goods_without_a_duty_row_are_named_once_a_destination(
    rows: list[tuple[str | None, str | None, str]], lacking: str | None
) -> None:
    warnings = network_from_tables(duties(*rows)).warnings
    assert [w.code for w in warnings] == ([] if lacking is None else ["no_duty"])
    if lacking is not None:
        assert f"0 duty taken for {lacking}" in warnings[0].problem


def test_a_component_without_a_code_needs_a_duty_row_for_every_good() -> None:
    tables = row("components", "cable", hs=None)
    assert codes(tables) == ["no_duty"]
    tables["duties"] = pl.concat([tables["duties"], duties((None, "TH", "VN"))["duties"]])
    assert codes(tables) == []


def test_a_bid_for_one_demand_does_not_serve_another() -> None:
    tables = example_tables()
    second = tables["demands"].filter(pl.col("demand") == "D2").with_columns(demand=pl.lit("D3"))
    tables["demands"] = pl.concat([tables["demands"], second])
    assert codes(tables) == []
    tables["bids"] = tables["bids"].with_columns(
        demand=pl.when(pl.col("bid") == "B3").then(pl.lit("D2"))
    )
    assert codes(tables) == ["demand_without_bid"]


def test_economies_and_currencies_of_the_networks_own_tables_suffice() -> None:
    tables = row("places", "Penang", economy="IS")
    assert codes(tables) == ["missing_trade_cost"]
    tables["trade_costs"] = pl.DataFrame(
        [("IS", 10.0, 900.0, 9.0, 950.0)], schema=BY_NAME["trade_costs"].schema, orient="row"
    )
    assert codes(tables) == []

    tables = row("network", "Example", currency="VND")
    assert codes(tables) == ["missing_rate"]  # of USD: bids are in it
    tables["rates"] = pl.DataFrame({"currency": ["USD", "MYR", "VND"], "value": [26e3, 6e3, 1.0]})
    assert codes(tables) == []


def test_warnings_about_the_whole_network_wait_for_an_input_without_errors() -> None:
    tables = row("bids", "B3", component="unheard of")
    assert codes(tables) == ["dangling_id"]
