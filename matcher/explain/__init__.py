"""Why and why not: what decided each demand–bid pair, in figures and in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from matcher.errors import InputError, Issue
from matcher.formatting import count, plural
from matcher.network import Network
from matcher.network.arrays import Arrays, to_arrays
from matcher.plan import Plan
from matcher.schema.tables import MODES
from matcher.screening.candidates import Candidates, Rejections, screen
from matcher.screening.gates import GATES, REASONS, Gate
from matcher.solve.complete import complete
from matcher.solve.frames import is_used_up
from matcher.suggestions import Nearest
from matcher.tolerances import STATED

# Landed costs per unit this close are the same: half of the last digit shown.
SAME_COST = 5e-5
# What a pair that got nothing is called in tables and charts: the gate it failed, or what beat it.
REASON_LABELS = {
    **{gate.code: gate.label for gate in GATES},
    "cost": "Higher landed cost",
    "capacity": "Capacity used up",
    "rules": "Rules or one-off costs",
}
_PLACE = re.compile(r"\{(\w+)\}")
_AVERAGE = (pl.col("landed_cost_per_unit") * pl.col("quantity")).sum() / pl.col("quantity").sum()

WHY_SCHEMA: dict[str, pl.DataType] = {
    "demand": pl.String(),
    "supplier": pl.String(),
    "bid": pl.String(),
    "outcome": pl.String(),
    "mode": pl.String(),
    "landed_cost_per_unit": pl.Float64(),
    "cost_difference": pl.Float64(),
    "quantity": pl.Float64(),
    "reason": pl.String(),
    "distance": pl.Float64(),
    "unit": pl.String(),
    "standard": pl.String(),
    "text": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What decided a demand, or what decided for and against a supplier.

    ``headline`` is the answer in a sentence; ``rows`` are the pairs behind it, as `why` gives
    them, the nearest to an award first.
    """

    headline: str
    rows: pl.DataFrame


def why(network: Network, plan: Plan) -> pl.DataFrame:
    """What decided each demand–bid pair.

    One row for each pair that was awarded or beaten, and one for each gate that a rejected pair
    fails. ``outcome`` is ``awarded``, ``beaten`` or ``rejected``; with incremental tiers
    ``landed_cost_per_unit`` is the average of the units awarded, or of the largest award.
    ``cost_difference`` is landed cost per unit above the average of what the demand was awarded, in
    the network's currency;
    ``reason`` and ``distance`` are the gate's (see `matcher.screening.gates.GATES`) or, for a
    beaten pair, ``cost``, ``capacity`` (its resource is used up) or ``rules`` (it is the cheaper
    one per unit, and lost to award sizes, supplier counts, or once-only costs).

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> rows = matcher.why(network, matcher.solve(network))
    >>> rows.select("demand", "bid", "outcome").rows()
    [('D1', 'B1', 'awarded'), ('D1', 'B2', 'awarded'), ('D2', 'B3', 'awarded')]
    """
    plan = complete(network, plan)
    arrays = to_arrays(network)
    screening = screen(arrays)
    plan = replace(plan, awards=_averaged(arrays, screening.candidates, plan.awards))
    awarded = plan.awards.group_by("demand").agg(average=_AVERAGE)
    is_open = pl.Series([] if plan.unmet is None else plan.unmet["demand"], dtype=pl.String)
    admissible = (
        _admissible(arrays, screening.candidates, plan)
        .join(awarded, on="demand", how="left")
        .with_columns(
            cost_difference=pl.col("landed_cost_per_unit") - pl.col("average"),
            is_open=pl.col("demand").is_in(is_open.implode()),
        )
    )
    rejected = _rejected(arrays, screening.rejections)
    return pl.concat(
        [
            _reasoned(admissible, network.currency, is_proven=_is_proven(plan)).select(*WHY_SCHEMA),
            rejected.select(*WHY_SCHEMA),
        ]
    ).sort("demand", "outcome", "landed_cost_per_unit", "bid", "reason", nulls_last=True)


