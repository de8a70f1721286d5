"""The charts: well formed, repeatable, inert, and empty only when there is nothing to draw."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from PIL import Image

import matcher
from matcher.plan import AWARD_SCHEMA, Plan, plan_from_dict
from matcher.reference.land import outlines
from matcher.report import charts, drawing
from matcher.report.summary import Summary, summarize
from matcher.solve import solve
from tests.networks import network

HOSTILE = "<script>alert('&')</script> $x_1$ %s"

# Two economies and two places each, so that every chart has something to tell apart; S3 is late.
NETWORK = network(
    places=[
        {"place": "P", "name": "Bac Ninh", "economy": "VN", "latitude": 21.1, "longitude": 106.0},
        {"place": "Q", "name": HOSTILE, "economy": "TH", "latitude": 13.1, "longitude": 100.9},
    ],
    components=[{"component": "C", "name": HOSTILE}],
    trade_costs=[
        {"economy": "VN", "import_cost_usd_per_container": 900.0},
        {"economy": "TH", "export_cost_usd_per_container": 600.0},
    ],
    duties=[{"destination": "VN", "rate": 0.05}],
    demands=[{"share_cap": 0.6}],
    suppliers=[
        {"supplier": "S1", "size_class": "micro"},
        {"supplier": "S2", "name": HOSTILE, "size_class": "large", "place": "Q"},
        {"supplier": "S3"},
    ],
    bids=[
        {"bid": "B1", "supplier": "S1", "price": 2.0},
        {"bid": "B2", "supplier": "S2", "price": 1.0, "lead_time_days": 352.0} | {"modes": "sea"},
        {"bid": "B3", "supplier": "S3", "lead_time_days": 500.0},
    ],
)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarize(NETWORK, solve(NETWORK, gap_limit=0.0))


@pytest.mark.parametrize("width", [800, 380])
@pytest.mark.parametrize("name", charts.CHARTS)
def test_a_chart_is_one_element_that_needs_nothing_else(
    summary: Summary, name: str, width: int
) -> None:
    figure = charts.CHARTS[name](summary, width)
    assert figure is not None
    text = drawing.svg(figure, HOSTILE)
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("aria-label") == HOSTILE
    assert float(str(root.get("viewBox")).split()[2]) == pytest.approx(width * 0.75)  # points
    assert not [element for element in root.iter() if element.tag.endswith(("script", "style"))]
    assert set(re.findall(r'href="(.)', text)) <= {"#"}
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", charts.CHARTS)
class TestEveryChart:
    def test_is_the_same_every_time_and_leaves_no_trace(self, summary: Summary, name: str) -> None:
        before = dict(mpl.rcParams)
        assert _svg(summary, name, 380) == _svg(summary, name, 380)
        assert dict(mpl.rcParams) == before

    def test_is_left_out_when_there_is_nothing_to_draw(self, name: str) -> None:
        # One bid that passes every gate, and no award: nothing is drawn, nothing was rejected.
        simple = network(bids=[{"bid": "B", "supplier": "S"}])
        empty = summarize(simple, Plan(awards=pl.DataFrame(schema=AWARD_SCHEMA)))
        assert charts.CHARTS[name](empty) is None


def test_a_png_has_the_width_asked_for_and_no_date(summary: Summary) -> None:
    figures = [charts.flow_map(summary, 380) for _ in range(2)]
    first, second = (drawing.png(figure, 1.0) for figure in figures if figure is not None)
    assert first == second
    with Image.open(io.BytesIO(first)) as image:
        assert image.width == 380
        assert image.getpixel((0, 0)) == (255, 255, 255, 255)


def test_names_are_written_as_they_are_and_not_as_mathematics(summary: Summary) -> None:
    text = _svg(summary, "days_in_hand", 800)
    assert "&lt;script&gt;alert('&amp;')&lt;/script&gt; $x" in text
    assert "<script" not in text


def test_what_arrival_adds_is_a_share_of_the_price(summary: Summary) -> None:
    awards = summary.awards
    price = float((awards["price_per_unit"] * awards["quantity"]).sum())
    added = (float(awards["landed_cost"].sum()) - price) / price
    assert added > 0.001
    assert f">+{added:.1%}<" in _svg(summary, "cost_beyond_price", 800)


def test_an_award_under_a_week_from_late_stands_out(summary: Summary) -> None:
    tight = summary.awards.filter(pl.col("slack_days") < 7).height
    assert 0 < tight < summary.awards.height
    text = _svg(summary, "days_in_hand", 800)
    # One bar each, and one square in the key.
    assert text.count(f"fill: {drawing.VERMILION}") == tight + 1
    assert text.count(f"fill: {drawing.BLUE}") == summary.awards.height - tight + 1


def test_the_key_of_the_map_has_the_modes_used_and_no_other(summary: Summary) -> None:
    text = _svg(summary, "flow_map", 800)
    for mode in charts.MODE_COLOURS:
        assert (f">{mode}<" in text) == (mode in summary.awards["mode"].to_list())


def test_a_map_of_many_lines_says_that_it_shows_the_largest(
    summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "largest of" not in _svg(summary, "flow_map", 800)
    monkeypatch.setattr(charts, "MOST_LINES", 1)
    assert "the 1 largest of 2 are shown" in _svg(summary, "flow_map", 800)


def test_labels_of_a_map_do_not_cover_each_other() -> None:
    # Thirty places within a tenth of a degree: there is room for few names.
    crowd = network(
        places=[
            {"place": "P"},
            *(
                {"place": f"P{i}", "name": f"Industrial park {i}", "latitude": 20.0 + i / 300}
                for i in range(30)
            ),
        ],
        suppliers=[{"supplier": f"S{i}", "place": f"P{i}"} for i in range(30)],
        bids=[{"bid": f"B{i}", "supplier": f"S{i}", "max_quantity": 4.0} for i in range(30)],
    )
    figure = charts.flow_map(summarize(crowd, solve(crowd)), 800)
    assert figure is not None
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert 2 <= len(boxes) < 30
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_goods_for_nothing_are_drawn_all_the_same() -> None:
    free = network(bids=[{"bid": "B", "supplier": "S", "price": 0.0}])
    assert "<svg" in _svg(summarize(free, solve(free)), "flow_map", 800)


def test_land_is_cut_to_the_view() -> None:
    rings = charts._land(100.0, 110.0, 8.0, 24.0)
    points = np.concatenate(rings)
    assert len(points) < sum(len(ring) for ring in outlines()) / 10
    # 2 % of the width, 0.2 degrees, remain outside the view.
    assert points.min(axis=0) == pytest.approx([99.8, 7.8], abs=0.1)
    assert points.max(axis=0) == pytest.approx([110.2, 24.2], abs=0.1)


def test_cutting_a_square_in_half_leaves_half_its_area() -> None:
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    x, y = charts._cut_ring(square, 0, 1.0, 1.0).T
    # Shoelace formula: the half right of x = 1 measures 1 × 2.
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert area == pytest.approx(2.0)
    assert x.min() == 1.0


def _svg(summary: Summary, name: str, width: int) -> str:
    figure = charts.CHARTS[name](summary, width)
    assert figure is not None
    return drawing.svg(figure, name)


def test_a_plan_draws_itself_without_its_network() -> None:
    plan = matcher.solve(matcher.read("examples/first-steps"), gap_limit=0.0)
    figure = plan.plot()
    assert figure is not None
    (axes,) = figure.axes
    sums = plan.awards.group_by("supplier").agg(pl.col("landed_cost").sum())
    largest_first = sums.sort("landed_cost", descending=True)["supplier"].to_list()
    assert [label.get_text() for label in axes.get_yticklabels()] == largest_first
    # The ends of the bars are the landed cost of each supplier's awards.
    drawn = sum(patch.get_width() for patch in axes.patches)
    assert drawn == pytest.approx(plan.awards["landed_cost"].sum())
    assert (plan.cost, plan.gap) == (plan.result.best, plan.result.gap)
    by_hand = plan_from_dict({"awards": [{"demand": "D1", "bid": "B1", "quantity": 1.0}]})
    assert (by_hand.cost, by_hand.gap, by_hand.plot()) == (None, None, None)
