"""End to end over real sockets: command line and client on a service of its own processes.

Once as `matcher serve` alone, with SQLite and the worker inside; once on PostgreSQL, Redis and a
Celery worker. Nothing is faked.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from sqlalchemy import make_url

import matcher
from matcher.client import XLSX, Client
from matcher.network import Network
from matcher.plan import Plan
from tests.service import servers
from worker import outbox

ROOT = Path(__file__).parents[2]
FIRST_STEPS = ROOT / "examples" / "first-steps"
ASEAN = ROOT / "examples" / "asean-electronics"
# At this gap the search of the sample ends by its gap, never by the clock: the plan is the same.
GAP = 0.005
START_S = 60.0
KEY = re.compile(r"\bmk_[A-Za-z0-9_-]{40,}")


@dataclass(frozen=True)
class Service:
    """A running service, its first key, and where its store is."""

    url: str
    key: str
    environment: dict[str, str]

    def client(self) -> Client:
        return Client(self.url, self.key)

    def command(self, *arguments: object) -> subprocess.Popen[str]:
        """`matcher` with these arguments and the key in its environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "matcher", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "MATCHER_KEY": self.key},
            start_new_session=True,
        )


@contextmanager
def process(log: Path, environment: dict[str, str], *command: str) -> Iterator[None]:
    """A process of its own session, with its output in a file; its whole tree ends with it."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            start_new_session=True,
        )
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def until(holds: Callable[[], bool], what: str, log: Path, seconds: float = START_S) -> None:
    """Wait for something; what the process said is in the failure."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} not within {seconds} s:\n{log.read_text()}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[Service]:
    """`matcher serve` on a free port."""
    port = servers.free_port()
    log = folder / "serve.log"
    environment = {"MATCHER_DATA": str(folder / "data"), **environment}
    with process(log, environment, "matcher", "serve", "--port", str(port)):
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/readyz"), "ready", log)
        until(lambda: KEY.search(log.read_text()) is not None, "a key", log)
        key = KEY.search(log.read_text())
        assert key is not None
        yield Service(url, key[0], environment)


