"""The reports: their figures are the plan's, names from an input are inert, nothing is missing."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from matcher import formatting
from matcher.errors import InputError
from matcher.network import Network
from matcher.plan import Plan, plan_from_dict
from matcher.plan.files import read_plan
from matcher.report import html as html_module
from matcher.report import markdown as markdown_module
from matcher.report import report, to_html, to_markdown, to_xlsx
from matcher.report.summary import Summary, summarize
from matcher.solve import solve
from tests.networks import network

SUFFIXES = (".md", ".xlsx", ".html")

# Prices 2.00 and 3.00 per unit at the demands' own place, where nothing is added; S1 can make 60
# of D, S2 the other 40: 60 × 2 + 40 × 3 = 240, tooling 10 + 20 and onboarding 5 + 5. B3 costs 1.00
# but lacks the standard; nobody offers the component N.
TABLES: dict[str, list[dict[str, Any]]] = {
    "components": [{"component": "C", "name": "Cable | 1 m"}, {"component": "N"}],
    "standards": [{"standard": "Firm Q", "class": "firm"}],
    "requirements": [{"component": "C", "standard": "Firm Q"}],
    "certificates": [
        {"supplier": "S1", "standard": "Firm Q"},
        {"supplier": "S2", "standard": "Firm Q"},
    ],
    "demands": [{}, {"demand": "E", "component": "N"}],
    "suppliers": [
        {"supplier": "S1", "onboarding_cost": 5.0, "size_class": "micro"},
        {"supplier": "S2", "onboarding_cost": 5.0, "size_class": "large"},
        {"supplier": "S3"},
    ],
    "bids": [
        {"bid": "B1", "supplier": "S1", "price": 2.0, "max_quantity": 60.0, "tooling_cost": 10.0},
        {"bid": "B2", "supplier": "S2", "price": 3.0, "tooling_cost": 20.0},
        {"bid": "B3", "supplier": "S3", "price": 1.0},
    ],
}
LANDED, FIXED, ONBOARDING, TOTAL = 240.0, 30.0, 10.0, 280.0

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://x")',
    "+1+1",
    "-1",
    "@SUM(A1)",
    "{{ 7 * 7 }}",
    "a | b\nc",
    "[x](javascript:alert(1))",
    "$x_1$",
    "http://example.org",
    "'",
    "]]>",
    "</title>",
    "—测试 ﷽",
)


class _Page(HTMLParser):
    """The text, tags and table cells of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def column(rows: list[tuple[Any, ...]], label: str) -> list[Any]:
    at = rows[0].index(label)
    return [row[at] for row in rows[1:]]


@pytest.fixture(scope="module")
def net() -> Network:
    return network(**TABLES)


@pytest.fixture(scope="module")
def plan(net: Network) -> Plan:
    return solve(net, gap_limit=0.0)


@pytest.fixture(scope="module")
def summary(net: Network, plan: Plan) -> Summary:
    return summarize(net, plan)


