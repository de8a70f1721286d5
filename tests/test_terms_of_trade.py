"""What terms mean: how a price travels, of whom a standard is asked, and what has a sum."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from matcher.cli.console import show_plan
from matcher.errors import InputError
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.report.markdown import to_markdown
from matcher.report.summary import summarize
from matcher.schema.tables import INCOTERMS, MODES
from matcher.screening.candidates import screen
from matcher.solve import solve
from tests.networks import Row, network

STUTTGART: Row = {"place": "Stuttgart", "economy": "DE", "latitude": 48.78, "longitude": 9.18}
GDANSK: Row = {"place": "Gdansk", "economy": "PL", "latitude": 54.35, "longitude": 18.65}
HAMBURG: Row = {"place": "Hamburg", "economy": "DE", "latitude": 53.55, "longitude": 9.99}
HANOI: Row = {"place": "Hanoi", "economy": "VN", "latitude": 21.03, "longitude": 105.85}


def to_stuttgart(origin: Row, incoterm: str, modes: str | None = None) -> Network:
    """One bid from a place for a demand in Stuttgart."""
    return network(
        places=[STUTTGART, origin],
        demands=[{"demand": "D", "place": "Stuttgart"}],
        suppliers=[{"supplier": "S", "place": origin["place"]}],
        bids=[{"bid": "B", "supplier": "S", "incoterm": incoterm, "modes": modes}],
    )


def modes_of(made: Network) -> set[str]:
    """The modes of the candidates."""
    return {MODES[mode] for mode in screen(to_arrays(made)).candidates.mode}


SEA_TERMS = ("FAS", "FOB", "CFR", "CIF")
SELLER_SHIPS = ("CPT", "CIP", "DAP", "DPU", "DDP")


@pytest.mark.parametrize("incoterm", INCOTERMS)
def test_a_bid_without_modes_travels_as_its_price_lets_expect(incoterm: str) -> None:
    # Gdansk to Stuttgart is 870 km over land; both are reached by sea.
    expected = {"sea", "road", "rail", "air"}
    if incoterm in SEA_TERMS:
        expected = {"sea"}
    elif incoterm in SELLER_SHIPS:
        expected = {"sea", "road", "rail"}
    assert modes_of(to_stuttgart(GDANSK, incoterm)) == expected


@pytest.mark.parametrize("incoterm", [*SEA_TERMS, *SELLER_SHIPS])
def test_a_price_that_holds_the_carriage_does_not_fly_for_nothing(incoterm: str) -> None:
    # No land leads from Hanoi within the reach of lorries; trains go by China and Russia.
    assert "air" not in modes_of(to_stuttgart(HANOI, incoterm))


@pytest.mark.parametrize("incoterm", ["CPT", "CIP", "DAP", "DDP", "CIF", "FOB"])
def test_it_flies_if_the_bid_says_so(incoterm: str) -> None:
    assert modes_of(to_stuttgart(HANOI, incoterm, "air")) == {"air"}


@pytest.mark.parametrize("incoterm", INCOTERMS)
def test_at_home_goods_go_by_road_whatever_the_term(incoterm: str) -> None:
    assert modes_of(to_stuttgart(HAMBURG, incoterm)) == {"road"}


@pytest.mark.parametrize(
    ("incoterm", "modes", "read_as"),
    [
        ("FOB", "air", "FCA"),
        ("FAS", "road", "FCA"),
        ("CIF", "air;rail", "CIP"),
        ("CFR", "rail", "CPT"),
    ],
)
def test_a_sea_term_by_other_modes_is_told(incoterm: str, modes: str, read_as: str) -> None:
    made = to_stuttgart(GDANSK, incoterm, modes)
    told = [issue for issue in made.warnings if issue.code == "sea_term"]
    assert len(told) == 1
    assert told[0].severity == "warning"
    assert f"read as {read_as}" in told[0].problem


@pytest.mark.parametrize(("incoterm", "modes"), [("FOB", "air;sea"), ("FOB", None), ("CIP", "air")])
def test_other_bids_are_not_told_of(incoterm: str, modes: str | None) -> None:
    codes = {issue.code for issue in to_stuttgart(GDANSK, incoterm, modes).warnings}
    assert "sea_term" not in codes


def sensitive(owner: str | None, requirements: list[Row]) -> Network:
    """A bid without any certificate for a sensitive component of the lead firm F."""
    return network(
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
        components=[{"component": "C", "sensitive": True}],
        suppliers=[{"supplier": "S", "lead_firm": owner}],
        requirements=requirements,
        bids=[{"bid": "B", "supplier": "S"}],
    )


ASKED_TOO: list[Row] = [{"component": "C", "standard": "ISO/IEC 27001", "lead_firm": "F"}]


@pytest.mark.parametrize(
    ("owner", "requirements", "passes"),
    [
        (None, [], False),
        # The lead firm's own plant has the drawings anyway …
        ("F", [], True),
        # … but a certificate that is asked of everybody is asked of it too.
        ("F", ASKED_TOO, False),
        ("F", [{"component": "C", "standard": "ISO/IEC 27001"}], False),
        ("F", [{"component": "C", "standard": "ISO/IEC 27001", "lead_firm": "G"}], True),
        ("F", [{"component": "C", "standard": "ISO 9001"}], False),
    ],
)
def test_an_own_plant_need_not_prove_that_it_keeps_secrets(
    owner: str | None, requirements: list[Row], passes: bool
) -> None:
    assert screen(to_arrays(sensitive(owner, requirements))).candidates.size == passes


def counted(rule: Row, **second: Any) -> Network:
    """Two demands, of pieces and of kilograms unless stated, under a rule."""
    return network(
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
        components=[
            {"component": "C", "group": "castings"},
            {"component": "C2", "group": "castings", "unit": "kg"} | second,
        ],
        demands=[
            {"demand": "D", "component": "C"},
            {"demand": "D2", "component": "C2", "lead_firm": "G"},
        ],
        bids=[
            {"bid": "B", "supplier": "S", "component": "C"},
            {"bid": "B2", "supplier": "S", "component": "C2"},
        ],
        rules=[{"rule": "r", "measure": "quantity", "max": 0.6, "group": "supplier"} | rule],
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "share", "scope": "network"},
        {"kind": "share", "scope": "component_group"},
        {"kind": "share", "scope": "component_group", "of": "castings"},
        {"kind": "share", "scope": "component", "of": "C;C2"},
        {"kind": "share", "scope": "demand", "of": "D;D2"},
        {"kind": "share", "scope": "lead_firm", "of": "F;G"},
        {"kind": "limit", "scope": "network", "max": 500.0},
    ],
)
def test_pieces_and_kilograms_have_no_sum(rule: Row) -> None:
    with pytest.raises(InputError) as caught:
        counted(rule)
    assert [(issue.code, issue.column) for issue in caught.value.issues] == [
        ("mixed_units", "measure")
    ]
    assert "kg, piece" in caught.value.issues[0].problem


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "share", "scope": "network", "measure": "value"},
        {"kind": "share", "scope": "component"},
        {"kind": "share", "scope": "lead_firm"},
        {"kind": "share", "scope": "demand", "of": "D"},
        {"kind": "supplier_count", "scope": "network", "measure": None, "group": None, "max": 2.0},
    ],
)
def test_one_unit_and_money_add_up(rule: Row) -> None:
    assert counted(rule).rules.height == 1


def test_the_unit_is_a_piece_where_none_is_stated() -> None:
    assert counted({"kind": "share", "scope": "network"}, unit="piece").rules.height == 1


def test_what_rests_on_profile_bids_is_told_apart() -> None:
    made = network(
        demands=[{"demand": "D", "share_cap": 0.6}],
        bids=[
            {"bid": "quoted", "supplier": "S1", "price": 2.0},
            {"bid": "from a profile", "supplier": "S2", "price": 1.0, "profile": True},
        ],
    )
    plan = solve(made, gap_limit=0.0)
    # 60 units at 1.00 from the profile, 40 at 2.00 as quoted.
    assert plan.on_profile_bids(made)["bid"].to_list() == ["from a profile"]
    told = to_markdown(summarize(made, plan))
    assert "On profile bids: 1 award (60.00 USD of landed cost" in told
    console = Console(record=True, width=200)
    show_plan(console, made, plan)
    assert "1 award for 60.00 USD rests on profile bids" in console.export_text()


def test_nothing_is_said_of_profiles_where_none_is_used() -> None:
    made = network(bids=[{"bid": "B", "supplier": "S"}])
    plan = solve(made, gap_limit=0.0)
    assert plan.on_profile_bids(made).is_empty()
    assert "rofile" not in to_markdown(summarize(made, plan))
