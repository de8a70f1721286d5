"""The client: what it sends, what it does when the service stumbles, and which errors it raises.

A scripted transport stands in for the network here; tests/service/test_end_to_end.py uses sockets.
"""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import polars as pl
import pytest

import matcher
from matcher import client as client_module
from matcher.cli import main
from matcher.client import XLSX, Client
from matcher.engines.base import Progress
from matcher.errors import EngineCrashed, InputError, LimitError, ServiceError
from matcher.schema.tables import TABLES

URL = "http://service.test"
FIRST_STEPS = "examples/first-steps"
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client wanted to sleep; the clock moves on by as much."""
    slept: list[float] = []
    clock = SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept))
    monkeypatch.setattr(client_module, "time", clock)
    return slept


def client(handler: Handler) -> Client:
    return Client(URL, "k", transport=httpx.MockTransport(handler))


class Script:
    """Gives the answers one after the other and keeps the requests; an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_core_is_imported_without_client_and_web_library() -> None:
    code = "import sys, matcher, matcher.cli; print({'matcher.client', 'httpx'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()", loaded.stderr


def test_a_network_goes_as_parquet_and_comes_apart_equal(tmp_path: Path) -> None:
    script = Script(httpx.Response(201, json={"id": "n1"}), httpx.Response(202, json={"id": "s1"}))
    network = matcher.read(FIRST_STEPS)
    job = client(script).submit(network, time_limit_s=5.0, gap_limit=0.0)
    assert job.id == "s1"
    sent, submitted = script.requests
    assert sent.headers["Authorization"] == "Bearer k"
    assert sent.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        assert {Path(name).stem for name in archive.namelist()} == {t.name for t in TABLES}
        archive.extractall(tmp_path)
    assert matcher.read(tmp_path) == network
    assert json.loads(submitted.content) == {
        "network": "n1",
        "options": {"time_limit_s": 5.0, "gap_limit": 0.0},
    }
    assert len(submitted.headers["Idempotency-Key"]) == 32


def test_a_directory_goes_as_the_tables_of_a_network(tmp_path: Path) -> None:
    counts = {"suppliers": {"created": 3, "replaced": 0}}
    script = Script(httpx.Response(200, json=counts))
    matcher.write(matcher.read(FIRST_STEPS), tmp_path / "d.xlsx")
    assert client(script).load_directory(tmp_path / "d.xlsx") == counts
    (sent,) = script.requests
    assert (sent.method, sent.url.path) == ("POST", "/v1/directory")
    assert sent.headers["Content-Type"] == XLSX
    assert sent.content == (tmp_path / "d.xlsx").read_bytes()


def test_a_path_goes_as_what_it_is(tmp_path: Path) -> None:
    network = matcher.read(FIRST_STEPS)
    kinds = []
    for name in ("n.xlsx", "n.json", "folder"):
        matcher.write(network, tmp_path / name)
        (tmp_path / name).with_suffix(".keep").touch()
        script = Script(httpx.Response(201, json={"id": "n1"}))
        assert client(script).upload(tmp_path / name) == "n1"
        kinds.append(script.requests[0].headers["Content-Type"])
    assert kinds == [XLSX, "application/json", "application/zip"]
    with zipfile.ZipFile(io.BytesIO(script.requests[0].content)) as archive:
        assert sorted(archive.namelist()) == sorted(f"{table.name}.csv" for table in TABLES)
    for wrong in ("n.keep", "absent.xlsx"):
        with pytest.raises(InputError, match=wrong):
            client(Script()).upload(tmp_path / wrong)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://service", "http://", "http://host:port"]
)
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(InputError, match="http://127"):
        Client(url, "k")


def test_the_key_is_the_argument_or_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATCHER_KEY", raising=False)
    with pytest.raises(InputError, match="MATCHER_KEY: is not set"):
        Client(URL)
    with pytest.raises(InputError, match="is no key"):
        Client(URL, "schlüssel")
    monkeypatch.setenv("MATCHER_KEY", "from-outside\n")
    script = Script(httpx.Response(202, json={}))
    Client(URL, transport=httpx.MockTransport(script)).job("s").cancel()
    assert script.requests[0].headers["Authorization"] == "Bearer from-outside"


def test_passing_troubles_are_sat_out_under_one_idempotency_key(waits: list[float]) -> None:
    script = Script(
        httpx.Response(201, json={"id": "n1"}),
        httpx.ConnectError("refused"),
        httpx.Response(503),
        httpx.ReadTimeout("slow"),
        httpx.Response(409, headers={"Retry-After": "1"}),
        httpx.Response(202, json={"id": "s1"}),
    )
    assert client(script).submit(FIRST_STEPS).id == "s1"
    assert len({request.headers["Idempotency-Key"] for request in script.requests[1:]}) == 1
    # Waits double and are drawn from the upper half; the conflict said how long itself.
    bounds = [(0.1, 0.2), (0.2, 0.4), (0.4, 0.8), (1.0, 1.0)]
    assert len(waits) == len(bounds)
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True))


def test_retry_after_is_honoured_as_seconds_and_as_a_date(waits: list[float]) -> None:
    in_20_s = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Script(
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(429, headers={"Retry-After": in_20_s}),
        httpx.Response(200, json={"state": "queued"}),
    )
    assert client(script).job("s").status().state == "queued"
    assert waits[0] == 7.0
    assert waits[1] == pytest.approx(20.0, abs=2.0)


def test_patience_ends(waits: list[float]) -> None:
    def full(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"detail": "100 solves are waiting"})

    with pytest.raises(LimitError, match="100 solves are waiting"):
        client(full).job("s").status()
    assert 50.0 < sum(waits) <= 60.0


