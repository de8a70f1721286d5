"""Every kind of issue is planted once into a sound network, and must be named with its place."""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter

from matcher.errors import InputError, Issue
from matcher.plan import plan_from_dict
from matcher.read import network_from_tables
from matcher.report import report
from matcher.validate.findings import CODES, LISTED_PER_COLUMN
from matcher.write import template, write
from matcher.write.example import example_tables
from tests.planted import (
    Plant,
    Rows,
    add,
    as_folder,
    both,
    drop,
    issues_of,
    only,
    put,
    rename,
    sound,
)
from tests.test_read_rules import RULE_PLANTS
from tests.test_read_terms import TERM_PLANTS


def foreign_resource(tables: Rows) -> None:
    tables["resources"].append({**tables["resources"][0], "resource": "R9", "supplier": "S2"})
    tables["usages"][0]["resource"] = "R9"


def measured_in(*units: str) -> Callable[[Rows], object]:
    """Count the components in these units, one after the other."""
    return lambda tables: [
        row.update(unit=unit) for row, unit in zip(tables["components"], units, strict=True)
    ]


def city(name: str, economy: str, **point: str) -> Callable[[Rows], object]:
    """Say by its city where the place of the third row lies."""

    def edit(tables: Rows) -> None:
        for row in tables["places"]:
            row["city"] = None
        cells = {"latitude": None, "longitude": None} | point
        tables["places"][2] |= {"city": name, "economy": economy, **cells}

    return edit


D, B, S = "demands.csv", "bids.csv", "suppliers.csv"