@pytest.fixture(scope="module")
def page(summary: Summary) -> str:
    return to_html(summary)


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts have their own tests, and take their time."""
    monkeypatch.setattr(html_module, "_drawings", lambda *_: [])


def test_the_summary_adds_up(summary: Summary) -> None:
    assert summary.costs.total == pytest.approx(TOTAL)
    assert summary.judgement.ok
    for frame in (
        summary.by_term,
        summary.by_lead_firm,
        summary.by_economy,
        summary.by_size_class,
        summary.by_mode,
        summary.suppliers,
    ):
        assert frame["landed_cost"].sum() == pytest.approx(LANDED)
        assert frame["share"].sum() == pytest.approx(1.0)
    # S1 is micro and makes 60 × 2 of 240.
    assert summary.sme_share == pytest.approx(0.5)
    assert summary.unmet["demand"].to_list() == ["E"]
    assert summary.reasons.filter(pl.col("outcome") == "rejected").select(
        "reason", "pairs", "alone"
    ).rows() == [("standard", 1, 1)]


class TestXlsx:
    def test_figures_are_the_plans(self, summary: Summary, plan: Plan) -> None:
        book = sheets(to_xlsx(summary))
        awards = book["Awards"]
        assert sum(column(awards, "Landed cost, USD")) == pytest.approx(LANDED)
        assert column(awards, "Quantity") == plan.awards["quantity"].to_list() == [60.0, 40.0]
        assert column(awards, "Landed cost per unit, USD") == pytest.approx([2.0, 3.0])
        assert sum(column(book["Suppliers"], "Landed cost, USD")) == pytest.approx(LANDED)
        assert sum(column(book["Suppliers"], "Onboarding, USD")) == pytest.approx(ONBOARDING)
        assert column(book["Cost per unit"], "Price") == pytest.approx([2.0, 3.0])
        assert column(book["Unmet"], "Demand") == ["E"]
        assert column(book["Why not"], "Bid") == ["B3"]
        stated = {row[0]: row[1] for row in book["Summary"]}
        assert stated["Landed cost, USD"] == pytest.approx(LANDED)
        assert stated["Fixed costs, USD"] == pytest.approx(FIXED)
        assert stated["Total cost, USD"] == pytest.approx(TOTAL)
        assert stated["Proven lower bound, USD"] == pytest.approx(TOTAL)
        breakdown = {row[0]: row[1] for row in book["Cost breakdown"][:13]}
        assert breakdown["Price"] == pytest.approx(LANDED)

    def test_dates_are_dates_and_headers_stay_in_sight(self, summary: Summary, plan: Plan) -> None:
        book = openpyxl.load_workbook(io.BytesIO(to_xlsx(summary)))
        sheet = book["Awards"]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == f"A1:N{1 + plan.awards.height}"
        arrives = [
            cell.value
            for cell in next(column for column in sheet.columns if column[0].value == "Arrives")
        ][1:]
        assert all(isinstance(value, datetime) for value in arrives)
        assert [value.date() for value in arrives] == plan.awards["arrival_date"].to_list()

    def test_it_has_a_native_chart(self, summary: Summary) -> None:
        with zipfile.ZipFile(io.BytesIO(to_xlsx(summary))) as file:
            chart = file.read("xl/charts/chart1.xml").decode()
        # The terms after the price, rows 4 to 13 of the sheet.
        assert "'Cost breakdown'!$B$4:$B$13" in chart


class TestMarkdown:
    def test_figures_are_the_plans(self, summary: Summary) -> None:
        text = to_markdown(summary)
        assert text.splitlines()[2] == f"**{summary.plan.verdict}**"
        assert "- Total cost, USD: 280.00 (landed cost 240.00, fixed costs 30.00" in text
        row = next(
            line for line in text.splitlines() if line.startswith("| D | Cable \\| 1 m | S1")
        )
        assert "| Vietnam | 60 | piece |" in row
        assert "| 2.000 | 120.00 |" in row
        assert "There is nothing to negotiate" in text

    def test_a_long_table_says_where_the_rest_is(
        self, summary: Summary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(markdown_module, "LIMIT", 1)
        assert "The first 1 of 2 rows are shown; the XLSX report has all of them." in to_markdown(
            summary
        )


class TestHtml:
    def test_figures_are_the_plans(self, summary: Summary, page: str) -> None:
        parsed = _Page(page)
        assert summary.plan.verdict in parsed.text
        assert summary.judgement.verdict in parsed.text
        assert "Total cost, USD 280.00" in parsed.text
        at = parsed.cells.index("Cable | 1 m")
        assert parsed.cells[at - 1 : at + 8] == [
            "D",
            "Cable | 1 m",
            "S1",
            "Vietnam",
            "60",
            "piece",
            summary.awards["mode"][0],
            "2.000",
            "120.00",
        ]

    def test_is_one_file_without_scripts_for_a_strict_policy(self, page: str) -> None:
        parsed = _Page(page)
        names = {tag for tag, _ in parsed.tags}
        assert not names & {"script", "link", "iframe", "img", "object", "embed", "base", "form"}
        for _, attributes in parsed.tags:
            assert not [name for name in attributes if name.startswith("on")]
            for name in ("href", "src", "xlink:href"):
                assert (attributes.get(name) or "#").startswith("#")
        assert "@import" not in page
        assert set(re.findall(r"url\(([^)]{1,2})", page)) <= {"#p", "#c", "#m"}

    def test_is_accessible(self, page: str) -> None:
        tags = _Page(page).tags
        count = [tag for tag, _ in tags].count
        assert count("h1") == 1
        assert count("caption") == count("table") > 5
        assert all(
            attributes.get("scope") in ("col", "row") for tag, attributes in tags if tag == "th"
        )
        drawings = [attributes for tag, attributes in tags if tag == "svg"]
        assert drawings
        assert all(a["role"] == "img" and a["aria-label"] for a in drawings)
        ids = [
            a["id"]
            for _, a in tags
            if "id" in a and not re.match(r"[pmc][0-9a-f]{8}", str(a["id"]))
        ]
        assert len(ids) == len(set(ids))
        assert dict(tags)["html"]["lang"] == "en"

    @pytest.mark.usefixtures("no_charts")
    def test_a_long_table_says_where_the_rest_is(
        self, summary: Summary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(html_module, "LIMIT", 1)
        assert (
            "The first 1 of 2 rows are shown; the XLSX report has all"
            in _Page(to_html(summary)).text
        )


def _named(attack: str, plan: Plan) -> Summary:
    """The same plan for the same network, in which everything has the given name."""
    net = network(
        **TABLES
        | {
            "network": [{"name": attack}],
            **{
                table: [row | {"name": attack} for row in TABLES[table]]
                for table in ("components", "suppliers")
            },
            "places": [{"name": attack}],
            "lead_firms": [{"name": attack}],
        }
    )
    return summarize(net, replace(plan, network=net.name, input_hash=net.input_hash))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_name_is_only_ever_text(attack: str, plan: Plan) -> None:
    summary = _named(attack, plan)
    assert summary.judgement.ok
    name = summary.network.name
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(summary)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    assert not [cell for cell in cells if cell.hyperlink]
    assert name in [cell.value for cell in cells]

    text = to_markdown(summary)
    # Awards have 11 cells, losing bids 7, faults none: no name adds or ends a cell.
    widths = {
        len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| D ")
    }
    assert widths == {12, 8}
    assert not re.search(r"(?<!\\)<(script|img)|(?<!\\)\]\(", text)


def test_hostile_names_are_only_text_on_the_page(
    plan: Plan, recwarn: pytest.WarningsRecorder
) -> None:
    summary = _named(" ".join(ATTACKS), plan)
    page = _Page(to_html(summary))
    assert page.cells.count(summary.network.name) >= 3
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert "{{ 7 * 7 }}" in page.text
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    # Names in scripts that the charts' own font lacks are no reason to complain.
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_cheaper_bid_that_got_nothing_is_worth_negotiating() -> None:
    # Both cost 1.00 and 1.10 per unit; tooling of 50 on the cheaper one makes it lose the 100
    # units. At most 0.10 × 100 = 10 could be saved.
    net = network(
        bids=[
            {"bid": "A", "supplier": "S1", "price": 1.0, "tooling_cost": 50.0},
            {"bid": "B", "supplier": "S2", "price": 1.1},
        ]
    )
    summary = summarize(net, solve(net, gap_limit=0.0))
    assert summary.savings.select("demand", "bid", "reason", "quantity").rows() == [
        ("D", "A", "rules", 100.0)
    ]
    assert summary.savings["amount"].to_list() == pytest.approx([10.0])
    text = to_markdown(summary)
    assert "Worth negotiating: 1 demand had a bid" in text
    assert "at most 10.00 USD (9.09% of the total cost)" in text


@pytest.mark.parametrize(
    ("bid", "capacity", "most"),
    [({"max_quantity": 30.0}, 1000.0, 30.0), ({}, 10.0, 20.0), ({}, 1000.0, 40.0)],
)
def test_a_saving_counts_no_more_than_the_bid_could_take(
    bid: dict[str, float], capacity: float, most: float
) -> None:
    # A may be given its largest award, or capacity ÷ 0.5 per unit, or the share cap of 40.
    net = network(
        demands=[{"share_cap": 0.4}],
        resources=[{"resource": "R", "supplier": "S1", "capacity": capacity}],
        usages=[{"bid": "A", "resource": "R", "use_per_unit": 0.5}],
        bids=[
            {"bid": "A", "supplier": "S1", "price": 1.0, "tooling_cost": 50.0} | bid,
            *({"bid": f"B{i}", "supplier": f"T{i}", "price": 1.1} for i in range(3)),
        ],
    )
    summary = summarize(net, solve(net, gap_limit=0.0))
    assert summary.savings["quantity"].to_list() == [most]
    assert summary.savings["amount"].to_list() == pytest.approx([0.1 * most])


def test_a_plan_made_by_hand_is_completed_and_judged(net: Network) -> None:
    made = plan_from_dict({"awards": [{"demand": "D", "bid": "B2", "quantity": 100.0}]})
    summary = summarize(net, made)
    assert summary.is_filled
    # 100 × 3, tooling 20, onboarding 5.
    assert summary.costs.total == pytest.approx(325.0)
    page = _Page(to_html(summary)).text
    assert "made by hand: it states neither a cost nor a proof" in page
    assert "Total cost, USD 325.00" in page
    assert "Proven lower bound" not in page
    awards = sheets(to_xlsx(summary))["Awards"]
    assert sum(column(awards, "Landed cost, USD")) == pytest.approx(300.0)


def test_a_plan_that_breaks_a_rule_is_called_so(net: Network) -> None:
    made = plan_from_dict({"awards": [{"demand": "D", "bid": "B1", "quantity": 100.0}]})
    summary = summarize(net, made)
    for text in (_Page(to_html(summary)).text, to_markdown(summary).replace("\\", "")):
        assert "Do not use this plan" in text
        assert "above_max_quantity" in text
    assert "above_max_quantity" in column(sheets(to_xlsx(summary))["Run and warnings"][1:], "Code")


def _contradiction() -> Network:
    return network(
        demands=[{"quantity": 100.0}],
        bids=[{"bid": "B", "supplier": "S"}],
        rules=[{"rule": "two", "kind": "supplier_count", "scope": "network", "min": 2.0}],
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", ["empty", "infeasible", "unmet only", "nobody offers it"])
def test_a_plan_without_awards_is_reported_too(case: str, suffix: str, tmp_path: Path) -> None:
    if case == "infeasible":
        net = _contradiction()
        plan = solve(net)
        assert plan.result is not None
        assert plan.result.solution_status == "infeasible"
    elif case == "empty":
        net = network(bids=[{"bid": "B", "supplier": "S"}])
        plan = plan_from_dict({"awards": []})
    elif case == "unmet only":
        net = network(demands=[{"ceiling": 0.5}], bids=[{"bid": "B", "supplier": "S"}])
        plan = solve(net)
    else:
        net = network(
            components=[{}, {"component": "N"}],
            demands=[{"component": "N"}],
            bids=[{"bid": "B", "supplier": "S"}],
        )
        plan = solve(net)
    assert plan.awards.is_empty()
    path = tmp_path / f"report{suffix}"
    report(net, plan, path)
    # What could be changed stands in a table of its own.
    headline = plan.verdict.split(" What to change so that a plan exists: ")[0]
    if suffix == ".xlsx":
        book = sheets(path.read_bytes())
        assert book["Summary"][1][0] == headline
        assert column(book["Unmet"], "Demand") == ["D"]
        assert column(book["Awards"], "Demand") == []
    else:
        text = path.read_text(encoding="utf-8")
        shown = _Page(text).text if suffix == ".html" else text
        assert headline in shown
        assert ("There is no plan to check." in shown) == (case == "infeasible")
        assert ("Total cost" in shown) == (case != "infeasible")
        assert "1 of 1 demand is not covered in full; 1 of them gets nothing at all." in shown


@pytest.mark.parametrize("write", [to_markdown, to_html, to_xlsx])
def test_equal_plans_give_equal_reports(net: Network, plan: Plan, write: Any) -> None:
    assert write(summarize(net, plan)) == write(summarize(net, plan))


@pytest.mark.usefixtures("no_charts")
def test_a_plan_read_back_gives_the_same_report(net: Network, plan: Plan, tmp_path: Path) -> None:
    plan.write(tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json")
    assert to_html(summarize(net, again)) == to_html(summarize(net, plan))


@pytest.mark.usefixtures("no_charts")
def test_warnings_of_the_network_are_in_the_report() -> None:
    # A duty row is missing for goods from TH to VN.
    net = network(
        places=[
            {"place": "P", "economy": "VN"},
            {"place": "Q", "economy": "TH", "city": "Bangkok"},
        ],
        trade_costs=[{"economy": "VN"}, {"economy": "TH"}],
        suppliers=[{"supplier": "S", "place": "Q"}],
        bids=[{"bid": "B", "supplier": "S"}],
        duties=[],
    )
    assert [warning.code for warning in net.warnings] == ["assumed_duty"]
    summary = summarize(net, solve(net))
    assert net.warnings[0].problem in _Page(to_html(summary)).text


def test_report_never_prints(
    net: Network, plan: Plan, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for suffix in SUFFIXES:
        report(net, plan, tmp_path / f"r{suffix}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("plan.pdf", "unknown_format"),
        ("plan", "unknown_format"),
        ("no/such/place.md", "unwritable"),
    ],
)
def test_a_path_that_does_not_do_is_an_input_error(
    net: Network, plan: Plan, tmp_path: Path, name: str, code: str
) -> None:
    with pytest.raises(InputError) as raised:
        report(net, plan, tmp_path / name)
    assert [issue.code for issue in raised.value.issues] == [code]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.8, "1,234,568"),
        (-36356.2, "−36,356"),
        (12.345, "12.35"),
        (-0.001, "0.00"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_money(value: float | None, text: str) -> None:
    assert formatting.money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.20531, "0.2053"),
        (21.8, "21.80"),
        (1234.5, "1,234.50"),
        (0.0000123, "0.000012"),
        (0.0, "0.0000"),
        (-0.5, "−0.5000"),
    ],
)
def test_unit_cost(value: float, text: str) -> None:
    assert formatting.unit_cost(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(24000.0, "24,000"), (0.125, "0.125"), (2e-4, "0.0002"), (0.0, "0")]
)
def test_a_quantity_that_is_something_is_not_shown_as_nothing(value: float, text: str) -> None:
    assert formatting.quantity(value) == text


@pytest.mark.parametrize(("value", "text"), [(6.99, "6.9"), (7.0, "7.0"), (-0.01, "−0.1")])
def test_days_in_hand_are_never_overstated(value: float, text: str) -> None:
    assert formatting.days(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_341_538.0, "1.34 M"),
        (999_700.0, "1.00 M"),
        (90_200.0, "90.2 k"),
        (4.02, "4.02"),
        (0.0, "0"),
        (2.5e9, "2.50 bn"),
    ],
)
def test_short_money(value: float, text: str) -> None:
    assert formatting.short_money(value) == text
