"""Whether an entry of the directory holds, so that a wrong one never blocks the matching of all.

An entry is checked when it is put, and a request when it is opened again, against the shared
tables; and the shared tables against every entry that takes part in matching.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from matcher.errors import InputError, Issue
from matcher.read import read
from worker import directory
from worker.access import Caller
from worker.directory import TABLES_OF, Checked, Kind, NothingToMatch, Rows, Tables
from worker.store.models import DirectoryEntry

_PROBE = "(probe)"
# What a lead firm may state rules over: the rest is not its own.
SCOPES_OF_LEAD_FIRM = ("lead_firm", "demand")


def checked(
    session: Session, caller: Caller, kind: Kind, key: str, tables: Mapping[str, Rows]
) -> Checked:
    """The rows of an entry with its owner filled in, if they hold.

    Raises
    ------
    InputError
        With every issue; places are JSON pointers into ``tables``, or name another entry that the
        shared tables would leave dangling.
    NothingToMatch
        There are no shared tables yet to check against.
    """
    unknown = [name for name in tables if name not in TABLES_OF[kind]]
    if unknown:
        fix = f"give {', '.join(TABLES_OF[kind])}"
        problem = f"is not a table of a {kind}"
        raise InputError(
            [_issue("unknown_table", f"/{name}", None, name, problem, fix) for name in unknown]
        )
    standing = directory.standing(session, caller.tenant_id, kind)
    shared = directory.shared_tables(session, caller.tenant_id)
    if kind != "shared" and shared is None:
        raise NothingToMatch("The directory has no shared tables yet: PUT /v1/shared first.")
    # As the core reads them, so that a name means the same once an owner stands before it.
    own: Tables = {
        name: [
            {
                column: cell.strip() if isinstance(cell, str) else cell
                for column, cell in row.items()
            }
            for row in rows
        ]
        for name, rows in tables.items()
    }
    lead_firm = None
    demands: Rows = []
    if kind == "supplier":
        _one_row(own, "suppliers", f"the supplier {key}")
        _owned(own, "supplier", key, ("suppliers", "certificates", "resources", "bids"))
    elif kind == "request":
        lead_firm = _lead_firm(own, caller)
        _owned(own, "lead_firm", lead_firm, ("demands", "requirements"))
    elif kind == "rule":
        lead_firm = _rule(session, caller, key, own)
        demands = _all_demands(session, caller.tenant_id, lead_firm)
    _check_within(kind, own, shared or {}, demands)
    if kind == "shared":
        check_dangling(own, directory.taking_part(session, caller.tenant_id))
    return Checked(own, lead_firm, standing)


def _one_row(tables: Tables, name: str, what: str) -> None:
    count = len(tables.get(name, []))
    if count != 1:
        problem = f"has {count} rows"
        raise InputError(
            [_issue("one_row", f"/{name}", None, None, problem, f"give one, for {what}")]
        )


def _lead_firm(tables: Tables, caller: Caller) -> str:
    """Whose request this is: the caller's own, or the one that its first demand names."""
    demands = tables.get("demands", [])
    if not demands:
        raise InputError(
            [_issue("empty_table", "/demands", None, None, "has no row", "give one demand or more")]
        )
    stated = caller.owner or demands[0].get("lead_firm")
    if not isinstance(stated, str) or not stated:
        raise InputError(
            [
                _issue(
                    "missing_value",
                    "/demands",
                    2,
                    None if stated is None else str(stated),
                    "names no lead firm",
                    "say whose request it is",
                    "lead_firm",
                )
            ]
        )
    return stated


def _rule(session: Session, caller: Caller, key: str, tables: Tables) -> str | None:
    """Whose rule this is, and stays: a lead firm's, or, without one, the agency's."""
    _one_row(tables, "rules", f"the rule {key}")
    _owned(tables, "rule", key, ("rules",))
    (rule,) = tables["rules"]
    if isinstance(rule.get("scope"), str):
        rule["scope"] = rule["scope"].casefold()
    stored = directory.get(session, caller, "rule", key)
    lead_firm = (stored.lead_firm if stored is not None else caller.owner) or None
    if lead_firm is not None:
        _of_lead_firm(rule, lead_firm)
    return lead_firm


def _of_lead_firm(rule: dict[str, Any], lead_firm: str) -> None:
    """A lead firm states rules over itself and its own demands."""
    scope = rule.get("scope")
    if scope not in SCOPES_OF_LEAD_FIRM:
        fix = f"choose the scope {' or '.join(SCOPES_OF_LEAD_FIRM)}"
        problem = "is not a lead firm's to limit"
        raise InputError([_issue("other_owner", "/rules", 2, _text(scope), problem, fix, "scope")])
    if scope == "lead_firm":
        _owned({"rules": [rule]}, "of", lead_firm, ("rules",))


def _all_demands(session: Session, tenant_id: str, lead_firm: str | None) -> Rows:
    """The demands that a rule may name, open or not: all, or those of a lead firm."""
    query = select(DirectoryEntry).where(
        DirectoryEntry.tenant_id == tenant_id, DirectoryEntry.kind == "request"
    )
    if lead_firm is not None:
        query = query.where(DirectoryEntry.lead_firm == lead_firm)
    return [row for entry in session.scalars(query) for row in directory.demands_of(entry)]


def _owned(tables: Tables, column: str, owner: str, names: tuple[str, ...]) -> None:
    """Fill in the owner where it is left out; another one is an issue."""
    issues = []
    for name in names:
        for i, row in enumerate(tables.get(name, ())):
            if row.get(column) in (None, ""):
                row[column] = owner
            elif row[column] != owner:
                issues.append(
                    _issue(
                        "other_owner",
                        f"/{name}",
                        i + 2,
                        str(row[column]),
                        "belongs to another entry",
                        f"write {owner}, or leave it out",
                        column,
                    )
                )
    if issues:
        raise InputError(issues)


