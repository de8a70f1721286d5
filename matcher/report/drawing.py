"""How charts are drawn: one style, titles and keys, and figures as SVG or PNG.

Inside a page, ``--chart-ink``, ``--chart-muted``, ``--chart-line`` and ``--chart-land`` recolour an
SVG, so that it follows a dark theme.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path

DPI = 96
NAME_SIZE, LABEL_SIZE = 9.0, 8.5  # points
# A chart narrower than this is laid out for a telephone: fewer marks, titles broken in two.
NARROW = 520
# Okabe and Ito's palette: told apart with any colour vision (https://jfly.uni-koeln.de/color).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, GREY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#f0e442",
    "#8c8c8c",
)
INK, MUTED, LINE, LAND = "#1f2328", "#59636e", "#d1d9e0", "#eceff2"
_THEME = {INK: "--chart-ink", MUTED: "--chart-muted", LINE: "--chart-line", LAND: "--chart-land"}
# Any: matplotlib types its own keys as literals of its present release.
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.spines.bottom": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "axes.grid": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
_FONTS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@contextmanager
def style(more: Any = None) -> Iterator[None]:
    """The house style, and more, for as long as something is drawn."""
    with mpl.rc_context({**_STYLE, **(more or {})}), warnings.catch_warnings():
        # Names may be in any script. In an SVG they are text, for which a browser has the fonts.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def svg(figure: Figure, title: str) -> str:
    """The figure as one ``<svg>`` element that scales with its container.

    Text stays text; ``title`` is what a screen reader says.
    """
    buffer = io.StringIO()
    with style({"svg.hashsalt": title}):
        FigureCanvasSVG(figure)
        figure.savefig(
            buffer,
            format="svg",
            dpi=72,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    # Every chart of a page would bring the same ids; only those that are pointed at are kept.
    pointed = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in pointed else "", text)
    text = re.sub(r"<defs>\s*</defs>\s*", "", text)
    for colour, name in _THEME.items():
        text = re.sub(rf"(fill|stroke): {colour}", rf"\1: var({name}, {colour})", text)
    text = text.replace("'DejaVu Sans'", _FONTS)
    width, height = figure.get_size_inches() * 72
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
        f'aria-label="{escape(title)}" stroke-linejoin="round">'
    )
    return opening + text[text.index(">") + 1 :].strip()


def png(figure: Figure, scale: float = 2.0) -> bytes:
    """The figure as a PNG on white, ``scale`` pixels for each of its own."""
    buffer = io.BytesIO()
    with style({"savefig.facecolor": "white"}):
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", dpi=DPI * scale, metadata={"Software": None})
    return buffer.getvalue()


def blank(width: float, height: float) -> Figure:
    """An empty figure, width and height in pixels."""
    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI)


def headline(figure: Figure, text: str) -> None:
    """Write a title, and a subtitle after a line break, at the top of a figure."""
    width, height = figure.get_size_inches() * DPI
    wide = width >= NARROW
    title, subtitle = text.split("\n")
    figure.text(
        8 / width,
        1 - 8 / height,
        title,
        va="top",
        fontsize=11.5 if wide else 10.5,
        fontweight="bold",
    )
    figure.text(
        8 / width,
        1 - 29 / height,
        broken(subtitle, width),
        va="top",
        fontsize=9 if wide else 8.5,
        color=MUTED,
        linespacing=1.3,
    )


def headline_height(text: str, width: float) -> float:
    """Pixels that a title and its subtitle take."""
    lines = broken(text.split("\n")[1], width).count("\n") + 1
    return 42 + 15 * lines


def broken(text: str, width: float) -> str:
    """A text in lines that a figure so wide has room for."""
    return textwrap.fill(text, max(int(width / (6.3 if width >= NARROW else 6.0)), 20))


@lru_cache(maxsize=4096)
def text_width(text: str, points: float) -> float:
    """Width of a text in pixels, in the font that the figures are measured with."""
    font = FontProperties(family=_STYLE["font.family"], size=points)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width) * DPI / 72


def key(figure: Figure, entries: list[tuple[str, str]], width: int) -> None:
    """What the colours mean, in a line below the chart."""
    figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in entries],
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=_columns(len(entries), width),
        frameon=False,
        fontsize=8.5,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=0.9,
        borderaxespad=0.2,
    )


def key_height(entries: int, width: int) -> float:
    """Pixels that a key of so many entries takes."""
    return 12 + 18 * math.ceil(entries / _columns(entries, width))


def _columns(entries: int, width: int) -> int:
    """In how many columns a key stands: two on a phone, otherwise a line holds seven."""
    if width < NARROW:
        return 2
    return entries if entries <= 7 else math.ceil(entries / 2)
