"""What a person reads while benchmarks run: a line for each result, and tables at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.attempt import Attempt
from benchmarks.families import Mean, Score
from benchmarks.gates import Gates
from benchmarks.phases import STEPS, Phases

LEFT = ("family", "group", "instance", "kind", "engine")
"""Columns of text; all others are figures."""

T = TypeVar("T")


def tell(line: str) -> None:
    """Write a line to standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def show(title: str, row_of: Callable[[T], dict[str, str]], items: Sequence[T]) -> None:
    """Print a table with a row for each item."""
    table = Table(title=title)
    rows = [row_of(item) for item in items]
    for name in rows[0] if rows else ():
        table.add_column(name, justify="left" if name in LEFT else "right")
    for row in rows:
        table.add_row(*row.values())
    # A table in a file or pipe is not cut to the width of a terminal.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def gates_row(run: Gates) -> dict[str, str]:
    """A row of the table of `benchmarks.gates`."""
    return {
        "seed": str(run.seed),
        "pairs": f"{run.pairs:,}",
        "bids": f"{run.bids:,}",
        "candidates": f"{run.candidates:,}",
        "arrays, s": f"{run.arrays_s:.2f}",
        "pairs, s": f"{run.pairs_s:.2f}",
        "gates and cost, s": f"{run.gates_s:.2f}",
        "peak, MiB": f"{run.peak_bytes / 2**20:,.0f}",
        "one core": "yes" if run.is_pinned else "not pinned",
        "target": "reached" if run.is_reached else "missed",
    }


def attempt_line(each: Attempt) -> str:
    """An attempt of the ladder in one line."""
    if each.failed:
        return f"  {each.failed}"
    proven = "" if each.coverage_proven else " (not proven least)"
    return (
        f"  {_money(each.best)}, bound {_money(each.bound)}, "
        f"proven gap {_percent(each.proven_gap)}, unmet {_plain(each.unmet)}{proven}, "
        f"judged {each.judged or 'nothing'}, {_plain(each.solve_s)} s"
    )


def attempt_row(each: Attempt) -> dict[str, str]:
    """A row of the table of attempts."""
    return {
        "candidates": f"{each.size:,}",
        "kind": each.kind,
        "seed": str(each.seed),
        "engine": each.engine,
        "best": _money(each.best),
        "bound": _money(each.bound),
        "proven gap": _percent(each.proven_gap),
        "unmet": _plain(each.unmet) + ("" if each.coverage_proven else " ?"),
        "first, s": _plain(each.first_plan_s),
        "time, s": _plain(each.solve_s),
        "GiB": "none" if each.peak_bytes is None else f"{each.peak_bytes / 2**30:.2f}",
        "judged": each.failed or each.judged or "no plan",
    }


def score_line(each: Score) -> str:
    """A public instance in one line."""
    gap = _percent(each.gap_to_best_known)
    return f"{each.family} {each.instance}: {gap} in {each.seconds:.1f} s"


def score_row(each: Score) -> dict[str, str]:
    """A row of the table of public instances."""
    return {
        "family": each.family,
        "instance": each.instance,
        "best known": f"{each.best_known:,.2f}{'' if each.proven else ' (not proven)'}",
        "best": _money(each.best),
        "bound": _money(each.bound),
        "gap": _percent(each.gap),
        "to best known": _percent(each.gap_to_best_known),
        "seconds": f"{each.seconds:.1f}",
        "solution status": each.solution_status,
        "judged": ("ok" if each.judged_ok else "WRONG") if each.sound else "IMPOSSIBLE VALUE",
    }


def mean_row(each: Mean) -> dict[str, str]:
    """A row of the table of groups of public instances."""
    return {
        "group": each.name,
        "instances": str(each.num_instances),
        "plans": f"{each.num_plans} of {each.num_runs}",
        "mean to best known": _percent(each.gap_to_best_known),
        "worst": _percent(each.worst),
        "proven optimal": f"{each.proven:.1%}",
        "mean seconds": f"{each.seconds:.1f}",
        "judged": "ok" if each.ok else "WRONG",
    }


def phases_line(each: Phases) -> str:
    """The phases of a network in one line."""
    return f"  {each.to_formulation_s:.2f} s to the formulation"


def phases_row(each: Phases) -> dict[str, str]:
    """A row of the table of phases."""
    return {
        "candidates": f"{each.size:,}",
        "kind": each.kind,
        "seed": str(each.seed),
        **{f"{step}, s": f"{each.seconds[step]:.2f}" for step in STEPS},
        "to formulation, s": f"{each.to_formulation_s:.2f}",
        "peak, MiB": f"{max(each.peak_bytes.values()) / 2**20:,.0f}",
        "most time in": each.dominant,
    }


def _money(value: float | None) -> str:
    return "none" if value is None else f"{value:,.2f}"


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{round(value, 3) + 0.0:g}"


def _percent(value: float | None) -> str:
    # Adding 0 turns a rounded -0 into 0.
    return "none" if value is None else f"{round(value, 6) + 0.0:.4%}"