@contextmanager
def database_on(server_url: str) -> Iterator[str]:
    """An empty database of a PostgreSQL server."""
    name = f"test_{uuid4().hex[:12]}"
    servers.execute(server_url, f"CREATE DATABASE {name}")
    yield make_url(server_url).set(database=name).render_as_string(False)
    servers.execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["embedded", "servers"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with ExitStack() as stack:
        if request.param == "embedded":
            environment = {"DATABASE_URL": "", "REDIS_URL": ""}
            yield stack.enter_context(serving(folder, environment))
            return
        environment = {
            "DATABASE_URL": stack.enter_context(
                database_on(request.getfixturevalue("postgres_url"))
            ),
            "REDIS_URL": request.getfixturevalue("redis_url"),
        }
        running = stack.enter_context(serving(folder, environment))
        log = folder / "worker.log"
        celery = ("celery", "-A", "worker.celery_app", "worker", "--loglevel", "INFO")
        celery += ("--concurrency", "1", "--hostname", f"end-to-end-{os.getpid()}@%h")
        stack.enter_context(process(log, environment, *celery))
        until(lambda: "ready." in log.read_text(), "a worker", log)
        yield running


@pytest.fixture(scope="module")
def first_steps() -> tuple[Network, Plan]:
    network = matcher.read(FIRST_STEPS)
    return network, matcher.solve(network, gap_limit=0.0)


@pytest.fixture(scope="module")
def asean() -> tuple[Network, Plan]:
    network = matcher.read(ASEAN)
    return network, matcher.solve(network, gap_limit=GAP)


def document(plan: Plan) -> dict[str, object]:
    """The plan without how it was made, which tells the seconds."""
    return {name: part for name, part in plan.to_dict().items() if name != "run"}


def test_first_steps_has_the_same_plan(service: Service, first_steps: tuple[Network, Plan]) -> None:
    network, here = first_steps
    with service.client() as client:
        job = client.submit(network, gap_limit=0.0)
        status = job.follow()
        assert (status.state, status.solution_status) == ("succeeded", "optimal")
        assert status.termination_reason == "proved"
        there = job.plan()
    assert document(there) == document(here)
    assert matcher.check(network, there).ok


def test_the_sample_goes_in_as_xlsx_and_comes_back_as_xlsx(
    service: Service, asean: tuple[Network, Plan], tmp_path: Path
) -> None:
    network, here = asean
    matcher.write(network, tmp_path / "network.xlsx")
    told = []
    with service.client() as client:
        job = client.submit(tmp_path / "network.xlsx", gap_limit=GAP)
        job.follow(lambda objective, progress: told.append((objective, progress)))
        there = job.plan()
        workbook = client.request(
            "GET", f"/v1/solves/{job.id}/result", headers={"Accept": XLSX}
        ).content
    assert there.result is not None
    assert here.result is not None
    assert there.result.costs == here.result.costs
    assert there.awards.equals(here.awards)
    assert matcher.check(network, there).ok
    (tmp_path / "plan.xlsx").write_bytes(workbook)
    awards = openpyxl.load_workbook(tmp_path / "plan.xlsx", data_only=True)["Awards"]
    header, *rows = awards.iter_rows(values_only=True)
    column = header.index(f"Landed cost, {network.currency}")
    assert len(rows) == here.awards.height
    assert sum(float(row[column]) for row in rows) == pytest.approx(here.result.costs.landed)


def test_the_command_line_prints_the_same_as_without_a_service(
    service: Service, tmp_path: Path
) -> None:
    arguments = ("solve", FIRST_STEPS, "--gap", "0", "-o", tmp_path / "plan.json")
    here = service.command(*arguments)
    expected, _ = here.communicate(timeout=60)
    there = service.command(*arguments, "--server", service.url)
    printed, error = there.communicate(timeout=60)
    assert (here.returncode, there.returncode) == (0, 0), error
    assert printed == expected
    assert "proven optimal" in printed


@pytest.mark.skipif(os.name != "posix", reason="sends an interrupt as a terminal does")
def test_an_interrupt_cancels_and_fetches_the_best_plan(
    service: Service, asean: tuple[Network, Plan], tmp_path: Path
) -> None:
    # Coverage is proven within seconds, the least cost not within a minute.
    command = service.command(
        *("solve", ASEAN, "-o", tmp_path / "plan.json", "--time-limit", 120, "--gap", 0),
        *("--server", service.url),
    )
    with service.client() as client:
        deadline = time.monotonic() + 60
        while not (running := bests(client)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(command.pid, signal.SIGINT)
        _, error = command.communicate(timeout=60)
        assert command.returncode == 0, error
        assert "Traceback" not in error
        status = client.job(running[0]).status()
    assert (status.state, status.termination_reason) == ("cancelled", "cancelled")
    plan = matcher.read_plan(tmp_path / "plan.json")
    assert plan.result is not None
    assert plan.result.termination_reason == "cancelled"
    assert plan.result.best == status.best
    assert plan.awards.height > 0
    assert matcher.check(asean[0], plan).ok


def bests(client: Client) -> list[str]:
    """Ids of running solves that have a plan already."""
    solves = client.request("GET", "/v1/solves").json()["items"]
    return [each["id"] for each in solves if each["state"] == "running" and each["best"]]


def test_a_refused_command_says_what_to_do(service: Service) -> None:
    stranger = replace(service, key="mk_" + "x" * 43)
    command = stranger.command("solve", FIRST_STEPS, "--server", service.url)
    _, error = command.communicate(timeout=60)
    assert command.returncode == 2
    assert "MATCHER_KEY" in error
    assert "Traceback" not in error
    with service.client() as client, pytest.raises(matcher.InputError) as caught:
        client.submit(FIRST_STEPS, engine="higgs", time_limit_s=1e6)
    assert {issue.table for issue in caught.value.issues} == {
        "/options/engine",
        "/options/time_limit_s",
    }


def blocks(language: str) -> list[str]:
    """The examples of docs/api.md in a language, in order."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples of the document need curl")
@pytest.mark.parametrize("service", ["embedded"], indirect=True)
def test_every_example_of_the_document_runs(service: Service, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    script = "\n".join(blocks("sh")).replace("http://127.0.0.1:8000", service.url)
    # Where names cannot be looked up, any public address does: it is deleted before it is used.
    script = script.replace("https://example.com/hook", "https://8.8.8.8/hook")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    made = subprocess.run(
        [sys.executable, "-m", "api.tenants", "reader"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **service.environment},
    )
    key = KEY.search(made.stdout)
    assert key is not None, made.stderr
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "MATCHER_KEY": key[0],
            "PATH": programs,
            "PYTHONPATH": str(ROOT),
        },
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert '"state":"failed"' not in done.stdout
    assert done.stdout.count("proven optimal") >= 2  # the solve, and that of the directory
    assert "The plan meets every mandatory rule" in done.stdout
    # S3 was in the directory when the workbook was loaded.
    assert '"suppliers":{"created":2,"replaced":1}' in done.stdout
    # Workbook, zip and JSON of one network are one network.
    assert done.stdout.count('"content_hash"') >= 3
    assert len(set(re.findall(r'"content_hash":"(\w+)"', done.stdout.split('"items"')[0]))) == 1


@pytest.mark.parametrize("service", ["embedded"], indirect=True)
def test_the_document_names_every_address(service: Service) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = re.sub(r"\$URL|\{\w+\}|\$\w+", "", text)
    told = re.sub(r"(explain/\w+)/\w+", r"\1/", told)
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    missing = [path for path in paths if re.sub(r"\{\w+\}", "", path) not in told]
    assert missing == []


def test_the_signature_check_of_the_document() -> None:
    names: dict[str, Any] = {}
    exec(next(block for block in blocks("python") if "hmac" in block), names)
    secret, now, body = outbox.new_secret(), int(time.time()), b'{"type": "solve.finished"}'
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(now),
        "webhook-signature": outbox.signature(secret, "m1", now, body),
    }
    is_genuine = names["is_genuine"]
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine(outbox.new_secret(), headers, body)
    old = {**headers, "webhook-timestamp": str(now - 400)}
    old["webhook-signature"] = outbox.signature(secret, "m1", now - 400, body)
    assert not is_genuine(secret, old, body)
