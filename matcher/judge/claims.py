"""What a plan states as a whole: its network, suppliers, unmet demands and result."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from matcher.evaluation.awards import Awards
from matcher.judge.comparison import off
from matcher.network import Network
from matcher.network.arrays import Arrays, Floats
from matcher.plan import Costs, Plan, Result
from matcher.plan.findings import CODES, Finding
from matcher.schema.objectives import stages_of
from matcher.status import gap
from matcher.tolerances import STATED


def identity(network: Network, plan: Plan) -> Iterable[Finding]:
    """Whether the plan is one of this network."""
    if plan.input_hash is not None and plan.input_hash != network.input_hash:
        yield Finding(
            "wrong_network",
            "plan",
            "the plan was made for another network or an earlier version of it; solve it again",
            plan.input_hash[:12],
            network.input_hash[:12],
        )
    if plan.currency is not None and plan.currency != network.currency:
        yield Finding(
            "wrong_currency", "plan", CODES["wrong_currency"], plan.currency, network.currency
        )


def suppliers(arrays: Arrays, plan: Plan, awards: Awards, landed: Floats) -> Iterable[Finding]:
    """The list of suppliers used, against the awards."""
    if plan.suppliers is None:
        return
    listed = {row["supplier"]: row for row in plan.suppliers.iter_rows(named=True)}
    yield from _twice(plan.suppliers["supplier"])
    keys = arrays.network.suppliers["supplier"]
    count = np.bincount(awards.supplier, minlength=keys.len())
    value = np.bincount(awards.supplier, weights=landed, minlength=keys.len())
    used = {keys[int(s)]: int(s) for s in np.flatnonzero(count)}
    for name in sorted(used.keys() - listed.keys()):
        yield Finding("missing_supplier", name, f"{name}: {CODES['missing_supplier']}")
    for name in sorted(listed.keys() - used.keys()):
        yield Finding("unused_supplier", name, f"{name}: {CODES['unused_supplier']}")
    for name in sorted(listed.keys() & used.keys()):
        s = used[name]
        for column, actual in (
            ("num_awards", float(count[s])),
            ("landed_cost", float(value[s])),
            ("onboarding_cost", float(arrays.suppliers.onboarding_cost[s])),
        ):
            claimed = listed[name][column]
            if claimed is not None and off(claimed, actual):
                told = f"{name}: the {column} stated is wrong"
                yield Finding("wrong_supplier_figure", name, told, claimed, actual)


def unmet(arrays: Arrays, plan: Plan, share: Floats) -> Iterable[Finding]:
    """The list of unmet demands, against the ``share`` of each that is not awarded."""
    if plan.unmet is None:
        return
    keys = arrays.network.demands["demand"]
    listed = {row["demand"]: row for row in plan.unmet.iter_rows(named=True)}
    yield from _twice(plan.unmet["demand"])
    short = {keys[int(d)]: int(d) for d in np.flatnonzero(share > 2 * STATED)}
    for name in sorted(short.keys() - listed.keys()):
        yield Finding(
            "missing_unmet",
            name,
            f"{name}: {CODES['missing_unmet']}",
            actual=float(share[short[name]]),
        )
    for row in listed.values():
        name = row["demand"]
        if name not in short:
            # A share between one and two tolerances may be listed or not.
            at = keys.index_of(name)
            if at is None or share[at] <= STATED / 2:
                yield Finding("false_unmet", name, f"{name}: {CODES['false_unmet']}", row["share"])
            continue
        actual, whole = float(share[short[name]]), float(arrays.demands.quantity[short[name]])
        if abs(row["quantity"] - actual * whole) > 2 * STATED * whole or (
            row["share"] is not None and abs(row["share"] - actual) > 2 * STATED
        ):
            yield Finding(
                "wrong_unmet",
                name,
                f"{name}: {CODES['wrong_unmet']}",
                row["quantity"],
                actual * whole,
            )


def _twice(names: pl.Series) -> Iterable[Finding]:
    for name in names.filter(names.is_duplicated()).unique(maintain_order=True):
        yield Finding("listed_twice", name, f"{name}: {CODES['listed_twice']}")


def result(
    network: Network, plan: Plan, costs: Costs, unmet: float, reached: dict[str, float]
) -> Iterable[Finding]:
    """What the plan claims to cost, cover and reach, and what is proven of it."""
    claimed = plan.result
    if claimed is None or (
        claimed.solution_status in ("infeasible", "none") and plan.awards.is_empty()
    ):
        return
    yield from _totals(claimed, costs)
    yield from _coverage(claimed, unmet)
    yield from _objectives(claimed, reached)
    yield from _bound(claimed, costs)
    if claimed.solution_status == "optimal" and not _is_shown_optimal(network, claimed):
        told = gap(claimed.best, claimed.bound)
        yield Finding(
            "false_optimal",
            "solution_status",
            CODES["false_optimal"],
            claimed.solution_status,
            told,
        )


def _totals(claimed: Result, costs: Costs) -> Iterable[Finding]:
    totals = costs.model_dump() | {"best": costs.total}
    # A total that the plan's author left out is not judged.
    claims = {} if claimed.costs is None else claimed.costs.model_dump(exclude_unset=True)
    if claimed.best is not None:
        claims["best"] = claimed.best
    for name, value in claims.items():
        if off(value, totals[name]):
            yield Finding(
                "wrong_total", name, f"{name}: {CODES['wrong_total']}", value, totals[name]
            )


def _coverage(claimed: Result, unmet: float) -> Iterable[Finding]:
    lost, slack = claimed.coverage, 10 * STATED * max(1.0, unmet)
    if lost is not None and (
        abs(lost.unmet - unmet) > slack
        or lost.bound > lost.unmet + slack
        or (lost.proven and lost.unmet - lost.bound > slack)
    ):
        yield Finding("wrong_coverage", "coverage", CODES["wrong_coverage"], lost.unmet, unmet)


def _objectives(claimed: Result, reached: dict[str, float]) -> Iterable[Finding]:
    """The objectives of the network; what targets come to is in the table of rules."""
    for each in claimed.objectives:
        actual = reached.get(each.objective)
        if actual is not None and off(each.value, actual):
            told = f"{each.objective}: {CODES['wrong_objective']}"
            yield Finding("wrong_objective", each.objective, told, each.value, actual)


def _bound(claimed: Result, costs: Costs) -> Iterable[Finding]:
    bound = claimed.bound
    if bound is not None and bound > costs.total + STATED * max(1.0, abs(costs.total)):
        yield Finding("bound_above_best", "bound", CODES["bound_above_best"], bound, costs.total)
    actual = gap(claimed.best, bound)
    if (claimed.gap is None) != (actual is None) or (
        claimed.gap is not None and actual is not None and abs(claimed.gap - actual) > STATED
    ):
        yield Finding("wrong_gap", "gap", CODES["wrong_gap"], claimed.gap, actual)


def _is_shown_optimal(network: Network, claimed: Result) -> bool:
    """Whether coverage, every objective and the bound show the plan to be optimal.

    Coverage need not be the most there is, and cost may be above its bound, by what the network
    lets later objectives give up; added up with other objectives cost has no bound of its own.
    """
    stages = stages_of(network.objectives)
    may_lose = any(stage.name == "coverage" and stage.tolerance > 0 for stage in stages)
    is_covered = claimed.coverage is not None and (claimed.coverage.proven or may_lose)
    is_reached = all(reached.proven for reached in claimed.objectives)
    given_up = [stage.tolerance for stage in stages if stage.name == "cost"]
    actual = gap(claimed.best, claimed.bound)
    is_cheapest = not given_up or (actual is not None and actual <= given_up[0] + 10 * STATED)
    return is_covered and is_reached and is_cheapest