def test_an_address_where_nobody_is_fails_soon(waits: list[float]) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(ServiceError, match=r"no answer from http://service\.test.*refused"):
        client(nobody).job("s").status()
    assert sum(waits) <= 2.0


def test_every_issue_of_a_problem_arrives() -> None:
    issues = [
        {
            "code": "not_positive",
            "table": "bids.csv",
            "row": 7,
            "column": "price",
            "value": "-1",
            "problem": "is not above 0",
            "fix": "write a price above 0",
            "severity": "error",
        },
        {"pointer": "/options/gap_limit", "detail": "is above 1"},
    ]
    script = Script(httpx.Response(422, json={"title": "Unprocessable", "issues": issues}))
    with pytest.raises(InputError) as caught:
        client(script).upload(FIRST_STEPS)
    first, second = caught.value.issues
    assert first.to_dict() == issues[0]
    assert str(second) == "/options/gap_limit: is above 1; see docs/api.md"


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (401, InputError, "MATCHER_KEY"),
        (403, InputError, "role"),
        (404, InputError, "same tenant"),
        (413, LimitError, "too large"),
        (500, ServiceError, "log"),
        (301, ServiceError, "301"),
    ],
)
def test_errors_are_of_this_package(code: int, kind: type[Exception], says: str) -> None:
    script = Script(httpx.Response(code, json={"title": "the body is too large"}))
    with pytest.raises(kind, match=says):
        client(script).job("s").status()
    assert len(script.requests) == 1
    page = Script(httpx.Response(code, text="<html>a proxy's page</html>"))
    with pytest.raises(kind):
        client(page).job("s").status()


def stream(*chunks: str | Exception) -> httpx.Response:
    """An event stream of these chunks; an exception breaks it."""

    def sent() -> Iterator[bytes]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk.encode()

    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=sent())


def event(number: int, kind: str, **data: object) -> str:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"


def told(number: int, best: float) -> str:
    return event(number, "progress", objective="cost", best=best, bound=None, seconds=number)


ENDED = {"state": "succeeded", "solution_status": "optimal", "termination_reason": "proved"}


@pytest.mark.usefixtures("waits")
def test_a_broken_stream_goes_on_after_the_last_event() -> None:
    first = told(2, 20.0)
    script = Script(
        # Cut within an event, which is then told whole by the next connection.
        stream(
            ": ping\n\n",
            event(1, "started"),
            ": ping\n\n",
            first[:9],
            first[9:],
            told(3, 19.0)[:-5],
        ),
        stream(told(3, 19.0), httpx.ReadError("reset")),
        httpx.ConnectError("refused"),
        stream(told(4, 18.0), event(5, "finished", state="succeeded")),
        httpx.Response(200, json=ENDED),
    )
    heard: list[tuple[str, Progress]] = []
    status = client(script).job("s1").follow(lambda *what: heard.append(what))
    assert status.solution_status == "optimal"
    assert heard == [("cost", Progress(n, 22.0 - n, None)) for n in (2, 3, 4)]
    last = [request.headers.get("Last-Event-ID") for request in script.requests]
    assert last == ["0", "2", "3", "3", None]


def test_nothing_left_to_tell_ends_the_following() -> None:
    script = Script(httpx.Response(204), httpx.Response(200, json=ENDED))
    assert client(script).job("s1").follow().has_ended


@pytest.mark.usefixtures("waits")
def test_where_no_stream_holds_the_status_is_polled() -> None:
    states = [
        {"state": "running", "best": 5.0, "bound": 4.0},
        {"state": "running", "best": 4.5, "bound": 4.0},
        ENDED,
    ]

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return httpx.Response(200, text="<html>a proxy</html>")
        return httpx.Response(200, json=states.pop(0))

    heard: list[float | None] = []
    status = client(handler).job("s").follow(lambda _, progress: heard.append(progress.best))
    assert status.state == "succeeded"
    assert heard == [5.0, 4.5]


def test_a_solve_that_is_not_there_is_an_error_not_a_wait() -> None:
    with pytest.raises(InputError, match="404"):
        client(lambda _: httpx.Response(404)).job("s").follow()


def test_the_plan_is_the_plan() -> None:
    plan = matcher.solve(matcher.read(FIRST_STEPS), gap_limit=0.0)
    script = Script(httpx.Response(200, json=ENDED), httpx.Response(200, json=plan.to_dict()))
    fetched = client(script).job("s").plan()
    assert fetched.to_dict() == plan.to_dict()
    assert fetched.awards.equals(plan.awards)


def test_no_plan_is_an_outcome_and_a_crash_an_error() -> None:
    cancelled = {
        "state": "cancelled",
        "solution_status": "none",
        "termination_reason": "cancelled",
    }
    script = Script(httpx.Response(200, json=cancelled), httpx.Response(404))
    plan = client(script).job("s").plan()
    assert plan.verdict == "No plan was found (search ended: cancelled)."
    assert isinstance(plan.awards, pl.DataFrame)
    failed = {"state": "failed", "error": "given up after 3 attempts"}
    with pytest.raises(EngineCrashed, match="given up after 3 attempts"):
        client(Script(httpx.Response(200, json=failed))).job("s").plan()


def test_a_wrong_server_is_2_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MATCHER_KEY", "k")
    monkeypatch.setattr(sys, "argv", ["matcher", "solve", FIRST_STEPS, "--server", "here"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "write it like http://127.0.0.1:8000" in capsys.readouterr().err
