"""What of a network hangs together, so that no split may part it.

Two demands hang together if a supplier bids for both, if a rule counts over both, or if suppliers
of a consortium bid for them. The other terms bind what one supplier is awarded, and all of that is
together already: bundles, discounts, lines (whose tooling is paid bid by bid), ramps, capacities,
what leaving an incumbent costs, and rules on what single suppliers depend on or can finance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array

from matcher.network import Network
from matcher.network.arrays import Ints, index_of, numbered
from matcher.schema.rules import Rule, listed, rules_of

Index = NDArray[np.integer[Any]]

SCOPES = ("lead_firm", "component_group", "component", "demand")
OF_ONE_SUPPLIER = ("dependence", "working_capital")
SUMMED = ("coverage", "cost")
"""Objectives whose least for the whole is the sum of the least for the subnetworks."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of what hangs together in which each demand, supplier and rule is.

    The group of a rule means nothing if the rule is not `is_at_home`. ``num_pairs`` counts the
    demand–bid pairs of each group.
    """

    demand: Ints
    supplier: Ints
    rule: Ints
    num_pairs: NDArray[np.int64]


def is_whole(network: Network) -> bool:
    """Whether something ties all of the network together.

    That is a rule over the whole network, a target that goes before cost, a minimum for each of
    many groups of suppliers (which holds for those without a bid as well), and any objective
    besides coverage and cost.
    """
    objectives = network.objectives
    others = ~objectives["objective"].is_in(SUMMED) | (objectives["tolerance"] > 0)
    return bool(others.any()) or any(map(_ties_all, rules_of(network.rules)))


def _ties_all(rule: Rule) -> bool:
    if rule.is_target and rule.price is None:
        return True
    if not _couples(rule):
        return False
    is_each = rule.group not in (None, "incumbents") and not rule.who
    return rule.scope == "network" or (is_each and bool(rule.minimum))


def _couples(rule: Rule) -> bool:
    """Whether the rule counts over awards of several suppliers, or names what must stay with it."""
    return rule.kind not in OF_ONE_SUPPLIER or bool(rule.of or rule.who)


def is_at_home(network: Network) -> pl.Series:
    """For each rule, whether it belongs to one subnetwork; the others hold in every subnetwork.

    Such a rule names its demands; one that does not holds for each lead firm, component group,
    component, demand or supplier on its own.
    """
    return pl.Series([bool(rule.of) for rule in rules_of(network.rules)], dtype=pl.Boolean)


def groups_of(network: Network) -> Groups:
    """Connected components of demands, suppliers, rules and what stands between them.

    Components stand between the demands for them and the suppliers that bid for all of these, so
    that there is one edge a demand and one a bid instead of one a pair; likewise consortia, rules
    and what rules count over.
    """
    demands, bids = network.demands, network.bids
    components, suppliers = network.components["component"], network.suppliers["supplier"]
    needed = index_of(demands["component"], components)
    offered = index_of(bids["component"], components)
    supplier = index_of(bids["supplier"], suppliers)
    only = index_of(bids["demand"], demands["demand"])
    general = only < 0
    num_general = np.bincount(offered[general], minlength=components.len())
    # A component that is not both needed and offered to all links nobody.
    links = np.zeros(components.len(), dtype=np.bool_)
    links[needed] = True
    links &= num_general > 0
    wants = np.flatnonzero(links[needed])
    bids_for_all = np.flatnonzero(general & links[offered])
    bids_for_one = np.flatnonzero(~general)

    graph = _Graph()
    first_demand, first_supplier = graph.add(demands.height), graph.add(suppliers.len())
    first_component, first_rule = graph.add(components.len()), graph.add(network.rules.height)
    graph.link(first_demand + wants, first_component + needed[wants])
    graph.link(first_supplier + supplier[bids_for_all], first_component + offered[bids_for_all])
    graph.link(first_supplier + supplier[bids_for_one], first_demand + only[bids_for_one])
    _link_consortia(graph, network, supplier, first_supplier)
    _link_rules(graph, network, first_rule, first_demand)

    num_groups, group = graph.groups()
    num_pairs = num_general[needed] + np.bincount(only[bids_for_one], minlength=demands.height)
    of_demand = group[first_demand:first_supplier]
    return Groups(
        demand=of_demand,
        supplier=group[first_supplier:first_component],
        rule=group[first_rule : first_rule + network.rules.height],
        num_pairs=np.bincount(of_demand, weights=num_pairs, minlength=num_groups).astype(np.int64),
    )


class _Graph:
    """Nodes and undirected edges."""

    def __init__(self) -> None:
        self._size = 0
        self._edges: list[tuple[Index, Index]] = []

    def add(self, count: int) -> int:
        """Add nodes; the number of the first."""
        self._size += count
        return self._size - count

    def link(self, start: Index, end: Index) -> None:
        """Add edges."""
        self._edges.append((start, end))

    def groups(self) -> tuple[int, Ints]:
        """How many groups hang together, and the group of each node."""
        start, end = (np.concatenate(ends) for ends in zip(*self._edges, strict=True))
        from scipy.sparse.csgraph import connected_components  # loads slowly

        shape = (self._size, self._size)
        edges = coo_array((np.ones(start.size, dtype=np.bool_), (start, end)), shape)
        num_groups, group = connected_components(edges, directed=False)
        return int(num_groups), group


def _link_consortia(graph: _Graph, network: Network, supplier: Ints, first_supplier: int) -> None:
    """Link a consortium with its members, and with its lead, whose certificates count for them."""
    consortia = network.consortia
    first = graph.add(consortia.height)
    consortium = index_of(network.bids["consortium"], consortia["consortium"])
    members = np.flatnonzero(consortium >= 0)
    graph.link(first + consortium[members], first_supplier + supplier[members])
    lead = index_of(consortia["lead"], network.suppliers["supplier"])
    graph.link(first + np.arange(consortia.height), first_supplier + lead)


def _link_rules(graph: _Graph, network: Network, first_rule: int, first_demand: int) -> None:
    """Link a rule with the demands it names, and the demands of each scope that it counts over.

    All demands of a scope are linked, whoever makes them: a share counts all of their awards.
    """
    group = network.components.select("component", component_group="group")
    keys = network.demands.join(group, on="component", how="left", maintain_order="left")
    couples = pl.Series([_couples(rule) for rule in rules_of(network.rules)], dtype=pl.Boolean)
    rules = network.rules.with_row_index("number").filter(couples)
    for scope in SCOPES:
        named = listed(rules.filter(scope=scope), "of").join(
            keys.with_row_index("at").select("at", key=scope), on="key"
        )
        graph.link(first_rule + named["number"].to_numpy(), first_demand + named["at"].to_numpy())
        if scope in rules.filter(pl.col("of").is_null())["scope"]:
            scope_of = numbered(keys[scope])
            at = np.flatnonzero(scope_of >= 0)
            first = graph.add(int(scope_of.max(initial=-1)) + 1)
            graph.link(first + scope_of[at], first_demand + at)