PLANTS = [
    # Tables and columns
    Plant(
        "missing_table",
        lambda t: t.pop("bids"),
        "bids",
        None,
        None,
        None,
        "columns bid, supplier, component",
    ),
    Plant(
        "too_many_rows",
        add("network", name="Second", currency="USD", start="2026-01-05"),
        "network.csv",
        3,
        None,
        None,
        "keep one row",
    ),
    Plant("missing_column", drop("demands", "due"), D, 1, "due", None, "add the column due"),
    Plant(
        "unknown_column",
        rename("bids", "max_quantity", "max_quantiy"),
        B,
        1,
        "max_quantiy",
        "max_quantiy",
        "did you mean 'max_quantity'?",
    ),
    # Cells
    Plant("missing_cell", put("bids", 3, price=None), B, 3, "price", None, "fill it in"),
    Plant("wrong_type", put("bids", 2, price="cheap"), B, 2, "price", "cheap", "write digits"),
    Plant(
        "wrong_type",
        put("demands", 2, min_suppliers="1.5"),
        D,
        2,
        "min_suppliers",
        "1.5",
        "write 1 or 2",
    ),
    Plant(
        "wrong_type",
        put("demands", 3, single_source="maybe"),
        D,
        3,
        "single_source",
        "maybe",
        "write true or false",
    ),
    Plant(
        "number_format",
        put("demands", 2, quantity="1,234"),
        D,
        2,
        "quantity",
        "1,234",
        "write 1234",
    ),
    Plant("number_format", put("bids", 2, price="12,5"), B, 2, "price", "12,5", "write 12.5"),
    Plant(
        "number_format", put("bids", 2, price="1.234,5"), B, 2, "price", "1.234,5", "write 1234.5"
    ),
    Plant(
        "number_format",
        put("demands", 2, quantity="1'234'567"),
        D,
        2,
        "quantity",
        "1'234'567",
        "write 1234567",
    ),
    Plant(
        "number_format", put("duties", 2, rate="5%"), "duties.csv", 2, "rate", "5%", "write 0.05"
    ),
    Plant("not_finite", put("bids", 4, price="NaN"), B, 4, "price", "NaN", "write a number"),
    Plant("not_finite", put("bids", 4, moq="-inf"), B, 4, "moq", "-inf", "leave the cell empty"),
    Plant(
        "out_of_range",
        put("bids", 2, price="-1.10"),
        B,
        2,
        "price",
        "-1.10",
        "write a number at least 0",
    ),
    Plant("out_of_range", put("demands", 2, quantity="0"), D, 2, "quantity", "0", "above 0"),
    Plant(
        "out_of_range",
        put("places", 2, latitude="91"),
        "places.csv",
        2,
        "latitude",
        "91",
        "at most 90",
    ),
    Plant("out_of_range", put("demands", 2, quantity="1e300"), D, 2, "quantity", "1e300", "1e+15"),
    Plant(
        "out_of_range",
        put("demands", 2, due="2226-06-30"),
        D,
        2,
        "due",
        "2226-06-30",
        "from 1990-01-01 to 2100-12-31",
    ),
    Plant(
        "impossible_date",
        put("demands", 2, due="2026-02-30"),
        D,
        2,
        "due",
        "2026-02-30",
        "write a day from 01 to 28",
    ),
    Plant(
        "wrong_date",
        put("demands", 2, due="31/12/2026"),
        D,
        2,
        "due",
        "31/12/2026",
        "write 2026-12-31",
    ),
    Plant(
        "wrong_date",
        put("demands", 2, due="03/04/2026"),
        D,
        2,
        "due",
        "03/04/2026",
        "write 2026-03-04 or 2026-04-03",
    ),
    Plant(
        "wrong_date",
        put("demands", 2, due="46203"),
        D,
        2,
        "due",
        "46203",
        "Excel's number for 2026-06-30",
    ),
    Plant(
        "control_character",
        put("suppliers", 2, name="Da\x07Nang"),
        S,
        2,
        "name",
        "Da\x07Nang",
        "delete it",
    ),
    Plant(
        "unknown_choice",
        put("bids", 3, incoterm="FOBB"),
        B,
        3,
        "incoterm",
        "FOBB",
        "did you mean 'FOB'?",
    ),
    Plant(
        "unknown_choice",
        put("bids", 3, modes="sea;ship"),
        B,
        3,
        "modes",
        "sea;ship",
        "write one of them",
    ),
    Plant(
        "unknown_economy",
        put("places", 4, economy="Malaysia"),
        "places.csv",
        4,
        "economy",
        "Malaysia",
        "did you mean MY?",
    ),
    Plant("unknown_currency", put("bids", 2, currency="US$"), B, 2, "currency", "US$", "ISO 4217"),
    Plant(
        "unknown_standard",
        put("certificates", 3, standard="ISO 9101"),
        "certificates.csv",
        3,
        "standard",
        "ISO 9101",
        "did you mean 'ISO ",
    ),
    Plant(
        "wrong_hs",
        put("components", 2, hs="plastic"),
        "components.csv",
        2,
        "hs",
        "plastic",
        "2 to 10 digits",
    ),
    Plant(
        "wrong_hs",
        put("components", 2, hs="8542.1"),
        "components.csv",
        2,
        "hs",
        "8542.1",
        "'085421' or '854210'",
    ),
    # Keys
    Plant("duplicate_id", put("bids", 4, bid="B1"), B, 4, "bid", "B1", "keep row 2 or row 4"),
    Plant(
        "duplicate_id",
        add("standards", standard="FIRM Q17", **{"class": "firm"}),
        "standards.csv",
        3,
        "standard",
        "FIRM Q17",
        "keep one of the two",
    ),
    Plant(
        "duplicate_key",
        add("tiers", bid="B1", from_quantity="10000.00", price="1"),
        "tiers.csv",
        3,
        None,
        "B1 / 10000.0",
        "keep row 2 or row 3",
    ),
    Plant(
        "duplicate_key",
        add("requirements", component="housing", standard="iso9001:2015"),
        "requirements.csv",
        4,
        None,
        "housing / ISO 9001 / ",
        "keep row 2 or row 4",
    ),
    Plant(
        "dangling_id", put("bids", 2, supplier="s1"), B, 2, "supplier", "s1", "did you mean 'S1'?"
    ),
    Plant(
        "dangling_id",
        add("rules", rule="r2", kind="supplier_count", scope="component", of="cabel", max="1"),
        "rules.csv",
        4,
        "of",
        "cabel",
        "did you mean 'cable'?",
    ),
    # Cross-checks
    Plant(
        "foreign_resource",
        foreign_resource,
        "usages.csv",
        2,
        "resource",
        "R9",
        "name a resource of S1",
    ),
    Plant(
        "component_mismatch",
        put("bids", 2, demand="D2"),
        B,
        2,
        "demand",
        "D2",
        "name a demand of housing",
    ),
    Plant(
        "min_over_max",
        put("demands", 2, min_suppliers="3", max_suppliers="2"),
        D,
        2,
        "min_suppliers",
        "3",
        "raise max_suppliers",
    ),
    Plant("min_over_max", put("rules", 2, min="4"), "rules.csv", 2, "min", "4", "raise max"),
    Plant(
        "contradiction",
        put("demands", 3, min_suppliers="2", single_source="yes"),
        D,
        3,
        "min_suppliers",
        "2",
        "single_source to false",
    ),
    Plant(
        "contradiction",
        put("demands", 2, single_source="TRUE"),
        D,
        2,
        "share_cap",
        "0.7",
        "leave share_cap empty",
    ),
    Plant(
        "end_before_start",
        put("certificates", 2, valid_to="2023-12-31"),
        "certificates.csv",
        2,
        "valid_to",
        "2023-12-31",
        "correct the dates",
    ),
    Plant(
        "due_before_start",
        put("demands", 3, due="2026-01-04"),
        D,
        3,
        "due",
        "2026-01-04",
        "later date",
    ),
    Plant(
        "moq_over_max",
        put("bids", 2, max_quantity="1999"),
        B,
        2,
        "moq",
        "2000",
        "raise max_quantity",
    ),
    # Multiples of 800 around moq 5000: 4800 is too small, 5600 is above 5500.
    Plant(
        "no_multiple_fits",
        put("bids", 3, order_multiple="800", max_quantity="5500"),
        B,
        3,
        "order_multiple",
        "800",
        "raise max_quantity to 5600",
    ),
    Plant(
        "missing_rate",
        put("bids", 2, currency="thb"),
        B,
        2,
        "currency",
        "THB",
        "add a row THB to rates.csv",
    ),
    Plant(
        "missing_rate",
        both(
            put("network", 2, currency="VND"),
            lambda t: [row.update(currency="MYR") for row in t["bids"]],
        ),
        "rates.csv",
        None,
        "currency",
        "USD",
        "value of 1 USD in VND",
    ),
    Plant(
        "own_currency_rate",
        add("rates", currency="USD", value="1.1"),
        "rates.csv",
        3,
        "value",
        "1.1",
        "write 1",
    ),
    Plant(
        "missing_place",
        put("places", 4, latitude=None, longitude=None),
        "places.csv",
        4,
        "city",
        None,
        "a city of at least 100,000 people",
    ),
    Plant(
        "unknown_city",
        city("Penangg", "MY"),
        "places.csv",
        4,
        "city",
        "Penangg",
        "did you mean 'Penang'?",
    ),
    Plant(
        "ambiguous_city",
        city("Springfield", "US"),
        "places.csv",
        4,
        "city",
        "Springfield",
        "write 'Springfield, IL' or another region",
    ),
    Plant(
        "unexpected_value", put("rules", 2, of="LF1"), "rules.csv", 2, "of", "LF1", "clear the cell"
    ),
    # Warnings
    Plant(
        "rule_without_limit",
        put("rules", 2, max=None),
        "rules.csv",
        2,
        "rule",
        "few suppliers",
        "enter one of them",
    ),
    Plant(
        "tier_price_rises",
        put("tiers", 2, price="1.2"),
        "tiers.csv",
        2,
        "price",
        "1.2",
        "check the price",
    ),
    Plant(
        "cannot_be_covered",
        put("demands", 2, max_suppliers="1"),
        D,
        2,
        "share_cap",
        "0.7",
        "raise share_cap or max_suppliers",
    ),
    # 8000 = 26 × 300 + 200.
    Plant(
        "no_award_step_divides",
        put("bids", 4, order_multiple="300"),
        D,
        3,
        "quantity",
        "8000",
        "change the quantity",
    ),
    Plant("demand_without_bid", lambda t: t["bids"].pop(2), D, 3, "demand", "D2", "add a bid"),
    Plant(
        "supplier_without_bid",
        add("suppliers", supplier="S9", place="Penang", size_class="micro"),
        S,
        5,
        "supplier",
        "S9",
        "add one",
    ),
    Plant(
        "same_bid_twice",
        lambda t: t["bids"].append({**t["bids"][2], "bid": "B9"}),
        B,
        5,
        "bid",
        "B9",
        "delete one",
    ),
    Plant(
        "resource_without_usage",
        lambda t: t["resources"].append({**t["resources"][0], "resource": "R9"}),
        "resources.csv",
        3,
        "resource",
        "R9",
        "add the bids that use it",
    ),
    Plant(
        "bid_without_usage",
        lambda t: t["bids"].append({**t["bids"][0], "bid": "B9", "price": "1.5"}),
        B,
        5,
        "bid",
        "B9",
        "add its rows to usages.csv",
    ),
    Plant(
        "assumed_duty",
        put("duties", 3, origin="MY"),
        D,
        3,
        None,
        "VN",
        "add rows with the destination VN",
    ),
    Plant(
        "no_duty",
        put("places", 2, economy="KP"),
        D,
        2,
        None,
        "KP",
        "add rows with the destination KP",
    ),
    Plant(
        "assumed_trade_cost",
        put("places", 5, economy="KP"),
        "places.csv",
        5,
        "economy",
        "KP",
        "add a row KP to trade_costs",
    ),
    Plant(
        "mixed_units",
        both(measured_in("piece", "kg"), put("rules", 3, measure="quantity")),
        "rules.csv",
        3,
        "measure",
        None,
        "count value",
    ),
    Plant("sea_term", put("bids", 3, modes="air"), B, 3, "incoterm", "FOB", "write FCA"),
    Plant(
        "place_off_city",
        city("Kuala Lumpur", "MY", latitude="5.41", longitude="100.33"),
        "places.csv",
        4,
        "city",
        "Kuala Lumpur",
        "correct one of them",
    ),
    Plant(
        "place_off_economy",
        put("places", 3, latitude="51.5", longitude="7.2"),
        "places.csv",
        3,
        "place",
        "Da Nang",
        "were the two swapped",
    ),
]


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_fault_is_named(plant: Plant, tmp_path: Path) -> None:
    plant.is_named(tmp_path / "n")