def explain_demand(network: Network, plan: Plan, demand: str) -> Explanation:
    """Who makes a demand, and why nobody else does.

    Raises
    ------
    InputError
        The network has no such demand.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.explain_demand(network, matcher.solve(network), "D2").headline
    'D2: awarded in full to S3. Of 1 bid, 0 failed a gate and 0 were not selected.'
    """
    _known(network, "demands", "demand", demand)
    rows = why(network, plan).filter(pl.col("demand") == demand)
    needed = network.demands.filter(pl.col("demand") == demand)["quantity"][0]
    made = rows.filter(pl.col("outcome") == "awarded")
    share = float(made["quantity"].sum()) / needed
    bids = rows["bid"].n_unique()
    rejected = rows.filter(pl.col("outcome") == "rejected")["bid"].n_unique()
    if made.is_empty():
        head = f"{demand}: not awarded"
    else:
        names = ", ".join(made["supplier"].unique(maintain_order=True))
        covered = "awarded in full" if share > 1 - STATED else f"{min(share, 0.999):.1%} awarded"
        head = f"{demand}: {covered} to {names}"
    beaten = bids - rejected - made["bid"].n_unique()
    return Explanation(
        f"{head}. Of {count(bids, 'bid')}, {rejected} failed a gate and "
        f"{beaten} {'was' if beaten == 1 else 'were'} not selected.",
        _ranked(rows),
    )


def explain_supplier(network: Network, plan: Plan, supplier: str) -> Explanation:
    """What a supplier is awarded, and what it lacks for more.

    Raises
    ------
    InputError
        The network has no such supplier.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.explain_supplier(network, matcher.solve(network), "S1").headline[:16]
    'S1 gets 1 award '
    """
    _known(network, "suppliers", "supplier", supplier)
    rows = why(network, plan).filter(pl.col("supplier") == supplier)
    made = rows.filter(pl.col("outcome") == "awarded")
    if rows.is_empty():
        bids = network.bids.filter(pl.col("supplier") == supplier).height
        return Explanation(
            f"{supplier} makes {count(bids, 'bid')}, and no demand is for what it offers.",
            rows,
        )
    counts = (
        rows.filter(pl.col("outcome") != "awarded")
        .group_by("reason")
        .agg(pl.struct("demand", "bid").n_unique().alias("pairs"))
        .sort("pairs", "reason", descending=[True, False])
    )
    lost = ", ".join(f"{_label(reason)} ({pairs:,})" for reason, pairs in counts.iter_rows())
    pairs = count(rows.select("demand", "bid").n_unique(), "possible pair")
    return Explanation(
        f"{supplier} gets {count(made.height, 'award')} out of {pairs} of a demand and a bid"
        + (f"; reasons for the rest: {lost}." if lost else "."),
        _ranked(rows),
    )


def _label(reason: str) -> str:
    """A reason within a sentence."""
    label = REASON_LABELS.get(reason, reason)
    return label[0].lower() + label[1:]


def _known(network: Network, table: str, column: str, key: str) -> None:
    keys = network.table(table)[column]
    if key in keys:
        return
    near = Nearest(keys).find(key)
    raise InputError(
        [
            Issue(
                code="unknown_key",
                table=table,
                column=column,
                value=key,
                problem=f"is not a {column} of this network",
                fix=f"did you mean '{near}'?" if near else f"choose one from the table {table}",
            )
        ]
    )


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    order = pl.col("outcome").replace_strict({"awarded": 0, "beaten": 1, "rejected": 2})
    return rows.sort(order, "cost_difference", "distance", "bid", nulls_last=True)


