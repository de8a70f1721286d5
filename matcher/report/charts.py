"""Charts of a plan: drawn once here, shown by the reports and the web page alike.

Each chart is a function from a `matcher.report.summary.Summary` and a width in pixels to a figure,
or to ``None`` when there is nothing to draw; `matcher.report.drawing` turns figures into SVG or
PNG. Equal summaries give equal bytes.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Protocol

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from matcher import formatting
from matcher.network.arrays import Floats
from matcher.reference.land import outlines
from matcher.report import drawing
from matcher.report.drawing import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    INK,
    LABEL_SIZE,
    LAND,
    LINE,
    MUTED,
    NAME_SIZE,
    NARROW,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
)
from matcher.report.summary import TIGHT_DAYS, Summary
from matcher.screening.landed_cost import TERMS


class Chart(Protocol):
    """A chart: a summary and a width in pixels in, a figure out, or nothing to draw."""

    def __call__(self, summary: Summary, width: int = 800) -> Figure | None:
        """Draw it."""


# More lines make neither a map that can be read nor a page that opens quickly.
MOST_LINES = 250
# Where a name may stand beside its place, in points, the best first.
_AROUND = (
    (6, 0, "left", "center"),
    (-6, 0, "right", "center"),
    (0, 6, "center", "bottom"),
    (0, -6, "center", "top"),
)
MODE_COLOURS = {"sea": BLUE, "road": GREEN, "rail": PURPLE, "air": ORANGE}
SIZE_COLOURS = {"micro": ORANGE, "small": GREEN, "medium": BLUE, "large": GREY}
# The terms beyond the price, in the order of the goods' way; what belongs together is one part.
ADDED = (
    ("Origin and export", ("origin_charges", "export"), SKY),
    ("Freight and insurance", ("freight", "insurance"), BLUE),
    ("Duty", ("duty",), VERMILION),
    ("Import clearance", ("import",), ORANGE),
    ("Carrying cost", ("carrying",), GREEN),
    ("Cost of defects", ("quality",), PURPLE),
    ("Payment terms", ("payment_terms",), GREY),
)


def _styled(chart: Chart) -> Chart:
    """Draw within the house style, and leave the process's own style alone."""

    @wraps(chart)
    def drawn(summary: Summary, width: int = 800) -> Figure | None:
        with drawing.style():
            return chart(summary, width)

    return drawn


@_styled
def cost_beyond_price(summary: Summary, width: int = 800) -> Figure | None:
    """What is added to the price until arrival, in % of the price, for the largest components."""
    awards = summary.awards.drop_nulls([f"{term}_per_unit" for term in TERMS])
    sums = (
        awards.group_by("component")
        .agg(
            pl.col("component_name").first(),
            pl.col("landed_cost").sum(),
            *(
                (pl.col(f"{term}_per_unit") * pl.col("quantity")).sum().alias(term)
                for term in TERMS
            ),
        )
        .filter(pl.col("price") > 0)
        .sort("landed_cost", "component", descending=[True, False])
    )
    if sums.is_empty():
        return None
    shown = sums.head(12 if width < NARROW else 18)
    figure, axes = _bars_figure(
        width,
        shown.height,
        f"Landed cost above the price, % of the price\n{_largest(shown.height, sums.height)} "
        "components by landed cost; what the price already includes is not counted again",
        len(ADDED),
    )
    price = shown["price"].to_numpy()
    right, left = np.zeros(shown.height), np.zeros(shown.height)
    rows = np.arange(shown.height)
    for name, terms, colour in ADDED:
        part = sum((shown[term].to_numpy() for term in terms), np.zeros(shown.height)) / price * 100
        plus, minus = np.maximum(part, 0), np.minimum(part, 0)
        axes.barh(rows, plus, left=right, color=colour, height=0.64, label=name)
        axes.barh(rows, minus, left=left, color=colour, height=0.64)
        right, left = right + plus, left + minus
    net = sum((shown[term].to_numpy() for term in TERMS[1:]), np.zeros(shown.height)) / price * 100
    wide = width >= NARROW
    _end_labels(
        axes,
        right,
        [f"{value:+.1f}%".replace("-", "−") for value in net],
        float(left.min()),
        aside=62 if wide else 0,
    )
    if wide:
        for row, cost in enumerate(shown["landed_cost"]):
            _aside(axes, row, formatting.short_money(cost))
        _aside(axes, -0.78, f"landed cost, {summary.currency}")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    _names(axes, shown["component_name"].to_list())
    drawing.key(figure, [(name, colour) for name, _, colour in ADDED], width)
    return figure


