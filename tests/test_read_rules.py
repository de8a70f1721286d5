"""The table ``rules``: every fault is named with its place, and next to it stands what is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.planted import Plant, Rows, add, as_folder, both, issues_of, put, sound

RULES = "rules.csv"
# What the example lacks: groups of components and of suppliers, and somebody who makes it today.
GROUPED = both(
    put("components", 2, group="plastics"),
    put("suppliers", 2, ownership="women", turnover="90000"),
    put("suppliers", 3, credit_line="5000"),
    add("incumbents", component="housing", supplier="S2"),
)


def rule(kind: str, scope: str = "network", **cells: str) -> Callable[[Rows], object]:
    """The example with groups, and a rule in row 4."""
    stated = {name.rstrip("_"): cell for name, cell in cells.items()}
    return both(GROUPED, add("rules", rule="r", kind=kind, scope=scope, **stated))


def fault(
    code: str, edit: Callable[[Rows], object], column: str, value: str | None, fix: str
) -> Plant:
    """A fault of the rule in row 4."""
    return Plant(code, edit, RULES, 4, column, value, fix)


RULE_PLANTS = [
    # What it is about
    fault(
        "dangling_id",
        rule("supplier_count", "component", of="housing; cabel", max="1"),
        "of",
        "cabel",
        "did you mean 'cable'?",
    ),
    fault(
        "dangling_id",
        rule("supplier_count", "demand", of="D1;D7", max="1"),
        "of",
        "D7",
        "such as 'D1', 'D2'",
    ),
    fault(
        "dangling_id",
        rule("supplier_count", "component_group", of="metals", max="1"),
        "of",
        "metals",
        "such as 'plastics'",
    ),
    fault(
        "dangling_id",
        rule("limit", group="supplier", who="S1;S8", measure="value", max="1"),
        "who",
        "S8",
        "such as 'S1', 'S2', 'S3'",
    ),
    fault(
        "dangling_id",
        rule("limit", group="park", who="Sample Park", measure="value", max="1"),
        "who",
        "Sample Park",
        "did you mean 'Example Park'?",
    ),
    fault(
        "dangling_id",
        rule("limit", group="ownership", who="minority", measure="value", max="1"),
        "who",
        "minority",
        "such as 'women'",
    ),
    fault(
        "unknown_choice",
        rule("limit", group="size_class", who="small; big", measure="value", max="1"),
        "who",
        "big",
        "write one or more of them",
    ),
    fault(
        "unknown_economy",
        rule("share", group="economy", who="VN;Malaysia", measure="value", max="1"),
        "who",
        "Malaysia",
        "did you mean MY?",
    ),
    fault(
        "unknown_economy",
        rule("share", group="economy", who="vn", measure="value", max="1"),
        "who",
        "vn",
        "write VN",
    ),
    fault(
        "missing_cell",
        rule("supplier_count", who="S1;S2", max="1"),
        "group",
        None,
        "such as supplier or economy",
    ),
    fault(
        "missing_cell", rule("share", measure="value", max="1"), "group", None, "such as economy"
    ),
    fault(
        "missing_cell",
        rule("consistent", "component", group="economy"),
        "who",
        None,
        "or clear group to mean all suppliers",
    ),
    fault(
        "unexpected_value",
        rule("supplier_count", of="LF1", max="1"),
        "of",
        "LF1",
        "choose another scope",
    ),
    fault(
        "unexpected_value",
        rule("supplier_count", group="incumbents", who="S2", max="1"),
        "who",
        "S2",
        "choose another group",
    ),
    # What it counts, and how much
    fault(
        "missing_cell",
        rule("share", group="economy", who="VN", max="1"),
        "measure",
        None,
        "write quantity or value",
    ),
    fault("missing_cell", rule("limit", max="1"), "measure", None, "write quantity"),
    fault("wrong_type", rule("supplier_count", max="2.5"), "max", "2.5", "write 2 or 3"),
    fault("wrong_type", rule("economy_count", min="1.5"), "min", "1.5", "write 1 or 2"),
    fault(
        "min_over_max",
        rule("limit", measure="quantity", min="3", max="2"),
        "min",
        "3",
        "raise max",
    ),
    fault(
        "out_of_range",
        rule("share", group="economy", who="VN", measure="value", min="30"),
        "min",
        "30",
        "write 0.3, if 30% is meant",
    ),
    fault("out_of_range", rule("dependence", max="40"), "max", "40", "write 0.4"),
    fault(
        "out_of_range",
        rule("share", group="economy", who="VN", measure="value", max="5000"),
        "max",
        "5000",
        "such as 0.3 for 30%",
    ),
    fault(
        "wrong_split",
        rule("consistent", "component", split="60/30"),
        "split",
        "60/30",
        "such as 60/30/10",
    ),
    fault(
        "wrong_split",
        rule("consistent", "component", split="110/-10"),
        "split",
        "110/-10",
        "add up to 100",
    ),
    fault(
        "wrong_split",
        rule("consistent", "component", split="60 and 40"),
        "split",
        "60 and 40",
        "add up to 100",
    ),
    # Targets
    fault(
        "unexpected_value",
        rule("consistent", "component", measure="value"),
        "measure",
        "value",
        "choose another kind",
    ),
    fault(
        "unexpected_value",
        rule("consistent", "component", min="0.5"),
        "min",
        "0.5",
        "choose another kind",
    ),
    fault(
        "unexpected_value",
        rule("consistent", "component", max="0.5"),
        "max",
        "0.5",
        "choose another kind",
    ),
    fault(
        "missing_cell",
        rule("supplier_count", max="2", price="100"),
        "priority",
        None,
        "makes the rule a target",
    ),
    fault(
        "unexpected_value",
        rule("share", group="economy", who="VN", measure="cost", max="0.4"),
        "measure",
        "cost",
        "write value",
    ),
    fault(
        "unexpected_value",
        rule("viable", measure="cost", min="9"),
        "measure",
        "cost",
        "write value",
    ),
    fault(
        "unexpected_value",
        rule("limit", measure="cost", min="5", max="9"),
        "min",
        "5",
        "count value",
    ),
    # Warnings
    fault("rule_without_limit", rule("supplier_count"), "rule", "r", "enter one of them"),
    fault("rule_without_limit", rule("dependence", min="0.2"), "rule", "r", "enter it"),
    fault(
        "unused_cell",
        rule("supplier_count", max="2", measure="value"),
        "measure",
        "value",
        "it uses min and max",
    ),
    fault("unused_cell", rule("dependence", min="0.1", max="0.2"), "min", "0.1", "it uses max"),
    fault("unused_cell", rule("working_capital", measure="cost"), "measure", "cost", "it uses max"),
    fault(
        "unused_cell",
        rule("limit", measure="cost", max="9", split="60/40"),
        "split",
        "60/40",
        "measure and min and max",
    ),
    fault(
        "rule_about_nothing",
        rule("share", group="economy", who="VN;SG", measure="value", max="1"),
        "who",
        "SG",
        "fill it in for a supplier in suppliers.csv",
    ),
    fault(
        "rule_about_nothing",
        rule("supplier_count", group="park", who="Example Park", max="1"),
        "who",
        "Example Park",
        "fill it in for a supplier",
    ),
    fault(
        "rule_about_nothing",
        rule("supplier_count", group="size_class", who="micro", max="1"),
        "who",
        "micro",
        "fill it in for a supplier",
    ),
    fault(
        "rule_about_nothing",
        rule("supplier_count", group="park", max="1"),
        "group",
        "park",
        "choose another group",
    ),
    fault(
        "rule_about_nothing",
        both(rule("supplier_count", group="incumbents", max="1"), lambda t: t.pop("incumbents")),
        "group",
        "incumbents",
        "add rows to incumbents",
    ),
    fault(
        "rule_about_nothing",
        both(rule("supplier_count", "component_group", max="1"), put("components", 2, group=None)),
        "scope",
        "component_group",
        "fill in the group",
    ),
    # S2 is the one in Malaysia and states no turnover; S1 is the only small one, without a line.
    fault(
        "rule_about_nothing",
        rule("dependence", group="economy", who="MY;TH", max="0.3"),
        "kind",
        "dependence",
        "fill in turnover in suppliers.csv",
    ),
    fault(
        "rule_about_nothing",
        rule("working_capital", group="size_class", who="small"),
        "kind",
        "working_capital",
        "fill in credit_line",
    ),
    fault(
        "rule_about_nothing",
        both(rule("dependence", max="0.3"), put("suppliers", 2, turnover=None)),
        "kind",
        "dependence",
        "fill in turnover",
    ),
]


@pytest.mark.parametrize("plant", RULE_PLANTS, ids=str)
def test_a_planted_fault_is_named(plant: Plant, tmp_path: Path) -> None:
    plant.is_named(tmp_path / "n")


@pytest.mark.parametrize(
    "stated",
    [
        rule("supplier_count", max="0"),
        rule("supplier_count", "component", min="2"),  # for each component on its own
        rule("supplier_count", "component", of=" housing ;; cable", max="2.0"),
        rule("supplier_count", "lead_firm", of="LF1", min="2", max="2"),
        rule("economy_count", "component_group", of="plastics", min="2", priority="1"),
        rule("economy_count", "component_group", min="1", priority="2", price="0"),
        rule("share", group="supplier", measure="quantity", max="1"),
        rule("share", "demand", group="supplier", who="S1;S2", measure="value", min="0", max="0"),
        rule("share", group="size_class", who="small;medium", measure="value", min="0.2"),
        rule("share", group="ownership", measure="value", min="0.2", max="0.2"),
        rule("share", "component", group="incumbents", measure="value", min="0.5"),
        rule("limit", measure="quantity", min="2.5", max="1e6"),
        rule("limit", "demand", of="D1;D2", measure="cost", max="70000", priority="3"),
        rule("dependence", max="1"),
        rule("dependence", "lead_firm", group="supplier", who="S1", max="0.3"),
        rule("working_capital"),
        rule("working_capital", max="1.5"),  # more than the line, which is not a share of awards
        rule("consistent", "component"),
        rule("consistent", "component", of="housing", split="60/30/10"),
        rule("consistent", "component", split="0.25 / 0.75"),
        rule("consistent", "component", split="100"),
        rule("consistent", "demand", group="economy", who="VN;MY", split="1"),
        rule("consistent", "component", group="incumbents"),
        rule("consistent", "component", split="60/40", priority="1", price="1000"),
    ],
)
def test_what_is_right_is_taken(stated: Callable[[Rows], object], tmp_path: Path) -> None:
    tables = sound()
    stated(tables)
    assert issues_of(as_folder(tables, tmp_path / "n")) == []


def test_a_wrong_cell_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    tables = sound()
    rule("share", group="economics", who="VN", measure="sum", max="x")(tables)
    add("rules", rule="r", kind="limit", scope="network", priority="first", price="2")(tables)
    found = {
        (issue.row, issue.column, issue.code)
        for issue in issues_of(as_folder(tables, tmp_path / "n"))
    }
    assert found == {
        (4, "group", "unknown_choice"),
        (4, "measure", "unknown_choice"),
        (4, "max", "wrong_type"),
        (5, "rule", "duplicate_id"),
        (5, "measure", "missing_cell"),
        (5, "rule", "rule_without_limit"),
        (5, "priority", "wrong_type"),
    }


def test_all_issues_of_a_rule_come_at_once(tmp_path: Path) -> None:
    tables = sound()
    rule("share", "component", of="cabel", who="S1", min="0.7", max="40", price="1", split="9")(
        tables
    )
    found = {(issue.column, issue.code) for issue in issues_of(as_folder(tables, tmp_path / "n"))}
    assert found == {
        ("of", "dangling_id"),
        ("group", "missing_cell"),
        ("measure", "missing_cell"),
        ("max", "out_of_range"),
        ("priority", "missing_cell"),
        ("split", "unused_cell"),
    }