def _admissible(arrays: Arrays, c: Candidates, plan: Plan) -> pl.DataFrame:
    """Pairs with a candidate: what is awarded of them, or their cheapest candidate."""
    network = arrays.network
    # Candidates are sorted by demand and bid; the cheapest of a pair speaks for it.
    cost = c.unit_cost + c.landed_once / c.upper
    order = np.lexsort((cost, c.bid, c.demand))
    first = np.ones(c.size, dtype=np.bool_)
    first[1:] = (c.demand[order][1:] != c.demand[order][:-1]) | (
        c.bid[order][1:] != c.bid[order][:-1]
    )
    best = c.take(order[first])
    frame = pl.DataFrame(
        {
            "demand": network.demands["demand"].gather(best.demand),
            "supplier": network.suppliers["supplier"].gather(best.supplier),
            "bid": network.bids["bid"].gather(best.bid),
            "best_mode": pl.Series(MODES).gather(best.mode),
            "best_cost": cost[order[first]],
            "full": is_used_up(arrays, plan.awards)[best.bid, arrays.demands.period[best.demand]],
        }
    )
    made = plan.awards.group_by("demand", "bid").agg(
        mode=pl.col("mode").sort_by("quantity").last(),
        landed_cost_per_unit=_AVERAGE,
        quantity=pl.col("quantity").sum(),
    )
    return (
        frame.join(made, on=["demand", "bid"], how="left")
        .with_columns(
            outcome=pl.when(pl.col("quantity").is_null())
            .then(pl.lit("beaten"))
            .otherwise(pl.lit("awarded")),
            mode=pl.col("mode").fill_null(pl.col("best_mode")),
            landed_cost_per_unit=pl.col("landed_cost_per_unit").fill_null(pl.col("best_cost")),
        )
        .drop("best_mode", "best_cost")
    )


def _averaged(arrays: Arrays, c: Candidates, awards: pl.DataFrame) -> pl.DataFrame:
    """The awards with the average landed cost of their units where tiers are incremental."""
    c = c.take(np.flatnonzero(c.landed_once))
    network = arrays.network
    once = pl.DataFrame(
        {
            "demand": network.demands["demand"].gather(c.demand),
            "bid": network.bids["bid"].gather(c.bid),
            "mode": pl.Series(MODES).gather(c.mode),
            "tier": (c.tier - arrays.bids.tier_start[c.bid] + 1).astype(np.int64),
            "once": c.landed_once,
        }
    )
    option = ["demand", "bid", "mode", "tier"]
    spread = pl.col("once").fill_null(0.0) / pl.col("quantity")
    return awards.join(once, on=option, how="left", maintain_order="left").with_columns(
        pl.col("landed_cost_per_unit") + spread
    )


def _is_proven(plan: Plan) -> bool:
    """Whether it is proven that no plan covers more, or that there is none."""
    result = plan.result
    if result is None:
        return False
    return result.solution_status == "infeasible" or (
        result.coverage is not None and result.coverage.proven
    )


def _reasoned(frame: pl.DataFrame, currency: str, *, is_proven: bool) -> pl.DataFrame:
    """Reason and sentence for pairs that passed every gate."""
    no_room = (
        "award sizes or rules leave no room for an award"
        if is_proven
        else "the plan leaves it out; it is not proven that it has to"
    )
    difference, beaten = pl.col("cost_difference"), pl.col("outcome") == "beaten"
    money = pl.format("{} {}", difference.abs().round(4).cast(pl.String), pl.lit(currency))
    # Where part of the demand is open, no cost keeps a bid out: something else does.
    lost_on_cost = (beaten & ~pl.col("is_open") & (difference > SAME_COST)).fill_null(False)
    reason = (
        pl.when(~beaten)
        .then(None)
        .when(lost_on_cost)
        .then(pl.lit("cost"))
        .when(pl.col("full"))
        .then(pl.lit("capacity"))
        .otherwise(pl.lit("rules"))
    )
    text = (
        pl.when(~beaten)
        .then(pl.format("awarded {}, by {}", _units(pl.col("quantity")), "mode"))
        .when(lost_on_cost)
        .then(pl.format("landed cost {} higher per unit than what was awarded", money))
        .when(pl.col("full"))
        .then(pl.lit("its capacity is used up by other awards"))
        .when(pl.col("is_open"))
        .then(pl.lit(f"passes every gate, but {no_room}"))
        .when(difference.abs() <= SAME_COST)
        .then(pl.lit("same landed cost per unit as what was awarded"))
        .otherwise(
            pl.format(
                "landed cost {} lower per unit, but award sizes, supplier counts, tooling or "
                "onboarding would make the whole plan cost more",
                money,
            )
        )
    )
    return frame.with_columns(
        reason=reason,
        text=text,
        distance=pl.when(lost_on_cost).then(difference),
        unit=pl.when(lost_on_cost).then(pl.lit(REASONS["ceiling"].unit)),
        standard=pl.lit(None, dtype=pl.String),
    )


