"""The runner and the claim loop on real solvers and real stores."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

import matcher
from matcher.errors import InputError, MatcherError
from matcher.network import Network
from matcher.network.split import subnetworks_of
from matcher.plan import plan_from_dict
from tests.service.conftest import Desk, Workers, is_solver
from tests.service.servers import until
from worker import jobs, queries
from worker.jobs import endings, runner, scenarios
from worker.settings import Settings
from worker.store.database import Database
from worker.store.models import Event, NetworkSnapshot, Solve
from worker.wake.loop import Loop

EXACT = {"gap_limit": 0.0, "threads": 1}
# What is tested has little to do with the store.
on_one_store = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@contextmanager
def loop(desk: Desk, concurrency: int = 1, name: str = "loop") -> Iterator[Loop]:
    """A claim loop in this process."""
    running = Loop(desk.database, desk.settings, name, concurrency=concurrency)
    running.start()
    try:
        yield running
    finally:
        running.stop(0.0)


def solvers() -> list[psutil.Process]:
    """Solver processes that this process has started."""
    return [each for each in psutil.Process().children(recursive=True) if is_solver(each)]


def test_a_solve_gives_the_plan_that_the_library_gives(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small, **EXACT)
    with loop(desk):
        solve = desk.ended(solve_id)
    assert (solve.state, solve.solution_status, solve.termination_reason) == (
        "succeeded",
        "optimal",
        "proved",
    )
    expected = matcher.solve(small, gap_limit=0.0, threads=1)
    document = desk.plan(solve_id)
    assert document is not None
    plan = plan_from_dict(document)
    assert plan.awards.equals(expected.awards)
    assert solve.best == pytest.approx(expected.result.best if expected.result else None)
    assert solve.verdict == expected.verdict
    assert matcher.check(small, plan).ok


def test_a_mistake_ends_the_solve_at_once_and_says_what_is_wrong(
    desk: Desk, small: Network
) -> None:
    unknown = desk.submit(small, engine="hihgs")
    nonsense = desk.submit(small, gap_limit=7.0)
    no_option = desk.submit(small, tea="green")
    with loop(desk):
        ended = [desk.ended(each) for each in (unknown, nonsense, no_option)]
    assert [solve.state for solve in ended] == ["failed"] * 3
    assert [solve.attempts for solve in ended] == [1, 1, 1]
    assert "did you mean 'highs'?" in (ended[0].error or "")
    assert "gap_limit: '7.0' is out of range" in (ended[1].error or "")
    assert "tea: 'green' is no option of a solve" in (ended[2].error or "")


def test_a_solver_that_always_crashes_fails_the_solve_after_three_attempts(
    desk: Desk, small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "RETRY_AFTER_S", 0.1)
    # The solver's process, a real one, finds this in place of the solver and dies of it.
    (tmp_path / "highspy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.syspath_prepend(tmp_path)
    solve_id = desk.submit(small)
    with loop(desk):
        solve = desk.ended(solve_id)
    assert (solve.state, solve.attempts) == ("failed", 3)
    assert solve.termination_reason == "crashed"
    assert "SIGSEGV" in (solve.error or "")
    assert (solve.error or "").endswith("given up after 3 attempts")


@pytest.mark.parametrize(
    ("database_url", "engine"),
    [("sqlite", "highs"), ("postgresql", "cpsat")],
    indirect=["database_url"],
)
def test_a_running_solve_is_cancelled_within_5_s_and_keeps_its_best_plan(
    desk: Desk, long: Network, engine: str
) -> None:
    solve_id = desk.submit(long, engine=engine, time_limit_s=60.0, threads=1)

    def has_awards() -> bool:
        # Without any award all is unmet: that is the plan a search begins with.
        nothing = float(long.demands["priority"].sum())
        with desk.database.read() as session:
            told = session.scalars(select(Event).where(Event.solve_id == solve_id)).all()
        return any(
            event.kind == "progress"
            and event.data["best"] is not None
            and (event.data["objective"] == "cost" or event.data["best"] < nothing)
            for event in told
        )

    with loop(desk):
        until(has_awards, 30, "a plan is found")
        desk.cancel(solve_id)
        took = until(lambda: desk.state(solve_id) == "cancelled", 15, "cancelled")
    assert took <= 5.0
    solve, document = desk.see(solve_id), desk.plan(solve_id)
    assert (solve.solution_status, solve.termination_reason) == ("feasible", "cancelled")
    assert document is not None
    plan = plan_from_dict(document)
    assert plan.awards.height > 0
    assert matcher.check(long, plan).ok
    assert not solvers()


@pytest.mark.parametrize(
    ("database_url", "engine"),
    [("sqlite", "highs"), ("postgresql", "cpsat")],
    indirect=["database_url"],
)
def test_a_solve_in_presolve_is_cancelled_within_5_s(
    desk: Desk, huge: Network, engine: str
) -> None:
    solve_id = desk.submit(huge, engine=engine, time_limit_s=60.0)
    with loop(desk):
        until(lambda: desk.state(solve_id) == "running", 10, "running")
        until(solvers, 30, "a solver process", every_s=0.01)
        time.sleep(0.3)
        desk.cancel(solve_id)
        took = until(lambda: desk.state(solve_id) == "cancelled", 15, "cancelled")
    assert took <= 5.0
    assert desk.plan(solve_id) is not None
    assert not solvers()


@on_one_store
def test_limits_are_clipped_to_what_the_service_allows(
    new_desk: Callable[..., Desk], small: Network
) -> None:
    desk = new_desk(max_time_limit_s=7.0, max_threads=1)
    solve_id = desk.submit(small, time_limit_s=1e9, threads=64)
    with loop(desk):
        desk.ended(solve_id)
    run = (desk.plan(solve_id) or {})["run"]
    assert (run["time_limit_s"], run["threads"]) == (7.0, 1)


@on_one_store
def test_a_memory_limit_ends_the_solve_and_not_the_worker(
    desk: Desk, small: Network, long: Network
) -> None:
    greedy = desk.submit(long, memory_limit_bytes=40 * 2**20)
    modest = desk.submit(small)
    with loop(desk):
        assert desk.ended(greedy).termination_reason == "memory_limit"
        assert desk.ended(modest).state == "succeeded"


@on_one_store
def test_progress_is_told_at_most_once_a_second_and_only_what_is_new(
    desk: Desk, long: Network
) -> None:
    solve_id = desk.submit(long, time_limit_s=4.0)
    with loop(desk):
        desk.ended(solve_id)
    with desk.database.read() as session:
        query = select(Event).where(Event.solve_id == solve_id).order_by(Event.seq)
        told = [event for event in session.scalars(query) if event.kind == "progress"]
    assert told
    states = [(e.data["objective"], e.data["best"], e.data["bound"]) for e in told]
    assert all(a != b for a, b in pairwise(states))
    assert all(b.at - a.at > 0.9 for a, b in pairwise(told))


def test_a_solve_in_parts_gives_the_optimum_of_the_whole(
    new_desk: Callable[..., Desk], separable: Network
) -> None:
    desk = new_desk(split_above_pairs=20, max_running=2)
    solve_id = desk.submit(separable, **EXACT)
    with loop(desk, concurrency=2):
        solve = desk.ended(solve_id)
    assert len(subnetworks_of(separable)) == 6  # or there is nothing to test
    parts = desk.parts(solve_id)
    assert [part.part for part in parts] == list(range(6))
    assert {part.state for part in parts} == {"succeeded"}
    assert {part.attempts for part in parts} == {1}
    whole = matcher.solve(separable, gap_limit=0.0, threads=1)
    assert whole.result is not None
    assert whole.result.solution_status == "optimal"
    assert (solve.state, solve.solution_status) == ("succeeded", "optimal")
    assert solve.best == pytest.approx(whole.result.best, rel=1e-6)
    assert solve.bound == pytest.approx(whole.result.bound, rel=1e-6)
    document = desk.plan(solve_id)
    assert document is not None
    assert matcher.check(separable, plan_from_dict(document)).ok
    with desk.database.read() as session:
        derived = session.scalars(
            select(NetworkSnapshot.derived_from).where(
                NetworkSnapshot.id.in_([part.network_id for part in parts])
            )
        ).all()
    assert set(derived) == {solve.network_id}

    # A part goes with its whole, and takes the networks made for the parts with it.
    with desk.database.write() as session:
        assert not queries.delete_solve(session, session.get_one(Solve, parts[0].id))
        assert queries.delete_solve(session, session.get_one(Solve, solve_id))
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Solve)) == 0
        assert session.scalar(select(func.count()).select_from(NetworkSnapshot)) == 1


@on_one_store
def test_a_small_network_is_not_split(desk: Desk, separable: Network) -> None:
    solve_id = desk.submit(separable)
    with loop(desk):
        desk.ended(solve_id)
    assert desk.parts(solve_id) == []


def test_a_failed_part_fails_the_whole_with_its_reason(
    new_desk: Callable[..., Desk], separable: Network
) -> None:
    desk = new_desk(split_above_pairs=20)
    solve_id = desk.submit(separable, engine="no such engine")
    with loop(desk):
        solve = desk.ended(solve_id)
    assert solve.state == "failed"
    assert "of 6 failed: unknown engine 'no such engine'" in (solve.error or "")
    assert {part.state for part in desk.parts(solve_id)} <= {"failed", "cancelled"}


def test_cancelling_a_split_solve_merges_what_was_found(
    new_desk: Callable[..., Desk], separable: Network
) -> None:
    desk = new_desk(split_above_pairs=20, max_running=1)
    solve_id = desk.submit(separable, **EXACT)
    with loop(desk):
        until(
            lambda: any(part.state == "succeeded" for part in desk.parts(solve_id)),
            20,
            "a part has ended",
            every_s=0.01,
        )
        desk.cancel(solve_id)
        took = until(lambda: desk.state(solve_id) == "cancelled", 15, "cancelled")
    assert took <= 5.0
    assert "cancelled" in {part.state for part in desk.parts(solve_id)}
    solve, document = desk.see(solve_id), desk.plan(solve_id)
    assert solve.termination_reason == "cancelled"
    assert document is not None
    plan = plan_from_dict(document)
    assert plan.awards.height > 0
    assert matcher.check(separable, plan).ok


def test_a_grid_of_scenarios_is_a_table_of_results(desk: Desk, small: Network) -> None:
    grid = [
        {"name": "as it is"},
        {"name": "dearer", "scale": {"bids.price": 2.0, "tiers.price": 2.0}},
        {"name": "by CP-SAT", "options": {"engine": "cpsat"}},
        {"name": "impossible", "scale": {"demands.share_cap": 1000.0}},
    ]
    if small.demands["share_cap"].is_null().all():
        grid[3] = {"name": "impossible", "scale": {"bids.on_time_rate": 1000.0}}
    invalid = desk.submit(small, **EXACT, scenarios=grid)
    solve_id = desk.submit(small, **EXACT, scenarios=grid[:3])
    with loop(desk, concurrency=2):
        assert "scenario 'impossible'" in (desk.ended(invalid).error or "")
        solve = desk.ended(solve_id)
    document = desk.plan(solve_id)
    assert document is not None
    assert document["format"] == "matcher scenarios 1"
    rows = document["scenarios"]
    assert [row["name"] for row in rows] == ["as it is", "dearer", "by CP-SAT"]
    assert solve.solution_status == "optimal"
    base = matcher.solve(small, gap_limit=0.0).result
    assert base is not None
    assert rows[0]["best"] == pytest.approx(base.best)
    assert rows[2]["best"] == pytest.approx(base.best)
    changed = scenarios.applied(small, scenarios.validated(grid[1:2])[0])
    dearer = matcher.solve(changed, gap_limit=0.0).result
    assert dearer is not None
    assert rows[1]["best"] == pytest.approx(dearer.best)
    assert (dearer.best or 0) > (base.best or 0)
    assert all(desk.plan(row["solve"]) is not None for row in rows)


def test_every_fault_of_a_grid_is_named() -> None:
    with pytest.raises(InputError) as error:
        scenarios.validated(
            [
                {"name": "a", "scale": {"demands.due": 2.0, "bids.prize": 1.0}},
                {"name": "a", "options": {"engine": "hihgs"}},
            ]
        )
    assert [issue.column for issue in error.value.issues] == [
        "/0/scale/demands.due",
        "/0/scale/bids.prize",
        "/1/name",
        "/1/options/engine",
    ]
    for wrong in (
        [],
        {},
        [{"name": "a", "scale": {"bids.price": 0}}],
        [{"name": "a", "scale": {"bids.price": float("nan")}}],
        [{"name": "a", "options": {"scenarios": []}}],
    ):
        with pytest.raises(InputError):
            scenarios.validated(wrong)


@on_one_store
def test_a_paused_worker_that_wakes_after_its_lease_writes_nothing(
    desk: Desk, workers: Workers, long: Network
) -> None:
    solve_id = desk.submit(long, time_limit_s=4.0)
    paused = workers.loop()
    until(lambda: workers.solvers(paused), 30, "the first worker solves")
    paused.send_signal(signal.SIGSTOP)
    try:
        other = workers.loop()
        until(lambda: desk.see(solve_id).attempts == 2, 20, "another worker has taken the solve")
    finally:
        paused.send_signal(signal.SIGCONT)
    solve = desk.ended(solve_id)
    assert (solve.state, solve.attempts) == ("succeeded", 2)
    result = (solve.finished_at, solve.best, solve.num_events)
    until(lambda: not workers.solvers(paused), 10, "the first worker's solver has ended")
    time.sleep(0.5)
    solve = desk.see(solve_id)
    assert (solve.finished_at, solve.best, solve.num_events) == result
    assert paused.poll() is None
    assert other.poll() is None


def test_a_stopped_loop_gives_back_what_runs_without_losing_an_attempt(
    desk: Desk, long: Network
) -> None:
    solve_id = desk.submit(long, time_limit_s=60.0)
    with loop(desk) as stopping:
        until(solvers, 30, "a solver process")
        began = time.monotonic()
        stopping.stop(0.3)
        took = time.monotonic() - began
    assert took < 6.0
    assert not solvers()
    solve = desk.see(solve_id)
    assert (solve.state, solve.attempts) == ("queued", 0)


def test_a_stopped_loop_lets_a_job_finish_within_the_grace(desk: Desk, small: Network) -> None:
    solve_id = desk.submit(small)
    with loop(desk) as stopping:
        until(lambda: desk.state(solve_id) != "queued", 10, "claimed")
        stopping.stop(20.0)
    assert desk.state(solve_id) == "succeeded"


@on_one_store
def test_a_waiting_loop_is_woken_at_once(desk: Desk, small: Network) -> None:
    with loop(desk) as running:
        time.sleep(2.0)  # by now it looks once a second only
        solve_id = desk.submit(small)
        running.wake.set()
        assert until(lambda: desk.state(solve_id) != "queued", 5, "claimed", every_s=0.005) < 0.3
        desk.ended(solve_id)


def test_a_lost_lease_stops_the_solve(desk: Desk, long: Network) -> None:
    solve_id = desk.submit(long, time_limit_s=60.0)
    claim = jobs.claim(desk.database, "w", desk.settings)
    assert claim is not None
    thread = threading.Thread(target=runner.run, args=(desk.database, claim, desk.settings))
    thread.start()
    until(solvers, 30, "a solver process")
    with desk.database.write() as session:
        session.get_one(type(desk.see(solve_id)), solve_id).epoch += 1  # another has claimed it
    thread.join(10)
    assert not thread.is_alive()
    assert desk.see(solve_id).state == "running"
    assert desk.plan(solve_id) is None


@on_one_store
def test_sigterm_ends_a_worker_process_and_gives_its_job_back(
    desk: Desk, workers: Workers, long: Network
) -> None:
    solve_id = desk.submit(long, time_limit_s=60.0)
    process = workers.loop()
    until(lambda: workers.solvers(process), 30, "the worker solves")
    # A signal to the process may reach any of its threads; here not the one that waits for it.
    os.kill(max(thread.id for thread in psutil.Process(process.pid).threads()), signal.SIGTERM)
    assert process.wait(15) == 0
    assert (desk.see(solve_id).state, desk.see(solve_id).attempts) == ("queued", 0)
    until(lambda: not workers.survivors(), 5, "no process is left")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.settings import settings_from_environment

    for name in list(os.environ):
        if name.startswith("MATCHER_") or name in ("DATABASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MATCHER_DATA", "elsewhere")
    monkeypatch.setenv("MATCHER_LEASE_S", "12.5")
    monkeypatch.setenv("MATCHER_STOP_GRACE_S", "0")
    monkeypatch.setenv("MATCHER_CONCURRENCY", "")  # as if not set
    settings = settings_from_environment()
    assert settings == Settings(
        database_url="sqlite:///elsewhere/matcher.sqlite3", lease_s=12.5, stop_grace_s=0
    )
    for wrong in ("many", "0", "-1", "1.5"):
        monkeypatch.setenv("MATCHER_REQUESTS_PER_MINUTE", wrong)
        with pytest.raises(MatcherError, match=f"MATCHER_REQUESTS_PER_MINUTE: '{wrong}'"):
            settings_from_environment()
    monkeypatch.setenv("MATCHER_STOP_GRACE_S", "inf")
    monkeypatch.setenv("MATCHER_SPLIT_ABOVE_PAIRS", "-1")
    with pytest.raises(MatcherError) as all_at_once:
        settings_from_environment()
    assert set(str(all_at_once.value).splitlines()) == {
        "MATCHER_REQUESTS_PER_MINUTE: '1.5' is not a whole number above 0; give one",
        "MATCHER_SPLIT_ABOVE_PAIRS: '-1' is not a whole number 0 or more; give one",
        "MATCHER_STOP_GRACE_S: 'inf' is not a number 0 or more; give one",
    }
    assert Database("sqlite://").url.get_backend_name() == "sqlite"
