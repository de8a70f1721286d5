"""The independent judge: recomputes every gate, cost and rule from network and plan alone.

It shares the definitions of gates and costs with the rest, but neither the formulation nor the
engines: what those got wrong shows here. It judges plans made by hand in the same way; what such
a plan does not claim is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.arrays import Arrays, Bools, Floats, Ints, index_of, to_arrays
from matcher.delivery import Delivery, delivery
from matcher.eligibility import (
    ceiling_gate,
    delivery_gate,
    lacks_of,
    on_time_gate,
    quality_gate,
    terms_gate,
)
from matcher.landed_cost import TERMS, duty_rates, fixed_cost, landed_cost
from matcher.links import Links, links_between
from matcher.network import Network
from matcher.options import Options, Pairs
from matcher.outcome import gap
from matcher.plan import Costs, Plan
from matcher.rules import MIN_COUNTED_SHARE, SupplierCount, rules_of
from matcher.tables import MODES

# Quantities may be off by this share of their demand, money by this share of itself.
TOLERANCE = 1e-6

# Every way in which a plan can be wrong, and what the code means.
CODES: dict[str, str] = {
    "wrong_network": "the plan was made for another input, or for the same one before it changed",
    "wrong_currency": "the plan's currency is not the network's",
    "unknown_demand": "the demand is not in the network",
    "unknown_bid": "the bid is not in the network",
    "wrong_supplier": "the award names another supplier than the bid's",
    "wrong_component": "the bid is for another component, or the award names another",
    "other_demand": "the bid was made for another demand only",
    "unknown_mode": "there is no such mode",
    "unknown_tier": "the bid has no such tier",
    "bad_quantity": "the quantity is not a finite number above 0",
    "duplicate_award": "the same demand, bid, mode and tier is awarded twice",
    "lane": "the mode does not connect the two places, or the bid does not allow it",
    "terms": "the price holds to a named place in another economy",
    "quality": "the defect rate is above the demand's limit",
    "on_time": "the on-time rate is below the demand's limit",
    "standard": "a standard is lacking",
    "certificate_date": "a certificate is not valid on the due date",
    "delivery": "the award arrives too late",
    "ceiling": "the landed cost is above the demand's ceiling",
    "below_moq": "the award is below the minimum order quantity",
    "above_max_quantity": "the award is above the bid's largest award",
    "wrong_tier": "the quantity is outside the tier",
    "order_multiple": "the quantity is not a whole number of order multiples",
    "below_counted_share": "an award that counts towards a minimum of suppliers is too small",
    "over_demand": "more is awarded than is needed",
    "share_cap": "one supplier gets more than the share cap",
    "single_source": "a single-source demand is not wholly with one supplier",
    "one_tier_and_mode": "a bid that may not be split is awarded in several tiers or modes",
    "most_suppliers": "the demand has more suppliers than allowed",
    "fewest_suppliers": "the demand has fewer suppliers than asked",
    "capacity": "a resource is used beyond its capacity",
    "rule": "a stated rule is broken",
    "wrong_term": "a landed-cost term per unit is not what the network gives",
    "wrong_unit_cost": "the landed cost per unit is not the sum of its terms",
    "wrong_award_cost": "the landed cost of the award is not unit cost × quantity",
    "wrong_fixed_cost": "the fixed cost is not tooling plus the lane's own",
    "wrong_date": "a date is not what lead time, customs and transit give",
    "wrong_slack": "the slack is not what is left until the due date",
    "missing_supplier": "a supplier with an award is not listed",
    "unused_supplier": "a supplier without an award is listed",
    "wrong_supplier_figure": "a figure of a listed supplier is wrong",
    "missing_unmet": "a demand that is not covered is not listed as unmet",
    "false_unmet": "a demand is listed as unmet that is covered",
    "wrong_unmet": "the unmet quantity or share is wrong",
    "wrong_coverage": "the coverage loss is not what the awards give, or is below its bound",
    "wrong_total": "a total does not add up",
    "bound_above_best": "the bound claims more than the plan itself costs",
    "wrong_gap": "the gap is not |best − bound| / |best|",
    "false_optimal": "a plan is called optimal without a bound that shows it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a plan: a code of `CODES`, what it is about, and the figures."""

    code: str
    about: str
    message: str
    claimed: float | str | None = None
    actual: float | str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says: every fault, and what the plan costs and covers in truth.

    ``costs`` and ``unmet`` (Σ priority × unmet share) are recomputed from the awards that can be
    understood at all.
    """

    findings: tuple[Finding, ...]
    costs: Costs
    unmet: float
    currency: str

    @property
    def ok(self) -> bool:
        """Whether the plan keeps every rule and every figure in it is right."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """The judgement in one sentence."""
        cost = f"{self.costs.total:,.2f} {self.currency}"
        if self.ok:
            return f"The plan keeps every rule; it costs {cost} landed."
        codes = len({finding.code for finding in self.findings})
        return (f"Do not use this plan: {len(self.findings)} faults of {codes} kinds; "
                f"recomputed, it costs {cost} landed.")

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain JSON values."""
        return {"ok": self.ok, "verdict": self.verdict, "unmet": self.unmet,
                "costs": self.costs.model_dump(),
                "findings": [asdict(finding) for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class _Awards:
    """The awards that can be understood, as options with quantities."""

    frame: pl.DataFrame
    options: Options
    links: Links
    supplier: Ints
    quantity: Floats
    labels: list[str]


def check(network: Network, plan: Plan) -> Judgement:
    """Judge a plan against its network.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> plan = matcher.solve(network)
    >>> matcher.check(network, plan).ok
    True
    """
    arrays = to_arrays(network)
    findings: list[Finding] = list(_identity(network, plan))
    awards = _understand(arrays, plan.awards, findings)
    days = delivery(arrays, awards.links, awards.options)
    terms = landed_cost(arrays, awards.links, duty_rates(arrays), awards.options, days.pipeline)
    fixed = fixed_cost(arrays, awards.links, awards.options)
    unit_cost = terms.sum(axis=0)

    findings += _gates(arrays, awards, days, unit_cost)
    findings += _sizes(arrays, awards)
    findings += _demands(arrays, awards)
    findings += _capacity(arrays, awards)
    findings += _rules(arrays, awards)
    findings += _award_figures(arrays, awards, days, terms, fixed)

    landed = unit_cost * awards.quantity
    used = np.unique(awards.supplier)
    onboarding = float(arrays.suppliers.onboarding_cost[used].sum())
    costs = Costs(landed=float(landed.sum()), fixed=float(fixed.sum()), onboarding=onboarding,
                  total=float(landed.sum()) + float(fixed.sum()) + onboarding)
    awarded = np.bincount(awards.options.demand, weights=awards.quantity,
                          minlength=arrays.demands.quantity.size)
    share = np.maximum(1.0 - awarded / arrays.demands.quantity, 0.0)
    unmet = float(arrays.demands.priority @ share)
    findings += _supplier_list(arrays, plan, awards, landed)
    findings += _unmet_list(arrays, plan, share)
    findings += _result(plan, costs, unmet)
    return Judgement(tuple(findings), costs, unmet, network.currency)


def _identity(network: Network, plan: Plan) -> Iterable[Finding]:
    if plan.input_hash is not None and plan.input_hash != network.input_hash:
        yield Finding("wrong_network", "plan", "the input hash differs; solve the network again",
                      plan.input_hash[:12], network.input_hash[:12])
    if plan.currency is not None and plan.currency != network.currency:
        yield Finding("wrong_currency", "plan", "costs cannot be compared", plan.currency,
                      network.currency)


def _understand(arrays: Arrays, frame: pl.DataFrame, findings: list[Finding]) -> _Awards:
    """Turn award rows into options; rows that make no sense are named and left out."""
    network = arrays.network
    frame = frame.with_row_index("row", offset=1)

    def drop(bad: pl.Expr, code: str, about: str, actual: pl.Expr | None = None) -> None:
        nonlocal frame
        faulty = frame.filter(bad)
        if actual is not None:
            faulty = faulty.with_columns(actual=actual)
        findings.extend(
            Finding(code, f"award {row['row']}", f"{row['demand']} from {row['bid']}: "
                    f"{CODES[code]}", row[about], row.get("actual"))
            for row in faulty.iter_rows(named=True))
        frame = frame.filter(~bad)

    drop(~pl.col("demand").is_in(network.demands["demand"].implode()), "unknown_demand", "demand")
    drop(~pl.col("bid").is_in(network.bids["bid"].implode()), "unknown_bid", "bid")
    drop(~(pl.col("quantity").is_finite() & (pl.col("quantity") > 0)).fill_null(False),
         "bad_quantity", "quantity")
    bids = network.bids.select("bid", bid_supplier="supplier", bid_component="component",
                               bid_demand="demand")
    needs = network.demands.select("demand", needed="component")
    frame = frame.join(bids, on="bid", how="left", maintain_order="left").join(
        needs, on="demand", how="left", maintain_order="left")
    drop((pl.col("supplier") != pl.col("bid_supplier")).fill_null(False), "wrong_supplier",
         "supplier", pl.col("bid_supplier"))
    drop(pl.col("bid_component") != pl.col("needed"), "wrong_component", "bid_component",
         pl.col("needed"))
    drop((pl.col("component") != pl.col("needed")).fill_null(False), "wrong_component",
         "component", pl.col("needed"))
    drop((pl.col("bid_demand") != pl.col("demand")).fill_null(False), "other_demand", "demand",
         pl.col("bid_demand"))
    drop(~pl.col("mode").is_in(MODES).fill_null(True), "unknown_mode", "mode")
    bid = index_of(frame["bid"], network.bids["bid"])
    tiers = np.diff(arrays.bids.tier_start)[bid]
    frame = frame.with_columns(num_tiers=pl.Series(tiers, dtype=pl.Int64))
    drop(~pl.col("tier").is_between(1, pl.col("num_tiers")).fill_null(True), "unknown_tier",
         "tier", pl.col("num_tiers").cast(pl.String))
    repeated = pl.struct("demand", "bid", "mode", "tier").is_duplicated()
    findings.extend(
        Finding("duplicate_award", f"award {row['row']}", f"{row['demand']} from {row['bid']}: "
                f"{CODES['duplicate_award']}") for row in frame.filter(repeated).iter_rows(
                    named=True))
    return _options(arrays, frame)


def _options(arrays: Arrays, frame: pl.DataFrame) -> _Awards:
    network, bids = arrays.network, arrays.bids
    demand = index_of(frame["demand"], network.demands["demand"])
    bid = index_of(frame["bid"], network.bids["bid"])
    quantity = frame["quantity"].to_numpy().astype(np.float64)
    supplier = bids.supplier[bid]
    origin, destination = arrays.suppliers.place[supplier], arrays.demands.place[demand]
    links = links_between(arrays, origin, destination)
    link = links.find(origin, destination)
    tier = _tiers(arrays, bid, quantity, frame["tier"])
    mode = frame["mode"].replace_strict(
        {name: i for i, name in enumerate(MODES)}, return_dtype=pl.Int32)
    # An award that names no mode is taken by the cheapest that runs; an expensive guess would
    # find faults the author did not make.
    usable = bids.modes[bid] & links.connected[link]
    freight = (links.cost_per_container[link]
               / arrays.components.units_per_container[bids.component[bid]][:, None]
               + links.cost_per_kg[link] * arrays.components.weight_kg[bids.component[bid]][:, None])
    cheapest = np.argmin(np.where(usable, freight, np.inf), axis=1).astype(np.int32)
    chosen = np.where(mode.is_null().to_numpy(), cheapest, mode.fill_null(0).to_numpy())
    empty = np.empty(0)
    options = Options(pair=np.arange(demand.size, dtype=np.int32), demand=demand, bid=bid,
                      link=link, mode=chosen.astype(np.int32), tier=tier, lower=empty, upper=empty)
    labels = [f"{d} from {b}" for d, b in frame.select("demand", "bid").iter_rows()]
    return _Awards(frame, options, links, supplier, quantity, labels)


def _tiers(arrays: Arrays, bid: Ints, quantity: Floats, stated: pl.Series) -> Ints:
    """The tier an award states, or else the last whose quantity it reaches."""
    start, stop = arrays.bids.tier_start[bid], arrays.bids.tier_start[bid + 1]
    reached = start.copy()
    for step in range(1, int((stop - start).max(initial=1))):
        tier = np.minimum(start + step, stop - 1)
        reached = np.where(quantity >= arrays.tiers.lower[tier] * (1 - TOLERANCE), tier, reached)
    own = stated.fill_null(0).to_numpy()
    return np.where(own > 0, start + own - 1, reached).astype(np.int32)


def _each(awards: _Awards, code: str, bad: Bools, actual: Floats | None = None,
          claimed: Floats | None = None, extra: Callable[[int], str] | None = None
          ) -> Iterable[Finding]:
    """A finding for each award where ``bad`` holds."""
    for i in np.flatnonzero(bad):
        more = "" if extra is None else extra(int(i))
        yield Finding(code, f"award {awards.frame['row'][int(i)]}",
                      f"{awards.labels[i]}: {CODES[code]}{more}",
                      None if claimed is None else float(claimed[i]),
                      None if actual is None else float(actual[i]))


def _gates(arrays: Arrays, awards: _Awards, days: Delivery, unit_cost: Floats) -> Iterable[Finding]:
    options = awards.options
    pairs = Pairs(options.demand, options.bid, options.link)
    runs = (arrays.bids.modes[options.bid, options.mode]
            & awards.links.connected[options.link, options.mode])
    yield from _each(awards, "lane", ~runs, extra=lambda i: f" ({MODES[options.mode[i]]})")
    for code, shortfall in (
        ("terms", terms_gate(arrays, pairs)),
        ("quality", quality_gate(arrays, pairs)),
        ("on_time", on_time_gate(arrays, pairs)),
        ("delivery", delivery_gate(days.slack)),
        ("ceiling", ceiling_gate(arrays, options, unit_cost)),
    ):
        yield from _each(awards, code, shortfall > TOLERANCE, actual=shortfall)
    lacks = lacks_of(arrays, pairs)
    keys = arrays.capability.standards.keys
    for row, standard, missed in zip(lacks.row, lacks.standard, lacks.days, strict=True):
        code = "certificate_date" if missed > 0 else "standard"
        yield Finding(code, f"award {awards.frame['row'][int(row)]}",
                      f"{awards.labels[row]}: {CODES[code]} ({keys[standard]})",
                      actual=float(missed) if missed > 0 else None)


def _sizes(arrays: Arrays, awards: _Awards) -> Iterable[Finding]:
    bids, tiers, options, quantity = arrays.bids, arrays.tiers, awards.options, awards.quantity
    slack = TOLERANCE * arrays.demands.quantity[options.demand]
    for code, limit, bad in (
        ("below_moq", bids.moq[options.bid], quantity < bids.moq[options.bid] - slack),
        ("above_max_quantity", bids.max_quantity[options.bid],
         quantity > bids.max_quantity[options.bid] + slack),
        ("wrong_tier", tiers.lower[options.tier], quantity < tiers.lower[options.tier] - slack),
        ("wrong_tier", tiers.upper[options.tier], quantity > tiers.upper[options.tier] + slack),
    ):
        yield from _each(awards, code, bad, claimed=quantity, actual=limit)
    multiple = bids.order_multiple[options.bid]
    steps = quantity / np.where(multiple > 0, multiple, 1.0)
    off = np.abs(steps - np.round(steps)) * multiple
    yield from _each(awards, "order_multiple", (multiple > 0) & (off > slack), claimed=quantity,
                     actual=multiple)
    counted = arrays.demands.min_suppliers[options.demand] > 1
    for rule in rules_of(arrays.network.rules):
        if rule.minimum:
            counted |= _scope(arrays, options.demand, rule)
    floor = MIN_COUNTED_SHARE * arrays.demands.quantity[options.demand]
    yield from _each(awards, "below_counted_share", counted & (quantity < floor - slack),
                     claimed=quantity, actual=floor)


def _demands(arrays: Arrays, awards: _Awards) -> Iterable[Finding]:
    network, demands, options = arrays.network, arrays.demands, awards.options
    frame = pl.DataFrame({
        "demand": options.demand, "supplier": awards.supplier, "bid": options.bid,
        "mode": options.mode, "tier": options.tier, "quantity": awards.quantity,
    })
    keys = network.demands["demand"].to_list()
    suppliers = network.suppliers["supplier"].to_list()
    totals = frame.group_by("demand", maintain_order=True).agg(
        quantity=pl.col("quantity").sum(), suppliers=pl.col("supplier").n_unique()).sort("demand")
    for d, quantity, count in totals.iter_rows():
        needed, slack = float(demands.quantity[d]), TOLERANCE * float(demands.quantity[d])
        if quantity > needed + slack:
            yield Finding("over_demand", keys[d], f"{keys[d]}: {CODES['over_demand']}", quantity,
                          needed)
        if demands.single_source[d]:
            if count > 1 or quantity < needed - slack:
                yield Finding("single_source", keys[d], f"{keys[d]}: {CODES['single_source']}",
                              float(count), 1.0)
        elif count > demands.max_suppliers[d]:
            yield Finding("most_suppliers", keys[d], f"{keys[d]}: {CODES['most_suppliers']}",
                          float(count), float(demands.max_suppliers[d]))
        if count < demands.min_suppliers[d]:
            yield Finding("fewest_suppliers", keys[d], f"{keys[d]}: {CODES['fewest_suppliers']}",
                          float(count), float(demands.min_suppliers[d]))
    shares = frame.group_by("demand", "supplier").agg(pl.col("quantity").sum()).sort(
        "demand", "supplier")
    d = shares["demand"].to_numpy()
    limit = demands.share_cap[d] * demands.quantity[d]
    over = shares["quantity"].to_numpy() > limit + TOLERANCE * demands.quantity[d]
    for i in np.flatnonzero(over):
        who = suppliers[shares["supplier"][int(i)]]
        yield Finding("share_cap", keys[d[i]], f"{keys[d[i]]}, {who}: {CODES['share_cap']}",
                      shares["quantity"][int(i)], float(limit[i]))
    split = frame.group_by("demand", "bid").agg(
        ways=pl.struct("mode", "tier").n_unique()).filter(pl.col("ways") > 1).sort("demand", "bid")
    for demand, bid, ways in split.iter_rows():
        if not arrays.bids.split[bid]:
            yield Finding("one_tier_and_mode", keys[demand],
                          f"{keys[demand]} from {network.bids['bid'][bid]}: "
                          f"{CODES['one_tier_and_mode']}", float(ways), 1.0)


def _capacity(arrays: Arrays, awards: _Awards) -> Iterable[Finding]:
    usages = arrays.usages
    made = np.bincount(awards.options.bid, weights=awards.quantity,
                       minlength=arrays.bids.supplier.size)
    load = np.bincount(usages.resource, weights=usages.use_per_unit * made[usages.bid],
                       minlength=usages.capacity.size)
    for r in np.flatnonzero(load > usages.capacity + TOLERANCE * np.maximum(usages.capacity, 1e-9)):
        key = arrays.network.resources["resource"][int(r)]
        yield Finding("capacity", key, f"{key}: {CODES['capacity']}", float(load[r]),
                      float(usages.capacity[r]))


def _rules(arrays: Arrays, awards: _Awards) -> Iterable[Finding]:
    for rule in rules_of(arrays.network.rules):
        inside = _scope(arrays, awards.options.demand, rule)
        count = np.unique(awards.supplier[inside]).size
        if rule.maximum is not None and count > rule.maximum:
            yield Finding("rule", rule.name, f"{rule.name}: more suppliers than allowed",
                          float(count), float(rule.maximum))
        if rule.minimum is not None and count < rule.minimum:
            yield Finding("rule", rule.name, f"{rule.name}: fewer suppliers than asked",
                          float(count), float(rule.minimum))


def _scope(arrays: Arrays, demand: Ints, rule: SupplierCount) -> Bools:
    """Which awards, given by their demands, a rule speaks about."""
    if rule.scope == "network":
        return np.ones(demand.size, dtype=np.bool_)
    column = arrays.network.demands[rule.scope]
    inside: Bools = (column == rule.of).to_numpy()[demand]
    return inside


def _differs(claimed: NDArray[Any], actual: NDArray[Any]) -> Bools:
    """Where a stated figure is not the computed one; what is not stated (NaN) does not differ."""
    with np.errstate(invalid="ignore"):
        differs: Bools = np.abs(claimed - actual) > TOLERANCE * np.maximum(np.abs(actual), 1.0)
    return differs & ~np.isnan(claimed)


def _claimed(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _award_figures(arrays: Arrays, awards: _Awards, days: Delivery, terms: Floats,
                   fixed: Floats) -> Iterable[Finding]:
    frame = awards.frame
    for i, term in enumerate(TERMS):
        claimed = _claimed(frame, f"{term}_per_unit")
        scale = np.maximum(np.abs(terms).max(axis=0, initial=0.0), 1e-12)
        bad = ~np.isnan(claimed) & (np.abs(claimed - terms[i]) > TOLERANCE * scale)
        yield from _each(awards, "wrong_term", bad, terms[i], claimed,
                         lambda _, term=term: f" ({term})")
    unit_cost = terms.sum(axis=0)
    claimed = _claimed(frame, "landed_cost_per_unit")
    bad = ~np.isnan(claimed) & (np.abs(claimed - unit_cost) > TOLERANCE * np.abs(unit_cost))
    yield from _each(awards, "wrong_unit_cost", bad, unit_cost, claimed)
    for code, column, actual in (
        ("wrong_award_cost", "landed_cost", unit_cost * awards.quantity),
        ("wrong_fixed_cost", "fixed_cost", fixed),
        ("wrong_slack", "slack_days", days.slack),
    ):
        claimed = _claimed(frame, column)
        yield from _each(awards, code, _differs(claimed, actual), actual, claimed)
    for column, day in (
        ("order_date", np.zeros(days.ship.size)),
        ("ship_date", np.ceil(days.ship - 1e-9)),
        ("arrival_date", np.ceil(days.arrive - 1e-9)),
    ):
        stated = _claimed(frame.with_columns(
            (pl.col(column) - arrays.network.start).dt.total_days()), column)
        yield from _each(awards, "wrong_date", _differs(stated, day), day, stated,
                         lambda _, column=column: f" ({column}, days after the start)")


def _supplier_list(arrays: Arrays, plan: Plan, awards: _Awards,
                   landed: Floats) -> Iterable[Finding]:
    if plan.suppliers is None:
        return
    listed = {row["supplier"]: row for row in plan.suppliers.iter_rows(named=True)}
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
            ("num_awards", float(count[s])), ("landed_cost", float(value[s])),
            ("onboarding_cost", float(arrays.suppliers.onboarding_cost[s])),
        ):
            claimed = listed[name][column]
            if claimed is not None and _off(claimed, actual):
                yield Finding("wrong_supplier_figure", name, f"{name}: {column} is wrong", claimed,
                              actual)


def _unmet_list(arrays: Arrays, plan: Plan, share: Floats) -> Iterable[Finding]:
    if plan.unmet is None:
        return
    keys = arrays.network.demands["demand"]
    listed = {row["demand"]: row for row in plan.unmet.iter_rows(named=True)}
    short = {keys[int(d)]: int(d) for d in np.flatnonzero(share > 2 * TOLERANCE)}
    for name in sorted(short.keys() - listed.keys()):
        yield Finding("missing_unmet", name, f"{name}: {CODES['missing_unmet']}",
                      actual=float(share[short[name]]))
    for row in listed.values():
        name = row["demand"]
        if name not in short:
            # A share between one and two tolerances may be listed or not.
            at = keys.index_of(name)
            if at is None or share[at] <= TOLERANCE / 2:
                yield Finding("false_unmet", name, f"{name}: {CODES['false_unmet']}", row["share"])
            continue
        actual, whole = float(share[short[name]]), float(arrays.demands.quantity[short[name]])
        if abs(row["quantity"] - actual * whole) > 2 * TOLERANCE * whole or (
                row["share"] is not None and abs(row["share"] - actual) > 2 * TOLERANCE):
            yield Finding("wrong_unmet", name, f"{name}: {CODES['wrong_unmet']}", row["quantity"],
                          actual * whole)


def _result(plan: Plan, costs: Costs, unmet: float) -> Iterable[Finding]:
    result = plan.result
    if result is None or result.costs is None:
        return
    for name in ("landed", "fixed", "onboarding", "total"):
        claimed, actual = getattr(result.costs, name), getattr(costs, name)
        if _off(claimed, actual):
            yield Finding("wrong_total", name, f"{name}: {CODES['wrong_total']}", claimed, actual)
    if result.best is None or _off(result.best, costs.total):
        yield Finding("wrong_total", "best", f"best: {CODES['wrong_total']}", result.best,
                      costs.total)
    lost = result.coverage
    if lost is not None and (abs(lost.unmet - unmet) > TOLERANCE * max(1.0, unmet) * 10
                             or lost.bound > lost.unmet + TOLERANCE):
        yield Finding("wrong_coverage", "coverage", CODES["wrong_coverage"], lost.unmet, unmet)
    if result.bound is not None and result.bound > costs.total + TOLERANCE * max(
            1.0, abs(costs.total)):
        yield Finding("bound_above_best", "bound", CODES["bound_above_best"], result.bound,
                      costs.total)
    actual_gap = gap(result.best, result.bound)
    if (result.gap is None) != (actual_gap is None) or (
            result.gap is not None and actual_gap is not None
            and abs(result.gap - actual_gap) > TOLERANCE):
        yield Finding("wrong_gap", "gap", CODES["wrong_gap"], result.gap, actual_gap)
    if result.found == "optimal" and (actual_gap is None or actual_gap > 10 * TOLERANCE
                                      or (lost is not None and not lost.proven)):
        yield Finding("false_optimal", "found", CODES["false_optimal"], result.found, actual_gap)


def _off(claimed: float, actual: float) -> bool:
    return not abs(claimed - actual) <= TOLERANCE * max(1.0, abs(actual))