def _rejected(arrays: Arrays, r: Rejections) -> pl.DataFrame:
    network, supplier = arrays.network, arrays.bids.supplier[r.bid]
    reasons, units = list(REASONS), [gate.unit for gate in GATES]
    modes = pl.Series([*MODES, None], dtype=pl.String)
    standards = pl.Series([*arrays.capability.standards.standards, None], dtype=pl.String)
    frame = pl.DataFrame(
        {
            "demand": network.demands["demand"].gather(r.demand),
            "supplier": network.suppliers["supplier"].gather(supplier),
            "bid": network.bids["bid"].gather(r.bid),
            "outcome": pl.repeat("rejected", r.demand.size, eager=True),
            "mode": modes.gather(np.where(r.mode < 0, len(MODES), r.mode)),
            "reason": pl.Series(reasons, dtype=pl.String).gather(r.reason.astype(np.int64)),
            "distance": r.distance,
            "unit": pl.Series(units, dtype=pl.String).gather(r.reason.astype(np.int64)),
            "standard": standards.gather(np.where(r.standard < 0, standards.len() - 1, r.standard)),
        }
    ).with_columns(
        landed_cost_per_unit=pl.lit(None, dtype=pl.Float64),
        cost_difference=pl.lit(None, dtype=pl.Float64),
        quantity=pl.lit(None, dtype=pl.Float64),
    )
    text = pl.lit(None, dtype=pl.String)
    for gate in GATES:
        said = _said(gate, network.currency)
        text = pl.when(pl.col("reason") == gate.code).then(said).otherwise(text)
    return frame.with_columns(text=text)


def _said(gate: Gate, currency: str) -> pl.Expr:
    """The gate's sentence, filled in by row."""
    values = {"distance": _distance(gate.unit, currency)}
    template, names = _PLACE.sub("{}", gate.sentence), _PLACE.findall(gate.sentence)
    return pl.format(template, *(values.get(name, pl.col(name)) for name in names))


def _distance(unit: str, currency: str) -> pl.Expr:
    """The distance with its unit as text, as `matcher.formatting.distance` has it for one."""
    miss = pl.col("distance").round(4)
    if unit in ("days", "units", "standards"):
        return _counted(miss, unit.removesuffix("s"))
    if unit == "share":
        return _counted((miss * 100).round(4), "percentage point")
    named = f"{currency} per unit" if unit == "network currency per unit" else unit
    return pl.format("{} {}", miss.cast(pl.String), pl.lit(named))


def _units(units: pl.Expr) -> pl.Expr:
    """A quantity of units as people read it; of the few pairs that have an award."""
    return units.map_elements(lambda value: count(value, "unit"), return_dtype=pl.String)


def _counted(number: pl.Expr, noun: str) -> pl.Expr:
    """A number with its noun as text, such as ``1 day`` or ``2.5 days``."""
    text = number.cast(pl.String).str.strip_suffix(".0")
    nouns = pl.when(number == 1).then(pl.lit(noun)).otherwise(pl.lit(plural(noun)))
    return pl.format("{} {}", text, nouns)
