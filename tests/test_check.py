"""The judge: a good plan passes, and every way of being wrong is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import matcher
from matcher.errors import InputError
from matcher.network import Network
from matcher.plan import AWARD_SCHEMA, Plan, plan_from_dict
from matcher.plan.files import read_plan
from matcher.plan.findings import CODES
from matcher.solve.complete import complete
from tests.networks import Row, network

Document = dict[str, Any]
Break = Callable[[Document], None]


@cache
def rich() -> Network:
    """A network with every rule; S4 makes abroad, the others where the goods are needed.

    D1 needs 1,000 of C1 from two or three suppliers, at most 70 % from one. D2 is single source.
    D3 cannot be covered: C3 is made by B6 (up to 150) and B8 (up to 20), and by B7 for D4 only.
    """
    return network(
        places=[
            {"place": "P", "longitude": 106.0},
            {"place": "Q", "economy": "TH", "latitude": 14.0, "longitude": 100.5},
        ],
        components=[{"component": "C1"}, {"component": "C2"}, {"component": "C3"}],
        requirements=[{"component": "C1", "standard": "ISO 9001"}],
        demands=[
            {
                "demand": "D1",
                "component": "C1",
                "quantity": 1000.0,
                "share_cap": 0.7,
                "min_suppliers": 2,
                "max_suppliers": 3,
                "ceiling": 10.0,
                "max_ppm": 100.0,
                "min_on_time_rate": 0.9,
                "due": "2026-03-31",
            },
            {"demand": "D2", "component": "C2", "single_source": True},
            {"demand": "D3", "component": "C3", "quantity": 200.0},
            {"demand": "D4", "component": "C3"},
        ],
        suppliers=[
            {"supplier": "S1", "onboarding_cost": 100.0},
            {"supplier": "S2", "onboarding_cost": 70.0},
            {"supplier": "S3"},
            {"supplier": "S4", "place": "Q"},
            {"supplier": "S5"},
            {"supplier": "S6"},
        ],
        certificates=[
            *({"supplier": name, "standard": "ISO 9001"} for name in ("S1", "S2", "S3", "S4")),
            {"supplier": "S6", "standard": "ISO 9001", "valid_to": "2026-03-30"},
        ],
        bids=[
            {
                "bid": "B1",
                "supplier": "S1",
                "component": "C1",
                "price": 1.0,
                "moq": 100.0,
                "order_multiple": 50.0,
                "tooling_cost": 50.0,
            },
            {
                "bid": "B2",
                "supplier": "S2",
                "component": "C1",
                "price": 1.2,
                "moq": 100.0,
                "max_quantity": 400.0,
            },
            {"bid": "B3", "supplier": "S3", "component": "C1", "price": 1.5},
            {"bid": "late", "supplier": "S3", "component": "C1", "lead_time_days": 100.0},
            {"bid": "dear", "supplier": "S3", "component": "C1", "price": 11.0},
            {"bid": "faulty", "supplier": "S3", "component": "C1", "ppm": 200.0},
            {"bid": "slow", "supplier": "S3", "component": "C1", "on_time_rate": 0.5},
            {"bid": "uncertified", "supplier": "S5", "component": "C1"},
            {"bid": "expired", "supplier": "S6", "component": "C1"},
            {
                "bid": "abroad",
                "supplier": "S4",
                "component": "C1",
                "price": 1.6,
                "incoterm": "FOB",
                "modes": "sea;road",
            },
            {
                "bid": "named",
                "supplier": "S4",
                "component": "C1",
                "incoterm": "CIF",
                "named_place": "Q",
                "modes": "sea",
            },
            {"bid": "B4", "supplier": "S1", "component": "C2", "price": 2.0},
            {"bid": "B5", "supplier": "S2", "component": "C2", "price": 2.1},
            {"bid": "B6", "supplier": "S3", "component": "C3", "price": 3.0, "max_quantity": 150.0},
            {"bid": "B7", "supplier": "S2", "component": "C3", "demand": "D4", "price": 3.0},
            {"bid": "B8", "supplier": "S1", "component": "C3", "price": 9.0, "max_quantity": 20.0},
        ],
        tiers=[{"bid": "B1", "from_quantity": 500.0, "price": 0.9}],
        resources=[{"resource": "R1", "supplier": "S1", "capacity": 1050.0}],
        usages=[
            {"bid": "B1", "resource": "R1", "use_per_unit": 1.0},
            {"bid": "B4", "resource": "R1", "use_per_unit": 4.0},
        ],
        lanes=[
            {
                "origin": "Q",
                "destination": "P",
                "mode": "sea",
                "days": 10.0,
                "cost_per_kg": 0.1,
                "fixed_cost": 5.0,
            },
            {"origin": "Q", "destination": "P", "mode": "road", "days": 4.0, "cost_per_kg": 0.3},
        ],
        trade_costs=[{"economy": "TH"}, {"economy": "VN"}],
        rules=[
            {
                "rule": "few makers of C3",
                "kind": "supplier_count",
                "scope": "component",
                "of": "C3",
                "max": 2,
            },
            {
                "rule": "begin with D3",
                "kind": "supplier_count",
                "scope": "demand",
                "of": "D3",
                "min": 1,
            },
        ],
    )


@cache
def solved() -> Plan:
    return matcher.solve(rich(), gap_limit=0.0)


def codes(plan: Plan) -> set[str]:
    """The codes of a judgement, which can always be written as JSON."""
    judgement = matcher.check(rich(), plan)
    json.dumps(judgement.to_dict(), allow_nan=False)
    assert judgement.ok == (not judgement.findings)
    return {finding.code for finding in judgement.findings}


# --- a plan made by hand: awards only ----------------------------------------------------------

HAND: dict[str, list[Row]] = {
    "D1": [{"bid": "B1", "quantity": 600.0}, {"bid": "B2", "quantity": 400.0}],
    "D2": [{"bid": "B4", "quantity": 100.0}],
    "D3": [{"bid": "B6", "quantity": 150.0}],
    "D4": [{"bid": "B7", "quantity": 100.0}],
}


def by_hand(**demands: list[Row]) -> Plan:
    """The plan made by hand, with the awards of some demands replaced."""
    return plan_from_dict(
        {
            "awards": [
                {"demand": demand, **award}
                for demand, awards in (HAND | demands).items()
                for award in awards
            ]
        }
    )


def to(bid: str, quantity: float, **stated: Any) -> Row:
    return {"bid": bid, "quantity": quantity, **stated}


def test_a_good_plan_made_by_hand() -> None:
    judgement = matcher.check(rich(), by_hand())
    assert judgement.findings == ()
    # 600 × 0.9 + 400 × 1.2 + 100 × 2 + 150 × 3 + 100 × 3 = 540 + 480 + 200 + 450 + 300 = 1,970;
    # tooling of B1 50; onboarding S1 100, S2 70. D3 lacks 50 of 200.
    assert {name: cost for name, cost in judgement.costs.model_dump().items() if cost} == (
        pytest.approx({"landed": 1970.0, "fixed": 50.0, "onboarding": 170.0, "total": 2190.0})
    )
    assert judgement.unmet == pytest.approx(0.25)


@pytest.mark.parametrize(
    "demands",
    [
        {"D1": [to("B1", 650), to("B2", 350)]},  # uses 650 + 4 × 100 = 1,050 of 1,050
        {"D1": [to("B3", 700), to("B2", 300)]},  # 700 is 70 %
        {"D1": [to("B1", 600), to("B2", 390), to("B3", 10)]},  # 10 is 1 %
        {"D1": [to("B1", 500, tier=2), to("B2", 400)]},  # the tier begins at 500
        {"D1": [to("B1", 600), to("B2", 100)]},  # MOQ; a part may stay unmet
        {"D1": [to("B1", 600), to("abroad", 400, mode="sea")]},
        {"D1": []},
        {"D3": [to("B6", 130), to("B8", 20)], "D4": [to("B6", 100)]},
    ],
    ids=str,
)
def test_on_the_limit_is_good(demands: dict[str, list[Row]]) -> None:
    assert codes(by_hand(**demands)) == set()


BROKEN_BY_HAND: list[tuple[str, dict[str, list[Row]]]] = [
    ("unknown_demand", {"D9": [to("B7", 10)]}),
    ("unknown_bid", {"D4": [to("B9", 100)]}),
    ("wrong_supplier", {"D4": [to("B7", 100, supplier="S3")]}),
    ("wrong_component", {"D4": [to("B5", 100)]}),
    ("wrong_component", {"D4": [to("B7", 100, component="C1")]}),
    ("other_demand", {"D3": [to("B6", 100), to("B7", 100)]}),
    ("unknown_mode", {"D4": [to("B7", 100, mode="mule")]}),
    ("unknown_tier", {"D4": [to("B7", 100, tier=2)]}),
    ("unknown_tier", {"D4": [to("B7", 100, tier=0)]}),
    ("bad_quantity", {"D4": [to("B7", 0)]}),
    ("bad_quantity", {"D4": [to("B7", -100)]}),
    ("duplicate_award", {"D1": [to("B3", 300), to("B3", 300), to("B2", 400)]}),
    # The same award twice, once with its mode and once without: 600 in all, of at most 400.
    ("duplicate_award", {"D1": [to("B2", 300), to("B2", 300, mode="road"), to("B1", 400)]}),
    ("duplicate_award", {"D1": [to("B2", 300), to("B2", 300, tier=1), to("B1", 400)]}),
    ("lane", {"D1": [to("B1", 600), to("B2", 400, mode="sea")]}),
    ("lane", {"D1": [to("B1", 600), to("abroad", 400, mode="air")]}),  # flies, not for this bid
    ("terms", {"D1": [to("B1", 600), to("named", 400)]}),
    ("quality", {"D1": [to("B1", 600), to("faulty", 400)]}),
    ("on_time", {"D1": [to("B1", 600), to("slow", 400)]}),
    ("standard", {"D1": [to("B1", 600), to("uncertified", 400)]}),
    ("certificate_date", {"D1": [to("B1", 600), to("expired", 400)]}),
    ("delivery", {"D1": [to("B1", 600), to("late", 400)]}),
    ("ceiling", {"D1": [to("B1", 600), to("dear", 400)]}),
    ("below_moq", {"D1": [to("B1", 600), to("B2", 99)]}),
    ("above_max_quantity", {"D1": [to("B1", 550), to("B2", 401)]}),
    ("wrong_tier", {"D1": [to("B1", 450, tier=2), to("B2", 400)]}),
    ("wrong_tier", {"D1": [to("B1", 600, tier=1), to("B2", 400)]}),
    ("order_multiple", {"D1": [to("B1", 601), to("B2", 399)]}),
    ("below_counted_share", {"D1": [to("B1", 600), to("B2", 391), to("B3", 9)]}),
    ("below_counted_share", {"D3": [to("B6", 1.9)]}),
    ("over_demand", {"D1": [to("B1", 600), to("B2", 400), to("B3", 20)]}),
    ("over_demand", {"D4": [to("B7", 120)]}),  # and no share cap is stated that it could break
    ("share_cap", {"D1": [to("B3", 701), to("B2", 299)]}),
    ("single_source", {"D2": [to("B4", 50), to("B5", 50)]}),
    ("single_source", {"D2": [to("B4", 50)]}),
    (
        "one_tier_and_mode",
        {"D1": [to("abroad", 200, mode="sea"), to("abroad", 200, mode="road"), to("B1", 600)]},
    ),
    (
        "most_suppliers",
        {"D1": [to("B1", 400), to("B2", 200), to("B3", 200), to("abroad", 200, mode="sea")]},
    ),
    ("fewest_suppliers", {"D1": [to("B3", 700)]}),
    ("capacity", {"D1": [to("B1", 700), to("B2", 300)]}),
    ("rule", {"D3": [to("B6", 100), to("B8", 20)]}),  # S1, S2 and S3 make C3
    ("rule", {"D3": []}),
]


@pytest.mark.parametrize(("code", "demands"), BROKEN_BY_HAND, ids=str)
def test_a_broken_plan_made_by_hand(code: str, demands: dict[str, list[Row]]) -> None:
    assert codes(by_hand(**demands)) == {code}


# --- terms that reach over several awards ------------------------------------------------------


@cache
def entwined() -> Network:
    """A network with the terms and rules that reach over several awards; a unit costs 1 or 2.

    D1 to D3 are for C1, D1 and D3 of F and due in the first half, D2 of G in the second. D4 is for
    C2, which is core: only F's own plant S4 makes it. S1 and S2 bid for C1 as the consortium K,
    which makes at least 60 of a demand; S3 offers D1 and D2 as a bundle.
    """
    return network(
        lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
        components=[{"component": "C1", "group": "castings"}, {"component": "C2", "core": True}],
        periods=[
            {"period": "H1", "first": "2026-01-01", "last": "2026-06-30"},
            {"period": "H2", "first": "2026-07-01", "last": "2026-12-31"},
        ],
        demands=[
            {"demand": "D1", "component": "C1", "due": "2026-06-01"},
            {"demand": "D2", "component": "C1", "due": "2026-12-01", "lead_firm": "G"},
            {"demand": "D3", "component": "C1", "due": "2026-06-01"},
            {"demand": "D4", "component": "C2", "due": "2026-06-01"},
        ],
        suppliers=[
            {"supplier": "S1", "ownership": "women", "turnover": 320.0, "onboarding_cost": 5.0},
            {"supplier": "S2", "credit_line": 20.0},
            {"supplier": "S3"},
            {"supplier": "S4", "lead_firm": "F"},
            {"supplier": "S5"},
        ],
        consortia=[{"consortium": "K", "lead": "S1", "moq": 60.0, "coordination_cost": 3.0}],
        bids=[
            {"bid": "K1", "supplier": "S1", "component": "C1", "consortium": "K"},
            {"bid": "K2", "supplier": "S2", "component": "C1", "consortium": "K"}
            | {"price": 2.0, "lead_time_days": 73.0},
            {"bid": "P1", "supplier": "S3", "component": "C1", "demand": "D1", "bundle": "P"},
            {"bid": "P2", "supplier": "S3", "component": "C1", "demand": "D2", "bundle": "P"},
            {"bid": "B3", "supplier": "S3", "component": "C1"},
            {"bid": "own", "supplier": "S4", "component": "C1"},
            {"bid": "core", "supplier": "S4", "component": "C2"},
            {"bid": "foreign", "supplier": "S5", "component": "C2"},
            {"bid": "new", "supplier": "S5", "component": "C1"},
        ],
        resources=[{"resource": "R", "supplier": "S5", "capacity": 100.0}],
        usages=[{"bid": "new", "resource": "R", "use_per_unit": 1.0}],
        capacities=[{"resource": "R", "period": "H2", "capacity": 80.0}],
        ramps=[
            {"bid": "new", "period": "H1", "share": 0.0},
            {"bid": "new", "period": "H2", "share": 0.5},
        ],
        incumbents=[{"component": "C2", "supplier": "S4", "switching_cost": 9.0}],
        discounts=[{"discount": "rebate", "supplier": "S1", "from": 50.0, "rate": 0.1}],
        rules=[
            {"rule": "dependence", "kind": "dependence", "scope": "network", "max": 0.5},
            {"rule": "credit", "kind": "working_capital", "scope": "network"},
            {"rule": "few for D3", "kind": "supplier_count", "scope": "demand", "of": "D3"}
            | {"max": 1},
            {"rule": "SMEs", "kind": "supplier_count", "scope": "component", "of": "C1"}
            | {"group": "size_class", "who": "small", "min": 1},
            {"rule": "S2 and S3", "kind": "supplier_count", "scope": "network"}
            | {"group": "supplier", "who": "S2;S3", "min": 1},
            {"rule": "women", "kind": "share", "scope": "network", "group": "ownership"}
            | {"who": "women", "measure": "value", "min": 0.1},
            {"rule": "women in C1", "kind": "share", "scope": "component_group"}
            | {"group": "ownership", "measure": "quantity", "max": 0.9, "priority": 1}
            | {"price": 2.0},
            {"rule": "budget", "kind": "limit", "scope": "network", "measure": "cost", "max": 453},
        ],
    )


WOVEN: dict[str, list[Row]] = {
    "D1": [{"bid": "K1", "quantity": 60.0}, {"bid": "K2", "quantity": 40.0}],
    "D2": [{"bid": "B3", "quantity": 100.0}],
    "D3": [{"bid": "own", "quantity": 100.0}],
    "D4": [{"bid": "core", "quantity": 100.0}],
}


def woven(**demands: list[Row]) -> Plan:
    """A good plan of the entwined network, with the awards of some demands replaced."""
    return plan_from_dict(
        {
            "awards": [
                {"demand": demand, **award}
                for demand, awards in (WOVEN | demands).items()
                for award in awards
            ]
        }
    )


def test_a_good_plan_with_terms_over_several_awards() -> None:
    judgement = matcher.check(entwined(), woven())
    assert judgement.findings == ()
    # 60 × 1 + 40 × 2 + 300 × 1; S1 is paid 60 and pays back a tenth.
    assert {name: cost for name, cost in judgement.costs.model_dump().items() if cost} == {
        "landed": 440.0,
        "onboarding": 5.0,
        "coordination": 3.0,
        "discounts": -6.0,
        "total": 442.0,
    }


@pytest.mark.parametrize(
    "demands",
    [
        {"D1": [to("P1", 100)], "D2": [to("P2", 100)], "D3": [to("K1", 100)]},
        {"D2": [to("new", 40), to("B3", 60)]},  # half of the 80 there are in the second half
        {"D2": [to("K1", 90), to("K2", 10)]},
        {"D1": [to("K1", 60), to("B3", 40)], "D3": [to("K1", 100)]},  # 160 of 320 are F's
        # 50 × 2 × 73 ÷ 365 = 20 of 20 are tied up, and 450 + 5 + 3 − 5 = 453 is the budget.
        {"D1": [to("K2", 50), to("K1", 50)]},
    ],
    ids=str,
)
def test_on_the_limit_of_terms_over_several_awards_is_good(demands: dict[str, list[Row]]) -> None:
    assert matcher.check(entwined(), woven(**demands)).findings == ()


BROKEN_TOGETHER: list[tuple[str, dict[str, list[Row]]]] = [
    ("own_plant", {"D2": [to("own", 100)], "D1": [to("K1", 60), to("B3", 40)]}),
    ("in_house", {"D4": [to("foreign", 100)]}),
    ("ramp", {"D3": [to("new", 50)]}),  # not yet in the first half
    ("ramp", {"D2": [to("new", 41)]}),
    ("bundle", {"D1": [to("P1", 100)], "D3": [to("K1", 100)]}),
    ("bundle", {"D1": [to("P1", 100)], "D2": [to("P2", 99)], "D3": [to("K1", 100)]}),
    ("consortium_moq", {"D2": [to("B3", 41), to("K1", 59)]}),
    ("consortium_moq", {"D2": [to("B3", 41), to("K1", 58), to("K2", 1)]}),
    ("below_counted_share", {"D2": [to("B3", 0.9)]}),
    ("below_counted_share", {"D4": [to("core", 0.9)]}),  # it would save the switching cost
]


@pytest.mark.parametrize(("code", "demands"), BROKEN_TOGETHER, ids=str)
def test_awards_that_break_a_term_together(code: str, demands: dict[str, list[Row]]) -> None:
    judgement = matcher.check(entwined(), woven(**demands))
    assert {finding.code for finding in judgement.findings} == {code}


BROKEN_RULES: list[tuple[dict[str, list[Row]], str, float, float]] = [
    # Awards, what the finding says, the plan's figure and the limit.
    (
        {"D3": [to("own", 50), to("B3", 50)]},
        "few for D3 (D3): 1 supplier more than allowed",
        2.0,
        1.0,
    ),
    # 200 of 320 from F.
    (
        {"D1": [to("K1", 100)], "D3": [to("K1", 100)]},
        "dependence (F, S1): 40.00 USD more than allowed",
        0.625,
        0.5,
    ),
    # 60 × 2 × 73 ÷ 365 = 24 of 20.
    (
        {"D1": [to("K2", 60)], "D2": [to("K1", 100)]},
        "credit (S2): 4.00 USD more than allowed",
        1.2,
        1.0,
    ),
    # 10 % of 400.
    ({"D1": [to("B3", 100)]}, "women (women): 40.00 USD less than required", 0.0, 0.1),
    (
        {"D1": [to("K1", 100)], "D2": []},
        "S2 and S3 (S2;S3): 1 supplier fewer than required",
        0.0,
        1.0,
    ),
    # 49 + 100 + 300 + 5 + 3, and S1 pays nothing back below 50.
    ({"D1": [to("K1", 49), to("K2", 50)]}, "budget: 4.00 USD more than allowed", 457.0, 453.0),
]


@pytest.mark.parametrize(("demands", "told", "claimed", "actual"), BROKEN_RULES, ids=str)
def test_a_broken_rule_is_told_with_its_instance(
    demands: dict[str, list[Row]], told: str, claimed: float, actual: float
) -> None:
    (finding,) = matcher.check(entwined(), woven(**demands)).findings
    assert (finding.code, finding.message) == ("rule", told)
    assert finding.about == told.split(":", maxsplit=1)[0].split(" (", maxsplit=1)[0]
    assert (finding.claimed, finding.actual) == (pytest.approx(claimed), actual)


@pytest.mark.parametrize("quantity", [float("nan"), float("inf"), float("-inf"), None])
def test_a_quantity_that_is_no_number(quantity: float | None) -> None:
    plan = by_hand()
    awards = plan.awards.with_columns(
        quantity=pl.when(pl.col("demand") == "D4")
        .then(pl.lit(quantity, dtype=pl.Float64))
        .otherwise("quantity")
    )
    assert codes(replace(plan, awards=awards)) == {"bad_quantity"}


def test_whole_units_are_asked_for_in_large_demands_too() -> None:
    # Pieces: an award of a million and a half piece is not a whole number of them.
    made = network(
        demands=[{"demand": "D", "quantity": 2e6}],
        bids=[{"bid": "B", "supplier": "S", "order_multiple": 1.0}],
    )
    plan = plan_from_dict({"awards": [{"demand": "D", "bid": "B", "quantity": 1_000_000.5}]})
    assert [f.code for f in matcher.check(made, plan).findings] == ["order_multiple"]


def test_an_award_without_a_mode_takes_one_that_arrives_in_time() -> None:
    # Sea is cheaper and takes until day 10; road takes until day 4, and the demand is due on 6.
    ends = {"origin": "Q", "destination": "P"}
    made = network(
        places=[{"place": "P"}, {"place": "Q", "economy": "TH", "latitude": 14.0}],
        suppliers=[{"supplier": "S", "place": "Q"}],
        demands=[{"demand": "D", "due": "2026-01-07"}],
        lanes=[
            ends | {"mode": "sea", "days": 10.0, "cost_per_kg": 0.1},
            ends | {"mode": "road", "days": 4.0, "cost_per_kg": 0.3},
        ],
        trade_costs=[{"economy": "TH"}, {"economy": "VN"}],
        bids=[{"bid": "B", "supplier": "S"}],
    )
    plan = plan_from_dict({"awards": [{"demand": "D", "bid": "B", "quantity": 100.0}]})
    assert matcher.check(made, plan).findings == ()


def test_a_mode_that_cannot_run_is_named_and_nothing_else_breaks() -> None:
    # No ship reaches Astana.
    made = network(
        places=[
            {"place": "P"},
            {"place": "Astana", "economy": "KZ", "latitude": 51.2, "longitude": 71.4},
        ],
        suppliers=[{"supplier": "S", "place": "Astana"}],
        bids=[{"bid": "B", "supplier": "S"}],
    )
    plan = plan_from_dict(
        {"awards": [{"demand": "D", "bid": "B", "quantity": 100.0, "mode": "sea"}]}
    )
    judgement = matcher.check(made, plan)
    assert "lane" in {finding.code for finding in judgement.findings}
    json.dumps(judgement.to_dict(), allow_nan=False)
    with pytest.raises(InputError):
        complete(made, plan)


# --- a plan of the solver: every figure is claimed ---------------------------------------------


def edit(table: str, key: str, **figures: Any) -> Break:
    """Change figures of the row of a table whose bid, supplier, demand or rule is ``key``."""

    def apply(document: Document) -> None:
        row = next(
            row
            for row in document[table]
            if key in (row.get("bid"), row.get("supplier"), row.get("demand"), row.get("rule"))
        )
        row.update(figures)

    return apply


def drop(table: str, key: str) -> Break:
    def apply(document: Document) -> None:
        document[table] = [row for row in document[table] if key not in row.values()]

    return apply


def add(table: str, at: int | None = None, **row: Any) -> Break:
    def apply(document: Document) -> None:
        rows = document[table]
        rows.insert(len(rows) if at is None else at, row)

    return apply


def claim(*path: str, value: Any) -> Break:
    """Set what the result claims; gap follows from best and bound unless it is what is set."""

    def apply(document: Document) -> None:
        part = document
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value
        result = document["result"]
        if path[-1] in ("best", "bound"):
            result["gap"] = abs(result["best"] - result["bound"]) / abs(result["best"])

    return apply


def reach(objective: str, value: float) -> Break:
    """Claim that an objective reached a value."""

    def apply(document: Document) -> None:
        for each in document["result"]["objectives"]:
            if each["objective"] == objective:
                each["value"] = value

    return apply


BROKEN_CLAIMS: list[tuple[str, Break]] = [
    ("wrong_network", claim("input_hash", value="0" * 64)),
    ("wrong_currency", claim("currency", value="EUR")),
    ("wrong_term", edit("awards", "B1", price_per_unit=0.8)),
    ("wrong_term", edit("awards", "B1", duty_per_unit=0.01)),
    ("wrong_unit_cost", edit("awards", "B1", landed_cost_per_unit=0.8)),
    ("wrong_award_cost", edit("awards", "B1", landed_cost=1.0)),
    ("wrong_fixed_cost", edit("awards", "B1", fixed_cost=0.0)),
    ("wrong_date", edit("awards", "B1", order_date="2026-01-02")),
    ("wrong_date", edit("awards", "B1", ship_date="2026-01-02")),
    ("wrong_date", edit("awards", "B1", arrival_date="2026-01-02")),
    ("wrong_slack", edit("awards", "B1", slack_days=90.0)),
    ("wrong_emissions", edit("awards", "B1", co2e_kg=1.0)),  # made where it is needed: 0
    ("missing_supplier", drop("suppliers", "S1")),
    ("unused_supplier", add("suppliers", supplier="S5")),
    ("unused_supplier", add("suppliers", supplier="nobody")),
    ("wrong_supplier_figure", edit("suppliers", "S1", num_awards=7)),
    ("wrong_supplier_figure", edit("suppliers", "S1", landed_cost=7.0)),
    ("wrong_supplier_figure", edit("suppliers", "S1", onboarding_cost=0.0)),
    ("listed_twice", add("suppliers", supplier="S1")),
    ("missing_unmet", drop("unmet", "D3")),
    ("false_unmet", add("unmet", demand="D1", quantity=1.0)),
    ("false_unmet", add("unmet", demand="D9", quantity=1.0)),
    ("wrong_unmet", edit("unmet", "D3", quantity=1.0)),
    ("wrong_unmet", edit("unmet", "D3", share=0.5)),
    ("listed_twice", add("unmet", 0, demand="D3", quantity=1.0)),
    ("wrong_rule_figure", edit("rules", "begin with D3", actual=7.0)),
    ("wrong_rule_figure", edit("rules", "begin with D3", min=2.0)),
    ("wrong_rule_figure", edit("rules", "few makers of C3", max=None, missed=1.0)),
    ("wrong_rule_figure", edit("rules", "few makers of C3", penalty=1.0)),
    ("wrong_rule_figure", edit("rules", "few makers of C3", who="S1")),
    ("wrong_rule_figure", drop("rules", "few makers of C3")),
    ("wrong_rule_figure", add("rules", rule="nobody's", actual=1.0)),
    ("listed_twice", add("rules", rule="begin with D3", of="D3")),
    ("wrong_coverage", claim("result", "coverage", "unmet", value=0.01)),
    ("wrong_coverage", claim("result", "coverage", "bound", value=5.0)),
    ("wrong_objective", reach("coverage", value=1.0)),
    ("wrong_objective", reach("cost", value=1.0)),
    ("wrong_total", claim("result", "costs", "landed", value=1.0)),
    ("wrong_total", claim("result", "costs", "fixed", value=1.0)),
    ("wrong_total", claim("result", "costs", "onboarding", value=1.0)),
    ("wrong_total", claim("result", "costs", "coordination", value=1.0)),
    ("wrong_total", claim("result", "costs", "switching", value=1.0)),
    ("wrong_total", claim("result", "costs", "discounts", value=-1.0)),
    ("wrong_total", claim("result", "costs", "penalties", value=1.0)),
    ("wrong_total", claim("result", "costs", "total", value=1.0)),
    ("wrong_gap", claim("result", "gap", value=0.5)),
    ("wrong_gap", claim("result", "gap", value=None)),
    ("false_optimal", claim("result", "bound", value=1000.0)),
    ("false_optimal", claim("result", "coverage", "proven", value=False)),
    # Proven to cover the most, with a bound that leaves room for more.
    ("wrong_coverage", claim("result", "coverage", "bound", value=0.0)),
]


def broken(apply: Break) -> Plan:
    document = deepcopy(solved().to_dict())
    apply(document)
    return plan_from_dict(document)


def test_a_good_plan_of_the_solver() -> None:
    assert codes(solved()) == set()
    assert solved().result is not None
    assert solved().result.solution_status == "optimal"  # type: ignore[union-attr]
    assert codes(broken(lambda _: None)) == set()


@pytest.mark.parametrize(
    ("code", "apply"),
    BROKEN_CLAIMS,
    ids=[f"{i}-{code}" for i, (code, _) in enumerate(BROKEN_CLAIMS)],
)
def test_a_broken_claim(code: str, apply: Break) -> None:
    assert codes(broken(apply)) == {code}


def test_a_bound_above_the_plans_cost() -> None:
    best = solved().result.best  # type: ignore[union-attr]
    assert best is not None
    found = codes(broken(claim("result", "bound", value=2 * best)))
    assert found == {"bound_above_best", "false_optimal"}


def test_a_best_that_is_not_the_total() -> None:
    assert "wrong_total" in codes(broken(claim("result", "best", value=1.0)))


def test_a_result_without_costs_is_judged_all_the_same() -> None:
    def apply(document: Document) -> None:
        del document["result"]["costs"]
        document["result"].update(best=1.0, bound=1.0, gap=0.0)

    assert "wrong_total" in codes(broken(apply))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("figure", ["best", "bound", "gap"])
def test_a_claim_that_is_no_number_does_not_pass(figure: str, value: float) -> None:
    document = deepcopy(solved().to_dict())
    document["result"][figure] = value
    try:
        plan = plan_from_dict(document)
    except InputError:
        return
    assert codes(plan) != set()


def test_optimal_without_coverage_is_not_shown() -> None:
    def apply(document: Document) -> None:
        del document["result"]["coverage"]

    assert "false_optimal" in codes(broken(apply))


def test_a_gap_is_told_as_what_it_is() -> None:
    # Best 200, bound 100, gap 0.5: the plan may cost 100 % more than the optimum, not 50 %.
    document = deepcopy(solved().to_dict())
    document["result"].update(
        solution_status="feasible",
        termination_reason="time_limit",
        best=200.0,
        bound=100.0,
        gap=0.5,
    )
    assert "50.00% above the optimum" not in plan_from_dict(document).verdict


def test_a_judgement_tells_what_is_left_unmet() -> None:
    everything = matcher.check(rich(), by_hand(D1=[], D2=[], D4=[]))
    assert everything.ok
    assert "4 demands" in everything.verdict  # the three, and D3, which nobody can make


def test_every_code_has_a_plan_that_shows_it() -> None:
    shown = {code for code, _ in (*BROKEN_BY_HAND, *BROKEN_TOGETHER, *BROKEN_CLAIMS)}
    assert CODES.keys() - shown == {"bound_above_best"}  # which has a test of its own
    assert shown <= CODES.keys()


def test_the_page_on_plans_lists_every_code() -> None:
    page = Path(__file__).parents[1] / "docs" / "plan-format.md"
    rows = [
        line
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.split("`")[1] in CODES
    ]
    assert {
        row.split("`")[1]: row.split("| ", 2)[2].removesuffix(" |").replace("\\|", "|")
        for row in rows
    } == CODES


# --- files ---------------------------------------------------------------------------------------


def test_a_plan_of_the_solver_survives_its_file(tmp_path: Path) -> None:
    solved().write(tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json")
    assert again.awards.equals(solved().awards)
    assert again.rules is not None
    assert again.rules.equals(solved().rules)
    assert (again.result, again.run) == (solved().result, solved().run)
    assert codes(again) == set()


def test_a_plan_from_before_there_were_figures_of_rules_is_still_read() -> None:
    document = deepcopy(solved().to_dict())
    del document["rules"]
    for name in ("coordination", "switching", "discounts", "penalties"):
        del document["result"]["costs"][name]
    plan = plan_from_dict(document)
    assert plan.rules is None
    assert codes(plan) == set()
    rules = complete(rich(), plan).rules
    assert rules is not None
    assert rules.equals(solved().rules)


def test_a_plan_as_csv(tmp_path: Path) -> None:
    rows = [
        f"{demand},{award['bid']},{award['quantity']}"
        for demand, awards in HAND.items()
        for award in awards
    ]
    (tmp_path / "plan.csv").write_text("\n".join(["demand,bid,quantity", *rows]) + "\n")
    plan = read_plan(tmp_path / "plan.csv")
    assert plan.awards.height == 5
    assert codes(plan) == set()


def test_complete_fills_in_what_the_author_left_out() -> None:
    whole = complete(rich(), by_hand())
    assert codes(whole) == set()
    assert whole.awards.null_count().sum_horizontal()[0] == 0
    assert whole.suppliers is not None
    assert whole.unmet is not None
    assert whole.suppliers.select(
        "supplier", "num_awards", "landed_cost", "onboarding_cost"
    ).rows() == [
        ("S1", 2, pytest.approx(740.0), 100.0),  # 540 + 200
        ("S2", 2, pytest.approx(780.0), 70.0),  # 480 + 300
        ("S3", 1, pytest.approx(450.0), 0.0),
    ]
    assert whole.unmet.select("demand", "quantity", "share").rows() == [("D3", 50.0, 0.25)]


def test_complete_keeps_what_the_author_states() -> None:
    plan = by_hand(D4=[to("B7", 100, landed_cost_per_unit=2.5)])
    assert codes(complete(rich(), plan)) >= {"wrong_unit_cost"}
    document = by_hand().to_dict() | {"suppliers": [{"supplier": "S1", "onboarding_cost": 5.0}]}
    whole = complete(rich(), plan_from_dict(document))
    assert codes(whole) >= {"wrong_supplier_figure"}


def test_complete_refuses_what_it_cannot_understand() -> None:
    with pytest.raises(InputError) as caught:
        complete(rich(), by_hand(D4=[to("B9", 100), to("B7", -1)]))
    assert {issue.code for issue in caught.value.issues} == {"unknown_bid", "bad_quantity"}


GARBAGE = [
    "",
    "[]",
    "null",
    "1",
    '"plan"',
    "{",
    "{}",
    '{"awards": 1}',
    '{"awards": [1]}',
    '{"awards": [{}]}',
    '{"awards": [{"demand": "D1"}]}',
    '{"awards": [], "colour": "red"}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": "many"}]}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": NaN}]}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": 1e999}]}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": 1, "tier": 99999999999999999999}]}',
    '{"awards": [{"demand": "\\ud800", "bid": "B1", "quantity": 1}]}',
    '{"awards": [], "format": "another"}',
    '{"awards": [], "result": {}}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": 1, "order_date": "31/12/2026"}]}',
    '{"awards": [{"demand": "D1", "bid": "B1", "quantity": ' + "1" * 5000 + "}]}",
    "[" * 100_000,
]


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: text[:60])
def test_a_file_that_is_no_plan(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.json")
    assert all(issue.problem and issue.fix for issue in caught.value.issues)


@pytest.mark.parametrize(
    "text",
    [
        "demand,bid\nD1,B1\n",
        "demand,bid,quantity\nD1,B1\n",
        "demand,bid,quantity\nD1,B1,many\n",
        "demand,bid,quantity\nD1,B1,inf\n",
        "demand,bid,quantity,colour\nD1,B1,1,red\n",
        "demand,bid,quantity\nD1,B1,1,2,3\n",
        'demand,bid,quantity\n"D1,B1,1\n',
        "demand,demand,bid,quantity\nD1,D2,B1,1\n",
    ],
)
def test_a_csv_that_is_no_plan(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(text)
    with pytest.raises(InputError):
        read_plan(tmp_path / "plan.csv")


@pytest.mark.parametrize("text", ["", "D1,B1,1\n", "demand;bid;quantity\nD1;B1;1\n"])
def test_a_csv_without_column_names_is_not_an_empty_plan(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.csv")
    found = [(issue.code, issue.row, issue.column) for issue in caught.value.issues]
    assert found == [("missing_column", 1, name) for name in ("demand", "bid", "quantity")]


def test_a_fault_of_a_csv_plan_has_its_row_column_and_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text('demand,bid,quantity\nD1,B1,1\nD2,B3,"8,000"\n')
    with pytest.raises(InputError) as caught:
        read_plan(path)
    (issue,) = caught.value.issues
    assert (issue.row, issue.column, issue.value) == (3, "quantity", "8,000")
    path.write_text("demand,bid,quantity,modes\nD1,B1,1,sea\n")
    with pytest.raises(InputError) as caught:
        read_plan(path)
    (issue,) = caught.value.issues
    assert (issue.code, issue.column) == ("unknown_column", "modes")
    assert "did you mean 'mode'" in issue.fix
    path.write_text(" Demand, BID ,quantity\n D1,B1 , 7\n,,\n")
    assert read_plan(path).awards.select("demand", "bid", "quantity").rows() == [("D1", "B1", 7.0)]


def test_a_plan_that_is_not_there_not_a_file_or_not_text(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe{}")
    for path in (tmp_path / "nothing.json", tmp_path, tmp_path / "plan.json"):
        with pytest.raises(InputError):
            read_plan(path)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["D1", "D2", "B1", "B2", "B7", "S1", "C1", "sea", "road", 1, 2, 50.0, 600.0]),
)
AWARD = st.fixed_dictionaries(
    {
        "demand": st.sampled_from(["D1", "D2", "D3", "D4", "x"]) | ODD,
        "bid": st.sampled_from(["B1", "B2", "B4", "abroad", "x"]) | ODD,
        "quantity": st.floats(-10, 2000) | ODD,
    },
    optional={name: ODD for name in AWARD_SCHEMA if name not in ("demand", "bid", "quantity")},
)
FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(
    st.fixed_dictionaries(
        {"awards": st.lists(AWARD, max_size=4)},
        optional={
            "suppliers": st.lists(
                st.dictionaries(st.sampled_from(["supplier", "num_awards", "landed_cost"]), ODD)
            ),
            "unmet": st.lists(
                st.dictionaries(st.sampled_from(["demand", "quantity", "share"]), ODD)
            ),
            "currency": ODD,
            "input_hash": ODD,
        },
    )
)
def test_any_document_is_judged_or_refused(document: Document) -> None:
    try:
        plan = plan_from_dict(document)
    except InputError:
        return
    codes(plan)


@FUZZ
@given(
    content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    suffix=st.sampled_from([".json", ".csv"]),
)
def test_any_file_is_read_or_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"plan{suffix}"
    path.write_bytes(content)
    with suppress(InputError):
        read_plan(path)


def test_a_plan_of_the_first_format_is_read_and_answers_to_its_names() -> None:
    made = matcher.solve(matcher.read("examples/first-steps"), gap_limit=0.0)
    document = made.to_dict()
    old = document["result"]
    old["found"], old["stopped"] = old.pop("solution_status"), old.pop("termination_reason")
    old["relaxations"] = old.pop("correction_sets")
    plan = plan_from_dict(document | {"format": "matcher plan 1"})
    assert plan.result == made.result
    assert (plan.result.found, plan.result.stopped) == ("optimal", "proved")
    assert plan.to_dict()["result"] == made.to_dict()["result"]
