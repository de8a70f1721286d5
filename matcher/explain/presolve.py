"""What no plan can do, known before any is made: demands out of reach, rules that cannot be met.

Each finding is a proof of its own, by counting; that nothing is found proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from matcher.evaluation.rules import parties
from matcher.explain.reachable import Reachable, reach_of, reachable
from matcher.formatting import count, named, quantity
from matcher.formulation.builder import resource_use
from matcher.formulation.instances import instances_of
from matcher.network import Network
from matcher.network.arrays import Arrays, to_arrays
from matcher.schema.rules import COUNTS, Rule, rules_of
from matcher.screening.candidates import Candidates, Rejections, screen
from matcher.screening.metrics import metric
from matcher.solve.frames import all_rejected, too_few
from matcher.tolerances import STATED

PRESOLVE_SCHEMA: dict[str, pl.DataType] = {
    "about": pl.String(),
    "key": pl.String(),
    "of": pl.String(),
    "who": pl.String(),
    "code": pl.String(),
    "missing": pl.Float64(),
    "stops": pl.Boolean(),
    "text": pl.String(),
    "fix": pl.String(),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PresolveChecks:
    """What cannot be, whatever the plan.

    ``rows`` has a row for each impossibility: ``instances_of`` is ``demand``, ``resource``,
    ``bundle`` or ``rule``, ``key`` its key; for a rule ``of`` and ``who`` name the instance.
    ``missing`` is the least that will be short, null where the code does not say how much;
    ``stops`` tells that no plan exists at all. Codes:

    - ``no_candidate``: nobody's bid for the demand passes every gate; ``missing`` in units
    - ``no_room``: none of the bids that pass can be awarded; units
    - ``too_few_suppliers``: fewer suppliers than the demand, or the rule, asks for; units,
      suppliers
    - ``not_enough``: all bids together cover less than the demand; units
    - ``capacity``: demands that only one resource can make ask for more of it than there is; in
      the resource's unit
    - ``bundle``: a bid of the bundle has no candidate, so none of it can be awarded
    - ``too_few_economies``: fewer economies than the rule asks for; economies
    - ``min_out_of_reach``: all that can be awarded is below the rule's min; in its unit
    - ``share_out_of_reach``: the group can make too little for its share of all; units that the
      scope is short of beyond what its demands are
    - ``max_below_cover``: covering all that can be covered comes to more than the rule's max; in
      its unit
    """

    headline: str
    rows: pl.DataFrame

    @property
    def no_plan(self) -> bool:
        """Whether it is proven that no plan exists."""
        return bool(self.rows["stops"].any())


def presolve_checks(network: Network) -> PresolveChecks:
    """What cannot be, whatever the plan: what is short of bids, capacity, suppliers or room.

    Examples
    --------
    >>> import matcher
    >>> matcher.presolve_checks(matcher.read("examples/first-steps")).headline
    'No demand, resource or rule was found to be impossible to meet.'
    """
    arrays = to_arrays(network)
    screening = screen(arrays)
    at_all = reachable(arrays, screening.candidates)
    within, demands = _demands(at_all, screening.candidates, screening.rejections)
    rows = [*_bundles(at_all), *demands, *_resources(within), *_rules(within)]
    frame = pl.DataFrame(rows, schema=PRESOLVE_SCHEMA)
    return PresolveChecks(_headline(frame), frame)


def _headline(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "No demand, resource or rule was found to be impossible to meet."
    stops = rows.filter("stops")["key"].unique(maintain_order=True).to_list()
    if stops:
        return f"No plan exists: {named('rule', stops)} cannot be met by any plan."
    demands = rows.filter(about="demand").height
    others = rows.height - demands
    parts = [f"{count(demands, 'demand')} cannot be covered in full"] if demands else []
    if others:
        parts.append(f"{count(others, 'other limit' if parts else 'limit')} cannot be met")
    text = " and ".join(parts)
    return f"{text} by any plan."


def _row(about_: str, key: str, code: str, text: str, fix: str, **cells: Any) -> Row:
    cells = {"of": None, "who": None, "missing": None, "stops": False} | cells
    return {"about": about_, "key": key, "code": code, "text": text, "fix": fix} | cells


# ------------------------------------------------------------------ bids, demands, resources


def _bundles(p: Reachable) -> Iterator[Row]:
    """Each bundle of which a bid has no candidate."""
    bids, bundle = p.arrays.network.bids, p.arrays.bids.bundle[p.lacking]
    for bid in p.lacking[np.unique(bundle, return_index=True)[1]].tolist():
        yield _row(
            "bundle",
            bids["bundle"][bid],
            "bundle",
            f"none of its bids can be awarded, because its bid {bids['bid'][bid]} fails a gate or "
            "exceeds the capacity",
            "correct that bid, or take it out of the bundle",
        )


def _demands(
    p: Reachable, every: Candidates, rejections: Rejections
) -> tuple[Reachable, list[Row]]:
    """The demands that cannot be covered in full; and what is possible of the others."""
    arrays, demands = p.arrays, p.arrays.demands
    found = reach_of(p, np.zeros(p.candidates.size, dtype=np.int64))
    at = found["demand"].to_numpy()
    suppliers, reach = np.zeros(p.reach.size, dtype=np.int64), np.zeros(p.reach.size)
    suppliers[at], reach[at] = found["suppliers"].to_numpy(), found["most"].to_numpy()
    reach = np.where(suppliers < demands.min_suppliers, 0.0, reach)
    passing = np.bincount(every.demand, minlength=reach.size) > 0
    short = demands.quantity - reach
    rows = [
        _demand(arrays, d, int(suppliers[d]), float(reach[d]), rejections, passes=bool(passing[d]))
        for d in np.flatnonzero(short > STATED * demands.quantity).tolist()
    ]
    return p.within(reach), rows


def _demand(
    arrays: Arrays, d: int, suppliers: int, reach: float, rejections: Rejections, *, passes: bool
) -> Row:
    """Why so much of a demand is out of reach."""
    demands, all_of_it = arrays.demands, float(arrays.demands.quantity[d])
    fewest, most = int(demands.min_suppliers[d]), int(demands.max_suppliers[d])
    cap = float(demands.share_cap[d])
    if not passes:
        code = "no_candidate"
        text = all_rejected(d, rejections, arrays.network.currency)
        fix = "obtain another bid, or help a supplier to pass the gate that it fails by least"
    elif suppliers == 0:
        code = "no_room"
        text = (
            "there are bids that pass every gate, but their smallest awards exceed the capacity of "
            "their resources, or their bundle is incomplete"
        )
        fix = "raise the capacity, lower the minimum order quantity, or complete the bundle"
    elif suppliers < fewest:
        code = "too_few_suppliers"
        text = too_few(fewest, suppliers, "supplier")
        fix = "lower min_suppliers, or obtain bids from other suppliers"
    else:
        code = "not_enough"
        limits = "award sizes and capacity"
        if cap < 1 or most < suppliers:
            number = count(min(most, suppliers), "supplier")
            limits = f"a share cap of {cap:.0%}, {number}, award sizes and capacity"
        text = f"given {limits}, at most {quantity(reach)} of {quantity(all_of_it)} can be awarded"
        fix = "obtain another bid, or raise the limits of the bids there are"
    key = str(arrays.network.demands["demand"][d])
    return _row("demand", key, code, text, fix, missing=all_of_it - reach)


def _resources(p: Reachable) -> Iterator[Row]:
    """Resources that are short of what can be made on nothing else, in a period."""
    arrays, c, network = p.arrays, p.candidates, p.arrays.network
    rows, resource, use = resource_use(arrays, c)
    demand = c.demand[rows]
    in_all = np.bincount(c.demand, minlength=p.reach.size)
    capacity = arrays.periods.capacity
    frame = pl.DataFrame(
        {
            "resource": resource,
            "period": arrays.demands.period[demand],
            "demand": demand,
            "candidates": in_all[demand],
            "needed": use * (p.reach / arrays.demands.quantity)[demand],
        }
    )
    only = (
        frame.group_by("resource", "period", "demand")
        .agg(pl.col("needed").min(), pl.col("candidates").first(), using=pl.len())
        .filter(pl.col("using") == pl.col("candidates"))
        .sort("resource", "period", "demand")
        .group_by("resource", "period", maintain_order=True)
        .agg(pl.col("needed").sum(), "demand")
    )
    for at, when, needed, which in only.iter_rows():
        room = float(capacity[at, when])
        if needed - room <= STATED * max(needed, room):
            continue
        keys = network.demands["demand"].gather(which).to_list()
        during = "" if network.periods.is_empty() else f" in {network.periods['period'][when]}"
        yield _row(
            "resource",
            network.resources["resource"][at],
            "capacity",
            f"{named('demand', keys)} can only be made on this resource and "
            f"{'needs' if len(keys) == 1 else 'need'} at least {quantity(needed)} of it{during}; "
            f"its capacity is {quantity(room)}",
            "raise its capacity, or obtain bids that do not need it",
            missing=needed - room,
        )


# ------------------------------------------------------------------ rules


def _rules(p: Reachable) -> Iterator[Row]:
    """Every instance of a rule that no plan meets, or that keeps demands from being covered."""
    for rule in rules_of(p.arrays.network.rules):
        if rule.kind in COUNTS and rule.minimum:
            yield from _counts(p, rule)
        elif rule.kind == "limit":
            if rule.minimum:
                yield from _out_of_reach(p, rule)
            if rule.maximum is not None and rule.group is None and not rule.is_target:
                yield from _below_cover(p, rule)
        elif _is_share_of_units(rule) and rule.minimum and not rule.is_target:
            yield from _shares(p, rule)


def _is_budget(rule: Rule) -> bool:
    """Whether the rule counts all that the plan costs, not only its awards."""
    return rule.metric == "cost" and rule.scope == "network" and rule.group is None


def _is_share_of_units(rule: Rule) -> bool:
    return rule.kind == "share" and rule.metric == "quantity"


def _instances(p: Reachable, rule: Rule) -> list[tuple[str, str]]:
    """The keys (of, who) of the instances of a rule, in the order of `instances_of`."""
    nobody = np.empty(0, dtype=np.int32)
    return parties(p.arrays, nobody, nobody).instances(rule).sort("of", "who").rows()


def _broken(
    rule: Rule, keys: tuple[str, str], code: str, missing: float, wants: str, fix: str
) -> Row:
    """A rule that no plan meets: mandatory, it leaves no plan; a target is missed for certain."""
    of, who = keys
    about_ = ", ".join(key for key in keys if key)
    missed = f"the target will be missed by at least {quantity(missing)}"
    then = missed if rule.is_target else "no plan exists"
    return _row(
        "rule",
        rule.name,
        code,
        f"{wants}{f' ({about_})' if about_ else ''}: {then}",
        fix if rule.is_target else f"{fix}, or make the rule a target by giving it a priority",
        of=of or None,
        who=who or None,
        missing=missing,
        stops=not rule.is_target,
    )


def _counts(p: Reachable, rule: Rule) -> Iterator[Row]:
    c, arrays = p.candidates, p.arrays
    found, owner, noun = instances_of(arrays, c, rule), c.supplier, "supplier"
    code, others = "too_few_suppliers", "other suppliers"
    if rule.kind == "economy_count":
        owner, noun = arrays.places.economy[arrays.suppliers.place[owner]], "economy"
        code, others = "too_few_economies", "suppliers in other economies"
    inside = found.instance >= 0
    pairs = np.unique(np.stack([found.instance[inside], owner[inside]]), axis=1)
    have = np.bincount(pairs[0], minlength=found.size)
    least = rule.minimum or 0.0
    keys = _instances(p, rule)
    for i in np.flatnonzero(have < np.ceil(least - STATED)).tolist():
        wants = too_few(least, int(have[i]), noun)
        fix = f"lower its min, or obtain bids from {others}"
        yield _broken(rule, keys[i], code, least - float(have[i]), wants, fix)


def _out_of_reach(p: Reachable, rule: Rule) -> Iterator[Row]:
    """Σ_d (reach_d · largest amount per unit + Σ what awards count once) < min."""
    c = p.candidates
    found = instances_of(p.arrays, c, rule)
    per_unit, once = metric(p.arrays, c, rule.metric)
    amounts = (
        pl.DataFrame(
            {
                "instance": found.instance,
                "demand": c.demand,
                "per_unit": np.maximum(per_unit, 0.0),
                "once": np.maximum(once, 0.0),
            }
        )
        .group_by("instance", "demand")
        .agg(pl.col("per_unit").max(), pl.col("once").sum())
        .join(reach_of(p, found.instance), on=["instance", "demand"])
        .group_by("instance")
        .agg(most=(pl.col("most") * pl.col("per_unit") + pl.col("once")).sum())
    )
    most = np.zeros(found.size)
    most[amounts["instance"].to_numpy()] = amounts["most"].to_numpy()
    least, keys = rule.minimum or 0.0, _instances(p, rule)
    for i in np.flatnonzero(least - most > STATED * least).tolist():
        wants = (
            f"a {rule.metric} of at least {quantity(least)} is required, but no more than "
            f"{quantity(float(most[i]))} can be awarded"
        )
        fix = "lower its min, or obtain further bids"
        yield _broken(rule, keys[i], "min_out_of_reach", least - float(most[i]), wants, fix)


def _shares(p: Reachable, rule: Rule) -> Iterator[Row]:
    """With P the most units of the group, min·T ≤ P lets no more than T = P / min be awarded."""
    found = instances_of(p.arrays, p.candidates, rule)
    reach = reach_of(p, found.instance)
    part = np.zeros(found.size)
    np.add.at(part, reach["instance"].to_numpy(), reach["most"].to_numpy())
    inside = found.of_demand >= 0
    whole = np.bincount(found.of_demand[inside], p.reach[inside], minlength=found.num_scopes)
    whole = np.repeat(whole, found.num_groups)
    most = part / (rule.minimum or 1.0)
    keys = _instances(p, rule)
    for i in np.flatnonzero(whole - most > STATED * whole).tolist():
        of, who = keys[i]
        yield _row(
            "rule",
            rule.name,
            "share_out_of_reach",
            f"{who or 'its group'} can make no more than {quantity(float(part[i]))}; to keep its "
            f"share at {rule.minimum:.4g}, only {quantity(float(most[i]))} of "
            f"{quantity(float(whole[i]))} can be awarded{f' of {of}' if of else ''}",
            "lower its min, obtain bids from the group, or make the rule a target by giving it a "
            "priority",
            of=of or None,
            who=who or None,
            missing=float(whole[i] - most[i]),
        )


def _below_cover(p: Reachable, rule: Rule) -> Iterator[Row]:
    """Σ_d reach_d · min_a (per unit + min(once, 0) / lower) > max: not all can be covered.

    An award of x ≥ lower units counts at least so much a unit. Discounts would lower what a plan
    costs, so a budget is left alone where there are any.
    """
    arrays, c = p.arrays, p.candidates
    if _is_budget(rule) and not arrays.network.discounts.is_empty():
        return
    found = instances_of(arrays, c, rule)
    per_unit, once = metric(arrays, c, rule.metric)
    least = per_unit.copy()
    gains = np.flatnonzero(once < 0)
    with np.errstate(divide="ignore"):
        least[gains] += once[gains] / c.lower[gains]
    cheapest = np.full(p.reach.size, np.inf)
    np.minimum.at(cheapest, c.demand, least)
    some = np.flatnonzero((found.of_demand >= 0) & (cheapest < np.inf))
    needed = np.bincount(
        found.of_demand[some], p.reach[some] * cheapest[some], minlength=found.num_scopes
    )
    most, keys = rule.maximum or 0.0, _instances(p, rule)
    for i in np.flatnonzero(needed - most > STATED * needed).tolist():
        of = keys[i][0]
        yield _row(
            "rule",
            rule.name,
            "max_below_cover",
            f"covering all that can be covered{f' of {of}' if of else ''} takes a {rule.metric} of "
            f"at least {quantity(float(needed[i]))}, which is above its max of {quantity(most)}",
            "raise its max, or make the rule a target by giving it a priority",
            of=of or None,
            missing=float(needed[i] - most),
        )
