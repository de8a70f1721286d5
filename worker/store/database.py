"""Connections: SQLite by default, PostgreSQL by address; the same code on both.

SQLite runs in WAL mode with every commit on the disk before it is acknowledged. Versions 3.7.0 to
3.51.2 may corrupt a WAL database, so the ``pysqlite3`` wheel, which carries a later one, is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from sqlalchemy.orm import Session

from matcher.errors import MatcherError
from worker.store.postgres import postgres_engine

TIMEOUT_S = 30.0

AWAY = (SQLAlchemyError, OSError)
"""What is raised while a store does not answer; a broken connection may show as an OSError."""

UNREACHABLE = (OperationalError, InterfaceError, TimeoutError)
"""What a call raises when the store cannot be reached, or is too busy to answer in time."""


class Busy(OperationalError):
    """Others have held for too long what this transaction needs; nothing was written."""


# SQLSTATEs of PostgreSQL that say "not now" (53: no disk, memory or place left; 57: being stopped).
_BUSY = ("55P03", "40P01", "40001")
_NOT_NOW = ("53", "57")


class Database:
    """An open store. ``write`` and ``read`` give sessions; writes are serial on SQLite.

    Parameters
    ----------
    url
        SQLAlchemy address.
    timeout_s
        Seconds after which a store that does not answer counts as away, and a lock as not to be
        had.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = make_url(url)
        backend = self.url.get_backend_name()
        if backend not in ("sqlite", "postgresql", "postgres"):
            raise MatcherError(
                f"DATABASE_URL: '{backend}' is no store of the service; give postgresql://… or "
                "sqlite:///…"
            )
        self.is_sqlite = backend == "sqlite"
        make = _sqlite_engine if self.is_sqlite else postgres_engine
        self.engine = make(self.url, timeout_s)
        event.listen(self.engine, "handle_error", _on_error, retval=True)
        # A single statement sees one state of the store; on PostgreSQL more does not even within a
        # transaction, which would only stay open for as long as its reader computes.
        self._reading = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

    def migrate(self) -> None:
        """Create the tables, or bring those of an older version up to date."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        if self.is_sqlite:
            config.attributes["engine"] = self.engine
            command.upgrade(config, "head")
            return
        # A change of large tables takes its time.
        patient = config.attributes["engine"] = postgres_engine(self.url, None)
        command.upgrade(config, "head")
        patient.dispose()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that takes SQLite's write lock at its start; commits at the end."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"matcher_write": True})
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _on_error(context: ExceptionContext) -> BaseException | None:
    """Give what will pass a type that says so; pg8000 calls all of it a programming error."""
    error = context.original_exception
    name = str(getattr(error, "sqlite_errorname", ""))
    said = error.args[0] if error.args else None
    state = str(said.get("C", "")) if isinstance(said, dict) else ""
    if state in _BUSY or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(context.statement, None, error)
    if state.startswith(_NOT_NOW):
        return OperationalError(context.statement, None, error)
    return None


def _sqlite_engine(url: URL, timeout_s: float) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        module=pysqlite3.dbapi2,
        connect_args={"timeout": timeout_s, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        # The driver's own transaction handling begins too late and without the write lock.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={round(1000 * timeout_s)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        is_write = connection.get_execution_options().get("matcher_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine
