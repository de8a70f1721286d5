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
from matcher.schema.rules import keys_of
from worker import directory
from worker.access import Caller
from worker.directory import TABLES_OF, Checked, Kind, NothingToMatch, Rows, Tables, assembly
from worker.store.models import DirectoryEntry

PROBE = "(probe)"
_LAST = "2100-12-31"
# What a lead firm may state rules over: the rest is not its own.
SCOPES_OF_LEAD_FIRM = ("lead_firm", "demand")
OF_SUPPLIER = ("suppliers", "certificates", "resources", "bids", "discounts")


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
        raise InputError(
            [
                Issue(
                    code="unknown_table",
                    table=f"/{name}",
                    value=name,
                    problem=f"is not a table of a {kind}",
                    fix=f"give {', '.join(TABLES_OF[kind])}",
                )
                for name in unknown
            ]
        )
    standing = directory.standing(session, caller.tenant_id, kind)
    shared = directory.shared_tables(session, caller.tenant_id)
    if kind != "shared" and shared is None:
        raise NothingToMatch("The directory has no shared tables yet: PUT /v1/shared first.")
    own = _stripped(tables)
    lead_firm = None
    named: Tables = {"demands": [], "suppliers": []}
    if kind == "supplier":
        _one_row(own, "suppliers", f"the supplier {key}")
        _owned(own, "supplier", key, OF_SUPPLIER)
        if caller.only_supplier is not None:
            _own_plant(own, plant_of(session, caller, key))
    elif kind == "request":
        lead_firm = _lead_firm(own, caller)
        _owned(own, "lead_firm", lead_firm, ("demands", "requirements"))
    elif kind == "rule":
        lead_firm = _rule(session, caller, key, own)
        named["demands"] = _named_demands(session, caller.tenant_id, lead_firm, own)
    if kind in ("rule", "shared"):
        named["suppliers"] = _named_suppliers(session, caller.tenant_id, own)
    _check_within(kind, own, shared or {}, named)
    if kind == "shared":
        check_dangling(own, directory.taking_part(session, caller.tenant_id))
    return Checked(own, lead_firm, standing)


def _stripped(tables: Mapping[str, Rows]) -> Tables:
    """As the core reads them, so that a name means the same once an owner stands before it."""
    return {
        name: [
            {
                column: cell.strip() if isinstance(cell, str) else cell
                for column, cell in row.items()
            }
            for row in rows
        ]
        for name, rows in tables.items()
    }


def _one_row(tables: Tables, name: str, what: str) -> None:
    count = len(tables.get(name, []))
    if count != 1:
        raise _refused(
            code="one_row",
            table=f"/{name}",
            problem=f"has {count} rows",
            fix=f"give one, for {what}",
        )


def _lead_firm(tables: Tables, caller: Caller) -> str:
    """Whose request this is: the caller's own, or the one that its first demand names."""
    demands = tables.get("demands", [])
    if not demands:
        raise _refused(
            code="empty_table",
            table="/demands",
            problem="has no row",
            fix="give one demand or more",
        )
    stated = caller.owner or demands[0].get("lead_firm")
    if not isinstance(stated, str) or not stated:
        raise _refused(
            code="missing_value",
            table="/demands",
            row=2,
            column="lead_firm",
            value=_text(stated),
            problem="names no lead firm",
            fix="say whose request it is",
        )
    return stated


def plant_of(session: Session, caller: Caller, key: str) -> str | None:
    """The lead firm whose own plant the supplier is, as the agency has stated it."""
    stored = directory.get(session, caller, "supplier", key)
    return None if stored is None else stored.body["suppliers"][0].get("lead_firm") or None


def _own_plant(tables: Tables, lead_firm: str | None) -> None:
    """Let a supplier neither leave the lead firm whose own plant it is, nor join one."""
    (row,) = tables["suppliers"]
    if lead_firm is not None:
        _owned(tables, "lead_firm", lead_firm, ("suppliers",))
    elif row.get("lead_firm") not in (None, ""):
        raise _refused(
            code="other_owner",
            table="/suppliers",
            row=2,
            column="lead_firm",
            value=_text(row["lead_firm"]),
            problem="is not the supplier's to state",
            fix="leave it out; the agency states it",
        )


def _rule(session: Session, caller: Caller, key: str, tables: Tables) -> str | None:
    """Whose rule this is, and stays: a lead firm's, or, without one, the agency's."""
    _one_row(tables, "rules", f"the rule {key}")
    _owned(tables, "rule", key, ("rules",))
    (rule,) = tables["rules"]
    for column in ("scope", "group"):
        if isinstance(rule.get(column), str):
            rule[column] = rule[column].casefold()
    for column in ("of", "who"):
        if isinstance(rule.get(column), list):
            rule[column] = ";".join(map(str, rule[column]))
        elif rule.get(column) is not None:
            rule[column] = str(rule[column])
    stored = directory.get(session, caller, "rule", key)
    lead_firm = (stored.lead_firm if stored is not None else caller.owner) or None
    if lead_firm is not None:
        _of_lead_firm(rule, lead_firm)
    return lead_firm


def _of_lead_firm(rule: dict[str, Any], lead_firm: str) -> None:
    """A lead firm states rules over itself and its own demands, which it names."""
    scope = rule.get("scope")
    if scope not in SCOPES_OF_LEAD_FIRM:
        raise _refused(
            code="other_owner",
            table="/rules",
            row=2,
            column="scope",
            value=_text(scope),
            problem="is not a lead firm's to limit",
            fix=f"choose the scope {' or '.join(SCOPES_OF_LEAD_FIRM)}",
        )
    if scope == "lead_firm":
        _owned({"rules": [rule]}, "of", lead_firm, ("rules",))
    elif not keys_of(rule.get("of")):
        raise _refused(
            code="missing_cell",
            table="/rules",
            row=2,
            column="of",
            problem="is required and empty, as each demand of all lead firms is not a lead firm's",
            fix="name its demands",
        )


