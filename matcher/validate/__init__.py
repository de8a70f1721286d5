"""From raw tables to a network: types, keys, references and cross-checks, all issues at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache

import polars as pl

from matcher.errors import InputError
from matcher.network import Network
from matcher.reference.standards import Standards, standards
from matcher.schema.columns import Table
from matcher.schema.tables import BY_NAME, TABLES
from matcher.validate.advice import advise
from matcher.validate.cells import Parser
from matcher.validate.columns import absent, check_keys, check_references, typed
from matcher.validate.crosscheck import check
from matcher.validate.findings import CODES, Findings
from matcher.validate.places import located
from matcher.validate.raw import Raw, Tables, Typed

# Names in implies may be those of other rows, which are not known yet: they are plain text here.
_STANDARDS = replace(
    BY_NAME["standards"],
    columns=tuple(
        replace(column, kind="text") if column.kind == "standards" else column
        for column in BY_NAME["standards"].columns
    ),
)

__all__ = ["CODES", "Findings", "Raw", "validated"]


def validated(raws: Sequence[Raw], findings: Findings, unread: Collection[str] = ()) -> Network:
    """The network that the raw tables describe.

    Parameters
    ----------
    raws
        The tables as found, in any order.
    findings
        What the reading noted already; more is added.
    unread
        Tables that are there but could not be read, which is noted already. Nothing is said
        about what points to them.

    Raises
    ------
    InputError
        With every issue, errors before warnings, if there is any error.
    """
    first: dict[str, Raw] = {}
    for raw in raws:
        if raw.name in first:
            findings.add(
                "duplicate_table",
                raw.place,
                f"gives the table {raw.name}, which {first[raw.name].place} gives too",
                "keep one of the two",
            )
        else:
            first[raw.name] = raw
    unknown = set(unread) - set(first)
    for table in TABLES:
        if table.required and table.name not in first and table.name not in unknown:
            unknown.add(table.name)
            findings.add(
                "missing_table",
                table.name,
                "is required and missing",
                f"add it with the columns {', '.join(c.name for c in table.columns if c.required)}",
            )
    tables = _typed(first, findings)
    tables["places"] = located(tables["places"], findings)
    for each in tables.values():
        if each.table.name != "standards":  # whose names are the same however they are spelt
            check_keys(each, findings)
    tables = check_references(tables, unknown, findings)
    check(Tables(tables, unknown), findings)

    order = {each.place: rank for rank, each in enumerate(tables.values())}
    if not any(issue.severity == "error" for issue in findings.issues):
        advise(Tables(tables, unknown), findings)
    issues = findings.listed(order)
    if any(issue.severity == "error" for issue in issues):
        raise InputError(issues)
    frames = {name: _final(each) for name, each in tables.items()}
    return Network(**frames, warnings=tuple(issues))


def _typed(raws: dict[str, Raw], findings: Findings) -> dict[str, Typed]:
    """Every table, typed. The network's own standards are read twice: first for their names."""
    own = _one("standards", raws, Parser(_shipped()), Findings(), _STANDARDS)
    named = own.frame.drop_nulls("standard")
    catalogue, problems = standards(named.drop("row")) if named.height else (_shipped(), [])
    parser = Parser(catalogue)
    tables = {table.name: _one(table.name, raws, parser, findings, table) for table in TABLES}
    for issue in problems:
        if issue.column == "standard" and issue.row is not None:  # implies is checked as a cell
            findings.add(
                issue.code,
                own.place,
                issue.problem,
                issue.fix,
                column=issue.column,
                row=int(named["row"][issue.row - 2]),
                value=issue.value,
            )
    return tables


@cache
def _shipped() -> Standards:
    return standards(_STANDARDS.empty())[0]


def _one(
    name: str, raws: dict[str, Raw], parser: Parser, findings: Findings, table: Table
) -> Typed:
    return typed(raws[name], table, parser, findings) if name in raws else absent(table, name)


def _final(each: Typed) -> pl.DataFrame:
    """The table as a network holds it: defaults filled in, schema order, sorted by key."""
    table = each.table
    if each.frame.is_empty():
        return table.empty()
    filled = each.frame.lazy().with_columns(
        pl.col(column.name).fill_null(pl.lit(column.default, dtype=column.dtype))
        for column in table.columns
        if column.default is not None
    )
    return filled.select(list(table.schema)).sort(table.key, nulls_last=False).collect()
