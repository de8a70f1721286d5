"""The living directory: suppliers, sourcing requests, rules, and the tables that all share.

An entry holds rows of the network's tables, which `worker.directory.check` has looked at;
`worker.directory.assembly` makes a network of them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from worker import access
from worker.access import Caller
from worker.store.models import DirectoryEntry, new_id

Kind = Literal["supplier", "request", "rule", "shared"]
Rows = list[dict[str, Any]]
Tables = dict[str, Rows]

TABLES_OF: dict[Kind, tuple[str, ...]] = {
    "supplier": (
        "suppliers",
        "certificates",
        "resources",
        "bids",
        "usages",
        "tiers",
        "discounts",
        "capacities",
        "ramps",
    ),
    "request": ("demands", "requirements"),
    "rule": ("rules",),
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
        "incumbents",
        "consortia",
        "periods",
        "objectives",
    ),
}
SHARED_KEY = "shared"
KEY = r"^[^/.:\x00-\x1f\x7f][^/:\x00-\x1f\x7f]{0,199}$"
"""What an entry may be called: its key is part of an address, and stands before a colon."""


class NothingToMatch(Exception):
    """The directory has no shared tables, no supplier or no open request; says which."""


class NotThere(Exception):
    """There is no such entry, or the caller must not see it."""


class Changed(Exception):
    """The entry is not the one that the caller read."""


class Overtaken(Exception):
    """What the entry was checked against has changed meanwhile; check it again."""


Standing = tuple[int, int, float]
"""How many entries there are, their versions summed up, and when the last one was stored."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Tables that may be stored, as long as what they were checked against is ``standing``."""

    tables: Tables
    lead_firm: str | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that may be stored, as `worker.directory.load` makes it."""

    kind: Kind
    key: str
    lead_firm: str | None
    tables: Tables


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
    return session.scalars(_visible(caller, kind).where(DirectoryEntry.key == key)).first()


def held(
    session: Session, caller: Caller, kind: Kind, key: str, if_match: str | None = None
) -> DirectoryEntry:
    """An entry, locked to be changed.

    Raises
    ------
    NotThere
        There is none, or the caller must not see it.
    Changed
        The entry is not the one that ``if_match`` names.
    """
    query = _visible(caller, kind).where(DirectoryEntry.key == key)
    entry = session.scalars(query.with_for_update()).first()
    if entry is None:
        raise NotThere
    _check_is(entry, if_match)
    return entry


def _visible(caller: Caller, kind: Kind) -> Select[DirectoryEntry]:
    return select(DirectoryEntry).where(DirectoryEntry.kind == kind, access.entries_of(caller))


def _check_is(entry: DirectoryEntry, if_match: str | None) -> None:
    if if_match not in (None, "*", etag(entry)):
        raise Changed


def listed(
    session: Session,
    caller: Caller,
    kind: Kind,
    limit: int,
    after: str | None,
    is_open: bool | None = None,
) -> tuple[Sequence[DirectoryEntry], str | None]:
    """Entries by key, and the key after which the next page begins if there is one."""
    query = _visible(caller, kind).order_by(DirectoryEntry.key).limit(limit + 1)
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
    if entry is not None:
        _check_is(entry, if_match)
    return entry


def put(
    session: Session,
    caller: Caller,
    kind: Kind,
    key: str,
    checked: Checked,
    *,
    is_open: bool = True,
    if_match: str | None = None,
) -> Put:
    """Store an entry in place of the one of that key; raises as `replaced`, and `Overtaken`."""
    there = replaced(session, caller, kind, key, if_match)
    _still(session, caller, kind, checked.standing)
    entry = Entry(kind, key, checked.lead_firm, checked.tables)
    put = _stored(session, caller, there, entry, is_open=is_open)
    session.flush()
    return put


def put_all(
    session: Session, caller: Caller, entries: Collection[Entry], standing: Standing
) -> list[Put]:
    """Store many entries, open, each in place of the one of its key.

    ``standing`` is that of `standing_for` their kinds.

    Raises
    ------
    NotThere
        Another owner has an entry of such a key.
    Overtaken
        What they were checked against has changed.
    """
    kinds = {entry.kind for entry in entries}
    there = {
        (row.kind, row.key): row
        for row in session.scalars(
            select(DirectoryEntry)
            .where(DirectoryEntry.tenant_id == caller.tenant_id, DirectoryEntry.kind.in_(kinds))
            .options(defer(DirectoryEntry.body))
            .order_by(DirectoryEntry.kind, DirectoryEntry.key)
            .with_for_update()
        )
    }
    visible = set(session.scalars(select(DirectoryEntry.id).where(access.entries_of(caller))))
    _still(session, caller, standing_for(kinds), standing)
    puts = []
    for entry in entries:
        row = there.get((entry.kind, entry.key))
        if row is not None and row.id not in visible:
            raise NotThere
        puts.append(_stored(session, caller, row, entry, is_open=True))
    session.flush()
    return puts


def _stored(
    session: Session, caller: Caller, there: DirectoryEntry | None, entry: Entry, *, is_open: bool
) -> Put:
    """The entry in place of the one that is there, or as a new one."""
    row = there
    if row is None:
        row = DirectoryEntry(
            id=new_id(), tenant_id=caller.tenant_id, kind=entry.kind, key=entry.key, version=0
        )
        session.add(row)
    row.body = dict(entry.tables)
    row.lead_firm = entry.lead_firm
    row.is_open = is_open
    row.version += 1
    row.updated_at = time.time()
    return Put(row, there is None)


def open_again(session: Session, caller: Caller, entry: DirectoryEntry, checked: Checked) -> None:
    """Open a request; doing it again changes nothing. Raises `Overtaken`."""
    _still(session, caller, "request", checked.standing)
    _set_open(entry, True)


def close(entry: DirectoryEntry) -> None:
    """Close a request; doing it again changes nothing."""
    _set_open(entry, False)


def _set_open(entry: DirectoryEntry, is_open: bool) -> None:
    if entry.is_open != is_open:
        entry.is_open = is_open
        entry.version += 1
        entry.updated_at = time.time()


def standing(session: Session, tenant_id: str, kind: Kind) -> Standing:
    """Of what an entry of that kind is checked against: the shared tables, or all for these."""
    query = select(
        func.count(),
        func.coalesce(func.sum(DirectoryEntry.version), 0),
        func.coalesce(func.max(DirectoryEntry.updated_at), 0.0),
    ).where(DirectoryEntry.tenant_id == tenant_id)
    if kind != "shared":
        query = query.where(DirectoryEntry.kind == "shared")
    count, versions, at = session.execute(query).one()
    return count, int(versions), at


def standing_for(kinds: Collection[Kind]) -> Kind:
    """The kind whose `standing` entries of all these kinds are checked against."""
    return "shared" if "shared" in kinds else "supplier"


def _still(session: Session, caller: Caller, kind: Kind, checked_on: Standing) -> None:
    """Let changes of a tenant's directory come one after the other, none on old ground."""
    access.lock_tenant(session, caller.tenant_id)
    if standing(session, caller.tenant_id, kind) != checked_on:
        raise Overtaken


