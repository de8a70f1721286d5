"""The independent judge: recomputes every gate, cost and rule from network and plan alone.

It shares the definitions of gates and costs with the rest, but neither the formulation nor the
engines: what those got wrong shows here. It judges plans made by hand in the same way; what such
a plan does not claim is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher import figures
from matcher.arrays import Arrays, Bools, Floats, Ints, to_arrays
from matcher.awarded import Awards, understand
from matcher.delivery import Delivery, delivery
from matcher.eligibility import (
    ceiling_gate,
    delivery_gate,
    lacks_of,
    on_time_gate,
    quality_gate,
    terms_gate,
)
from matcher.finding import CODES, Finding
from matcher.landed_cost import TERMS, duty_rates, fixed_cost, landed_cost
from matcher.network import Network
from matcher.options import Pairs
from matcher.outcome import gap
from matcher.plan import Costs, Plan
from matcher.rules import MIN_COUNTED_SHARE, SupplierCount, rules_of

# Quantities may be off by this share of their demand, money by this share of itself.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says: every fault, and what the plan costs and covers in truth.

    ``costs``, ``unmet`` (Σ priority × unmet share) and ``num_open`` (demands not covered in full)
    are recomputed from the awards that can be understood at all.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.check(network, matcher.solve(network)).findings
    ()
    """

    findings: tuple[Finding, ...]
    costs: Costs
    unmet: float
    num_open: int
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
            left = (
                ""
                if self.num_open == 0
                else (
                    f" and leaves {figures.count(self.num_open, 'demand')} open, wholly or in part"
                )
            )
            return f"The plan keeps every rule; it costs {cost} landed{left}."
        codes = len({finding.code for finding in self.findings})
        return (
            f"Do not use this plan: {figures.count(len(self.findings), 'fault')} of "
            f"{figures.count(codes, 'kind')}; recomputed, it costs {cost} landed."
        )

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain JSON values."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "unmet": self.unmet,
            "num_open": self.num_open,
            "costs": self.costs.model_dump(),
            "findings": [asdict(finding) for finding in self.findings],
        }


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
    awards = understand(arrays, plan.awards, findings)
    days = delivery(arrays, awards.links, awards.options)
    terms = landed_cost(arrays, awards.links, duty_rates(arrays), awards.options, days.pipeline)
    fixed = fixed_cost(arrays, awards.links, awards.options)
    terms[:, ~awards.runs], fixed[~awards.runs] = 0.0, 0.0
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
    costs = Costs(
        landed=float(landed.sum()),
        fixed=float(fixed.sum()),
        onboarding=onboarding,
        total=float(landed.sum()) + float(fixed.sum()) + onboarding,
    )
    awarded = np.bincount(
        awards.options.demand, weights=awards.quantity, minlength=arrays.demands.quantity.size
    )
    share = np.maximum(1.0 - awarded / arrays.demands.quantity, 0.0)
    unmet = float(arrays.demands.priority @ share)
    findings += _supplier_list(arrays, plan, awards, landed)
    findings += _unmet_list(arrays, plan, share)
    findings += _result(plan, costs, unmet)
    num_open = int((share > 2 * TOLERANCE).sum())
    return Judgement(tuple(findings), costs, unmet, num_open, network.currency)


def _identity(network: Network, plan: Plan) -> Iterable[Finding]:
    if plan.input_hash is not None and plan.input_hash != network.input_hash:
        yield Finding(
            "wrong_network",
            "plan",
            "the input hash differs; solve the network again",
            plan.input_hash[:12],
            network.input_hash[:12],
        )
    if plan.currency is not None and plan.currency != network.currency:
        yield Finding(
            "wrong_currency", "plan", "costs cannot be compared", plan.currency, network.currency
        )


