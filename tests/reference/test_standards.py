"""The catalogue of standards, their names and implications."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.reference.standards import Standards, catalogue, normalise, other_names, standards
from matcher.schema.tables import BY_NAME, STANDARD_CLASSES

NONE = BY_NAME["standards"].empty()


def own(*rows: tuple[str, str | None]) -> pl.DataFrame:
    """A network's standards table from pairs of standard and implies."""
    return pl.DataFrame(
        [(standard, None, "firm", implies) for standard, implies in rows],
        schema=BY_NAME["standards"].schema,
        orient="row",
    )


def meets(known: Standards, held: str, asked: str) -> bool:
    i, j = known.index(held), known.index(asked)
    assert i is not None
    assert j is not None
    return bool(known.meets[i, j])


@pytest.mark.parametrize(
    "text",
    [
        "ISO 9001", "ISO9001", "iso 9001", "ISO-9001", "ISO 9001:2015", "ISO 9001 : 2015",
        "ISO 9001-2015", "iso 9001 2015", "ISO 9001:2015/Amd 1:2024", "EN ISO 9001",
        "DIN EN ISO 9001:2015", " ISO  9001 ", "ISO–9001",
    ],
)  # fmt: skip
def test_one_standard_however_it_is_written(text: str) -> None:
    assert normalise(text) == "iso9001"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ISO 9001", "ISO 9000"),
        ("ISO 3834-2", "ISO 3834-3"),
        ("ISO 3834-2", "ISO 38342"),
        ("VDA 6.1", "VDA 6.3"),
        ("VDA 6.1", "VDA 61"),
        ("QS 9000", "SA 8000"),
        ("EN 9100", "AS9100"),
        ("IATF 16949", "ISO/TS 16949"),
        ("IPC-A-610", "IPC-A-600"),
        ("Firm Q+", "Firm Q"),
    ],
)
def test_different_standards_stay_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_joint_standards_are_known_by_either_name() -> None:
    assert normalise("ISO/IEC 27001:2022") == normalise("ISO 27001") == normalise("ISO/IEC27001")
    assert normalise("ISO/TS 22163:2017") == normalise("ISO 22163")


def test_no_two_entries_of_the_catalogue_collide() -> None:
    names = catalogue()["standard"].to_list()
    assert len({normalise(name) for name in names}) == len(names)


@given(st.text(alphabet="ISOECTVDAisoen 0129-/.:,()_", max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.sampled_from(catalogue()["standard"].to_list()), st.integers(1990, 2029))
def test_case_spacing_and_edition_do_not_count(name: str, year: int) -> None:
    assert normalise(f"  {name.lower()} : {year}") == normalise(name.upper()) == normalise(name)


def test_the_catalogue_is_complete() -> None:
    frame = catalogue()
    assert frame.height >= 60
    assert set(frame["class"]) == set(STANDARD_CLASSES)
    for column in ("standard", "name", "class", "issuer", "source"):
        assert frame[column].is_not_null().all(), column
    known = {normalise(name) for name in frame["standard"]}
    assert {normalise(name) for name in frame["implies"].explode().drop_nulls()} <= known


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("IATF 16949", "ISO 9001"),
        ("AS9100", "ISO 9001"),
        ("AS9100", "EN 9100"),
        ("EN 9100", "AS9100"),
        ("FSSC 22000", "ISO 22000"),
        ("FSSC 22000", "HACCP"),  # by way of ISO 22000
        ("ISO 3834-2", "ISO 3834-4"),  # by way of ISO 3834-3
        ("EMAS", "ISO 14001"),
    ],
)
def test_what_a_holder_meets_as_well(held: str, asked: str) -> None:
    assert meets(standards(NONE)[0], held, asked)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("ISO 9001", "IATF 16949"),
        ("ISO 13485", "ISO 9001"),  # close, but leaves requirements out
        ("ISO/IEC 17025", "ISO 9001"),
        ("TISAX", "ISO/IEC 27001"),
        ("ISO 22000", "FSSC 22000"),
        ("ISO 3834-4", "ISO 3834-2"),
        ("OHSAS 18001", "ISO 45001"),
        ("C-TPAT", "AEO"),
    ],
)
def test_what_a_holder_does_not_meet(held: str, asked: str) -> None:
    assert not meets(standards(NONE)[0], held, asked)


def test_keys_are_sorted_and_found() -> None:
    known, issues = standards(NONE)
    assert issues == []
    assert list(known.keys) == sorted(known.keys)
    assert all(known.index(name) == i for i, name in enumerate(known.standards))
    assert known.index("iso-14001:2004") == known.keys.index("iso14001")
    assert known.index("ISO 14002") is None
    with pytest.raises(ValueError, match="read-only"):
        known.meets[0, 0] = False


