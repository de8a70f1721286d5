"""The committed samples: that they are what their scripts write, and as rich as they claim."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.read import read
from matcher.schema.tables import SIZE_CLASSES
from matcher.screening.candidates import screen
from matcher.screening.gates import REASONS

FOLDER = Path(__file__).parents[1] / "examples" / "asean-electronics"


@pytest.fixture(scope="module")
def network() -> Network:
    return read(FOLDER)


def test_script_writes_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(FOLDER / "make.py"), str(tmp_path)], check=True)
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*.csv")}
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert committed.keys() == written.keys()
    assert [name for name in committed if committed[name] != written[name]] == []


def test_size(network: Network) -> None:
    makers = network.suppliers.join(network.places, on="place")
    assert network.demands.height >= 60
    assert network.suppliers.height >= 150
    assert makers["economy"].n_unique() >= 10
    assert set(makers["size_class"]) == set(SIZE_CLASSES)
    small = makers.filter(pl.col("size_class").is_in(["micro", "small", "medium"])).height
    assert small / makers.height > 0.8
    bids = network.bids.group_by("component").len()
    assert bids.height == network.components.height
    assert bids["len"].min() >= 5


def test_two_lead_firms_in_two_economies(network: Network) -> None:
    assert sorted(network.lead_firms["economy"]) == ["TH", "VN"]
    assert network.demands.group_by("lead_firm").len()["len"].min() >= 25


def test_places_lie_in_their_economies(network: Network) -> None:
    # Boxes around each economy, in whole degrees; a swapped or mistyped coordinate falls outside.
    boxes = {
        "BD": (20, 27, 88, 93),
        "CN": (18, 54, 73, 135),
        "ID": (-11, 6, 95, 141),
        "IN": (6, 36, 68, 98),
        "JP": (30, 46, 129, 146),
        "KH": (10, 15, 102, 108),
        "KR": (33, 39, 125, 130),
        "LA": (13, 23, 100, 108),
        "MY": (0, 8, 99, 120),
        "PH": (4, 21, 116, 127),
        "SG": (1, 2, 103, 105),
        "TH": (5, 21, 97, 106),
        "TW": (21, 26, 119, 123),
        "VN": (8, 24, 102, 110),
    }
    for row in network.places.iter_rows(named=True):
        south, north, west, east = boxes[row["economy"]]
        assert south <= row["latitude"] <= north, row["place"]
        assert west <= row["longitude"] <= east, row["place"]


def test_terms_are_varied(network: Network) -> None:
    bids = network.bids
    assert bids["currency"].n_unique() >= 8
    assert bids["incoterm"].n_unique() >= 6
    for column in ("moq", "tooling_cost", "order_multiple", "max_quantity", "payment_days"):
        assert bids.filter(pl.col(column) > 0).height > 0, column
    for column in ("profile", "split"):
        assert 0 < bids[column].sum() < bids.height / 4, column
    for table in ("tiers", "lanes", "duties", "rates", "rules", "standards", "certificates"):
        assert network.table(table).height > 0, table
    for column in ("ceiling", "share_cap", "max_suppliers", "max_ppm", "min_on_time_rate"):
        assert 0 < network.demands[column].count() < network.demands.height, column
    assert 0 < network.demands["single_source"].sum() < network.demands.height / 4


def test_certificates_run_out_and_start_late(network: Network) -> None:
    last_due = network.demands["due"].max()
    certificates = network.certificates
    assert certificates.filter(pl.col("valid_to") < last_due).height > 10
    assert certificates.filter(pl.col("valid_from") > network.start).height > 10


def test_gates_decide_for_every_reason_a_buyer_knows(network: Network) -> None:
    screening = screen(to_arrays(network))
    reasons = {list(REASONS)[code] for code in screening.rejections.reason}
    assert reasons >= {
        "quality",
        "on_time",
        "standard",
        "certificate_date",
        "delivery",
        "ceiling",
        "quantity",
    }
    with_candidates = len(set(screening.candidates.demand))
    assert network.demands.height * 0.9 < with_candidates < network.demands.height
    # No component hangs on one maker throughout: most demands have a choice of five or more.
    pairs = pl.DataFrame({"demand": screening.candidates.demand, "bid": screening.candidates.bid})
    choice = pairs.unique().group_by("demand").len()["len"]
    assert choice.median() >= 5
