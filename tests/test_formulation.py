"""Each rule of the formulation decides a tiny network: the cheapest plan with it, worked by hand.

Everybody is at one place and money is free, so landed cost is the price. Unless stated, the
demand is 100 units of one component.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import matcher
from matcher.engines import engine
from matcher.engines.base import Limits, Outcome
from matcher.formulation import RULES, formulate
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.plan import Plan
from matcher.program import Program
from matcher.program.components import connected_components_of
from matcher.screening.candidates import screen
from matcher.solve.search import Clock, pursue
from tests.networks import Row, network

CHEAP: Row = {"bid": "B1", "supplier": "S1", "price": 1.0}
DEAR: Row = {"bid": "B2", "supplier": "S2", "price": 2.0}
THIRD: Row = {"bid": "B3", "supplier": "S3", "price": 3.0}


def solved(made: Network, cost: float, **quantities: float) -> Plan:
    """The optimal plan, which must cost ``cost`` and award ``quantities`` by bid."""
    plan = matcher.solve(made, gap_limit=0.0, engine="highs")
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(cost, rel=1e-7)
    awarded = dict(plan.awards.group_by("bid").agg(pl.col("quantity").sum()).iter_rows())
    assert awarded == pytest.approx(quantities, rel=1e-6)
    assert matcher.check(made, plan).findings == ()
    return plan


def demand(**columns: object) -> list[Row]:
    """The one demand, with more said about it."""
    return [{"demand": "D", **columns}]


def shared_machine(capacity: float) -> dict[str, list[Row]]:
    """One machine of S for B1 and B2, each unit of which takes one of its units."""
    return {
        "resources": [{"resource": "R", "supplier": "S", "capacity": capacity}],
        "usages": [{"bid": bid, "resource": "R", "use_per_unit": 1.0} for bid in ("B1", "B2")],
    }


def test_demand_balance() -> None:
    # All of it, no more, from the cheapest: 100 × 1.
    solved(network(bids=[CHEAP, DEAR]), 100.0, B1=100)


def test_demand_balance_leaves_unmet_what_nobody_makes() -> None:
    # B1 gives at most 60; the other 40 are unmet, and the plan costs 60.
    plan = solved(network(bids=[CHEAP | {"max_quantity": 60.0}]), 60.0, B1=60)
    assert plan.unmet is not None
    assert plan.unmet.select("demand", "quantity", "share").rows() == [
        ("D", pytest.approx(40.0), pytest.approx(0.4))
    ]


def test_coverage_comes_before_cost_and_goes_by_priority() -> None:
    # One machine of 100 units for two demands of 100. By priority 3 : 2 the first gets all of it,
    # though the second would be made for 1 instead of 50.
    made = network(
        demands=[
            {"demand": "D1", "component": "C1", "priority": 3.0},
            {"demand": "D2", "component": "C2", "priority": 2.0},
        ],
        components=[{"component": "C1"}, {"component": "C2"}],
        bids=[
            {"bid": "B1", "supplier": "S", "component": "C1", "price": 50.0},
            {"bid": "B2", "supplier": "S", "component": "C2", "price": 1.0},
        ],
        **shared_machine(100.0),
    )
    plan = solved(made, 5000.0, B1=100)
    assert plan.result is not None
    assert plan.result.coverage is not None
    assert plan.result.coverage.unmet == pytest.approx(2.0)


def test_what_cannot_be_covered_does_not_tie_the_rest_together() -> None:
    # D1 and D2 share a machine of 150 units for 200: half of D2 is unmet. D3 is on its own, and
    # nobody makes D4.
    names = ("C1", "C2", "C3", "C4")
    made = network(
        components=[{"component": name} for name in names],
        demands=[{"demand": f"D{name[1]}", "component": name} for name in names],
        bids=[
            {"bid": "B1", "supplier": "S", "component": "C1", "price": 1.0},
            {"bid": "B2", "supplier": "S", "component": "C2", "price": 2.0},
            {"bid": "B3", "supplier": "S3", "component": "C3", "price": 3.0},
        ],
        **shared_machine(150.0),
    )
    solved(made, 100.0 + 50 * 2.0 + 300.0, B1=100, B2=50, B3=100)
    arrays = to_arrays(made)
    formulation = formulate(arrays, screen(arrays).candidates)
    covered = engine("highs").solve(formulation.coverage_program(), Limits(gap=0.0))
    assert covered.best == pytest.approx(1.5)
    program = formulation.minimising(1, [1.5], covered.x)
    _, part = connected_components_of(program, program.upper)
    unmet = part[formulation.u : formulation.u + 4]
    assert unmet[0] == unmet[1]
    assert np.unique(unmet[[0, 2, 3]]).size == 3
    limited = program.row_upper[program.num_rows - 2 :]
    assert sorted(limited) == pytest.approx([0.5, 1.0])
    assert program.upper[formulation.u + 2] == 0.0
    # Without a plan that covers, only the sum is kept.
    assert formulation.minimising(1, [1.5]).num_rows == formulation.program.num_rows + 1


@dataclass
class Unproving:
    """HiGHS, which keeps its bounds to itself and remembers what it was asked."""

    name: str = "unproving"
    asked: list[Program] = field(default_factory=list)

    def solve(self, program: Program, limits: Limits, **options: Any) -> Outcome:
        self.asked.append(program)
        return replace(engine("highs").solve(program, limits, **options), bound=None)


@pytest.mark.parametrize("narrow", [None, lambda program: program])
def test_coverage_need_not_be_proven_for_the_parts_to_stay_apart(narrow: Any) -> None:
    # Nobody makes half of what D1 needs, or of what D2 needs.
    made = network(
        components=[{"component": "C1"}, {"component": "C2"}],
        demands=[{"demand": "D1", "component": "C1"}, {"demand": "D2", "component": "C2"}],
        bids=[
            CHEAP | {"component": "C1", "max_quantity": 50},
            DEAR | {"component": "C2", "max_quantity": 50},
        ],
    )
    arrays = to_arrays(made)
    formulation = formulate(arrays, screen(arrays).candidates)
    asked, limits = Unproving(), Limits(gap=0.0)
    steps = pursue(asked, formulation, limits, Clock(time.monotonic(), 20.0), narrow=narrow)
    assert [step.outcome.best for step in steps] == pytest.approx([1.0, 150.0])
    _, part = connected_components_of(asked.asked[1], asked.asked[1].upper)
    unmet = part[formulation.u : formulation.u + 2]
    # Further limits might hold together what is apart here: then only the sum is kept.
    assert (unmet[0] == unmet[1]) == (narrow is not None)


def test_what_cannot_be_covered_does_not_stop_the_search_for_the_cheapest() -> None:
    # Nobody makes C2, whose priority is small beside the other's. D goes to B2: 100 + 5 tooling.
    made = network(
        components=[{"component": "C"}, {"component": "C2"}],
        demands=[
            {"demand": "D", "priority": 1e9},
            {"demand": "D2", "component": "C2", "priority": 0.5},
        ],
        bids=[
            DEAR | {"bid": "B1", "price": 9.0},
            THIRD | {"bid": "B2", "price": 1.0, "tooling_cost": 5.0},
        ],
    )
    solved(made, 105.0, B2=100)


def test_award_size_moq() -> None:
    # B1 gives at most 70 and B2 no less than 40: 60 and 40 cost 60 + 80 = 140. Without the MOQ,
    # 70 and 30 would cost 130.
    solved(
        network(bids=[CHEAP | {"max_quantity": 70.0}, DEAR | {"moq": 40.0}]), 140.0, B1=60, B2=40
    )


def test_award_size_tooling() -> None:
    # Tooling of 150 for each award: 250 from B1, 200 from B2.
    solved(network(bids=[CHEAP | {"tooling_cost": 150.0}, DEAR]), 200.0, B2=100)


def test_award_size_tier() -> None:
    # B2 costs 0.9 from 100 units, so 90 for all; B1 costs 100.
    solved(
        network(bids=[CHEAP, DEAR], tiers=[{"bid": "B2", "from_quantity": 100.0, "price": 0.9}]),
        90.0,
        B2=100,
    )


def test_award_size_tier_out_of_reach() -> None:
    # From 101 units on, the same tier is worth nothing: 100 from B1.
    solved(
        network(bids=[CHEAP, DEAR], tiers=[{"bid": "B2", "from_quantity": 101.0, "price": 0.9}]),
        100.0,
        B1=100,
    )


def test_awards_forced_by_a_share_cap_are_seen_without_whole_numbers() -> None:
    # A cap of 70 % takes two awards, and tooling of 50 each: 70 × 1 + 30 × 2 + 2 × 50 = 230, which
    # the linear relaxation sees too. Without the row it would pay for 1 + 30/70 awards only.
    made = network(
        demands=demand(share_cap=0.7), bids=[bid | {"tooling_cost": 50.0} for bid in (CHEAP, DEAR)]
    )
    arrays = to_arrays(made)
    program = formulate(arrays, screen(arrays).candidates).cost_program(0.0)
    relaxed = replace(program, integer=np.zeros_like(program.integer))
    assert engine("highs").solve(relaxed, Limits()).best == pytest.approx(230.0)
    solved(made, 230.0, B1=70, B2=30)


def test_awards_forced_may_be_saved_by_leaving_some_unmet() -> None:
    # B1 alone can cover 70 % at most, and nobody else bids.
    plan = solved(
        network(demands=demand(share_cap=0.7), bids=[CHEAP | {"tooling_cost": 50.0}]), 120.0, B1=70
    )
    assert plan.unmet is not None
    assert plan.unmet["share"].to_list() == pytest.approx([0.3])


def test_order_multiple() -> None:
    # B1 comes in sixties, B2 in tens: 60 + 2 × 40 = 140.
    solved(
        network(bids=[CHEAP | {"order_multiple": 60.0}, DEAR | {"order_multiple": 10.0}]),
        140.0,
        B1=60,
        B2=40,
    )


def test_order_multiple_may_leave_a_rest_unmet() -> None:
    # Sevens: 14 × 7 = 98, and 2 units are unmet.
    plan = solved(network(bids=[CHEAP | {"order_multiple": 7.0}]), 98.0, B1=98)
    assert plan.unmet is not None
    assert plan.unmet["quantity"].to_list() == pytest.approx([2.0])


def test_share_cap_counts_all_bids_of_a_supplier() -> None:
    # S1 may get 60 in all, however many bids it makes: 60 × 1 + 40 × 2.
    second = CHEAP | {"bid": "B1b", "price": 1.5}
    solved(network(demands=demand(share_cap=0.6), bids=[CHEAP, second, DEAR]), 140.0, B1=60, B2=40)


def two_lanes(split: bool) -> Network:
    ends = {"origin": "Q", "destination": "P", "days": 1.0}
    return network(
        places=[{"place": "P"}, {"place": "Q", "latitude": 21.0}],
        suppliers=[{"supplier": "S1", "place": "Q"}, {"supplier": "S2"}],
        lanes=[
            ends | {"mode": "road", "cost_per_kg": 0.1},
            ends | {"mode": "rail", "cost_per_kg": 0.2},
        ],
        bids=[CHEAP | {"max_quantity": 60.0, "split": split}, DEAR],
    )


def test_one_tier_and_mode() -> None:
    # Two lanes at 0.1 and 0.2 a kg, which is a unit: 60 × (1 + 0.1) + 40 × 2 = 146.
    solved(two_lanes(split=False), 146.0, B1=60, B2=40)


def test_largest_of_split() -> None:
    # B1 gives 60 in all, also where it may be split over the two lanes.
    solved(two_lanes(split=True), 146.0, B1=60, B2=40)


@pytest.mark.parametrize("cap", [0.3333, 0.333333, 0.3333333, 0.4999999])
@pytest.mark.parametrize("name", ["highs", "cpsat", "scip"])
def test_awards_forced_with_a_share_cap_just_below_a_fraction(cap: float, name: str) -> None:
    # Three bids at 1, 2 and 3: the cap of each in turn, dearest last.
    third = DEAR | {"bid": "B3", "supplier": "S3", "price": 3.0}
    made = network(
        suppliers=[{"supplier": f"S{i}"} for i in (1, 2, 3)],
        demands=demand(share_cap=cap),
        bids=[CHEAP, DEAR, third],
    )
    plan = matcher.solve(made, gap_limit=0.0, engine=name)
    assert plan.result is not None
    covered = min(1.0, 3 * cap)
    rest = covered - 2 * cap
    assert plan.result.best == pytest.approx(100 * (cap + 2 * cap + 3 * rest), rel=1e-5)


def test_one_tier_and_mode_forbids_two_tiers() -> None:
    # At most 60 units below the tier at 60, and the tier holds for all units of the award: 100 at
    # 0.9, not 60 at 0.9 and 40 at 1.
    solved(
        network(bids=[CHEAP, DEAR], tiers=[{"bid": "B1", "from_quantity": 60.0, "price": 0.9}]),
        90.0,
        B1=100,
    )


def test_capacity_is_shared_and_use_differs_by_bid() -> None:
    # S1 has 100 hours. C1 takes 1 hour and saves 1; C2 takes 2 hours and saves 4, so 2 an hour:
    # 50 of C2 come first. C1 100 × 2 from S2; C2 50 × 1 + 50 × 5 = 300; together 500.
    made = network(
        components=[{"component": "C1"}, {"component": "C2"}],
        demands=[{"demand": "D1", "component": "C1"}, {"demand": "D2", "component": "C2"}],
        bids=[
            CHEAP | {"component": "C1"},
            DEAR | {"component": "C1"},
            {"bid": "E1", "supplier": "S1", "component": "C2", "price": 1.0},
            {"bid": "E2", "supplier": "S2", "component": "C2", "price": 5.0},
        ],
        resources=[{"resource": "R", "supplier": "S1", "capacity": 100.0}],
        usages=[
            {"bid": "B1", "resource": "R", "use_per_unit": 1.0},
            {"bid": "E1", "resource": "R", "use_per_unit": 2.0},
        ],
    )
    solved(made, 500.0, B2=100, E1=50, E2=50)


def test_capacity_of_nothing_gives_nothing() -> None:
    made = network(
        bids=[CHEAP, DEAR],
        resources=[{"resource": "R", "supplier": "S1", "capacity": 0.0}],
        usages=[{"bid": "B1", "resource": "R", "use_per_unit": 1.0}],
    )
    solved(made, 200.0, B2=100)


def test_supplier_use_is_paid_once() -> None:
    # Two demands of 100. S1 costs 150 to onboard: 200 + 150 = 350 for both, against 400 from S2.
    made = network(
        demands=[{"demand": "D1"}, {"demand": "D2"}],
        bids=[CHEAP, DEAR],
        suppliers=[{"supplier": "S1", "onboarding_cost": 150.0}, {"supplier": "S2"}],
    )
    plan = solved(made, 350.0, B1=200)
    assert plan.result is not None
    assert plan.result.costs is not None
    assert (plan.result.costs.landed, plan.result.costs.onboarding) == (200.0, 150.0)


def test_supplier_use_may_cost_more_than_it_saves() -> None:
    # For one demand 100 + 150 = 250 against 200.
    made = network(
        bids=[CHEAP, DEAR],
        suppliers=[{"supplier": "S1", "onboarding_cost": 150.0}, {"supplier": "S2"}],
    )
    solved(made, 200.0, B2=100)


def test_suppliers_per_demand_at_most() -> None:
    # At most 50 each from B1 and B2: 50 + 100 = 150 with two suppliers. With one, coverage comes
    # first: all 100 from B3 for 300.
    bids = [CHEAP | {"max_quantity": 50.0}, DEAR | {"max_quantity": 50.0}, THIRD]
    solved(network(demands=demand(max_suppliers=2), bids=bids), 150.0, B1=50, B2=50)
    solved(network(demands=demand(max_suppliers=1), bids=bids), 300.0, B3=100)


def test_suppliers_per_demand_at_least() -> None:
    # Two suppliers at least; the second is there with 1 % of the demand: 99 + 2.
    solved(network(demands=demand(min_suppliers=2), bids=[CHEAP, DEAR]), 101.0, B1=99, B2=1)


def test_suppliers_per_demand_counts_suppliers_not_bids() -> None:
    # Both bids of S1 are one supplier, so S2 has to come in: 99 + 2.
    second = CHEAP | {"bid": "B1b", "price": 1.1}
    solved(network(demands=demand(min_suppliers=2), bids=[CHEAP, second, DEAR]), 101.0, B1=99, B2=1)


def test_suppliers_per_demand_at_least_or_none() -> None:
    # One bidder cannot be two suppliers, so nothing is awarded.
    plan = solved(network(demands=demand(min_suppliers=2), bids=[CHEAP]), 0.0)
    assert plan.unmet is not None
    assert plan.unmet["share"].to_list() == [1.0]


def test_single_source() -> None:
    # B1 gives 99 only, so all comes from B2.
    solved(
        network(demands=demand(single_source=True), bids=[CHEAP | {"max_quantity": 99.0}, DEAR]),
        200.0,
        B2=100,
    )


@pytest.mark.parametrize(
    ("scope", "of"),
    [
        ("network", None),
        ("lead_firm", "F"),
        ("component", "C"),
    ],
)
def test_supplier_count_rules_at_most(scope: str, of: str | None) -> None:
    # Each demand has its own cheapest supplier: 100 + 100. With one supplier in all, S1 makes both
    # for 100 + 150 = 250, S2 for 300 + 100 = 400.
    made = network(
        demands=[{"demand": "D1"}, {"demand": "D2"}],
        bids=[
            CHEAP | {"demand": "D1"},
            CHEAP | {"bid": "B1b", "demand": "D2", "price": 1.5},
            THIRD | {"supplier": "S2", "demand": "D1"},
            DEAR | {"demand": "D2", "price": 1.0},
        ],
        rules=[{"rule": "few", "kind": "supplier_count", "scope": scope, "of": of, "max": 1}],
    )
    solved(made, 250.0, B1=100, B1b=100)


def test_supplier_count_rules_at_least() -> None:
    # Two suppliers over both demands: 1 % of one demand goes to S2: 199 × 1 + 1 × 2.
    made = network(
        demands=[{"demand": "D1"}, {"demand": "D2"}],
        bids=[CHEAP, DEAR],
        rules=[{"rule": "many", "kind": "supplier_count", "scope": "network", "min": 2}],
    )
    solved(made, 201.0, B1=199, B2=1)


def test_supplier_count_rules_of_a_fraction_are_not_cut_in_silence() -> None:
    with pytest.raises(matcher.InputError):
        network(
            bids=[CHEAP, DEAR],
            rules=[{"rule": "half", "kind": "supplier_count", "scope": "network", "min": 1.5}],
        )


def test_the_weighted_objective_leaves_no_demand_out_to_save_money() -> None:
    # The machine of S1 has 100 hours: for D1 to D5 (20 hours each, 1 instead of 1,000 from S2), or
    # for D6, which nobody else makes. Covering D6 costs 5 × 999 more; coverage comes first.
    five = [f"C{i}" for i in range(1, 6)]
    made = network(
        components=[{"component": name} for name in (*five, "C6")],
        demands=[{"demand": f"D{name[1]}", "component": name} for name in (*five, "C6")],
        bids=[
            *(
                {"bid": f"A{name}", "supplier": "S1", "component": name, "price": 0.01}
                for name in (*five, "C6")
            ),
            *(
                {"bid": f"B{name}", "supplier": "S2", "component": name, "price": 10.0}
                for name in five
            ),
        ],
        resources=[{"resource": "R", "supplier": "S1", "capacity": 100.0}],
        usages=[
            {"bid": f"A{name}", "resource": "R", "use_per_unit": 1.0 if name == "C6" else 0.2}
            for name in (*five, "C6")
        ],
    )
    arrays = to_arrays(made)
    formulation = formulate(arrays, screen(arrays).candidates)
    outcome = engine("highs").solve(formulation.weighted_program(), Limits(gap=0.0))
    assert outcome.x is not None
    unmet = outcome.x[formulation.u : formulation.u + formulation.num_demands]
    assert unmet == pytest.approx(0.0, abs=1e-6)


def test_every_rule_has_a_test_of_its_name() -> None:
    # Terms and stated rules have cases and registers of their own, in test_formulation_terms.py and
    # test_formulation_rules.py.
    tests = [name.removeprefix("test_") for name in globals() if name.startswith("test_")]
    rules = [rule.__name__ for rule in RULES if rule.__module__.endswith("constraints")]
    assert len(rules) > 5
    assert [rule for rule in rules if not any(name.startswith(rule) for name in tests)] == []
