"""The chart of a frontier: one objective against the other, a mark for each plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from matcher import formatting
from matcher.network.arrays import Floats
from matcher.report import drawing
from matcher.report.drawing import BLUE, LABEL_SIZE, NAME_SIZE, ORANGE, SKY

# A distance to the bound that is shorter than this share of the axis cannot be seen.
VISIBLE = 0.004


@dataclass(frozen=True, slots=True)
class Axis:
    """An objective on an axis: its column, its label with the unit, and its short name."""

    column: str
    label: str
    word: str
    is_gain: bool
    is_counted: bool


def frontier_chart(
    points: pl.DataFrame,
    first: Axis,
    second: Axis,
    verdict: str,
    best: int | None,
    width: int = 800,
) -> Figure:
    """Draw a frontier: the second objective to the right, the first upwards.

    The steps say what is known to be reached: for a value between two points, the plan of the
    next. A line from a point to its bound, or to the edge, says how much better a plan could be.

    Parameters
    ----------
    points
        Those of a `matcher.frontier.Frontier`, at least one.
    best
        The row that stands out; ``None`` for none.
    """
    with drawing.style():
        text = f"{second.word[0].upper()}{second.word[1:]} versus {first.word}\n{verdict}"
        head, body, foot = drawing.headline_height(text, width), width * 0.5, 78.0
        height = head + body + foot
        figure = drawing.blank(width, height)
        drawing.headline(figure, text)
        x, y = (points[axis.column].to_numpy() for axis in (second, first))
        write = _written(first, y)
        left = (60 + max(drawing.text_width(write(value), NAME_SIZE) for value in y)) / width
        axes = figure.add_axes((left, foot / height, 1 - left - 30 / width, body / height))
        _scale(axes, x, y, first, second)
        entries = _draw(axes, x, y, points["bound"].fill_null(np.nan).to_numpy(), best)
        _label(axes, x, y, best, first, second)
        drawing.key(figure, entries, width)
    return figure


def _scale(axes: Axes, x: Floats, y: Floats, first: Axis, second: Axis) -> None:
    """Axes with room around the points, labelled with units."""
    for values, limit, ruler, axis in (
        (x, axes.set_xlim, axes.xaxis, second),
        (y, axes.set_ylim, axes.yaxis, first),
    ):
        low, high = float(values.min()), float(values.max())
        room = 0.12 * (high - low) or 0.05 * abs(high) or 1.0
        limit(low - room, high + room)
        ruler.set_major_locator(MaxNLocator(6, integer=axis.is_counted))
        ruler.set_major_formatter(FuncFormatter(partial(_tick, _written(axis, values))))
        direction = "more" if axis.is_gain else "less"
        ruler.set_label_text(f"{axis.label} ({direction} is better)")
    axes.grid(visible=True)


def _draw(
    axes: Axes, x: Floats, y: Floats, bound: Floats, best: int | None
) -> list[tuple[str, str]]:
    """The steps, the marks and the distances to bounds; gives what the key has to explain."""
    axes.step(x, y, where="pre", color=BLUE, alpha=0.4, linewidth=1.4, zorder=1)
    low, high = axes.get_ylim()
    is_seen = np.abs(y - bound) > VISIBLE * (high - low)
    entries = [("a plan", BLUE)]
    if is_seen.any():
        axes.vlines(x[is_seen], bound[is_seen], y[is_seen], color=SKY, linewidth=3, zorder=2)
        entries.append(("distance to the proven bound", SKY))
    colours = [ORANGE if row == best else BLUE for row in range(x.size)]
    axes.scatter(x, y, s=46, c=colours, zorder=3, linewidths=0)
    if best is not None:
        entries.append(("best trade-off", ORANGE))
    return entries


def _label(axes: Axes, x: Floats, y: Floats, best: int | None, first: Axis, second: Axis) -> None:
    """The number of each point on the side where no step runs; the ends also say their values."""
    aside, below = ("left" if second.is_gain else "right"), ("bottom" if first.is_gain else "top")
    of_x, of_y = _written(second, x), _written(first, y)
    other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
    for row in range(x.size):
        is_last = row == x.size - 1 and row > 0
        ha, va = (other[aside], other[below]) if is_last else (aside, below)
        text = str(row + 1)
        if row in (0, x.size - 1):
            text += f": {second.word} {of_x(x[row])}, {first.word} {of_y(y[row])}"
        axes.annotate(
            text,
            (x[row], y[row]),
            (6 if ha == "left" else -6, 5 if va == "bottom" else -5),
            textcoords="offset points",
            ha=ha,
            va=va,
            fontsize=LABEL_SIZE,
            fontweight="bold" if row == best else "normal",
            zorder=4,
        )


def _tick(write: Callable[[float], str], value: float, _: int | None) -> str:
    return write(value)


def _written(axis: Axis, values: Floats) -> Callable[[float], str]:
    """How values of an axis are written, so that those on it can be told apart."""
    most, span = float(np.abs(values).max()), float(np.ptp(values))
    if axis.is_counted:
        return lambda value: f"{value:.0f}"
    if most < 1000:
        return lambda value: f"{value:.4g}"
    return formatting.money if span < 0.05 * most else formatting.short_money
