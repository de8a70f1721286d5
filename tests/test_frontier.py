"""The frontier of two objectives, worked by hand on the networks of the objectives.

S1 is in Malaysia and makes a unit for 1; S2 and S3 are in Viet Nam, where the 100 units are needed,
and make one for 2 and 3. So local value is 0 for a cost of 100, and comes first from S2, at 1/2
more cost each, up to 200 for 200, then from S3, at 1 more cost each, up to 300 for 300.
"""

from __future__ import annotations

import importlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import matcher
from matcher.engines import engine as engine_named
from matcher.engines.base import Engine, Limits, Outcome
from matcher.frontier import Frontier
from matcher.frontier.chart import Axis, frontier_chart
from matcher.frontier.points import _dominated
from matcher.network import Network
from matcher.program import Program
from matcher.report import drawing
from tests.networks import Row
from tests.test_cli import FIRST_STEPS, run
from tests.test_objectives import TWO_PARTS, striving

VIABLE: Row = {"objective": "linkages", "viable_value": 20.0}


def found(network: Network, first: str, second: str, points: int) -> Frontier:
    """The frontier, whose plans the judge accepts and of which none is better than another."""
    made = matcher.frontier(network, first, second, points=points, gap_limit=0.0)
    assert made.points["point"].to_list() == list(range(1, len(made.plans) + 1))
    for plan in made.plans:
        assert matcher.check(network, plan).findings == ()
    for name in (first, second):
        change = np.diff(made.points[name].to_numpy())
        assert (change > 0).all() or (change < 0).all()
    return made


@pytest.fixture(scope="module")
def local() -> Frontier:
    return found(striving(), "cost", "local_value", 3)


def test_each_point_is_the_cheapest_of_its_local_value(local: Frontier) -> None:
    # Half of 300 is 150: 75 units of S2 and 25 of S1 cost 150 + 25.
    points = local.points
    assert points["local_value"].to_list() == pytest.approx([0.0, 150.0, 300.0], abs=1e-4)
    assert points["cost"].to_list() == pytest.approx([100.0, 175.0, 300.0], rel=1e-6)
    assert points["bound"].to_list() == pytest.approx([100.0, 175.0, 300.0], rel=1e-6)
    assert points["gap"].max() == pytest.approx(0.0, abs=1e-6)
    assert points["coverage_loss"].to_list() == [0.0, 0.0, 0.0]
    assert points["suppliers"].to_list() == [1, 2, 1]
    assert points["proven"].all()
    middle = dict(local.plans[1].awards.select("bid", "quantity").iter_rows())
    assert middle == pytest.approx({"B1": 25.0, "B2": 75.0}, rel=1e-5)


def test_the_verdict_names_the_point_that_gains_most_for_what_it_costs(local: Frontier) -> None:
    # Half of the local value for 75 of the 200 that all of it costs.
    assert local.best_exchange == 1
    assert local.verdict == (
        "Best trade-off, point 2 of 3: 150.00 USD more local value for 75.0% more cost. "
        "At the far end, point 3: 300.00 USD more local value for 200.0% more cost. "
        "Every point is proven optimal."
    )


def test_a_plan_claims_what_holds_without_the_other_objective(local: Frontier) -> None:
    results = [plan.result for plan in local.plans if plan.result is not None]
    # Only the first is what the network itself asks for; the cheapest plan costs 100.
    assert [result.solution_status for result in results] == ["optimal", "feasible", "feasible"]
    assert [result.bound for result in results] == pytest.approx([100.0] * 3, rel=1e-6)
    assert [result.gap for result in results] == pytest.approx([0.0, 3 / 7, 2 / 3], abs=1e-6)
    told = [(each.objective, each.value, each.bound) for each in results[1].objectives]
    assert [name for name, _, _ in told] == ["coverage", "local_value", "cost"]
    assert told[1][1:] == pytest.approx((150.0, 300.0), rel=1e-5)
    assert told[2][1:] == pytest.approx((175.0, 175.0), rel=1e-5)


