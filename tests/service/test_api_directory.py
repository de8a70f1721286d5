"""The living directory: profiles, requests, shared tables, and matching all that is open."""

from collections.abc import Iterator
from typing import Any

import pytest

import matcher
from matcher.network import Network
from tests.service import servers
from tests.service.api_world import World, new_store, rows, world_on
from tests.service.test_api_access import put_directory
from worker.directory import check as entry_check
from worker.store import snapshots


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
    assert explained["headline"].startswith("R1:D2: awarded in full")
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


def awarded(world: World, client: Any = None) -> set[str]:
    """The suppliers with an award in the match of the directory as it is now."""
    _, result = matched(world, client)
    return {row["supplier"] for row in result["awards"]}


def rule(scope: str, of: str | None = None, **limits: int) -> dict[str, Any]:
    """A rule's body."""
    row = {"kind": "supplier_count", "scope": scope, "of": of, **limits}
    return {"rules": [{name: cell for name, cell in row.items() if cell is not None}]}


def test_rules_of_the_agency_limit_what_is_matched(world: World) -> None:
    agency, lead = world.client(), world.client("lead_firm", "LF1")
    assert awarded(world) == {"S1", "S2", "S3"}
    made = agency.put("/v1/rules/few", json=rule("network", max=2))
    assert made.status_code == 201, made.text
    assert made.json()["lead_firm"] is None
    assert made.json()["tables"]["rules"][0]["rule"] == "few"
    assert len(awarded(world)) == 2
    # A lead firm neither sees it nor is bound by it in its own solves.
    assert lead.get("/v1/rules").json()["items"] == []
    assert lead.get("/v1/rules/few").status_code == 404
    assert lead.delete("/v1/rules/few").status_code == 404
    assert lead.put("/v1/rules/few", json=rule("lead_firm", max=1)).status_code == 404
    assert awarded(world, lead) == {"S1", "S2", "S3"}
    assert world.client("supplier", "S1").get("/v1/rules").status_code == 403
    stale = {"If-Match": '"x"'}
    assert agency.delete("/v1/rules/few", headers=stale).status_code == 412
    assert agency.delete("/v1/rules/few").status_code == 204
    assert awarded(world) == {"S1", "S2", "S3"}


def test_a_lead_firm_states_rules_over_what_is_its_own(world: World) -> None:
    agency, lead = world.client(), world.client("lead_firm", "LF1")
    other = world.client("lead_firm", "LF2")
    for body, column in (
        (rule("network", max=1), "scope"),
        (rule("component", "cable", max=1), "scope"),
        (rule("lead_firm", "LF2", max=1), "of"),
        (rule("demand", "R1:D9", max=1), "of"),
        (rule("demand", "R1:D1", min=3, max=2), "min"),
    ):
        refused = lead.put("/v1/rules/mine", json=body)
        assert refused.status_code == 422, body
        pointers = {issue["pointer"] for issue in refused.json()["issues"]}
        assert pointers == {f"/rules/0/{column}"}
    # Whether another lead firm has such a demand is not told.
    hidden = other.put("/v1/rules/theirs", json=rule("demand", "R1:D1", max=1))
    assert hidden.json()["issues"][0]["code"] == "dangling_id"
    made = lead.put("/v1/rules/mine", json=rule("demand", "R1:D1", max=1))
    assert made.status_code == 201, made.text
    assert made.json()["lead_firm"] == "LF1"
    assert other.get("/v1/rules/mine").status_code == 404
    assert other.get("/v1/rules").json()["items"] == []
    assert [row["key"] for row in agency.get("/v1/rules").json()["items"]] == ["mine"]
    for client in (lead, agency):
        found = awarded(world, client)
        assert len(found) == 2
        assert "S3" in found
    # The agency may change it, but not into more than its owner may see.
    assert agency.put("/v1/rules/mine", json=rule("network", max=1)).status_code == 422
    kept = agency.put("/v1/rules/mine", json=rule("lead_firm", max=1))
    assert (kept.status_code, kept.json()["lead_firm"]) == (200, "LF1")
    assert len(awarded(world, lead)) == 1
    assert lead.delete("/v1/rules/mine").status_code == 204


def test_a_rule_over_what_nobody_asks_for_now_is_left_out(world: World) -> None:
    agency = world.client()
    later = agency.get("/v1/requests/R1").json()["tables"]
    assert agency.put("/v1/requests/R7", json={**later, "is_open": False}).status_code == 201
    for key, body in (
        ("of a demand", rule("demand", "R7:D2", min=3)),
        ("of a lead firm", rule("lead_firm", "LF1", max=9)),
    ):
        assert agency.put(f"/v1/rules/{key}", json=body).status_code == 201
    solve, _ = matched(world)
    with world.database.read() as session:
        network = snapshots.load(session, solve["network"])
    assert network.rules["rule"].to_list() == ["of a lead firm"]
    for key in ("of a demand", "of a lead firm"):
        assert agency.delete(f"/v1/rules/{key}").status_code == 204
    assert agency.delete("/v1/requests/R7").status_code == 204


