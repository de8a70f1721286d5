"""Who may do what, and what each role sees: tenants, API keys, roles and the audit log.

Every question "may this key …?" is answered here. A key of a role acts within its tenant; what
it must not see is treated as if it were not there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, false, func, select
from sqlalchemy.orm import Session

from worker.store.models import (
    ApiKey,
    AuditEntry,
    DirectoryEntry,
    NetworkSnapshot,
    Solve,
    Tenant,
    Webhook,
)

Role = Literal["admin", "agency", "lead_firm", "supplier", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
# Roles that speak for one lead firm or one supplier.
OF_SUBJECT: tuple[Role, ...] = ("lead_firm", "supplier")

_READ_ALL = {
    "networks.read",
    "suppliers.read",
    "requests.read",
    "rules.read",
    "shared.read",
    "solves.read",
    "results.read",
    "progress.read",
    "explain.demand",
    "explain.supplier",
    "check",
    "webhooks.read",
    "audit.read",
    "limits.read",
}
_WRITE_ALL = {
    "networks.write",
    "suppliers.write",
    "requests.write",
    "rules.write",
    "shared.write",
    "directory.write",
    "solves.write",
    "webhooks.write",
}
MAY: dict[str, frozenset[str]] = {
    "admin": frozenset({*_READ_ALL, *_WRITE_ALL, "keys"}),
    "agency": frozenset({*_READ_ALL, *_WRITE_ALL}),
    "viewer": frozenset(_READ_ALL),
    # A lead firm has requests, rules, networks and solves of its own; profiles are between supplier
    # and agency.
    "lead_firm": frozenset(
        {*_READ_ALL, *_WRITE_ALL}
        - {"suppliers.read", "suppliers.write", "shared.write", "audit.read"}
    ),
    # A supplier has its own profile, and in a plan what was awarded to it and what it lacked.
    "supplier": frozenset(
        {
            "suppliers.read",
            "suppliers.write",
            "directory.write",
            "shared.read",
            "solves.read",
            "results.read",
            "explain.supplier",
            "limits.read",
        }
    ),
}

_KEY_BYTES = 32
_PREFIX = 11


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key a request came with."""

    key_id: str
    tenant_id: str
    role: str
    subject: str | None

    def may(self, action: str) -> bool:
        """Whether the role may do ``action`` at all."""
        return action in MAY[self.role]

    @property
    def owner(self) -> str:
        """Whom new networks, solves and webhooks belong to: the lead firm, or the tenant."""
        return self.subject or "" if self.role == "lead_firm" else ""

    @property
    def sees_all(self) -> bool:
        """Whether everything in the tenant is visible."""
        return self.role not in OF_SUBJECT

    @property
    def only_supplier(self) -> str | None:
        """The one supplier whose data this caller may see; ``None`` for other roles."""
        return self.subject if self.role == "supplier" else None


def networks_of(caller: Caller) -> ColumnElement[bool]:
    """Condition on `NetworkSnapshot`: those the caller may see."""
    mine = NetworkSnapshot.tenant_id == caller.tenant_id
    if caller.sees_all:
        return mine
    return mine & _own(NetworkSnapshot.owner == caller.subject, caller)


def solves_of(caller: Caller) -> ColumnElement[bool]:
    """Condition on `Solve`: those the caller may see.

    A supplier sees those that have succeeded; that it takes part in them is checked apart, since
    only the network tells.
    """
    mine = Solve.tenant_id == caller.tenant_id
    if caller.sees_all:
        return mine
    if caller.role == "supplier":
        return mine & (Solve.state == "succeeded")
    return mine & _own(Solve.owner == caller.subject, caller)


def webhooks_of(caller: Caller) -> ColumnElement[bool]:
    """Condition on `Webhook`: those the caller may see."""
    mine = Webhook.tenant_id == caller.tenant_id
    return mine if caller.sees_all else mine & _own(Webhook.owner == caller.subject, caller)


def entries_of(caller: Caller) -> ColumnElement[bool]:
    """Condition on `DirectoryEntry`: those the caller may see."""
    mine = DirectoryEntry.tenant_id == caller.tenant_id
    if caller.sees_all:
        return mine
    shared = DirectoryEntry.kind == "shared"
    if caller.role == "supplier":
        own = (DirectoryEntry.kind == "supplier") & (DirectoryEntry.key == caller.subject)
    else:
        own = DirectoryEntry.kind.in_(("request", "rule")) & (
            DirectoryEntry.lead_firm == caller.subject
        )
    return mine & (shared | own)


def _own(condition: ColumnElement[bool], caller: Caller) -> ColumnElement[bool]:
    """The condition, for a role that owns such things at all."""
    return condition if caller.role == "lead_firm" and caller.subject else false()


def lock_tenant(session: Session, tenant_id: str) -> None:
    """Let what looks at much of a tenant before it changes some come one after the other."""
    session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update(key_share=True))


def create_tenant(session: Session, name: str) -> Tenant:
    """A new tenant; its name must be free."""
    tenant = Tenant(name=name, created_at=time.time())
    session.add(tenant)
    session.flush()
    return tenant


def tenant_named(session: Session, name: str) -> Tenant | None:
    """The tenant of that name."""
    return session.scalars(select(Tenant).where(Tenant.name == name)).first()


def has_tenants(session: Session) -> bool:
    """Whether the store is in use already."""
    return bool(session.scalar(select(func.count()).select_from(Tenant)))


def create_key(
    session: Session,
    tenant_id: str,
    name: str,
    role: Role,
    subject: str | None = None,
    expires_at: float | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, 256 random bits, which is not stored and cannot be shown again."""
    text = f"mk_{secrets.token_urlsafe(_KEY_BYTES)}"
    key = ApiKey(
        tenant_id=tenant_id,
        name=name,
        prefix=text[:_PREFIX],
        sha256=_sha256(text),
        role=role,
        subject=subject,
        created_at=time.time(),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, text


def authenticate(session: Session, text: str) -> Caller | None:
    """Whose key this is; ``None`` if it is unknown, expired or revoked."""
    digest = _sha256(text)
    key = session.scalars(select(ApiKey).where(ApiKey.sha256 == digest)).first()
    if key is None or not hmac.compare_digest(key.sha256, digest):
        return None
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= time.time()):
        return None
    return Caller(key.id, key.tenant_id, key.role, key.subject)


def revoke_key(key: ApiKey) -> None:
    """End a key now; doing it again changes nothing."""
    key.revoked_at = key.revoked_at or time.time()


def audit(session: Session, caller: Caller, action: str, target: str, **detail: Any) -> None:
    """Write down who did what to what, within the transaction that does it."""
    session.add(
        AuditEntry(
            tenant_id=caller.tenant_id,
            key_id=caller.key_id,
            at=time.time(),
            action=action,
            target=target,
            detail=detail,
        )
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
