"""Which candidates the instances of a rule are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, index_of, numbered
from matcher.schema.rules import Rule
from matcher.screening.candidates import Candidates

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Instances:
    """The instances of a rule, as a grid of scopes and groups.

    ``scope`` and ``group`` have one entry a candidate: its scope and its group, -1 if the rule is
    not about it. ``of_demand`` has the scope of each demand.
    """

    of_demand: Index
    scope: Index
    group: Index
    num_scopes: int
    num_groups: int

    @property
    def size(self) -> int:
        """Number of instances."""
        return self.num_scopes * self.num_groups

    @property
    def instance(self) -> Index:
        """The instance of each candidate, -1 for none: scope × number of groups + group."""
        inside = (self.scope >= 0) & (self.group >= 0)
        return np.where(inside, self.scope * self.num_groups + self.group, -1)


def instances_of(arrays: Arrays, c: Candidates, rule: Rule) -> Instances:
    """The instances of ``rule`` and the candidates of each."""
    of_demand, num_scopes = _chosen(_scope_keys(arrays, rule), rule.of)
    if rule.group == "incumbents":
        return Instances(of_demand, of_demand[c.demand], _incumbents(arrays, c), num_scopes, 1)
    of_supplier, num_groups = _chosen(_group_keys(arrays, rule), rule.who)
    group = of_supplier[c.supplier]
    return Instances(of_demand, of_demand[c.demand], group, num_scopes, num_groups)


def _chosen(keys: pl.Series, named: tuple[str, ...]) -> tuple[Index, int]:
    """The number of each key, and how many: 0 for all that are named, or one for each distinct key.

    ``keys`` has one entry a demand or supplier, null where it has none; that is number -1.
    """
    if named:
        return np.where(keys.is_in(named).fill_null(False).to_numpy(), 0, -1).astype(np.int64), 1
    return numbered(keys).astype(np.int64), keys.n_unique() - int(keys.null_count() > 0)


def _scope_keys(arrays: Arrays, rule: Rule) -> pl.Series:
    """The key of each demand in the rule's scope."""
    network = arrays.network
    if rule.scope == "network":
        return pl.repeat("network", network.demands.height, eager=True)
    if rule.scope == "component_group":
        return network.components["group"].gather(arrays.demands.component)
    return network.demands[rule.scope]


def _group_keys(arrays: Arrays, rule: Rule) -> pl.Series:
    """The key of each supplier in the rule's group."""
    suppliers, places = arrays.network.suppliers, arrays.network.places
    if rule.group is None:
        return pl.repeat("all", suppliers.height, eager=True)
    if rule.group in ("economy", "park"):
        return places[rule.group].gather(arrays.suppliers.place)
    return suppliers[rule.group]


def _incumbents(arrays: Arrays, c: Candidates) -> Index:
    """0 for the candidates of suppliers that make the component today, -1 for the others."""
    network = arrays.network
    table = network.incumbents
    num_components, num_firms = network.components.height, network.lead_firms.height
    supplier = index_of(table["supplier"], network.suppliers["supplier"]).astype(np.int64)
    component = index_of(table["component"], network.components["component"])
    firm = index_of(table["lead_firm"], network.lead_firms["lead_firm"])
    # A row without a lead firm, -1, holds for all of them.
    code = (supplier * num_components + component) * (num_firms + 1) + firm + 1
    pair = c.supplier.astype(np.int64) * num_components + arrays.demands.component[c.demand]
    known = np.isin(pair * (num_firms + 1), code) | np.isin(
        pair * (num_firms + 1) + arrays.demands.lead_firm[c.demand] + 1, code
    )
    return np.where(known, 0, -1)
