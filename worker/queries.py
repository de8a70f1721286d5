"""What the API reads: one thing that a caller may see, or a page of them from a cursor on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import polars as pl
from sqlalchemy import ColumnElement, delete, func, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from matcher.network import Network
from worker import access
from worker.access import Caller
from worker.jobs import ENDED, plans
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import (
    ApiKey,
    AuditEntry,
    Event,
    NetworkSnapshot,
    Solve,
    Webhook,
)

Row = TypeVar("Row", NetworkSnapshot, Solve, ApiKey, AuditEntry, Webhook)


class BadCursor(Exception):
    """The cursor is none that a list gave."""


@dataclass(frozen=True, slots=True)
class RowPage(Generic[Row]):
    """Some rows, the newest first, and the cursor of the next page if there is one."""

    items: Sequence[Row]
    next: str | None


def networks(session: Session, caller: Caller, limit: int, cursor: str | None) -> RowPage[Any]:
    """Networks that the caller may see."""
    return _page(
        session,
        NetworkSnapshot,
        NetworkSnapshot.created_at,
        access.networks_of(caller) & NetworkSnapshot.derived_from.is_(None),
        limit,
        cursor,
    )


def network(session: Session, caller: Caller, network_id: str) -> NetworkSnapshot | None:
    """A network, if the caller may see it."""
    return session.scalars(
        select(NetworkSnapshot).where(NetworkSnapshot.id == network_id, access.networks_of(caller))
    ).first()


def delete_network(session: Session, network_id: str) -> bool:
    """Delete a network that no solve has used; ``False`` if one has."""
    used = session.scalars(select(Solve.id).where(Solve.network_id == network_id).limit(1)).first()
    if used is None:
        session.execute(delete(NetworkSnapshot).where(NetworkSnapshot.id == network_id))
    return used is None


def solves(
    database: Database,
    session: Session,
    caller: Caller,
    limit: int,
    cursor: str | None,
    state: str | None = None,
) -> RowPage[Any]:
    """Solves that the caller may see, without the parts of split ones."""
    condition = access.solves_of(caller) & Solve.parent_id.is_(None)
    if state is not None:
        condition &= Solve.state == state
    supplier = caller.only_supplier

    def takes_part(solve: Any) -> bool:
        return supplier is None or supplier in suppliers_of(database, solve.network_id)

    return _page(session, Solve, Solve.created_at, condition, limit, cursor, takes_part)


def solve(
    database: Database, session: Session, caller: Caller, solve_id: str, *, lock: bool = False
) -> Solve | None:
    """A solve, if the caller may see it."""
    query = select(Solve).where(Solve.id == solve_id, access.solves_of(caller))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        return None
    supplier = caller.only_supplier
    if supplier is not None and supplier not in suppliers_of(database, found.network_id):
        return None
    return found


def delete_solve(session: Session, solve: Solve) -> bool:
    """Delete a solve that has ended, with its parts, events and plan; ``False`` if it has not.

    A part goes with its whole, never by itself: the whole may still have to merge it. The networks
    that were made for parts go too, once no solve needs them.
    """
    if solve.state not in ENDED or solve.parent_id is not None:
        return False
    session.execute(delete(Solve).where(Solve.parent_id == solve.id))
    session.execute(delete(Solve).where(Solve.id == solve.id))
    needed = select(Solve.id).where(Solve.network_id == NetworkSnapshot.id).exists()
    session.execute(
        delete(NetworkSnapshot).where(NetworkSnapshot.derived_from == solve.network_id, ~needed)
    )
    return True


def events(session: Session, solve_id: str, after: int = 0, limit: int = 1000) -> Sequence[Event]:
    """Events of a solve whose numbers are above ``after``, in order."""
    return session.scalars(
        select(Event)
        .where(Event.solve_id == solve_id, Event.seq > after)
        .order_by(Event.seq)
        .limit(limit)
    ).all()


def where_they_stand(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Number of the last event and state of each solve; one query for all who wait."""
    rows = session.execute(select(Solve.id, Solve.num_events, Solve.state).where(Solve.id.in_(ids)))
    return {row[0]: (row[1], row[2]) for row in rows}


