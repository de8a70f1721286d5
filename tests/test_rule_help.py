"""The template's help for rules: its examples are rules, and its own rows solve."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import polars as pl
import pytest

from matcher.judge import check
from matcher.read import network_from_tables, read
from matcher.read.names import READ_ME
from matcher.schema.rule_tables import RULE_KINDS
from matcher.schema.tables import BY_NAME
from matcher.solve import solve
from matcher.write import template
from matcher.write.example import example_tables
from matcher.write.rule_help import CELLS, EXAMPLES


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("t") / "network.xlsx"
    template(path)
    return path


def test_every_example_is_a_rule_of_the_templates_network() -> None:
    assert {example.kind for example in EXAMPLES} == set(RULE_KINDS)
    tables, schema = example_tables(), BY_NAME["rules"].schema
    rows = [
        {"rule": f"rule {i}", "kind": example.kind} | example.cells
        for i, example in enumerate(EXAMPLES)
    ]
    tables["rules"] = pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in schema}, schema, strict=False
    )
    network = network_from_tables(tables)
    assert network.rules.height == len(EXAMPLES)
    # Only turnover and credit lines are facts that the template's suppliers do not state.
    assert {(issue.code, issue.value) for issue in network.warnings} == {
        ("rule_about_nothing", "dependence"),
        ("rule_about_nothing", "working_capital"),
    }


def test_the_read_me_sheet_has_an_example_of_every_kind(path: Path) -> None:
    sheet = openpyxl.load_workbook(path)[READ_ME]
    rows = list(sheet.iter_rows(values_only=True))
    assert (
        "economy_count",
        "at least two economies for every component",
        "scope component, of empty, min 2",
    ) in rows
    first = rows.index(("Kind of rule", "Example", "Its cells in the sheet rules")) + 1
    assert [row[0] for row in rows[first : first + len(EXAMPLES)]] == [
        example.kind for example in EXAMPLES
    ]


def test_notes_give_examples_and_choices_are_lists(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for (table, column), example in CELLS.items():
        notes = {cell.value: cell.comment.text for cell in book[table][1]}
        assert notes[column].endswith(example)
    lists = {
        (name, book[name].cell(1, next(iter(rule.sqref.ranges)).min_col).value)
        for name in ("rules", "objectives")
        for rule in book[name].data_validations.dataValidation
    }
    assert lists == {
        ("rules", "kind"),
        ("rules", "scope"),
        ("rules", "group"),
        ("rules", "measure"),
        ("objectives", "objective"),
    }


def test_the_templates_rows_solve(path: Path) -> None:
    network = read(path)
    assert not network.rules.is_empty()
    assert not network.objectives.is_empty()
    assert not network.periods.is_empty()
    plan = solve(network, gap_limit=0.0)
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert check(network, plan).ok
