"""The rules of the table ``rules`` as rows: one function a kind, `KINDS` says which.

Every instance of a rule is a row, labelled with the rule's name. A target may be missed: its rows
have a column for the amount, which costs the rule's price, or waits for its level of priority.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from matcher.formulation.builder import Builder
from matcher.formulation.instances import Index, instances_of
from matcher.network.arrays import Floats
from matcher.program import Segment
from matcher.schema.rules import Rule
from matcher.screening.metrics import MetricName, metric

Entries = list[tuple[Index, Index, Floats]]


def stated_rules(b: Builder) -> None:
    """(6–10, 16) What the sourcing team states, rule by rule."""
    costs = b.costs()
    for rule in b.rules:
        if rule.kind == "limit" and rule.metric == "cost" and _is_about_all(rule):
            _budget(b, rule, costs)
        else:
            KINDS[rule.kind](b, rule)


def _is_about_all(rule: Rule) -> bool:
    return rule.scope == "network" and rule.group is None


def _count(b: Builder, rule: Rule) -> None:
    """min ≤ Σ w ≤ max, with w = 1 for each supplier or economy that has an award."""
    found = instances_of(b.arrays, b.candidates, rule)
    owner = b.candidates.supplier.astype(np.int64)
    keys = b.keys.supplier
    if rule.kind == "economy_count":
        owner = b.arrays.places.economy[b.arrays.suppliers.place[owner]].astype(np.int64)
        keys = b.arrays.places.economies
    column, instance, _ = b.presence(found.instance, owner, keys)
    entries: Entries = [(instance, column, np.ones(column.size))]
    _limited(b, rule, found.size, entries, rule.minimum, rule.maximum)


def _limit(b: Builder, rule: Rule) -> None:
    """min ≤ Σ measure of the instance's awards ≤ max."""
    found = instances_of(b.arrays, b.candidates, rule)
    entries = _amounts(b, rule.metric, found.instance)
    _limited(b, rule, found.size, entries, rule.minimum, rule.maximum)


def _budget(b: Builder, rule: Rule, costs: tuple[Index, Floats]) -> None:
    """All that the plan costs ≤ max, but for the penalties of targets."""
    assert rule.maximum is not None
    columns, cost = costs
    entries: Entries = [(np.zeros(columns.size, dtype=np.int64), columns, cost)]
    _limited(b, rule, 1, entries, None, rule.maximum - b.offset)


def _share(b: Builder, rule: Rule) -> None:
    """min·T ≤ Σ measure of the instance's awards ≤ max·T, T over all awards of the scope.

    T is a column, in units of its largest award, so that a rule on each of many groups stays small.
    """
    found = instances_of(b.arrays, b.candidates, rule)
    in_scope = _amounts(b, rule.metric, found.scope)
    row, column, value = _joined(in_scope)
    scale = _largest(row, value, found.num_scopes)
    most = np.bincount(row, np.abs(value), minlength=found.num_scopes) / scale
    total = b.add_columns(
        _labelled(rule, found.num_scopes, "total"), cost=np.zeros(found.num_scopes), upper=most
    )
    each = np.arange(found.num_scopes)
    b.add_rows(
        _labelled(rule, found.num_scopes, "total"),
        [(row, column, value / scale[row]), (each, total, -np.ones(each.size))],
        0.0,
        0.0,
    )
    part = _amounts(b, rule.metric, found.instance)
    instances = np.arange(found.size)
    scope = instances // found.num_groups
    for limit, lower, upper in ((rule.minimum, 0.0, None), (rule.maximum, None, 0.0)):
        if limit is not None:
            whole = (instances, total[scope], -limit * scale[scope])
            _limited(b, rule, found.size, [*part, whole], lower, upper)


def _dependence(b: Builder, rule: Rule) -> None:
    """Σ value of a supplier's awards from a lead firm ≤ max·turnover, where one is stated."""
    found = instances_of(b.arrays, b.candidates, rule)
    c, demands = b.candidates, b.arrays.demands
    num_firms = b.arrays.network.lead_firms.height
    firm = demands.lead_firm[c.demand].astype(np.int64)
    _of_suppliers(
        b,
        rule,
        np.where(found.instance >= 0, found.scope * num_firms + firm, -1),
        "value",
        b.arrays.suppliers.turnover,
    )


def _working_capital(b: Builder, rule: Rule) -> None:
    """Σ value × days until payment / 365 of a supplier's awards ≤ max·credit line."""
    found = instances_of(b.arrays, b.candidates, rule)
    scope = np.where(found.instance >= 0, found.scope, -1)
    _of_suppliers(b, rule, scope, "capital", b.arrays.suppliers.credit_line)