@_styled
def award_shares(summary: Summary, width: int = 800) -> Figure | None:
    """Landed cost by economy of the supplier, each bar split by size class."""
    total = float(summary.by_economy["landed_cost"].sum())
    if total <= 0:
        return None
    shown = summary.by_economy.head(14)
    figure, axes = _bars_figure(
        width,
        shown.height,
        f"Landed cost by economy, {summary.currency}\n"
        f"{_largest(shown.height, summary.by_economy.height)} economies, by supplier size class; "
        f"SMEs receive {formatting.share(summary.sme_share)} of the landed cost",
        len(SIZE_COLOURS),
    )
    parts = summary.awards.group_by("economy_name", "size_class").agg(pl.col("landed_cost").sum())
    start = np.zeros(shown.height)
    rows = np.arange(shown.height)
    for size, colour in SIZE_COLOURS.items():
        of = (
            shown.select("label")
            .join(
                parts.filter(pl.col("size_class") == size),
                left_on="label",
                right_on="economy_name",
                how="left",
                maintain_order="left",
            )["landed_cost"]
            .fill_null(0.0)
            .to_numpy()
        )
        axes.barh(rows, of, left=start, color=colour, height=0.64)
        start = start + of
    labels = [
        f"{formatting.short_money(value)} · {formatting.share(value / total, 0)}"
        + (f" · {formatting.count(number, 'supplier')}" if width >= NARROW else "")
        for value, number in shown.select("landed_cost", "suppliers").iter_rows()
    ]
    _end_labels(axes, start, labels)
    _names(axes, shown["label"].to_list())
    drawing.key(figure, list(SIZE_COLOURS.items()), width)
    return figure


# long: one drawing, from the land up to its labels
@_styled
def flow_map(summary: Summary, width: int = 800) -> Figure | None:
    """Awards as lines from the supplier's place to the demand's, as wide as their landed cost."""
    places = summary.network.places.select("place", "latitude", "longitude", name="name")
    flows = (
        summary.awards.drop_nulls(["place", "destination", "mode", "landed_cost"])
        .group_by("place", "destination", "mode")
        .agg(pl.col("landed_cost").sum())
        .join(places.rename({"name": "from_name"}), on="place")
        .join(
            places.rename(
                {
                    "place": "destination",
                    "name": "to_name",
                    "latitude": "to_latitude",
                    "longitude": "to_longitude",
                }
            ),
            on="destination",
        )
        .sort("landed_cost", "place", "destination", "mode", descending=[True, False, False, False])
    )
    if flows.is_empty():
        return None
    every, flows = flows.height, flows.head(MOST_LINES)
    x0, y0 = flows["longitude"].to_numpy(), flows["latitude"].to_numpy()
    x1, y1 = flows["to_longitude"].to_numpy(), flows["to_latitude"].to_numpy()
    west, east, south, north = _frame(np.r_[x0, x1], np.r_[y0, y1])
    # Degrees of longitude are drawn shorter by the cosine of the middle latitude.
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    lines = "" if every <= MOST_LINES else f"; the {MOST_LINES} largest of {every:,} are shown"
    title = (
        f"Transport routes of the awards\nSquares are places of demand; lines are as wide as "
        f"their landed cost, {formatting.short_money(float(flows['landed_cost'][0]))} "
        f"{summary.currency} at most{lines}"
    )
    modes = [mode for mode in MODE_COLOURS if mode in flows["mode"]]
    head, foot, margin = (
        drawing.headline_height(title, width),
        drawing.key_height(len(modes), width),
        8,
    )
    tall = (width - 2 * margin) * (north - south) / ((east - west) * squeeze)
    tall = float(np.clip(tall, width * 0.35, width * (1.1 if width < NARROW else 0.8)))
    height = head + tall + foot
    figure = drawing.blank(width, height)
    drawing.headline(figure, title)
    axes = figure.add_axes((margin / width, foot / height, 1 - 2 * margin / width, tall / height))
    # Whichever direction has room to spare shows more of the world, so that shapes stay true.
    lengthen = (width - 2 * margin) / tall * (north - south) / ((east - west) * squeeze)
    west, east = _widened(west, east, lengthen)
    south, north = _widened(south, north, 1 / lengthen)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.add_collection(
        PolyCollection(
            _land(west, east, south, north),
            facecolors=LAND,
            edgecolors=LINE,
            linewidths=0.6,
            zorder=0,
        )
    )
    value = flows["landed_cost"].to_numpy()
    thick = 0.8 + 6.0 * np.sqrt(value / (value.max() or 1.0))
    bends = [0.10 + 0.05 * list(MODE_COLOURS).index(mode) for mode in flows["mode"]]
    arcs = [_arc(*ends) for ends in zip(x0, y0, x1, y1, bends, strict=True)]
    colours = [MODE_COLOURS[mode] for mode in flows["mode"]]
    axes.add_collection(
        LineCollection(
            arcs, colors=colours, linewidths=thick.tolist(), alpha=0.55, capstyle="round", zorder=2
        )
    )
    targets = _ends(flows, "destination", "to_name", "to_longitude", "to_latitude")
    origins = _ends(flows, "place", "from_name", "longitude", "latitude").join(
        targets.select("place"), on="place", how="anti", maintain_order="left"
    )
    axes.scatter(origins["longitude"], origins["latitude"], s=14, color=INK, zorder=3, linewidths=0)
    axes.scatter(
        targets["longitude"],
        targets["latitude"],
        s=58,
        marker="s",
        color=INK,
        zorder=4,
        linewidths=0,
    )
    labels = [
        (name, x, y, strong)
        for frame, strong in ((targets, True), (origins, False))
        for name, x, y in frame.select("name", "longitude", "latitude").iter_rows()
    ]
    _place_labels(figure, axes, labels, 10 if width < NARROW else 28, width)
    drawing.key(figure, [(mode, MODE_COLOURS[mode]) for mode in modes], width)
    return figure