def remove(
    session: Session, caller: Caller, kind: Kind, key: str, if_match: str | None = None
) -> None:
    """Delete an entry; networks made from it stay as they are. Raises as `held`."""
    session.delete(held(session, caller, kind, key, if_match))


def shared_tables(session: Session, tenant_id: str) -> Tables | None:
    """The shared tables of a tenant, if they were put."""
    entry = session.scalars(
        select(DirectoryEntry).where(
            DirectoryEntry.tenant_id == tenant_id, DirectoryEntry.kind == "shared"
        )
    ).first()
    return None if entry is None else entry.body


def shared_for(caller: Caller, tables: Tables) -> Tables:
    """The shared tables as the caller may see them.

    Who else buys here, and from whom, is not for everybody; nor is what the agency strives for.
    """
    if caller.sees_all:
        return tables
    own = [row for row in tables["lead_firms"] if row.get("lead_firm") == caller.subject]
    supplier = caller.only_supplier
    incumbents = [
        row
        for row in tables.get("incumbents", ())
        if (
            row.get("lead_firm") in (None, "", caller.subject)
            if supplier is None
            else row.get("supplier") == supplier
        )
    ]
    return {**tables, "lead_firms": own, "incumbents": incumbents, "objectives": []}


def taking_part(session: Session, tenant_id: str) -> Sequence[DirectoryEntry]:
    """Everything that is open, without the shared tables."""
    return session.scalars(
        select(DirectoryEntry)
        .where(
            DirectoryEntry.tenant_id == tenant_id,
            DirectoryEntry.kind != "shared",
            DirectoryEntry.is_open,
        )
        .order_by(DirectoryEntry.kind, DirectoryEntry.key)
    ).all()
