"""Each term decides a tiny network, worked by hand, and has its program on file.

Everybody is at one place and money is free, so landed cost is the price. Unless stated, S1 makes a
unit for 1 (bid B1) and S2 for 2 (bid B2), and the demand D is 100 units.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from matcher.engines import engine
from matcher.engines.base import Limits
from matcher.engines.pulp import write_model
from matcher.formulation import RULES, Formulation, formulate
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.schema.rule_tables import RULE_TABLES
from matcher.screening.candidates import screen
from tests.networks import Row, network

GOLDEN = Path(__file__).parent / "golden" / "terms"
ENGINES = ("highs", "cpsat")

B1: Row = {"bid": "B1", "supplier": "S1", "price": 1.0}
B2: Row = {"bid": "B2", "supplier": "S2", "price": 2.0}
TWO: list[Row] = [{"demand": "D1"}, {"demand": "D2"}]
WHOLE: list[Row] = [{"demand": "D", "single_source": True}]

HALVES: list[Row] = [
    {"period": "H1", "first": "2026-01-01", "last": "2026-06-30"},
    {"period": "H2", "first": "2026-07-01", "last": "2026-12-31"},
]
TIMED: list[Row] = [
    {"demand": "D1", "due": "2026-06-01"},
    {"demand": "D2", "due": "2026-12-01"},
]


def machine(*bids: Row, **tables: list[Row]) -> Network:
    """S1 has a machine of 100 hours a period, of which a unit of each of its bids takes one."""
    return network(
        **{
            "bids": list(bids),
            "demands": TIMED,
            "periods": HALVES,
            "resources": [{"resource": "R", "supplier": "S1", "capacity": 100.0}],
            "usages": [
                {"bid": bid["bid"], "resource": "R", "use_per_unit": 1.0}
                for bid in bids
                if bid["supplier"] == "S1"
            ],
        }
        | tables
    )


def ramp(share: float) -> list[Row]:
    return [{"bid": "B1", "period": "H1", "share": share}]


def line(*bids: Row, **tables: list[Row]) -> Network:
    """D1 and D2 are deliveries of one part."""
    return network(**{"demands": [row | {"line": "L"} for row in TWO], "bids": list(bids)} | tables)


def shipped(*lanes: Row, **tables: list[Row]) -> Network:
    """S1 ships from Q by lanes of its own, without days or freight; S2 is where the demand is."""
    free: Row = {"origin": "Q", "destination": "P", "days": 0.0, "cost_per_kg": 0.0}
    return network(
        **{
            "bids": [B1, B2],
            "places": [{"place": "P"}, {"place": "Q"}],
            "suppliers": [{"supplier": "S1", "place": "Q"}, {"supplier": "S2"}],
            "lanes": [free | lane for lane in lanes],
        }
        | tables
    )


def bundled(price: float, **tables: list[Row]) -> Network:
    """S1 bids 1 for D1 and ``price`` for D2, both or none; S2 bids 2 for either."""
    return network(
        **{
            "demands": TWO,
            "bids": [
                B1 | {"demand": "D1", "bundle": "both"},
                B1 | {"bid": "B1b", "demand": "D2", "price": price, "bundle": "both"},
                B2,
            ],
        }
        | tables
    )


def pooled(moq: float, cost: float = 0.0, **tables: list[Row]) -> Network:
    """S1 (1 a unit, at most 40) and S3 (3 a unit) bid together."""
    together = {"consortium": "K"}
    return network(
        **{
            "bids": [
                B1 | together | {"max_quantity": 40.0},
                B2,
                {"bid": "B3", "supplier": "S3", "price": 3.0} | together,
            ],
            "consortia": [{"consortium": "K", "lead": "S1", "moq": moq, "coordination_cost": cost}],
        }
        | tables
    )


def made_today(cost: float, *more: Row, **tables: list[Row]) -> Network:
    """S2 makes the component today."""
    row = {"component": "C", "supplier": "S2", "switching_cost": cost}
    return network(**{"bids": [B1, B2], "incumbents": [row, *more]} | tables)


def rebate(*steps: Row, price: float = 2.4, **tables: list[Row]) -> Network:
    """S2 pays something back; its price is such that 200 units of value are less than S1's."""
    return network(
        **{
            "bids": [B1 | {"price": 2.0}, B2 | {"price": price}],
            "discounts": [{"discount": "back", "supplier": "S2"} | step for step in steps],
        }
        | tables
    )


