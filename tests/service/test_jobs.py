"""The life of a job: claims, leases, fences, limits; on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite3
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from matcher.errors import MatcherError
from matcher.network import Network
from tests.service.conftest import Desk
from worker import jobs
from worker.jobs import Claim, Finished, Submission, endings
from worker.settings import Settings
from worker.store import snapshots
from worker.store.database import Database
from worker.store.models import Base, Event, OutboxMessage, StoredPlan, Webhook

FOUND = Finished("optimal", "proved", 10.0, 10.0, 0.0, "done", b"plan")


def claimed(desk: Desk, worker: str = "w") -> Claim:
    claim = jobs.claim(desk.database, worker, desk.settings)
    assert claim is not None
    return claim


def events(desk: Desk, solve_id: str) -> list[Event]:
    with desk.database.read() as session:
        query = select(Event).where(Event.solve_id == solve_id).order_by(Event.seq)
        return list(session.scalars(query))


def num_plans(desk: Desk) -> int:
    with desk.database.read() as session:
        return len(session.scalars(select(StoredPlan.solve_id)).all())


def test_migrations_from_empty_give_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_is_safe_and_a_write_takes_its_lock_at_once(database: Database) -> None:
    # The WAL-reset bug is mended in 3.51.3.
    assert sqlite3.sqlite_version_info >= (3, 51, 3)
    with database.engine.connect() as connection:
        value = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    # synchronous 2 is FULL
    assert value == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    # The same library, as locks of two libraries in one process do not see each other.
    other = sqlite3.connect(str(database.url.database), timeout=0, isolation_level=None)
    # Nothing is written yet when the lock is there.
    with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with database.read():
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_second_writer_waits_for_the_first(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    claim = claimed(desk)
    took: list[float] = []

    def second() -> None:
        began = time.monotonic()
        jobs.heartbeat(desk.database, claim, desk.settings)
        took.append(time.monotonic() - began)

    with desk.database.write() as session:
        jobs.record(session, session.get_one(type(desk.see(solve_id)), solve_id), "note")
        session.flush()
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.4)
        assert not took
    thread.join()
    assert took[0] >= 0.4


def test_each_solve_is_claimed_once_by_eight_threads(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk = new_desk(max_running=100)
    submitted = {desk.submit(small) for _ in range(24)}
    start = threading.Barrier(8)

    def work(number: int) -> list[str]:
        start.wait()
        got: list[str] = []
        while (claim := jobs.claim(desk.database, f"w{number}", desk.settings)) is not None:
            got.append(claim.solve_id)
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [solve_id for each in pool.map(work, range(8)) for solve_id in each]
    # skip_locked may send a thread home while another holds the last rows; none is lost.
    while (claim := jobs.claim(desk.database, "last", desk.settings)) is not None:
        got.append(claim.solve_id)
    assert len(got) == len(set(got))
    assert set(got) == submitted


def test_a_tenant_never_has_more_running_than_it_may(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk, other = new_desk(max_running=2), new_desk(max_running=2)
    for _ in range(6):
        desk.submit(small)
    theirs = other.submit(small)
    start = threading.Barrier(8)

    def work(number: int) -> list[str]:
        start.wait()
        claims = [jobs.claim(desk.database, f"w{number}", desk.settings) for _ in range(4)]
        return [claim.tenant_id for claim in claims if claim is not None]

    with ThreadPoolExecutor(8) as pool:
        got = [tenant for each in pool.map(work, range(8)) for tenant in each]
    assert got.count(desk.tenant_id) == 2
    assert got.count(other.tenant_id) == 1  # a busy tenant does not keep others waiting
    assert other.state(theirs) == "running"
    assert jobs.claim(desk.database, "w", desk.settings) is None


def test_a_worker_that_slept_through_its_lease_writes_nothing(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk = new_desk(lease_s=0.2)
    solve_id = desk.submit(small)
    sleeper = claimed(desk, "sleeper")
    time.sleep(0.3)
    assert jobs.reap(desk.database, desk.settings) == 1
    time.sleep(endings.RETRY_AFTER_S + 0.1)
    other = claimed(desk, "other")
    assert other.solve_id == solve_id
    assert other.epoch > sleeper.epoch

    assert jobs.order(desk.database, sleeper) == "lost"
    assert jobs.heartbeat(desk.database, sleeper, desk.settings) == "lost"
    assert not jobs.progress(desk.database, sleeper, "cost", 1.0, 1.0, 0.0)
    assert not jobs.retry(desk.database, sleeper, "too late", desk.settings)
    assert not jobs.fail(desk.database, sleeper, "too late")
    assert not jobs.split(desk.database, sleeper, ())
    late = replace(FOUND, best=99.0, verdict="late")
    assert not jobs.finish(desk.database, sleeper, late)
    assert jobs.finish(desk.database, other, FOUND)
    assert not jobs.finish(desk.database, sleeper, late)
    assert not jobs.finish(desk.database, other, FOUND)

    solve = desk.see(solve_id)
    assert (solve.state, solve.best, solve.verdict) == ("succeeded", 10.0, "done")
    assert num_plans(desk) == 1


def test_a_job_whose_workers_fall_silent_fails_after_three_attempts(
    new_desk: Callable[..., Desk], small: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "RETRY_AFTER_S", 0.0)
    desk = new_desk(lease_s=0.05)
    solve_id = desk.submit(small)
    for attempt in (1, 2, 3):
        assert claimed(desk).attempts == attempt
        time.sleep(0.1)
        assert jobs.reap(desk.database, desk.settings) == 1
    solve = desk.see(solve_id)
    assert (solve.state, solve.termination_reason) == ("failed", "crashed")
    assert solve.error == "worker w went silent; given up after 3 attempts"
    assert jobs.claim(desk.database, "w", desk.settings) is None


def test_a_job_given_back_loses_no_attempt(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    claim = claimed(desk, "stopping")
    assert jobs.give_back(desk.database, "another") == 0
    assert jobs.give_back(desk.database, "stopping") == 1
    assert desk.state(solve_id) == "queued"
    assert not jobs.finish(desk.database, claim, FOUND)
    assert claimed(desk).attempts == 1


def test_a_queued_solve_is_cancelled_at_once_and_stays_so(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    began = time.monotonic()
    desk.cancel(solve_id)
    assert desk.state(solve_id) == "cancelled"
    assert time.monotonic() - began < 1.0
    num_events = len(events(desk, solve_id))
    desk.cancel(solve_id)
    assert len(events(desk, solve_id)) == num_events
    assert jobs.claim(desk.database, "w", desk.settings) is None


def test_cancelling_what_has_just_ended_changes_nothing(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    claim = claimed(desk)
    with desk.database.read() as session:
        stale = session.get_one(type(desk.see(solve_id)), solve_id)
    assert jobs.finish(desk.database, claim, FOUND)
    with desk.database.write() as session:
        session.add(stale)  # as an endpoint that read the row a moment too early
        jobs.cancel(session, stale)
    assert desk.state(solve_id) == "succeeded"


def test_the_queue_of_a_tenant_is_limited(new_desk: Callable[..., Desk], small: Network) -> None:
    desk, other = new_desk(max_queued=5), new_desk(max_queued=5)

    def submit(_: int) -> bool:
        try:
            desk.submit(small)
        except jobs.QueueFull:
            return False
        return True

    desk.submit(small)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(submit, range(12))) == 4
    other.submit(small)


def test_the_same_key_gives_the_same_solve(desk: Desk, small: Network) -> None:
    snapshot_id = desk.see(desk.submit(small)).network_id

    def submit(request: str) -> str:
        with desk.database.write() as session:
            asked = Submission(
                tenant_id=desk.tenant_id,
                owner="",
                network_id=snapshot_id,
                options={},
                idempotency_key="k",
                request_hash=request,
            )
            solve, _ = jobs.submit(session, asked, desk.settings)
            return solve.id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(submit, ["same"] * 8))) == 1
    with pytest.raises(jobs.KeyReused):
        submit("another")


def test_events_are_numbered_without_a_hole_under_concurrency(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    claim = claimed(desk)

    def tell(number: int) -> None:
        for i in range(5):
            assert jobs.progress(desk.database, claim, "cost", float(number), float(i), 0.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, range(8)))
    assert jobs.finish(desk.database, claim, FOUND)
    told = events(desk, solve_id)
    # queued, started, 40 reports, finished
    assert [event.seq for event in told] == list(range(1, 44))
    assert [told[i].kind for i in (0, 1, 42)] == ["queued", "started", "finished"]


def split(desk: Desk, network: Network, num: int, **options: Any) -> tuple[str, list[str]]:
    """A solve that waits for so many equal parts."""
    solve_id = desk.submit(network, **options)
    claim = claimed(desk)
    part = lambda: jobs.Part(snapshots.prepare(network, desk.tenant_id), {})  # noqa: E731
    assert jobs.split(desk.database, claim, [part() for _ in range(num)])
    assert jobs.heartbeat(desk.database, claim, desk.settings) == "lost"
    return solve_id, [each.id for each in desk.parts(solve_id)]


def test_the_last_part_to_end_queues_the_merge_once(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk = new_desk(max_running=8)
    solve_id, _ = split(desk, small, 8)
    assert desk.see(solve_id).phase == "waiting"
    claims = [claimed(desk) for _ in range(8)]
    start = threading.Barrier(8)

    def end(claim: Claim) -> bool:
        start.wait()
        return jobs.finish(desk.database, claim, FOUND)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(end, claims))
    parent = desk.see(solve_id)
    assert (parent.state, parent.phase) == ("queued", "merge")
    told = [event.data["left"] for event in events(desk, solve_id) if event.kind == "part_finished"]
    assert told == [7, 6, 5, 4, 3, 2, 1, 0]
    assert claimed(desk).phase == "merge"


def test_a_failed_part_cancels_the_others(desk: Desk, small: Network) -> None:
    solve_id, ids = split(desk, small, 4)
    running, failing = claimed(desk), claimed(desk)
    assert jobs.fail(desk.database, failing, "bad")
    states = {part_id: desk.state(part_id) for part_id in ids}
    assert states.pop(failing.solve_id) == "failed"
    assert states.pop(running.solve_id) == "cancelling"
    assert set(states.values()) == {"cancelled"}
    assert desk.see(solve_id).phase == "waiting"
    assert jobs.finish(desk.database, running, replace(FOUND, termination_reason="cancelled"))
    assert desk.see(solve_id).phase == "merge"


def test_cancel_and_the_end_of_parts_do_not_block_each_other(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk = new_desk(max_running=6)
    for _ in range(5):
        solve_id, _ = split(desk, small, 6)
        claims = [claimed(desk) for _ in range(6)]
        start = threading.Barrier(7)

        def end(claim: Claim | None, solve_id: str = solve_id, start: Any = start) -> bool:
            start.wait()
            if claim is None:
                desk.cancel(solve_id)
                return True
            return jobs.finish(desk.database, claim, replace(FOUND, termination_reason="cancelled"))

        # PostgreSQL would end one of two that wait for each other with an error.
        with ThreadPoolExecutor(7) as pool:
            assert all(pool.map(end, [*claims, None]))
        merge = claimed(desk)
        assert merge.solve_id == solve_id
        assert jobs.finish(desk.database, merge, FOUND)


def test_a_lost_merge_of_a_cancelled_solve_is_made_again(
    new_desk: Callable[..., Desk], small: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "RETRY_AFTER_S", 0.0)
    desk = new_desk(lease_s=0.1)
    solve_id, _ = split(desk, small, 1)
    part = claimed(desk)
    desk.cancel(solve_id)
    assert desk.state(solve_id) == "cancelling"
    assert jobs.heartbeat(desk.database, part, desk.settings) == "cancel"
    cancelled = replace(FOUND, solution_status="feasible", termination_reason="cancelled")
    assert jobs.finish(desk.database, part, cancelled)
    claimed(desk)
    time.sleep(0.15)
    assert jobs.reap(desk.database, desk.settings) == 1
    assert jobs.finish(desk.database, claimed(desk), cancelled)
    assert desk.state(solve_id) == "cancelled"
    assert num_plans(desk) == 2


def test_a_webhook_message_is_written_with_the_end_and_for_whole_solves_only(
    desk: Desk, small: Network
) -> None:
    hook = Webhook(tenant_id=desk.tenant_id, url="https://x", secret="", created_at=0.0)
    with desk.database.write() as session:
        session.add(hook)
    solve_id, _ = split(desk, small, 1)
    assert jobs.finish(desk.database, claimed(desk), FOUND)
    assert jobs.finish(desk.database, claimed(desk), FOUND)
    with desk.database.read() as session:
        (message,) = session.scalars(select(OutboxMessage)).all()
    assert message.body["type"] == "solve.finished"
    assert message.body["data"]["solve"] == solve_id


def test_settings_default_to_a_lease_of_several_heartbeats() -> None:
    settings = Settings(database_url="sqlite://")
    assert settings.lease_s >= 5 * settings.heartbeat_s


def test_a_store_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(MatcherError, match=r"'mysql' is no store of the service"):
        Database("mysql://localhost/matcher")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("matcher.sqlite3", "is no address"),
        ("postgresql://a:p/w@host:port/matcher", "is no address"),
        ("postgresql://host/matcher", "names no user"),
        ("postgresql://a@host/matcher?sslmode=require", "'sslmode' is no parameter"),
    ],
)
def test_an_address_that_is_none_of_a_store_is_refused(url: str, told: str) -> None:
    with pytest.raises(MatcherError, match=told) as refused:
        Database(url)
    assert "p/w" not in str(refused.value)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'matcher.sqlite3'}")
    database.migrate()
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MatcherError, match="is not of this version"):
        database.migrate()
    database.close()
