"""What a plan strives for: objectives in order, and how much of each may be given up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from matcher.schema.rules import keys_of

Name = Literal[
    "coverage",
    "cost",
    "local_value",
    "linkages",
    "concentration",
    "delivery_slack",
    "supplier_count",
    "emissions",
]

# Of these more is better.
GAINS: tuple[Name, ...] = ("local_value", "linkages", "delivery_slack")
SMES = ("micro", "small", "medium")


@dataclass(frozen=True, slots=True)
class Objective:
    """One row of the table ``objectives``.

    Parameters
    ----------
    name
        What is striven for.
    weight
        Its weight among objectives of the same order.
    economies
        For local_value: the economies that are local; empty: that of each demand's place.
    viable_value
        For linkages: the least value awarded that counts, network currency.
    """

    name: Name
    weight: float = 1.0
    economies: tuple[str, ...] = ()
    viable_value: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Objectives of one order, added up; later stages may give up ``tolerance`` of the sum."""

    objectives: tuple[Objective, ...]
    tolerance: float = 0.0

    @property
    def name(self) -> str:
        """The names of its objectives."""
        return " + ".join(objective.name for objective in self.objectives)

    @property
    def is_gain(self) -> bool:
        """Whether more of it is better."""
        return all(objective.name in GAINS for objective in self.objectives)


COVERAGE = Stage((Objective("coverage"),))
COST = Stage((Objective("cost"),))


def stages_of(frame: pl.DataFrame) -> tuple[Stage, ...]:
    """The stages of a network's ``objectives`` table, in order.

    Coverage comes first and cost last where they are not named. Cost that may be given up again
    for later objectives also comes back at the end: no more of it is given up than they need.

    >>> from matcher.schema.tables import BY_NAME
    >>> [stage.name for stage in stages_of(BY_NAME["objectives"].empty())]
    ['coverage', 'cost']
    """
    stages = tuple(
        Stage(
            tuple(
                Objective(
                    row["objective"],
                    row["weight"] if rows.height > 1 else 1.0,  # alone it has nothing to outweigh
                    keys_of(row["economies"]),
                    row["viable_value"] or 0.0,
                )
                for row in rows.iter_rows(named=True)
            ),
            float(rows["tolerance"].max() or 0.0),  # type: ignore[arg-type]
        )
        for rows in frame.sort("order", "objective").partition_by("order", maintain_order=True)
    )
    first = () if "coverage" in frame["objective"] else (COVERAGE,)
    settled = bool(stages) and any(aim.name == "cost" for aim in stages[-1].objectives)
    return (*first, *stages, *(() if settled else _last(stages)))


def _last(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Cost as the last stage, unless an earlier one has settled it for good."""
    at_cost = [stage for stage in stages if any(aim.name == "cost" for aim in stage.objectives)]
    return (COST,) if not at_cost or at_cost[0].tolerance > 0 else ()
