"""What a price holds under Incoterms 2020."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matcher.reference.incoterms import Incoterms, incoterms
from matcher.schema.tables import INCOTERMS

TERMS = ("origin", "export", "freight", "insurance", "imports", "duty")


def held(rule: str) -> set[str]:
    at = INCOTERMS.index(rule)
    return {term for term in TERMS if getattr(incoterms(), term)[at]}


@pytest.mark.parametrize(
    ("rule", "terms"),
    [
        ("EXW", set()),
        ("FOB", {"origin", "export"}),
        ("CPT", {"origin", "export", "freight"}),
        ("CIF", {"origin", "export", "freight", "insurance"}),
        ("DAP", {"origin", "export", "freight", "insurance", "imports"}),
        ("DDP", set(TERMS)),
    ],
)
def test_what_the_price_holds(rule: str, terms: set[str]) -> None:
    assert held(rule) == terms


@pytest.mark.parametrize(
    "alike", [("FCA", "FAS", "FOB"), ("CFR", "CPT"), ("CIF", "CIP"), ("DAP", "DPU")]
)
def test_rules_that_differ_only_in_mode_or_unloading_hold_the_same(alike: tuple[str, ...]) -> None:
    assert len({frozenset(held(rule)) for rule in alike}) == 1


def test_the_c_and_d_rules_name_the_destination() -> None:
    named = {
        rule for rule, yes in zip(INCOTERMS, incoterms().names_destination, strict=True) if yes
    }
    assert named == {rule for rule in INCOTERMS if rule[0] in "CD"}


def test_each_term_is_held_only_with_those_that_come_before_it() -> None:
    # Goods cannot be carried before they are cleared for export, nor pay duty before clearance.
    for earlier, later in [
        ("origin", "export"), ("export", "freight"), ("freight", "insurance"),
        ("insurance", "imports"), ("imports", "duty"),
    ]:  # fmt: skip
        assert np.all(getattr(incoterms(), earlier) >= getattr(incoterms(), later))


def test_arrays_cover_every_rule_and_are_read_only() -> None:
    for field in dataclasses.fields(Incoterms):
        array = getattr(incoterms(), field.name)
        assert array.shape == (len(INCOTERMS),)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = True