def test_shared_tables_that_would_leave_entries_dangling_are_refused(world: World) -> None:
    agency = world.client()
    before = agency.get("/v1/shared").json()
    tables = before["tables"]
    request = agency.get("/v1/requests/R1").json()["tables"]
    assert agency.put("/v1/requests/R8", json={**request, "is_open": False}).status_code == 201
    assert agency.put("/v1/rules/cables", json=rule("component", "cable", max=2)).status_code == 201
    without = {
        **tables,
        "components": [row for row in tables["components"] if row["component"] != "cable"],
        "places": [row for row in tables["places"] if row["place"] != "Penang"],
        "rates": [],
    }
    refused = agency.put("/v1/shared", json=without)
    assert refused.status_code == 422
    found = {
        (issue["table"], issue.get("column"), issue.get("value"))
        for issue in refused.json()["issues"]
    }
    assert found == {
        ("supplier S2, suppliers", "place", "Penang"),
        ("supplier S2, bids", "currency", "MYR"),
        ("supplier S3, bids", "component", "cable"),
        ("request R1, demands", "component", "cable"),
        ("rule cables, rules", "of", "cable"),
    }
    assert agency.get("/v1/shared").json() == before
    assert agency.put("/v1/shared", json=tables).status_code == 200

    # A closed request does not stand in the way; it is looked at when it is opened again.
    cable = agency.get("/v1/suppliers/S3").json()["tables"]
    assert agency.delete("/v1/rules/cables").status_code == 204
    assert agency.delete("/v1/suppliers/S3").status_code == 204
    assert agency.post("/v1/requests/R1/close").status_code == 200
    changed = {**without, "places": tables["places"], "rates": tables["rates"]}
    assert agency.put("/v1/shared", json=changed).status_code == 200
    opened = agency.post("/v1/requests/R8/open")
    assert opened.status_code == 422
    assert "/demands/1/component" in {issue["pointer"] for issue in opened.json()["issues"]}
    assert agency.put("/v1/shared", json=tables).status_code == 200
    assert agency.put("/v1/suppliers/S3", json=cable).status_code == 201
    assert agency.post("/v1/requests/R1/open").status_code == 200
    assert agency.delete("/v1/requests/R8").status_code == 204


def test_every_dangling_entry_is_listed_however_many_references_dangle(world: World) -> None:
    agency = world.client()
    tables = agency.get("/v1/shared").json()["tables"]
    # The core lists a thousand issues of a kind; this supplier comes before the others.
    (like,) = agency.get("/v1/suppliers/S1").json()["tables"]["bids"]
    bids = [{**like, "bid": f"B{i}", "supplier": "A1"} for i in range(1_100)]
    (row,) = agency.get("/v1/suppliers/S1").json()["tables"]["suppliers"]
    many = {"suppliers": [{**row, "supplier": "A1"}], "bids": bids}
    assert agency.put("/v1/suppliers/A1", json=many).status_code == 201
    left = [row for row in tables["components"] if row["component"] != "housing"]
    refused = agency.put("/v1/shared", json={**tables, "components": left})
    assert refused.status_code == 422
    places = [issue["table"] for issue in refused.json()["issues"]]
    assert sorted(place for place in places if place.endswith("bids")) == [
        "supplier A1, bids",
        "supplier S1, bids",
        "supplier S2, bids",
    ]
    assert agency.delete("/v1/suppliers/A1").status_code == 204


def test_an_entry_is_not_stored_on_ground_that_has_moved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = world.client()
    tables = agency.get("/v1/shared").json()["tables"]
    profile = agency.get("/v1/suppliers/S3").json()["tables"]
    before = agency.get("/v1/suppliers/S3").json()["version"]
    check = entry_check.checked

    def overtaken(*given: Any) -> Any:
        checked = check(*given)
        monkeypatch.setattr("worker.directory.check.checked", check)
        assert agency.put("/v1/shared", json=tables).status_code == 200
        return checked

    with world.with_key(agency.headers["Authorization"].split()[1]) as client:
        monkeypatch.setattr("worker.directory.check.checked", overtaken)
        late = client.put("/v1/suppliers/S3", json=profile)
        assert late.status_code == 409
        assert late.json()["type"].endswith("in-flight")
        assert late.headers["Retry-After"] == "1"
        assert client.get("/v1/suppliers/S3").json()["version"] == before
        assert client.put("/v1/suppliers/S3", json=profile).status_code == 200


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
