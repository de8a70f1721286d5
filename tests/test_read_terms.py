"""Faults of bundles, consortia, discounts, periods, ramps, vehicles, core parts and objectives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.planted import Plant, Rows, add, as_folder, both, issues_of, put, sound

BIDS, DISCOUNTS, PERIODS, OBJECTIVES = "bids.csv", "discounts.csv", "periods.csv", "objectives.csv"
Edit = Callable[[Rows], object]


def bid(name: str, **cells: str) -> Edit:
    """A bid like B1, in the next row."""
    return lambda t: t["bids"].append({**t["bids"][0], "price": "1.5", "bid": name, **cells})


def bundled(**second: str) -> Edit:
    """B1 for D1 and, in row 5, a bid of S1 for D2, as a bundle."""
    return both(
        put("bids", 2, demand="D1", bundle="all"),
        put("usages", 2, bid="B1"),
        bid("B4", **{"component": "cable", "demand": "D2", "bundle": "all"} | second),
        add("usages", bid="B4", resource="S1 presses", use_per_unit="0.01"),
    )


def step(from_: str, discount: str = "rebate", supplier: str = "S1", **cells: str) -> Edit:
    """A step of a discount."""
    every = {"component_group": None, "measure": None, "rate": None, "amount": None}
    row = {"discount": discount, "supplier": supplier, **every, "from": from_, "incremental": None}
    return lambda t: t.setdefault("discounts", []).append({**row, **cells})


def period(name: str, first: str, last: str) -> Edit:
    """A period, in row 4."""
    return add("periods", period=name, first=first, last=last)


def objectives(*rows: dict[str, str]) -> Edit:
    """The objectives in place of the example's."""
    every = dict.fromkeys(("order", "tolerance", "economies", "viable_value", "weight"))
    return lambda t: t.update(objectives=[{**every, **row} for row in rows])


def alliance(*members: int) -> Edit:
    """A consortium of which the bids in these rows are."""
    return both(
        add("consortia", consortium="K", lead="S2", moq="1000"),
        *(put("bids", row, consortium="K") for row in members),
    )


