"""The network of the directory: the shared tables, suppliers, open requests and their rules as one.

Within it the bids, bundles, resources and discounts of a supplier are called ``supplier:bid`` and
so on, the demands of a request ``request:demand`` and the lines of a lead firm ``lead firm:line``,
so that two entries never claim one name. A rule is called by its key. What nobody asks for now, or
what has lost its supplier, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from matcher.schema.rules import keys_of
from worker import directory
from worker.access import Caller
from worker.directory import TABLES_OF, NothingToMatch, Rows, Tables
from worker.store.models import DirectoryEntry

# Columns that name something of the same supplier or of a request.
_OF_SUPPLIER = {
    "resources": ("resource",),
    "bids": ("bid", "bundle"),
    "usages": ("bid", "resource"),
    "tiers": ("bid",),
    "discounts": ("discount",),
    "capacities": ("resource",),
    "ramps": ("bid",),
}


def assemble(session: Session, caller: Caller) -> Tables:
    """The tables of the network of all open requests that the caller may see.

    Raises
    ------
    NothingToMatch
        A part that a network needs is missing.
    """
    shared = directory.shared_tables(session, caller.tenant_id)
    if shared is None:
        raise NothingToMatch("The directory has no shared tables yet: PUT /v1/shared first.")
    entries = directory.taking_part(session, caller.tenant_id)
    requests, rules = (
        [
            entry
            for entry in entries
            if entry.kind == kind and (caller.sees_all or entry.lead_firm == caller.subject)
        ]
        for kind in ("request", "rule")
    )
    lead_firms = {entry.lead_firm for entry in requests if entry.lead_firm is not None}
    suppliers = [
        entry
        for entry in entries
        if entry.kind == "supplier" and _owner(entry) in (None, "", *lead_firms)
    ]
    if not requests:
        raise NothingToMatch("No sourcing request is open: PUT one to /v1/requests/{key}.")
    if not suppliers:
        raise NothingToMatch("The directory has no supplier yet: PUT one to /v1/suppliers/{key}.")
    visible = directory.shared_for(caller, shared)
    tables: Tables = {name: list(rows) for name, rows in visible.items()}
    tables["lead_firms"] = [
        row for row in shared["lead_firms"] if row.get("lead_firm") in lead_firms
    ]
    tables["demands"] = [row for entry in requests for row in demands_of(entry)]
    asked = {row["demand"]: str(row["component"]) for row in tables["demands"]}
    tables["requirements"] = _distinct(
        row for entry in requests for row in entry.body.get("requirements", ())
    )
    keys = {entry.key for entry in suppliers}
    tables["consortia"] = [row for row in shared.get("consortia", ()) if str(row["lead"]) in keys]
    consortia = {str(row["consortium"]) for row in tables["consortia"]}
    for entry in suppliers:
        for name, rows in supplier_rows(entry, asked, consortia).items():
            tables.setdefault(name, []).extend(rows)
    if not tables.get("bids"):
        raise NothingToMatch("No supplier of the directory bids for what is asked.")
    tables["incumbents"] = _left_by(tables)
    there = _there(tables)
    limits = (limiting(row, there) for entry in rules for row in entry.body["rules"])
    tables["rules"] = [row for row in limits if row is not None]
    return tables


def _left_by(tables: Tables) -> Rows:
    """The incumbents that could be left: suppliers of the network, for what is asked now."""
    there = {str(row["supplier"]) for row in tables["suppliers"]}
    asked = {(str(row["component"]), str(row["lead_firm"])) for row in tables["demands"]}
    asked |= {(component, "") for component, _ in asked}
    return [
        row
        for row in tables.get("incumbents", ())
        if str(row["supplier"]) in there
        and (str(row["component"]), str(row.get("lead_firm") or "")) in asked
    ]


def _there(tables: Tables) -> dict[str, set[str]]:
    """What rules may name, by scope and by group; economies and parks stay with the places."""
    group = {row["component"]: row.get("group") for row in tables["components"]}
    needed = {str(row["component"]) for row in tables["demands"]}
    return {
        "demand": {row["demand"] for row in tables["demands"]},
        "component": needed,
        "component_group": {str(group[each]) for each in needed if group.get(each) is not None},
        "lead_firm": {str(row["lead_firm"]) for row in tables["demands"]},
        **members(tables["suppliers"]),
    }


def members(suppliers: Rows) -> dict[str, set[str]]:
    """What rules may name of suppliers, by group."""
    return {
        "supplier": {str(row["supplier"]) for row in suppliers},
        "ownership": {str(row["ownership"]) for row in suppliers if row.get("ownership")},
    }


def limiting(rule: dict[str, Any], there: Mapping[str, Collection[str]]) -> dict[str, Any] | None:
    """The rule over those of its keys that are there; ``None`` if none of them is.

    A minimum over nothing cannot be met, so a rule that names only what is gone, or what nobody
    asks for now, is left out.
    """
    row = dict(rule)
    for column, over in (("of", str(row["scope"])), ("who", str(row.get("group")))):
        keys = keys_of(row.get(column))
        if keys and over in there:
            left = [key for key in keys if key in there[over]]
            if not left:
                return None
            row[column] = ";".join(left)
    return row


def _owner(entry: DirectoryEntry) -> str | None:
    """The lead firm whose own plant a supplier is."""
    owner: str | None = entry.body["suppliers"][0].get("lead_firm")
    return owner


def demands_of(entry: DirectoryEntry) -> Rows:
    """The demands of a request under their names in a network."""
    return [
        _called(entry.lead_firm, {**row, "demand": f"{entry.key}:{row['demand']}"}, "line")
        for row in entry.body["demands"]
    ]


def supplier_rows(
    entry: DirectoryEntry, asked: Mapping[str, str], consortia: Collection[str] | None = None
) -> Tables:
    """The rows of a supplier under names of its own, without bids that cannot be made now.

    Parameters
    ----------
    asked
        Component of each demand. A bid for another demand, or for another component of one,
        cannot be made, nor can the other bids of its bundle.
    consortia
        Those that are there, if the bids of others are to be left out.
    """
    bids = entry.body.get("bids", ())
    out = {
        row["bid"]
        for row in bids
        if not (_has(row, "consortium", consortia) and _has(row, "demand", asked))
        or asked.get(str(row.get("demand")), str(row["component"])) != str(row["component"])
    }
    broken = {row["bundle"] for row in bids if row["bid"] in out and row.get("bundle")}
    out |= {row["bid"] for row in bids if row.get("bundle") in broken}
    return {
        name: [
            _called(entry.key, row, *_OF_SUPPLIER.get(name, ()))
            for row in entry.body.get(name, ())
            if row.get("bid") not in out
        ]
        for name in TABLES_OF["supplier"]
    }


def _has(row: dict[str, Any], column: str, there: Collection[str] | None) -> bool:
    """Whether what the row names in a column, if anything, is there."""
    return row.get(column) in (None, "") or there is None or str(row[column]) in there


def _called(owner: str | None, row: dict[str, Any], *columns: str) -> dict[str, Any]:
    """The row with its owner before the names in these columns."""
    return {
        **row,
        **{of: f"{owner}:{row[of]}" for of in columns if row.get(of) not in (None, "")},
    }


def _distinct(rows: Iterable[dict[str, Any]]) -> Rows:
    """Each requirement once, though several requests state it."""
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())