def latin_1(folder: Path) -> None:
    text = (folder / "suppliers.csv").read_text().replace("Penang Moulding", "Señor")
    (folder / "suppliers.csv").write_bytes(text.encode("latin-1"))


def replaced(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).write_text(change((folder / name).read_text()))

    return edit


def to_itself(folder: Path) -> None:
    """Make a link that can never be followed."""
    (folder / D).unlink()
    (folder / D).symlink_to(folder / D)


FILE_PLANTS: list[tuple[str, Callable[[Path], object], str, int | None, str | None, str]] = [
    # "supplier,name,place,size_class,onboarding_cost\n" has 47 bytes (0 to 46), the row
    # "S1,Da Nang Plastics,Da Nang,small,500.0\n" 40, and "S2,Se" 5: the ñ is byte 92.
    ("wrong_encoding", latin_1, S, 3, "0xf1", "save it as CSV UTF-8"),
    (
        "wrong_encoding",
        lambda f: (f / D).write_bytes((f / D).read_text().encode("utf-16")),
        D,
        None,
        "ff fe",
        "save it as CSV UTF-8",
    ),
    ("wrong_separator", replaced(D, lambda t: t.replace(",", ";")), D, 1, None, "with commas"),
    (
        "bad_csv",
        replaced(D, lambda t: t.replace("D2,", '"D2,')),
        D,
        None,
        None,
        "close every quote",
    ),
    ("ragged_row", replaced(B, lambda t: t.replace("B2,", "B2,,")), B, 3, None, "quote cells"),
    (
        "duplicate_column",
        replaced("rates.csv", lambda _: "value,Value,currency\n1,1,MYR\n"),
        "rates.csv",
        1,
        "Value",
        "keep one",
    ),
    (
        "empty_table",
        replaced(D, lambda t: t.splitlines()[0] + "\n"),
        D,
        None,
        None,
        "add at least one",
    ),
    ("missing_header", replaced(D, lambda _: ""), D, 1, None, "write the column names"),
    ("missing_header", replaced(D, lambda text: f",,\n{text}"), D, 1, None, "write the column"),
    (
        "unknown_table",
        lambda f: (f / "usages.csv").rename(f / "usage.csv"),
        "usage.csv",
        None,
        "usage",
        "rename it to usages",
    ),
    (
        "duplicate_table",
        lambda f: pl.DataFrame({"currency": ["EUR"], "value": [1.1]}).write_parquet(
            f / "rates.parquet"
        ),
        "rates.parquet",
        None,
        None,
        "keep one",
    ),
    (
        "bad_parquet",
        lambda f: (f / D).rename(f / "demands.parquet"),
        "demands.parquet",
        None,
        None,
        "write it again",
    ),
    ("unreadable", to_itself, D, None, None, "check that"),
]


