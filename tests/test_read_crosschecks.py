"""Where the cross-checks draw the line: next to each fault stands what is still right."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.errors import InputError
from matcher.read import network_from_tables
from matcher.schema.tables import BY_NAME
from matcher.write.example import example_tables
from tests.networks import network as made

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
    assert [w.code for w in warnings] == ([] if lacking is None else ["assumed_duty"])
    if lacking is not None:
        assert warnings[0].problem.startswith(
            f"the most-favoured-nation tariff of {VIETNAMESE} is taken for {lacking}"
        )


VIETNAMESE = "8.8% (mean over manufactures, 2019)"


def test_a_destination_without_a_tariff_is_named_too() -> None:
    tables = row("places", "Hai Phong", economy="TW")  # the list of tariffs leaves Taiwan out
    [warning] = [w for w in network_from_tables(tables).warnings if w.code == "no_duty"]
    assert warning.problem.startswith(
        "a duty of 0 is taken for 2 components from MY, TH, VN into TW"
    )


@pytest.mark.parametrize(
    ("origin", "destination", "proofs", "expected"),
    [
        ("TH", "VN", [True], []),  # ASEAN
        ("TH", "VN", [False], ["assumed_duty"]),
        ("TH", "VN", [True, False], ["assumed_duty"]),  # one bid of two cannot prove it
        ("TR", "DE", [False], []),  # a customs union
        ("NO", "DE", [True], []),
        ("IN", "DE", [True], ["assumed_duty"]),
    ],
)
def test_where_no_duty_is_due_none_is_assumed(
    origin: str, destination: str, proofs: list[bool], expected: list[str]
) -> None:
    where = {"VN": ("Hanoi", "Bangkok"), "DE": ("Stuttgart", None)}[destination]
    cities = {"TR": "Istanbul", "NO": "Oslo", "IN": "Chennai"}
    tables = {
        "places": [
            {"place": "P", "economy": destination, "city": where[0]},
            {"place": "Q", "economy": origin, "city": cities.get(origin, where[1])},
        ],
        "suppliers": [{"supplier": "S", "place": "Q"}],
        "bids": [
            {"bid": f"B{i}", "supplier": "S", "price": 1.0 + i, "origin_proof": proof}
            for i, proof in enumerate(proofs)
        ],
    }
    assert [w.code for w in made(duties=[], **tables).warnings] == expected


def test_a_component_without_a_code_needs_a_duty_row_for_every_good() -> None:
    tables = row("components", "cable", hs=None)
    assert codes(tables) == ["assumed_duty"]
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
    # Macao, which Doing Business left out; it is far from Penang.
    tables = row("places", "Penang", economy="MO", latitude=22.2, longitude=113.55)
    assert codes(tables) == ["assumed_trade_cost"]
    stated = ("MO", 10.0, 900.0, 9.0, 950.0)
    for clearance, expected in (((None,) * 4, ["assumed_trade_cost"]), ((2.0, 90.0) * 2, [])):
        tables["trade_costs"] = pl.DataFrame(
            [stated + clearance], schema=BY_NAME["trade_costs"].schema, orient="row"
        )
        assert codes(tables) == expected

    tables = row("network", "Example", currency="VND")
    assert codes(tables) == ["missing_rate"]  # of USD: bids are in it
    tables["rates"] = pl.DataFrame({"currency": ["USD", "MYR", "VND"], "value": [26e3, 6e3, 1.0]})
    assert codes(tables) == []


@pytest.mark.parametrize(
    ("economy", "city", "assumed"),
    [
        (
            "LI",  # customs only: Liechtenstein has no sea
            "Vaduz",
            "by sea, neither built-in nor in the network; the median of all economies is taken: "
            "by sea 17.1 days and 1,200 US dollars a container to export, "
            "19.4 days and 1,420 US dollars a container to import",
        ),
        (
            "YE",  # ports only
            "Sanaa",
            "by other modes, neither built-in nor in the network; the median of all economies is "
            "taken: by other modes 3.25 days and 415 US dollars a container to export, "
            "3.79 days and 486 US dollars a container to import",
        ),
    ],
)
def test_figures_that_the_sources_have_only_in_part_are_assumed_in_part(
    economy: str, city: str, assumed: str
) -> None:
    [warning] = made(
        places=[
            {"place": "P", "economy": "VN", "city": "Hanoi"},
            {"place": "Q", "economy": economy, "city": city},
        ],
        suppliers=[{"supplier": "S", "place": "Q"}],
        bids=[{"bid": "B", "supplier": "S"}],
    ).warnings
    assert (warning.code, warning.value) == ("assumed_trade_cost", economy)
    assert warning.problem == f"has no trade costs {assumed}"


def test_warnings_about_the_whole_network_wait_for_an_input_without_errors() -> None:
    tables = row("bids", "B3", component="unheard of")
    assert codes(tables) == ["dangling_id"]
