"""What is read from each format, how cells are understood, and that nothing crashes."""

from __future__ import annotations

import datetime as dt
import json
import random
import struct
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.errors import InputError
from matcher.network import Network
from matcher.read import network_from_tables, read
from matcher.schema.tables import TABLES
from matcher.write import template, write
from matcher.write.example import example_tables


def equal(a: Network, b: Network) -> bool:
    """Whether every table is the same, and so the hash."""
    return a.input_hash == b.input_hash and all(
        a.table(table.name).equals(b.table(table.name)) for table in TABLES
    )


def changed(table: str, **columns: str | Sequence[str | None]) -> Network:
    """The example with whole columns of a table replaced by text."""
    tables = example_tables()
    tables[table] = tables[table].with_columns(
        **{
            name: pl.lit(value) if isinstance(value, str) else pl.Series(value)
            for name, value in columns.items()
        }
    )
    return network_from_tables(tables)


def test_the_network_has_the_schema_and_the_defaults() -> None:
    network = network_from_tables(example_tables())
    for table in TABLES:
        assert dict(network.table(table.name).schema) == table.schema
    assert (network.carrying_rate, network.insurance_rate) == (0.10, 0.003)
    assert network.bids["moq"].to_list() == [2000.0, 5000.0, 0.0]
    assert network.bids["modes"].to_list() == [None, "sea", None]
    assert network.warnings == ()


def test_tables_are_sorted_by_key_with_empty_cells_first() -> None:
    network = changed(
        "requirements",
        component=["housing", "housing"],
        standard=["ISO 9001", "ISO 9001"],
        lead_firm=["LF1", None],
    )
    assert network.requirements["lead_firm"].to_list() == [None, "LF1"]


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        ("true", True),
        ("TRUE", True),
        ("Yes", True),
        ("1", True),
        (" 1 ", True),
        ("false", False),
        ("No", False),
        ("0", False),
        ("", False),
    ],
)
def test_flags(written: str, flag: bool) -> None:
    assert changed("bids", profile=written).bids["profile"].to_list() == [flag] * 3


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", 12.0),
        ("12.", 12.0),
        (".5", 0.5),
        ("+3", 3.0),
        ("1e3", 1000.0),
        (" 7.25\t", 7.25),
        ("-0", 0.0),
    ],
)
def test_numbers(written: str, number: float) -> None:
    network = changed("bids", ppm=written)
    assert network.bids["ppm"].to_list() == [number] * 3
    assert str(network.bids["ppm"][0]) == str(number)  # -0.0 would hash otherwise than 0.0


def test_codes_and_choices_are_made_canonical() -> None:
    assert changed("components", hs=["3926.90", "8544 30"]).components["hs"].to_list() == [
        "854430",
        "392690",
    ]
    assert changed("bids", incoterm="fOb").bids["incoterm"].to_list() == ["FOB"] * 3
    assert changed("bids", modes=" SEA ; air;sea").bids["modes"].to_list() == ["air;sea"] * 3
    assert changed("places", economy=["vn", "vn", "My", "TH"]).places["economy"].to_list() == [
        "TH",
        "VN",
        "VN",
        "MY",
    ]
    assert changed("rates", currency="myr").rates["currency"].to_list() == ["MYR"]


def test_spellings_of_a_standard_are_one() -> None:
    written = ["ISO9001", "iso-9001:2015", "firm q17"]
    network = changed("certificates", standard=written)
    assert equal(network, network_from_tables(example_tables()))


def test_standards_of_the_network_may_imply_each_other() -> None:
    network = changed("standards", standard=["Firm Q-17"])
    tables = example_tables()
    tables["standards"] = pl.DataFrame(
        {
            "standard": ["Firm Q-17", "Firm Q-18"],
            "class": "firm",
            "implies": ["firm q18; ISO 14001", "ISO 9001"],
        }
    )
    implied = network_from_tables(tables).standards["implies"].to_list()
    assert implied == ["Firm Q-18;ISO 14001", "ISO 9001"]
    assert network.standards["implies"].to_list() == ["ISO 9001"]


