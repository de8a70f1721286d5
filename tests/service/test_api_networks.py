"""Networks: every format, all issues with their places, and bodies that are too much."""

import http.client
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import matcher
from matcher.network import Network
from tests.service.api_world import XLSX, ZIP, World, new_store, rows, world_on, zipped
from worker.settings import Settings
from worker.store.database import Database

JSON = "application/json"
LIMIT = 300_000


@pytest.fixture(scope="module")
def world(module_store_url: str) -> Iterator[World]:
    database, settings = new_store(module_store_url, max_upload_bytes=LIMIT, max_pairs=100)
    with world_on(database, settings) as world:
        yield world
    database.close()


def post(world: World, body: object, kind: str, **headers: str) -> httpx.Response:
    return world.client().post(
        "/v1/networks",
        content=body,  # type: ignore[arg-type]
        headers={"Content-Type": kind, **headers},
    )


def test_every_format_is_the_same_network(world: World, small: Network, tmp_path: Path) -> None:
    matcher.write(small, tmp_path / "n.xlsx")
    matcher.write(small, tmp_path / "n.json")
    bodies = [
        (zipped(small, "csv"), ZIP),
        (zipped(small, "parquet"), ZIP),
        ((tmp_path / "n.xlsx").read_bytes(), XLSX),
        ((tmp_path / "n.json").read_bytes(), f"{JSON}; charset=utf-8"),
    ]
    answers = [post(world, body, kind) for body, kind in bodies]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1
    first = answers[0].json()
    assert first["content_hash"] == small.input_hash
    assert (first["demands"], first["suppliers"], first["bids"], first["pairs"]) == (2, 3, 3, 3)
    assert answers[0].headers["Location"] == f"/v1/networks/{first['id']}"
    got = world.client().get(f"/v1/networks/{first['id']}")
    assert got.json() == first
    again = world.client().get(
        f"/v1/networks/{first['id']}", headers={"If-None-Match": got.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_the_same_on_both_stores(database: Database, settings: Settings, small: Network) -> None:
    with world_on(database, settings) as world:
        network = world.upload(small)
        listed = world.client().get("/v1/networks").json()
        assert [row["id"] for row in listed["items"]] == [network]
        solve = world.client().post("/v1/solves", json={"network": network})
        assert solve.status_code == 202
        assert world.woken == [solve.json()["id"]]
        assert world.client().delete(f"/v1/networks/{network}").status_code == 409
        assert world.client().delete(f"/v1/solves/{world.woken[0]}").status_code == 409
        cancelled = world.client().post(f"/v1/solves/{world.woken[0]}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
        assert world.client().delete(f"/v1/solves/{world.woken[0]}").status_code == 204
        assert world.client().delete(f"/v1/networks/{network}").status_code == 204
        assert world.client().get(f"/v1/networks/{network}").status_code == 404
        actions = [row["action"] for row in world.client().get("/v1/audit").json()["items"]]
        assert actions == [
            "network.delete", "solve.delete", "solve.cancel", "solve.create", "network.create",
        ]  # fmt: skip


def test_all_issues_come_at_once_each_with_its_place(
    world: World, small: Network, tmp_path: Path
) -> None:
    tables = {name: rows(small, name) for name in ("network", "lead_firms", "places")}
    tables |= {name: rows(small, name) for name in ("components", "demands", "suppliers", "bids")}
    tables["demands"][1]["quantity"] = -5
    tables["bids"][0]["component"] = "nothing"
    answer = post(world, json.dumps(tables), JSON)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["title"]) == (422, "Unprocessable Content")
    pointers = {issue["pointer"]: issue for issue in problem["issues"]}
    assert pointers["/demands/1/quantity"]["value"] == "-5"
    assert pointers["/bids/0/component"]["code"] == "dangling_id"
    assert all(issue["fix"] for issue in problem["issues"])
    # What is wrong with a whole column is in no row of it.
    for row in tables["demands"]:
        del row["quantity"]
    (issue,) = [
        issue
        for issue in post(world, json.dumps(tables), JSON).json()["issues"]
        if issue["code"] == "missing_column"
    ]
    assert (issue["pointer"], issue["column"]) == ("/demands", "quantity")
    # The same network as a workbook: sheet, row as a spreadsheet counts, column.
    import openpyxl

    matcher.write(small, tmp_path / "n.xlsx")
    book = openpyxl.load_workbook(tmp_path / "n.xlsx")
    header = [cell.value for cell in book["demands"][1]]
    book["demands"].cell(3, header.index("quantity") + 1, -5)
    book.save(tmp_path / "n.xlsx")
    issues = post(world, (tmp_path / "n.xlsx").read_bytes(), XLSX).json()["issues"]
    assert [(i["table"], i["row"], i["column"]) for i in issues] == [("demands", 3, "quantity")]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[" * 100_000, JSON),
        (b'{"network": ["\\ud800"]}', JSON),
        (b"not a zip", ZIP),
        (b"not a workbook", XLSX),
        (b"PK\x05\x06" + bytes(18), ZIP),
    ],
)
def test_what_is_no_network_is_a_422(world: World, body: bytes, kind: str) -> None:
    answer = post(world, body, kind)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issues"]


def test_other_content_is_a_415(world: World) -> None:
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml"):
        assert post(world, b"{}", kind).status_code == 415
    assert post(world, b"{}", JSON, **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_zip_that_unpacks_to_too_much_is_refused(world: World) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demands.csv", bytes(2**26))
    assert len(packed.getvalue()) < LIMIT
    answer = post(world, packed.getvalue(), ZIP)
    assert answer.status_code == 422
    assert "unpacks to over 200 times" in answer.json()["issues"][0]["problem"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(101):
            archive.writestr(f"{i}.csv", b"a\n1\n")
    assert "101 files" in post(world, packed.getvalue(), ZIP).json()["issues"][0]["problem"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../demands.csv", b"a\n1\n")
    assert post(world, packed.getvalue(), ZIP).status_code == 422


def test_a_zip_without_tables_is_called_by_its_own_name(world: World) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", b"<workbook/>")
    (issue,) = post(world, packed.getvalue(), ZIP).json()["issues"]
    assert (issue["code"], issue["table"]) == ("no_tables", "network.zip")
    assert issue["fix"].startswith("send a zip")
    assert "pointer" not in issue


def test_reading_that_takes_too_much_memory_is_a_422(tmp_path: Path, small: Network) -> None:
    database, settings = new_store(tmp_path, max_memory_bytes=2**26)
    with world_on(database, settings) as world:
        answer = post(world, zipped(small), ZIP)
        assert answer.status_code == 422
        assert "67,108,864 bytes" in answer.json()["issues"][0]["problem"]
        assert world.client().get("/livez").status_code == 200
    database.close()


def test_too_many_pairs_are_refused_before_anything_is_built(world: World) -> None:
    network = matcher.generate(seed=1)
    answer = post(world, zipped(network), ZIP)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith("too-large")
    assert "the limit is 100" in answer.json()["detail"]


def raw(world: World, headers: dict[str, str], body: Iterator[bytes]) -> int:
    """The status of a request written by hand, as far as the service reads it."""
    where = urlsplit(world.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    connection.putrequest("POST", "/v1/networks")
    authorization = world.client().headers["Authorization"]
    for name, value in {"Authorization": authorization, "Content-Type": JSON, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        for chunk in body:
            connection.send(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the service has answered and closed
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_limit_holds_whatever_the_length_is_said_to_be(world: World) -> None:
    before = world.client().get("/v1/networks").json()
    for method, path in (
        ("POST", "/v1/networks"),
        ("POST", "/v1/directory"),
        ("PUT", "/v1/shared"),
        ("POST", "/v1/check"),
    ):
        for body in (bytes(LIMIT + 1), iter([bytes(LIMIT + 1)])):  # with a length, and without
            answer = world.client().request(
                method, path, content=body, headers={"Content-Type": JSON}
            )
            assert answer.status_code == 413
            assert answer.json()["type"] == "urn:supplier-matcher:problem:content-too-large"
            assert answer.json()["title"] == "Content Too Large"
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["X-Frame-Options"] == "DENY"
    piece = b" " * 10_000

    def chunked() -> Iterator[bytes]:
        for _ in range(LIMIT // len(piece) + 1):
            yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        yield b"0\r\n\r\n"

    assert raw(world, {"Transfer-Encoding": "chunked"}, chunked()) == 413
    assert raw(world, {"Content-Length": str(LIMIT + 1)}, iter([piece])) == 413
    # Of a body longer than it was said to be, only what was said counts: here, no JSON at all.
    assert raw(world, {"Content-Length": "3"}, iter([piece])) in (400, 422)
    assert raw(world, {}, iter([piece])) in (400, 411, 422)
    assert raw(world, {"Content-Length": "minus one"}, iter([piece])) == 400
    assert world.client().get("/v1/networks").json() == before
