"""Parts of networks with rules and terms: what goes where, and that the sum is the whole."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from matcher.check import check
from matcher.network import Network
from matcher.parts import merge, parts_of
from matcher.plan import Plan
from matcher.read import network_from_tables
from matcher.rules import keys_of
from matcher.solve import solve
from matcher.tables import BY_NAME
from tests.networks import Row, network
from tests.rule_networks import draw

SHARED = ("network", "places", "standards", "rates", "periods")
# Columns whose texts mean something within one of the networks that are joined.
OWN = (
    "lead_firm", "component", "component_group", "demand", "supplier", "lead", "bid", "resource",
    "consortium", "bundle", "line", "discount", "rule", "scope",
)  # fmt: skip


def solved(whole: Network) -> Plan:
    return solve(whole, engine="highs", gap_limit=0.0)


def tables_of(whole: Network) -> dict[str, pl.DataFrame]:
    return {name: whole.table(name) for name in BY_NAME}


def own(name: str, frame: pl.DataFrame, mark: str) -> pl.DataFrame:
    """The rows of a table under names that no other network has."""
    marked = [
        column
        for column in frame.columns
        if column in OWN or (name, column) == ("components", "group")
        if not (name == "rules" and column == "scope")
    ]
    return frame.with_columns(pl.col(marked).str.replace("^", mark))


def ruled(row: Row, mark: str, firms: list[str]) -> Row | None:
    """A rule under its own names, of a sort that lets the network fall apart; or none."""
    row = {**row, "rule": mark + row["rule"]}
    if row["scope"] == "network" and (
        row["kind"] not in ("dependence", "working_capital") or row["who"] is not None
    ):
        row |= {"scope": "lead_firm", "of": ";".join(firms)}  # all of its own network, at least
    elif row["of"] is not None:
        row["of"] = ";".join(mark + key for key in keys_of(row["of"]))
    if row["group"] == "supplier" and row["who"] is not None:
        row["who"] = ";".join(mark + key for key in keys_of(row["who"]))
    if row["group"] not in (None, "incumbents") and row["who"] is None and row["min"]:
        return None
    return row


def joined(seeds: list[int]) -> Network:
    """One network of several drawn ones, which share places, parks, owners and periods."""
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in BY_NAME}
    for seed in seeds:
        mark = f"n{seed} "
        drawn = tables_of(draw(seed))
        firms = [mark + key for key in drawn["lead_firms"]["lead_firm"]]
        for name, frame in drawn.items():
            if name == "rules":
                rows = [ruled(row, mark, firms) for row in frame.to_dicts()]
                kept = [row for row in rows if row is not None]
                tables[name].append(pl.DataFrame(kept, schema=frame.schema))
            else:
                tables[name].append(frame if name in SHARED else own(name, frame, mark))
    whole = {name: pl.concat(frames) for name, frames in tables.items()}
    for name in SHARED:
        whole[name] = whole[name].unique(BY_NAME[name].key, keep="first", maintain_order=True)
    return network_from_tables(whole)


def is_possible(seed: int) -> bool:
    return solved(joined([seed])).result.found == "optimal"


if __name__ == "__main__":
    good = []
    for seed in range(1000, 1060):
        print(seed, solved(joined([seed])).result.found, flush=True)
