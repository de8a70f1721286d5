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
    with pytest.raises(MatcherError, match="cannot be reached"):
        serve(port=0, settings=away)