def test_empty_columns_and_rows_are_passed_over(tmp_path: Path) -> None:
    template(tmp_path / "n")
    path = tmp_path / "n" / "bids.csv"
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join(
            [
                lines[0] + ", ",
                lines[1] + ",",
                "",
                "," * lines[0].count(",") + ",",
                *(line + ",  " for line in lines[2:]),
            ]
        )
        + "\n\n"
    )
    assert equal(read(tmp_path / "n"), network_from_tables(example_tables()))


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    template(tmp_path / "n")
    path = tmp_path / "n" / "rates.csv"
    path.write_text('currency,value\n\nMYR,0.24\n"EUR",x\n')
    with pytest.raises(InputError) as caught:
        read(tmp_path / "n")
    assert [(issue.row, issue.value) for issue in caught.value.issues] == [(4, "x")]


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    template(tmp_path / "n")
    for path in (tmp_path / "n").glob("*.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert equal(read(tmp_path / "n"), network_from_tables(example_tables()))


def test_capitals_in_names_of_tables_and_columns_do_not_matter(tmp_path: Path) -> None:
    template(tmp_path / "n")
    path = tmp_path / "n" / "bids.csv"
    text = path.read_text()
    path.rename(tmp_path / "n" / "Bids.CSV").write_text(
        text.replace("price", " Price", 1).replace("moq", "MOQ", 1)
    )
    assert equal(read(tmp_path / "n"), network_from_tables(example_tables()))


def test_a_folder_may_mix_csv_and_parquet_and_hold_other_files(tmp_path: Path) -> None:
    template(tmp_path / "n")
    (tmp_path / "n" / "bids.csv").unlink()
    example_tables()["bids"].write_parquet(tmp_path / "n" / "bids.parquet")
    (tmp_path / "n" / "README.md").write_text("notes")
    (tmp_path / "n" / "plan.json").write_text("{}")
    (tmp_path / "n" / "photos.csv").mkdir()
    assert equal(read(tmp_path / "n"), network_from_tables(example_tables()))


def test_an_unknown_table_far_from_any_name_is_a_warning(tmp_path: Path) -> None:
    template(tmp_path / "n")
    (tmp_path / "n" / "contacts.csv").write_text("name,phone\n")
    (warning,) = read(tmp_path / "n").warnings
    assert (warning.code, warning.table, warning.severity) == (
        "unknown_table",
        "contacts.csv",
        "warning",
    )


@pytest.mark.parametrize("name", ["usage", "Usages (2)", "trade-costs", "leadfirms", "bid"])
def test_a_misspelt_table_is_an_error(name: str) -> None:
    with pytest.raises(InputError) as caught:
        network_from_tables({**example_tables(), name: pl.DataFrame({"a": [1]})})
    assert [issue.code for issue in caught.value.issues] == ["unknown_table"]


def test_a_workbook_of_typed_cells(tmp_path: Path) -> None:
    """Excel holds 1 as 1.0, dates as numbers with a format, and flags as booleans."""
    tables = example_tables()
    with xlsxwriter.Workbook(str(tmp_path / "n.xlsx")) as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        book.add_worksheet("Read me").write(0, 0, "demands")
        book.add_worksheet("Sheet2")
        for name, frame in tables.items():
            sheet = book.add_worksheet(name.capitalize())
            for position, column in enumerate(frame.columns):
                sheet.write(0, position, column)
                for row, cell in enumerate(frame[column], start=1):
                    if isinstance(cell, dt.date):
                        sheet.write_datetime(row, position, cell, day)
                    elif cell is not None:
                        sheet.write(row, position, int(cell) if column == "hs" else cell)
    assert equal(read(tmp_path / "n.xlsx"), network_from_tables(tables))


def test_json_takes_typed_values_and_lists(tmp_path: Path) -> None:
    tables = {
        name: [
            {column: cell for column, cell in row.items() if cell is not None}
            for row in frame.to_dicts()
        ]
        for name, frame in example_tables().items()
    }
    tables["bids"][1]["modes"] = ["sea"]
    tables["demands"][1]["single_source"] = False
    tables["components"][0]["hs"] = 392690
    content = {**tables, "network": tables["network"][0]}
    (tmp_path / "n.json").write_text(json.dumps(content, default=str))
    assert equal(read(tmp_path / "n.json"), network_from_tables(example_tables()))


def test_frames_of_many_types_are_understood() -> None:
    tables = example_tables()
    typed = dict(tables)
    typed["bids"] = tables["bids"].with_columns(
        pl.col("lead_time_days").cast(pl.Int16),
        pl.col("currency").cast(pl.Categorical),
        pl.col("price").cast(pl.Decimal(10, 2)),
        pl.col("modes").str.split(";"),
        pl.col("payment_days").cast(pl.Float32),
        demand=pl.lit(None),
    )
    typed["demands"] = tables["demands"].with_columns(pl.col("due").cast(pl.Datetime("us")))
    typed["components"] = tables["components"].with_columns(pl.col("hs").cast(pl.Float64))
    assert equal(network_from_tables(typed), network_from_tables(tables))


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(shuffle: random.Random) -> None:
    tables = example_tables()
    mixed = {}
    for name in shuffle.sample(sorted(tables), len(tables)):
        frame = tables[name]
        rows = shuffle.sample(range(frame.height), frame.height)
        mixed[name] = frame[rows].select(shuffle.sample(frame.columns, frame.width))
    assert equal(network_from_tables(mixed), network_from_tables(tables))


def test_another_number_changes_the_hash() -> None:
    assert changed("rates", value="0.25").input_hash != changed("rates", value="0.24").input_hash


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=300),
    name=st.sampled_from(["n.xlsx", "n.json", "n.txt", "f/demands.csv", "f/demands.parquet"]),
    mark=st.sampled_from([b"", b"PK\x03\x04", b"PAR1", b"\xef\xbb\xbf", b'{"demands":', b"["]),
)
def test_random_bytes_raise_only_input_errors(
    tmp_path: Path, content: bytes, name: str, mark: bytes
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for other in path.parent.glob("demands.*"):
        other.unlink()
    path.write_bytes(mark + content)
    with pytest.raises(InputError) as caught:
        read(path.parent if path.parent != tmp_path else path)
    assert caught.value.issues


@pytest.mark.parametrize("name", ["n.xlsx", "n.json", "n/bids.csv", "n/bids.parquet"])
def test_damaged_files_raise_only_input_errors(name: str, tmp_path: Path) -> None:
    """Overwrites random bytes of sound files: nothing but an `InputError` may come out."""
    path = tmp_path / name
    template(tmp_path / "n")
    network = read(tmp_path / "n")
    if path.suffix == ".parquet":
        write(network, tmp_path / "n", format="parquet")
        for csv in (tmp_path / "n").glob("*.csv"):
            csv.unlink()
    elif path.suffix != ".csv":
        write(network, path)
    sound = path.read_bytes()
    source = random.Random(7)
    refused = 0
    for _ in range(25):
        damaged = bytearray(sound)
        for _ in range(source.randint(1, 8)):
            struct.pack_into("B", damaged, source.randrange(len(damaged)), source.randrange(256))
        path.write_bytes(damaged[: source.choice([len(damaged), len(damaged) // 2])])
        try:
            read(path if path.parent == tmp_path else path.parent)
        except InputError:
            refused += 1
    assert refused > 0