def _check_within(kind: Kind, own: Tables, shared: Tables, demands: Rows) -> None:
    """Read the entry as part of the smallest network around it; keep the issues that are its own.

    What a network needs beside the entry is filled in with one row each. A bid for one demand is
    checked without it: the demand may be closed now, or somebody else's secret.
    """
    tables: Tables = {**shared, **own}
    if kind != "request":
        tables["demands"] = [probe("demands", tables), *_named(own, demands)]
    if kind != "supplier":
        tables["suppliers"] = [probe("suppliers", tables)]
    if kind == "supplier" and own.get("bids"):
        tables["bids"] = [{**row, "demand": None} for row in own["bids"]]
    else:
        tables["bids"] = [probe("bids", tables)]
    places = {*own, *(f"/{name}" for name in own)}
    if kind == "shared":  # a required table that is missing altogether
        places |= {"network", "lead_firms", "places", "components"}
    issues = [issue for issue in _issues_of(tables) if issue.table in places]
    if any(issue.severity == "error" for issue in issues):
        raise InputError(issues)


def _named(own: Tables, demands: Rows) -> Rows:
    """Those of the demands that a rule names; a wrong name is told from a few."""
    named = {_text(row.get("of")) for row in own.get("rules", ()) if row.get("scope") == "demand"}
    return [row for row in demands if row["demand"] in named]


def check_dangling(shared: Tables, entries: Sequence[DirectoryEntry]) -> None:
    """Refuse shared tables that entries which take part in matching would not hold within.

    All entries are read as one network. Of many like issues only the first are listed, so
    entries with issues are left out, and the rest is read again, until nothing is found.
    """
    found: dict[tuple[str, str, str | None, str | None], Issue] = {}
    left = list(entries)
    while True:
        tables, owners = _joined(shared, left)
        wrong = set()
        for issue in _issues_of(tables):
            name = issue.table.removeprefix("/")
            if issue.severity != "error" or issue.row is None or name not in owners:
                continue
            owner = owners[name][issue.row - 2]
            if owner is None:
                continue
            wrong.add(owner.id)
            place = f"{owner.kind} {owner.key}, {name}"
            key = (owner.id, place, issue.column, issue.value)
            found.setdefault(key, replace(issue, table=place, row=None))
        if not wrong:
            break
        left = [entry for entry in left if entry.id not in wrong]
    if found:
        raise InputError(list(found.values()))


def _joined(
    shared: Tables, entries: Sequence[DirectoryEntry]
) -> tuple[Tables, dict[str, list[DirectoryEntry | None]]]:
    """The network of all entries, and whose each row is; a row of nobody's keeps it complete."""
    tables: Tables = dict(shared)
    for name in ("demands", "suppliers", "bids"):
        tables[name] = [probe(name, tables)]
    owners: dict[str, list[DirectoryEntry | None]] = {
        name: [None] for name in ("demands", "suppliers", "bids")
    }

    def add(entry: DirectoryEntry, name: str, rows: Rows) -> None:
        tables.setdefault(name, []).extend(rows)
        owners.setdefault(name, []).extend([entry] * len(rows))

    requests = [entry for entry in entries if entry.kind == "request"]
    for entry in requests:
        add(entry, "demands", directory.demands_of(entry))
        add(entry, "requirements", entry.body.get("requirements", []))
    asked = {row["demand"] for row in tables["demands"]}
    for entry in entries:
        if entry.kind == "supplier":
            for name, rows in directory.supplier_rows(entry, asked).items():
                add(entry, name, rows)
        elif entry.kind == "rule":
            of_others = [row for row in entry.body["rules"] if row["scope"] != "demand"]
            add(entry, "rules", of_others)
    return tables, owners


def _issues_of(tables: Tables) -> Sequence[Issue]:
    """What the core says to the tables as a network; nothing if it takes them."""
    with tempfile.TemporaryDirectory(prefix="matcher-") as folder:
        path = Path(folder) / "entry.json"
        path.write_text(json.dumps(tables), encoding="utf-8")
        try:
            read(path)
        except InputError as error:
            return error.issues
    return ()


def probe(name: str, tables: Tables) -> dict[str, Any]:
    """A row of nobody's demand, supplier or bid, which completes a network of these tables."""
    if name == "demands":
        return {
            "demand": _PROBE,
            "lead_firm": _first(tables, "lead_firms", "lead_firm"),
            "component": _first(tables, "components", "component"),
            "place": _first(tables, "places", "place"),
            "quantity": 1,
            "due": "2100-12-31",
        }
    if name == "suppliers":
        place = _first(tables, "places", "place")
        return {"supplier": _PROBE, "place": place, "size_class": "small"}
    return {
        "bid": _PROBE,
        "supplier": _first(tables, "suppliers", "supplier"),
        "component": _first(tables, "components", "component"),
        "price": 1,
        "currency": _first(tables, "network", "currency"),
        "incoterm": "FOB",
        "lead_time_days": 1,
    }


def _first(tables: Tables, name: str, column: str) -> Any:
    rows = tables.get(name, [])
    return rows[0].get(column) if rows else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _issue(
    code: str,
    table: str,
    row: int | None,
    value: str | None,
    problem: str,
    fix: str,
    column: str | None = None,
) -> Issue:
    return Issue(code, table, row, column, value, problem, fix)
