"""What rules cost, on networks where the plan with and without them is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import matcher
from matcher.errors import InputError
from matcher.explain.rule_costs import RuleCosts, explain_rules
from matcher.network import Network
from matcher.plan import Plan, plan_from_dict
from tests.networks import Row, network
from tests.test_cli import run
from tests.test_formulation_rules import CASES, TWO_PARTS, WOMEN, ruled


def solved(made: Network) -> Plan:
    return matcher.solve(made, gap_limit=0.0)


def costs(made: Network, plan: Plan | None = None) -> RuleCosts:
    return explain_rules(made, solved(made) if plan is None else plan)


def the_row(found: RuleCosts, rule: str = "R0") -> Row:
    return next(row for row in found.rows.iter_rows(named=True) if row["rule"] == rule)


# Without any rule all 100 units come from S1 for 100, and both parts of TWO_PARTS for 200. In these
# cases nothing has to be whole, so that the linear relaxation has the optimum.
IN_PARTS = [
    ("share_of_quantity", 60.0),
    ("share_of_value", 25.0),
    ("limit_of_quantity", 60.0),
    ("dependence", 70.0),
    ("working_capital", 50.0),
    ("consistent", 100.0),
    ("share_as_dear_target", 60.0),
]
WHOLE = [("supplier_count", 1.0), ("economy_count", 2.0), ("consistent_split", 180.0)]


@pytest.mark.parametrize(("case", "saving"), [*IN_PARTS, *WHOLE])
def test_a_rule_costs_what_is_saved_without_it(case: str, saving: float) -> None:
    row = the_row(costs(CASES[case][0]))
    assert row["binds"]
    assert row["saving"] == pytest.approx(saving, abs=1e-3)
    assert row["at_least"] <= saving + 1e-3
    assert row["at_most"] >= saving - 1e-3
    assert row["covered_more"] == pytest.approx(0.0, abs=1e-6)
    assert row["proof"] == "exact"


@pytest.mark.parametrize(("case", "saving"), IN_PARTS)
def test_a_linear_price_is_told_as_an_estimate(case: str, saving: float) -> None:
    made = CASES[case][0]
    found = explain_rules(made, solved(made), estimate=True)
    row = the_row(found)
    assert row["saving"] == pytest.approx(saving, abs=1e-3)
    assert (row["at_least"], row["at_most"], row["cost_without"]) == (None, None, None)
    assert row["proof"] == "LP estimate"
    assert f"by a quick estimate, it costs about {saving:,.2f} USD" in row["text"]
    assert "a quick estimate" in found.headline


def test_a_linear_price_of_coverage_and_of_nothing() -> None:
    made = CASES["limit_of_cost"][0]
    row = the_row(explain_rules(made, solved(made), estimate=True))
    assert row["covered_more"] == pytest.approx(0.2, abs=1e-6)
    assert "adds 0.2 to the unmet demand (weighted)" in row["text"]
    loose = ruled({"kind": "supplier_count", "max": 3})
    found = explain_rules(loose, solved(loose), estimate=True)
    assert found.headline == "By a quick estimate, no rule costs money."


def test_sentence_figures_and_headline() -> None:
    found = costs(CASES["share_of_quantity"][0])
    row = the_row(found)
    text = (
        "rule 'R0' is at its limit; without it the plan would cost 60.00 USD (37.5%) less (proven)"
    )
    assert row["text"] == text
    assert found.headline == f"The only rule costs money: {text}."
    assert (row["instances"], row["at_limit"], row["who"]) == (1, 1, "women")
    assert (row["actual"], row["min"], row["max"]) == (pytest.approx(0.3), 0.3, None)


def test_a_missed_target_costs_its_penalty() -> None:
    # All from S1 for 100 and a penalty of 30 for no unit from women.
    row = the_row(costs(CASES["share_as_cheap_target"][0]))
    assert row["binds"]
    assert (row["missed"], row["penalty"]) == (pytest.approx(30.0), pytest.approx(30.0))
    assert row["saving"] == pytest.approx(30.0, abs=1e-3)
    assert "is missed by 30" in row["text"]
    assert "of which 30.00 USD is the penalty" in row["text"]


def test_a_budget_costs_coverage_and_saves_money() -> None:
    # 80 buy 80 of 100 units; without the budget all of them are bought for 100.
    row = the_row(costs(CASES["limit_of_cost"][0]))
    assert row["binds"]
    assert row["saving"] == pytest.approx(-20.0, abs=1e-3)
    assert row["covered_more"] == pytest.approx(0.2, abs=1e-6)
    assert "20.00 USD (25.0%) more; unmet demand (weighted) would fall by 0.2" in row["text"]


def test_a_rule_with_room_may_keep_a_cheaper_plan_out() -> None:
    # S1 gives 60 units or more for 1 each, others come from S2 for 2. At most 50 from S1 allow
    # none of S1, for 200; the rule then has room, and without it the plan costs 100.
    made = ruled(
        {"kind": "limit", "group": "supplier", "who": "S1", "measure": "quantity", "max": 50.0},
        bids=[
            {"bid": "B1", "supplier": "S1", "moq": 60.0},
            {"bid": "B2", "supplier": "S2", "price": 2.0},
        ],
    )
    row = the_row(costs(made))
    assert not row["binds"]
    assert row["saving"] == pytest.approx(100.0, abs=1e-3)
    assert row["proof"] == "exact"
    assert row["text"].startswith(
        "rule 'R0' is not at its limit; without it the plan would cost 100.00 USD"
    )


def test_rules_with_room_cost_nothing_and_the_dearest_comes_first() -> None:
    made = ruled({"kind": "supplier_count", "max": 3}, WOMEN | {"min": 0.1}, WOMEN | {"min": 0.3})
    found = costs(made)
    # Of the two shares the smaller has room as long as the larger is there: 30 units for 2 more;
    # without the larger 10 units remain, so it costs 40.
    assert found.rows["rule"].to_list()[0] == "R2"
    assert [the_row(found, rule)["binds"] for rule in ("R0", "R1", "R2")] == [False, False, True]
    assert [the_row(found, rule)["saving"] for rule in ("R0", "R1", "R2")] == [
        pytest.approx(0.0, abs=1e-3),
        pytest.approx(0.0, abs=1e-3),
        pytest.approx(40.0, abs=1e-3),
    ]
    assert the_row(found)["text"] == (
        "rule 'R0' is not at its limit; without it the plan would cost the same (proven)"
    )
    assert found.headline.startswith(
        "1 of 3 rules costs money; the costliest: rule 'R2' is at its limit"
    )


def test_a_rule_that_binds_may_cost_nothing() -> None:
    # All is from S1 anyway.
    found = costs(ruled({"kind": "supplier_count", "max": 1}))
    row = the_row(found)
    assert row["binds"]
    assert row["saving"] == pytest.approx(0.0, abs=1e-3)
    assert found.headline == "No rule costs anything on its own; this is proven."


def test_nothing_is_proven_of_a_plan_made_by_hand() -> None:
    # 50 units from S1 and 50 from S3 are 50 + 150; without the rule 100 are enough.
    made = CASES["share_of_quantity"][0]
    rows: list[Row] = [{"demand": "D", "bid": bid, "quantity": 50.0} for bid in ("B1", "B3")]
    row = the_row(costs(made, plan_from_dict({"awards": rows})))
    assert row["actual"] == pytest.approx(0.5)
    assert row["saving"] == pytest.approx(100.0, abs=1e-3)
    assert (row["at_least"], row["at_most"], row["proof"]) == (None, None, "not proven")
    assert row["text"].endswith("a plan was found that costs 100.00 USD (50.0%) less (not proven)")


def test_claims_of_a_plan_for_another_network_do_not_count() -> None:
    made = CASES["share_of_quantity"][0]
    plan = replace(solved(made), input_hash="of another network")
    assert the_row(costs(made, plan))["proof"] == "not proven"


def test_a_plan_with_a_gap_gives_an_interval() -> None:
    # The plan costs 160 and is known to be no more than 10 above the optimum: the rule costs
    # 50 to 60.
    made = CASES["share_of_quantity"][0]
    plan = solved(made)
    assert plan.result is not None
    claimed = plan.result.model_copy(update={"solution_status": "feasible", "bound": 150.0})
    row = the_row(costs(made, replace(plan, result=claimed)))
    assert row["proof"] == "interval"
    assert (row["at_least"], row["at_most"]) == (
        pytest.approx(50.0, abs=1e-3),
        pytest.approx(60.0, abs=1e-3),
    )
    assert row["text"].endswith("; the difference is proven to be between 50.00 and 60.00 USD")


def test_once_cancelled_the_plan_stands_for_itself() -> None:
    made = CASES["share_of_quantity"][0]
    found = explain_rules(made, solved(made), cancelled=lambda: True)
    row = the_row(found)
    assert (row["saving"], row["proof"]) == (None, "not proven")
    assert row["text"] == "rule 'R0' is at its limit; no time was left to plan without it"
    assert found.headline == "No rule was found to cost anything; 1 of 1 rule is still untested."


def test_other_objectives_are_kept() -> None:
    # The largest supplier comes before cost. S2 and S3 are paid v each with v/2 + v/3 = 100 units,
    # so 240 in all; with S1 v + v/2 + v/3 = 100 makes it 3 × 600/11.
    made = ruled(
        {"kind": "supplier_count", "group": "supplier", "who": "S1", "max": 0},
        objectives=[{"objective": "concentration", "order": 2}, {"objective": "cost", "order": 3}],
    )
    row = the_row(costs(made))
    assert row["binds"]
    assert row["saving"] == pytest.approx(240 - 1800 / 11, abs=1e-2)


def test_a_plan_that_is_none_is_refused() -> None:
    made = network(
        bids=[{"bid": "B", "supplier": "S"}],
        rules=[{"rule": "two", "kind": "supplier_count", "scope": "network", "min": 2}],
    )
    with pytest.raises(InputError, match="means that there is no plan"):
        costs(made)


def test_progress_names_the_rule_left_out() -> None:
    made = ruled({"kind": "consistent"}, **TWO_PARTS)
    said: list[str] = []
    explain_rules(made, solved(made), on_progress=lambda name, _: said.append(name))
    assert said
    assert all(name.startswith("without 'R0': ") for name in said)


def test_the_command_line_shows_a_table_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = CASES["share_of_quantity"][0]
    matcher.write(made, tmp_path / "n")
    solved(matcher.read(tmp_path / "n")).write(tmp_path / "plan.json")
    asked = ("explain", tmp_path / "n", tmp_path / "plan.json", "--rules")
    assert run(monkeypatch, *asked) == 0
    shown = capsys.readouterr().out
    assert "saving without it, USD" in shown
    assert "without it the plan would cost 60.00 USD (37.5%) less (proven)" in shown
    assert run(monkeypatch, *asked, "--json", "--time-limit", "30") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"][0]["saving"] == pytest.approx(60.0, abs=1e-3)
    assert document["instances"][0]["binds"] is True
    assert run(monkeypatch, *asked, "--demand", "D") == 2
    assert "--rules" in capsys.readouterr().err
