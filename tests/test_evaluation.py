"""What awards come to: once-only costs, discounts and the figures of rules, worked by hand.

Everybody is at one point and money is free, so the landed cost is the price.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import matcher
from matcher.evaluation import Evaluation, evaluate
from matcher.evaluation.awards import understand
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.network.split import subnetworks_of
from matcher.plan import AWARD_SCHEMA, RULE_SCHEMA, Plan, plan_from_dict
from matcher.solve.merge import merge
from tests.networks import Row, network
from tests.rule_brute_force import drawn

Award = tuple[str, str, float]


def awards(*rows: Award) -> pl.DataFrame:
    """Awards of (demand, bid, quantity)."""
    filled = [dict(zip(("demand", "bid", "quantity"), row, strict=True)) for row in rows]
    return pl.DataFrame(filled, schema=AWARD_SCHEMA)


def evaluated(made: Network, *rows: Award) -> Evaluation:
    """What awards of (demand, bid, quantity) come to."""
    arrays = to_arrays(made)
    findings: list[Any] = []
    understood = understand(arrays, awards(*rows), findings)
    assert findings == []
    return evaluate(arrays, understood.links, understood.options, understood.quantity)


def costs(made: Network, *rows: Award) -> dict[str, float]:
    """The costs that are not 0, without the total."""
    found = evaluated(made, *rows).costs.model_dump()
    assert found.pop("total") == pytest.approx(sum(found.values()))
    return {name: cost for name, cost in found.items() if cost}


# --- fixed cost ----------------------------------------------------------------------------------


def by_vehicle(**tables: list[Row]) -> Network:
    """A vehicle from Q takes 40 units and costs 25; tooling is 7."""
    return network(
        places=[{"place": "P"}, {"place": "Q"}],
        suppliers=[{"supplier": "S", "place": "Q"}],
        bids=[{"bid": "B", "supplier": "S", "tooling_cost": 7.0}],
        lanes=[
            {"origin": "Q", "destination": "P", "mode": "road", "days": 0.0, "cost_per_kg": 0.0}
            | {"fixed_cost": 25.0, "vehicle_units": 40.0}
        ],
        **tables,
    )


@pytest.mark.parametrize(
    ("quantity", "vehicles"),
    # 80.00004 is above two full vehicles by half a millionth, and so is rounding; 80.001 is not.
    [(1.0, 1), (40.0, 1), (40.1, 2), (80.0, 2), (80.00004, 2), (80.001, 3), (100.0, 3)],
)
def test_an_award_pays_for_each_vehicle_that_it_starts(quantity: float, vehicles: int) -> None:
    assert costs(by_vehicle(), ("D", "B", quantity))["fixed"] == 7.0 + 25.0 * vehicles


def test_vehicles_are_started_by_each_award_and_claimed_with_it() -> None:
    made = by_vehicle(demands=[{"demand": "D1"}, {"demand": "D2"}])
    # 30 units of each demand fit into two vehicles if not together into one.
    assert costs(made, ("D1", "B", 30.0), ("D2", "B", 30.0))["fixed"] == 2 * (7.0 + 25.0)
    award = {"demand": "D1", "bid": "B", "quantity": 80.0}
    for fixed, codes in ((57.0, set()), (32.0, {"wrong_fixed_cost"})):
        plan = plan_from_dict({"awards": [award | {"fixed_cost": fixed}]})
        assert {finding.code for finding in matcher.check(made, plan).findings} == codes


def test_a_budget_counts_all_vehicles_whatever_it_is_about() -> None:
    limit = {"kind": "limit", "measure": "cost", "max": 1000.0}
    made = by_vehicle(
        rules=[
            limit | {"rule": "budget", "scope": "network"},
            limit | {"rule": "of D", "scope": "demand"},
        ]
    )
    rules = evaluated(made, ("D", "B", 80.0)).rules
    # 80 + 7 + 2 × 25.
    assert dict(rules.select("rule", "actual").iter_rows()) == {"budget": 137.0, "of D": 137.0}


def test_tooling_is_paid_with_the_first_award_of_a_line_by_date_then_key() -> None:
    made = network(
        demands=[
            {"demand": "D1", "line": "L", "due": "2026-12-01"},
            {"demand": "D2", "line": "L", "due": "2026-06-01"},
            {"demand": "D3", "line": "L", "due": "2026-06-01"},
            {"demand": "D4", "line": "M"},
            {"demand": "D5"},
            {"demand": "D6"},
        ],
        bids=[
            {"bid": "B", "supplier": "S", "tooling_cost": 7.0},
            {"bid": "B2", "supplier": "S", "tooling_cost": 5.0},
        ],
    )
    rows = [(f"D{i}", "B", 10.0) for i in (1, 2, 3, 4, 5, 6)]
    # Of D1, D2 and D3 the two with the earlier date come first, and D2 of these.
    assert evaluated(made, *rows).fixed.tolist() == [0.0, 7.0, 0.0, 7.0, 7.0, 7.0]
    # Every bid has tooling of its own; without an award of D2, D3 is the first of B.
    rows = [("D1", "B", 10.0), ("D1", "B2", 5.0), ("D3", "B", 10.0)]
    assert evaluated(made, *rows).fixed.tolist() == [0.0, 5.0, 7.0]


def test_a_bid_that_is_split_pays_the_tooling_of_a_line_once() -> None:
    made = network(
        demands=[{"demand": "D", "line": "L"}, {"demand": "E"}],
        bids=[{"bid": "B", "supplier": "S", "tooling_cost": 7.0, "split": True}],
        tiers=[{"bid": "B", "from_quantity": 50.0, "price": 0.5}],
    )
    arrays = to_arrays(made)
    frame = awards(("D", "B", 10.0), ("D", "B", 60.0), ("E", "B", 10.0), ("E", "B", 60.0))
    understood = understand(arrays, frame, [])
    found = evaluate(arrays, understood.links, understood.options, understood.quantity)
    assert found.fixed.tolist() == [7.0, 0.0, 7.0, 7.0]


def test_the_once_only_part_of_incremental_tiers() -> None:
    made = network(
        bids=[{"bid": "B", "supplier": "S", "price": 3.0, "incremental": True}],
        tiers=[
            {"bid": "B", "from_quantity": 20.0, "price": 2.0},
            {"bid": "B", "from_quantity": 50.0, "price": 1.0},
        ],
        rules=[{"rule": "R", "kind": "limit", "scope": "network", "measure": "value", "max": 500}],
    )
    found = evaluated(made, ("D", "B", 70.0))
    # 20 × 3 + 30 × 2 + 20 × 1 = 140; at the last tier's price 70, so 70 once:
    # (3 − 2) × 20 + (2 − 1) × 50.
    assert (found.costs.landed, found.costs.fixed) == (70.0, 70.0)
    assert found.rules["actual"].to_list() == [140.0]
    assert evaluated(made, ("D", "B", 10.0)).costs.fixed == 0.0


# --- costs of the whole plan ---------------------------------------------------------------------

ONCE = network(
    lead_firms=[{"lead_firm": "F"}, {"lead_firm": "G"}],
    demands=[{"demand": "D"}, {"demand": "E", "lead_firm": "G"}],
    suppliers=[
        {"supplier": "S1", "onboarding_cost": 30.0},
        {"supplier": "S2", "onboarding_cost": 40.0},
        {"supplier": "S3"},
    ],
    consortia=[
        {"consortium": "K1", "lead": "S1", "coordination_cost": 11.0},
        {"consortium": "K2", "lead": "S1", "coordination_cost": 13.0},
    ],
    bids=[
        {"bid": "B1", "supplier": "S1", "consortium": "K1"},
        {"bid": "B2", "supplier": "S2", "consortium": "K1"},
        {"bid": "B3", "supplier": "S3"},
    ],
    incumbents=[
        {"component": "C", "supplier": "S1", "switching_cost": 100.0},
        {"component": "C", "supplier": "S2", "switching_cost": 200.0},
        {"component": "C", "supplier": "S2", "lead_firm": "G", "switching_cost": 400.0},
    ],
)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], {"switching": 700.0}),
        # S1 stays; S2 is left, by everybody and by G.
        (
            [("D", "B1", 50.0), ("E", "B1", 50.0)],
            {"landed": 100.0, "onboarding": 30.0, "coordination": 11.0, "switching": 600.0},
        ),
        # S2 gets an award from F: it is not left, but it is by G.
        (
            [("D", "B1", 50.0), ("D", "B2", 50.0)],
            {"landed": 100.0, "onboarding": 70.0, "coordination": 11.0, "switching": 400.0},
        ),
        (
            [("E", "B2", 50.0), ("E", "B3", 50.0)],
            {"landed": 100.0, "onboarding": 40.0, "coordination": 11.0, "switching": 100.0},
        ),
    ],
)
def test_costs_that_are_paid_once(rows: list[Award], expected: dict[str, float]) -> None:
    assert costs(ONCE, *rows) == expected


def discounted(*steps: Row) -> Network:
    """Parts of group G cost 2 and others 1, both made by S; steps are those of one discount."""
    return network(
        components=[{"component": "C", "group": "G"}, {"component": "E"}],
        demands=[
            {"demand": "D", "quantity": 1000.0},
            {"demand": "E", "component": "E", "quantity": 1000.0},
        ],
        bids=[
            {"bid": "B", "supplier": "S", "price": 2.0},
            {"bid": "BE", "supplier": "S", "component": "E", "price": 1.0},
            {"bid": "other", "supplier": "T", "price": 2.0},
        ],
        discounts=[{"discount": "rebate", "supplier": "S"} | step for step in steps],
    )


TWO_STEPS: list[Row] = [{"from": 100.0, "rate": 0.05, "amount": 3.0}, {"from": 300.0, "rate": 0.1}]


@pytest.mark.parametrize(
    ("steps", "rows", "paid_back"),
    [
        (TWO_STEPS, [("D", "B", 49.9)], 0.0),  # 99.80 paid
        (TWO_STEPS, [("D", "B", 50.0)], 8.0),  # 0.05 × 100 + 3
        (TWO_STEPS, [("D", "B", 50.0), ("D", "other", 500.0)], 8.0),  # of S alone
        (TWO_STEPS, [("D", "B", 100.0), ("E", "BE", 80.0)], 17.0),  # 0.05 × 280 + 3
        (TWO_STEPS, [("D", "B", 100.0), ("E", "BE", 100.0)], 30.0),  # 0.1 × 300
        # A hair below the step counts as there: 2 × 149.99999 = 299.99998 of 300.
        (TWO_STEPS, [("D", "B", 149.99999)], 29.999998),
        (TWO_STEPS, [("D", "B", 149.999)], 17.9999),  # 0.05 × 299.998 + 3
        # Of the group only: 0.05 × 200 + 3.
        (
            [step | {"component_group": "G"} for step in TWO_STEPS],
            [("D", "B", 100.0), ("E", "BE", 200.0)],
            13.0,
        ),
        # Counted in units, paid back of the value: 100 units reach the first step, 0.05 × 200 + 3.
        ([step | {"measure": "quantity"} for step in TWO_STEPS], [("D", "B", 100.0)], 13.0),
        # Incremental: 0.05 × (300 − 100) + 0.1 × (400 − 300) = 20; the amount is the last step's.
        ([step | {"incremental": True} for step in TWO_STEPS], [("D", "B", 200.0)], 20.0),
        # 0.05 × (200 − 100) + 3.
        ([step | {"incremental": True} for step in TWO_STEPS], [("D", "B", 100.0)], 8.0),
    ],
)
def test_discounts(steps: list[Row], rows: list[Award], paid_back: float) -> None:
    found = costs(discounted(*steps), *rows)
    assert found.get("discounts", 0.0) == pytest.approx(-paid_back)


# --- rules ---------------------------------------------------------------------------------------


def ruled(*rules: Row, **tables: list[Row]) -> Network:
    """F needs C and E, G needs C. S1 and S2 are in Vietnam, S3 in Thailand, S4 nowhere in use.

    Bids B1 to B4 are for C at 1 to 4, E1 and E2 for E at 5.
    """
    rows: dict[str, list[Row]] = {
        "lead_firms": [{"lead_firm": "F"}, {"lead_firm": "G"}],
        "places": [{"place": "P", "park": "north"}, {"place": "Q", "economy": "TH"}],
        "components": [{"component": "C", "group": "castings"}, {"component": "E"}],
        "demands": [
            {"demand": "FC"},
            {"demand": "FE", "component": "E"},
            {"demand": "GC", "lead_firm": "G"},
        ],
        "suppliers": [
            {"supplier": "S1", "ownership": "women", "turnover": 200.0, "credit_line": 50.0},
            {"supplier": "S2", "size_class": "large", "turnover": 1000.0},
            {"supplier": "S3", "place": "Q", "credit_line": 0.0},
            {"supplier": "S4"},
        ],
        "bids": [
            *(
                {"bid": f"B{i}", "supplier": f"S{i}", "price": float(i), "lead_time_days": 73.0}
                for i in (1, 2, 3, 4)
            ),
            {"bid": "E1", "supplier": "S1", "component": "E", "price": 5.0},
            {"bid": "E2", "supplier": "S2", "component": "E", "price": 5.0},
        ],
        "lanes": [
            {"origin": "Q", "destination": "P", "mode": "sea", "days": 30.0}
            | {"cost_per_container": 0.0}
        ],
        "trade_costs": [{"economy": "VN"}, {"economy": "TH"}],
        "incumbents": [
            {"component": "C", "supplier": "S1", "lead_firm": "G"},
            {"component": "E", "supplier": "S2"},
        ],
        "rules": [{"rule": f"R{i}"} | rule for i, rule in enumerate(rules)],
    }
    return network(**(rows | tables))


AWARDS: list[Award] = [
    ("FC", "B1", 60.0),  # 60 paid
    ("FC", "B3", 40.0),  # 120
    ("FE", "E2", 100.0),  # 500
    ("GC", "B1", 20.0),  # 20
    ("GC", "B2", 80.0),  # 160
]

Figures = tuple[str | None, str | None, float | None, float]

INSTANCES: list[tuple[Row, list[Figures]]] = [
    # of, who, actual, missed
    ({"kind": "supplier_count", "scope": "network", "max": 3}, [(None, None, 3, 0)]),
    ({"kind": "supplier_count", "scope": "network", "max": 1}, [(None, None, 3, 2)]),
    (
        {"kind": "supplier_count", "scope": "component", "min": 2},
        [("C", None, 3, 0), ("E", None, 1, 1)],
    ),
    (
        {"kind": "supplier_count", "scope": "component", "of": "C;E", "min": 4},
        [("C;E", None, 3, 1)],
    ),
    # E is in no group, so that no instance is about it.
    ({"kind": "supplier_count", "scope": "component_group", "max": 2}, [("castings", None, 3, 1)]),
    # With a minimum, each supplier of each lead firm is asked, S4 too.
    (
        {"kind": "supplier_count", "scope": "lead_firm", "of": "G", "group": "supplier", "min": 1},
        [("G", "S1", 1, 0), ("G", "S2", 1, 0), ("G", "S3", 0, 1), ("G", "S4", 0, 1)],
    ),
    # Without one, only those with awards are listed.
    (
        {"kind": "supplier_count", "scope": "lead_firm", "group": "supplier", "max": 0},
        [(firm, f"S{i}", 1, 1) for firm, i in (("F", 1), ("F", 2), ("F", 3), ("G", 1), ("G", 2))],
    ),
    (
        {"kind": "economy_count", "scope": "demand", "min": 2},
        [("FC", None, 2, 0), ("FE", None, 1, 1), ("GC", None, 1, 1)],
    ),
    # 80 of 200 units of C, 80 of 360 paid.
    (
        {"kind": "share", "scope": "component", "of": "C", "group": "supplier", "who": "S1"}
        | {"measure": "quantity", "max": 0.3},
        [("C", "S1", 0.4, 20.0)],
    ),
    (
        {"kind": "share", "scope": "component", "of": "C", "group": "ownership"}
        | {"measure": "value", "min": 0.25},
        [("C", "women", 80 / 360, 10.0)],
    ),
    # S1 makes C for G today, and S2 makes E: 20 + 500 of 860.
    (
        {"kind": "share", "scope": "network", "group": "incumbents"}
        | {"measure": "value", "min": 0.5},
        [(None, "incumbents", 520 / 860, 0.0)],
    ),
    (
        {"kind": "limit", "scope": "network", "group": "economy", "measure": "value", "max": 600},
        [(None, "TH", 120.0, 0.0), (None, "VN", 740.0, 140.0)],
    ),
    (
        {"kind": "limit", "scope": "demand", "of": "FC", "group": "park", "who": "north"}
        | {"measure": "quantity", "min": 70},
        [("FC", "north", 60.0, 10.0)],
    ),
    # S1 sells 200: 60 to F, 20 to G. S3 states no turnover.
    (
        {"kind": "dependence", "scope": "network", "max": 0.25},
        [
            ("F", "S1", 0.3, 10.0),
            ("F", "S2", 0.5, 250.0),
            ("G", "S1", 0.1, 0.0),
            ("G", "S2", 0.16, 0.0),
        ],
    ),
    (
        {"kind": "dependence", "scope": "component", "of": "E", "max": 0.25},
        [("E;F", "S2", 0.5, 250.0)],
    ),
    # S1: 80 × 73 ÷ 365 = 16 of 50. S3: 120 × (73 + 30) ÷ 365 = 33.86 of nothing.
    (
        {"kind": "working_capital", "scope": "network"},
        [(None, "S1", 0.32, 0.0), (None, "S3", None, 120 * 103 / 365)],
    ),
    (
        {"kind": "working_capital", "scope": "demand", "group": "supplier", "who": "S1"}
        | {"max": 0.2},
        [("FC", "S1", 0.24, 2.0), ("GC", "S1", 0.08, 0.0)],
    ),
]


@pytest.mark.parametrize(("rule", "expected"), INSTANCES, ids=lambda each: str(each)[:60])
def test_the_figures_of_a_rule(rule: Row, expected: list[Figures]) -> None:
    found = evaluated(ruled(rule), *AWARDS).rules
    assert found.schema == pl.Schema(RULE_SCHEMA)
    assert found["rule"].to_list() == ["R0"] * len(expected)
    for row, figures in zip(
        found.select("of", "who", "actual", "missed").iter_rows(), expected, strict=True
    ):
        assert row == (*figures[:2], *(pytest.approx(figure) for figure in figures[2:]))


def test_the_limits_stand_beside_the_figures() -> None:
    rule = {"kind": "limit", "scope": "network", "measure": "quantity", "min": 10, "max": 500}
    found = evaluated(ruled(rule, {"kind": "working_capital", "scope": "network"}), *AWARDS).rules
    assert found.select("min", "max").rows() == [(10, 500), (None, 1), (None, 1)]


def test_nothing_is_a_share_of_nothing() -> None:
    share = {"kind": "share", "scope": "network", "group": "supplier", "who": "S1"}
    found = evaluated(ruled(share | {"measure": "value", "min": 0.5})).rules
    assert found.select("actual", "missed", "penalty").rows() == [(None, 0.0, 0.0)]


def test_a_limit_within_rounding_is_kept() -> None:
    # Demands may be off by a millionth of themselves, and so may what is made of them.
    rule = {"kind": "limit", "scope": "network", "measure": "quantity", "max": 100}
    for quantity, missed in ((50.00005, 0.0), (50.01, 0.01)):
        rows: list[Award] = [("FC", "B1", 50.0), ("GC", "B1", quantity)]
        assert evaluated(ruled(rule), *rows).rules["missed"].item() == pytest.approx(missed)


def test_a_sliver_with_a_large_fixed_cost_widens_no_limit() -> None:
    # What counts as rounding is what a millionth of the demands comes to: 1 USD of 1,000,000.
    rule = {"kind": "limit", "scope": "network", "measure": "cost", "max": 1_000_000}
    made = ruled(
        rule,
        components=[{"component": "C"}],
        demands=[{"demand": "FC"}],
        bids=[{"bid": "B1", "supplier": "S1", "tooling_cost": 1_000_000.0}],
        suppliers=[{"supplier": "S1"}, {"supplier": "S2"}],
        incumbents=[],
    )
    assert evaluated(made, ("FC", "B1", 0.5)).rules["missed"].item() == 0.0
    assert evaluated(made, ("FC", "B1", 2.0)).rules["missed"].item() == 2.0


def test_a_target_with_a_price_costs_price_times_amount() -> None:
    count = {"kind": "supplier_count", "scope": "network", "max": 1}
    value = {"kind": "limit", "scope": "network", "measure": "value", "max": 800}
    made = ruled(
        count | {"priority": 1, "price": 100.0},  # 2 suppliers too many: 200
        value | {"priority": 2, "price": 0.5},  # 860 − 800 = 60 too much: 30
        value | {"priority": 1},  # before cost, so at no price
        value,  # mandatory
    )
    found = evaluated(made, *AWARDS)
    assert found.rules["missed"].to_list() == [2.0, 60.0, 60.0, 60.0]
    assert found.rules["penalty"].to_list() == [200.0, 30.0, 0.0, 0.0]
    assert (found.costs.penalties, found.costs.total) == (230.0, 1090.0)


def test_a_budget_counts_all_that_the_plan_costs_but_penalties() -> None:
    limit = {"kind": "limit", "measure": "cost"}
    made = ruled(
        limit | {"scope": "network", "max": 1000},
        limit | {"scope": "network", "group": "size_class", "who": "small;large", "max": 1000},
        limit | {"scope": "demand", "of": "FC", "max": 1000},
        {"kind": "supplier_count", "scope": "network", "max": 0, "priority": 1, "price": 7.0},
        demands=[{"demand": "FC", "line": "L"}, {"demand": "GC", "lead_firm": "G", "line": "L"}],
        suppliers=[{"supplier": "S1", "onboarding_cost": 30.0}, {"supplier": "S2"}],
        consortia=[{"consortium": "K", "lead": "S1", "coordination_cost": 11.0}],
        components=[{"component": "C"}],
        bids=[
            {"bid": "B1", "supplier": "S1", "consortium": "K", "tooling_cost": 20.0},
            {"bid": "B2", "supplier": "S2"},
        ],
        incumbents=[{"component": "C", "supplier": "S2", "switching_cost": 50.0}],
        discounts=[{"discount": "rebate", "supplier": "S1", "from": 10.0, "rate": 0.1}],
    )
    found = evaluated(made, ("FC", "B1", 100.0), ("GC", "B1", 100.0))
    # 200 landed + 20 tooling + 30 onboarding + 11 coordination + 50 switching − 20 discount = 291;
    # of a group, or of one demand, the awards alone count, and the tooling of a line is nobody's.
    assert found.rules["actual"].to_list() == [291.0, 200.0, 100.0, 1.0]
    assert found.costs.total == 298.0


CONSISTENT: list[tuple[Row, list[Award], float]] = [
    ({}, [("FC", "B1", 60.0), ("FC", "B2", 40.0), ("GC", "B1", 60.0), ("GC", "B2", 40.0)], 0.0),
    ({}, [("FC", "B1", 60.0), ("FC", "B2", 40.0), ("GC", "B1", 50.0), ("GC", "B2", 50.0)], 0.1),
    ({}, [("FC", "B1", 60.0)], 0.6),  # and nothing of GC
    ({}, [("FC", "B1", 60.0), ("GC", "B1", 60.00005)], 0.0),  # each may be off by a millionth
    ({}, [], 0.0),
    (
        {"group": "supplier", "who": "S1;S2"},
        [("FC", "B1", 60.0), ("FC", "B3", 1.0), ("GC", "B1", 60.0)],
        0.01,  # goes to S3, which is outside
    ),
    ({"split": "60/40"}, [("FC", "B1", 60.0), ("FC", "B2", 40.0)], 0.6),  # all demands, or none
    (
        {"split": "40/60"},
        [("FC", "B1", 60.0), ("FC", "B2", 40.0), ("GC", "B1", 60.0), ("GC", "B2", 40.0)],
        0.0,
    ),
    (
        {"split": "60/40"},  # the same to each of both, but of other ranks
        [("FC", "B1", 60.0), ("FC", "B2", 40.0), ("GC", "B1", 40.0), ("GC", "B2", 60.0)],
        0.2,
    ),
    ({"split": "60/40"}, [("FC", "B1", 60.0), ("GC", "B1", 60.0)], 0.4),  # the second is missing
    ({"split": "100"}, [], 0.0),
    (
        {"split": "50/50"},
        [(demand, f"B{i}", 100 / 3) for demand in ("FC", "GC") for i in (1, 2, 3)],
        1 / 3,  # a third one
    ),
]


@pytest.mark.parametrize(("rule", "rows", "missed"), CONSISTENT)
def test_how_far_awards_are_from_consistent(rule: Row, rows: list[Award], missed: float) -> None:
    made = ruled({"kind": "consistent", "scope": "component", "of": "C"} | rule)
    found = evaluated(made, *rows).rules
    assert found.select("of", "who", "max").rows() == [("C", rule.get("who"), 0.0)]
    assert found["missed"].item() == pytest.approx(missed)


def test_the_solver_states_what_the_evaluation_says() -> None:
    made = ruled(
        {"kind": "economy_count", "scope": "component", "min": 2, "priority": 1, "price": 0.5},
        {"kind": "share", "scope": "network", "group": "supplier", "measure": "value", "max": 0.6},
    )
    plan = matcher.solve(made, gap_limit=0.0)
    assert plan.rules is not None
    assert plan.result is not None
    # E is only made in Vietnam. One unit of C from Thailand is 1 % of a demand and would cost
    # 3 − 1 = 2 more, or 3 − 2 = 1 in place of S2: more than the penalty of 0.5.
    assert plan.rules.filter(rule="R0").select("of", "actual", "penalty").rows() == [
        ("C", 1.0, 0.5),
        ("E", 1.0, 0.5),
    ]
    assert plan.result.costs is not None
    assert plan.result.costs.penalties == 1.0
    assert plan.result.best == plan.result.costs.total
    assert matcher.check(made, plan).findings == ()
    assert "missing 2 targets" in plan.verdict
    assert "misses 2 targets" in matcher.check(made, plan).verdict


@pytest.mark.parametrize("seed", range(30))
def test_any_plan_comes_to_what_plain_counting_gives(seed: int) -> None:
    # Plans that nobody chose: they keep demands, bids and resources, but break and miss rules.
    trial = drawn(seed)
    trial.best()
    some = np.random.default_rng(seed).choice(len(trial.x), size=min(10, len(trial.x)))
    rules = trial.network.rules.to_dicts()
    missed = [(rule, amounts) for rule in rules for amounts in trial.missed(rule)]
    for k in some:
        made = [
            {name: option[name] for name in ("demand", "bid", "mode")}
            | {"tier": option["tier"] + 1, "quantity": float(quantity)}
            for option, quantity in zip(trial.options, trial.x[k], strict=True)
            if quantity
        ]
        judgement = matcher.check(trial.network, plan_from_dict({"awards": made}))
        penalties = sum((rule["price"] or 0.0) * amounts[k] for rule, amounts in missed)
        assert judgement.costs.penalties == pytest.approx(penalties)
        assert judgement.costs.total - penalties == pytest.approx(
            trial.cost[k].sum() + trial.once[k]
        )
        is_broken = any(rule["priority"] is None and amounts[k] > 0 for rule, amounts in missed)
        found = {finding.code for finding in judgement.findings}
        assert found == ({"rule"} if is_broken else set())
        assert judgement.num_missed == sum(
            rule["priority"] is not None and amounts[k] > 0 for rule, amounts in missed
        )


def test_a_bid_is_out_of_capacity_in_the_period_of_the_demand_alone() -> None:
    made = network(
        periods=[
            {"period": "H1", "first": "2026-01-01", "last": "2026-06-30"},
            {"period": "H2", "first": "2026-07-01", "last": "2026-12-31"},
        ],
        demands=[
            {"demand": "D1", "due": "2026-06-01"},
            {"demand": "D2", "due": "2026-12-01", "share_cap": 0.6},
        ],
        bids=[{"bid": "B", "supplier": "S"}],
        resources=[{"resource": "R", "supplier": "S", "capacity": 80.0}],
        usages=[{"bid": "B", "resource": "R", "use_per_unit": 1.0}],
    )
    plan = matcher.solve(made, gap_limit=0.0)
    assert plan.unmet is not None
    first, second = plan.unmet["reason"]
    # D1 gets the 80 there are in the first half; D2 gets its 60 %, and 20 are left.
    assert plan.awards["quantity"].to_list() == [80.0, 60.0]
    assert "1 bid is out of capacity" in first
    assert "out of capacity" not in second


# --- parts ---------------------------------------------------------------------------------------


def two_parts(**more: list[Row]) -> Network:
    """C and E have nothing to do with each other; S1 and S2 make C at 1 and 2, S3 makes E at 3."""
    rows: dict[str, list[Row]] = {
        "components": [{"component": "C"}, {"component": "E"}],
        "demands": [{"demand": "DC"}, {"demand": "DE", "component": "E"}],
        "bids": [
            {"bid": "B1", "supplier": "S1", "price": 1.0},
            {"bid": "B2", "supplier": "S2", "price": 2.0},
            {"bid": "B3", "supplier": "S3", "component": "E", "price": 3.0},
        ],
    }
    return network(**(rows | more))


def merged(whole: Network) -> Plan:
    parts = subnetworks_of(whole)
    assert len(parts) == 2
    return merge(whole, parts, [matcher.solve(part, gap_limit=0.0) for part in parts])


def test_what_subnetworks_come_to_is_evaluated_for_the_whole() -> None:
    count = {"rule": "two", "kind": "supplier_count", "scope": "component", "min": 2}
    whole = two_parts(
        rules=[count | {"priority": 1, "price": 500.0}],
        incumbents=[
            {"component": "C", "supplier": "S2", "switching_cost": 40.0},
            {"component": "E", "supplier": "S3", "switching_cost": 70.0},
        ],
        discounts=[{"discount": "rebate", "supplier": "S3", "from": 10.0, "rate": 0.1}],
    )
    plan, truth = merged(whole), matcher.solve(whole, gap_limit=0.0)
    assert plan.result is not None
    assert truth.result is not None
    # S2 keeps 1 % of C, and nobody but S3 makes E: 99 + 2 + 300 − 30 + 500.
    assert plan.result.costs == truth.result.costs
    assert plan.result.best == pytest.approx(871.0)
    assert plan.result.solution_status == "optimal"
    assert plan.result.objectives == truth.result.objectives
    assert plan.rules is not None
    assert plan.rules.select("of", "missed", "penalty").rows() == [
        ("C", 0.0, 0.0),
        ("E", 1.0, 500.0),
    ]
    assert plan.rules.equals(truth.rules)
    assert matcher.check(whole, plan).findings == ()


def test_what_to_relax_in_a_part_is_told_at_the_cost_of_the_whole() -> None:
    whole = two_parts(
        rules=[
            {"rule": "three", "kind": "supplier_count", "scope": "component", "of": "C", "min": 3}
        ]
    )
    plan = merged(whole)
    assert plan.result is not None
    assert plan.result.solution_status == "infeasible"
    (way,) = plan.result.correction_sets
    # Two suppliers of C, 99 + 2, and the 300 of E.
    change = "lower the min of rule 'three' for C from 3 to 2"
    assert (str(way), way.cost) == (change, pytest.approx(401.0))


def test_parts_that_reached_less_claim_no_bound_beyond() -> None:
    whole = two_parts()
    parts = subnetworks_of(whole)
    plans = [matcher.solve(part, gap_limit=0.0) for part in parts]
    result = plans[0].result
    assert result is not None
    coverage, cost = result.objectives
    unproven = result.model_copy(
        update={"objectives": (coverage.model_copy(update={"proven": False}), cost)}
    )
    plan = merge(whole, parts, [replace(plans[0], result=unproven), plans[1]])
    assert plan.result is not None
    assert [(each.bound, each.proven) for each in plan.result.objectives] == [
        (0.0, False),
        (None, False),
    ]
