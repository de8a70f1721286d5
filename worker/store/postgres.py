"""PostgreSQL without endless waits: every answer, lock and silent partner has its time.

The driver, pg8000, has one time-out, that of its socket, and none by default: behind a network that
swallows packets, or a server that has stopped, a thread would wait for ever. Here a connection
gets a time for each answer, and shorter ones for being made and for the look whether it is still
alive that comes before every use. The server is told to end a wait for a lock before that, and
to end a transaction whose client has gone silent, since its locks stop everybody else.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pg8000.legacy
from pg8000.exceptions import InterfaceError
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from matcher.errors import MatcherError

# A server that is well answers a connection, or SELECT 1, in milliseconds.
LOOK_S = 5.0
_PARAMETERS = ("application_name", "unix_sock")


class _Connection(pg8000.legacy.Connection):  # type: ignore[misc]
    """A connection all of whose network faults are errors of the driver.

    The driver lets some through as they are, time-outs among them, and SQLAlchemy would keep the
    connection. Its words for a broken one are "network error".
    """

    is_new = True

    def handle_messages(self, context: Any) -> None:
        """Read what the server answers."""
        try:
            super().handle_messages(context)
        except OSError as error:
            raise InterfaceError(f"network error: {error}") from error

    def close(self) -> None:
        """Close the connection, if the other side has not done so."""
        with suppress(InterfaceError):  # it was broken already
            super().close()


def postgres_engine(url: URL, timeout_s: float | None) -> Engine:
    """An engine for PostgreSQL.

    Parameters
    ----------
    timeout_s
        Seconds for each answer of the server; half as many for each lock. ``None`` waits for ever,
        which is right for changes of tables only.

    Raises
    ------
    MatcherError
        The address names no user, or has parameters that the driver does not know.
    """
    if not url.username:
        raise MatcherError(
            "DATABASE_URL names no user; give postgresql://USER:PASSWORD@HOST:5432/DATABASE"
        )
    if unknown := sorted(set(url.query) - set(_PARAMETERS)):
        raise MatcherError(
            f"DATABASE_URL: '{unknown[0]}' is no parameter of the driver, pg8000; leave it out, or "
            f"give {' or '.join(_PARAMETERS)}"
        )
    url = url.set(drivername="postgresql+pg8000")
    engine = create_engine(url, pool_size=10, max_overflow=20, pool_timeout=timeout_s or 30.0)
    look_s = LOOK_S if timeout_s is None else min(LOOK_S, timeout_s)

    @event.listens_for(engine, "do_connect")
    def _on_connect(_: Any, __: Any, positional: Any, named: dict[str, Any]) -> _Connection:
        return _connect(positional, named, look_s, timeout_s)

    @event.listens_for(engine, "checkout")
    def _on_checkout(connection: _Connection, _: Any, __: Any) -> None:
        _look(connection, look_s, timeout_s)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        # A statement sees one state of the store; several do not even within a transaction, which
        # would only stay open for as long as their reader computes. Set on the driver's connection:
        # SQLAlchemy's isolation level takes trips to the server to undo, whose faults nobody wraps.
        is_write = connection.get_execution_options().get("matcher_write", False)
        connection.connection.dbapi_connection.autocommit = not is_write

    return engine


def _connect(
    positional: Any, named: dict[str, Any], look_s: float, timeout_s: float | None
) -> _Connection:
    """A new connection, which the server is told not to let wait."""
    named.setdefault("password", "")  # asked for one, the driver trips over having none
    try:
        connection = _Connection(*positional, **named, timeout=look_s)
    except OSError as error:
        raise InterfaceError(f"network error: {error}") from error
    except pg8000.legacy.ProgrammingError as error:
        # The server refuses: it is starting or ending, is full, or knows no such user.
        raise pg8000.legacy.OperationalError(*error.args) from error
    connection._usock.settimeout(timeout_s)
    if timeout_s is not None:
        connection.cursor().execute(
            f"SET lock_timeout = {round(500 * timeout_s)};"
            f"SET idle_in_transaction_session_timeout = {round(2000 * timeout_s)}"
        )
        connection.commit()
    return connection


def _look(connection: _Connection, look_s: float, timeout_s: float | None) -> None:
    """Raise if a connection that was used before is not alive any more."""
    if connection.is_new:
        connection.is_new = False
        return
    connection._usock.settimeout(look_s)
    connection.autocommit = True
    try:
        connection.cursor().execute("SELECT 1")
    except pg8000.legacy.Error as error:
        raise InvalidatePoolError(str(error)) from error
    connection._usock.settimeout(timeout_s)