def test_what_a_level_leaves_open_is_used_and_equal_points_are_one() -> None:
    # S2 alone makes both parts for 300; S1 and S2 make them for 100 + 100. Two suppliers are needed
    # for any cost between, and then 200 is possible.
    made = found(striving(**TWO_PARTS), "supplier_count", "cost", 4)
    assert made.points["supplier_count"].to_list() == [1.0, 2.0]
    assert made.points["cost"].to_list() == pytest.approx([300.0, 200.0], rel=1e-6)
    # The least cost is that of the other end.
    bounds = [plan.result.bound for plan in made.plans if plan.result is not None]
    assert bounds == pytest.approx([200.0, 200.0], rel=1e-6)
    assert made.verdict == (
        "Best trade-off, point 2 of 2: 33.3% less cost for 1 more supplier. "
        "Every point is proven optimal."
    )


def test_only_whole_numbers_of_linkages_are_searched_for() -> None:
    # 20 for S2 are 10 units, 10 dearer in all; 20 for S3 are 6 2/3, 13 1/3 dearer.
    labels: list[str] = []
    network = striving(VIABLE)
    made = matcher.frontier(
        network,
        "cost",
        "linkages",
        points=10,
        gap_limit=0.0,
        on_progress=lambda label, _: labels.append(label),
    )
    assert made.points["linkages"].to_list() == [0.0, 1.0, 2.0]
    assert made.points["cost"].to_list() == pytest.approx([100.0, 110.0, 370 / 3], rel=1e-5)
    assert {label.split(",")[0] for label in labels} == {"1 of 10", "2 of 10", "3 of 10"}
    # The network states an objective of its own, of which no plan says that it is reached.
    assert {plan.result.solution_status for plan in made.plans if plan.result is not None} == {
        "feasible"
    }


def test_cost_decides_between_plans_that_are_equal_in_both() -> None:
    # With M for each, one supplier is paid 100 at the least; two 100 / (1 + 1/2) each; three
    # 100 / (1 + 1/2 + 1/3) each. So many suppliers paid so much cost the product.
    made = found(striving(), "supplier_count", "concentration", 3)
    assert made.points["supplier_count"].to_list() == [1.0, 2.0, 3.0]
    paid = [100.0, 200 / 3, 600 / 11]
    assert made.points["concentration"].to_list() == pytest.approx(paid, rel=1e-5)
    costs = [number * each for number, each in enumerate(paid, start=1)]
    assert made.points["cost"].to_list() == pytest.approx(costs, rel=1e-5)
    assert {plan.result.bound for plan in made.plans if plan.result is not None} == {None}


def test_what_the_network_states_of_an_objective_holds() -> None:
    # Malaysia is local too: S1 alone is cheapest, and is paid all that can be paid there.
    stated: Row = {"objective": "local_value", "economies": "MY", "tolerance": 0.5, "weight": 9.0}
    made = found(striving(stated), "cost", "local_value", 5)
    assert made.points.select("cost", "local_value").row(0) == pytest.approx((100.0, 100.0))
    assert made.verdict == ("One plan is best in both: cost 100.00 USD and local value 100.00 USD.")


def test_all_that_is_wrong_with_the_options_is_said_at_once() -> None:
    with pytest.raises(matcher.InputError) as caught:
        matcher.frontier(striving(), "coverage", "linkages", points=51, time_limit_s=-1.0)
    assert [(issue.table, issue.column) for issue in caught.value.issues] == [
        ("frontier", "first"),
        ("frontier", "points"),
        ("objectives", "viable_value"),
        ("solve", "time_limit_s"),
    ]
    with pytest.raises(matcher.InputError) as caught:
        matcher.frontier(striving(), "cost", "cost", points=1)
    assert [issue.column for issue in caught.value.issues] == ["second", "points"]


@dataclass
class EndedEarly:
    """An engine that after so many solves keeps what it is given, as one that is ended does."""

    engine: Engine
    solves: int
    name: str = "highs"

    def solve(self, program: Program, limits: Limits, *, start: Any, **told: Any) -> Outcome:
        self.solves -= 1
        made = self.engine.solve(program, limits, start=start, **told)
        if self.solves >= 0:
            return made
        best = program.objective(start)
        return replace(
            made,
            solution_status="feasible",
            termination_reason="cancelled",
            x=start,
            best=best,
            bound=None,
        )


