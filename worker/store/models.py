"""Tables of the store. Times are UTC seconds since 1970; ids are random and say nothing."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def new_id() -> str:
    """A random id of 128 bits."""
    return secrets.token_hex(16)


class Base(DeclarativeBase):
    """Base of every table."""

    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class Tenant(Base):
    """Who shares data with whom: nothing crosses from one tenant to another."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[float]


class ApiKey(Base):
    """A key of a tenant; only the SHA-256 of it is stored.

    ``role`` is admin, agency, lead_firm, supplier or viewer; ``subject`` is the lead firm or the
    supplier that a key of these roles speaks for.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    subject: Mapped[str | None]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class DirectoryEntry(Base):
    """An entry of the living directory: a supplier, a request, a rule, or the shared tables.

    ``kind`` is supplier, request, rule or shared; ``body`` holds rows of the network's tables by
    table name. ``lead_firm`` is whose a request or rule is, none for a rule of the agency;
    ``is_open`` whether a request still asks.
    """

    __tablename__ = "directory"
    __table_args__ = (UniqueConstraint("tenant_id", "kind", "key"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    kind: Mapped[str]
    key: Mapped[str]
    lead_firm: Mapped[str | None]
    is_open: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    body: Mapped[dict[str, Any]]
    updated_at: Mapped[float]


class NetworkSnapshot(Base):
    """An immutable network, once per tenant, owner and content.

    ``content`` is a zip of Parquet tables. ``owner`` is the lead firm that sent it; empty for the
    tenant as a whole. ``derived_from`` is the network that this one is a part or a scenario of;
    nobody sent such a one, so no list shows it.
    """

    __tablename__ = "networks"
    __table_args__ = (UniqueConstraint("tenant_id", "owner", "content_hash"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    owner: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str]
    name: Mapped[str]
    demands: Mapped[int]
    suppliers: Mapped[int]
    bids: Mapped[int]
    pairs: Mapped[int]
    warnings: Mapped[dict[str, Any]]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    derived_from: Mapped[str | None] = mapped_column(ForeignKey("networks.id", ondelete="SET NULL"))
    created_at: Mapped[float]


class Solve(Base):
    """A job: solve a network. The row is the truth; see `worker.jobs` for how it moves.

    Parameters
    ----------
    parent_id, part
        A part of a larger solve, and which; ``parts`` of the parent counts them. A parent is
        finished by whoever finishes its last part.
    phase
        solve; for a solve that was split, waiting for its parts, then merge.
    state
        queued, running, cancelling, succeeded, failed or cancelled.
    solution_status, termination_reason
        What was found (optimal, feasible, infeasible, none), and why it stopped (proved,
        gap_limit, time_limit, cancelled, memory_limit, crashed).
    epoch
        Counts claims; only the worker of the present epoch may write.
    lease_until
        When a running job counts as lost; a queued one must not start before ``not_before``.
    num_events
        Sequence number of its last event.
    """

    __tablename__ = "solves"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index("ix_solves_claim", "state", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    network_id: Mapped[str] = mapped_column(ForeignKey("networks.id"))
    owner: Mapped[str] = mapped_column(default="")
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("solves.id"), index=True)
    part: Mapped[int | None]
    parts: Mapped[int | None]
    phase: Mapped[str] = mapped_column(default="solve")
    options: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str | None]
    request_hash: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    solution_status: Mapped[str | None]
    termination_reason: Mapped[str | None]
    best: Mapped[float | None]
    bound: Mapped[float | None]
    gap: Mapped[float | None]
    verdict: Mapped[str | None]
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    lease_until: Mapped[float | None]
    not_before: Mapped[float] = mapped_column(default=0.0)
    num_events: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    cancel_requested_at: Mapped[float | None]


class Event(Base):
    """Something that happened to a solve, numbered from 1 without a hole."""

    __tablename__ = "events"

    solve_id: Mapped[str] = mapped_column(
        ForeignKey("solves.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]


class StoredPlan(Base):
    """The plan of a solve, as compressed JSON."""

    __tablename__ = "plans"

    solve_id: Mapped[str] = mapped_column(
        ForeignKey("solves.id", ondelete="CASCADE"), primary_key=True
    )
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[float]


class Webhook(Base):
    """Where a tenant wants to be told of finished solves, and the secret that signs it."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    owner: Mapped[str] = mapped_column(default="")
    url: Mapped[str]
    secret: Mapped[str]
    created_at: Mapped[float]


class OutboxMessage(Base):
    """A webhook message, written with what it tells of and sent later."""

    __tablename__ = "outbox"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    webhook_id: Mapped[str] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[float] = mapped_column(index=True)
    delivered_at: Mapped[float | None]
    last_error: Mapped[str | None]


class AuditEntry(Base):
    """Who did what to what."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    key_id: Mapped[str | None]
    at: Mapped[float]
    action: Mapped[str]
    target: Mapped[str]
    detail: Mapped[dict[str, Any]]
