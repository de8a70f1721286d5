"""How long it takes until a cancelled solve has ended, at random moments of its life."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import select

import matcher
from matcher.network import Network
from matcher.plan import plan_from_dict
from tests.service.conftest import Desk
from tests.service.servers import until
from tests.service.test_kills import num_ends
from tests.service.test_worker import loop, solvers
from worker.store.models import Event

SEED = 20_261_121
# Seconds after the claim: at once, while the solver's process starts, while it presolves, and at
# random while it searches.
EARLY_S = (0.0, 0.1, 0.3, 0.6)
NUM_LATER = 8
LATEST_S = 7.0


@dataclass(frozen=True)
class Cancelled:
    """A solve cancelled ``moment_s`` after its claim, which then took ``took_s`` to end."""

    solve_id: str
    network: Network
    moment_s: float
    took_s: float


def cancelled_at(desk: Desk, network: Network, engine: str, moment_s: float | None) -> Cancelled:
    """Submit a solve, let it run for a while, or until it has told of awards, and cancel it."""
    solve_id = desk.submit(network, engine=engine, time_limit_s=120.0, threads=1)
    until(lambda: desk.state(solve_id) == "running", 20, "it is claimed", every_s=0.01)
    claimed = time.monotonic()
    if moment_s is None:
        until(lambda: has_awards(desk, network, solve_id), 60, "it has awards", every_s=0.1)
        moment_s = time.monotonic() - claimed
    else:
        time.sleep(moment_s)
    began = time.monotonic()
    desk.cancel(solve_id)
    until(lambda: desk.state(solve_id) == "cancelled", 30, "it is cancelled", every_s=0.01)
    return Cancelled(solve_id, network, moment_s, time.monotonic() - began)


def least_told(desk: Desk, solve_id: str, objective: str) -> float | None:
    """The least value of an objective that the solve reported while it ran."""
    with desk.database.read() as session:
        query = select(Event).where(Event.solve_id == solve_id, Event.kind == "progress")
        told = [event.data for event in session.scalars(query)]
    values = [each["best"] for each in told if each["objective"] == objective]
    return min((value for value in values if value is not None), default=None)


def has_awards(desk: Desk, network: Network, solve_id: str) -> bool:
    """Whether the solve told of a plan with awards."""
    nothing = float(network.demands["priority"].sum())
    unmet, cost = (least_told(desk, solve_id, of) for of in ("coverage", "cost"))
    return cost is not None or (unmet is not None and unmet < nothing)


def keeps_its_best(desk: Desk, each: Cancelled) -> bool:
    """Whether a plan with awards was found, which the solve must then have kept."""
    if not has_awards(desk, each.network, each.solve_id):
        return False
    unmet, cost = (least_told(desk, each.solve_id, of) for of in ("coverage", "cost"))
    document = desk.plan(each.solve_id)
    assert document is not None
    plan = plan_from_dict(document)
    assert plan.awards.height > 0
    assert plan.result is not None
    assert plan.result.coverage is not None
    assert unmet is None or plan.result.coverage.unmet <= unmet * (1 + 1e-6)
    if cost is not None:
        best = desk.see(each.solve_id).best
        assert best is not None
        assert best <= cost * (1 + 1e-6)
    assert matcher.check(each.network, plan).ok
    return True


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_running_solves_of_both_engines_are_cancelled_in_time(
    new_desk: Callable[..., Desk],
    long: Network,
    huge: Network,
    record_property: Callable[[str, object], None],
) -> None:
    desk = new_desk(max_running=2)

    def all_of(engine: str) -> list[Cancelled]:
        draw = random.Random(f"{SEED} {engine}")
        moments = [*EARLY_S, *(draw.uniform(0.0, LATEST_S) for _ in range(NUM_LATER))]
        ended = [cancelled_at(desk, long, engine, moment_s) for moment_s in (*moments, None)]
        return [*ended, cancelled_at(desk, huge, engine, draw.uniform(0.5, 2.0))]

    engines = ("highs", "cpsat")
    with loop(desk, concurrency=2), ThreadPoolExecutor(2) as pool:
        found = dict(zip(engines, pool.map(all_of, engines), strict=True))
    for engine, ended in found.items():
        took_s = np.array([each.took_s for each in ended])
        p50, p95 = np.percentile(took_s, [50, 95])
        kept = sum(keeps_its_best(desk, each) for each in ended)
        figures = (
            f"{len(ended)} cancels, {kept} with a plan: median {p50:.2f} s, p95 {p95:.2f} s, "
            f"at most {took_s.max():.2f} s"
        )
        print(f"{engine}: {figures}")
        record_property(f"cancel_{engine}", figures)
        assert p95 <= 5.0, ended
        assert took_s.max() <= 15.0, ended
        assert kept >= 1, ended
        for each in ended:
            solve = desk.see(each.solve_id)
            assert (solve.state, solve.termination_reason) == ("cancelled", "cancelled")
            assert num_ends(desk, each.solve_id)[0] == 1
    assert not solvers()


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_queued_solves_are_cancelled_at_once(
    new_desk: Callable[..., Desk], small: Network, long: Network
) -> None:
    desk = new_desk(max_running=1)
    with loop(desk):
        running = desk.submit(long, time_limit_s=60.0, threads=1)
        until(lambda: desk.state(running) == "running", 10, "the worker is busy")
        queued = [desk.submit(small) for _ in range(10)]
        for solve_id in queued:
            began = time.monotonic()
            desk.cancel(solve_id)
            assert desk.state(solve_id) == "cancelled"
            assert time.monotonic() - began <= 1.0
            assert num_ends(desk, solve_id) == (1, 0)
        desk.cancel(running)
        assert desk.ended(running, 15).state == "cancelled"
