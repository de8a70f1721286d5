"""What presolve checks rule out cannot be: on networks made for it, and against random plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import matcher
from matcher.explain.presolve import PresolveChecks, presolve_checks
from matcher.network import Network
from matcher.plan import Plan
from tests.brute_force import join, random_part
from tests.networks import Row, network
from tests.rule_networks import draw
from tests.test_cli import run
from tests.test_formulation_rules import TWO_PARTS, WOMEN, ruled

OF_RULES = ("too_few_suppliers", "too_few_economies", "min_out_of_reach")


def machine(capacity: float, *, bids: tuple[str, ...] = ("B",), use: float = 1.0) -> dict[str, Any]:
    """Tables by which bids of S share a machine."""
    return {
        "resources": [{"resource": "M", "supplier": "S", "capacity": capacity}],
        "usages": [{"bid": bid, "resource": "M", "use_per_unit": use} for bid in bids],
    }


TWO_DEMANDS: list[Row] = [{"demand": "D1"}, {"demand": "D2"}]
BUNDLE: Row = {"supplier": "S", "bundle": "both"}
MIN_TWO: Row = {"kind": "supplier_count", "group": "ownership", "who": "women", "min": 2}

# Name → (network, [(about, key, code, missing)]). Demands ask for 100 unless they say else.
CASES: dict[str, tuple[Network, list[tuple[str, str, str, float | None]]]] = {
    # The bid costs 2 and the ceiling is 1.
    "no_candidate": (
        network(demands=[{"ceiling": 1.0}], bids=[{"bid": "B", "supplier": "S", "price": 2.0}]),
        [("demand", "D", "no_candidate", 100.0)],
    ),
    # The machine makes 60 / 2 = 30 units, and the MOQ is 40.
    "no_room": (
        network(bids=[{"bid": "B", "supplier": "S", "moq": 40.0}], **machine(60.0, use=2.0)),
        [("demand", "D", "no_room", 100.0)],
    ),
    # With orders of 25 a machine for 60 makes 50.
    "order_multiple": (
        network(bids=[{"bid": "B", "supplier": "S", "order_multiple": 25.0}], **machine(60.0)),
        [("demand", "D", "not_enough", 50.0)],
    ),
    # Both bids of S are made on the machine for 60; T makes 10 at most.
    "shared_machine": (
        network(
            bids=[
                {"bid": "A", "supplier": "S"},
                {"bid": "B", "supplier": "S", "price": 2.0},
                {"bid": "E", "supplier": "T", "max_quantity": 10.0},
            ],
            **machine(60.0, bids=("A", "B")),
        ),
        [("demand", "D", "not_enough", 30.0)],
    ),
    # Of 50, 30 and 20 units the two largest count.
    "max_suppliers": (
        network(
            demands=[{"max_suppliers": 2}],
            bids=[
                {"bid": f"B{most}", "supplier": f"S{most}", "max_quantity": most}
                for most in (20.0, 30.0, 50.0)
            ],
        ),
        [("demand", "D", "not_enough", 20.0)],
    ),
    # A single source needs all of its 100 units from one supplier, and the machine makes 99.
    "single_source": (
        network(
            demands=[{"single_source": True}],
            bids=[{"bid": "B", "supplier": "S"}],
            **machine(99.0),
        ),
        [("demand", "D", "no_room", 100.0)],
    ),
    "min_suppliers": (
        network(demands=[{"min_suppliers": 2}], bids=[{"bid": "B", "supplier": "S"}]),
        [("demand", "D", "too_few_suppliers", 100.0)],
    ),
    # Each demand fits, both of them do not: 200 of 150.
    "capacity": (
        network(demands=TWO_DEMANDS, bids=[{"bid": "B", "supplier": "S"}], **machine(150.0)),
        [("resource", "M", "capacity", 50.0)],
    ),
    # B2 is above the ceiling of its demand, so B1 falls with it.
    "bundle": (
        network(
            demands=[{"demand": "D1"}, {"demand": "D2", "ceiling": 1.0}],
            bids=[
                BUNDLE | {"bid": "B1", "demand": "D1"},
                BUNDLE | {"bid": "B2", "demand": "D2", "price": 2.0},
            ],
        ),
        [
            ("bundle", "both", "bundle", None),
            ("demand", "D1", "no_room", 100.0),
            ("demand", "D2", "no_candidate", 100.0),
        ],
    ),
    # Only S3 is owned by women.
    "supplier_count": (ruled(MIN_TWO), [("rule", "R0", "too_few_suppliers", 1.0)]),
    "supplier_count_as_target": (
        ruled(MIN_TWO | {"priority": 1}),
        [("rule", "R0", "too_few_suppliers", 1.0)],
    ),
    # Vietnam and Malaysia.
    "economy_count": (
        ruled({"kind": "economy_count", "min": 3}),
        [("rule", "R0", "too_few_economies", 1.0)],
    ),
    # 100 units at 3 are the most that women can be paid.
    "limit_min": (
        ruled(
            {"kind": "limit", "group": "ownership", "who": "women"}
            | {"measure": "value", "min": 320.0}
        ),
        [("rule", "R0", "min_out_of_reach", 20.0)],
    ),
    # 30 units from women are 60 % of 50.
    "share": (
        ruled(
            WOMEN | {"min": 0.6},
            bids=[
                {"bid": "B1", "supplier": "S1"},
                {"bid": "B3", "supplier": "S3", "max_quantity": 30.0},
            ],
        ),
        [("rule", "R0", "share_out_of_reach", 50.0)],
    ),
    # 100 × 1 of C1 and 100 × 1 of C2 are the cheapest.
    "budget": (
        ruled({"kind": "limit", "measure": "cost", "max": 180.0}, **TWO_PARTS),
        [("rule", "R0", "max_below_cover", 20.0)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_found_and_holds(name: str) -> None:
    made, expected = CASES[name]
    presolve = presolve_checks(made)
    found = presolve.rows.select("about", "key", "code", "missing").rows()
    assert sorted(found, key=str) == sorted(
        [(*row[:3], None if row[3] is None else pytest.approx(row[3])) for row in expected],
        key=lambda row: str(row[:3]),
    )
    assert_holds(presolve, matcher.solve(made, gap_limit=0.0))


def test_a_rule_that_leaves_no_plan_is_the_headline() -> None:
    presolve = presolve_checks(CASES["supplier_count"][0])
    assert presolve.no_plan
    assert presolve.headline == "No plan exists: rule R0 cannot be met by any plan."
    target = presolve_checks(CASES["supplier_count_as_target"][0])
    assert not target.no_plan
    assert target.headline == "1 limit cannot be met by any plan."


def test_demands_out_of_reach_are_the_headline() -> None:
    assert presolve_checks(CASES["no_room"][0]).headline == (
        "1 demand cannot be covered in full by any plan."
    )


def test_a_discount_keeps_a_budget_from_being_judged() -> None:
    # Half is paid back on 100 units of S1, so that a plan of all 100 costs 50.
    made = ruled(
        {"kind": "limit", "measure": "cost", "max": 60.0},
        discounts=[{"discount": "half", "supplier": "S1", "from": 0.0, "rate": 0.5}],
    )
    assert presolve_checks(made).rows.is_empty()


@pytest.mark.parametrize("whole", [True, False])
def test_no_plan_of_random_networks_covers_what_is_ruled_out(whole: bool) -> None:
    made = join([random_part(seed, whole=whole) for seed in range(40)])
    presolve = presolve_checks(made)
    assert presolve.rows.filter(about="demand").height > 20
    assert_holds(presolve, matcher.solve(made, gap_limit=0.01, time_limit_s=20.0))


# Drawn networks with rules of each code that presolve checks can find.
@pytest.mark.parametrize("seed", [9, 26, 40, 46, 52, 54, 68, 152, 235])
def test_no_plan_keeps_rules_that_presolve_checks_find_broken(seed: int) -> None:
    made = draw(seed)
    presolve = presolve_checks(made)
    assert not presolve.rows.filter(about="rule").is_empty()
    assert_holds(presolve, matcher.solve(made, gap_limit=0.0, time_limit_s=20.0))


def assert_holds(presolve: PresolveChecks, plan: Plan) -> None:
    """Every finding is true of the plan."""
    assert plan.result is not None
    if presolve.no_plan:
        assert plan.result.solution_status == "infeasible"
        return
    assert plan.unmet is not None
    assert plan.rules is not None
    unmet = dict(plan.unmet.select("demand", "quantity").iter_rows())
    demands = presolve.rows.filter(about="demand")
    for key, missing in demands.select("key", "missing").iter_rows():
        assert unmet.get(key, 0.0) >= missing - 1e-3, key
    for row in presolve.rows.filter(pl.col("about") == "rule").iter_rows(named=True):
        if row["code"] in OF_RULES:
            instance = plan.rules.filter(
                pl.col("rule") == row["key"],
                pl.col("of").eq_missing(pl.lit(row["of"])),
                pl.col("who").eq_missing(pl.lit(row["who"])),
            )
            assert instance["missed"].item() >= row["missing"] - 1e-3, row
    # What else they find leaves more unmet than the demands alone have to.
    if presolve.rows.filter(
        pl.col("code").is_in(["capacity", "share_out_of_reach", "max_below_cover"])
    ).height:
        assert sum(unmet.values()) > demands["missing"].sum() + 1e-3


def test_validate_says_what_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    matcher.write(CASES["no_candidate"][0], tmp_path / "short")
    assert run(monkeypatch, "validate", tmp_path / "short") == 0
    shown = capsys.readouterr().out
    assert "1 demand cannot be covered in full by any plan." in shown
    assert "demand D: every bid fails a gate: above the cost ceiling (1 bid" in shown
    assert "short by 100" in shown
    matcher.write(CASES["supplier_count"][0], tmp_path / "none")
    assert run(monkeypatch, "validate", tmp_path / "none") == 3
    assert "No plan exists: rule R0" in capsys.readouterr().out
    assert run(monkeypatch, "validate", tmp_path / "none", "--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["presolve"]["rows"][0]["code"] == "too_few_suppliers"


def test_validate_is_silent_where_presolve_checks_find_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "validate", "examples/first-steps") == 0
    shown = capsys.readouterr().out
    assert shown.strip().endswith("No errors found; ready to solve.")
