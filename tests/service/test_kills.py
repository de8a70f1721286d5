"""Worker trees and Redis killed, messages lost: every accepted job ends once, with one result."""

from __future__ import annotations

import random
import signal
import time

import pytest
from sqlalchemy import func, select

from matcher.network import Network
from tests.service.conftest import Desk, Workers
from tests.service.servers import RedisServer, free_port, until
from worker.settings import Settings
from worker.store.models import Event, StoredPlan
from worker.wake import wakeup

SEED = 20_240_229


def on_redis(workers: Workers, desk: Desk, url: str) -> Settings:
    """Let workers of this test be woken by a broker; gives the settings of whoever submits."""
    workers.environment["REDIS_URL"] = url
    return desk.settings.model_copy(update={"redis_url": url})


def num_ends(desk: Desk, solve_id: str) -> tuple[int, int]:
    """How often a solve has ended, and how many plans it has."""
    with desk.database.read() as session:
        ends = select(func.count()).where(Event.solve_id == solve_id, Event.kind == "finished")
        stored = select(func.count()).where(StoredPlan.solve_id == solve_id)
        return session.scalar(ends) or 0, session.scalar(stored) or 0


@pytest.mark.parametrize(
    ("database_url", "kind"),
    [("sqlite", "loop"), ("postgresql", "celery")],
    indirect=["database_url"],
)
def test_a_job_of_a_killed_worker_is_done_once_by_another(
    desk: Desk, workers: Workers, redis_server: RedisServer, long: Network, kind: str
) -> None:
    settings = desk.settings
    if kind == "celery":
        settings = on_redis(workers, desk, redis_server.url)
    both = [workers.celery() if kind == "celery" else workers.loop() for _ in range(2)]
    solve_id = desk.submit(long, time_limit_s=4.0)
    wakeup.enqueue(settings, solve_id)
    until(lambda: any(workers.solvers(each) for each in both), 40, "a worker solves")
    (killed,) = [each for each in both if workers.solvers(each)]
    (other,) = [each for each in both if each is not killed]
    time.sleep(random.Random(SEED).uniform(0.0, 1.0))
    workers.kill(killed)
    killed_at = time.monotonic()
    until(lambda: not workers.survivors(), 10, "the killed worker's solver has ended")
    until(lambda: desk.see(solve_id).attempts == 2, 30, "the other worker takes the job")
    if kind == "loop":
        # lease 2 s, sweep 0.3 s, pause before the second attempt 1 s, look every 1 s
        assert time.monotonic() - killed_at < 10
    solve = desk.ended(solve_id)
    assert (solve.state, solve.attempts) == ("succeeded", 2)
    assert num_ends(desk, solve_id) == (1, 1)
    workers.kill(other)
    until(lambda: not workers.survivors(), 10, "no process is left")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_many_kills_of_worker_trees_lose_no_job(
    desk: Desk, workers: Workers, small: Network, long: Network
) -> None:
    workers.environment["MATCHER_MAX_ATTEMPTS"] = "20"
    draw = random.Random(SEED)
    ids = [desk.submit(draw.choice([small, long]), time_limit_s=1.0) for _ in range(5)]
    for _ in range(3):
        running = workers.loop()
        until(lambda r=running: workers.solvers(r) or all_ended(desk, ids), 30, "it solves")
        time.sleep(draw.uniform(0.0, 0.8))
        workers.kill(running)
    workers.loop()
    for each in ids:
        assert desk.ended(each, 40).state == "succeeded"
        assert num_ends(desk, each) == (1, 1)
    until(lambda: not workers.survivors(), 10, "no solver has survived its worker")


def all_ended(desk: Desk, ids: list[str]) -> bool:
    return all(desk.see(each).finished_at is not None for each in ids)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_redis_may_die_and_forget(
    desk: Desk, workers: Workers, redis_server: RedisServer, small: Network, long: Network
) -> None:
    settings = on_redis(workers, desk, redis_server.url)
    worker = workers.celery()
    running = desk.submit(long, time_limit_s=4.0)
    wakeup.enqueue(settings, running)
    until(lambda: workers.solvers(worker), 30, "the worker solves")
    forgotten = desk.submit(small)
    assert wakeup.enqueue(settings, forgotten)
    redis_server.kill()

    without = desk.submit(small)
    began = time.monotonic()
    assert not wakeup.enqueue(settings, without)  # and it does not raise
    assert not wakeup.enqueue(settings, without)
    assert time.monotonic() - began < 2.5
    # What runs goes on without the broker, and its result is taken.
    solve = desk.ended(running)
    assert (solve.state, solve.attempts) == ("succeeded", 1)
    assert desk.state(without) == "queued"

    redis_server.start()
    back_at = time.monotonic()
    for each in (forgotten, without):
        assert desk.ended(each).state == "succeeded"
        assert num_ends(desk, each) == (1, 1)
    started = max(desk.see(each).started_at or 0.0 for each in (forgotten, without))
    assert started - (time.time() - (time.monotonic() - back_at)) < 10
    assert num_ends(desk, running) == (1, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_committed_but_never_enqueued_is_swept(
    desk: Desk, workers: Workers, redis_server: RedisServer, small: Network
) -> None:
    on_redis(workers, desk, redis_server.url)
    workers.celery()
    solve_id = desk.submit(small)  # whoever submitted it has died before it could enqueue
    assert desk.ended(solve_id).state == "succeeded"
    assert num_ends(desk, solve_id) == (1, 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_celery_workers_share_the_parts_of_a_solve(
    desk: Desk, workers: Workers, redis_server: RedisServer, separable: Network
) -> None:
    settings = on_redis(workers, desk, redis_server.url)
    workers.environment["MATCHER_SPLIT_ABOVE_PAIRS"] = "20"
    for _ in range(2):
        workers.celery()
    until(lambda: workers.text().count(" ready.") == 2, 30, "both workers are ready")
    solve_id = desk.submit(separable, gap_limit=0.0, threads=1)
    wakeup.enqueue(settings, solve_id)
    solve = desk.ended(solve_id, 40)
    assert (solve.state, solve.solution_status, solve.parts) == ("succeeded", "optimal", 6)
    assert num_ends(desk, solve_id) == (1, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_celery_worker_that_is_stopped_gives_its_job_back(
    desk: Desk, workers: Workers, redis_server: RedisServer, long: Network
) -> None:
    settings = on_redis(workers, desk, redis_server.url)
    worker = workers.celery()
    solve_id = desk.submit(long, time_limit_s=60.0)
    wakeup.enqueue(settings, solve_id)
    until(lambda: workers.solvers(worker), 30, "the worker solves")
    worker.send_signal(signal.SIGTERM)
    worker.wait(15)
    solve = desk.see(solve_id)
    assert (solve.state, solve.attempts) == ("queued", 0)
    until(lambda: not workers.survivors(), 5, "no process is left")


def test_waking_without_a_broker_is_no_error(desk: Desk) -> None:
    assert not wakeup.enqueue(desk.settings, "id")
    nobody = desk.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    assert not wakeup.enqueue(nobody, "id")
    wakeup.sweep(nobody, ["id"])
