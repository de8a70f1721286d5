"""What each stated rule costs: the plan held against the best one without that rule."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from matcher.engines import kept_engine
from matcher.engines.base import Progress
from matcher.errors import InputError, Issue
from matcher.evaluation import Evaluation, evaluate
from matcher.evaluation.awards import understand
from matcher.explain.rule_estimates import estimates
from matcher.formatting import is_or_are, quantity, share
from matcher.network import Network
from matcher.network.arrays import Arrays, to_arrays
from matcher.options import SolveOptions
from matcher.plan import Plan, Result
from matcher.schema.objectives import COST
from matcher.schema.rules import rules_of
from matcher.screening.candidates import screen
from matcher.solve import limits_of, solve_screened
from matcher.solve.complete import complete
from matcher.solve.search import Clock
from matcher.tolerances import STATED

# Money below half a cent is the same.
SAME_MONEY = 0.005
# A saving is exact if it is proven to this share of it.
SHARP = 0.01
# What stands for a proof where the linear relaxation gave the figure.
ESTIMATE = "LP estimate"
# The gap of a plan that does not say which it was made with.
GAP_LIMIT = 1e-4

COST_SCHEMA: dict[str, pl.DataType] = {
    "rule": pl.String(),
    "kind": pl.String(),
    "binds": pl.Boolean(),
    "instances": pl.Int64(),
    "at_limit": pl.Int64(),
    "of": pl.String(),
    "who": pl.String(),
    "actual": pl.Float64(),
    "min": pl.Float64(),
    "max": pl.Float64(),
    "missed": pl.Float64(),
    "penalty": pl.Float64(),
    "cost_without": pl.Float64(),
    "saving": pl.Float64(),
    "at_least": pl.Float64(),
    "at_most": pl.Float64(),
    "covered_more": pl.Float64(),
    "proof": pl.String(),
    "text": pl.String(),
}


@dataclass(frozen=True, slots=True)
class RuleCosts:
    """What the rules of a network cost a plan.

    ``headline`` is the answer in a sentence. ``rows`` has a row for each rule, the dearest first:

    - ``binds``: whether an instance is at its limit, or a target is missed; ``at_limit`` says how
      many of the ``instances`` are
    - ``of`` to ``max``: the instance that is nearest to its limit; ``missed`` and ``penalty`` are
      sums over all
    - ``cost_without``: what the best plan found without the rule costs; ``saving``: by how much
      that is less than the plan, both with penalties, in network currency
    - ``at_least``, ``at_most``: what is proven of the saving, null if nothing
    - ``covered_more``: by how much less the coverage loss is without the rule
    - ``proof``: ``exact`` if the proven saving lies within half a cent or 1 % of the saving,
      ``interval`` if both costs have a bound, else ``not proven``; ``LP estimate`` where nothing
      was solved again
    - ``text``: all that in a sentence

    ``instances`` are the figures of each instance, as in `matcher.plan.RULE_SCHEMA`, and whether
    it ``binds``.
    """

    headline: str
    rows: pl.DataFrame
    instances: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a plan: its cost, a bound on the cost of any other, its coverage loss.

    The bound is ``None`` unless all that comes before cost is proven too.
    """

    cost: float
    unmet: float
    bound: float | None


