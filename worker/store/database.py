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
from alembic.util import CommandError
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
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


# SQLSTATEs of PostgreSQL that say "not now" (08: connection; 25006: a standby that only reads;
# 53: no disk, memory or place left; 57: being stopped; 58: its disk or system fails).
_BUSY = ("55P03", "40P01", "40001")
_NOT_NOW = ("08", "25006", "53", "57", "58")
# What to do about a store that cannot be opened, by SQLSTATE.
_NEXT_STEPS = {
    "28P01": "check user and password in DATABASE_URL",
    "28000": "check user and password in DATABASE_URL",
    "3D000": "create it, or name another one in DATABASE_URL",
    "42501": "let the user of DATABASE_URL create tables there",
}
_EXAMPLES = "postgresql://USER:PASSWORD@HOST:5432/DATABASE or sqlite:///FILE"


class Database:
    """An open store. ``write`` and ``read`` give sessions; writes are serial on SQLite.

    Parameters
    ----------
    url
        SQLAlchemy address.
    timeout_s
        Seconds after which a store that does not answer counts as away; on PostgreSQL a lock is
        not to be had after half of them.

    Raises
    ------
    MatcherError
        The address is none of a store.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            self.url = make_url(url)
        except (ArgumentError, ValueError):  # not shown, since the password may be the fault
            raise MatcherError(
                f"DATABASE_URL is no address; give {_EXAMPLES}, with what is neither letter nor "
                "digit in the password as %XX"
            ) from None
        backend = self.url.get_backend_name()
        if backend not in ("sqlite", "postgresql", "postgres"):
            raise MatcherError(
                f"DATABASE_URL: '{backend}' is no store of the service; give {_EXAMPLES}"
            )
        self.is_sqlite = backend == "sqlite"
        make = _sqlite_engine if self.is_sqlite else postgres_engine
        self.engine = make(self.url, timeout_s)
        event.listen(self.engine, "handle_error", _on_error, retval=True)

    def migrate(self) -> None:
        """Create the tables, or bring those of an older version up to date.

        Raises
        ------
        MatcherError
            The store cannot be reached or opened; says what to do.
        """
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        # A change of large tables takes its time.
        engine = self.engine if self.is_sqlite else postgres_engine(self.url, None)
        config.attributes["engine"] = engine
        where = self.url.render_as_string(hide_password=True)
        try:
            command.upgrade(config, "head")
        except SQLAlchemyError as error:
            step = _NEXT_STEPS.get(_sqlstate(error), "check DATABASE_URL and that the store runs")
            raise MatcherError(
                f"the store {where} cannot be opened: {reason(error)}; {step}"
            ) from None
        except CommandError as error:
            raise MatcherError(
                f"the store {where} is not of this version: {error}; install the version that "
                "wrote it, or restore a backup"
            ) from None
        finally:
            if engine is not self.engine:
                engine.dispose()

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
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def reason(error: BaseException) -> str:
    """What a store, or the way to it, says is wrong, in one line and without the statement."""
    error = getattr(error, "orig", None) or error
    text = str(_fields(error).get("M", "")) or str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _sqlstate(error: BaseException) -> str:
    return str(_fields(getattr(error, "orig", None) or error).get("C", ""))


def _fields(error: BaseException) -> dict[str, str]:
    """The fields of PostgreSQL's message, of which pg8000 makes the only argument."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, dict) else {}


def _on_error(context: ExceptionContext) -> BaseException | None:
    """Give what will pass a type that says so; pg8000 calls all of it a programming error."""
    error = context.original_exception
    name = str(getattr(error, "sqlite_errorname", ""))
    state = _sqlstate(error)
    if state in _BUSY or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(context.statement, None, error)
    if state.startswith(_NOT_NOW):
        return OperationalError(context.statement, None, error)
    return None


def _sqlite_engine(url: URL, timeout_s: float) -> Engine:
    if url.database and url.database != ":memory:":
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MatcherError(
                f"the folder {folder} of the store cannot be made: {error.strerror}; name another "
                "one in MATCHER_DATA or DATABASE_URL"
            ) from None
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
