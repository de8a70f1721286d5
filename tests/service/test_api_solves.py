"""Solves: from POST to result, events as they happen, cancel, and why."""

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import polars as pl
import pytest

import matcher
from matcher.network import Network
from matcher.schema.tables import TABLES
from tests.service import servers
from tests.service.api_world import XLSX, World, new_store, world_on
from worker import jobs
from worker.store.database import Database
from worker.store.models import Event, Solve


@dataclass
class Case:
    """A world with a worker, and one solved network."""

    world: World
    network: str
    solve: str


@pytest.fixture(scope="module")
def case(module_store_url: str) -> Iterator[Case]:
    database, settings = new_store(module_store_url)
    with world_on(database, settings, works=True) as world:
        network = world.upload(matcher.read("examples/first-steps"))
        yield Case(world, network, world.solved(network, gap_limit=0.0))
    database.close()


def test_a_solve_is_accepted_at_once_and_tells_where_it_is(case: Case) -> None:
    client = case.world.client()
    answer = client.post("/v1/solves", json={"network": case.network})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/solves/{answer.json()['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["state"] in ("queued", "running")
    waited = client.get(answer.headers["Location"], headers={"Prefer": "wait=30"})
    assert waited.headers["Preference-Applied"] == "wait=30"
    solve = waited.json()
    assert (solve["state"], solve["solution_status"], solve["termination_reason"]) == (
        "succeeded", "optimal", "proved",
    )  # fmt: skip
    tag = waited.headers["ETag"]
    again = client.get(answer.headers["Location"], headers={"If-None-Match": tag})
    assert again.status_code == 304


def test_prefer_wait_answers_a_post_with_the_end(case: Case) -> None:
    answer = case.world.client().post(
        "/v1/solves", json={"network": case.network}, headers={"Prefer": "wait=30"}
    )
    assert (answer.status_code, answer.json()["state"]) == (202, "succeeded")


def test_an_idempotency_key_makes_one_solve(case: Case) -> None:
    client, headers = case.world.client(), {"Idempotency-Key": "once"}
    body = {"network": case.network, "options": {"seed": 3}}
    first = client.post("/v1/solves", json=body, headers=headers)
    second = client.post("/v1/solves", json=body, headers=headers)
    assert first.status_code == second.status_code == 202
    assert first.json()["id"] == second.json()["id"]
    other = {"network": case.network, "options": {"seed": 4}}
    reused = client.post("/v1/solves", json=other, headers=headers)
    assert reused.status_code == 422
    assert reused.json()["type"].endswith("idempotency-key-reused")
    answers: list[httpx.Response] = []

    def send() -> None:
        headers = {"Idempotency-Key": "twelve at once"[:6], **dict(client.headers)}
        with httpx.Client(base_url=case.world.url, timeout=30) as own:
            answers.append(own.post("/v1/solves", json=body, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"network": "0" * 32, "directory": True}, ""),
        ({"network": "x"}, "/network"),
        ({"network": "0" * 32, "options": {"time_limit_s": 1e9}}, "/options/time_limit_s"),
        ({"network": "0" * 32, "options": {"time_limit_s": "5"}}, "/options/time_limit_s"),
        ({"network": "0" * 32, "options": {"threads": 99}}, "/options/threads"),
        ({"network": "0" * 32, "options": {"memory_limit_bytes": 2**60}}, "/options/memory_limit_"),
        ({"network": "0" * 32, "options": {"engine": "higgs"}}, "/options/engine"),
        ({"network": "0" * 32, "options": {"gap": 1}}, "/options/gap"),
        ({"network": "0" * 32, "options": {"scenarios": [{}]}}, "/options/scenarios/0/name"),
    ],
)
def test_a_wrong_request_names_its_place(case: Case, body: dict[str, Any], pointer: str) -> None:
    answer = case.world.client().post("/v1/solves", json=body)
    assert answer.status_code == 422
    assert any(issue["pointer"].startswith(pointer) for issue in answer.json()["issues"])


