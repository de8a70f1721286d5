"""The living directory: profiles, requests, shared tables, and matching all that is open."""

from collections.abc import Iterator
from typing import Any

import pytest

import matcher
from matcher.network import Network
from tests.service import servers
from tests.service.api_world import World, new_store, rows, world_on
from tests.service.test_api_access import put_directory


@pytest.fixture(scope="module")
def world(module_store_url: str) -> Iterator[World]:
    database, settings = new_store(module_store_url)
    with world_on(database, settings, works=True) as world:
        agency = world.client()
        early = agency.put("/v1/suppliers/S1", json={"suppliers": [{}]})
        assert (early.status_code, early.json()["type"][-16:]) == (409, "no-shared-tables")
        assert agency.post("/v1/solves", json={"directory": True}).status_code == 409
        put_directory(world, matcher.read("examples/first-steps"))
        yield world
    database.close()


def matched(world: World, client: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The solve of the directory as it is now, and its result."""
    client = client or world.client()
    answer = client.post("/v1/solves", json={"directory": True, "options": {"gap_limit": 0.0}})
    assert answer.status_code == 202, answer.text
    url = f"/v1/solves/{answer.json()['id']}"
    servers.until(lambda: client.get(url).json()["finished_at"], 60, "the solve ends")
    return client.get(url).json(), client.get(f"{url}/result").json()


def test_all_open_requests_are_matched(world: World, small: Network) -> None:
    solve, result = matched(world)
    assert solve["state"] == "succeeded"
    here = matcher.solve(small, gap_limit=0.0)
    assert here.result is not None
    assert result["result"]["best"] == pytest.approx(here.result.best)
    assert {row["demand"] for row in result["awards"]} == {"R1:D1", "R1:D2"}
    assert {row["bid"] for row in result["awards"]} == {"S1:B1", "S2:B2", "S3:B3"}
    explained = world.client().get(f"/v1/solves/{solve['id']}/explain/demands/R1:D2").json()
    assert explained["headline"].startswith("R1:D2: all of it")
    again, _ = matched(world)
    assert again["network"] == solve["network"]  # an equal directory is the same network


def test_a_closed_request_is_not_matched(world: World) -> None:
    agency = world.client()
    closed = agency.post("/v1/requests/R1/close").json()
    assert closed["is_open"] is False
    assert agency.get("/v1/requests", params={"is_open": "true"}).json()["items"] == []
    refused = agency.post("/v1/solves", json={"directory": True})
    assert refused.status_code == 409
    assert "No sourcing request is open" in refused.json()["detail"]
    opened = agency.post("/v1/requests/R1/open").json()
    assert opened["version"] == closed["version"] + 1
    assert agency.post("/v1/requests/R9/open").status_code == 404


def test_an_update_needs_the_version_that_was_read(world: World) -> None:
    agency = world.client()
    read = agency.get("/v1/suppliers/S3")
    body = read.json()["tables"]
    first = agency.put("/v1/suppliers/S3", json=body, headers={"If-Match": read.headers["ETag"]})
    assert first.status_code == 200
    assert first.headers["ETag"] != read.headers["ETag"]
    late = agency.put("/v1/suppliers/S3", json=body, headers={"If-Match": read.headers["ETag"]})
    assert late.status_code == 412
    gone = agency.put("/v1/suppliers/S77", json=body, headers={"If-Match": "*"})
    assert gone.status_code == 404
    fresh = agency.get(
        "/v1/suppliers/S3", headers={"If-None-Match": f'"x", {first.headers["ETag"]}'}
    )
    assert fresh.status_code == 304
    stale = {"If-Match": read.headers["ETag"]}
    assert agency.delete("/v1/suppliers/S3", headers=stale).status_code == 412


def test_a_wrong_entry_names_every_issue_and_is_not_stored(world: World) -> None:
    agency = world.client()
    before = agency.get("/v1/suppliers/S1").json()
    body = agency.get("/v1/suppliers/S1").json()["tables"]
    body["bids"][0]["price"] = -1
    body["bids"][0]["component"] = "nothing"
    body["suppliers"][0]["sise_class"] = "small"
    answer = agency.put("/v1/suppliers/S1", json=body)
    assert answer.status_code == 422
    pointers = {issue.get("pointer") for issue in answer.json()["issues"]}
    assert {"/bids/0/price", "/bids/0/component"} <= pointers
    assert any("sise_class" in str(issue) for issue in answer.json()["issues"])
    assert agency.get("/v1/suppliers/S1").json() == before
    body["bids"][0]["supplier"] = "S2"
    other = agency.put("/v1/suppliers/S1", json=body).json()
    assert {issue["code"] for issue in other["issues"]} == {"other_owner"}
    unknown = agency.put("/v1/suppliers/S1", json={**before["tables"], "rules": []})
    assert unknown.status_code == 422
    place = agency.put("/v1/shared", json={**agency.get("/v1/shared").json()["tables"],
                                           "places": [{"place": "P"}]})  # fmt: skip
    assert place.status_code == 422


def test_entries_of_two_owners_may_use_the_same_names(world: World, small: Network) -> None:
    agency, lead = world.client(), world.client("lead_firm", "LF1")
    twin = agency.get("/v1/suppliers/S1").json()["tables"]
    for name, of in (("suppliers", "supplier"), ("certificates", "supplier"), ("bids", "supplier")):
        for row in twin.get(name, []):
            row.pop(of, None)
    twin["resources"] = [{**row, "supplier": "S1b"} for row in twin.get("resources", [])]
    made = agency.put("/v1/suppliers/S1b", json=twin)
    assert made.status_code == 201, made.text
    demands = [{k: v for k, v in row.items() if k != "lead_firm"} for row in rows(small, "demands")]
    own = lead.put("/v1/requests/R2", json={"demands": demands[:1], "is_open": True})
    assert own.status_code == 201, own.text
    assert own.json()["lead_firm"] == "LF1"
    _, result = matched(world, lead)  # LF1 is the lead firm of R1, too
    assert {row["demand"] for row in result["awards"]} >= {"R1:D1", "R2:D1"}
    foreign = lead.put("/v1/requests/R3", json={"demands": [{**demands[0], "lead_firm": "LF2"}]})
    assert foreign.status_code == 422
    assert lead.put("/v1/shared", json={}).status_code == 403
    assert lead.get("/v1/suppliers").status_code == 403
    assert lead.delete("/v1/requests/R2").status_code == 204
    assert agency.delete("/v1/suppliers/S1b").status_code == 204


def test_a_key_of_anothers_request_is_a_404(world: World) -> None:
    other = world.client("lead_firm", "LF2")
    body = {"demands": [{"demand": "D"}]}
    assert other.put("/v1/requests/R1", json=body).status_code == 404
    assert other.delete("/v1/requests/R1").status_code == 404
    assert other.post("/v1/requests/R1/close").status_code == 404


def test_lists_are_paged_without_loss(world: World) -> None:
    agency = world.client()
    seen, cursor = [], None
    while True:
        page = agency.get(
            "/v1/suppliers", params={"limit": 1} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [row["key"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen) == ["S1", "S2", "S3"]
