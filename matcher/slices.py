"""The rows of each part of a network: its own, and what these point to or name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl

from matcher.arrays import Ints
from matcher.coupling import is_at_home
from matcher.network import Network
from matcher.validate.keys import listed


def split(
    network: Network, num: int, demand: Ints, supplier: Ints, rule: Ints
) -> Iterator[Network]:
    """The parts, given the number of the part of every demand, supplier and rule (-1: none).

    Each table is filtered and sorted once for all parts, with a column ``part``; a part takes its
    slice of each.
    """
    demands = _numbered(network.demands, demand)
    makers = _numbered(network.suppliers, supplier)
    rules = _ruling(network, num, rule)
    of_makers = makers.select("part", "supplier")
    bids = _keyed(network.bids, of_makers)
    of_bids = bids.select("part", "bid")
    certificates = _keyed(network.certificates, of_makers)
    resources = _keyed(network.resources, of_makers)
    incumbents = _keyed(network.incumbents, of_makers)
    discounts = _keyed(network.discounts, of_makers)
    named = _Named(network, rules)
    suppliers = _keyed(network.suppliers, of_makers, *named.suppliers())
    components = _keyed(
        network.components,
        demands.select("part", "component"),
        bids.select("part", "component"),
        certificates.select("part", component="scope"),
        incumbents.select("part", "component"),
        *named.components(discounts.select("part", key="component_group")),
    )
    requirements = _keyed(network.requirements, components.select("part", "component"))
    lead_firms = _keyed(
        network.lead_firms,
        demands.select("part", "lead_firm"),
        requirements.select("part", "lead_firm"),
        suppliers.select("part", "lead_firm"),
        incumbents.select("part", "lead_firm"),
        named.of("lead_firm").select("part", lead_firm="key"),
    )
    # Goods only go from a part's suppliers to its demands.
    lanes = _keyed(network.lanes, makers.select("part", origin="place")).join(
        demands.select("part", destination="place"),
        on=("part", "destination"),
        how="semi",
        maintain_order="left",
    )
    places = _keyed(
        network.places,
        demands.select("part", "place"),
        suppliers.select("part", "place"),
        bids.select("part", place="named_place"),
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
            "consortia": _keyed(network.consortia, bids.select("part", "consortium")),
            "discounts": discounts,
            "capacities": _keyed(network.capacities, resources.select("part", "resource")),
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
    """The rules of each part: those at home there, and those that hold in every part."""
    rules = network.rules.with_row_index("row").with_columns(
        part=pl.Series(rule, dtype=pl.Int32), is_at_home=is_at_home(network)
    )
    everywhere = rules.filter(~pl.col("is_at_home")).drop("part")
    parts = pl.DataFrame({"part": np.arange(num, dtype=np.int32)})
    return (
        pl.concat(
            [rules.filter("is_at_home"), everywhere.join(parts, how="cross").select(rules.columns)]
        )
        .sort("part", "row")
        .drop("row", "is_at_home")
    )


class _Named:
    """What the rules of each part name, which has to come along so that it is known there."""

    def __init__(self, network: Network, rules: pl.DataFrame) -> None:
        self._network = network
        self._rules = rules

    def of(self, scope: str) -> pl.DataFrame:
        """Part and key of the demands' scope."""
        return listed(self._rules.filter(scope=scope), "of").select("part", "key")

    def _who(self, group: str) -> pl.DataFrame:
        return listed(self._rules.filter(group=group), "who").select("part", "key")

    def suppliers(self) -> tuple[pl.DataFrame, ...]:
        """Suppliers that are named, and one of each owner."""
        owner = _one_each(self._network.suppliers, "ownership")
        return (
            self._who("supplier").select("part", supplier="key"),
            self._who("ownership").join(owner, on="key").select("part", "supplier"),
        )

    def components(self, groups: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
        """Components that are named, and one of each component group, also of ``groups``."""
        keys = pl.concat([self.of("component_group"), groups])
        member = _one_each(self._network.components, "group")
        return (
            self.of("component").select("part", component="key"),
            keys.join(member, on="key").select("part", "component"),
        )

    def parks(self) -> pl.DataFrame:
        """One place of each park."""
        member = _one_each(self._network.places, "park")
        return self._who("park").join(member, on="key").select("part", "place")


def _one_each(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The first row of each distinct text of ``column``, as ``key``."""
    return (
        frame.drop_nulls(column)
        .unique(column, keep="first", maintain_order=True)
        .with_columns(key=column)
    )


def _numbered(frame: pl.DataFrame, part: Ints) -> pl.DataFrame:
    """The rows that are in a part, sorted by part and otherwise in their order."""
    return (
        frame.with_columns(part=pl.Series(part, dtype=pl.Int32))
        .filter(pl.col("part") >= 0)
        .sort("part", maintain_order=True)
    )


def _keyed(frame: pl.DataFrame, *keys: pl.DataFrame) -> pl.DataFrame:
    """The rows whose key is among those of a part, once for each such part; sorted likewise."""
    wanted = pl.concat(keys).unique()
    on = wanted.columns[1]
    return (
        frame.with_row_index("row")
        .join(wanted, on=on)
        .sort("part", "row")
        .select(*frame.columns, "part")
    )


def _slices(frame: pl.DataFrame, num: int) -> list[pl.DataFrame]:
    """The rows of each part."""
    starts = np.searchsorted(frame["part"].to_numpy(), np.arange(num + 1)).tolist()
    frame = frame.drop("part")
    return [frame.slice(start, stop - start) for start, stop in pairwise(starts)]