@pytest.mark.parametrize(("code", "edit", "table", "row", "value", "fix"), FILE_PLANTS)
def test_a_fault_of_a_file_is_named(
    code: str,
    edit: Callable[[Path], object],
    table: str,
    row: int | None,
    value: str | None,
    fix: str,
    tmp_path: Path,
) -> None:
    folder = as_folder(sound(), tmp_path / "n")
    edit(folder)
    issue = only(issues_of(folder), code)
    assert (issue.table, issue.row) == (table, row)
    assert fix in issue.fix
    if value is not None:
        assert issue.value == value


def test_wrong_encoding_names_the_byte(tmp_path: Path) -> None:
    folder = as_folder(sound(), tmp_path / "n")
    latin_1(folder)
    at = (folder / "suppliers.csv").read_bytes().index(b"\xf1")
    assert f"byte {at:,} " in only(issues_of(folder), "wrong_encoding").problem


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return path


def failed_formula(path: Path) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("rates")
        sheet.write_row(0, 0, ["currency", "value"])
        sheet.write_row(1, 0, ["EUR", 1.1])
        sheet.write_string(2, 0, "THB")
        sheet.write_formula(2, 1, "=1/0", None, "#DIV/0!")
    return path


def title_above(path: Path) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("rates")
        sheet.write_row(1, 0, ["currency", "value"])
    return path


