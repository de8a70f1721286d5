"""The living directory: suppliers, sourcing requests, and the tables that both share.

An entry holds rows of the network's tables. It is checked when it is put, against the shared
tables, so that one wrong entry never blocks the matching of all. A network of the directory is
put together from the shared tables, all suppliers and the open requests; within it the bids and
resources of a supplier are called ``supplier:bid`` and the demands of a request
``request:demand``, so that two entries never claim one name.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from matcher.errors import InputError, Issue
from matcher.read import read
from worker import access
from worker.access import Caller
from worker.store.models import DirectoryEntry, new_id

Kind = Literal["supplier", "request", "shared"]
Rows = list[dict[str, Any]]
Tables = dict[str, Rows]

TABLES_OF: dict[Kind, tuple[str, ...]] = {
    "supplier": ("suppliers", "certificates", "resources", "bids", "usages", "tiers"),
    "request": ("demands", "requirements"),
    "shared": (
        "network",
        "lead_firms",
        "places",
        "components",
        "standards",
        "lanes",
        "duties",
        "rates",
        "trade_costs",
    ),
}
SHARED_KEY = "shared"

# Columns that name something of the same supplier or of a request.
_OF_SUPPLIER = {
    "resources": ("resource",),
    "bids": ("bid",),
    "usages": ("bid", "resource"),
    "tiers": ("bid",),
}
_PROBE = "(probe)"


class NothingToMatch(Exception):
    """The directory has no shared tables, no supplier or no open request; says which."""


class NotThere(Exception):
    """There is no such entry, or the caller must not see it."""


class Changed(Exception):
    """The entry is not the one that the caller read."""


@dataclass(frozen=True, slots=True)
class Put:
    """An entry as it is stored now, and whether it is new."""

    entry: DirectoryEntry
    created: bool


def etag(entry: DirectoryEntry) -> str:
    """Names this version of the entry."""
    return f"{entry.id[:16]}-{entry.version}"


def get(session: Session, caller: Caller, kind: Kind, key: str) -> DirectoryEntry | None:
    """An entry, if the caller may see it."""
    return session.scalars(
        select(DirectoryEntry).where(
            DirectoryEntry.kind == kind, DirectoryEntry.key == key, access.entries_of(caller)
        )
    ).first()


def listed(
    session: Session,
    caller: Caller,
    kind: Kind,
    limit: int,
    after: str | None,
    is_open: bool | None = None,
) -> tuple[Sequence[DirectoryEntry], str | None]:
    """Entries by key, and the key after which the next page begins if there is one."""
    query = (
        select(DirectoryEntry)
        .where(DirectoryEntry.kind == kind, access.entries_of(caller))
        .order_by(DirectoryEntry.key)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(DirectoryEntry.key > after)
    if is_open is not None:
        query = query.where(DirectoryEntry.is_open == is_open)
    rows = session.scalars(query).all()
    return rows[:limit], rows[limit - 1].key if len(rows) > limit else None


def replaced(
    session: Session, caller: Caller, kind: Kind, key: str, if_match: str | None
) -> DirectoryEntry | None:
    """The entry that a put would replace, locked; ``None`` if it would make a new one.

    Raises
    ------
    NotThere
        Another owner has an entry of that key, or ``if_match`` names one that is gone.
    Changed
        The entry is not the one that ``if_match`` names.
    """
    entry = session.scalars(
        select(DirectoryEntry)
        .where(
            DirectoryEntry.tenant_id == caller.tenant_id,
            DirectoryEntry.kind == kind,
            DirectoryEntry.key == key,
        )
        .with_for_update()
    ).first()
    is_hidden = entry is not None and get(session, caller, kind, key) is None
    if is_hidden or (entry is None and if_match is not None):
        raise NotThere
    if entry is not None and if_match not in (None, "*", etag(entry)):
        raise Changed
    return entry


def put(
    session: Session,
    caller: Caller,
    kind: Kind,
    key: str,
    tables: Tables,
    *,
    is_open: bool = True,
    if_match: str | None = None,
) -> Put:
    """Store an entry in place of the one of that key, after `checked`; raises as `replaced`."""
    entry = replaced(session, caller, kind, key, if_match)
    created = entry is None
    if entry is None:
        entry = DirectoryEntry(
            id=new_id(), tenant_id=caller.tenant_id, kind=kind, key=key, version=0
        )
        session.add(entry)
    entry.body = dict(tables)
    entry.lead_firm = tables["demands"][0]["lead_firm"] if kind == "request" else None
    entry.is_open = is_open
    entry.version += 1
    entry.updated_at = time.time()
    session.flush()
    return Put(entry, created)


def set_open(entry: DirectoryEntry, is_open: bool) -> None:
    """Open or close a request; doing it again changes nothing."""
    if entry.is_open != is_open:
        entry.is_open = is_open
        entry.version += 1
        entry.updated_at = time.time()


def remove(session: Session, entry: DirectoryEntry) -> None:
    """Delete an entry; networks made from it stay as they are."""
    session.delete(entry)


def shared_tables(session: Session, tenant_id: str) -> Tables | None:
    """The shared tables of a tenant, if they were put."""
    entry = session.scalars(
        select(DirectoryEntry).where(
            DirectoryEntry.tenant_id == tenant_id, DirectoryEntry.kind == "shared"
        )
    ).first()
    return None if entry is None else entry.body


def shared_for(caller: Caller, tables: Tables) -> Tables:
    """The shared tables as the caller may see them: who else buys here is not for everybody."""
    if caller.sees_all:
        return tables
    own = [row for row in tables["lead_firms"] if row.get("lead_firm") == caller.subject]
    return {**tables, "lead_firms": own}


def checked(
    kind: Kind, key: str, tables: Mapping[str, Rows], shared: Tables | None, caller: Caller
) -> Tables:
    """The rows of an entry with its owner filled in, if they hold within the shared tables.

    Raises
    ------
    InputError
        With every issue; places are JSON pointers into ``tables``.
    NothingToMatch
        There are no shared tables yet to check against.
    """
    issues = [
        _issue(
            "unknown_table",
            f"/{name}",
            None,
            name,
            f"is not a table of a {kind}",
            f"give {', '.join(TABLES_OF[kind])}",
        )
        for name in tables
        if name not in TABLES_OF[kind]
    ]
    if issues:
        raise InputError(issues)
    if kind != "shared" and shared is None:
        raise NothingToMatch("The directory has no shared tables yet: PUT /v1/shared first.")
    own: Tables = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    if kind == "supplier":
        _owned(own, "supplier", key, ("suppliers", "certificates", "resources", "bids"))
        if len(own.get("suppliers", [])) != 1:
            raise InputError(
                [
                    _issue(
                        "one_row",
                        "/suppliers",
                        None,
                        None,
                        f"has {len(own.get('suppliers', []))} rows",
                        f"give one, for the supplier {key}",
                    )
                ]
            )
    elif kind == "request":
        _owned(own, "lead_firm", _lead_firm(own, caller), ("demands", "requirements"))
    _check_within(kind, own, shared or {})
    return own


def assemble(session: Session, caller: Caller) -> Tables:
    """The tables of the network of all open requests that the caller may see.

    Raises
    ------
    NothingToMatch
        A part that a network needs is missing.
    """
    shared = shared_tables(session, caller.tenant_id)
    if shared is None:
        raise NothingToMatch("The directory has no shared tables yet: PUT /v1/shared first.")
    entries = session.scalars(
        select(DirectoryEntry)
        .where(
            DirectoryEntry.tenant_id == caller.tenant_id,
            DirectoryEntry.kind.in_(("supplier", "request")),
            DirectoryEntry.is_open,
        )
        .order_by(DirectoryEntry.kind, DirectoryEntry.key)
    ).all()
    suppliers = [entry for entry in entries if entry.kind == "supplier"]
    requests = [
        entry
        for entry in entries
        if entry.kind == "request" and (caller.sees_all or entry.lead_firm == caller.subject)
    ]
    if not requests:
        raise NothingToMatch("No sourcing request is open: PUT one to /v1/requests/{key}.")
    if not suppliers:
        raise NothingToMatch("The directory has no supplier yet: PUT one to /v1/suppliers/{key}.")
    tables: Tables = {name: list(rows) for name, rows in shared.items()}
    lead_firms = {entry.lead_firm for entry in requests}
    tables["lead_firms"] = [
        row for row in tables["lead_firms"] if row.get("lead_firm") in lead_firms
    ]
    for entry in requests:
        for row in entry.body["demands"]:
            _add(tables, "demands", {**row, "demand": f"{entry.key}:{row['demand']}"})
    asked = {row["demand"] for row in tables["demands"]}
    tables["requirements"] = _distinct(
        row for entry in requests for row in entry.body.get("requirements", ())
    )
    for entry in suppliers:
        _add_supplier(tables, entry, asked)
    if not tables.get("bids"):
        raise NothingToMatch("No supplier of the directory bids for what is asked.")
    return tables


def _add_supplier(tables: Tables, entry: DirectoryEntry, asked: set[str]) -> None:
    """The rows of a supplier under names of its own, without bids for demands not asked now."""
    out = {
        row["bid"]
        for row in entry.body.get("bids", ())
        if row.get("demand") not in (None, "") and row["demand"] not in asked
    }
    for name in TABLES_OF["supplier"]:
        for row in entry.body.get(name, ()):
            if row.get("bid") in out:
                continue
            named = {column: f"{entry.key}:{row[column]}" for column in _OF_SUPPLIER.get(name, ())}
            _add(tables, name, {**row, **named})


def _add(tables: Tables, name: str, row: dict[str, Any]) -> None:
    tables.setdefault(name, []).append(row)


def _distinct(rows: Iterable[dict[str, Any]]) -> Rows:
    """Each requirement once, though several requests state it."""
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def _lead_firm(tables: Tables, caller: Caller) -> str:
    """Whose request this is: the caller's own, or the one that its first demand names."""
    demands = tables.get("demands", [])
    if not demands:
        raise InputError(
            [_issue("empty_table", "/demands", None, None, "has no row", "give one demand or more")]
        )
    stated = caller.subject if caller.role == "lead_firm" else demands[0].get("lead_firm")
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