def _named_demands(session: Session, tenant_id: str, lead_firm: str | None, tables: Tables) -> Rows:
    """The demands that a rule names, open or not, of all or of its lead firm.

    The others are left out, so that a wrong name is told from a few.
    """
    (rule,) = tables["rules"]
    named = keys_of(rule.get("of")) if rule.get("scope") == "demand" else ()
    query = select(DirectoryEntry).where(
        DirectoryEntry.tenant_id == tenant_id, DirectoryEntry.kind == "request"
    )
    if lead_firm is not None:
        query = query.where(DirectoryEntry.lead_firm == lead_firm)
    rows = [row for entry in session.scalars(query) for row in assembly.demands_of(entry)]
    return [row for row in rows if row["demand"] in named]


def _named_suppliers(session: Session, tenant_id: str, tables: Tables) -> Rows:
    """The suppliers of the directory that rules, incumbents and consortia name, or whose owners."""
    named = {key for row in tables.get("rules", []) for key in keys_of(_text(row.get("who")))}
    named |= {str(row.get("supplier")) for row in tables.get("incumbents", [])}
    named |= {str(row.get("lead")) for row in tables.get("consortia", [])}
    there = suppliers(session, tenant_id) if named else ()
    return [row for row in there if not named.isdisjoint(row.values())]


def suppliers(session: Session, tenant_id: str) -> Rows:
    """Key and owner of every supplier of the directory."""
    owner = DirectoryEntry.body["suppliers"][0]["ownership"].as_string()
    query = select(DirectoryEntry.key, owner).where(
        DirectoryEntry.tenant_id == tenant_id, DirectoryEntry.kind == "supplier"
    )
    return [{"supplier": key, "ownership": owned} for key, owned in session.execute(query)]


def _owned(tables: Tables, column: str, owner: str, names: tuple[str, ...]) -> None:
    """Fill in the owner where it is left out; another one is an issue."""
    issues = []
    for name in names:
        for i, row in enumerate(tables.get(name, ())):
            if row.get(column) in (None, ""):
                row[column] = owner
            elif row[column] != owner:
                issues.append(
                    Issue(
                        code="other_owner",
                        table=f"/{name}",
                        row=i + 2,
                        column=column,
                        value=str(row[column]),
                        problem="belongs to another entry",
                        fix=f"write {owner}, or leave it out",
                    )
                )
    if issues:
        raise InputError(issues)


def _check_within(kind: Kind, own: Tables, shared: Tables, named: Tables) -> None:
    """Read the entry as part of the smallest network around it; keep the issues that are its own.

    What a network needs beside the entry is filled in with one row each, and with the demands and
    suppliers that it names. Those for which a supplier bids are made up: the true ones may be
    closed now, or somebody else's secret.
    """
    tables: Tables = {**shared, **own}
    if kind != "request":
        tables["demands"] = [probe("demands", tables), *named["demands"], *bid_for(own, tables)]
    if kind != "supplier":
        probed = probe("suppliers", tables)
        tables["suppliers"] = [probed, *({**probed, **row} for row in named["suppliers"])]
    if kind != "supplier" or not own.get("bids"):
        tables["bids"] = [probe("bids", tables)]
    places = {*own, *(f"/{name}" for name in own)}
    if kind == "shared":  # a required table that is missing altogether
        places |= {"network", "lead_firms", "places", "components"}
    issues = [issue for issue in _issues_of(tables) if issue.table in places]
    if any(issue.severity == "error" for issue in issues):
        raise InputError(issues)


def bid_for(own: Tables, tables: Tables) -> Rows:
    """A demand for each that bids of a supplier name, for what the first of them offers."""
    named: dict[str, Any] = {}
    for row in own.get("bids", []):
        if row.get("demand") not in (None, ""):
            named.setdefault(str(row["demand"]), row.get("component"))
    probed = probe("demands", tables) if named else {}
    return [{**probed, "demand": key, "component": what} for key, what in named.items()]


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
        add(entry, "demands", assembly.demands_of(entry))
        add(entry, "requirements", entry.body.get("requirements", []))
    asked = {row["demand"]: str(row["component"]) for row in tables["demands"]}
    for entry in entries:
        if entry.kind == "supplier":
            for name, rows in assembly.supplier_rows(entry, asked).items():
                add(entry, name, rows)
    there = assembly.members(tables["suppliers"])
    for entry in entries:
        if entry.kind == "rule":
            limits = (assembly.limiting(row, there) for row in entry.body["rules"])
            of_others = [row for row in limits if row is not None and row["scope"] != "demand"]
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
            "demand": PROBE,
            "lead_firm": _first(tables, "lead_firms", "lead_firm"),
            "component": _first(tables, "components", "component"),
            "place": _first(tables, "places", "place"),
            "quantity": 1,
            # With periods, each demand has to be due in one.
            "due": max((str(row.get("last")) for row in tables.get("periods", [])), default=_LAST),
        }
    if name == "suppliers":
        place = _first(tables, "places", "place")
        return {"supplier": PROBE, "place": place, "size_class": "small"}
    return {
        "bid": PROBE,
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


def _refused(**issue: Any) -> InputError:
    return InputError([Issue(**issue)])