TERM_PLANTS = [
    # Bundles
    Plant(
        "missing_cell",
        both(put("bids", 4, bundle="all")),
        BIDS,
        4,
        "demand",
        None,
        "name the demand",
    ),
    Plant(
        "bad_bundle",
        both(put("bids", 2, demand="D1", bundle="all"), put("bids", 4, demand="D2", bundle="all")),
        BIDS,
        4,
        "bundle",
        "all",
        "a name of its own",
    ),
    Plant(
        "bad_bundle",
        bundled(component="housing", demand="D1"),
        BIDS,
        5,
        "demand",
        "D1",
        "name another demand",
    ),
    Plant(
        "contradiction",
        bundled(split="true"),
        BIDS,
        5,
        "split",
        "true",
        "set split to false",
    ),
    # Consortia
    Plant(
        "dangling_id",
        add("consortia", consortium="K", lead="S8"),
        "consortia.csv",
        2,
        "lead",
        "S8",
        "which has 'S1', 'S2', 'S3'",
    ),
    Plant("dangling_id", put("bids", 2, consortium="K"), BIDS, 2, "consortium", "K", "add it"),
    Plant(
        "consortium_without_bid",
        alliance(),
        "consortia.csv",
        2,
        "consortium",
        "K",
        "write K into the column consortium",
    ),
    Plant(
        "lone_member",
        alliance(2, 3, 4),  # S1 and S2 for the housing, and S3 alone for the cable
        BIDS,
        4,
        "consortium",
        "K",
        "let other members bid for cable",
    ),
    # Discounts
    Plant(
        "mixed_discount",
        both(step("0", rate="0.01"), step("100", supplier="S2", rate="0.02")),
        DISCOUNTS,
        3,
        "supplier",
        "S2",
        "write S1, or give the step another discount",
    ),
    Plant(
        "mixed_discount",
        both(
            put("components", 2, group="plastics"),
            step("0", rate="0.01"),
            step("100", component_group="plastics", rate="0.02"),
        ),
        DISCOUNTS,
        3,
        "component_group",
        "plastics",
        "clear the cell",
    ),
    Plant(
        "mixed_discount",
        both(step("0", rate="0.01"), step("9", measure="quantity", rate="0.02")),
        DISCOUNTS,
        3,
        "measure",
        "quantity",
        "write value",
    ),
    Plant(
        "mixed_discount",
        both(step("0", rate="0.01", incremental="true"), step("9", rate="0.02")),
        DISCOUNTS,
        3,
        "incremental",
        "false",
        "write true",
    ),
    Plant(
        "contradiction",
        step("0", rate="0.01", measure="quantity", incremental="true"),
        DISCOUNTS,
        2,
        "incremental",
        "true",
        "set measure to value",
    ),
    Plant(
        "dangling_id",
        both(put("components", 2, group="plastics"), step("0", component_group="plastic")),
        DISCOUNTS,
        2,
        "component_group",
        "plastic",
        "did you mean 'plastics'?",
    ),
    Plant(
        "dangling_id",
        step("0", component_group="plastics"),
        DISCOUNTS,
        2,
        "component_group",
        "plastics",
        "use a group that is listed there",
    ),
    Plant(
        "discount_falls",
        both(step("200", rate="0.01"), step("100", rate="0.02")),
        DISCOUNTS,
        2,
        "rate",
        "0.01",
        "check the rate",
    ),
    Plant(
        "discount_falls",
        both(step("100", amount="9"), step("200", rate="0.5")),
        DISCOUNTS,
        3,
        "amount",
        "0",
        "check the amount",
    ),
    Plant(
        "out_of_range",
        step("0", amount="9"),
        DISCOUNTS,
        2,
        "amount",
        "9",
        "set from to the value or quantity that earns it",
    ),
    # Periods and ramps
    Plant(
        "end_before_start",
        put("periods", 3, last="2026-06-30"),
        PERIODS,
        3,
        "last",
        "2026-06-30",
        "correct the dates",
    ),
    Plant(
        "overlapping_periods",
        period("H3", "2026-12-31", "2027-06-30"),
        PERIODS,
        4,
        "first",
        "2026-12-31",
        "the day after the previous one ends",
    ),
    Plant(
        "overlapping_periods",  # the one that lies within another need not be its neighbour
        both(period("H3", "2026-06-01", "2026-06-02"), put("periods", 3, first="2026-07-02")),
        PERIODS,
        4,
        "first",
        "2026-06-01",
        "the day after",
    ),
    Plant(
        "due_outside_periods",
        put("demands", 3, due="2027-01-01"),
        "demands.csv",
        3,
        "due",
        "2027-01-01",
        "add a period with that day to periods.csv",
    ),
    Plant(
        "due_outside_periods",
        both(put("periods", 3, first="2026-07-05"), put("demands", 2, due="2026-07-04")),
        "demands.csv",
        2,
        "due",
        "2026-07-04",
        "add a period",
    ),
    Plant(
        "dangling_id",
        lambda t: t.pop("periods"),
        "capacities.csv",
        2,
        "period",
        "2026 H1",
        "add it to periods",
    ),
    Plant(
        "ramp_without_usage",
        add("ramps", bid="B3", period="2026 H1", share="0.5"),
        "ramps.csv",
        2,
        "share",
        "0.5",
        "add the bid's resources to usages.csv",
    ),
    # Objectives
    Plant(
        "mixed_tolerance",
        objectives(
            {"objective": "cost", "order": "1", "tolerance": "0.1"},
            {"objective": "linkages", "order": "1"},
        ),
        OBJECTIVES,
        3,
        "tolerance",
        "0",
        "write 0.1",
    ),
    Plant(
        "contradiction",
        objectives({"objective": "cost", "order": "1"}, {"objective": "coverage", "order": "1"}),
        OBJECTIVES,
        3,
        "order",
        "1",
        "an order of its own",
    ),
    Plant(
        "unknown_economy",
        objectives({"objective": "local_value", "order": "1", "economies": "VN;UK"}),
        OBJECTIVES,
        2,
        "economies",
        "UK",
        "ISO 3166-1 alpha-2",
    ),
    Plant(
        "unused_cell",
        objectives({"objective": "local_value", "order": "1", "viable_value": "900"}),
        OBJECTIVES,
        2,
        "viable_value",
        "900",
        "it is for linkages",
    ),
    Plant(
        "unused_cell",
        objectives({"objective": "cost", "order": "1", "economies": "VN"}),
        OBJECTIVES,
        2,
        "economies",
        "VN",
        "it is for local_value",
    ),
    # Warnings about the network as a whole
    Plant(
        "incremental_without_tiers",
        put("bids", 4, incremental="true"),
        BIDS,
        4,
        "incremental",
        "true",
        "add its tiers",
    ),
    Plant(
        "vehicle_without_cost",
        put("lanes", 2, vehicle_units="500"),
        "lanes.csv",
        2,
        "vehicle_units",
        "500",
        "write the cost of a vehicle into fixed_cost",
    ),
    Plant(
        "core_without_plant",
        put("components", 3, core="true"),
        "components.csv",
        3,
        "core",
        "true",
        "name the lead firm of its plants in suppliers.csv",
    ),
    Plant(
        "core_without_plant",  # a plant of another lead firm does not help
        both(
            add("lead_firms", lead_firm="LF2"),
            put("components", 3, core="true"),
            put("suppliers", 4, lead_firm="LF2"),
        ),
        "components.csv",
        3,
        "core",
        "true",
        "in suppliers.csv",
    ),
]


