"""Each kind of rule decides a tiny network, worked by hand, and has its program on file.

Everybody is at one point and money is free, so landed cost is the price: S1 makes a unit for 1, S2
for 2, S3 for 3. Without a rule, S1 makes all 100 units of the demand D for 100. S3 is in another
economy, Malaysia, and is owned by women.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import matcher
from matcher.formulation.rules import KINDS
from matcher.network import Network
from matcher.plan import plan_from_dict
from matcher.schema.rule_tables import RULE_KINDS
from tests.networks import DEFAULTS, Row, network

GOLDEN = Path(__file__).parent / "golden"
ENGINES = ("highs", "decomposition")

PLACES: list[Row] = [{"place": "P"}, {"place": "Q", "economy": "MY", "park": "Penang"}]
SUPPLIERS: list[Row] = [
    {"supplier": "S1", "turnover": 100.0, "credit_line": 10.0},
    {"supplier": "S2"},
    {"supplier": "S3", "place": "Q", "ownership": "women", "size_class": "micro"},
]
BIDS: list[Row] = [
    {"bid": "B1", "supplier": "S1", "price": 1.0, "lead_time_days": 73.0},
    {"bid": "B2", "supplier": "S2", "price": 2.0},
    {"bid": "B3", "supplier": "S3", "price": 3.0, "modes": "sea;air"},
]


def ruled(*rules: Row, **tables: list[Row]) -> Network:
    """The three suppliers under some rules; a rule is about the network unless it says else."""
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
            "rules": [{"rule": f"R{i}", "scope": "network"} | rule for i, rule in enumerate(rules)],
        }
        | tables
    )


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
WOMEN: Row = {"kind": "share", "group": "ownership", "who": "women", "measure": "quantity"}

# Name → (network, cost of its optimum, quantities by bid). A name begins with its kind.
CASES: dict[str, tuple[Network, float, dict[str, float]]] = {
    # A second supplier makes the 1 % that counts: 99 × 1 + 1 × 2.
    "supplier_count": (
        ruled({"kind": "supplier_count", "min": 2}),
        101.0,
        {"B1": 99, "B2": 1},
    ),
    # Of suppliers without the cheapest: S2 or S3, and S2 is cheaper.
    "supplier_count_of_a_group": (
        ruled({"kind": "supplier_count", "group": "supplier", "who": "S1", "max": 0}),
        200.0,
        {"B2": 100},
    ),
    # The second economy is Malaysia: 99 × 1 + 1 × 3.
    "economy_count": (
        ruled({"kind": "economy_count", "scope": "component", "min": 2}),
        102.0,
        {"B1": 99, "B3": 1},
    ),
    # 30 of 100 units from women: 70 × 1 + 30 × 3.
    "share_of_quantity": (ruled(WOMEN | {"min": 0.3}), 160.0, {"B1": 70, "B3": 30}),
    # 3 q = 0.3 (3 q + 100 − q) gives q = 12.5, so 87.5 × 1 + 12.5 × 3.
    "share_of_value": (
        ruled(WOMEN | {"measure": "value", "min": 0.3}),
        125.0,
        {"B1": 87.5, "B3": 12.5},
    ),
    # No supplier above half of the units: 50 × 1 + 50 × 2.
    "share_of_each": (
        ruled({"kind": "share", "group": "supplier", "measure": "quantity", "max": 0.5}),
        150.0,
        {"B1": 50, "B2": 50},
    ),
    # 40 units from S1, the others from S2: 40 + 120.
    "limit_of_quantity": (
        ruled(
            {"kind": "limit", "group": "supplier", "who": "S1", "measure": "quantity", "max": 40}
        ),
        160.0,
        {"B1": 40, "B2": 60},
    ),
    # A budget of 80 buys 80 units.
    "limit_of_cost": (ruled({"kind": "limit", "measure": "cost", "max": 80}), 80.0, {"B1": 80}),
    # S1 may live to 30 % of its turnover of 100 from one lead firm: 30 + 70 × 2.
    "dependence": (ruled({"kind": "dependence", "max": 0.3}), 170.0, {"B1": 30, "B2": 70}),
    # A unit of S1 ties up 1 × 73/365 = 0.2 of its line of 10, so 50 units: 50 + 50 × 2.
    "working_capital": (ruled({"kind": "working_capital"}), 150.0, {"B1": 50, "B2": 50}),
    # With S1's share σ of both parts: 100 (σ + 2 (1 − σ) + 4 σ + 1 − σ) = 100 (3 + 2 σ), so σ = 0.
    "consistent": (ruled({"kind": "consistent"}, **TWO_PARTS), 300.0, {"A2": 100, "E2": 100}),
    # S1 first: 60 + 80 + 240 + 40 = 420; S2 first: 40 + 120 + 160 + 60 = 380.
    "consistent_split": (
        ruled({"kind": "consistent", "split": "60/40"}, **TWO_PARTS),
        380.0,
        {"A1": 40, "A2": 60, "E1": 40, "E2": 60},
    ),
    # With S1's shares a and e it is 100 (3 − a + 3 e) + 50 (a − e), so a = 1 and e = 0: 200 + 50.
    "consistent_as_target": (
        ruled({"kind": "consistent", "priority": 1, "price": 50.0}, **TWO_PARTS),
        250.0,
        {"A1": 100, "E2": 100},
    ),
    # S2 first, missed by δ: a = 0.4 + δ, e = 0.4 − δ, so 380 − 400 δ + 200 δ until e = 0: 220 + 80.
    "consistent_split_as_target": (
        ruled({"kind": "consistent", "split": "60/40", "priority": 1, "price": 200.0}, **TWO_PARTS),
        300.0,
        {"A1": 80, "A2": 20, "E2": 100},
    ),
    # S1 makes 95 at most; who makes the others makes 20 at least: 80 × 1 + 20 × 2.
    "viable": (
        ruled(
            {"kind": "viable", "measure": "quantity", "min": 20},
            bids=[BIDS[0] | {"max_quantity": 95.0}, *BIDS[1:]],
        ),
        120.0,
        {"B1": 80, "B2": 20},
    ),
    # 30 units from women cost 60 more; not to have them costs 30 × 1.
    "share_as_cheap_target": (
        ruled(WOMEN | {"min": 0.3, "priority": 1, "price": 1.0}),
        130.0,
        {"B1": 100},
    ),
    # At 3 for each unit missed, 90 in all, the target is met.
    "share_as_dear_target": (
        ruled(WOMEN | {"min": 0.3, "priority": 1, "price": 3.0}),
        160.0,
        {"B1": 70, "B3": 30},
    ),
    # Two targets before cost: the first takes 30 units from women, so at most 70 are left for the
    # second, 80 units from S2, and the cheaper S1 gets none: 70 × 2 + 30 × 3.
    "limit_as_second_target": (
        ruled(
            WOMEN | {"min": 0.3, "priority": 1},
            {"kind": "limit", "group": "supplier", "who": "S2", "measure": "quantity"}
            | {"min": 80, "priority": 2},
        ),
        230.0,
        {"B2": 70, "B3": 30},
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_rule_decides(name: str, engine: str) -> None:
    made, cost, quantities = CASES[name]
    plan = matcher.solve(made, gap_limit=0.0, engine=engine)
    assert matcher.check(made, plan).findings == ()
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(cost, rel=1e-6)
    awarded = dict(plan.awards.group_by("bid").agg(pl.col("quantity").sum()).iter_rows())
    assert awarded == pytest.approx(quantities, rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_check_catches_what_breaks_it(name: str) -> None:
    """Every rule changes the optimum, so the best plan without any breaks a mandatory one."""
    made = CASES[name][0]
    free = matcher.solve(replace(made, rules=made.rules.clear()), gap_limit=0.0)
    judgement = matcher.check(made, plan_from_dict({"awards": free.awards.to_dicts()}))
    if made.rules["priority"].null_count():
        assert {finding.code for finding in judgement.findings} == {"rule"}
    else:
        assert judgement.findings == ()
        missed = judgement.costs.penalties > 0
        assert missed or made.rules["price"].null_count()


@pytest.mark.parametrize("name", CASES)
def test_program_is_as_on_file(name: str, tmp_path: Path) -> None:
    """With MATCHER_WRITE_GOLDEN set the files are written anew; read what changed."""
    matcher.export(CASES[name][0], tmp_path / "model.lp")
    made = (tmp_path / "model.lp").read_text()
    golden = GOLDEN / f"{name}.lp"
    if os.environ.get("MATCHER_WRITE_GOLDEN"):
        golden.write_text(made)
    assert made == golden.read_text()


def test_every_kind_has_a_function_and_a_case() -> None:
    assert set(KINDS) == set(RULE_KINDS)
    for kind in RULE_KINDS:
        assert any(name.startswith(kind) for name in CASES), kind


def test_every_program_on_file_has_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lp")} == set(CASES)