# Solves: coverage, cost and local value of the first end, local value and cost of the second, cost
# and local value at 225, ...
@pytest.mark.parametrize(
    ("solves", "costs", "bounds", "proven"),
    [
        (2, [100], [100], [False]),
        (4, [100, 300], [100, 100], [True, False]),
        (5, [100, 300], [100, 300], [True, True]),
        (6, [100, 225, 300], [100, 225, 300], [True, False, True]),
    ],
)
def test_points_made_before_the_search_is_ended_are_kept(
    solves: int,
    costs: list[float],
    bounds: list[float],
    proven: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        importlib.import_module("matcher.frontier"),
        "kept_engine",
        lambda name: nullcontext(EndedEarly(engine_named(name), solves)),
    )
    network = striving()
    made = matcher.frontier(network, points=5, gap_limit=0.0)
    assert made.points["cost"].to_list() == pytest.approx(costs, rel=1e-6)
    assert made.points["bound"].to_list() == pytest.approx(bounds, rel=1e-6)
    assert made.points["proven"].to_list() == proven
    assert made.notes[0] == "The search ended before all points were found."
    assert made.notes[0] in made.verdict
    for plan in made.plans:
        assert matcher.check(network, plan).ok


@dataclass
class Doubtful:
    """An engine that never says that it has proven the optimum."""

    engine: Engine
    name: str = "highs"

    def solve(self, program: Program, limits: Limits, **told: Any) -> Outcome:
        return replace(
            self.engine.solve(program, limits, **told),
            solution_status="feasible",
            termination_reason="gap_limit",
        )


def test_plans_that_fall_together_are_told_if_there_may_be_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As above: the levels between 200 and 300 both lead to two suppliers for 200.
    monkeypatch.setattr(
        importlib.import_module("matcher.frontier"),
        "kept_engine",
        lambda name: nullcontext(Doubtful(engine_named(name))),
    )
    made = found(striving(**TWO_PARTS), "supplier_count", "cost", 4)
    assert made.points["supplier_count"].to_list() == [1.0, 2.0]
    assert made.notes == (
        "Dropped as no better than others: 2 plans. A smaller gap or more time may find more.",
    )
    assert "All points are within 0.00% of their proven bounds." in made.verdict


def test_a_cancel_keeps_the_point_that_was_made() -> None:
    heard: list[str] = []
    made = matcher.frontier(
        striving(),
        gap_limit=0.0,
        on_progress=lambda label, _: heard.append(label),
        cancelled=lambda: "1 of 8, cost" in heard,
    )
    assert made.points["cost"].to_list() == pytest.approx([100.0], rel=1e-6)
    assert made.verdict == (
        "Only one plan was found: cost 100.00 USD and local value 0.00 USD. "
        "The search ended before all points were found."
    )
    assert {label.split(",")[0] for label in heard} == {"1 of 8"}


def test_a_plan_that_the_judge_does_not_accept_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    network = striving()

    def judge(network: Network, plan: matcher.Plan) -> matcher.Judgement:
        if plan.result is not None and plan.result.best == pytest.approx(300.0):
            plan = replace(plan, input_hash="of another network")
        return matcher.check(network, plan)

    monkeypatch.setattr(importlib.import_module("matcher.frontier"), "check", judge)
    made = matcher.frontier(network, points=3, gap_limit=0.0)
    assert made.points["cost"].to_list() == pytest.approx([100.0, 175.0], rel=1e-6)
    assert len(made.notes) == 1
    assert (
        "dropped because it failed the independent check: the plan was made for another network"
        in made.notes[0]
    )


def test_without_a_plan_there_is_no_point_and_nothing_to_draw(tmp_path: Path) -> None:
    four: Row = {"rule": "four", "kind": "supplier_count", "scope": "network", "min": 4.0}
    made = matcher.frontier(striving(rules=[four]), points=3)
    assert made.points.is_empty()
    assert "before the first plan: no plan exists" in made.verdict
    assert made.to_dict()["points"] == []
    with pytest.raises(matcher.InputError, match="nothing to show"):
        made.write(tmp_path / "chart.png")


