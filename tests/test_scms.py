"""The SCMS adapter: on a small excerpt written here, and on the real file where it is at hand."""

from __future__ import annotations

import csv
import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from matcher.errors import InputError
from matcher.generate.adapters import compare, scms_history, scms_network
from matcher.generate.adapters.scms_lines import country_table, read_lines, site_table
from matcher.network.arrays import to_arrays
from matcher.screening.candidates import screen
from matcher.solve import solve

SHARED = Path(os.environ.get("MATCHER_SHARED", Path(__file__).parents[2] / "shared"))
REAL = SHARED / "data" / "scms_delivery_history_2006_2011.csv"

HEADER = (
    "ID",
    "Project Code",
    "PQ #",
    "PO / SO #",
    "ASN/DN #",
    "Country",
    "Managed By",
    "Fulfill Via",
    "Vendor INCO Term",
    "Shipment Mode",
    "PQ First Sent to Client Date",
    "PO Sent to Vendor Date",
    "Scheduled Delivery Date",
    "Delivered to Client Date",
    "Delivery Recorded Date",
    "Product Group",
    "Sub Classification",
    "Vendor",
    "Item Description",
    "Molecule/Test Type",
    "Brand",
    "Dosage",
    "Dosage Form",
    "Unit of Measure (Per Pack)",
    "Line Item Quantity",
    "Line Item Value",
    "Pack Price",
    "Unit Price",
    "Manufacturing Site",
    "First Line Designation",
    "Weight (Kilograms)",
    "Freight Cost (USD)",
    "Line Item Insurance (USD)",
)

USUAL = {
    "Project Code": "900-KE",
    "Country": "Kenya",
    "Fulfill Via": "Direct Drop",
    "Vendor INCO Term": "EXW",
    "Shipment Mode": "Air",
    "PO Sent to Vendor Date": "1/1/10",
    "Scheduled Delivery Date": "1-Mar-10",
    "Delivered to Client Date": "1-Mar-10",
    "Product Group": "HRDT",
    "Sub Classification": "HIV test",
    "Vendor": "A vendor",
    "Dosage Form": "Test kit",
    "Manufacturing Site": "Trinity Biotech, Plc",
}

LINES = (
    # Alone on its shipment: item A weighs 50 kg / 100 packs = 0.5 kg.
    {
        "ID": 1,
        "ASN/DN #": "ASN-1",
        "Item Description": "A",
        "Line Item Quantity": 100,
        "Line Item Value": 1000,
        "Weight (Kilograms)": 50,
        "Freight Cost (USD)": 300,
        "Line Item Insurance (USD)": 2,
    },
    # Two lines share 400 dollars; item B takes its weight from A, of the same group and form.
    {
        "ID": 2,
        "ASN/DN #": "ASN-2",
        "Item Description": "A",
        "Line Item Quantity": 100,
        "Line Item Value": 1200,
        "Weight (Kilograms)": 90,
        "Freight Cost (USD)": 400,
        "Line Item Insurance (USD)": 2,
        "Delivered to Client Date": "11-Mar-10",
    },
    {
        "ID": 3,
        "ASN/DN #": "ASN-2",
        "Item Description": "B",
        "Line Item Quantity": 300,
        "Line Item Value": 900,
        "Weight (Kilograms)": "See ASN-2 (ID#:2)",
        "Freight Cost (USD)": "See ASN-2 (ID#:2)",
        "Delivered to Client Date": "11-Mar-10",
    },
    # Freight inside the price, by lorry, without weight, order date or insurance.
    {
        "ID": 4,
        "ASN/DN #": "ASN-4",
        "Item Description": "C",
        "Line Item Quantity": 10,
        "Line Item Value": 80,
        "Weight (Kilograms)": "Weight Captured Separately",
        "Freight Cost (USD)": "Freight Included in Commodity Cost",
        "Vendor INCO Term": "DDP",
        "Shipment Mode": "Truck",
        "PO Sent to Vendor Date": "Date Not Captured",
        "Country": "South Africa",
        "Manufacturing Site": "Aspen-OSD, Port Elizabeth, SA",
        "Product Group": "ARV",
        "Sub Classification": "Adult",
        "Dosage Form": "Tablet",
    },
    # Unknown freight.
    {
        "ID": 5,
        "ASN/DN #": "ASN-5",
        "Item Description": "B",
        "Line Item Quantity": 20,
        "Line Item Value": 70,
        "Weight (Kilograms)": "Weight Captured Separately",
        "Freight Cost (USD)": "Invoiced Separately",
        "Shipment Mode": "N/A",
    },
    # Left out: from a store; from a site that nobody can place; of another year.
    {
        "ID": 6,
        "ASN/DN #": "DN-6",
        "Item Description": "A",
        "Line Item Quantity": 5,
        "Line Item Value": 50,
        "Weight (Kilograms)": "See DN-6 (ID#:6)",
        "Freight Cost (USD)": "See DN-6 (ID#:6)",
        "Fulfill Via": "From RDC",
        "Vendor INCO Term": "N/A - From RDC",
        "PO Sent to Vendor Date": "N/A - From RDC",
    },
    {
        "ID": 7,
        "ASN/DN #": "ASN-7",
        "Item Description": "A",
        "Line Item Quantity": 5,
        "Line Item Value": 50,
        "Weight (Kilograms)": 3,
        "Freight Cost (USD)": 9,
        "Manufacturing Site": "INVERNESS ANY",
    },
    {
        "ID": 8,
        "ASN/DN #": "ASN-8",
        "Item Description": "A",
        "Line Item Quantity": 50,
        "Line Item Value": 600,
        "Weight (Kilograms)": 25,
        "Freight Cost (USD)": 200,
        "PO Sent to Vendor Date": "1/1/11",
        "Scheduled Delivery Date": "1-Feb-11",
        "Delivered to Client Date": "1-Feb-11",
    },
)


