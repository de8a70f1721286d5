"""The rules that a sourcing team states beside the terms of demands and bids.

Each rule carries the name under which it returns in reports and violations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Kind = Literal[
    "supplier_count",
    "economy_count",
    "share",
    "limit",
    "dependence",
    "working_capital",
    "consistent",
    "viable",
]
Scope = Literal["network", "lead_firm", "component_group", "component", "demand"]
Group = Literal["supplier", "economy", "park", "size_class", "ownership", "incumbents"]
Metric = Literal["quantity", "value", "cost", "emissions"]

# Where a minimum number of suppliers is asked, an award below this share of its demand would
# only be there to be counted; so every award concerned has to reach it.
MIN_COUNTED_SHARE = 0.01

COUNTS: tuple[Kind, ...] = ("supplier_count", "economy_count")
# These ask whether there is an award at all, so every candidate concerned has a decision.
DECIDED: tuple[Kind, ...] = (*COUNTS, "viable")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table ``rules``.

    Parameters
    ----------
    name, kind
        Name of the rule, and what it limits.
    scope, of
        Which demands it is about: those of the keys ``of`` together, or, without keys, of each
        lead firm, component group, component or demand on its own.
    group, who
        Which suppliers it is about: all, those of the keys ``who`` together or, without keys, of
        each supplier, economy, park, size class or owner on its own.
    measure
        What is counted; see `matcher.screening.metrics`. Cost is only limited from above: a least
        cost could be met by waste.
    minimum, maximum
        Limits, in the unit of the kind; ``None`` if there is none.
    split
        Shares by rank that a consistent award takes, adding up to 1; empty for any split.
    priority, price
        ``None`` for a mandatory rule. A target may be missed: at ``price`` a unit (network
        currency), or without a price before any cost, in the order of priorities.
    """

    name: str
    kind: Kind
    scope: Scope
    of: tuple[str, ...] = ()
    group: Group | None = None
    who: tuple[str, ...] = ()
    metric: Metric = "quantity"
    minimum: float | None = None
    maximum: float | None = None
    split: tuple[float, ...] = ()
    priority: int | None = None
    price: float | None = None

    @property
    def is_target(self) -> bool:
        """Whether the rule may be missed."""
        return self.priority is not None

    @property
    def counts_awards(self) -> bool:
        """Whether awards that are too small to mean anything could fulfil it."""
        return self.kind in COUNTS and bool(self.minimum)


def rules_of(frame: pl.DataFrame) -> tuple[Rule, ...]:
    """The typed rules of a network's ``rules`` table, in its order."""
    return tuple(_rule(row) for row in frame.iter_rows(named=True))


def keys_of(text: str | None) -> tuple[str, ...]:
    """The keys of a cell that lists several, separated by ";".

    >>> keys_of("VN; MY")
    ('VN', 'MY')
    """
    return tuple(key for part in (text or "").split(";") if (key := part.strip()))


def shares_of(text: str | None) -> tuple[float, ...]:
    """The shares of a split such as 60/30/10, adding up to 1; empty if there are none.

    >>> shares_of("60/30/10")
    (0.6, 0.3, 0.1)
    """
    parts = [float(part) for part in (text or "").split("/") if part.strip()]
    return tuple(part / sum(parts) for part in parts)


def _rule(row: dict[str, Any]) -> Rule:
    maximum = row["max"]
    if row["kind"] == "working_capital" and maximum is None:
        maximum = 1.0
    return Rule(
        name=row["rule"],
        kind=row["kind"],
        scope=row["scope"],
        of=keys_of(row["of"]),
        group=row["group"],
        who=keys_of(row["who"]),
        metric=row["measure"] or "quantity",
        minimum=row["min"],
        maximum=maximum,
        split=shares_of(row["split"]),
        priority=row["priority"],
        price=row["price"],
    )


def listed(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The frame with one row for each key that the cells of ``column`` list, as ``key``.

    Rows that list none are left out; it takes keys apart as `matcher.schema.rules.keys_of` does.
    """
    keys = pl.col(column).str.split(";").alias("key")
    return (
        frame.with_columns(keys)
        .explode("key")
        .with_columns(pl.col("key").str.strip_chars())
        .filter(pl.col("key") != "")
    )
