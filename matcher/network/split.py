"""A network split into the subnetworks that have nothing to do with each other.

`matcher.network.components` says what hangs together. Nothing that is decided in one subnetwork
bears on another, so each can be solved for itself; `matcher.solve.merge` puts their plans together.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.errors import InputError, Issue
from matcher.network import Network
from matcher.network.arrays import Ints
from matcher.network.components import Groups, groups_of, is_at_home, is_whole
from matcher.schema.rules import listed


def subnetworks_of(network: Network, *, at_most: int | None = None) -> tuple[Network, ...]:
    """Split a network into subnetworks that share no supplier, resource, consortium or rule.

    Demands that nobody bids for go along with the first subnetwork, so that they are reported as
    unmet; so do rules that name nothing that is needed, and incumbents that bid for nothing. Other
    suppliers that offer nothing that is needed are in no subnetwork. A rule on each of many things
    is in every subnetwork. A rule over the whole network, a target that goes before cost, and any
    objective but coverage and cost keep the network together.

    Parameters
    ----------
    at_most
        Put small subnetworks together until there are no more than this many, of about as many
        demand–bid pairs each.

    Returns
    -------
    tuple of Network
        In the order of their first demands, named after the network with a number. A network that
        does not fall apart is returned as it is.

    Raises
    ------
    InputError
        ``at_most`` is below 1.

    Notes
    -----
    A subnetwork is a valid network without being checked again. Its rows are rows of a checked
    network, in the same order, and what a row points to comes along: each table is filtered by keys
    that were gathered from the tables that point to it. What holds between rows holds between rows
    that come along together (a bid with its tiers, usages, resources and its one demand). Rates,
    duties, standards, trade costs, periods and objectives are shared as they are. What rules and
    discounts name comes along even if nothing of it takes part, such as a supplier without its
    bids. Every subnetwork has a demand and a bid for it, so no required table is empty.

    Examples
    --------
    >>> import matcher
    >>> from matcher.generate.recipe import recipe_for
    >>> network = matcher.generate(recipe_for(4_000, connected=False))
    >>> for subnetwork in subnetworks_of(network):
    ...     print(subnetwork.name, subnetwork.demands.height)
    synthetic 200 x 100, seed 0 (part 1 of 3) 68
    synthetic 200 x 100, seed 0 (part 2 of 3) 66
    synthetic 200 x 100, seed 0 (part 3 of 3) 66
    >>> subnetworks_of(network, at_most=1) == (network,)
    True
    """
    if at_most is not None and at_most < 1:
        raise InputError(
            [
                Issue(
                    code="bad_option",
                    table="subnetworks",
                    column="at_most",
                    value=str(at_most),
                    problem="is below 1",
                    fix="give 1 or more",
                )
            ]
        )
    if is_whole(network):
        return (network,)
    groups = groups_of(network)
    number = _numbers(network, groups, at_most)
    num = int(number.max(initial=-1)) + 1
    if num <= 1:
        return (network,)
    return tuple(
        split(network, num, number[groups.demand], number[groups.supplier], number[groups.rule])
    )


def _numbers(network: Network, groups: Groups, at_most: int | None) -> Ints:
    """The number of the subnetwork that each group becomes; -1 for idle suppliers."""
    has_bids = groups.num_pairs > 0
    found, first = np.unique(groups.demand, return_index=True)
    ordered = found[np.argsort(first)]
    served = ordered[has_bids[ordered]]
    number = np.full(has_bids.size, -1, dtype=np.int32)
    number[served] = (
        np.arange(served.size)
        if at_most is None or at_most >= served.size
        else _balanced(groups.num_pairs[served], at_most)
    )
    number[ordered[~has_bids[ordered]]] = 0
    incumbent = network.suppliers["supplier"].is_in(network.incumbents["supplier"].implode())
    for along in (groups.rule, groups.supplier[incumbent.to_numpy()]):
        number[along[number[along] < 0]] = 0
    return number


def _balanced(size: NDArray[np.int64], num_bins: int) -> Ints:
    """Spread sizes over bins: the largest that is left goes into the bin that holds least.

    Bins are numbered in the order of their first members.
    """
    bins = [(0, i) for i in range(num_bins)]
    into = np.empty(size.size, dtype=np.int64)
    for i in np.argsort(-size, kind="stable"):
        load, where = bins[0]
        into[i] = where
        heapq.heapreplace(bins, (load + int(size[i]), where))
    _, first, member = np.unique(into, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[member].astype(np.int32)


# long: every table of the network has a line
def split(
    network: Network, num: int, demand: Ints, supplier: Ints, rule: Ints
) -> Iterator[Network]:
    """The subnetworks, given the number of that of every demand, supplier and rule (-1: none).

    Each table is filtered and sorted once for all subnetworks, with a column ``subnetwork``; a
    subnetwork takes its slice of each.
    """
    demands = _numbered(network.demands, demand)
    makers = _numbered(network.suppliers, supplier)
    rules = _ruling(network, num, rule)
    of_makers = makers.select("subnetwork", "supplier")
    bids = _keyed(network.bids, of_makers)
    of_bids = bids.select("subnetwork", "bid")
    certificates = _keyed(network.certificates, of_makers)
    resources = _keyed(network.resources, of_makers)
    incumbents = _keyed(network.incumbents, of_makers)
    discounts = _keyed(network.discounts, of_makers)
    named = _Named(network, rules)
    suppliers = _keyed(network.suppliers, of_makers, *named.suppliers())
    components = _keyed(
        network.components,
        demands.select("subnetwork", "component"),
        bids.select("subnetwork", "component"),
        certificates.select("subnetwork", component="scope"),
        incumbents.select("subnetwork", "component"),
        *named.components(discounts.select("subnetwork", key="component_group")),
    )
    requirements = _keyed(network.requirements, components.select("subnetwork", "component"))
    lead_firms = _keyed(
        network.lead_firms,
        demands.select("subnetwork", "lead_firm"),
        requirements.select("subnetwork", "lead_firm"),
        suppliers.select("subnetwork", "lead_firm"),
        incumbents.select("subnetwork", "lead_firm"),
        named.of("lead_firm").select("subnetwork", lead_firm="key"),
    )
    # Goods only go from a subnetwork's suppliers to its demands.
    lanes = _keyed(network.lanes, makers.select("subnetwork", origin="place")).join(
        demands.select("subnetwork", destination="place"),
        on=("subnetwork", "destination"),
        how="semi",
        maintain_order="left",
    )
    places = _keyed(
        network.places,
        demands.select("subnetwork", "place"),
        suppliers.select("subnetwork", "place"),
        bids.select("subnetwork", place="named_place"),
        named.parks(),
    )
    slices = {
        name: _slices(frame, num)
        for name, frame in {
            "lead_firms": lead_firms,
            "places": places,
            "components": components,
            "requirements": requirements,
            "demands": demands,
            "suppliers": suppliers,
            "certificates": certificates,
            "resources": resources,
            "bids": bids,
            "usages": _keyed(network.usages, of_bids),
            "tiers": _keyed(network.tiers, of_bids),
            "lanes": lanes,
            "incumbents": incumbents,
            "consortia": _keyed(network.consortia, bids.select("subnetwork", "consortium")),
            "discounts": discounts,
            "capacities": _keyed(network.capacities, resources.select("subnetwork", "resource")),
            "ramps": _keyed(network.ramps, of_bids),
            "rules": rules,
        }.items()
    }
    for i in range(num):
        name = f"{network.name} (part {i + 1} of {num})"
        yield replace(
            network,
            network=network.network.with_columns(name=pl.lit(name)),
            warnings=(),
            **{table: frames[i] for table, frames in slices.items()},
        )


def _ruling(network: Network, num: int, rule: Ints) -> pl.DataFrame:
    """The rules of each subnetwork: those at home there, and those that hold in all of them."""
    rules = network.rules.with_row_index("row").with_columns(
        subnetwork=pl.Series(rule, dtype=pl.Int32), is_at_home=is_at_home(network)
    )
    everywhere = rules.filter(~pl.col("is_at_home")).drop("subnetwork")
    subnetworks = pl.DataFrame({"subnetwork": np.arange(num, dtype=np.int32)})
    return (
        pl.concat(
            [
                rules.filter("is_at_home"),
                everywhere.join(subnetworks, how="cross").select(rules.columns),
            ]
        )
        .sort("subnetwork", "row")
        .drop("row", "is_at_home")
    )


class _Named:
    """What the rules of each subnetwork name, which has to come along so that it is known there."""

    def __init__(self, network: Network, rules: pl.DataFrame) -> None:
        self._network = network
        self._rules = rules

    def of(self, scope: str) -> pl.DataFrame:
        """Part and key of the demands' scope."""
        return listed(self._rules.filter(scope=scope), "of").select("subnetwork", "key")

    def _who(self, group: str) -> pl.DataFrame:
        return listed(self._rules.filter(group=group), "who").select("subnetwork", "key")

    def suppliers(self) -> tuple[pl.DataFrame, ...]:
        """Suppliers that are named, and one of each owner."""
        owner = _one_each(self._network.suppliers, "ownership")
        return (
            self._who("supplier").select("subnetwork", supplier="key"),
            self._who("ownership").join(owner, on="key").select("subnetwork", "supplier"),
        )

    def components(self, groups: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
        """Components that are named, and one of each component group, also of ``groups``."""
        keys = pl.concat([self.of("component_group"), groups])
        member = _one_each(self._network.components, "group")
        return (
            self.of("component").select("subnetwork", component="key"),
            keys.join(member, on="key").select("subnetwork", "component"),
        )

    def parks(self) -> pl.DataFrame:
        """One place of each park."""
        member = _one_each(self._network.places, "park")
        return self._who("park").join(member, on="key").select("subnetwork", "place")


def _one_each(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The first row of each distinct text of ``column``, as ``key``."""
    return (
        frame.drop_nulls(column)
        .unique(column, keep="first", maintain_order=True)
        .with_columns(key=column)
    )


def _numbered(frame: pl.DataFrame, subnetwork: Ints) -> pl.DataFrame:
    """The rows that are in a subnetwork, sorted by it and otherwise in their order."""
    return (
        frame.with_columns(subnetwork=pl.Series(subnetwork, dtype=pl.Int32))
        .filter(pl.col("subnetwork") >= 0)
        .sort("subnetwork", maintain_order=True)
    )


def _keyed(frame: pl.DataFrame, *keys: pl.DataFrame) -> pl.DataFrame:
    """The rows whose key is among those of a subnetwork, once for each; sorted likewise."""
    wanted = pl.concat(keys).unique()
    on = wanted.columns[1]
    return (
        frame.with_row_index("row")
        .join(wanted, on=on)
        .sort("subnetwork", "row")
        .select(*frame.columns, "subnetwork")
    )


def _slices(frame: pl.DataFrame, num: int) -> list[pl.DataFrame]:
    """The rows of each subnetwork."""
    starts = np.searchsorted(frame["subnetwork"].to_numpy(), np.arange(num + 1)).tolist()
    frame = frame.drop("subnetwork")
    return [frame.slice(start, stop - start) for start, stop in pairwise(starts)]