def written(folder: Path, *changes: dict[str, object]) -> Path:
    """The excerpt as a file, with ``changes`` of its first lines."""
    path = folder / "excerpt.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, HEADER)
        rows.writeheader()
        for i, line in enumerate(LINES):
            rows.writerow({**USUAL, **line, **(changes[i] if i < len(changes) else {})})
    return path


@pytest.fixture
def excerpt(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_lines_share_weight_and_freight(excerpt: Path) -> None:
    lines = read_lines(excerpt)
    by_line = {row["line"]: row for row in lines.iter_rows(named=True)}
    assert by_line["3"]["unit_kg_basis"] == "group and form"
    # ASN-2 carries 100 × 0.5 kg and 300 × 0.5 kg: a quarter and three quarters of 400 dollars.
    assert by_line["2"]["freight"] == pytest.approx(100)
    assert by_line["3"]["freight"] == pytest.approx(300)
    assert by_line["4"]["freight"] == 0
    assert by_line["5"]["freight"] is None
    assert by_line["4"]["ordered"] is None
    assert by_line["7"]["supplier"] is None


def test_network_holds_what_was_observed(excerpt: Path) -> None:
    network = scms_network(excerpt)
    assert network.demands["demand"].to_list() == ["line-1", "line-2", "line-3", "line-4", "line-5"]
    assert network.start == date(2010, 1, 1)
    bids = {row["component"]: row for row in network.bids.iter_rows(named=True)}
    # Item A: median of 1000/100 and 1200/100.
    assert bids["A"]["price"] == pytest.approx(11)
    assert (bids["A"]["incoterm"], bids["A"]["named_place"]) == ("EXW", None)
    # Item C: 80/10, delivered, for Pretoria and by lorry alone.
    assert bids["C"]["price"] == pytest.approx(8)
    assert (bids["C"]["incoterm"], bids["C"]["named_place"], bids["C"]["modes"]) == (
        "DDP",
        "Pretoria",
        "road",
    )
    # On time: lines 1, 5 and 8 of Trinity's five.
    assert bids["A"]["on_time_rate"] == pytest.approx(0.6)
    lane = network.lanes.row(by_predicate=(pl.col("destination") == "Nairobi"), named=True)
    # (300 + 100 + 300 + 200) dollars for (50 + 50 + 150 + 25) kg, over all years.
    assert lane["cost_per_kg"] == pytest.approx(900 / 275, abs=1e-6)
    # Days of Bray to Nairobi: 59, 69, 69, 59, 31. Lower quartile 59, median 59: none is left.
    assert bids["A"]["lead_time_days"] == 59
    assert lane["days"] == 0
    # Trinity's busiest year is 2010: (100 + 100 + 300 + 20) × 0.5 kg = 260 kg, × 1.25.
    capacity = network.resources.row(
        by_predicate=pl.col("supplier") == "Trinity Biotech", named=True
    )["capacity"]
    assert capacity == pytest.approx(325)


def test_every_gap_is_counted(excerpt: Path) -> None:
    found = {
        (issue.column, issue.value)
        for issue in scms_network(excerpt).warnings
        if issue.table == "excerpt.csv"
    }
    assert found >= {
        ("Fulfill Via", "1"),
        ("Manufacturing Site", "1"),
        ("PO Sent to Vendor Date", "1"),
        ("Weight (Kilograms)", "2"),
        ("Line Item Insurance (USD)", "3"),
        ("Freight Cost (USD)", "1"),
    }


def test_landed_cost_counts_freight_once(excerpt: Path) -> None:
    network = scms_network(excerpt)
    candidates = screen(to_arrays(network)).candidates
    cost = dict(
        zip(network.demands["demand"].gather(candidates.demand), candidates.unit_cost, strict=True)
    )
    # Premium: (2 + 2) dollars ÷ (1.1 × (1000 + 300 + 1200 + 100)) = 0.001399; item A costs
    # 11 + 0.5 kg × 900/275 + 0.001399 × 1.1 × 12.63636 = 12.65581.
    assert cost["line-1"] == pytest.approx(12.65581, abs=2e-5)
    assert cost["line-4"] == pytest.approx(8)


def test_plan_is_compared_with_what_was_bought(excerpt: Path) -> None:
    network, history = scms_network(excerpt), scms_history(excerpt)
    day = date(2010, 2, 1)
    awards = pl.DataFrame(
        {
            "demand": ["line-1", "line-3", "line-4", "line-5"],
            "supplier": ["Another", "Trinity Biotech", "Aspen Port Elizabeth", "Trinity Biotech"],
            "quantity": [100.0, 150.0, 10.0, 20.0],
            "landed_cost_per_unit": [12.0, 4.0, 8.0, 5.0],
            "arrival_date": [day] * 4,
        }
    )
    comparison = compare(network, awards, history)
    # Line 1: 1000 + 300 + 2 against 1200; line 4: 80 against 80. Line 2 has no award, line 3 half
    # of one, and line 5 an unknown freight.
    assert comparison.num_compared == 2
    assert comparison.bought_cost == pytest.approx(1382)
    assert comparison.planned_cost == pytest.approx(1280)
    assert comparison.saving == pytest.approx(102)
    assert comparison.saving_elsewhere == pytest.approx(102)
    assert comparison.num_unmet == 2
    assert comparison.num_freight_unknown == 1
    assert comparison.num_same_supplier == 1
    assert comparison.num_bought_late == 2
    assert comparison.lines["demand"].to_list() == network.demands["demand"].to_list()


def test_order_of_lines_does_not_matter(tmp_path: Path, excerpt: Path) -> None:
    head, *rows = excerpt.read_text(encoding="utf-8").splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([head, *reversed(rows)]), encoding="utf-8")
    assert scms_network(turned).input_hash == scms_network(excerpt).input_hash


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"Line Item Quantity": "many"}, "Line Item Quantity"),
        ({"Line Item Quantity": "0"}, "Line Item Quantity"),
        ({"Scheduled Delivery Date": "2010-03-01"}, "Scheduled Delivery Date"),
        ({"PO Sent to Vendor Date": "soon"}, "PO Sent to Vendor Date"),
        ({"Weight (Kilograms)": "heavy"}, "Weight (Kilograms)"),
        ({"Freight Cost (USD)": "See the invoice"}, "Freight Cost (USD)"),
    ],
)
def test_unreadable_cell_is_named(tmp_path: Path, change: dict[str, object], column: str) -> None:
    with pytest.raises(InputError) as error:
        scms_network(written(tmp_path, change))
    assert [(i.row, i.column) for i in error.value.issues] == [(2, column)]


