"""What is written is read back as the same network; templates are ready to fill in or to solve."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.errors import InputError, LimitError
from matcher.network import Network
from matcher.read import network_from_tables, read
from matcher.read.names import READ_ME
from matcher.schema.columns import Column
from matcher.schema.tables import BY_NAME, TABLES
from matcher.write import Format, template, write
from matcher.write.example import example_tables

FORMATS: list[tuple[Format, str]] = [
    ("csv", "n"),
    ("parquet", "n"),
    ("xlsx", "n.xlsx"),
    ("json", "n.json"),
]

# Every character but surrogates, controls, and the two that XML cannot hold.
TEXT = (
    st.text(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
        | st.sampled_from("\t\n\r,;\"'=+-@_x000D "),
        min_size=1,
        max_size=12,
    )
    .map(str.strip)
    .filter(bool)
)

# Columns that the example's cross-checks do not tie to others.
FREE = [
    (table.name, column)
    for table in TABLES
    for column in table.columns
    if column.name not in table.key
    and column.kind in ("text", "number", "flag")
    and table.name != "rules"
    and column.name
    not in (
        "moq",
        "share_cap",
        "single_source",
        "max_quantity",
        "order_multiple",
        "bundle",
        "economies",
        # One of two cells has to be filled in.
        "lead_time_days",
        "lead_time_working_days",
        "city",
        "latitude",
        "longitude",
    )
]


def equal(a: Network, b: Network) -> bool:
    return a.input_hash == b.input_hash and all(
        a.table(table.name).equals(b.table(table.name)) for table in TABLES
    )


def cells(column: Column) -> st.SearchStrategy[object]:
    """Any cell that the column may hold."""
    if column.kind == "flag":
        return st.booleans()
    if column.kind == "text":
        return TEXT
    least = 1e-6 if column.positive else column.minimum if column.minimum is not None else -1e9
    most = column.maximum if column.maximum is not None else 1e9
    return st.floats(least, most, allow_subnormal=False)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """The example with other ids, and with random cells in columns that may hold any."""
    tables = example_tables()
    ids = draw(st.lists(TEXT, min_size=3, max_size=3, unique_by=lambda text: text.casefold()))
    fresh = dict(zip(("S1", "S2", "S3"), ids, strict=True))
    for name in ("suppliers", "certificates", "resources", "bids"):
        tables[name] = tables[name].with_columns(pl.col("supplier").replace(fresh))
    for name, column in draw(st.lists(st.sampled_from(FREE), min_size=1, max_size=6)):
        height = tables[name].height
        cell = cells(column) if column.required else st.none() | cells(column)
        values = draw(st.lists(cell, min_size=height, max_size=height))
        tables[name] = tables[name].with_columns(pl.Series(column.name, values, dtype=column.dtype))
    return network_from_tables(tables)


@pytest.mark.parametrize(("form", "name"), FORMATS)
def test_the_example_survives_every_format(form: Format, name: str, tmp_path: Path) -> None:
    network = network_from_tables(example_tables())
    write(network, tmp_path / name, format=form)
    assert equal(read(tmp_path / name), network)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(network=networks())
def test_any_network_survives_every_format(
    network: Network, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for form, name in FORMATS:
        path = tmp_path_factory.mktemp("n") / name
        write(network, path, format=form)
        assert equal(read(path), network), form


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30 1",
        "-",
        "@SUM(A1)",
        "=cmd|'/c calc'!A1",
        '"',
        'a "b" c',
        "a,b",
        "a\nb",
        "_x000D_",
        "http://example.com",
        "007",
        "1e5",
        "TRUE",
        "2026-01-01",
        "é ü 漢字 🙂",
        "'quoted",
    ],
)
@pytest.mark.parametrize(("form", "name"), FORMATS)
def test_text_stays_text(form: Format, name: str, text: str, tmp_path: Path) -> None:
    tables = example_tables()
    tables["suppliers"] = tables["suppliers"].with_columns(name=pl.lit(text))
    network = network_from_tables(tables)
    write(network, tmp_path / name, format=form)
    assert read(tmp_path / name).suppliers["name"].to_list() == [text] * 3


def test_a_workbook_holds_no_formula_and_every_digit(tmp_path: Path) -> None:
    tables = example_tables()
    tables["suppliers"] = tables["suppliers"].with_columns(
        name=pl.lit("=1+1"), onboarding_cost=pl.lit(0.1 + 0.2)
    )
    write(network_from_tables(tables), tmp_path / "n.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "n.xlsx")["suppliers"]
    stated = [cell.data_type for cell in sheet[2] if cell.value is not None]
    assert stated == ["s", "s", "s", "s", "n"]
    assert sheet["E2"].value == 0.30000000000000004


def test_no_table_of_an_older_network_is_left_in_a_folder(tmp_path: Path) -> None:
    tables = example_tables()
    write(network_from_tables(tables), tmp_path)
    tables["usages"] = tables["usages"].clear()
    smaller = network_from_tables(tables)
    write(smaller, tmp_path)
    assert equal(read(tmp_path), smaller)


def test_what_a_worksheet_cannot_hold_is_refused(tmp_path: Path) -> None:
    tables = example_tables()
    tables["suppliers"] = tables["suppliers"].with_columns(name=pl.lit("x" * 32_768))
    network = network_from_tables(tables)
    with pytest.raises(LimitError, match=r"suppliers\.name has 32,768 characters"):
        write(network, tmp_path / "n.xlsx")
    write(network, tmp_path / "n.json")
    assert equal(read(tmp_path / "n.json"), network)


@pytest.mark.parametrize("name", ["t.xlsx", "t"])
def test_a_template_with_the_example_is_a_network_without_warnings(
    name: str, tmp_path: Path
) -> None:
    template(tmp_path / name)
    network = read(tmp_path / name)
    assert equal(network, network_from_tables(example_tables()))
    assert network.warnings == ()


@pytest.mark.parametrize("name", ["t.xlsx", "t"])
def test_an_empty_template_names_what_to_fill_in(name: str, tmp_path: Path) -> None:
    template(tmp_path / name, example=False)
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert {issue.code for issue in caught.value.issues} == {"empty_table"}
    assert [issue.table.removesuffix(".csv") for issue in caught.value.issues] == [
        table.name for table in TABLES if table.required
    ]


def test_the_template_explains_itself(tmp_path: Path) -> None:
    template(tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.sheetnames == [READ_ME, *BY_NAME]
    bids = book["bids"]
    notes = {cell.value: cell.comment.text for cell in bids[1]}
    assert list(notes) == [column.name for column in BY_NAME["bids"].columns]
    assert notes["price"].startswith("Required. Price at the incoterm. Unit: bid currency")
    assert "Default: 0.0." in notes["moq"]
    assert bids.freeze_panes == "B2"
    lists = {
        str(rule.sqref).split(":")[0]: rule.formula1
        for rule in bids.data_validations.dataValidation
    }
    incoterm = bids[1][list(notes).index("incoterm")].column_letter
    assert lists[f"{incoterm}2"] == '"EXW,FCA,FAS,FOB,CFR,CIF,CPT,CIP,DAP,DPU,DDP"'
    fills = {cell.value: cell.fill.fgColor.rgb for cell in bids[1]}
    assert fills["price"] != fills["moq"]
    assert isinstance(book["demands"]["F2"].value, dt.datetime)


def test_the_csv_template_has_every_column(tmp_path: Path) -> None:
    template(tmp_path / "t", example=False)
    for table in TABLES:
        header = (tmp_path / "t" / f"{table.name}.csv").read_text().splitlines()[0]
        assert header.split(",") == [column.name for column in table.columns]
