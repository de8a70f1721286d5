"""The rules that a sourcing team states beside the terms of demands and bids.

Each rule carries the name under which it returns in reports and violations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Scope = Literal["network", "lead_firm", "component", "demand"]

# Where a minimum number of suppliers is asked, an award below this share of its demand would
# only be there to be counted; so every award concerned has to reach it.
MIN_COUNTED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class SupplierCount:
    """How many suppliers may, or must, get an award within a scope.

    Parameters
    ----------
    name
        Name of the rule.
    scope, of
        What is counted over: the whole network, or the lead firm, component or demand ``of``.
    minimum, maximum
        Number of suppliers; ``None`` if not limited.
    """

    name: str
    scope: Scope
    of: str | None
    minimum: int | None
    maximum: int | None


Rule = SupplierCount


def rules_of(frame: pl.DataFrame) -> tuple[Rule, ...]:
    """The typed rules of a network's ``rules`` table, in its order."""
    return tuple(
        SupplierCount(row["rule"], row["scope"], row["of"], row["min"], row["max"])
        for row in frame.iter_rows(named=True)
    )
