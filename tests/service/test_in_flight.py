"""Two requests at the same moment that touch the same things."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from matcher.network import Network
from tests.service.api_world import ZIP, World, world_on, zipped
from tests.service.servers import until
from tests.service.test_api_access import put_directory
from worker import access
from worker.settings import Settings
from worker.store.database import Database

KEY = {"Idempotency-Key": "order-1"}


@contextmanager
def world_of(settings: Settings, timeout_s: float) -> Iterator[World]:
    """A service, without a worker, that waits so long for a lock."""
    database = Database(settings.database_url, timeout_s)
    with world_on(database, settings) as world:
        yield world
    database.close()


class Pause:
    """Holds the first request open that it meets: its solve and key are written, not committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.goes_on = threading.Event(), threading.Event()
        audit = access.audit

        def paused(*given: Any, **named: Any) -> None:
            audit(*given, **named)
            if not self.reached.is_set():
                given[0].flush()
                self.reached.set()
                assert self.goes_on.wait(20)

        monkeypatch.setattr("worker.access.audit", paused)


def post(world: World, network: str, **options: Any) -> httpx.Response:
    """Submit a solve under the key."""
    body = {"network": network, "options": options}
    with world.with_key(world.client().headers["Authorization"].split()[1]) as client:
        return client.post("/v1/solves", json=body, headers=KEY)


def num_solves(world: World) -> int:
    return len(world.client().get("/v1/solves").json()["items"])


def test_the_second_of_two_waits_for_the_first_and_gets_its_solve(
    settings: Settings, small: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_of(settings, 10.0) as world, ThreadPoolExecutor(2) as pool:
        network = world.upload(small)
        pause = Pause(monkeypatch)
        first = pool.submit(post, world, network)
        assert pause.reached.wait(10)
        second = pool.submit(post, world, network)
        other = world.client().get("/v1/solves")  # reading goes on meanwhile
        assert other.json()["items"] == []
        with pytest.raises(TimeoutError):
            second.result(0.7)
        pause.goes_on.set()
        answers = [first.result(10), second.result(10)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert num_solves(world) == 1
        assert world.woken == [answers[0].json()["id"]]


def test_the_second_of_two_is_a_409_if_the_first_takes_too_long(
    settings: Settings, small: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_of(settings, 1.0) as world, ThreadPoolExecutor(2) as pool:
        network = world.upload(small)
        pause = Pause(monkeypatch)
        first = pool.submit(post, world, network)
        assert pause.reached.wait(10)
        second = post(world, network)
        pause.goes_on.set()
        assert second.status_code == 409
        assert second.headers["Content-Type"] == "application/problem+json"
        assert second.json()["type"] == "urn:supplier-matcher:problem:in-flight"
        assert int(second.headers["Retry-After"]) >= 1
        assert first.result(10).status_code == 202
        again = post(world, network)
        assert (again.status_code, again.json()["id"]) == (202, first.result().json()["id"])
        assert post(world, network, seed=7).status_code == 422
        assert num_solves(world) == 1


def test_many_at_once_make_one_solve(settings: Settings, small: Network) -> None:
    with world_of(settings, 10.0) as world, ThreadPoolExecutor(8) as pool:
        network = world.upload(small)
        barrier = threading.Barrier(8)

        def together(_: int) -> httpx.Response:
            barrier.wait(10)
            return post(world, network)

        answers = list(pool.map(together, range(8)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert num_solves(world) == 1
        until(lambda: len(world.woken) == 1, 5, "one worker is woken")


def test_equal_networks_sent_at_once_become_one(settings: Settings, small: Network) -> None:
    with world_of(settings, 10.0) as world, ThreadPoolExecutor(4) as pool:
        client, barrier = world.client(), threading.Barrier(4)

        def together(_: int) -> httpx.Response:
            with world.with_key(client.headers["Authorization"].split()[1]) as own:
                barrier.wait(10)
                return own.post(
                    "/v1/networks", content=zipped(small), headers={"Content-Type": ZIP}
                )

        answers = list(pool.map(together, range(4)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1


def test_an_entry_is_not_deleted_under_whoever_is_changing_it(
    settings: Settings, small: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_of(settings, 10.0) as world, ThreadPoolExecutor(2) as pool:
        put_directory(world, small)
        client, entry = world.client(), "/v1/requests/R1"
        before = client.get(entry)
        with world.with_key(client.headers["Authorization"].split()[1]) as other:
            pause = Pause(monkeypatch)
            change = pool.submit(client.put, entry, json=before.json()["tables"])
            assert pause.reached.wait(10)
            as_read = {"If-Match": before.headers["ETag"]}
            delete = pool.submit(other.delete, entry, headers=as_read)
            with pytest.raises(TimeoutError):
                delete.result(0.7)
            pause.goes_on.set()
            assert change.result(10).status_code == 200
            assert delete.result(10).status_code == 412
        assert client.get(entry).json()["version"] == before.json()["version"] + 1
