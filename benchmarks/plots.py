"""Plots of the ladder: gap over time, gap over size, time over size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from numpy.typing import NDArray

from benchmarks.attempt import Attempt
from benchmarks.targets import ENGINE, LADDER
from matcher.report.drawing import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    png,
)

Floats = NDArray[np.float64]

# Colour, marker and dashes: three ways to tell one line from another.
LOOKS: Final[dict[str, tuple[str, str, Any]]] = {
    "decomposition": (BLUE, "o", "-"),
    "auto": (SKY, "P", "-"),
    "highs": (ORANGE, "s", (0, (6, 2))),
    "scip": (PURPLE, "^", (0, (2, 1.5))),
    "cpsat": (GREEN, "v", (0, (5, 1.5, 1, 1.5))),
    "pulp:PULP_CBC_CMD": (VERMILION, "D", (0, (1, 1))),
}
NAMES: Final = {
    "decomposition": "decomposition",
    "highs": "HiGHS",
    "scip": "SCIP",
    "cpsat": "CP-SAT",
    "pulp:PULP_CBC_CMD": "CBC",
}
CLOSE: Final = 0.02
"""The gap whose first time `time_over_size` shows."""

_STYLE: Final[Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
}
_HIGHEST, _NONE_AT, _TOP = 1.0, 1.9, 3.0
_FIRST_S = 0.5


def draw(attempts: Sequence[Attempt], folder: Path) -> list[tuple[str, str, str]]:
    """Write the plots as PNG files into ``folder``.

    Returns
    -------
    list
        (file as seen from the folder's parent, title, caption) of each plot.
    """
    if not attempts:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for plot, title, caption in (
        (
            gap_over_time,
            "Proven gap over time",
            "bold lines are medians, thin lines single seeds, the diamond is the target",
        ),
        (
            gap_over_size,
            "Proven gap at the time limit over size",
            "median of the seeds; hollow marks at the top have no proven gap",
        ),
        (
            time_over_size,
            f"Seconds to a proven gap of {CLOSE:.0%} over size",
            "median of the seeds; hollow marks at the top never reached it",
        ),
    ):
        with mpl.rc_context(_STYLE):
            figure = plot(attempts)
        file = folder / f"{plot.__name__}.png"
        file.write_bytes(png(figure, scale=1.6))
        drawn.append((f"{folder.name}/{file.name}", title, caption))
    return drawn


def gap_over_time(attempts: Sequence[Attempt]) -> Figure:
    """A panel for each size and kind, a line for each engine."""
    kinds, sizes = _kinds(attempts), _sizes(attempts)
    figure, panels = _panels(len(kinds), len(sizes), 300, 250)
    for row, kind in enumerate(kinds):
        for column, size in enumerate(sizes):
            axes = panels[row][column]
            of = [each for each in attempts if (each.kind, each.size) == (kind, size)]
            if not of:  # not every kind was tried at every size
                axes.set_visible(False)
                continue
            _over_time(axes, of)
            _gap_axis(axes, attempts)
            axes.set_ylim(top=_HIGHEST * 1.3)
            axes.set_title(f"{size:,} candidates, {kind}", loc="left")
            if column == 0:
                axes.set_ylabel("proven gap")
            if row == len(kinds) - 1:
                axes.set_xlabel("seconds")
    _key(figure, attempts, has_target=True)
    return figure


def gap_over_size(attempts: Sequence[Attempt]) -> Figure:
    """A panel for each kind; an engine without a proven gap stands at the top."""

    def reached(of: Sequence[Attempt]) -> float | None:
        return _median([each.proven_gap for each in of])

    figure, panels = _by_size(attempts, reached)
    for kind, axes in zip(_kinds(attempts), panels[0], strict=True):
        _gap_axis(axes, attempts)
        axes.set_ylim(top=_TOP)
        targets = {
            each.size: target
            for each in attempts
            if each.kind == kind and (target := _target(each)) is not None
        }
        axes.plot([*targets], [*targets.values()], "d", color=INK, markersize=5, zorder=4)
        axes.set_ylabel("proven gap at the limit")
    _key(figure, attempts, has_target=True)
    return figure


def time_over_size(attempts: Sequence[Attempt]) -> Figure:
    """A panel for each kind; an engine that was never so close stands at the top."""
    limit = max(each.time_limit_s for each in attempts)

    def reached(of: Sequence[Attempt]) -> float | None:
        return _median([_seconds_to(each, CLOSE) for each in of])

    figure, panels = _by_size(attempts, reached, none_at=limit * 2.2)
    for axes in panels[0]:
        axes.set_yscale("log")
        axes.set_ylim(_FIRST_S, limit * 3.4)
        ticks = [each for each in (0.5, 1, 3, 10, 30, 100, 300) if each <= limit * 1.01]
        _ticks(axes, "y", [*ticks, limit * 2.2], [*(f"{each:g}" for each in ticks), "never"])
        axes.set_ylabel(f"seconds to a proven gap of {CLOSE:.0%}")
    _key(figure, attempts, has_target=False)
    return figure


def _by_size(
    attempts: Sequence[Attempt],
    reached: Callable[[Sequence[Attempt]], float | None],
    none_at: float = _NONE_AT,
) -> tuple[Figure, list[list[Axes]]]:
    """A panel for each kind: what each engine reached, over size; crosses where it did not."""
    kinds, sizes, engines = _kinds(attempts), _sizes(attempts), _engines(attempts)
    figure, panels = _panels(1, len(kinds), 420, 320)
    for kind, axes in zip(kinds, panels[0], strict=True):
        axes.set_xscale("log")
        axes.set_xlim(min(sizes) / 1.8, max(sizes) * 1.8)
        _ticks(axes, "x", sizes, [f"{size:,}" for size in sizes])
        axes.set_title(f"{kind} networks", loc="left")
        axes.set_xlabel("candidates")
        for place, engine in enumerate(engines):
            colour, marker, dashes = _look(engine)
            points = []
            for size in sizes:
                of = [
                    each
                    for each in attempts
                    if (each.kind, each.size, each.engine) == (kind, size, engine)
                ]
                if of:
                    points.append((size, reached(of)))
            there = [(size, value) for size, value in points if value is not None]
            axes.plot(
                [size for size, _ in there],
                [max(value, 1e-12) for _, value in there],
                color=colour,
                marker=marker,
                markersize=5,
                linestyle=dashes,
                linewidth=2.4 if engine == ENGINE else 1.6,
                zorder=3 if engine == ENGINE else 2,
            )
            # Side by side, so that none hides another.
            aside = 1.16 ** (place - (len(engines) - 1) / 2)
            axes.plot(
                [size * aside for size, value in points if value is None],
                [none_at for _, value in points if value is None],
                color=colour,
                marker=marker,
                markersize=5,
                markerfacecolor="white",
                linestyle="none",
            )
    return figure, panels


def _over_time(axes: Axes, attempts: Sequence[Attempt]) -> None:
    limit = max(each.time_limit_s for each in attempts)
    times = np.geomspace(_FIRST_S, max(each.solve_s or limit for each in attempts), 400)
    silent = []
    for engine in _engines(attempts):
        of = [each for each in attempts if each.engine == engine]
        curves = np.array([_curve(each, times) for each in of])
        colour, _, dashes = _look(engine)
        if len(of) > 1:
            for curve in curves:
                axes.plot(times, _shown(curve), color=colour, linewidth=0.7, alpha=0.45)
        middle = np.median(curves, axis=0)
        if np.isfinite(middle).any():
            axes.plot(
                times,
                _shown(middle),
                color=colour,
                linestyle=dashes,
                linewidth=2.4 if engine == ENGINE else 1.7,
                zorder=3 if engine == ENGINE else 2,
            )
        else:
            silent.append(f"{_name(engine)}: {_why(of)}")
    axes.set_xscale("log")
    axes.set_xlim(_FIRST_S, limit * 1.12)
    ticks = [each for each in (1, 10, 60, 120, 300) if each <= limit]
    _ticks(axes, "x", ticks, [f"{each:g}" for each in ticks])
    target = _target(attempts[0])
    if target is not None:
        axes.plot(limit, target, "d", color=INK, markersize=6, clip_on=False, zorder=5)
    axes.text(
        0.03,
        0.03,
        "\n".join(silent),
        transform=axes.transAxes,
        fontsize=7.5,
        color=MUTED,
        va="bottom",
        linespacing=1.35,
    )


def _curve(each: Attempt, times: Floats) -> Floats:
    """The gap at each time, infinite where there is none."""
    gaps = np.full(times.size, np.inf)
    if each.counts and each.coverage_proven:
        for seconds, _, _, reached in each.trajectory:
            if reached is not None:
                gaps[times >= seconds] = reached
    return gaps


def _shown(curve: Floats) -> Floats:
    """A curve with nothing where it has no value; 0 lies on no logarithmic axis."""
    return np.where(np.isfinite(curve), np.clip(curve, 1e-6, _HIGHEST), np.nan)


def _why(of: Sequence[Attempt]) -> str:
    """Why an engine has no proven gap at most networks, in a word or two."""
    reasons = Counter(
        "failed"
        if each.failed
        else "no plan"
        if not each.counts
        else "coverage not proven"
        if not each.coverage_proven
        else "no bound"
        for each in of
        if each.proven_gap is None
    )
    return reasons.most_common(1)[0][0] if reasons else "no progress reported"


def _seconds_to(each: Attempt, gap: float) -> float | None:
    """When the gap was first so small; ``None`` if never, or if the gap proves nothing."""
    if each.proven_gap is None:
        return None
    for seconds, _, _, reached in each.trajectory:
        if reached is not None and reached <= gap:
            return max(seconds, _FIRST_S)
    return None


def _target(each: Attempt) -> float | None:
    """The gap that is asked at this size, if it was tried with the stated time."""
    rung = LADDER.get(each.size)
    is_stated = rung is not None and each.time_limit_s == rung.time_limit_s
    return rung.gap[each.kind] if rung is not None and is_stated else None


def _gap_axis(axes: Axes, attempts: Sequence[Attempt]) -> None:
    """A logarithmic axis in percent that holds every gap and target, not far beyond."""
    gaps = [each.proven_gap for each in attempts if each.proven_gap]
    targets = [target for each in attempts if (target := _target(each)) is not None]
    low = max(min([*gaps, *targets, 0.01]) / 2.5, 1e-5)
    axes.set_yscale("log")
    axes.set_ylim(bottom=low)
    ticks = [each for each in (1e-4, 1e-3, 1e-2, 1e-1, 1.0) if each >= low]
    labels = [f"{each * 100:g} %" for each in ticks]
    _ticks(axes, "y", [*ticks, _NONE_AT], [*labels, "none"])


def _ticks(axes: Axes, which: str, places: Sequence[float], labels: Sequence[str]) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    names = dict(zip(map(float, places), labels, strict=True))
    axis.set_major_locator(FixedLocator([*names]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: names.get(float(value), "")))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _panels(rows: int, columns: int, width: int, height: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure with so many panels of about that size in pixels, and room for a key below."""
    total = columns * width + 20, rows * height + 60
    figure = Figure(figsize=(total[0] / DPI, total[1] / DPI), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in axes]


def _key(figure: Figure, attempts: Sequence[Attempt], *, has_target: bool) -> None:
    """What the lines are, in a row below the panels."""
    handles = []
    for engine in _engines(attempts):
        colour, marker, dashes = _look(engine)
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                marker=marker,
                markersize=5,
                linestyle=dashes,
                linewidth=2,
                label=_name(engine),
            )
        )
    if has_target and any(_target(each) is not None for each in attempts):
        handles.append(Line2D([], [], color=INK, marker="d", linestyle="none", label="target"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles) if figure.get_figwidth() > 7 else 2,
        frameon=False,
        fontsize=9,
        handlelength=4.2,
    )


def _median(values: Sequence[float | None]) -> float | None:
    middle = median(np.inf if value is None else value for value in values)
    return float(middle) if np.isfinite(middle) else None


def _kinds(attempts: Sequence[Attempt]) -> list[str]:
    return sorted({each.kind for each in attempts})


def _sizes(attempts: Sequence[Attempt]) -> list[int]:
    return sorted({each.size for each in attempts})


def _engines(attempts: Sequence[Attempt]) -> list[str]:
    """Those with a look of their own in its order, then all others by name."""
    known = list(LOOKS)
    return sorted(
        {each.engine for each in attempts},
        key=lambda name: (known.index(name) if name in known else len(known), name),
    )


def _look(engine: str) -> tuple[str, str, Any]:
    return LOOKS.get(engine, (GREY, "x", "-"))


def _name(engine: str) -> str:
    return NAMES.get(engine, engine)
