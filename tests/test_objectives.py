"""Each objective decides a tiny network, worked by hand.

S1 is large, in Malaysia, and makes a unit for 1 in 73 days; S2 is small and S3 micro, both in Viet
Nam, where the 100 units are needed, and make one for 2 and 3 at once. Landed cost is the price.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pytest

import matcher
from matcher.engines import engine as engine_named
from matcher.engines.base import Engine, Limits, Outcome
from matcher.formulation.objectives import OBJECTIVES as FUNCTIONS
from matcher.network import Network
from matcher.program import Program
from matcher.schema.objectives import stages_of
from matcher.schema.rule_tables import OBJECTIVES
from tests.networks import DEFAULTS, Row, network

PLACES: list[Row] = [{"place": "P"}, {"place": "Q", "economy": "MY"}]
SUPPLIERS: list[Row] = [
    {"supplier": "S1", "place": "Q", "size_class": "large"},
    {"supplier": "S2"},
    {"supplier": "S3", "size_class": "micro"},
]
BIDS: list[Row] = [
    {"bid": "B1", "supplier": "S1", "price": 1.0, "lead_time_days": 73.0},
    {"bid": "B2", "supplier": "S2", "price": 2.0},
    {"bid": "B3", "supplier": "S3", "price": 3.0},
]


def striving(*objectives: Row, **tables: list[Row]) -> Network:
    """The three suppliers, with objectives in the order given unless they state one."""
    return network(
        **{
            "places": PLACES,
            "suppliers": SUPPLIERS,
            "bids": BIDS,
            "lanes": [
                {"origin": "Q", "destination": "P", "mode": "sea", "days": 0.0}
                | {"cost_per_container": 0.0}
            ],
            "trade_costs": [
                DEFAULTS["trade_costs"] | {"economy": economy} for economy in ("VN", "MY")
            ],
            "objectives": [{"order": i + 1} | row for i, row in enumerate(objectives)],
        }
        | tables
    )


def cost_within(tolerance: float) -> Row:
    """Cost first, of which later objectives may give up a share."""
    return {"objective": "cost", "tolerance": tolerance}


TWO_PARTS: dict[str, list[Row]] = {
    "components": [{"component": "C1"}, {"component": "C2"}],
    "demands": [{"demand": "D1", "component": "C1"}, {"demand": "D2", "component": "C2"}],
    "bids": [
        {"bid": "A1", "supplier": "S1", "component": "C1", "price": 1.0},
        {"bid": "A2", "supplier": "S2", "component": "C1", "price": 2.0},
        {"bid": "E1", "supplier": "S1", "component": "C2", "price": 4.0},
        {"bid": "E2", "supplier": "S2", "component": "C2", "price": 1.0},
    ],
}

# Name → (network, cost, value of the objective, quantities by bid). A name begins with its
# objective.
CASES: dict[str, tuple[Network, float, float, dict[str, float]]] = {
    # 100 + q ≤ 130: 30 units from S2, paid 60.
    "local_value": (
        striving(cost_within(0.3), {"objective": "local_value"}),
        130.0,
        60.0,
        {"B1": 70, "B2": 30},
    ),
    # Malaysia counts as local too: S1 is paid 100, S2 would be paid more: 200 within 100 % more.
    "local_value_of_economies": (
        striving(cost_within(1.0), {"objective": "local_value", "economies": "MY"}),
        100.0,
        100.0,
        {"B1": 100},
    ),
    # 20 paid to each of S2 (10 units) and S3 (6 2/3 units): 83 1/3 + 20 + 20.
    "linkages": (
        striving(cost_within(0.5), {"objective": "linkages", "viable_value": 20.0}),
        370 / 3,
        2.0,
        {"B1": 250 / 3, "B2": 10.0, "B3": 20 / 3},
    ),
    # Each is paid M: M (1 + 1/2 + 1/3) = 100, so M = 600/11 and cost is three times that.
    "concentration": (
        striving(cost_within(1.0), {"objective": "concentration"}),
        1800 / 11,
        600 / 11,
        {"B1": 600 / 11, "B2": 300 / 11, "B3": 200 / 11},
    ),
    # From today to the due date are 365 days: all of it at once from S2.
    "delivery_slack": (
        striving(cost_within(1.0), {"objective": "delivery_slack"}),
        200.0,
        365.0,
        {"B2": 100},
    ),
    # 30 units from S2, as above: 70 × 2 + 30 × 1 kg, since all make where the goods are needed.
    "emissions": (
        striving(
            cost_within(0.3),
            {"objective": "emissions"},
            suppliers=[{"supplier": supplier} for supplier in ("S1", "S2", "S3")],
            bids=[row | {"co2e_kg": kg} for row, kg in zip(BIDS, (2.0, 1.0, 9.0), strict=True)],
        ),
        130.0,
        170.0,
        {"B1": 70, "B2": 30},
    ),
    # One supplier for both parts: S2, for 300.
    "supplier_count": (
        striving(cost_within(1.0), {"objective": "supplier_count"}, **TWO_PARTS),
        300.0,
        1.0,
        {"A2": 100, "E2": 100},
    ),
    # Two suppliers 200 + 2 × 150, S1 alone 500 + 150, S2 alone 300 + 150.
    "supplier_count_weighed_against_cost": (
        striving(
            {"objective": "cost", "order": 1},
            {"objective": "supplier_count", "order": 1, "weight": 150.0},
            **TWO_PARTS,
        ),
        300.0,
        450.0,
        {"A2": 100, "E2": 100},
    ),
}


@pytest.mark.parametrize("engine", ["highs", "cpsat"])
@pytest.mark.parametrize("name", CASES)
def test_objective_decides(name: str, engine: str) -> None:
    made, cost, value, quantities = CASES[name]
    plan = matcher.solve(made, gap_limit=0.0, engine=engine)
    assert matcher.check(made, plan).findings == ()
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(cost, rel=1e-5)
    reached = next(
        each for each in plan.result.objectives if each.objective not in ("coverage", "cost")
    )
    assert reached.value == pytest.approx(value, rel=1e-5)
    assert reached.bound == pytest.approx(value, rel=1e-5)
    awarded = dict(plan.awards.group_by("bid").agg(pl.col("quantity").sum()).iter_rows())
    assert awarded == pytest.approx(quantities, rel=1e-4)


def test_every_objective_has_a_function_and_a_case() -> None:
    assert set(FUNCTIONS) == set(OBJECTIVES)
    for objective in OBJECTIVES:
        assert objective in ("coverage", "cost") or any(n.startswith(objective) for n in CASES)


def test_cost_that_may_be_given_up_comes_back_at_the_end() -> None:
    stages = stages_of(CASES["local_value"][0].objectives)
    assert [stage.name for stage in stages] == ["coverage", "cost", "local_value", "cost"]


def test_coverage_in_its_place_may_be_given_up() -> None:
    # Coverage loss of half, priority 1, may double: cost goes down to that of no award at all.
    made = striving(
        {"objective": "coverage", "tolerance": 1.0},
        {"objective": "cost"},
        bids=[{"bid": "B1", "supplier": "S1", "price": 1.0, "max_quantity": 50.0}],
    )
    plan = matcher.solve(made, gap_limit=0.0)
    assert plan.awards.is_empty()
    assert matcher.check(made, plan).findings == ()


@dataclass
class LateToCover:
    """An engine that ends coverage with nothing awarded, and cost with all that can be."""

    engine: Engine
    name: str = "highs"
    covering: Program | None = None

    def solve(self, program: Program, limits: Limits, *, start: Any, **told: Any) -> Outcome:
        is_first = self.covering is None
        self.covering = self.covering or program
        made = self.engine.solve(self.covering, limits, **told)
        x = start if is_first else made.x
        ended = replace(
            made, solution_status="feasible", termination_reason="time_limit", bound=None
        )
        return replace(ended, x=x, best=program.objective(x))


def test_what_is_covered_by_chance_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["matcher.solve"],
        "kept_engine",
        lambda _: nullcontext(LateToCover(engine_named("highs"))),
    )
    made = striving()
    plan = matcher.solve(made)
    assert plan.result is not None
    assert plan.result.coverage is not None
    assert (plan.result.coverage.unmet, plan.result.coverage.proven) == (0.0, False)
    assert matcher.check(made, plan).ok