def _each(
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


def _gates(arrays: Arrays, awards: Awards, days: Delivery, unit_cost: Floats) -> Iterable[Finding]:
    options = awards.options
    pairs = Pairs(options.demand, options.bid, options.link)
    for code, shortfall in (
        ("terms", terms_gate(arrays, pairs)),
        ("quality", quality_gate(arrays, pairs)),
        ("on_time", on_time_gate(arrays, pairs)),
        ("delivery", delivery_gate(days.slack)),
        ("ceiling", ceiling_gate(arrays, options, unit_cost)),
    ):
        bad = (shortfall > TOLERANCE) & awards.runs
        yield from _each(awards, code, bad, actual=shortfall)
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


def _sizes(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    bids, tiers, options, quantity = arrays.bids, arrays.tiers, awards.options, awards.quantity
    slack = TOLERANCE * arrays.demands.quantity[options.demand]
    for code, limit, bad in (
        ("below_moq", bids.moq[options.bid], quantity < bids.moq[options.bid] - slack),
        ("wrong_tier", tiers.lower[options.tier], quantity < tiers.lower[options.tier] - slack),
        ("wrong_tier", tiers.upper[options.tier], quantity > tiers.upper[options.tier] + slack),
    ):
        yield from _each(awards, code, bad, claimed=quantity, actual=limit)
    multiple = bids.order_multiple[options.bid]
    steps = quantity / np.where(multiple > 0, multiple, 1.0)
    off = np.abs(steps - np.round(steps))
    near = TOLERANCE + 1e-12 * steps
    yield from _each(
        awards, "order_multiple", (multiple > 0) & (off > near), claimed=quantity, actual=multiple
    )
    counted = arrays.demands.min_suppliers[options.demand] > 1
    for rule in rules_of(arrays.network.rules):
        if rule.minimum:
            counted |= _scope(arrays, options.demand, rule)
    floor = MIN_COUNTED_SHARE * arrays.demands.quantity[options.demand]
    yield from _each(
        awards,
        "below_counted_share",
        counted & (quantity < floor - slack),
        claimed=quantity,
        actual=floor,
    )


def _demands(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    network, demands, options = arrays.network, arrays.demands, awards.options
    frame = pl.DataFrame(
        {
            "demand": options.demand,
            "supplier": awards.supplier,
            "bid": options.bid,
            "mode": options.mode,
            "tier": options.tier,
            "quantity": awards.quantity,
        }
    )
    keys = network.demands["demand"].to_list()
    suppliers = network.suppliers["supplier"].to_list()
    totals = (
        frame.group_by("demand", maintain_order=True)
        .agg(quantity=pl.col("quantity").sum(), suppliers=pl.col("supplier").n_unique())
        .sort("demand")
    )
    for d, quantity, count in totals.iter_rows():
        needed, slack = float(demands.quantity[d]), TOLERANCE * float(demands.quantity[d])
        if quantity > needed + slack:
            yield Finding(
                "over_demand", keys[d], f"{keys[d]}: {CODES['over_demand']}", quantity, needed
            )
        if demands.single_source[d]:
            if count > 1 or quantity < needed - slack:
                yield Finding(
                    "single_source",
                    keys[d],
                    f"{keys[d]}: {CODES['single_source']}",
                    float(count),
                    1.0,
                )
        elif count > demands.max_suppliers[d]:
            yield Finding(
                "most_suppliers",
                keys[d],
                f"{keys[d]}: {CODES['most_suppliers']}",
                float(count),
                float(demands.max_suppliers[d]),
            )
        if count < demands.min_suppliers[d]:
            yield Finding(
                "fewest_suppliers",
                keys[d],
                f"{keys[d]}: {CODES['fewest_suppliers']}",
                float(count),
                float(demands.min_suppliers[d]),
            )
    shares = (
        frame.group_by("demand", "supplier")
        .agg(pl.col("quantity").sum())
        .sort("demand", "supplier")
    )
    d = shares["demand"].to_numpy()
    limit = demands.share_cap[d] * demands.quantity[d]
    over = shares["quantity"].to_numpy() > limit + TOLERANCE * demands.quantity[d]
    over &= demands.share_cap[d] < 1
    for i in np.flatnonzero(over):
        who = suppliers[shares["supplier"][int(i)]]
        yield Finding(
            "share_cap",
            keys[d[i]],
            f"{keys[d[i]]}, {who}: {CODES['share_cap']}",
            shares["quantity"][int(i)],
            float(limit[i]),
        )
    by_bid = (
        frame.group_by("demand", "bid")
        .agg(ways=pl.struct("mode", "tier").n_unique(), quantity=pl.col("quantity").sum())
        .sort("demand", "bid")
    )
    for demand, bid, ways, quantity in by_bid.iter_rows():
        about = f"{keys[demand]} from {network.bids['bid'][bid]}"
        most = float(arrays.bids.max_quantity[bid])
        if quantity > most + TOLERANCE * float(demands.quantity[demand]):
            yield Finding(
                "above_max_quantity",
                keys[demand],
                f"{about}: {CODES['above_max_quantity']}",
                quantity,
                most,
            )
        if ways > 1 and not arrays.bids.split[bid]:
            yield Finding(
                "one_tier_and_mode",
                keys[demand],
                f"{about}: {CODES['one_tier_and_mode']}",
                float(ways),
                1.0,
            )


def _capacity(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    usages = arrays.usages
    made = np.bincount(
        awards.options.bid, weights=awards.quantity, minlength=arrays.bids.supplier.size
    )
    load = np.bincount(
        usages.resource,
        weights=usages.use_per_unit * made[usages.bid],
        minlength=usages.capacity.size,
    )
    for r in np.flatnonzero(load > usages.capacity + TOLERANCE * np.maximum(usages.capacity, 1e-9)):
        key = arrays.network.resources["resource"][int(r)]
        yield Finding(
            "capacity",
            key,
            f"{key}: {CODES['capacity']}",
            float(load[r]),
            float(usages.capacity[r]),
        )


def _rules(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    for rule in rules_of(arrays.network.rules):
        inside = _scope(arrays, awards.options.demand, rule)
        count = np.unique(awards.supplier[inside]).size
        if rule.maximum is not None and count > rule.maximum:
            yield Finding(
                "rule",
                rule.name,
                f"{rule.name}: more suppliers than allowed",
                float(count),
                float(rule.maximum),
            )
        if rule.minimum is not None and count < rule.minimum:
            yield Finding(
                "rule",
                rule.name,
                f"{rule.name}: fewer suppliers than asked",
                float(count),
                float(rule.minimum),
            )


def _scope(arrays: Arrays, demand: Ints, rule: SupplierCount) -> Bools:
    """Which awards, given by their demands, a rule speaks about."""
    if rule.scope == "network":
        return np.ones(demand.size, dtype=np.bool_)
    named = np.asarray((arrays.network.demands[rule.scope] == rule.of).to_numpy(), dtype=np.bool_)
    inside: Bools = named[demand]
    return inside


def _differs(claimed: NDArray[Any], actual: NDArray[Any]) -> Bools:
    """Where a stated figure is not the computed one; what is not stated (NaN) does not differ."""
    with np.errstate(invalid="ignore"):
        near = np.abs(claimed - actual) <= TOLERANCE * np.maximum(np.abs(actual), 1.0)
    differs: Bools = ~near & ~np.isnan(claimed)
    return differs


def _claimed(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _award_figures(
    arrays: Arrays, awards: Awards, days: Delivery, terms: Floats, fixed: Floats
) -> Iterable[Finding]:
    frame = awards.frame
    for i, term in enumerate(TERMS):
        claimed = _claimed(frame, f"{term}_per_unit")
        scale = np.maximum(np.abs(terms).max(axis=0, initial=0.0), 1e-12)
        bad = ~np.isnan(claimed) & (np.abs(claimed - terms[i]) > TOLERANCE * scale) & awards.runs
        yield from _each(awards, "wrong_term", bad, terms[i], claimed, f" ({term})")
    unit_cost = terms.sum(axis=0)
    claimed = _claimed(frame, "landed_cost_per_unit")
    bad = ~np.isnan(claimed) & (np.abs(claimed - unit_cost) > TOLERANCE * np.abs(unit_cost))
    bad &= awards.runs
    yield from _each(awards, "wrong_unit_cost", bad, unit_cost, claimed)
    for code, column, actual in (
        ("wrong_award_cost", "landed_cost", unit_cost * awards.quantity),
        ("wrong_fixed_cost", "fixed_cost", fixed),
        ("wrong_slack", "slack_days", days.slack),
    ):
        claimed = _claimed(frame, column)
        yield from _each(awards, code, _differs(claimed, actual) & awards.runs, actual, claimed)
    for column, day in (
        ("order_date", np.zeros(days.ship.size)),
        ("ship_date", np.ceil(days.ship - 1e-9)),
        ("arrival_date", np.ceil(days.arrive - 1e-9)),
    ):
        stated = _claimed(
            frame.with_columns((pl.col(column) - arrays.network.start).dt.total_days()), column
        )
        yield from _each(
            awards,
            "wrong_date",
            _differs(stated, day) & awards.runs,
            day,
            stated,
            f" ({column}, days after the start)",
        )


def _supplier_list(arrays: Arrays, plan: Plan, awards: Awards, landed: Floats) -> Iterable[Finding]:
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
            if claimed is not None and _off(claimed, actual):
                yield Finding(
                    "wrong_supplier_figure", name, f"{name}: {column} is wrong", claimed, actual
                )


def _unmet_list(arrays: Arrays, plan: Plan, share: Floats) -> Iterable[Finding]:
    if plan.unmet is None:
        return
    keys = arrays.network.demands["demand"]
    listed = {row["demand"]: row for row in plan.unmet.iter_rows(named=True)}
    yield from _twice(plan.unmet["demand"])
    short = {keys[int(d)]: int(d) for d in np.flatnonzero(share > 2 * TOLERANCE)}
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
            if at is None or share[at] <= TOLERANCE / 2:
                yield Finding("false_unmet", name, f"{name}: {CODES['false_unmet']}", row["share"])
            continue
        actual, whole = float(share[short[name]]), float(arrays.demands.quantity[short[name]])
        if abs(row["quantity"] - actual * whole) > 2 * TOLERANCE * whole or (
            row["share"] is not None and abs(row["share"] - actual) > 2 * TOLERANCE
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


def _result(plan: Plan, costs: Costs, unmet: float) -> Iterable[Finding]:
    result = plan.result
    if result is None or (result.found in ("infeasible", "none") and plan.awards.is_empty()):
        return
    totals = costs.model_dump() | {"best": costs.total}
    claims = {} if result.costs is None else result.costs.model_dump()
    if result.best is not None:
        claims["best"] = result.best
    for name, claimed in claims.items():
        if _off(claimed, totals[name]):
            yield Finding(
                "wrong_total", name, f"{name}: {CODES['wrong_total']}", claimed, totals[name]
            )
    lost = result.coverage
    if lost is not None:
        slack = 10 * TOLERANCE * max(1.0, unmet)
        if (
            abs(lost.unmet - unmet) > slack
            or lost.bound > lost.unmet + slack
            or (lost.proven and lost.unmet - lost.bound > slack)
        ):
            yield Finding("wrong_coverage", "coverage", CODES["wrong_coverage"], lost.unmet, unmet)
    if result.bound is not None and result.bound > costs.total + TOLERANCE * max(
        1.0, abs(costs.total)
    ):
        yield Finding(
            "bound_above_best", "bound", CODES["bound_above_best"], result.bound, costs.total
        )
    actual_gap = gap(result.best, result.bound)
    if (result.gap is None) != (actual_gap is None) or (
        result.gap is not None
        and actual_gap is not None
        and abs(result.gap - actual_gap) > TOLERANCE
    ):
        yield Finding("wrong_gap", "gap", CODES["wrong_gap"], result.gap, actual_gap)
    if result.found == "optimal" and (
        actual_gap is None or actual_gap > 10 * TOLERANCE or lost is None or not lost.proven
    ):
        yield Finding("false_optimal", "found", CODES["false_optimal"], result.found, actual_gap)


def _off(claimed: float, actual: float) -> bool:
    return not abs(claimed - actual) <= TOLERANCE * max(1.0, abs(actual))
