"""Each award on its own: gates, sizes, and the figures that it states."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from matcher.evaluation import Evaluation, PricedAwards
from matcher.evaluation.awards import Awards
from matcher.evaluation.rules import parties, with_incumbents
from matcher.judge.comparison import all_off
from matcher.network.arrays import Arrays, Bools, Floats
from matcher.plan.findings import CODES, Finding
from matcher.schema.rules import MIN_COUNTED_SHARE, rules_of
from matcher.screening.award_options import Pairs, usable_modes
from matcher.screening.gates import GATES, Case, lacks_of
from matcher.screening.landed_cost import TERMS, cost_at_largest
from matcher.tolerances import ROUNDING, STATED


def each(
    awards: Awards,
    code: str,
    bad: Bools,
    actual: Floats | None = None,
    claimed: Floats | None = None,
    extra: str = "",
) -> Iterable[Finding]:
    """A finding for each award where ``bad`` holds."""
    for i in np.flatnonzero(bad):
        yield Finding(
            code,
            f"award {awards.frame['row'][int(i)]}",
            f"{awards.labels[i]}: {CODES[code]}{extra}",
            None if claimed is None else float(claimed[i]),
            None if actual is None else float(actual[i]),
        )


def gates(arrays: Arrays, awards: Awards, priced: PricedAwards) -> Iterable[Finding]:
    """Every gate that an award fails."""
    options = awards.options
    pairs = Pairs(options.demand, options.bid, options.link)
    at_largest = cost_at_largest(arrays, options, priced.unit_cost, priced.landed_once)
    usable = usable_modes(arrays, pairs, awards.links)
    case = Case(arrays, pairs, awards.links, usable, options, priced.slack, at_largest)
    for gate in GATES:
        shortfall = gate.shortfall(case) if gate.is_judged else None
        if shortfall is not None:
            bad = (shortfall > STATED) & awards.runs
            yield from each(awards, gate.code, bad, actual=shortfall)
    lacks = lacks_of(arrays, pairs)
    keys = arrays.capability.standards.standards
    for row, standard, missed in zip(lacks.row, lacks.standard, lacks.days, strict=True):
        code = "certificate_date" if missed > 0 else "standard"
        yield Finding(
            code,
            f"award {awards.frame['row'][int(row)]}",
            f"{awards.labels[row]}: {CODES[code]} ({keys[standard]})",
            actual=float(missed) if missed > 0 else None,
        )


def sizes(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    """Awards that are too small, too large or between the steps for their bid."""
    bids, tiers, options, quantity = arrays.bids, arrays.tiers, awards.options, awards.quantity
    slack = STATED * arrays.demands.quantity[options.demand]
    for code, limit, bad in (
        ("below_moq", bids.moq[options.bid], quantity < bids.moq[options.bid] - slack),
        ("wrong_tier", tiers.lower[options.tier], quantity < tiers.lower[options.tier] - slack),
        ("wrong_tier", tiers.upper[options.tier], quantity > tiers.upper[options.tier] + slack),
    ):
        yield from each(awards, code, bad, claimed=quantity, actual=limit)
    multiple = bids.order_multiple[options.bid]
    steps = quantity / np.where(multiple > 0, multiple, 1.0)
    away = np.abs(steps - np.round(steps))
    near = STATED + 1e-12 * steps
    yield from each(
        awards, "order_multiple", (multiple > 0) & (away > near), claimed=quantity, actual=multiple
    )
    counted = arrays.demands.min_suppliers[options.demand] > 1
    who = parties(arrays, options.demand, options.bid)
    for rule in rules_of(arrays.network.rules):
        if rule.counts_awards:
            counted |= who.concerned(rule)
    # An award that saves a switching cost would be there for that alone, if it might be tiny.
    leaving_costs = arrays.network.incumbents.filter(pl.col("switching_cost") > 0)
    kept = with_incumbents(who.awards.drop("incumbents"), leaving_costs)
    counted |= kept["incumbents"].is_not_null().to_numpy()
    floor = MIN_COUNTED_SHARE * arrays.demands.quantity[options.demand]
    yield from each(
        awards,
        "below_counted_share",
        counted & (quantity < floor - slack),
        claimed=quantity,
        actual=floor,
    )


def figures(arrays: Arrays, awards: Awards, evaluation: Evaluation) -> Iterable[Finding]:
    """Costs and dates that an award states and that are wrong."""
    frame, priced = awards.frame, evaluation.priced
    scale = np.maximum(np.abs(priced.terms).max(axis=0, initial=0.0), 1e-12)
    for term, actual in zip(TERMS, priced.terms, strict=True):
        claimed = _claimed(frame, f"{term}_per_unit")
        bad = ~np.isnan(claimed) & (np.abs(claimed - actual) > STATED * scale) & awards.runs
        yield from each(awards, "wrong_term", bad, actual, claimed, f" ({term})")
    claimed, unit_cost = _claimed(frame, "landed_cost_per_unit"), priced.unit_cost
    bad = ~np.isnan(claimed) & (np.abs(claimed - unit_cost) > STATED * np.abs(unit_cost))
    yield from each(awards, "wrong_unit_cost", bad & awards.runs, unit_cost, claimed)
    for code, column, actual in (
        ("wrong_award_cost", "landed_cost", evaluation.landed),
        ("wrong_fixed_cost", "fixed_cost", evaluation.fixed),
        ("wrong_slack", "slack_days", priced.slack),
        ("wrong_emissions", "co2e_kg", priced.co2e_kg * awards.quantity),
    ):
        claimed = _claimed(frame, column)
        yield from each(awards, code, all_off(claimed, actual) & awards.runs, actual, claimed)
    for column, day in (
        ("order_date", np.zeros(priced.ship.size)),
        ("ship_date", np.ceil(priced.ship - ROUNDING)),
        ("arrival_date", np.ceil(priced.arrive - ROUNDING)),
    ):
        stated = _claimed(
            frame.with_columns((pl.col(column) - arrays.network.start).dt.total_days()), column
        )
        yield from each(
            awards,
            "wrong_date",
            all_off(stated, day) & awards.runs,
            day,
            stated,
            f" ({column}, in days after the start)",
        )


def _claimed(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
