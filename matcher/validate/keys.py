"""Cells that list keys, such as ``VN; MY``: whether what they name is there."""

from __future__ import annotations

import polars as pl

from matcher.reference.economies import ECONOMIES
from matcher.suggestions import Nearest
from matcher.validate.cells import Fault, economy
from matcher.validate.findings import Findings, quoted
from matcher.validate.raw import Tables


def check_known(
    tables: Tables, findings: Findings, place: str, column: str, keys: pl.DataFrame, among: str
) -> None:
    """Note every key that stands nowhere in the column ``among``, such as ``components.group``.

    Parameters
    ----------
    place, column
        Where the keys are listed.
    keys
        With the columns ``row`` and ``key``.
    """
    name, _, known_column = among.partition(".")
    known = tables[name][known_column].drop_nulls().unique().sort()
    is_id = known_column == tables.key(name)
    if not tables.known(name) or (known.is_empty() and is_id):
        return  # the empty table or missing column is an issue already
    nearest, there = Nearest(known), tables.place(name)
    what = known_column.replace("_", " ")
    otherwise = f"use a {what} that is listed there" + (
        f", such as {quoted(known, 3)}" * (len(known) > 0)
    )
    findings.each(
        "dangling_id",
        place,
        keys.filter(~pl.col("key").is_in(known.implode())),
        lambda hit: (
            f"is not in {there}" if is_id else f"is not a {what} in {there}",
            nearest.fix(hit["key"], otherwise),
        ),
        column=column,
        value="key",
    )


def check_economies(findings: Findings, place: str, column: str, keys: pl.DataFrame) -> None:
    """Note every key that is no ISO 3166-1 alpha-2 code in capitals."""
    nearest = Nearest([*ECONOMIES, *ECONOMIES.values()])

    def say(key: str) -> tuple[str, str]:
        found = economy(key, nearest)
        if isinstance(found, Fault):
            return found.problem, found.fix
        return "is not in capitals", f"write {found}"

    findings.each(
        "unknown_economy",
        place,
        keys.filter(~pl.col("key").is_in(list(ECONOMIES))),
        lambda hit: say(hit["key"]),
        column=column,
        value="key",
    )