def test_the_result_in_three_formats(case: Case, small: Network, tmp_path: Path) -> None:
    client, url = case.world.client(), f"/v1/solves/{case.solve}/result"
    document = client.get(url).json()
    expected = matcher.solve(small, gap_limit=0.0)
    assert document["awards"] == expected.to_dict()["awards"]
    as_csv = client.get(url, headers={"Accept": "text/csv"})
    assert as_csv.headers["Content-Type"].startswith("text/csv")
    told = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [float(row["landed_cost"]) for row in told] == expected.awards["landed_cost"].to_list()
    book = client.get(url, params={"format": "xlsx"})
    assert book.headers["Content-Type"] == XLSX
    (tmp_path / "plan.xlsx").write_bytes(book.content)
    assert "Awards" in openpyxl.load_workbook(tmp_path / "plan.xlsx").sheetnames
    assert client.get(url, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(url, params={"format": "pdf"}).status_code == 422


def test_cells_that_a_spreadsheet_would_run_are_text(case: Case, small: Network) -> None:
    tables = {table.name: small.table(table.name) for table in TABLES}
    for name in ("suppliers", "bids", "certificates", "resources"):
        tables[name] = tables[name].with_columns(
            supplier=("=cmd|' /C calc'!A" + tables[name]["supplier"])
        )
    tables["suppliers"] = tables["suppliers"].with_columns(name=pl.lit("=1+1"))
    hostile = case.world.solved(case.world.upload(matcher.network_from_tables(tables)))
    client = case.world.client()
    told = client.get(f"/v1/solves/{hostile}/result", params={"format": "csv"}).text
    cells = [cell for row in csv.reader(io.StringIO(told)) for cell in row]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not any(cell.startswith(("=", "@", "+", "\t", "\r")) for cell in cells)
    book = client.get(f"/v1/solves/{hostile}/result", params={"format": "xlsx"}).content
    awards = openpyxl.load_workbook(io.BytesIO(book))["Awards"]
    formulas = [c for row in awards.iter_rows() for c in row if c.data_type == "f"]
    assert formulas == []
    assert any(c.value == "=1+1" for row in awards.iter_rows() for c in row)


def test_why_and_why_not(case: Case) -> None:
    client = case.world.client()
    demand = client.get(f"/v1/solves/{case.solve}/explain/demands/D2").json()
    assert demand["headline"].startswith("D2: awarded in full to S3")
    supplier = client.get(f"/v1/solves/{case.solve}/explain/suppliers/S1").json()
    assert supplier["headline"].startswith("S1 gets 1 award")
    assert client.get(f"/v1/solves/{case.solve}/explain/demands/D9").status_code == 404
    assert client.get(f"/v1/solves/{case.solve}/explain/suppliers/a/b").status_code == 404


def test_the_judge_finds_what_was_changed(case: Case) -> None:
    client = case.world.client()
    plan = client.get(f"/v1/solves/{case.solve}/result").json()
    good = client.post("/v1/check", json={"network": case.network, "plan": plan})
    assert good.json()["ok"], good.text
    plan["awards"][0]["quantity"] += 1000
    bad = client.post("/v1/check", json={"network": case.network, "plan": plan}).json()
    assert not bad["ok"]
    assert "over_demand" in {finding["code"] for finding in bad["findings"]}
    plan["awards"][0]["quantity"] = "many"
    wrong = client.post("/v1/check", json={"network": case.network, "plan": plan})
    assert wrong.status_code == 422
    assert wrong.json()["issues"][0]["pointer"] == "/plan/awards/0/quantity"


def streamed(
    case: Case, solve_id: str, after: int | None = None, most: int | None = None
) -> tuple[int, list[tuple[int, str]]]:
    """Status, and numbers and kinds of the events of one connection, at most ``most``."""
    headers = {"Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    events, number = [], 0
    url = f"/v1/solves/{solve_id}/events"
    with case.world.client().stream("GET", url, headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("id: "):
                number = int(line.removeprefix("id: "))
                events.append((number, kind))
            elif line.startswith("data: "):
                json.loads(line.removeprefix("data: "))
            if most is not None and len(events) == most:
                break
        return answer.status_code, events


def test_a_stream_is_told_live_and_replayed_without_a_hole(case: Case) -> None:
    solve = case.world.client().post("/v1/solves", json={"network": case.network}).json()["id"]
    status, first = streamed(case, solve, most=1)  # breaks off after the first event
    assert (status, first) == (200, [(1, "queued")])
    _, rest = streamed(case, solve, after=1)  # waits for the end
    assert [number for number, _ in rest] == list(range(2, len(rest) + 2))
    assert rest[-1][1] == "finished"
    assert streamed(case, solve)[1] == first + rest
    assert streamed(case, solve, after=rest[-1][0]) == (204, [])
    listed = case.world.client().get(f"/v1/solves/{solve}/events", params={"after": 1}).json()
    assert [(row["seq"], row["kind"]) for row in listed["items"]] == rest
    assert listed["is_complete"]
    log = case.world.client().get(f"/v1/solves/{solve}/log").text.splitlines()
    assert len(log) == len(first + rest)
    assert " finished " in log[-1]
    wrong = case.world.client().get(
        f"/v1/solves/{solve}/events", headers={"Last-Event-ID": "tomorrow"}
    )
    assert wrong.status_code == 422


def test_a_silent_stream_pings(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.events.PING_S", 0.3)
    solve = waiting_solve(case.world.database, case)
    with case.world.client().stream(
        "GET", f"/v1/solves/{solve}/events", headers={"Accept": "text/event-stream"}
    ) as answer:
        lines = answer.iter_lines()
        assert any(line == ": ping" for line in lines)
    case.world.client().post(f"/v1/solves/{solve}/cancel")


def waiting_solve(database: Database, case: Case) -> str:
    """A solve that no worker takes for an hour."""
    client = case.world.client()
    network = client.get(f"/v1/networks/{case.network}").json()["id"]
    with database.write() as session:
        asked = jobs.Submission(
            tenant_id=case.world.tenants["one"],
            owner="",
            network_id=network,
            options={},
            idempotency_key=None,
            request_hash="",
        )
        solve, _ = jobs.submit(session, asked, case.world.settings)
        solve.not_before = time.time() + 3600
        return solve.id


def test_cancel_is_idempotent_and_delete_waits_for_the_end(case: Case) -> None:
    client = case.world.client()
    solve = waiting_solve(case.world.database, case)
    assert client.get(f"/v1/solves/{solve}/result").status_code == 409
    assert client.delete(f"/v1/solves/{solve}").status_code == 409
    for _ in range(2):
        answer = client.post(f"/v1/solves/{solve}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert client.get(f"/v1/solves/{solve}/result").status_code == 404  # no plan
    assert client.delete(f"/v1/solves/{solve}").status_code == 204
    assert client.get(f"/v1/solves/{solve}").status_code == 404
    with case.world.database.read() as session:
        assert session.get(Solve, solve) is None
        assert session.get(Event, (solve, 1)) is None
    finished = client.post(f"/v1/solves/{case.solve}/cancel")
    assert (finished.status_code, finished.json()["state"]) == (202, "succeeded")


def test_a_running_solve_is_cancelled_with_its_best_plan(case: Case) -> None:
    client = case.world.client()
    network = case.world.upload(matcher.generate(seed=3))
    body = {"network": network, "options": {"time_limit_s": 120, "gap_limit": 0.0}}
    solve = client.post("/v1/solves", json=body).json()["id"]
    servers.until(lambda: client.get(f"/v1/solves/{solve}").json()["best"], 60, "a best plan")
    client.post(f"/v1/solves/{solve}/cancel")
    servers.until(
        lambda: client.get(f"/v1/solves/{solve}").json()["state"] == "cancelled", 20, "the end"
    )
    found = client.get(f"/v1/solves/{solve}/incumbents").json()["items"]
    assert found
    assert [row["best"] for row in found] == sorted((row["best"] for row in found), reverse=True)
    assert client.get(f"/v1/solves/{solve}/result").json()["awards"]


def test_a_full_queue_is_a_429(tmp_path: Path, small: Network) -> None:
    database, settings = new_store(tmp_path, max_queued=2)
    with world_on(database, settings) as world:
        body = {"network": world.upload(small)}
        codes = [world.client().post("/v1/solves", json=body) for _ in range(3)]
        assert [answer.status_code for answer in codes] == [202, 202, 429]
        assert int(codes[2].headers["Retry-After"]) > 0
        assert world.client().get("/v1/limits").json()["queued"] == 2
    database.close()


def test_an_absent_broker_loses_nothing(tmp_path: Path, small: Network) -> None:
    database, settings = new_store(tmp_path)
    with world_on(database, settings) as world:
        network = world.upload(small)

        world.woken = _Away()
        answer = world.client().post("/v1/solves", json={"network": network})
        assert answer.status_code == 202
        assert jobs.waiting(database) == [answer.json()["id"]]
    database.close()


class _Away(list[str]):
    """Nobody can be woken: the broker is away."""

    def append(self, _: str) -> None:
        raise ConnectionError("the broker is away")


def test_the_sample_goes_in_as_xlsx_and_its_plan_comes_out_as_xlsx(
    case: Case, tmp_path: Path
) -> None:
    network = matcher.read("examples/asean-electronics")
    matcher.write(network, tmp_path / "network.xlsx")
    client = case.world.client()
    sent = client.post(
        "/v1/networks",
        content=(tmp_path / "network.xlsx").read_bytes(),
        headers={"Content-Type": XLSX},
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["content_hash"] == network.input_hash
    # At this gap the search ends by its gap, never by the clock: the plan is the same.
    solve = case.world.solved(sent.json()["id"], gap_limit=0.005)
    here = matcher.solve(network, gap_limit=0.005)
    answer = client.get(f"/v1/solves/{solve}/result", headers={"Accept": XLSX})
    book = openpyxl.load_workbook(io.BytesIO(answer.content), data_only=True)
    summary = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True)}
    assert here.result is not None
    assert here.result.costs is not None
    assert summary["Total cost, USD"] == pytest.approx(here.result.costs.total, abs=0.005)
    header, *awards = book["Awards"].iter_rows(values_only=True)
    column = header.index("Landed cost, USD")
    total = sum(float(str(row[column])) for row in awards)
    assert total == pytest.approx(here.result.costs.landed)
    assert len(awards) == here.awards.height