TWO_FIRMS: dict[str, list[Row]] = {
    "lead_firms": [{"lead_firm": "F"}, {"lead_firm": "G"}],
    "demands": [
        {"demand": "DF", "lead_firm": "F", "single_source": True},
        {"demand": "DG", "lead_firm": "G", "single_source": True},
    ],
}
OF_F: Row = {"component": "C", "supplier": "S2", "lead_firm": "F", "switching_cost": 150.0}
GROUPS: dict[str, list[Row]] = {
    "components": [{"component": "C", "group": "castings"}, {"component": "E", "group": "rods"}],
    "demands": [{"demand": "D1"}, {"demand": "D2", "component": "E"}],
    "bids": [
        B1 | {"price": 2.0},
        B2 | {"price": 2.4},
        B1 | {"bid": "E1", "component": "E", "price": 2.0},
        B2 | {"bid": "E2", "component": "E", "price": 2.4},
    ],
}

# Name → (network, cost of its optimum, quantities by bid). A name begins with its function.
CASES: dict[str, tuple[Network, float, dict[str, float]]] = {
    # 100 hours in each half of the year make both demands; in one go they make one (300).
    "capacity": (machine(B1, B2), 200.0, {"B1": 200}),
    "capacity_without_periods": (machine(B1, B2, periods=[]), 300.0, {"B1": 100, "B2": 100}),
    # 40 hours in the second half: 100 + 40 + 60 × 2.
    "capacity_of_its_own_in_a_period": (
        machine(B1, B2, capacities=[{"resource": "R", "period": "H2", "capacity": 40.0}]),
        260.0,
        {"B1": 140, "B2": 60},
    ),
    # The same where the machine comes with a supplier that costs 15 to onboard: 275.
    "capacity_in_periods_of_a_supplier_to_onboard": (
        machine(
            B1,
            B2,
            capacities=[{"resource": "R", "period": "H2", "capacity": 40.0}],
            suppliers=[{"supplier": "S1", "onboarding_cost": 15.0}, {"supplier": "S2"}],
        ),
        275.0,
        {"B1": 140, "B2": 60},
    ),
    # 30 of the 100 hours in the first half: 30 + 70 × 2 + 100.
    "ramps": (machine(B1, B2, ramps=ramp(0.3)), 270.0, {"B1": 130, "B2": 70}),
    # It is the bid that ramps up, not the machine: 30 + 70 × 1.5 + 100.
    "ramps_are_of_bids": (
        machine(B1, B2, {"bid": "B1b", "supplier": "S1", "price": 1.5}, ramps=ramp(0.3)),
        235.0,
        {"B1": 130, "B1b": 70},
    ),
    # Two demands of the first half share the 30 hours: 30 + 170 × 2.
    "ramps_hold_over_all_awards": (
        machine(
            B1,
            B2,
            demands=[row | {"due": "2026-06-01"} for row in TWO],
            ramps=ramp(0.3),
        ),
        370.0,
        {"B1": 30, "B2": 170},
    ),
    # Tooling of 150 for one demand is too much (250 against 200), but not for the line: 200 + 150.
    "lines": (line(B1 | {"tooling_cost": 150.0}, B2), 350.0, {"B1": 200}),
    "lines_are_stated": (
        line(B1 | {"tooling_cost": 150.0}, B2, demands=TWO),
        400.0,
        {"B2": 200},
    ),
    # Tooling at 250 is too much for the line as well.
    "lines_may_be_too_dear": (line(B1 | {"tooling_cost": 250.0}, B2), 400.0, {"B2": 200}),
    # Each bid has its own tools: 100 + 50 and 120 + 50 with both, 240 + 50 with B1b alone.
    "lines_are_of_bids": (
        line(
            B1 | {"demand": "D1", "tooling_cost": 50.0},
            B1 | {"bid": "B1b", "price": 1.2, "tooling_cost": 50.0},
            B2,
        ),
        290.0,
        {"B1b": 200},
    ),
    # The lane's own 20 are paid by each award: 200 + 150 + 2 × 20.
    "lines_leave_lanes_to_each_award": (
        line(
            B1 | {"tooling_cost": 150.0},
            B2,
            places=[{"place": "P"}, {"place": "Q"}],
            suppliers=[{"supplier": "S1", "place": "Q"}, {"supplier": "S2"}],
            lanes=[
                {"origin": "Q", "destination": "P", "mode": "road", "days": 0.0}
                | {"cost_per_kg": 0.0, "fixed_cost": 20.0}
            ],
        ),
        390.0,
        {"B1": 200},
    ),
    # A vehicle for 40 units costs 25: two full ones are 80 + 50 + 20 × 2; a third for the last 20
    # makes 175, and one alone 40 + 25 + 60 × 2 = 185.
    "vehicles": (
        shipped({"mode": "road", "fixed_cost": 25.0, "vehicle_units": 40.0}),
        170.0,
        {"B1": 80, "B2": 20},
    ),
    # In one go for 25, all from S1.
    "vehicles_are_stated": (
        shipped({"mode": "road", "fixed_cost": 25.0}),
        125.0,
        {"B1": 100},
    ),
    # The first vehicle by road is cheaper than the train, but ten of them are not: 100 + 40.
    "vehicles_do_not_hide_another_mode": (
        shipped(
            {"mode": "road", "fixed_cost": 10.0, "vehicle_units": 10.0},
            {"mode": "rail", "fixed_cost": 40.0},
        ),
        140.0,
        {"B1": 100},
    ),
    # By road a unit costs 0.2 more, but its two vehicles are less than the train: 20 × 1.2 + 2 × 5
    # against 20 + 16.
    "vehicles_are_not_hidden_by_another_mode": (
        shipped(
            {"mode": "road", "fixed_cost": 5.0, "vehicle_units": 10.0, "cost_per_kg": 0.2},
            {"mode": "rail", "fixed_cost": 16.0},
            demands=[{"demand": "D", "quantity": 20.0}],
        ),
        34.0,
        {"B1": 20},
    ),
    # Both for 350, though S2 would be cheaper for D2 (together 300); at 3.5 none, for 400.
    "bundles": (bundled(2.5), 350.0, {"B1": 100, "B1b": 100}),
    "bundles_or_none": (bundled(3.5), 400.0, {"B2": 200}),
    # B1b comes too late for D2, so B1 gets nothing either.
    "bundles_need_every_bid": (
        bundled(
            1.0,
            bids=[
                B1 | {"demand": "D1", "bundle": "both"},
                B1 | {"bid": "B1b", "demand": "D2", "bundle": "both", "lead_time_days": 999.0},
                B2,
            ],
        ),
        400.0,
        {"B2": 200},
    ),
    # One of the bids has a price break at 80 units, so two candidates: 90 + 250.
    "bundles_of_tiers": (
        bundled(2.5, tiers=[{"bid": "B1", "from_quantity": 80.0, "price": 0.9}]),
        340.0,
        {"B1": 100, "B1b": 100},
    ),
    # With a MOQ of 60, S3 makes 20 dear ones so that S1 may make its 40: 40 + 20 × 3 + 40 × 2.
    # Without it S3 makes none: 40 + 60 × 2.
    "consortia": (pooled(60.0), 180.0, {"B1": 40, "B2": 40, "B3": 20}),
    "consortia_without_moq": (pooled(0.0), 160.0, {"B1": 40, "B2": 60}),
    # With a MOQ of 90, 50 dear ones cost more than S1's 40 save: nothing at all.
    "consortia_reach_it_or_nothing": (pooled(90.0), 200.0, {"B2": 100}),
    # It cannot reach more than is asked for, however cheap.
    "consortia_of_a_moq_above_the_demand": (
        pooled(101.0, bids=[B1 | {"consortium": "K"}, B2]),
        200.0,
        {"B2": 100},
    ),
    # The MOQ holds for each demand, and coordination at 30 is paid once: 2 × 180 + 30 against 400;
    # for one demand 210 against 200.
    "consortia_are_coordinated_once": (
        pooled(60.0, 30.0, demands=TWO),
        390.0,
        {"B1": 80, "B2": 80, "B3": 40},
    ),
    "consortia_may_cost_more_than_they_save": (pooled(60.0, 30.0), 200.0, {"B2": 100}),
    # Without a MOQ: 160 + 30.
    "consortia_without_moq_are_coordinated": (pooled(0.0, 30.0), 190.0, {"B1": 40, "B2": 60}),
    "consortia_without_moq_may_cost_too_much": (pooled(0.0, 50.0), 200.0, {"B2": 100}),
    # All from S1 or all from S2: 100 and 150 for leaving S2, against 200; at 90 it is 190.
    "switching": (made_today(150.0, demands=WHOLE), 200.0, {"B2": 100}),
    "switching_may_pay": (made_today(90.0, demands=WHOLE), 190.0, {"B1": 100}),
    # The smallest award that counts, 1 %, keeps S2: 99 + 2.
    "switching_is_saved_by_an_award": (made_today(90.0), 101.0, {"B1": 99, "B2": 1}),
    # S2 makes no offer, so it is left whatever happens: 100 + 150.
    "switching_from_who_makes_no_bid": (
        made_today(150.0, bids=[B1], suppliers=[{"supplier": "S1"}, {"supplier": "S2"}]),
        250.0,
        {"B1": 100},
    ),
    # Two demands of the component: an award of either keeps S2, so 100 + 200 against 200 + 150.
    "switching_is_of_a_component": (
        made_today(150.0, demands=[row | {"single_source": True} for row in TWO]),
        300.0,
        {"B1": 100, "B2": 100},
    ),
    # F would have to pay 150 for leaving S2, G nothing: 200 + 100.
    "switching_of_a_lead_firm": (
        network(bids=[B1, B2], incumbents=[OF_F], **TWO_FIRMS),
        300.0,
        {"B1": 100, "B2": 100},
    ),
    # 50 more if nobody buys of S2, saved by the same award.
    "switching_of_a_lead_firm_and_of_all": (
        made_today(50.0, OF_F, **TWO_FIRMS),
        300.0,
        {"B1": 100, "B2": 100},
    ),
    # 240 at S2 less 20 % is 192, and S1 is at 200; the step at 241 is out of reach.
    "discounts": (rebate({"from": 240.0, "rate": 0.2}), 192.0, {"B2": 100}),
    "discounts_out_of_reach": (rebate({"from": 241.0, "rate": 0.2}), 200.0, {"B1": 100}),
    # 20 % from 120 on holds for all: still 192.
    "discounts_hold_for_all": (rebate({"from": 120.0, "rate": 0.2}), 192.0, {"B2": 100}),
    # 25 % of what lies above 40, and 35 % of what lies above 140: 240 − 25 − 35 = 180.
    "discounts_incremental": (
        rebate(
            {"from": 40.0, "rate": 0.25, "incremental": True},
            {"from": 140.0, "rate": 0.35, "incremental": True},
        ),
        180.0,
        {"B2": 100},
    ),
    # 10 % of the 120 above 120 is 12, and that is too little: 228.
    "discounts_incremental_hold_above_only": (
        rebate({"from": 120.0, "rate": 0.1, "incremental": True}),
        200.0,
        {"B1": 100},
    ),
    # A bonus of 50 from 100 units on: 190.
    "discounts_of_an_amount": (
        rebate({"from": 100.0, "amount": 50.0, "measure": "quantity"}),
        190.0,
        {"B2": 100},
    ),
    # 20 % from 200 units on counts both demands: 480 − 96 = 384 against 400.
    "discounts_count_all_awards": (
        rebate({"from": 200.0, "rate": 0.2, "measure": "quantity"}, demands=TWO),
        384.0,
        {"B2": 200},
    ),
    # Only castings count, so 200 units are out of reach, and 100 are not: 192 + 200.
    "discounts_of_a_component_group": (
        rebate(
            {"from": 200.0, "rate": 0.9, "measure": "quantity", "component_group": "castings"},
            **GROUPS,
        ),
        400.0,
        {"B1": 100, "E1": 100},
    ),
    "discounts_of_a_component_group_within_reach": (
        rebate(
            {"from": 100.0, "rate": 0.2, "measure": "quantity", "component_group": "castings"},
            **GROUPS,
        ),
        392.0,
        {"B2": 100, "E1": 100},
    ),
    # 40 % up to 200 would be 96, but at 240 the step with 10 % counts: 216, so 200 from S1.
    "discounts_of_the_step_reached": (
        rebate({"from": 100.0, "rate": 0.4}, {"from": 200.0, "rate": 0.1}, demands=WHOLE),
        200.0,
        {"B1": 100},
    ),
    # In lots of 10 there are 80 units at 2.4 × 0.6 below that step: 115.2 + 20 × 2.
    "discounts_below_a_step_that_pays_less": (
        rebate(
            {"from": 100.0, "rate": 0.4},
            {"from": 200.0, "rate": 0.1},
            bids=[B1 | {"price": 2.0}, B2 | {"price": 2.4, "order_multiple": 10.0}],
        ),
        155.2,
        {"B1": 20, "B2": 80},
    ),
    # 3 for the first 50 and 1.8 for the others is 240, of which 20 % come back. Without what the
    # first tier costs once, 100 × 1.8 would not reach the step.
    "discounts_on_incremental_tiers": (
        rebate(
            {"from": 240.0, "rate": 0.2},
            bids=[B1 | {"price": 2.0}, B2 | {"price": 3.0, "incremental": True}],
            tiers=[{"bid": "B2", "from_quantity": 50.0, "price": 1.8}],
        ),
        192.0,
        {"B2": 100},
    ),
    # A fifth of the 240 comes back from the first unit on.
    "discounts_from_the_first_unit": (
        rebate({"from": 0.0, "rate": 0.2}, {"from": 500.0, "amount": 5.0}),
        192.0,
        {"B2": 100},
    ),
    # Two discounts of one supplier add up: 240 − 30 − 20.
    "discounts_add_up": (
        rebate(
            {"from": 240.0, "amount": 30.0},
            {"discount": "more", "from": 100.0, "amount": 20.0, "measure": "quantity"},
        ),
        190.0,
        {"B2": 100},
    ),
}
# What states a term → the function that formulates it.
TERMS = {
    "bids.bundle": "bundles",
    "capacities": "capacity",
    "consortia": "consortia",
    "demands.line": "lines",
    "discounts": "discounts",
    "incumbents": "switching",
    "lanes.vehicle_units": "vehicles",
    "periods": "capacity",
    "ramps": "ramps",
}
ON_FILE = sorted(
    {
        *TERMS.values(),
        "capacity_in_periods_of_a_supplier_to_onboard",
        "consortia_are_coordinated_once",
        "discounts_of_an_amount",
        "discounts_on_incremental_tiers",
        "ramps_hold_over_all_awards",
        "switching_is_of_a_component",
    }
)


