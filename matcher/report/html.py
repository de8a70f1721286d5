"""The report as one HTML page: no script, no network, light and dark, ready to print."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from matcher.report.content import headline, judged, key_figures, proof, sections
from matcher.report.summary import Summary
from matcher.report.table import ReportTable

# Rows of a table; more make a page that no browser scrolls with pleasure.
LIMIT = 500
# Tables that most readers want to open only when they need them.
FOLDED = ("awards", "suppliers", "nearest", "warnings", "basis", "by_mode")
# Pixels for which each chart is laid out: for a screen, and for a telephone.
WIDE, SLIM = 800, 380
_NAMES = {
    "cost_beyond_price": "Bar chart: landed cost above the price of the largest components, by "
    "cost item. The table beside it has the totals.",
    "award_shares": "Bar chart: landed cost by economy and size class of the supplier. The tables "
    "below have the figures.",
    "flow_map": "Map: lines from suppliers to places of demand, as wide as their landed cost. "
    "The table of awards has the figures.",
    "days_in_hand": "Bar chart: the awards with the fewest days in hand before the due date. The "
    "table of awards has the figures.",
    "rejection_reasons": "Bar chart: rejected pairs of demand and bid by reason. The table below "
    "has the figures.",
}


def to_html(summary: Summary) -> str:
    """The report as the text of one self-contained HTML page.

    It runs under ``default-src 'none'; style-src 'unsafe-inline'``: charts are inline SVG, and
    whatever comes from the input is escaped.
    """
    parts = sections(summary)
    charts = {name: _drawings(summary, name) for part in parts for name in part.charts}
    return _template().render(
        summary=summary,
        parts=parts,
        charts=charts,
        headline=headline(summary),
        proof=proof(summary),
        judged=judged(summary),
        key_figures=key_figures(summary),
        limit=LIMIT,
        folded=FOLDED,
        number=_is_number,
    )


def _drawings(summary: Summary, name: str) -> list[tuple[str, Markup]]:
    """A chart laid out for a screen and for a telephone; the page shows the one that fits."""
    # Loading the plotting library takes half as long as all else: only who draws waits for it.
    from matcher.report.charts import CHARTS
    from matcher.report.drawing import svg

    drawn = []
    for size, width in (("wide", WIDE), ("slim", SLIM)):
        figure = CHARTS[name](summary, width)
        if figure is not None:
            # Markup is safe here: every text of an SVG has been escaped on its way into it.
            drawn.append((size, Markup(svg(figure, _NAMES[name]))))
    return drawn


def _is_number(table: ReportTable, i: int) -> bool:
    return table.columns[i].kind not in ("text", "date")


@cache
def _template() -> Template:
    source = (files("matcher.report") / "report.html.j2").read_text(encoding="utf-8")
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(source)