def explain_rules(  # noqa: PLR0913 - keywords, those of `matcher.solve`
    network: Network,
    plan: Plan,
    *,
    time_limit_s: float = 60.0,
    engine: str = "auto",
    threads: int = 2,
    seed: int = 0,
    estimate: bool = False,
    on_progress: Callable[[str, Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RuleCosts:
    """What each rule costs: by how much less a plan without it would cost.

    The network is screened once and solved again without each rule, those that bind first, for the
    same objectives and to the plan's gap. Rules that do not bind are tried too: awards are all or
    nothing, so a rule with room in the plan at hand may still keep a cheaper one out. Each rule is
    left out on its own; of two that forbid the same, neither costs anything.

    Parameters
    ----------
    plan
        Made by the solver or by hand. Its figures are computed anew; what it claims to have proven
        counts only if it was made for this very network.
    time_limit_s
        Seconds for all rules together.
    estimate
        Price the rules by the linear relaxation alone, which is fast and proves nothing; see
        `matcher.explain.rule_estimates`.
    engine, threads, seed, on_progress, cancelled
        As in `matcher.solve`; once cancelled, the other rules are not tried.

    Raises
    ------
    InputError
        The plan says that there is none, an award names something the network does not have, or a
        limit makes no sense.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.explain_rules(network, matcher.solve(network)).headline
    'No rule costs anything on its own; this is proven.'
    """
    began = time.monotonic()
    gap_limit = GAP_LIMIT if plan.run is None else plan.run.gap_limit
    limits = limits_of(
        SolveOptions(time_limit_s=time_limit_s, gap_limit=gap_limit, threads=threads, seed=seed)
    )
    clock = Clock(began, limits.time_s)
    evaluation, kept, is_claimed = _held(network, plan)
    instances = _binding(evaluation.rules)
    facts = _facts(network, instances)
    settled = is_claimed and _is_settled_by_cost(network)
    arrays = to_arrays(network)
    rows = []
    with kept_engine(engine) as solver:
        if estimate:
            known = estimates(arrays, solver, limits, clock, on_progress, cancelled)
            rows = [
                _estimated(fact, known, kept.cost, network.currency) for fact in facts.to_dicts()
            ]
            return _told(rows, instances, network.currency)
        screening = screen(arrays)
        for number, fact in enumerate(facts.iter_rows(named=True)):
            name, without = fact["rule"], None
            share = clock.left / (facts.height - number)
            if share > 0 and not (cancelled is not None and cancelled()):
                others = replace(network, rules=network.rules.filter(pl.col("rule") != name))
                made = solve_screened(
                    replace(arrays, network=others),
                    screening,
                    solver,
                    replace(limits, time_s=share),
                    Clock(time.monotonic(), share),
                    _without(name, on_progress),
                    cancelled,
                )
                without = _best_known(kept, _of_result(made), fact["penalty"], settled)
            rows.append(_row(fact, kept, without, network.currency, settled))
    return _told(rows, instances, network.currency)


def _told(rows: list[dict[str, Any]], instances: pl.DataFrame, currency: str) -> RuleCosts:
    frame = pl.DataFrame(rows, schema=COST_SCHEMA).sort(
        pl.col("saving").fill_null(-np.inf), "binds", "rule", descending=[True, True, False]
    )
    return RuleCosts(_headline(frame, currency), frame, instances)


def _without(
    rule: str, on_progress: Callable[[str, Progress], None] | None
) -> Callable[[str, Progress], None] | None:
    """Progress that says which rule is left out."""
    if on_progress is None:
        return None
    return lambda objective, progress: on_progress(f"without '{rule}': {objective}", progress)


def _held(network: Network, plan: Plan) -> tuple[Evaluation, _Known, bool]:
    """What the plan comes to, what is known of it, and whether that is more than its figures."""
    result = plan.result
    if result is not None and result.solution_status in ("infeasible", "none"):
        raise InputError(
            [
                Issue(
                    code="no_plan",
                    table="plan",
                    column="result",
                    value=result.solution_status,
                    problem="means that there is no plan, so no rule has a cost",
                    fix="'matcher solve' says which rules to change; change them, solve again, and "
                    "then explain the new plan",
                )
            ]
        )
    complete(network, plan)  # for its errors
    arrays = to_arrays(network)
    awards = understand(arrays, plan.awards, [])
    evaluation = evaluate(arrays, awards.links, awards.options, awards.quantity)
    cost = evaluation.costs.total
    unmet = _unmet(arrays, awards.options.demand, awards.quantity)
    if result is None or plan.input_hash != network.input_hash:
        return evaluation, _Known(cost, unmet, None), False
    return evaluation, _known(result, cost, unmet), True


def _unmet(arrays: Arrays, demand: np.ndarray, awarded: np.ndarray) -> float:
    """Coverage loss: Σ priority × unmet share."""
    needed = arrays.demands.quantity
    made = np.bincount(demand, awarded, minlength=needed.size)
    return float(arrays.demands.priority @ np.maximum(1.0 - made / needed, 0.0))


def _known(result: Result, cost: float, unmet: float) -> _Known:
    names = [each.objective for each in result.objectives]
    at_cost = [i for i, name in enumerate(names) if name == COST.name]
    before = result.objectives[1 : at_cost[-1]] if at_cost else ()
    is_proven = (
        bool(at_cost)
        and result.coverage is not None
        and result.coverage.proven
        and all(each.proven for each in before)
    )
    bound = result.bound if is_proven else None
    if bound is not None and bound - cost > STATED * abs(cost):
        bound = None  # a bound above the plan's cost is no bound
    return _Known(cost, unmet, bound)


def _of_result(plan: Plan) -> _Known | None:
    """What is known of a plan that was just made, if there is one."""
    result = plan.result
    if result is None or result.best is None or result.coverage is None:
        return None
    return _known(result, result.best, result.coverage.unmet)


def _best_known(kept: _Known, found: _Known | None, penalty: float, settled: bool) -> _Known | None:
    """The best plan known without a rule: the plan itself is one, where cost decides."""
    if not settled:
        return found
    itself = _Known(kept.cost - penalty, kept.unmet, None)
    if found is None:
        return itself
    is_worse = found.unmet > kept.unmet + STATED or (
        found.unmet >= kept.unmet - STATED and found.cost > itself.cost
    )
    return replace(found, cost=itself.cost, unmet=itself.unmet) if is_worse else found


def _is_settled_by_cost(network: Network) -> bool:
    """Whether of two plans that cover the same, the cheaper is the better one."""
    before_cost = any(rule.is_target and rule.price is None for rule in rules_of(network.rules))
    return network.objectives.is_empty() and not before_cost


# ------------------------------------------------------------------ figures


def _binding(rules: pl.DataFrame) -> pl.DataFrame:
    """The instances with ``room``, the distance to the nearest limit, and whether they bind."""
    nearest = pl.min_horizontal(
        # A minimum of 0 limits nothing.
        pl.when(pl.col("min") > 0).then(
            (pl.col("actual") - pl.col("min")) / pl.col("min").clip(lower_bound=1.0)
        ),
        (pl.col("max") - pl.col("actual")) / pl.col("max").clip(lower_bound=1.0),
    )
    return rules.with_columns(room=nearest).with_columns(
        binds=(pl.col("missed") > 0) | (pl.col("room").abs() <= STATED).fill_null(False)
    )


def _facts(network: Network, instances: pl.DataFrame) -> pl.DataFrame:
    """A row for each rule with the figures of its instances, those that bind first."""
    nearest = instances.sort("missed", "room", descending=[True, False], nulls_last=True)
    by_rule = nearest.group_by("rule").agg(
        pl.col("of", "who", "actual", "min", "max").first(),
        pl.col("missed", "penalty").sum(),
        instances=pl.len().cast(pl.Int64),
        at_limit=pl.col("binds").sum().cast(pl.Int64),
    )
    return (
        network.rules.select("rule", "kind", forbids=(pl.col("max") == 0).fill_null(False))
        .join(by_rule, on="rule", how="left", maintain_order="left")
        .with_columns(pl.col("instances", "at_limit", "missed", "penalty").fill_null(0))
        # Instances without awards may be left out, and what forbids them is at its limit there.
        .with_columns(binds=(pl.col("at_limit") > 0) | pl.col("forbids"))
        .sort("binds", descending=True, maintain_order=True)
        .drop("forbids")
    )


def _row(
    fact: dict[str, Any], kept: _Known, without: _Known | None, currency: str, settled: bool
) -> dict[str, Any]:
    """A row of `COST_SCHEMA`: saving = cost − cost without, and what the two bounds prove of it."""
    row: dict[str, Any] = {**dict.fromkeys(COST_SCHEMA), **fact, "proof": "not proven"}
    if without is not None:
        row["cost_without"] = without.cost
        row["saving"] = kept.cost - without.cost
        row["covered_more"] = kept.unmet - without.unmet
        if kept.bound is not None and without.bound is not None:
            low = kept.bound - without.cost
            if settled and abs(row["covered_more"]) <= STATED:
                low = max(low, 0.0)  # what is a plan with the rule is one without it
            high = max(low, kept.cost - without.bound)
            row["at_least"], row["at_most"] = low, high
            is_sharp = high - low <= max(SAME_MONEY, SHARP * abs(row["saving"]))
            row["proof"] = "exact" if is_sharp else "interval"
    return row | {"text": _sentence(row, kept.cost, currency)}


def _estimated(
    fact: dict[str, Any], known: dict[str, tuple[float, float]], cost: float, currency: str
) -> dict[str, Any]:
    """A row of `COST_SCHEMA` by linear prices."""
    saving, covered_more = known.get(fact["rule"], (None, None))
    row: dict[str, Any] = {**dict.fromkeys(COST_SCHEMA), **fact, "proof": ESTIMATE}
    row |= {"saving": saving, "covered_more": covered_more}
    return row | {"text": _sentence(row, cost, currency)}


# ------------------------------------------------------------------ words


def _sentence(row: dict[str, Any], cost: float, currency: str) -> str:
    state = "is at its limit" if row["binds"] else "is not at its limit"
    if row["missed"] > 0:
        state = f"is missed by {quantity(row['missed'])}"
    subject = f"rule '{row['rule']}' {state}"
    if row["saving"] is None:
        return f"{subject}; no time was left to plan without it"
    if row["proof"] == ESTIMATE:
        return f"{subject}; by a quick estimate, it {_priced(row, cost, currency)}"
    return f"{subject}; {_difference(row, cost, currency)}{_proof(row, currency)}"


def _priced(row: dict[str, Any], cost: float, currency: str) -> str:
    if abs(row["saving"]) <= SAME_MONEY:
        said = "costs nothing"
    else:
        verb = "costs about" if row["saving"] > 0 else "lowers the cost by about"
        said = f"{verb} {abs(row['saving']):,.2f} {currency}"
        said += f" ({share(abs(row['saving'] / cost))})" if cost else ""
    if row["covered_more"] > STATED:
        said += f" and adds {quantity(row['covered_more'])} to the unmet demand (weighted)"
    return said


def _difference(row: dict[str, Any], cost: float, currency: str) -> str:
    saving, found = row["saving"], row["proof"] != "exact"
    if abs(saving) <= SAME_MONEY:
        said = (
            "no cheaper plan was found without it"
            if found
            else "without it the plan would cost the same"
        )
    else:
        of_all = f" ({share(abs(saving) / abs(cost))})" if cost else ""
        amount = f"{abs(saving):,.2f} {currency}{of_all} {'less' if saving > 0 else 'more'}"
        said = (
            f"without it a plan was found that costs {amount}"
            if found
            else f"without it the plan would cost {amount}"
        )
    if row["penalty"] > SAME_MONEY and saving > SAME_MONEY:
        said += f", of which {row['penalty']:,.2f} {currency} is the penalty"
    if row["covered_more"] > STATED:
        said += f"; unmet demand (weighted) would fall by {quantity(row['covered_more'])}"
    return said


def _proof(row: dict[str, Any], currency: str) -> str:
    if row["proof"] == "interval":
        low, high = row["at_least"], row["at_most"]
        return f"; the difference is proven to be between {low:,.2f} and {high:,.2f} {currency}"
    return " (proven)" if row["proof"] == "exact" else " (not proven)"


def _headline(rows: pl.DataFrame, currency: str) -> str:  # noqa: PLR0911 - a sentence for each case
    if rows.is_empty():
        return "The network has no rules."
    dear = rows.filter(pl.col("saving") > SAME_MONEY)
    if dear.is_empty() and rows["proof"][0] == ESTIMATE:
        return "By a quick estimate, no rule costs money."
    if dear.is_empty():
        if untried := rows["saving"].null_count():
            tried = f"{untried} of {is_or_are(rows.height, 'rule')} still untested"
            return f"No rule was found to cost anything; {tried}."
        if rows["at_most"].null_count():
            return "No rule was found to cost anything on its own; this is not proven."
        most = max(rows["at_most"].to_list())
        if most <= SAME_MONEY:
            return "No rule costs anything on its own; this is proven."
        return (
            "No rule was found to cost anything; it is proven that none costs more than "
            f"{most:,.2f} {currency}."
        )
    if rows.height == 1:
        return f"The only rule costs money: {dear['text'][0]}."
    verb = "cost" if dear.height > 1 else "costs"
    return f"{dear.height} of {rows.height} rules {verb} money; the costliest: {dear['text'][0]}."