def plan(session: Session, solve_id: str) -> dict[str, Any] | None:
    """The plan of a solve as JSON values; ``None`` if it has none."""
    return plans.load(session, solve_id)


def network_of(session: Session, network_id: str) -> Network:
    """The network itself, unpacked."""
    return snapshots.load(session, network_id)


def keys(session: Session, caller: Caller, limit: int, cursor: str | None) -> RowPage[Any]:
    """API keys of the tenant, revoked ones too."""
    mine = ApiKey.tenant_id == caller.tenant_id
    return _page(session, ApiKey, ApiKey.created_at, mine, limit, cursor)


def key(session: Session, caller: Caller, key_id: str) -> ApiKey | None:
    """An API key of the tenant."""
    return session.scalars(
        select(ApiKey).where(ApiKey.id == key_id, ApiKey.tenant_id == caller.tenant_id)
    ).first()


def webhooks(session: Session, caller: Caller, limit: int, cursor: str | None) -> RowPage[Any]:
    """Webhooks that the caller may see."""
    mine = access.webhooks_of(caller)
    return _page(session, Webhook, Webhook.created_at, mine, limit, cursor)


def webhook(session: Session, caller: Caller, webhook_id: str) -> Webhook | None:
    """A webhook, if the caller may see it."""
    return session.scalars(
        select(Webhook).where(Webhook.id == webhook_id, access.webhooks_of(caller))
    ).first()


def add_webhook(session: Session, webhook: Webhook) -> None:
    """Store a webhook."""
    session.add(webhook)
    session.flush()


def delete_webhook(session: Session, webhook: Webhook) -> None:
    """Delete a webhook, and with it what was not yet sent to it."""
    session.delete(webhook)


def audit_entries(session: Session, caller: Caller, limit: int, cursor: str | None) -> RowPage[Any]:
    """What was done in the tenant."""
    mine = AuditEntry.tenant_id == caller.tenant_id
    return _page(session, AuditEntry, AuditEntry.at, mine, limit, cursor)


def solves_by_state(session: Session) -> dict[str, int]:
    """How many solves of all tenants are in each state."""
    rows = session.execute(select(Solve.state, func.count()).group_by(Solve.state))
    return {row[0]: row[1] for row in rows}


def ping(session: Session) -> None:
    """Raise if the store does not answer."""
    session.execute(text("SELECT 1"))


def suppliers_of(database: Database, network_id: str) -> frozenset[str]:
    """Who takes part in a network; networks never change, so this is remembered."""
    return _suppliers_of(database, network_id)


@lru_cache(maxsize=4096)
def _suppliers_of(database: Database, network_id: str) -> frozenset[str]:
    with database.read() as session:
        network = snapshots.load(session, network_id)
    return frozenset(network.suppliers["supplier"].cast(pl.String).to_list())


def _page(
    session: Session,
    table: type[Any],
    at: InstrumentedAttribute[float],
    condition: ColumnElement[bool],
    limit: int,
    cursor: str | None,
    keep: Callable[[Any], bool] = lambda _: True,
) -> RowPage[Any]:
    """The next ``limit`` rows for which ``keep`` holds, by falling time and id."""
    position = None if cursor is None else _position(cursor)
    items: list[Any] = []
    while True:
        query = select(table).where(condition).order_by(at.desc(), table.id.desc())
        if position is not None:
            query = query.where(tuple_(at, table.id) < tuple_(*position))
        rows = session.scalars(query.limit(limit + 1)).all()
        for row in rows:
            if keep(row):
                if len(items) == limit:
                    last = items[-1]
                    return RowPage(items, _cursor(getattr(last, at.key), last.id))
                items.append(row)
        if len(rows) <= limit:
            return RowPage(items, None)
        position = (getattr(rows[-1], at.key), rows[-1].id)


def _cursor(at: float, row_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, row_id]).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[float, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if isinstance(at, float) and isinstance(row_id, str) and row_id.isalnum():
            return at, row_id
    except (binascii.Error, ValueError, TypeError):
        pass
    raise BadCursor