def text_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def plan_as(path: Path) -> Path:
    """A plan without awards, as `matcher solve --output` writes it."""
    if path.suffix == ".json":
        plan_from_dict({"awards": []}).write(path)
    else:
        report(network_from_tables(example_tables()), plan_from_dict({"awards": []}), path)
    return path


PATH_PLANTS: list[tuple[str, Callable[[Path], Path], str]] = [
    ("no_such_path", lambda tmp: tmp / "nowhere", "check the path"),
    ("no_tables", lambda tmp: tmp, "matcher template"),
    ("no_tables", lambda tmp: text_file(tmp / "a.xlsx", b"") and tmp, "path of a.xlsx itself"),
    ("no_tables", lambda tmp: text_file(tmp / "n.json", b"{}"), "write {"),
    ("plan_given", lambda tmp: plan_as(tmp / "plan.json"), "matcher check NETWORK PLAN"),
    ("plan_given", lambda tmp: plan_as(tmp / "plan.xlsx"), "matcher check NETWORK PLAN"),
    ("unknown_format", lambda tmp: text_file(tmp / "n.xls", b""), "save it as .xlsx"),
    ("unknown_format", lambda tmp: text_file(tmp / "n.csv", b""), "give the folder"),
    ("bad_xlsx", lambda tmp: text_file(tmp / "n.xlsx", b"name,currency"), "save it as .xlsx"),
    (
        "bad_xlsx",
        lambda tmp: text_file(tmp / "n.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        "without a password",
    ),
    ("bad_xlsx", lambda tmp: zipped(tmp / "n.xlsx", document=b"<a/>"), "save it as .xlsx"),
    ("too_big", lambda tmp: zipped(tmp / "n.xlsx", bomb=bytes(3_000_000)), "delete unused"),
    (
        "too_big",
        lambda tmp: zipped(tmp / "n.xlsx", **{f"a{i}": b"" for i in range(2_001)}),
        "delete unused",
    ),
    (
        "too_big",
        lambda tmp: zipped(tmp / "n.xlsx", xl__worksheets__sheet1=b'<c r="XFD1048576"/>'),
        "delete unused",
    ),
    ("missing_header", lambda tmp: title_above(tmp / "n.xlsx"), "write the column names"),
    ("error_cell", lambda tmp: failed_formula(tmp / "n.xlsx"), "correct the formula"),
    (
        "bad_json",
        lambda tmp: text_file(tmp / "n.json", b'{"demands": [\n{"demand": }]}'),
        "correct the JSON",
    ),
    ("bad_json", lambda tmp: text_file(tmp / "n.json", b"[" * 200_000), "write {"),
    ("bad_json", lambda tmp: text_file(tmp / "n.json", b'{"demands": [3]}'), "write {"),
    (
        "bad_json",
        lambda tmp: text_file(tmp / "n.json", b'{"a": 1' + b"0" * 9_000 + b"}"),
        "write a number",
    ),
    ("wrong_encoding", lambda tmp: text_file(tmp / "n.json", b'{"demands": "\xff"}'), "UTF-8"),
    (
        "wrong_encoding",
        lambda tmp: text_file(tmp / "n.json", b'{"demands": "\\ud800"}'),
        "both halves",
    ),
    ("unreadable", lambda tmp: tmp / ("n" * 300), "check that"),
]


@pytest.mark.parametrize(("code", "path", "fix"), PATH_PLANTS)
def test_a_path_that_is_no_network_is_named(
    code: str, path: Callable[[Path], Path], fix: str, tmp_path: Path
) -> None:
    found = [issue for issue in issues_of(path(tmp_path)) if issue.code == code]
    assert len(found) == 1
    assert fix in found[0].fix


def test_bad_json_names_line_and_column(tmp_path: Path) -> None:
    path = text_file(tmp_path / "n.json", b'{"demands": [\n{"demand": }]}')
    assert "line 2, column 12" in issues_of(path)[0].problem


def test_json_issues_carry_a_pointer_and_a_row(tmp_path: Path) -> None:
    tables = sound()
    tables["bids"][1]["price"] = {"amount": 3}
    path = text_file(tmp_path / "n.json", json.dumps(tables).encode())
    issue = only(issues_of(path), "wrong_type")
    assert (issue.table, issue.row, issue.column) == ("/bids", 3, "price")


def test_a_json_member_that_stands_twice_is_named(tmp_path: Path) -> None:
    text = json.dumps(sound()).replace('"price": "1.1"', '"price": "1.1", "price": "0.1"')
    issue = only(issues_of(text_file(tmp_path / "n.json", text.encode())), "duplicate_column")
    assert (issue.table, issue.row, issue.column) == ("/bids", 2, "price")


def test_error_cells_name_sheet_and_cell(tmp_path: Path) -> None:
    found = issues_of(failed_formula(tmp_path / "n.xlsx"))
    issue = next(issue for issue in found if issue.code == "error_cell")
    assert (issue.table, issue.row, issue.column, issue.value) == ("rates", 3, "B", "#DIV/0!")


def test_a_formula_that_was_never_calculated_is_named(tmp_path: Path) -> None:
    # Programs that write formulas without their values exist; read as empty, a limit would be gone.
    write(network_from_tables(example_tables()), tmp_path / "n.xlsx")
    book = openpyxl.load_workbook(tmp_path / "n.xlsx")
    names = [cell.value for cell in book["bids"][1]]
    cell = book["bids"].cell(2, names.index("max_quantity") + 1, "=2*1000")
    book.save(tmp_path / "n.xlsx")
    issue = only(issues_of(tmp_path / "n.xlsx"), "error_cell")
    assert (issue.table, issue.row, issue.column) == ("bids", 2, cell.column_letter)
    assert "has no value in the file" in issue.problem


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        template(tmp_path / "file" / "t.xlsx")
    assert [issue.code for issue in caught.value.issues] == ["unwritable"]
    network = network_from_tables(example_tables())
    with pytest.raises(InputError) as caught:
        write(network, tmp_path / "n.xls")
    assert [issue.code for issue in caught.value.issues] == ["unknown_format"]


def test_a_million_bad_cells_are_counted_not_listed() -> None:
    tables = example_tables()
    bids = pl.concat([tables["bids"].head(1)] * 5_000).with_columns(
        bid=pl.int_range(pl.len()).cast(pl.String), price=pl.lit(-1.0)
    )
    with pytest.raises(InputError) as caught:
        network_from_tables(
            {
                **tables,
                "bids": bids,
                "usages": tables["usages"].clear(),
                "tiers": tables["tiers"].clear(),
            }
        )
    codes = [issue.code for issue in caught.value.issues]
    assert codes.count("out_of_range") == LISTED_PER_COLUMN
    left = [issue for issue in caught.value.issues if issue.code == "not_listed"]
    assert len(left) == 1
    assert f"{5_000 - LISTED_PER_COLUMN:,} more" in left[0].problem


def test_all_issues_come_at_once(tmp_path: Path) -> None:
    # Faults that do not hide each other, in one network.
    chosen = [
        plant
        for plant in PLANTS
        if plant.code
        in {
            "unknown_column",
            "number_format",
            "not_finite",
            "impossible_date",
            "unknown_economy",
            "unknown_choice",
            "unknown_standard",
            "wrong_hs",
            "moq_over_max",
            "end_before_start",
            "unexpected_value",
            "own_currency_rate",
            "duplicate_key",
            "min_over_max",
            "out_of_range",
            "duplicate_id",
            "dangling_id",
            "control_character",
        }
    ]
    tables, planted = sound(), set()
    used: set[str] = set()
    for plant in chosen:
        place = f"{plant.table} {plant.row} {plant.column}"
        if plant.code in planted or place in used:
            continue
        plant.edit(tables)
        planted.add(plant.code)
        used.add(place)
    folder = as_folder(tables, tmp_path / "n")
    (folder / "lanes.csv").rename(folder / "lane.csv")
    planted.add("unknown_table")
    found = {issue.code for issue in issues_of(folder)}
    assert len(planted) >= 15
    assert planted <= found


def test_every_code_is_planted() -> None:
    planted = (
        {plant.code for plant in (*PLANTS, *RULE_PLANTS, *TERM_PLANTS)}
        | {plant[0] for plant in FILE_PLANTS}
        | {plant[0] for plant in PATH_PLANTS}
    )
    assert planted | {"not_listed", "unwritable"} == set(CODES)


def test_issues_come_in_the_order_of_tables_and_rows(tmp_path: Path) -> None:
    tables = sound()
    put("bids", 4, price="x")(tables)
    put("bids", 2, price="x")(tables)
    put("places", 3, latitude="x")(tables)
    found = [(issue.table, issue.row) for issue in issues_of(as_folder(tables, tmp_path / "n"))]
    assert found == [("places.csv", 3), (B, 2), (B, 4)]


def test_a_table_that_cannot_be_read_brings_no_followers(tmp_path: Path) -> None:
    folder = as_folder(sound(), tmp_path / "n")
    (folder / "suppliers.csv").write_bytes(b"\xff" * 10)
    assert [issue.code for issue in issues_of(folder)] == ["wrong_encoding"]


def test_text_frames_and_files_are_judged_alike(tmp_path: Path) -> None:
    tables = sound()
    put("bids", 2, price="12,5")(tables)
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    with pytest.raises(InputError) as caught:
        network_from_tables(frames)
    files = issues_of(as_folder(tables, tmp_path / "n"))
    assert [issue.problem for issue in caught.value.issues] == [issue.problem for issue in files]
    assert caught.value.issues[0].table == "bids"


def test_columns_of_a_type_without_text_are_named() -> None:
    tables = example_tables()
    tables["bids"] = tables["bids"].with_columns(price=pl.struct(a=pl.lit(1)))
    with pytest.raises(InputError) as caught:
        network_from_tables(tables)
    assert [(i.code, i.table, i.column) for i in caught.value.issues] == [
        ("wrong_type", "bids", "price")
    ]


def test_an_issue_reads_as_a_sentence() -> None:
    issue = Issue(
        code="wrong_type",
        table=B,
        row=2,
        column="price",
        value="cheap",
        problem="is not a number",
        fix="write digits",
    )
    assert str(issue) == "bids.csv, row 2, column price: 'cheap' is not a number; write digits"


def test_an_empty_workbook_has_no_tables(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        book.add_worksheet("Sheet1")
    found = issues_of(text_file(tmp_path / "n.xlsx", buffer.getvalue()))
    assert [issue.code for issue in found] == ["no_tables"]


def test_a_panic_of_the_workbook_parser_is_an_issue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panic = type("PanicException", (BaseException,), {})

    class Panicking:
        @staticmethod
        def from_path(_: Path) -> None:
            raise panic("index out of bounds")

    template(tmp_path / "n.xlsx")
    # The package exports a function read, so the module is not to be had as an attribute.
    module = importlib.import_module("matcher.read.xlsx_file")
    monkeypatch.setattr(module, "CalamineWorkbook", Panicking)
    assert "bad_xlsx" in {issue.code for issue in issues_of(tmp_path / "n.xlsx")}