def _of_suppliers(b: Builder, rule: Rule, within: Index, name: MetricName, means: Floats) -> None:
    """A row for each supplier with stated means and each ``within`` (-1: not concerned)."""
    assert rule.maximum is not None
    supplier = b.candidates.supplier
    rows = np.flatnonzero((within >= 0) & np.isfinite(means[supplier]))
    pairs, member = np.unique(within[rows] * means.size + supplier[rows], return_inverse=True)
    instance = np.full(supplier.size, -1)
    instance[rows] = member
    entries = _amounts(b, name, instance)
    _limited(b, rule, pairs.size, entries, None, rule.maximum * means[pairs % means.size])


def _consistent(b: Builder, rule: Rule) -> None:
    """Σ_{a∈A(d,s)} x_a = σ_s for each demand of a scope; with a split σ_s = Σ_k share_k·r_sk.

    r_sk = 1 gives supplier s the rank k: Σ_s r_sk = v for each rank, Σ_k r_sk ≤ 1. Those outside
    of the group get nothing. A target may be missed by the share δ of its scope: with a split
    shares lie within σ_s ± δ, without one between σ_s − δ and σ_s.
    """
    found = instances_of(b.arrays, b.candidates, rule)
    c, num_suppliers, num_scopes = b.candidates, b.z.size, found.num_scopes
    missed = None
    if rule.is_target:
        each = np.ones(num_scopes)
        missed = b.add_missed(_labelled(rule, num_scopes, "missed"), rule, each, each)
    outside = np.flatnonzero((found.scope >= 0) & (found.group < 0))
    pairs, first, member = np.unique(
        c.demand[outside].astype(np.int64) * num_suppliers + c.supplier[outside],
        return_index=True,
        return_inverse=True,
    )
    entry: Entries = [(member, b.x[outside], np.ones(outside.size))]
    scope = found.scope[outside[first]]
    _same(b, _labelled(rule, pairs.size, "outside"), entry, missed, scope, below=False)

    rows = np.flatnonzero(found.instance >= 0)
    shares, member = np.unique(
        found.scope[rows] * num_suppliers + c.supplier[rows], return_inverse=True
    )
    scope = shares // num_suppliers
    sigma = b.add_columns(
        _labelled(rule, shares.size, "share"),
        cost=np.zeros(shares.size),
        upper=np.ones(shares.size),
    )
    # Every demand of a scope has a row with every supplier of it, whether or not it bids for it.
    demand, share = np.nonzero(found.of_demand[:, None] == scope[None, :])
    code = demand.astype(np.int64) * max(shares.size, 1) + share
    at = np.searchsorted(code, c.demand[rows].astype(np.int64) * max(shares.size, 1) + member)
    every = np.arange(code.size)
    entry = [(at, b.x[rows], np.ones(rows.size)), (every, sigma[share], -np.ones(code.size))]
    above = bool(rule.split)
    _same(b, _labelled(rule, code.size, "same"), entry, missed, scope[share], above=above)
    if rule.split:
        _ranked(b, rule, sigma, scope, missed, num_scopes)


def _same(
    b: Builder,
    segment: Segment,
    entries: Entries,
    missed: Index | None,
    scope: Index,
    *,
    below: bool = True,
    above: bool = True,
) -> None:
    """Rows entries = 0, or −δ ≤ entries ≤ δ of their scopes; 0 on a side that may not be missed."""
    if missed is None:
        b.add_rows(segment, entries, 0.0, 0.0)
        return
    each = np.arange(segment.size)
    for name, sign, may in (("above", -1.0, above), ("below", 1.0, below)):
        room: Entries = [(each, missed[scope], np.full(each.size, sign))] if may else []
        limits = (-np.inf, 0.0) if name == "above" else (0.0, np.inf)
        b.add_rows(replace(segment, name=f"{segment.name} {name}"), [*entries, *room], *limits)