def test_it_is_written_as_data_and_as_a_chart(local: Frontier, tmp_path: Path) -> None:
    for suffix in ("json", "csv", "png", "svg"):
        local.write(tmp_path / f"f.{suffix}")
    document = json.loads((tmp_path / "f.json").read_text())
    assert document["verdict"] == local.verdict
    assert [point["cost"] for point in document["points"]] == local.points["cost"].to_list()
    assert document["points"][1]["plan"] == local.plans[1].to_dict()
    assert pl.read_csv(tmp_path / "f.csv").equals(local.points)
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "f.svg").getroot().tag.endswith("svg")
    with pytest.raises(
        matcher.InputError, match=r"end the file name in one of \.json, \.csv, \.png, \.svg"
    ):
        local.write(tmp_path / "f.pdf")


COST = Axis("cost", "Cost, USD", "cost", is_gain=False, is_counted=False)
SUPPLIERS = Axis("supplier_count", "Suppliers", "suppliers", is_gain=False, is_counted=True)
POINTS = pl.DataFrame(
    {
        "cost": [4_845_000.0, 4_849_000.0, 4_861_000.0],
        "supplier_count": [62.0, 40.0, 31.0],
        "bound": [4_845_000.0, 4_846_000.0, None],
    }
)


def test_a_chart_names_its_axes_its_ends_and_its_marks() -> None:
    before = dict(mpl.rcParams)
    figure = frontier_chart(POINTS, COST, SUPPLIERS, "A verdict.", best=1)
    text = drawing.svg(figure, "t")
    assert text == drawing.svg(frontier_chart(POINTS, COST, SUPPLIERS, "A verdict.", best=1), "t")
    assert dict(mpl.rcParams) == before
    for said in (
        "Suppliers versus cost",
        "A verdict.",
        "Cost, USD (less is better)",
        "Suppliers (less is better)",
        "1: suppliers 62, cost 4,845,000",  # three digits would not tell the ends apart
        "3: suppliers 31, cost 4,861,000",
        "distance to the proven bound",
    ):
        assert f">{said}<" in text
    proven = POINTS.with_columns(bound=pl.col("cost"))
    text = drawing.svg(frontier_chart(proven, COST, SUPPLIERS, "A verdict.", best=None), "t")
    assert "proven bound" not in text
    assert drawing.ORANGE not in text


@pytest.mark.parametrize("width", [800, 380])
def test_texts_of_a_chart_stay_inside_of_it(width: int) -> None:
    figure = frontier_chart(POINTS, COST, SUPPLIERS, "A verdict.", best=1, width=width)
    FigureCanvasAgg(figure).draw()
    inside, axes = figure.bbox, figure.axes[0]
    for text in (*axes.texts, *axes.get_yticklabels(), *figure.legends[0].get_texts()):
        box = text.get_window_extent()
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1


def test_a_point_that_another_beats_or_repeats_is_dominated() -> None:
    # The second repeats the first up to rounding, the fourth is as cheap as the third and worse.
    low = np.array([[1.0, 9.0], [1.0 + 1e-9, 9.0], [2.0, 5.0], [2.0, 6.0], [3.0, 4.0]])
    assert _dominated(low, np.full(2, 1e-6)).tolist() == [False, True, False, True, False]


def test_the_command_writes_what_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, chart = tmp_path / "f.json", tmp_path / "f.png"
    options = ["--second", "supplier_count", "--points", 2, "--gap", 0, "-o", path, "-o", chart]
    assert run(monkeypatch, "frontier", FIRST_STEPS, *options) == 0
    shown = capsys.readouterr()
    document = json.loads(path.read_text())
    assert document["verdict"] in " ".join(shown.out.split())
    assert chart.stat().st_size > 1000
    assert run(monkeypatch, "frontier", FIRST_STEPS, "--json", "-o", tmp_path / "f.pdf") == 2
    assert "end the file name in one of" in json.loads(capsys.readouterr().out)["issues"][0]["fix"]
