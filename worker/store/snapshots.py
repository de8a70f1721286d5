"""Networks at rest: immutable, once per tenant, owner and content, as a zip of Parquet tables."""

from __future__ import annotations

import io
import time
import zipfile

import polars as pl
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from matcher.network import Network
from matcher.read import network_from_tables
from matcher.schema.tables import TABLES
from worker.store.models import NetworkSnapshot


def pack(network: Network) -> bytes:
    """The tables of a network as a zip of Parquet files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for table in TABLES:
            body = io.BytesIO()
            network.table(table.name).write_parquet(body, compression="zstd")
            archive.writestr(f"{table.name}.parquet", body.getvalue())
    return packed.getvalue()


def unpack(content: bytes) -> Network:
    """The network that `pack` packed; one of an older release lacks some tables."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return network_from_tables(
            {
                name.removesuffix(".parquet"): pl.read_parquet(io.BytesIO(archive.read(name)))
                for name in archive.namelist()
            }
        )


def count_pairs(network: Network) -> int:
    """Demand–bid pairs of a network: an estimate of its size that costs next to nothing."""
    bids = network.bids.group_by("component", "demand").len()
    general = bids.filter(pl.col("demand").is_null()).select("component", "len")
    joined = network.demands.select("component").join(general, on="component")
    special = bids.filter(pl.col("demand").is_not_null())
    return int(joined["len"].sum()) + int(special["len"].sum())


def prepare(
    network: Network, tenant_id: str, owner: str = "", derived_from: str | None = None
) -> NetworkSnapshot:
    """A snapshot that is not stored yet.

    Packing takes a while for a large network, so this comes before the write transaction; `keep`
    stores it within.
    """
    return NetworkSnapshot(
        tenant_id=tenant_id,
        owner=owner,
        content_hash=network.input_hash,
        name=network.name,
        demands=network.demands.height,
        suppliers=network.suppliers.height,
        bids=network.bids.height,
        pairs=count_pairs(network),
        warnings={"issues": [issue.to_dict() for issue in network.warnings]},
        content=pack(network),
        derived_from=derived_from,
        created_at=time.time(),
    )


def keep(session: Session, snapshot: NetworkSnapshot) -> NetworkSnapshot:
    """Store a prepared snapshot, or find the equal one that is there already."""
    known = _equal(session, snapshot)
    if known is None:
        try:
            with session.begin_nested():
                session.add(snapshot)
                session.flush()
            return snapshot
        except IntegrityError:  # somebody else has stored it at this very moment
            known = _equal(session, snapshot)
            if known is None:
                raise
    if snapshot.derived_from is None:
        known.derived_from = None  # what was a part of another is now sent in for itself
    return known


def _equal(session: Session, snapshot: NetworkSnapshot) -> NetworkSnapshot | None:
    return session.scalars(
        select(NetworkSnapshot).where(
            NetworkSnapshot.tenant_id == snapshot.tenant_id,
            NetworkSnapshot.owner == snapshot.owner,
            NetworkSnapshot.content_hash == snapshot.content_hash,
        )
    ).first()


def load(session: Session, network_id: str) -> Network:
    """The network of a snapshot."""
    snapshot = session.scalars(
        select(NetworkSnapshot)
        .where(NetworkSnapshot.id == network_id)
        .options(undefer(NetworkSnapshot.content))
    ).one()
    return unpack(snapshot.content)
