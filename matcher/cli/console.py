"""What the command line shows: verdicts, tables and the progress line, drawn with Rich."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import polars as pl
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from matcher import formatting
from matcher.engines.base import Progress
from matcher.errors import Issue
from matcher.explain.presolve import PresolveChecks
from matcher.explain.rule_costs import RuleCosts
from matcher.formatting import NONE, OUTCOME_LABELS, count, money, quantity, share, unit_cost
from matcher.frontier import WORDS, Frontier
from matcher.frontier.search import COUNTED
from matcher.judge import Judgement
from matcher.network import Network
from matcher.plan import Plan
from matcher.report.summary import TERM_LABELS
from matcher.screening.landed_cost import TERMS
from matcher.status import ending, gap

MANY_ROWS = 15
MANY_ISSUES = 40
OBJECTIVES = {"coverage": "raising coverage", "cost": "lowering the total cost"}
PROOFS = {"interval": "range proven", "LP estimate": "estimate"}


def _table(title: str, *columns: tuple[str, bool]) -> Table:
    """A plain table; each column is a header and whether it holds figures."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    for header, figures in columns:
        table.add_column(header, justify="right" if figures else "left", no_wrap=figures)
    return table


def show_issues(console: Console, issues: Sequence[Issue], headline: str) -> None:
    """Every issue with its place and its fix, under a headline that is a decision."""
    console.print(
        Text(
            headline,
            style="bold red"
            if any(issue.severity == "error" for issue in issues)
            else "bold yellow",
        )
    )
    for issue in issues[:MANY_ISSUES]:
        value = "" if issue.value is None else f" [bold]'{escape(issue.value)}'[/]"
        mark = "[red]✗[/]" if issue.severity == "error" else "[yellow]![/]"
        console.print(
            f" {mark} [cyan]{escape(issue.place)}[/]:{value} {escape(issue.problem)}\n"
            f"   [dim]→ {escape(issue.fix)}[/]",
            highlight=False,
            soft_wrap=True,
        )
    if len(issues) > MANY_ISSUES:
        console.print(f"   … and {len(issues) - MANY_ISSUES} more; --json lists them all")


def show_network(console: Console, network: Network) -> None:
    """The size of a network, and its warnings."""
    counts = [
        count(network.table(f"{noun}s").height, noun)
        for noun in ("demand", "supplier", "bid", "certificate", "resource")
    ]
    console.print(f"[bold]{escape(network.name)}[/]: {', '.join(counts)}", highlight=False)
    if network.warnings:
        show_issues(
            console, network.warnings, f"{count(len(network.warnings), 'warning')} to review:"
        )


def show_plan(console: Console, network: Network, plan: Plan) -> None:
    """The verdict, what the money is for, who makes most of it, and what is unmet."""
    result = plan.result
    good = result is not None and result.solution_status in ("optimal", "feasible")
    console.print(Text(plan.verdict, style="bold green" if good else "bold red"))
    if result is None or result.costs is None:
        return
    if plan.awards.is_empty():
        _show_unmet(console, plan)
        return
    costs = result.costs
    by_term = _table(
        f"Total cost by item, {plan.currency}", ("item", False), ("cost", True), ("share", True)
    )
    amounts = [
        (
            TERM_LABELS[term].lower(),
            float((plan.awards[f"{term}_per_unit"] * plan.awards["quantity"]).sum()),
        )
        for term in TERMS
    ]
    amounts += [
        ("fixed costs", costs.fixed),
        ("onboarding", costs.onboarding),
        ("coordination", costs.coordination),
        ("switching", costs.switching),
        ("discounts", costs.discounts),
        ("penalties", costs.penalties),
    ]
    for name, amount in amounts:
        if amount:
            by_term.add_row(
                name, money(amount), share(amount / costs.total if costs.total else None)
            )
    by_term.add_row("total cost", money(costs.total), "100.0%", style="bold")
    console.print(by_term)
    emitted = plan.emissions_kg
    if emitted:
        console.print(
            f"Emissions of freight, and of making where bids state it: "
            f"{formatting.emissions(emitted)}.",
            highlight=False,
        )
    if result.best is not None:
        bound = "none" if result.bound is None else money(result.bound)
        ended = ending(result.solution_status, result.termination_reason)
        console.print(
            f"Total cost {money(result.best)}, proven lower bound {bound}, "
            f"gap {formatting.gap(result.gap)}; {ended}.",
            highlight=False,
            soft_wrap=True,
        )
    _show_awards(console, network, plan)
    _show_indicative(console, network, plan)
    _show_missed(console, plan)
    _show_unmet(console, plan)