def formulated(made: Network) -> Formulation:
    arrays = to_arrays(made)
    return formulate(arrays, screen(arrays).candidates)


@pytest.mark.parametrize("case", CASES)
def test_term_decides(case: str) -> None:
    made, cost, quantities = CASES[case]
    formulation = formulated(made)
    x = formulation.empty()
    for name in ENGINES:  # CP-SAT proves what HiGHS has found; with fractions it is slow to find it
        outcome = engine(name).solve(formulation.cost_program(0.0), Limits(gap=0.0), start=x)
        assert (outcome.solution_status, outcome.bound) == (
            "optimal",
            pytest.approx(cost, rel=1e-6),
        ), name
        assert outcome.x is not None
        x = outcome.x
        assert formulation.program.objective(x) == pytest.approx(cost, rel=1e-6)
        rows, quantity = formulation.awards(x)
        bids = made.bids["bid"].gather(formulation.candidates.bid[rows]).to_list()
        assert set(bids) == set(quantities)
        for bid, units in quantities.items():
            assert quantity[np.array(bids) == bid].sum() == pytest.approx(units, rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_awarding_nothing_keeps_the_terms(case: str) -> None:
    formulation = formulated(CASES[case][0])
    assert formulation.program.violation(formulation.empty()) <= 1e-9
    # A constant of the cost, such as that of leaving an incumbent, is none of coverage.
    assert formulation.coverage_program().offset == 0


@pytest.mark.parametrize("name", ON_FILE)
def test_the_weighted_program_has_the_same_optimum(name: str) -> None:
    made, cost, _ = CASES[name]
    program = formulated(made).weighted_program()
    assert engine("highs").solve(program, Limits(gap=0.0)).best == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("name", ON_FILE)
def test_the_decomposition_knows_the_terms(name: str) -> None:
    made, cost, _ = CASES[name]
    program = formulated(made).cost_program(0.0)
    outcome = engine("decomposition").solve(program, Limits(gap=0.0))
    assert (outcome.solution_status, outcome.best) == ("optimal", pytest.approx(cost, rel=1e-6))


@pytest.mark.parametrize("name", ON_FILE)
def test_program_is_as_on_file(name: str, tmp_path: Path) -> None:
    """With MATCHER_WRITE_GOLDEN set the files are written anew; read what changed."""
    write_model(formulated(CASES[name][0]).weighted_program(), tmp_path / "model.lp")
    made = (tmp_path / "model.lp").read_text()
    golden = GOLDEN / f"{name}.lp"
    if os.environ.get("MATCHER_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(made)
    assert made == golden.read_text()


def test_every_program_on_file_has_a_case() -> None:
    assert [path.stem for path in sorted(GOLDEN.glob("*.lp"))] == ON_FILE


def test_every_term_has_a_function_and_a_case() -> None:
    stated = {table.name for table in RULE_TABLES} - {"rules", "objectives"}
    assert stated == {name for name in TERMS if "." not in name}
    assert set(TERMS.values()) <= {rule.__name__ for rule in RULES}
    assert set(TERMS.values()) <= set(CASES)


def test_an_award_is_no_larger_than_a_resource_of_its_period_has() -> None:
    # 40 of the 100 units of D2, and 30 of the 60 hours there are for D1 in its ramp-up.
    own = [
        {"resource": "R", "period": "H1", "capacity": 60.0},
        {"resource": "R", "period": "H2", "capacity": 40.0},
    ]
    formulation = formulated(machine(B1, capacities=own, ramps=ramp(0.5)))
    assert formulation.program.upper[:2].tolist() == pytest.approx([0.3, 0.4])


def test_terms_that_nobody_states_add_no_columns_and_no_rows() -> None:
    program = formulated(network(bids=[B1, B2])).program
    assert [block.name for block in program.row_segments] == ["demand"]
    assert [block.name for block in program.column_segments if block.size] == ["x", "u"]
