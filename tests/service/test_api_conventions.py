"""What holds for every answer: problems, headers, limits, pages, and the page of documentation."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.ratelimit import RateLimiter
from matcher.network import Network
from tests.service import servers
from tests.service.api_world import World, new_store, world_on

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def world(module_store_url: str) -> Iterator[World]:
    database, settings = new_store(module_store_url)
    with world_on(database, settings) as world:
        yield world
    database.close()


def test_security_headers_are_on_every_answer(world: World) -> None:
    client = world.client()
    for url in ("/livez", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/v1/solves",
                "/v1/solves/nothing", "/nothing", "/metrics"):  # fmt: skip
        headers = client.get(url).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy, url
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "server" not in headers


def test_the_documentation_loads_nothing_from_elsewhere(world: World) -> None:
    page = world.client().get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 4
    for url in loaded:
        assert url.startswith("/docs/")
        assert world.client().get(url).status_code == 200
    assert not re.search(r"<script>|<style|onload=|style=", page)


def test_errors_are_problems(world: World) -> None:
    client = world.client()
    for answer, status in (
        (client.get("/v1/nothing"), 404),
        (client.patch("/v1/solves"), 405),
        (client.get("/v1/solves", params={"limit": 0}), 422),
        (client.get("/v1/solves", params={"limits": 5}), 422),
        (client.get("/v1/solves", params={"cursor": "bm9uc2Vuc2U"}), 422),
        (
            client.post("/v1/solves", content=b"{", headers={"Content-Type": "application/json"}),
            422,
        ),
        (client.get(f"/v1/solves/{'0' * 32}"), 404),
    ):
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert {"type", "title", "status", "detail", "issues"} == set(problem)
        assert problem["status"] == status
    assert client.patch("/v1/solves").headers["Allow"] == "GET, POST"
    assert "known are cursor, limit, state" in client.get("/v1/solves?limits=5").text


def test_pages_go_on_where_the_last_one_ended(world: World, small: Network) -> None:
    client = world.client()
    network = world.upload(small)
    made = [client.post("/v1/solves", json={"network": network}).json()["id"] for _ in range(5)]
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 2}
    while True:
        page = client.get("/v1/solves", params=params).json()
        assert len(page["items"]) <= 2
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == made[::-1]
    assert len(client.get("/v1/solves", params={"state": "queued"}).json()["items"]) == 5
    assert client.get("/v1/solves", params={"state": "failed"}).json()["items"] == []


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    database, settings = new_store(tmp_path)
    with world_on(database, settings, per_minute=3) as world:
        client, other = world.client("agency"), world.client("viewer")
        answers = [client.get("/v1/limits") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=60'
        assert answers[0].headers["RateLimit"].startswith('"requests";r=2;t=')
        assert answers[3].headers["RateLimit"].startswith('"requests";r=0;t=')
        assert 0 < int(answers[3].headers["Retry-After"]) <= 20
        assert other.get("/v1/limits").status_code == 200  # a key has a limit of its own
        assert client.get("/livez").status_code == 200
    database.close()


def test_a_bucket_refills(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("api.ratelimit.time.monotonic", lambda: now)
    limiter = RateLimiter(2)
    assert [limiter.take("a").is_over for _ in range(3)] == [False, False, True]
    now = 30.0  # two a minute: one in 30 s
    assert [limiter.take("a").is_over for _ in range(2)] == [False, True]
    assert limiter.take("a").wait_s == 30


def test_api_processes_count_requests_together(
    tmp_path: Path, redis_server: servers.RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ratelimit._AWAY_S", 0.2)
    database, settings = new_store(tmp_path, redis_url=redis_server.url)
    with (
        world_on(database, settings, per_minute=4) as one,
        world_on(database, settings, per_minute=4) as two,
    ):
        key = one.key("viewer")
        here, there = one.with_key(key), two.with_key(key)
        turns = [(here if i % 2 else there).get("/v1/limits") for i in range(6)]
        assert [answer.status_code for answer in turns] == [200] * 4 + [429] * 2
        left = [answer.headers["RateLimit"].split(";")[1] for answer in turns]
        assert left == ["r=3", "r=2", "r=1", "r=0", "r=0", "r=0"]
        assert 0 < int(turns[5].headers["Retry-After"]) <= 15  # four a minute: one in 15 s

        # Without Redis each process counts for itself, and nobody notices but by the count.
        redis_server.kill()
        alone = [here.get("/v1/limits") for _ in range(5)]
        assert [answer.status_code for answer in alone] == [200] * 4 + [429]
        assert there.get("/v1/limits").status_code == 200
        assert alone[0].elapsed.total_seconds() < 2.0

        redis_server.start()
        time.sleep(0.3)
        again = [(here if i % 2 else there).get("/v1/limits") for i in range(5)]
        assert [answer.status_code for answer in again] == [200] * 4 + [429]
    database.close()


def test_webhooks_go_to_public_https_addresses_only(world: World) -> None:
    client = world.client()
    for url in (
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://localhost/x",
        "https://user@1.1.1.1/",
        "http://1.1.1.1/x",
    ):
        answer = client.post("/v1/webhooks", json={"url": url})
        assert answer.status_code == 422, url
        assert answer.json()["issues"][0]["pointer"] == "/url"
    made = client.post("/v1/webhooks", json={"url": "https://1.1.1.1/hook"})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    url = made.headers["Location"]
    assert "secret" not in client.get(url).json()
    assert client.put(url, json={"url": "https://1.0.0.1/new"}).json()["url"].endswith("/new")
    assert client.put(url, json={"url": "https://10.0.0.1/"}).status_code == 422
    assert [row["id"] for row in client.get("/v1/webhooks").json()["items"]] == [made.json()["id"]]
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_figures_name_routes_not_ids(world: World) -> None:
    client = world.client()
    client.get(f"/v1/solves/{'1' * 32}")
    text = client.get("/metrics").text
    assert 'matcher_requests_total{method="GET",route="/v1/solves/{solve_id}",status="404"}' in text
    assert "1" * 32 not in text
    assert 'matcher_solves{state="queued"}' in text
    assert client.get("/readyz").json() == {"status": "ready"}


def test_a_store_that_is_away_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def away(_: object) -> None:
        raise OperationalError("SELECT 1", None, Exception("away"))

    database, settings = new_store(tmp_path)
    with world_on(database, settings) as world:
        monkeypatch.setattr("worker.queries.ping", away)
        answer = world.client().get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert world.client().get("/livez").status_code == 200
    database.close()


def test_what_nobody_foresaw_is_a_problem_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    database, settings = new_store(tmp_path)
    with world_on(database, settings) as world:
        monkeypatch.setattr("worker.jobs.num_queued", broken)
        answer = world.client().get("/v1/limits")
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "ZeroDivision" not in answer.text
        assert answer.headers["X-Frame-Options"] == "DENY"
    database.close()


def test_the_operator_makes_tenants(tmp_path: Path) -> None:
    database, settings = new_store(tmp_path)
    command = [sys.executable, "-m", "api.tenants", "park-7"]
    told = [
        subprocess.run(
            command, env={"DATABASE_URL": settings.database_url}, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    keys = [line.split()[-1] for line in told]
    assert len(set(keys)) == 2
    with world_on(database, settings) as world:
        made = world.with_key(keys[0]).post("/v1/keys", json={"name": "n", "role": "viewer"})
        assert made.status_code == 201
        listed = world.with_key(keys[1]).get("/v1/keys").json()["items"]
        assert len(listed) == 3
    database.close()