@_styled
def days_in_hand(summary: Summary, width: int = 800) -> Figure | None:
    """Days in hand of the awards with the fewest; those under a week stand out."""
    awards = summary.awards.drop_nulls("slack_days").sort("slack_days", "demand", "supplier")
    if awards.is_empty():
        return None
    shown = awards.head(12 if width < NARROW else 18)
    tight = summary.tight.height
    risk = f"{formatting.count(tight, 'award')} under a week" if tight else "none under a week"
    figure, axes = _bars_figure(
        width,
        shown.height,
        f"Days in hand before the due date\n{_largest(shown.height, awards.height, 'tightest')} "
        f"awards, safety days already set aside; {risk}",
        2,
        names=0.46 if width < NARROW else 0.4,
    )
    slack = shown["slack_days"].to_numpy()
    colours = [VERMILION if days < TIGHT_DAYS else BLUE for days in slack]
    rows = np.arange(shown.height)
    axes.barh(rows, slack, color=colours, height=0.64)
    _end_labels(
        axes,
        np.maximum(slack, 0.0),
        [
            formatting.days(days) + (f", by {mode}" if mode else "")
            for days, mode in zip(slack, shown["mode"], strict=True)
        ],
        min(float(slack.min()), 0.0),
    )
    axes.axvline(0, color=MUTED, linewidth=0.8)
    _names(
        axes,
        [
            f"{component}, {supplier}"
            for component, supplier in shown.select("component_name", "supplier_name").iter_rows()
        ],
    )
    drawing.key(figure, [("under a week", VERMILION), ("a week or more", BLUE)], width)
    return figure


@_styled
def rejection_reasons(summary: Summary, width: int = 800) -> Figure | None:
    """Pairs of demand and bid that a gate rejected, by gate; alone or together with others."""
    shown = summary.reasons.filter(pl.col("outcome") == "rejected").sort(
        "pairs", "reason", descending=[True, False]
    )
    if shown.is_empty():
        return None
    pairs = summary.lost.filter(pl.col("outcome") == "rejected").height
    figure, axes = _bars_figure(
        width,
        shown.height,
        f"Why bids were rejected\n{formatting.count(pairs, 'pair')} of a demand and a bid failed "
        "a gate; a pair that failed several gates counts at each",
        2,
    )
    rows, alone = np.arange(shown.height), shown["alone"].to_numpy()
    every = shown["pairs"].to_numpy()
    axes.barh(rows, alone, color=ORANGE, height=0.64)
    axes.barh(rows, every - alone, left=alone, color=GREY, height=0.64)
    _end_labels(
        axes,
        every.astype(np.float64),
        [
            f"{number:,}, {only:,} of them for this reason alone"
            if width >= NARROW
            else f"{number:,} ({only:,})"
            for number, only in zip(every, alone, strict=True)
        ],
    )
    _names(axes, shown["label"].to_list())
    entries = [("failed this gate only", ORANGE), ("failed other gates too", GREY)]
    drawing.key(figure, entries, width)
    return figure