def _show_indicative(console: Console, network: Network, plan: Plan) -> None:
    """What rests on profile bids."""
    awards = plan.on_profile_bids(network)
    if not awards.is_empty():
        console.print(
            f"{count(awards.height, 'award')} for {money(float(awards['landed_cost'].sum()))} "
            f"{plan.currency} {'rests' if awards.height == 1 else 'rest'} on profile bids: prices "
            "are indicative until they are quoted.",
            highlight=False,
            soft_wrap=True,
        )


def _show_missed(console: Console, plan: Plan) -> None:
    """The targets that are missed, the dearest first."""
    missed = plan.missed
    if missed.is_empty():
        return
    table = _table(
        f"Missed targets: {missed.height:,}",
        ("rule", False),
        ("demands", False),
        ("suppliers", False),
        ("missed by", True),
        ("penalty", True),
    )
    for row in missed.sort("penalty", descending=True).head(MANY_ROWS).iter_rows(named=True):
        table.add_row(
            escape(row["rule"]),
            escape(row["of"] or ""),
            escape(row["who"] or ""),
            quantity(row["missed"]),
            money(row["penalty"]),
        )
    console.print(table)


def _show_awards(console: Console, network: Network, plan: Plan) -> None:
    largest = (
        plan.awards.sort("landed_cost", descending=True)
        .head(MANY_ROWS)
        .join(
            network.suppliers.select("supplier", "place").join(
                network.places.select("place", "economy"), on="place"
            ),
            on="supplier",
            how="left",
            maintain_order="left",
        )
    )
    table = _table(
        f"The {largest.height} largest of {count(plan.awards.height, 'award')}"
        if largest.height < plan.awards.height
        else "All awards",
        ("demand", False),
        ("supplier", False),
        ("from", False),
        ("mode", False),
        ("quantity", True),
        ("landed cost/unit", True),
        ("landed cost", True),
        ("arrives", True),
    )
    for row in largest.iter_rows(named=True):
        table.add_row(
            escape(row["demand"]),
            escape(row["supplier"]),
            row["economy"],
            row["mode"],
            quantity(row["quantity"]),
            unit_cost(row["landed_cost_per_unit"]),
            money(row["landed_cost"]),
            str(row["arrival_date"]),
        )
    console.print(table)


def _show_unmet(console: Console, plan: Plan) -> None:
    if plan.unmet is None or plan.unmet.is_empty():
        return
    table = _table(
        f"Unmet demand: {count(plan.unmet.height, 'demand')} not covered in full",
        ("demand", False),
        ("unmet", True),
        ("share", True),
        ("reason", False),
    )
    for row in plan.unmet.head(MANY_ROWS).iter_rows(named=True):
        table.add_row(
            escape(row["demand"]),
            quantity(row["quantity"]),
            share(row["share"]),
            escape(row["reason"] or ""),
        )
    console.print(table)
    if plan.unmet.height > MANY_ROWS:
        console.print(f"… and {plan.unmet.height - MANY_ROWS} more; the plan lists them all")


def show_frontier(console: Console, frontier: Frontier) -> None:
    """The verdict and a row for each point."""
    points = frontier.points
    console.print(Text(frontier.verdict, style="bold red" if points.is_empty() else "bold green"))
    if points.is_empty():
        return
    values = list(dict.fromkeys((frontier.first, frontier.second, "cost")))
    table = _table(
        f"Points, {frontier.currency}",
        ("point", True),
        *((WORDS[name][0], True) for name in values),
        ("unmet demand (weighted)", True),
        ("gap", True),
        ("suppliers", True),
        ("proven", False),
    )
    for row in points.iter_rows(named=True):
        table.add_row(
            str(row["point"]),
            *(quantity(row[name]) if name in COUNTED else money(row[name]) for name in values),
            quantity(row["coverage_loss"]),
            formatting.gap(row["gap"]),
            str(row["suppliers"]),
            "yes" if row["proven"] else "no",
            style="bold" if row["point"] == frontier.best_exchange + 1 else "",
        )
    console.print(table)


def show_judgement(console: Console, judgement: Judgement) -> None:
    """The verdict of the independent check and every error."""
    console.print(Text(judgement.verdict, style="bold green" if judgement.ok else "bold red"))
    for finding in judgement.findings[:MANY_ISSUES]:
        sides = (("plan", finding.claimed), ("check", finding.actual))
        stated = ", ".join(f"{who}: {_figure(value)}" for who, value in sides if value is not None)
        figures = f" [dim]({escape(stated)})[/]" if stated else ""
        console.print(
            f" [red]✗[/] [cyan]{finding.code}[/] {escape(finding.message)}{figures}",
            highlight=False,
            soft_wrap=True,
        )
    if len(judgement.findings) > MANY_ISSUES:
        left = len(judgement.findings) - MANY_ISSUES
        console.print(f"   … and {left} more; --json lists them all")