def _ranked(
    b: Builder, rule: Rule, sigma: Index, scope: Index, missed: Index | None, num_scopes: int
) -> None:
    """σ_s is the share of the rank that s has: Σ_k r_sk ≤ 1, Σ_s r_sk = v of its scope.

    A rank of a target may be nobody's, if its share is missed: Σ_s r_sk + h_k = v, share_k h_k ≤ δ.
    """
    ranks, size = len(rule.split), sigma.size
    rank = b.add_columns(
        _labelled(rule, size * ranks, "rank"),
        cost=np.zeros(size * ranks),
        upper=np.ones(size * ranks),
        integer=True,
    ).reshape(size, ranks)
    all_of_it = b.add_columns(
        _labelled(rule, num_scopes, "all"),
        cost=np.zeros(num_scopes),
        upper=np.ones(num_scopes),
        integer=True,
    )
    supplier = np.repeat(np.arange(size), ranks)
    share = np.tile(np.asarray(rule.split), size)
    each, flat = np.arange(size), rank.ravel()
    b.add_rows(
        _labelled(rule, size, "share of rank"),
        [(each, sigma, np.ones(size)), (supplier, flat, -share)],
        0.0,
        0.0,
    )
    b.add_rows(
        _labelled(rule, size, "one rank"), [(supplier, flat, np.ones(flat.size))], -np.inf, 1.0
    )
    held = np.repeat(scope, ranks) * ranks + np.tile(np.arange(ranks), size)
    given = np.arange(num_scopes * ranks)
    entries: Entries = [
        (held, flat, np.ones(flat.size)),
        (given, all_of_it[given // ranks], -np.ones(given.size)),
    ]
    if missed is not None:
        nobody = b.add_columns(
            _labelled(rule, given.size, "of nobody"),
            cost=np.zeros(given.size),
            upper=np.ones(given.size),
            integer=True,
        )
        entries.append((given, nobody, np.ones(given.size)))
        b.add_rows(
            _labelled(rule, given.size, "of nobody"),
            [
                (given, nobody, np.asarray(rule.split)[given % ranks]),
                (given, missed[given // ranks], -np.ones(given.size)),
            ],
            -np.inf,
            0.0,
        )
    b.add_rows(_labelled(rule, given.size, "rank held"), entries, 0.0, 0.0)


def _viable(b: Builder, rule: Rule) -> None:
    """Σ measure of a supplier's awards in the instance ≥ min·w, with w = 1 if it has any."""
    assert rule.minimum is not None
    found = instances_of(b.arrays, b.candidates, rule)
    supplier, keys = b.candidates.supplier.astype(np.int64), b.keys.supplier
    column, instance, owner = b.presence(found.instance, supplier, keys)
    pairs = instance * len(keys) + owner
    at = np.searchsorted(pairs, found.instance * len(keys) + supplier)
    entries = _amounts(b, rule.metric, np.where(found.instance >= 0, at, -1))
    each = np.arange(pairs.size)
    entries.append((each, column, np.full(pairs.size, -rule.minimum)))
    _limited(b, rule, pairs.size, entries, 0.0, None)


KINDS: dict[str, Callable[[Builder, Rule], None]] = {
    "supplier_count": _count,
    "economy_count": _count,
    "share": _share,
    "limit": _limit,
    "dependence": _dependence,
    "working_capital": _working_capital,
    "consistent": _consistent,
    "viable": _viable,
}


def _labelled(rule: Rule, size: int, part: str = "") -> Segment:
    return Segment(f"rule {rule.name}" + (f" {part}" if part else ""), size)


def _amounts(b: Builder, name: MetricName, instance: Index) -> Entries:
    """(instance, column, amount) of a measure of all candidates with an instance."""
    per_unit, once = metric(b.arrays, b.candidates, name)
    per_share = per_unit * b.quantity[b.candidates.demand]
    rows = np.flatnonzero((instance >= 0) & (per_share != 0))
    decided = np.flatnonzero((instance >= 0) & (once != 0))
    entries = [
        (instance[rows], b.x[rows], per_share[rows]),
        (instance[decided], b.y[decided], once[decided]),
    ]
    if name == "cost":
        loaded = np.flatnonzero((instance >= 0) & (b.vehicles >= 0))
        cost = b.candidates.vehicle_cost[loaded]
        entries.append((instance[loaded], b.vehicles[loaded], cost))
    return entries


def _joined(entries: Entries) -> tuple[Index, Index, Floats]:
    row, column, value = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    return row, column, value


def _largest(row: Index, value: Floats, size: int) -> Floats:
    """The largest coefficient of each row; 1 for rows without any."""
    largest = np.zeros(size)
    np.maximum.at(largest, row, np.abs(value))
    return np.where(largest > 0, largest, 1.0)


def _limited(
    b: Builder,
    rule: Rule,
    size: int,
    entries: Entries,
    lower: Floats | float | None,
    upper: Floats | float | None,
) -> None:
    """Rows lower ≤ entries ≤ upper, each divided by its largest coefficient.

    A target's rows come with a column for the amount by which they are missed, one a side.
    """
    row, column, value = _joined(entries)
    scale = _largest(row, value, size)
    each = np.arange(size)
    for part, limit, sign in (("min", lower, 1.0), ("max", upper, -1.0)):
        if limit is None:
            continue
        bound = np.broadcast_to(np.asarray(limit, dtype=np.float64), (size,)) / scale
        scaled: Entries = [(row, column, value / scale[row])]
        if rule.is_target:
            reach = np.bincount(row, np.abs(value) * b.uppers()[column], minlength=size) / scale
            most = reach + np.abs(bound)
            missed = b.add_missed(_labelled(rule, size, f"{part} missed"), rule, scale, most)
            scaled.append((each, missed, np.full(size, sign)))
        below, above = (bound, np.inf) if part == "min" else (-np.inf, bound)
        b.add_rows(_labelled(rule, size, part), scaled, below, above)