def cost_by_supplier(awards: pl.DataFrame, currency: str, width: int = 800) -> Figure | None:
    """Landed cost of a plan's awards by supplier, each bar split into price and what is added.

    Needs no network, so that a plan alone can be drawn; ``None`` where no award states its costs.
    """
    stated = awards.drop_nulls([f"{term}_per_unit" for term in TERMS])
    sums = (
        stated.group_by("supplier")
        .agg((pl.col(f"{term}_per_unit") * pl.col("quantity")).sum().alias(term) for term in TERMS)
        .with_columns(total=pl.sum_horizontal(TERMS))
        .sort("total", "supplier", descending=[True, False])
    )
    if sums.is_empty():
        return None
    shown = sums.head(20)
    entries = [("Price", ("price",), LINE), *ADDED]
    with drawing.style():
        figure, axes = _bars_figure(
            width,
            shown.height,
            f"Landed cost by supplier, {currency}\n{_largest(shown.height, sums.height)} suppliers",
            len(entries),
        )
        rows, right, left = np.arange(shown.height), np.zeros(shown.height), np.zeros(shown.height)
        for name, terms, colour in entries:
            part = sum((shown[term].to_numpy() for term in terms), np.zeros(shown.height))
            plus, minus = np.maximum(part, 0), np.minimum(part, 0)
            axes.barh(rows, plus, left=right, color=colour, height=0.64, label=name)
            axes.barh(rows, minus, left=left, color=colour, height=0.64)
            right, left = right + plus, left + minus
        totals = [formatting.short_money(total) for total in shown["total"]]
        _end_labels(axes, right, totals, float(left.min()))
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _names(axes, shown["supplier"].to_list())
        drawing.key(figure, [(name, colour) for name, _, colour in entries], width)
    return figure


CHARTS: dict[str, Chart] = {
    "cost_beyond_price": cost_beyond_price,
    "award_shares": award_shares,
    "flow_map": flow_map,
    "days_in_hand": days_in_hand,
    "rejection_reasons": rejection_reasons,
}


def _bars_figure(
    width: int, rows: int, title: str, entries: int, names: float | None = None
) -> tuple[Figure, Axes]:
    """A figure for horizontal bars: title above, a key of so many entries below, a line a row.

    ``names`` is the share of the width that the names of the rows get.
    """
    head, foot = drawing.headline_height(title, width), drawing.key_height(entries, width)
    body = rows * 23 + 12
    height = head + body + foot
    figure = drawing.blank(width, height)
    drawing.headline(figure, title)
    names = names or (0.40 if width < NARROW else 0.27)
    axes = figure.add_axes((names, foot / height, 1 - names - 0.01, body / height))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xticks([])
    return figure, axes


def _largest(shown: int, total: int, word: str = "largest") -> str:
    return f"The {shown} {word} of {total:,}" if shown < total else f"All {total:,}"


def _names(axes: Axes, names: list[str]) -> None:
    """Row names to the left of the bars, cut where there is no room for them."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    room = axes.get_position().x0 * figure.get_size_inches()[0] * DPI - 14
    axes.set_yticks(range(len(names)), [_fitted(name, room) for name in names])


def _end_labels(
    axes: Axes, ends: Floats, labels: list[str], start: float = 0.0, aside: float = 0.0
) -> None:
    """A label at the end of each bar, and an axis just long enough for the longest of them.

    ``aside`` keeps so many pixels free to the right.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    pixels = axes.get_position().width * figure.get_size_inches()[0] * DPI - aside - 10
    widths = np.array([drawing.text_width(label, LABEL_SIZE) for label in labels])
    reach = (ends - start) * pixels / np.maximum(pixels - widths, 0.2 * pixels)
    longest = float(reach.max()) or 1.0
    axes.set_xlim(start, start + longest * (pixels + aside) / pixels)
    for row, (end, label) in enumerate(zip(ends, labels, strict=True)):
        axes.annotate(
            label, (end, row), (4, 0), textcoords="offset points", va="center", fontsize=LABEL_SIZE
        )


def _aside(axes: Axes, row: float, text: str) -> None:
    """A muted text at the right edge of a row."""
    axes.text(
        1.0,
        row,
        text,
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="center",
        fontsize=LABEL_SIZE,
        color=MUTED,
        clip_on=False,
    )


def _fitted(name: str, room: float) -> str:
    """A name cut to so many pixels."""
    text = _cut(name, 60)
    while len(text) > 2 and drawing.text_width(text, NAME_SIZE) > room:
        text = text[:-2].rstrip() + "…"
    return text