@pytest.mark.parametrize("plant", TERM_PLANTS, ids=str)
def test_a_planted_fault_is_named(plant: Plant, tmp_path: Path) -> None:
    plant.is_named(tmp_path / "n")


@pytest.mark.parametrize(
    "stated",
    [
        bundled(),
        bundled(bundle="only these"),  # two bundles of one bid each
        alliance(2, 3),
        both(step("0", rate="0.01"), step("100", rate="0.02", amount="5")),
        both(step("0", rate="0.01", measure="value"), step("5", rate="0.01", incremental="false")),
        both(step("9", rate="0.5"), step("1", "other", "S2", measure="quantity", amount="7")),
        period("H3", "2027-01-01", "2027-01-01"),
        both(period("H3", "2027-02-01", "2027-03-01"), put("demands", 2, due="2027-02-01")),
        lambda t: [t.pop(name) for name in ("periods", "capacities")],
        add("ramps", bid="B1", period="2026 H1", share="0.5"),
        add("ramps", bid="B3", period="2026 H1", share="0"),
        add("ramps", bid="B3", period="2026 H2", share="1"),
        objectives({"objective": "cost", "order": "7", "viable_value": "0"}),
        objectives(
            {"objective": "cost", "order": "2", "tolerance": "0.1", "weight": "3"},
            {"objective": "linkages", "order": "2", "tolerance": "0.1", "viable_value": "900"},
            {"objective": "coverage", "order": "1"},
            {"objective": "local_value", "order": "3", "economies": "VN; MY"},
        ),
        put("bids", 2, incremental="true"),
        put("lanes", 2, vehicle_units="500", fixed_cost="80"),
        both(put("components", 3, core="true"), put("suppliers", 4, lead_firm="LF1")),
        put("demands", 2, line="housings"),
    ],
)
def test_what_is_right_is_taken(stated: Edit, tmp_path: Path) -> None:
    tables = sound()
    stated(tables)
    assert issues_of(as_folder(tables, tmp_path / "n")) == []


def test_a_dangling_cell_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    tables = sound()
    bundled(demand="D7")(tables)
    step("0", rate="0.01")(tables)
    step("5", rate="0.01", supplier="S8")(tables)
    found = {
        (issue.table, issue.column, issue.code)
        for issue in issues_of(as_folder(tables, tmp_path / "n"))
    }
    assert found == {(BIDS, "demand", "dangling_id"), (DISCOUNTS, "supplier", "dangling_id")}


def test_a_period_with_a_wrong_date_says_nothing_about_demands(tmp_path: Path) -> None:
    tables = sound()
    put("periods", 2, last="June")(tables)
    assert [issue.code for issue in issues_of(as_folder(tables, tmp_path / "n"))] == ["wrong_date"]