def _check_within(kind: Kind, own: Tables, shared: Tables) -> None:
    """Read the entry as part of the smallest network around it; keep the issues that are its own.

    What a network needs beside the entry is filled in with one row each. A bid for one demand is
    checked without it: the demand may be closed now, or somebody else's secret.
    """
    tables: Tables = {**shared, **own}
    place = _first(tables, "places", "place")
    component = _first(tables, "components", "component")
    if kind != "request":
        tables["demands"] = [
            {
                "demand": _PROBE,
                "lead_firm": _first(tables, "lead_firms", "lead_firm"),
                "component": component,
                "place": place,
                "quantity": 1,
                "due": "2100-12-31",
            }
        ]
    if kind != "supplier":
        tables["suppliers"] = [{"supplier": _PROBE, "place": place, "size_class": "small"}]
    if kind == "supplier" and own.get("bids"):
        tables["bids"] = [{**row, "demand": None} for row in own["bids"]]
    else:
        settings = tables.get("network", [])
        tables["bids"] = [
            {
                "bid": _PROBE,
                "supplier": tables["suppliers"][0].get("supplier"),
                "component": component,
                "price": 1,
                "currency": settings[0].get("currency") if settings else None,
                "incoterm": "FOB",
                "lead_time_days": 1,
            }
        ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entry.json"
        path.write_text(json.dumps(tables), encoding="utf-8")
        try:
            read(path)
        except InputError as error:
            places = {*own, *(f"/{name}" for name in own)}
            if kind == "shared":  # a required table that is missing altogether
                places |= {"network", "lead_firms", "places", "components"}
            issues = [issue for issue in error.issues if issue.table in places]
            if any(issue.severity == "error" for issue in issues):
                raise InputError(issues) from None


def _first(tables: Tables, name: str, column: str) -> Any:
    rows = tables.get(name, [])
    return rows[0].get(column) if rows else None


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