def test_file_of_another_kind(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("ID,Country,Price\n1,Kenya,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="Manufacturing Site"):
        scms_network(other)
    other.write_bytes("ID,Country\n1,Côte\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        scms_network(other)
    other.write_bytes(b"")
    with pytest.raises(InputError, match="CSV"):
        scms_network(other)
    with pytest.raises(InputError, match="is not a file"):
        scms_network(tmp_path / "absent.csv")


def test_a_choice_without_lines(excerpt: Path) -> None:
    with pytest.raises(InputError, match=r"2010, 2011.*Kenya"):
        scms_network(excerpt, years=(1999,))
    with pytest.raises(InputError, match="Nowhere"):
        scms_network(excerpt, countries=("Nowhere",))
    with pytest.raises(InputError, match="capacity_factor"):
        scms_network(excerpt, capacity_factor=0)


def test_tables_of_places_are_sound() -> None:
    sites, countries = site_table(), country_table()
    assert sites["site"].is_unique().all()
    assert countries["country"].is_unique().all()
    assert countries.null_count().sum_horizontal().item() == 0
    placed = sites.drop_nulls("supplier")
    assert (
        placed.select("place", "economy", "latitude", "longitude")
        .null_count()
        .sum_horizontal()
        .item()
        == 0
    )
    # One town has one position, and one supplier one town.
    towns = pl.concat(
        [
            placed.select("place", "latitude", "longitude"),
            countries.select("place", "latitude", "longitude"),
        ]
    ).unique()
    assert towns["place"].is_unique().all()
    assert placed.select("supplier", "place").unique()["supplier"].is_unique().all()


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there; set MATCHER_SHARED")
class TestRealFile:
    """The published file: 5,234 order lines, 2,273 of them direct drops."""

    def test_every_line_is_read(self) -> None:
        lines = read_lines(REAL)
        assert lines.height == 5234
        assert lines.filter(pl.col("fulfilled") == "Direct Drop").height == 2273
        assert set(lines["site"]) <= set(site_table()["site"])
        assert lines["destination"].null_count() == 0
        # Sharing freight out neither makes nor loses any.
        total = (
            pl.read_csv(REAL, infer_schema=False)["Freight Cost (USD)"]
            .cast(pl.Float64, strict=False)
            .sum()
        )
        assert lines["freight"].sum() == pytest.approx(total)

    @pytest.mark.parametrize("year", range(2006, 2012))
    def test_every_year_is_a_network(self, year: int) -> None:
        network, history = scms_network(REAL, years=(year,)), scms_history(REAL, years=(year,))
        assert network.demands["demand"].to_list() == history["demand"].to_list()
        assert screen(to_arrays(network)).candidates.size > 0

    def test_what_was_bought_was_possible(self) -> None:
        """Each line's own site passes the gates, and all of them together fit its capacity."""
        network, history = scms_network(REAL), scms_history(REAL)
        candidates = screen(to_arrays(network)).candidates
        possible = pl.DataFrame(
            {
                "demand": network.demands["demand"].gather(candidates.demand),
                "supplier": network.suppliers["supplier"].gather(candidates.supplier),
            }
        ).unique()
        assert history.join(possible, on=["demand", "supplier"]).height >= 0.97 * history.height
        kg = (
            history.join(network.components, on="component")
            .group_by("supplier")
            .agg(used=(pl.col("quantity") * pl.col("weight_kg")).sum())
        )
        fits = kg.join(network.resources, on="supplier")
        assert fits.height == kg.height
        assert (fits["used"] <= fits["capacity"]).all()

    def test_plan_against_history(self) -> None:
        network, history = scms_network(REAL, years=(2007,)), scms_history(REAL, years=(2007,))
        plan = solve(network, time_limit_s=30)
        awards = plan.awards
        comparison = compare(network, awards, history)
        assert comparison.num_compared > 0.8 * history.height
        # Prices are medians of what was paid: the plan may gain, but not by an order.
        assert -0.1 < comparison.saving_share < 0.5