def _figure(value: float | str) -> str:
    """A figure of a finding, without digits that say nothing."""
    return value if isinstance(value, str) else f"{value:,.9g}"


def show_why(console: Console, headline: str, rows: pl.DataFrame, currency: str) -> None:
    """An explanation: its headline and the pairs behind it."""
    console.print(Text(headline, style="bold"))
    table = _table(
        "",
        ("demand", False),
        ("supplier", False),
        ("bid", False),
        ("outcome", False),
        (f"landed cost/unit, {currency}", True),
        ("why", False),
    )
    style = {"awarded": "green", "beaten": "yellow", "rejected": "red"}
    for row in rows.iter_rows(named=True):
        cost = row["landed_cost_per_unit"]
        table.add_row(
            escape(row["demand"]),
            escape(row["supplier"]),
            escape(row["bid"]),
            Text(OUTCOME_LABELS[row["outcome"]], style=style[row["outcome"]]),
            unit_cost(cost),
            escape(row["text"]),
        )
    console.print(table)


def show_rule_costs(console: Console, found: RuleCosts, currency: str) -> None:
    """What the rules cost: the headline, the figures of each, and what they say."""
    console.print(Text(found.headline, style="bold"), soft_wrap=True)
    if found.rows.is_empty():
        return
    table = _table(
        "",
        ("rule", False),
        ("kind", False),
        ("at its limit", False),
        ("plan", True),
        ("min", True),
        ("max", True),
        ("missed by", True),
        (f"saving without it, {currency}", True),
        ("proof", False),
    )
    for row in found.rows.iter_rows(named=True):
        saving = row["saving"]
        table.add_row(
            escape(row["rule"]),
            row["kind"],
            Text("yes", style="yellow") if row["binds"] else "no",
            *(quantity(row[name]) for name in ("actual", "min", "max", "missed")),
            NONE if saving is None else money(saving),
            PROOFS.get(row["proof"], row["proof"]),
        )
    console.print(table)
    for row in found.rows.head(MANY_ROWS).iter_rows(named=True):
        console.print(f" [dim]→[/] {escape(row['text'])}", highlight=False, soft_wrap=True)


def show_presolve(console: Console, presolve: PresolveChecks) -> None:
    """What the checks before solving found, one by one; nothing where they found nothing."""
    rows = presolve.rows
    if rows.is_empty():
        return
    style = "bold red" if presolve.no_plan else "bold yellow"
    console.print(Text(f"Checks before solving: {presolve.headline}", style=style), soft_wrap=True)
    ranked = rows.sort("stops", descending=True, maintain_order=True)
    for row in ranked.head(MANY_ISSUES).iter_rows(named=True):
        mark = "[red]✗[/]" if row["stops"] else "[yellow]![/]"
        missing = "" if row["missing"] is None else f" (short by {quantity(row['missing'])})"
        console.print(
            f" {mark} [cyan]{row['about']} {escape(row['key'])}[/]: {escape(row['text'])}"
            f"[dim]{missing}[/]\n   [dim]→ {escape(row['fix'])}[/]",
            highlight=False,
            soft_wrap=True,
        )
    if rows.height > MANY_ISSUES:
        console.print(f"   … and {rows.height - MANY_ISSUES} more; --json lists them all")


def _doing(objective: str) -> str:
    """What a search is doing, such as ``search 2 of 8, raising coverage``."""
    for name, words in OBJECTIVES.items():
        if objective.endswith(name):
            return objective.removesuffix(name) + words
    return objective.replace("_", " ")


class ProgressLine:
    """One line that follows a solve with best, bound and gap; nothing where nobody watches."""

    def __init__(self, console: Console) -> None:
        self._live = (
            Live(console=console, transient=True, refresh_per_second=4)
            if (console.is_terminal)
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, objective: str, progress: Progress) -> None:
        """Show where the solve stands."""
        if self._live is None:
            return
        best = "none yet" if progress.best is None else money(progress.best)
        bound = "none yet" if progress.bound is None else money(progress.bound)
        distance = gap(progress.best, progress.bound)
        shown = "" if distance is None else f"  gap {formatting.gap(distance)}"
        self._live.update(
            Text(
                f"{progress.seconds:5.1f} s  {_doing(objective)}: best {best}  "
                f"bound {bound}{shown}  (Ctrl-C stops and keeps the best plan)"
            )
        )