def _cut(name: str, room: int) -> str:
    # A line break or control character in a name would tear the chart.
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name if len(name) <= room else name[: room - 1].rstrip() + "…"


def _frame(x: Floats, y: Floats) -> tuple[float, float, float, float]:
    """West, east, south and north of a view of all points, with some room."""
    span = max(float(np.ptp(x)), float(np.ptp(y)), 4.0)
    pad = span * 0.08
    grow_x = max(0.0, span * 0.5 - float(np.ptp(x))) / 2 + pad
    grow_y = max(0.0, span * 0.5 - float(np.ptp(y))) / 2 + pad
    return (
        float(x.min()) - grow_x,
        float(x.max()) + grow_x,
        max(float(y.min()) - grow_y, -89.0),
        min(float(y.max()) + grow_y, 89.0),
    )


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    """An interval made longer about its middle; one that would become shorter stays."""
    grow = (high - low) * max(factor - 1.0, 0.0) / 2
    return low - grow, high + grow


def _land(west: float, east: float, south: float, north: float) -> list[Floats]:
    """Outlines of land within a view, cut a little outside its edges."""
    pad = 0.02 * (east - west)
    cuts = (
        (0, 1.0, west - pad),
        (0, -1.0, -east - pad),
        (1, 1.0, south - pad),
        (1, -1.0, -north - pad),
    )
    rings = []
    for ring in outlines():
        for axis, sign, limit in cuts:
            ring = _cut_ring(ring, axis, sign, limit)
            if len(ring) < 3:
                break
        else:
            rings.append(ring)
    return rings


def _cut_ring(ring: Floats, axis: int, sign: float, limit: float) -> Floats:
    """The part of a polygon where ``sign × coordinate ≥ limit`` (Sutherland and Hodgman, 1974)."""
    depth = sign * ring[:, axis] - limit
    inside = depth >= 0
    if inside.all():
        return ring
    if not inside.any():
        return ring[:0]
    following, next_depth = np.roll(ring, -1, axis=0), np.roll(depth, -1)
    crosses = inside != np.roll(inside, -1)
    share = np.where(crosses, depth / np.where(crosses, depth - next_depth, 1.0), 0.0)
    points = np.stack([ring, ring + share[:, None] * (following - ring)], axis=1)
    kept = np.stack([inside, crosses], axis=1)
    cut: Floats = points[kept]
    return cut


def _arc(x0: float, y0: float, x1: float, y1: float, bend: float) -> Floats:
    """A line with a slight bend, so that several between two places can be told apart."""
    t = np.linspace(0.0, 1.0, 17)
    middle = np.array([(x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)])
    ends = np.array([[x0, y0], [x1, y1]])
    curve: Floats = (
        np.outer((1 - t) ** 2, ends[0])
        + np.outer(2 * t * (1 - t), middle)
        + np.outer(t**2, ends[1])
    )
    return curve


def _ends(
    flows: pl.DataFrame, place: str, name: str, longitude: str, latitude: str
) -> pl.DataFrame:
    """The places at one end of the flows, the ones with most money first."""
    return (
        flows.group_by(place=pl.col(place))
        .agg(
            name=pl.coalesce(name, place).first(),
            longitude=pl.col(longitude).first(),
            latitude=pl.col(latitude).first(),
            landed_cost=pl.col("landed_cost").sum(),
        )
        .sort("landed_cost", "place", descending=[True, False])
    )


def _place_labels(
    figure: Figure, axes: Axes, labels: list[tuple[str, float, float, bool]], most: int, width: int
) -> None:
    """Name places, the most important first, wherever a name covers nothing named before."""
    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    taken: list[Bbox] = []
    for _, x, y, strong in labels:
        if strong:
            centre = axes.transData.transform((x, y))
            taken.append(Bbox.from_bounds(centre[0] - 5, centre[1] - 5, 10, 10))
    written = 0
    for name, x, y, strong in labels:
        if written == most:
            break
        for dx, dy, ha, va in _AROUND:
            text = axes.annotate(
                _cut(name, 24),
                (x, y),
                (dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=(9.5 if strong else 8) - (0.5 if width < NARROW else 0),
                fontweight="bold" if strong else "normal",
                zorder=5,
            )
            box = text.get_window_extent(renderer)
            fits = (
                frame.x0 <= box.x0
                and box.x1 <= frame.x1
                and frame.y0 <= box.y0
                and (box.y1 <= frame.y1)
            )
            if fits and not any(box.overlaps(other) for other in taken):
                taken.append(box.padded(1))
                written += 1
                break
            text.remove()