def test_own_standards_extend_the_catalogue() -> None:
    known, issues = standards(own(("Firm Q-17", "IATF 16949; Firm Q-1"), ("Firm Q-1", None)))
    assert issues == []
    assert meets(known, "FIRM Q17", "ISO 9001")
    assert meets(known, "Firm Q-17", "Firm Q-1")
    assert not meets(known, "Firm Q-1", "Firm Q-17")


def test_an_own_row_replaces_a_shipped_one_but_keeps_what_it_leaves_open() -> None:
    stated, _ = standards(own(("iso13485:2016", "ISO 9001")))
    assert meets(stated, "ISO 13485", "ISO 9001")
    assert len(stated.keys) == catalogue().height
    silent, _ = standards(own(("IATF16949", None)))
    assert meets(silent, "IATF 16949", "ISO 9001")
    replaced, _ = standards(own(("IATF 16949", "ISO 14001")))
    assert not meets(replaced, "IATF 16949", "ISO 9001")


def test_a_cycle_makes_its_members_equivalent() -> None:
    known, issues = standards(own(("A1", "B1"), ("B1", "C1"), ("C1", "A1")))
    assert issues == []
    assert all(meets(known, x, y) for x in ("A1", "B1", "C1") for y in ("A1", "B1", "C1"))


def test_unknown_implications_and_duplicates_are_all_reported() -> None:
    known, issues = standards(
        own(("Firm Q-17", "ISO 9011;IATF 16949;Xyz"), ("firm q17:2020", "ISO 14001"))
    )
    assert [(issue.code, issue.row, issue.column, issue.value) for issue in issues] == [
        ("duplicate_id", 3, "standard", "firm q17:2020"),
        ("unknown_standard", 2, "implies", "ISO 9011"),
        ("unknown_standard", 2, "implies", "Xyz"),
    ]
    assert "'ISO 9001'" in issues[1].fix
    assert meets(known, "Firm Q-17", "ISO 9001")
    assert not meets(known, "Firm Q-17", "ISO 14001")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_meeting_is_reflexive_and_transitive_and_nothing_more(
    edges: list[tuple[int, int]],
) -> None:
    names = [f"Own {chr(97 + i)}" for i in range(8)]
    implied = [";".join(names[b] for a, b in edges if a == i) for i in range(8)]
    known, _ = standards(own(*zip(names, implied, strict=True)))
    at = [known.positions[normalise(name)] for name in names]
    # Warshall's algorithm, as a second opinion.
    reach = np.eye(8, dtype=bool)
    for a, b in edges:
        reach[a, b] = True
    for k in range(8):
        reach |= reach[:, [k]] & reach[[k], :]
    assert np.array_equal(known.meets[np.ix_(at, at)], reach)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ISO 9000", "ISO 9001"),
        ("ISO9002:1994", "ISO 9001"),
        ("iso 14000", "ISO 14001"),
        ("EurepGAP", "GLOBALG.A.P."),
        ("phytosanitary certificate", "Phytosanitary certificate"),
        ("Phytosanitary", "Phytosanitary certificate"),
        ("hazard analysis", "HACCP"),
        ("TS 16949", "ISO/TS 16949"),
        ("BRC", "BRCGS Food Safety"),
        ("traceability", "Traceability"),
    ],
)
def test_old_and_everyday_names_are_known(written: str, meant: str) -> None:
    known, issues = standards(BY_NAME["standards"].empty())
    assert issues == []
    index = known.index(written)
    assert index is not None
    assert known.standards[index] == meant


def test_each_other_name_is_of_a_standard_and_of_no_other() -> None:
    listed = {normalise(name) for name in catalogue()["standard"]}
    names = [normalise(name) for name in other_names()["name"]]
    assert len(set(names)) == len(names)
    assert listed.isdisjoint(names)
    assert {normalise(name) for name in other_names()["standard"]} <= listed


def test_a_network_may_have_a_standard_of_an_old_name() -> None:
    own = pl.DataFrame(
        [{"standard": "ISO 9000", "name": None, "class": "firm", "implies": None}],
        schema=BY_NAME["standards"].schema,
    )
    known, _ = standards(own)
    assert known.index("ISO 9000") != known.index("ISO 9001")


def test_hazard_analysis_is_an_industrys_and_traceability_is_met_by_food_schemes() -> None:
    known, _ = standards(BY_NAME["standards"].empty())
    haccp, traced = known.index("HACCP"), known.index("Traceability")
    assert haccp is not None
    assert traced is not None
    assert known.classes[haccp] == "industry"
    for scheme in ("ISO 22005", "FSSC 22000", "BRC", "IATF 16949"):
        holder = known.index(scheme)
        assert holder is not None
        assert known.meets[holder, traced]
    plain = known.index("ISO 9001")
    assert plain is not None
    assert not known.meets[plain, traced]
