"""``serve`` as a process: the first key, shown once, and an end that waits for nobody."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

import matcher
from api.app import create_app
from api.serve import serve
from matcher.errors import MatcherError
from matcher.network import Network
from tests.service import servers
from tests.service.api_world import ZIP, zipped
from worker.settings import Settings
from worker.store.database import Database

ROOT = Path(__file__).parents[2]
KEY = re.compile(r"\bmk_[A-Za-z0-9_-]{43}\b")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """The process, its address, and the file of what it prints."""
    port, log = servers.free_port(), folder / f"serve-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from api.serve import serve; serve(port={port})"],
            cwd=ROOT,
            env={**os.environ, "MATCHER_DATA": str(folder), "DATABASE_URL": "", "REDIS_URL": "",
                 "MATCHER_STOP_GRACE_S": "0.5"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        servers.until(lambda: answers(f"{url}/readyz"), 60, "the service is ready")
        yield process, url, log
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_fresh_service_shows_its_key_once_and_solves(tmp_path: Path, small: Network) -> None:
    with serving(tmp_path) as (process, url, log):
        keys = KEY.findall(log.read_text())
        assert len(keys) == 1
        client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {keys[0]}"}, timeout=60
        )
        sent = client.post("/v1/networks", content=zipped(small), headers={"Content-Type": ZIP})
        solve = client.post(
            "/v1/solves", json={"network": sent.json()["id"]}, headers={"Prefer": "wait=60"}
        )
        assert solve.json()["state"] == "succeeded"
        long = matcher.generate(seed=3)
        sent = client.post("/v1/networks", content=zipped(long), headers={"Content-Type": ZIP})
        body = {"network": sent.json()["id"], "options": {"time_limit_s": 300, "gap_limit": 0.0}}
        running = client.post("/v1/solves", json=body).json()["id"]
        state = f"/v1/solves/{running}"
        servers.until(lambda: client.get(state).json()["state"] == "running", 30, "it runs")
        # Somebody listens to a solve under way when the service is told to stop.
        events = f"{state}/events"
        with client.stream("GET", events, headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("event: queued")
            process.send_signal(signal.SIGTERM)
            for _ in lines:
                pass
        assert process.wait(20) == 0
    with serving(tmp_path) as (_, url, log):
        assert KEY.findall(log.read_text()) == []
        again = httpx.get(f"{url}{state}", headers={"Authorization": f"Bearer {keys[0]}"})
        assert again.json()["state"] in ("queued", "running")
        httpx.post(f"{url}{state}/cancel", headers={"Authorization": f"Bearer {keys[0]}"})


@pytest.mark.skipif(servers.postgres_programs() is None, reason="neither initdb nor wheel")
def test_a_postgres_that_refuses_is_told_in_one_line_with_the_next_step() -> None:
    with servers.own_postgres() as server:
        servers.execute(server.url, "CREATE ROLE buyer LOGIN PASSWORD 'right'")
        servers.execute(server.url, "CREATE DATABASE store")
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all buyer 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        server.kill()
        server.start()
        for login, database, problem, step in (
            ("buyer:wrong", "store", "password authentication failed", "check user and password"),
            ("buyer", "store", "password authentication failed", "check user and password"),
            ("nobody", "store", 'role "nobody" does not exist', "check user and password"),
            ("buyer:right", "none", 'database "none" does not exist', "create it"),
            ("buyer:right", "store", "permission denied", "let the user of DATABASE_URL"),
        ):
            url = f"postgresql://{login}@127.0.0.1:{server.port}/{database}"
            with pytest.raises(MatcherError) as refused:
                serve(port=0, settings=Settings(database_url=url))
            told = str(refused.value)
            assert problem in told
            assert step in told
            assert "\n" not in told
            assert "wrong" not in told


def test_a_port_that_is_taken_is_told_before_a_store_is_made(tmp_path: Path) -> None:
    fresh = Settings(database_url=f"sqlite:///{tmp_path / 'matcher.sqlite3'}")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(MatcherError, match=f"cannot listen on 127.0.0.1:{port}: .*--port"):
            serve(port=port, settings=fresh)
    with pytest.raises(MatcherError, match=r"cannot listen on nowhere\.invalid"):
        serve("nowhere.invalid", settings=fresh)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "worker", [["worker"], ["celery", "-A", "worker.celery_app", "worker"]], ids=["loop", "celery"]
)
def test_a_worker_with_a_wrong_variable_ends_with_a_line(tmp_path: Path, worker: list[str]) -> None:
    for variable, text, told in (
        ("DATABASE_URL", "postgresql:///store", "names no user"),
        ("DATABASE_URL", f"sqlite:///{tmp_path / 'file' / 'x'}", "cannot be made"),
        ("MATCHER_MAX_PAIRS", "many", "MATCHER_MAX_PAIRS: 'many' is not a whole number above 0"),
    ):
        (tmp_path / "file").touch()
        ended = subprocess.run(
            [sys.executable, "-m", *worker],
            cwd=ROOT,
            env={**os.environ, "MATCHER_DATA": str(tmp_path), "DATABASE_URL": "", variable: text},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1
        assert told in ended.stderr


def test_a_store_that_is_away_is_a_503_and_no_traceback() -> None:
    """PostgreSQL at a port where nobody listens: the answer says so, and when to ask again."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    away = Settings(database_url=f"postgresql://nobody@127.0.0.1:{port}/none")
    app = create_app(away, Database(away.database_url))
    with TestClient(app) as client:
        answer = client.get("/v1/solves", headers={"Authorization": f"Bearer {'x' * 50}"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["type"].endswith("store-away")
    with pytest.raises(MatcherError, match="cannot be opened"):
        serve(port=0, settings=away)
