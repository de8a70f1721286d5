"""Rules that leave no plan: the answer names what to change, by how little, and what that costs.

Landed cost is the price: S1 makes a unit of the 100 for 1, S2 for 2, S3 for 3.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

import pytest

import matcher
from matcher.engines import engine
from matcher.engines.base import Outcome
from matcher.plan import Plan
from tests.networks import Row, network

BIDS: list[Row] = [
    {"bid": "B1", "supplier": "S1", "price": 1.0},
    {"bid": "B2", "supplier": "S2", "price": 2.0},
    {"bid": "B3", "supplier": "S3", "price": 3.0},
]


def counting(rule: str, **limits: int) -> Row:
    return {"rule": rule, "kind": "supplier_count", "scope": "network", **limits}


def sets_of(plan: Plan) -> dict[tuple[str, ...], tuple[float, ...]]:
    """What each set of rules would have to be, and the cost: by the names of the rules."""
    assert plan.result is not None
    assert (plan.result.solution_status, plan.awards.height) == ("infeasible", 0)
    return {
        tuple(rule.rule for rule in way.rules): (*(rule.needed for rule in way.rules), way.cost)
        for way in plan.result.correction_sets
    }


@pytest.mark.parametrize("name", ["highs", "cpsat", "scip", "decomposition"])
def test_each_rule_of_a_contradiction_is_a_correction_set(name: str) -> None:
    # B allows one supplier, C asks for two: two suppliers cost 99 + 2, one costs 100. A is no part
    # of it.
    made = network(
        bids=BIDS[:2], rules=[counting("A", min=1), counting("B", max=1), counting("C", min=2)]
    )
    plan = matcher.solve(made, engine=name, gap_limit=0.0)
    assert sets_of(plan) == {("B",): (2.0, pytest.approx(101)), ("C",): (1.0, pytest.approx(100))}
    assert plan.verdict.startswith("No plan exists: ")
    assert plan.verdict.endswith(
        " What to change so that a plan exists: "
        "lower the min of rule 'C' from 2 to 1 (total cost 100.00 USD); "
        "or raise the max of rule 'B' from 1 to 2 (total cost 101.00 USD)."
    )


def test_consistent_awards_give_way_by_a_difference_of_shares() -> None:
    # S1 is to make all of D1 and nothing of D2, and the same share of both. Different shares: 100
    # for D1 and 200 for D2 by S2. S1 with both: 200. Nobody gets any of D1: D2 by S2 for 200 too.
    limit = {"kind": "limit", "scope": "demand", "group": "supplier", "who": "S1"}
    limit |= {"measure": "quantity"}
    made = network(
        demands=[{"demand": "D1"}, {"demand": "D2"}],
        bids=BIDS[:2],
        rules=[
            {"rule": "same", "kind": "consistent", "scope": "network"},
            limit | {"rule": "all", "of": "D1", "min": 100.0},
            limit | {"rule": "none", "of": "D2", "max": 0.0},
        ],
    )
    plan = matcher.solve(made, gap_limit=0.0)
    assert sets_of(plan) == {
        ("same",): (pytest.approx(1.0), pytest.approx(300)),
        ("none",): (pytest.approx(100.0), pytest.approx(200)),
        ("all",): (pytest.approx(0.0), pytest.approx(400)),
    }
    assert "raise the max of rule 'same' from 0 to 1" in plan.verdict


def test_three_correction_sets_and_none_holds_another() -> None:
    # C asks for two suppliers, B allows one, and E keeps S2 and S3 out. C alone is enough: one
    # supplier, 100. Else both others give way: B allows two, and the group E one of them: 99 + 2.
    made = network(
        bids=BIDS,
        rules=[
            counting("B", max=1),
            counting("C", min=2),
            counting("E", max=0) | {"group": "supplier", "who": "S2;S3"},
        ],
    )
    assert sets_of(matcher.solve(made, gap_limit=0.0)) == {
        ("C",): (1.0, pytest.approx(100)),
        ("B", "E"): (2.0, 1.0, pytest.approx(101)),
    }


def test_shares_and_limits_are_relaxed_by_as_little_as_can_be() -> None:
    # At least 60 units from S2 and 70 from S3, of 100: either gives up 30, which leaves 30 × 2 +
    # 70 × 3 or 60 × 2 + 40 × 3. Under a budget of 100, S2 makes 50 units; its 60 take 120.
    def asked(rule: str, supplier: str, minimum: float) -> Row:
        of = {"kind": "limit", "scope": "network", "measure": "quantity"}
        return {"rule": rule, **of, "group": "supplier", "who": supplier, "min": minimum}

    budget = {"rule": "budget", "kind": "limit", "scope": "network", "measure": "cost"}
    made = network(bids=BIDS, rules=[asked("two", "S2", 60.0), asked("three", "S3", 70.0)])
    assert sets_of(matcher.solve(made, gap_limit=0.0)) == {
        ("two",): (pytest.approx(30.0), pytest.approx(270.0)),
        ("three",): (pytest.approx(40.0), pytest.approx(240.0)),
    }
    made = network(bids=BIDS, rules=[asked("two", "S2", 60.0), budget | {"max": 100.0}])
    assert sets_of(matcher.solve(made, gap_limit=0.0)) == {
        ("two",): (pytest.approx(50.0), pytest.approx(100.0)),
        ("budget",): (pytest.approx(120.0), pytest.approx(120.0)),
    }


def test_capacity_is_no_rule_to_relax() -> None:
    made = network(
        bids=BIDS[:2],
        resources=[{"resource": "R", "supplier": "S1", "capacity": 0.0}],
        usages=[{"bid": "B1", "resource": "R", "use_per_unit": 1.0}],
        rules=[counting("A", max=2), counting("C", min=2)],
    )
    assert sets_of(matcher.solve(made, gap_limit=0.0)) == {("C",): (1.0, pytest.approx(200.0))}


class Undecided:
    """An engine that finds out nothing."""

    name = "undecided"

    def solve(self, *_: Any, **__: Any) -> Outcome:
        return Outcome("none", "time_limit", None, None, None, 0.0, self.name, "1")


def test_what_a_second_engine_cannot_confirm_is_not_called_infeasible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        sys.modules["matcher.solve"],
        "engine_named",
        lambda name: Undecided() if name == "cpsat" else engine(name),
    )
    plan = matcher.solve(network(bids=BIDS, rules=[counting("B", max=1), counting("C", min=2)]))
    assert plan.result is not None
    assert (plan.result.solution_status, plan.result.correction_sets) == ("none", ())
    assert "which undecided could not confirm in time" in plan.verdict


def test_a_plan_that_only_the_second_engine_finds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mistaken(Undecided):
        name = "mistaken"

        def solve(self, *_: Any, **__: Any) -> Outcome:
            return Outcome("infeasible", "proved", None, None, None, 0.0, self.name, "1")

    monkeypatch.setattr(
        sys.modules["matcher.solve"],
        "kept_engine",
        lambda _: nullcontext(Mistaken()),
    )
    made = network(bids=BIDS)
    plan = matcher.solve(made)
    assert plan.result is not None
    assert plan.result.solution_status == "feasible"
    assert plan.result.detail == "mistaken saw no plan, cpsat found this one"
    assert matcher.check(made, plan).findings == ()
