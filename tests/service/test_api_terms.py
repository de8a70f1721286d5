"""The directory with rules and terms of every kind: what goes where, and what is left out."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

import matcher
from matcher.network import Network
from matcher.read import network_from_tables
from tests.networks import frame, network
from tests.service.api_world import ZIP, World, new_store, rows, world_on, zipped
from tests.service.test_api_bulk import everything, load, load_tables, only
from tests.service.test_api_directory import matched
from worker import directory
from worker.access import Caller
from worker.directory import assembly
from worker.jobs import shards
from worker.store import snapshots

_names = itertools.count()
SHARED = ("incumbents", "consortia", "periods", "objectives")
SOON, LATER = "2026-06-30", "2026-12-31"
OF_SUPPLIER = ("discounts", "capacities", "ramps")


def rich() -> Network:
    """Two lead firms, three demands, three suppliers, and a row in every table of terms."""
    return network(
        lead_firms=[{"lead_firm": "F1"}, {"lead_firm": "F2"}],
        places=[{"place": "P"}, {"place": "Q", "economy": "MY", "park": "North"}],
        components=[{"component": "C1", "group": "G"}, {"component": "C2"}],
        demands=[
            {"demand": "D1", "lead_firm": "F1", "due": SOON, "component": "C1", "line": "L"},
            {"demand": "D2", "lead_firm": "F1", "due": LATER, "component": "C1", "line": "L"},
            {"demand": "D3", "lead_firm": "F2", "due": LATER, "component": "C2"},
        ],
        suppliers=[
            {"supplier": "S1", "turnover": 900.0},
            {"supplier": "S2", "ownership": "women"},
            {"supplier": "S3", "lead_firm": "F2"},
        ],
        bids=[
            {"bid": "B1", "supplier": "S1", "component": "C1", "tooling_cost": 9.0, "price": 2.0},
            {"bid": "B2", "supplier": "S2", "component": "C1", "consortium": "K"},
            {"bid": "B3", "supplier": "S1", "component": "C1", "consortium": "K"},
            {"bid": "B4", "supplier": "S2", "component": "C1", "demand": "D1", "bundle": "both"},
            {"bid": "B5", "supplier": "S2", "component": "C1", "demand": "D2", "bundle": "both"},
            {"bid": "B6", "supplier": "S3", "component": "C2"},
            {"bid": "B7", "supplier": "S1", "component": "C2", "price": 3.0},
        ],
        resources=[{"resource": "R", "supplier": "S1", "capacity": 500.0}],
        usages=[{"bid": bid, "resource": "R", "use_per_unit": 1.0} for bid in ("B1", "B3", "B7")],
        periods=[
            {"period": "H1", "first": "2026-01-01", "last": SOON},
            {"period": "H2", "first": "2026-07-01", "last": LATER},
        ],
        capacities=[{"resource": "R", "period": "H1", "capacity": 60.0}],
        ramps=[{"bid": "B1", "period": "H1", "share": 0.5}],
        discounts=[{"discount": "rebate", "supplier": "S1", "from": 10.0, "rate": 0.1}],
        consortia=[{"consortium": "K", "lead": "S1", "moq": 50.0, "coordination_cost": 4.0}],
        incumbents=[
            {"component": "C1", "supplier": "S1", "lead_firm": "F1", "switching_cost": 5.0},
            {"component": "C2", "supplier": "S2", "switching_cost": 3.0},
        ],
        rules=[
            {"rule": "both", "kind": "limit", "scope": "component", "of": "C1;C2",
             "group": "supplier", "who": "S1;S2", "measure": "quantity", "max": 250.0},
            {"rule": "each", "kind": "economy_count", "scope": "component", "min": 2,
             "priority": 1, "price": 1.0},
            {"rule": "of D1 and D3", "kind": "supplier_count", "scope": "demand", "of": "D1;D3",
             "max": 2},
            {"rule": "women", "kind": "share", "scope": "network", "group": "ownership",
             "who": "women", "measure": "value", "min": 0.1, "priority": 2, "price": 0.5},
        ],
        objectives=[
            {"objective": "coverage", "order": 1},
            {"objective": "cost", "order": 2},
            {"objective": "supplier_count", "order": 3},
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(module_store_url: str) -> Iterator[World]:
    database, settings = new_store(module_store_url)
    with world_on(database, settings, works=True) as world:
        yield world
    database.close()


@pytest.fixture
def tenant(world: World) -> str:
    """A tenant whose directory holds the rich network."""
    name = f"terms {next(_names)}"
    answer = load(world.client(tenant=name), zipped(rich()), ZIP)
    assert answer.status_code == 200, answer.text
    return name


def assembled(
    world: World, tenant: str, role: str = "agency", subject: str | None = None
) -> Network:
    """What a caller's match would solve; it has to be a network that holds."""
    with world.database.read() as session:
        tables = assembly.assemble(session, Caller("k", world.tenants[tenant], role, subject))
    return network_from_tables({name: frame("", given) for name, given in tables.items() if given})


def put(client: Any, path: str, tables: dict[str, Any]) -> Any:
    return client.put(f"/v1/{path}", json=tables)


def issues(answer: Any) -> set[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return {
        (issue.get("pointer") or issue["table"], issue["code"]) for issue in answer.json()["issues"]
    }


def test_every_table_goes_to_its_owner_and_into_the_match(world: World, tenant: str) -> None:
    agency, whole = world.client(tenant=tenant), rich()
    found = everything(agency)
    assert {name: found["shared"]["tables"][name] for name in SHARED} == only(whole, *SHARED)
    first = found["suppliers S1"]["tables"]
    assert {name: first[name] for name in OF_SUPPLIER} == only(whole, *OF_SUPPLIER)
    assert found["rules of D1 and D3"]["tables"]["rules"][0]["of"] == "F1:D1;F2:D3"
    made = assembled(world, tenant)
    for name in ("demands", "bids", "suppliers", "rules", *SHARED, *OF_SUPPLIER):
        assert made.table(name).height == whole.table(name).height, name
    assert set(made.demands["line"]) == {"F1:L", None}
    assert set(made.bids["bundle"]) == {"S2:both", None}
    assert made.discounts["discount"].to_list() == ["S1:rebate"]
    solve, result = matched(world, agency)
    here = matcher.solve(whole, gap_limit=0.0)
    assert here.result is not None
    assert solve["solution_status"] == here.result.solution_status == "optimal"
    assert result["result"]["costs"] == pytest.approx(here.result.costs.model_dump())
    # What was loaded may be put again, one by one.
    for name, entry in found.items():
        path = name if name == "shared" else name.replace(" ", "/", 1)
        assert put(agency, path, entry["tables"]).status_code == 200, name
    assert assembled(world, tenant) == made


def test_a_match_leaves_out_what_it_cannot_be_about(world: World, tenant: str) -> None:
    agency = world.client(tenant=tenant)
    assert agency.post("/v1/requests/F2/close").status_code == 200
    made = assembled(world, tenant)
    assert made.suppliers["supplier"].to_list() == ["S1", "S2"]  # S3 makes for F2 alone
    assert made.incumbents["component"].to_list() == ["C1"]
    limits = {row["rule"]: (row["of"], row["who"]) for row in made.rules.to_dicts()}
    assert limits["of D1 and D3"] == ("F1:D1", None)
    assert limits["both"] == ("C1", "S1;S2")
    assert limits["each"] == (None, None)
    # Without D2 the whole bundle cannot be awarded; without its lead no bid of the consortium can.
    request = agency.get("/v1/requests/F1").json()["tables"]
    request["demands"] = [row for row in request["demands"] if row["demand"] == "D1"]
    assert put(agency, "requests/F1", request).status_code == 200
    assert assembled(world, tenant).bids["bid"].to_list() == ["S1:B1", "S1:B3", "S1:B7", "S2:B2"]
    assert agency.delete("/v1/suppliers/S1").status_code == 204
    with pytest.raises(directory.NothingToMatch):  # S2 bids for the consortium and the bundle
        assembled(world, tenant)


def test_a_rule_of_owners_or_suppliers_that_are_gone_is_left_out(world: World, tenant: str) -> None:
    agency = world.client(tenant=tenant)
    profile = agency.get("/v1/suppliers/S2").json()["tables"]
    del profile["suppliers"][0]["ownership"]
    assert put(agency, "suppliers/S2", profile).status_code == 200
    assert assembled(world, tenant).rules["rule"].to_list() == ["both", "each", "of D1 and D3"]
    # Nor do the shared tables have to wait for somebody to correct the rule.
    assert put(agency, "shared", agency.get("/v1/shared").json()["tables"]).status_code == 200


def test_rules_name_suppliers_of_the_directory(world: World, tenant: str) -> None:
    agency, lead = world.client(tenant=tenant), world.client("lead_firm", "F1", tenant)
    row = {"kind": "share", "scope": "network", "measure": "value", "max": 0.5}
    for cells, code in (
        ({"group": "supplier", "who": "S1;S4"}, "dangling_id"),
        ({"group": "ownership", "who": "state"}, "dangling_id"),
        ({"group": "park", "who": "South"}, "dangling_id"),
        ({"group": "economy", "who": "Malaysia"}, "unknown_economy"),
    ):
        answer = put(agency, "rules/r", {"rules": [row | cells]})
        assert issues(answer) == {("/rules/0/who", code)}, cells
    good = {"group": "Ownership", "who": ["women"], "of": None}
    assert put(agency, "rules/r", {"rules": [row | good]}).status_code == 201
    assert agency.get("/v1/rules/r").json()["tables"]["rules"][0]["who"] == "women"
    assert "r" in assembled(world, tenant).rules["rule"]
    # A lead firm names its own demands, and suppliers; which others there are it is not told.
    own = row | {"scope": "demand", "group": "supplier", "who": "S9", "of": "F1:D1; F1:D2"}
    hidden = put(lead, "rules/mine", {"rules": [own]})
    assert issues(hidden) == {("/rules/0/who", "dangling_id")}
    assert not any(f"'S{i}'" in hidden.text for i in (1, 2, 3))
    each = put(lead, "rules/mine", {"rules": [own | {"who": "S1", "of": None}]})
    assert issues(each) == {("/rules/0/of", "missing_cell")}
    other = put(lead, "rules/mine", {"rules": [own | {"who": "S1", "of": "F1:D1;F2:D3"}]})
    assert issues(other) == {("/rules/0/of", "dangling_id")}
    assert put(lead, "rules/mine", {"rules": [own | {"who": "S1"}]}).status_code == 201
    # From a file as well, where suppliers that it leaves out are those of the directory.
    text = {"rule": "filed", "kind": "supplier_count", "scope": "network", "max": 2}
    filed = load_tables(agency, {"rules": [text | {"group": "supplier", "who": "S1;S2"}]})
    assert filed.status_code == 200, filed.text
    wrong = load_tables(agency, {"rules": [text | {"group": "supplier", "who": "S1;S7"}]})
    assert issues(wrong) == {("/rules/0/who", "dangling_id")}
    demands = {"demands": rows(rich(), "demands")[:2]}
    each = load_tables(lead, demands | {"rules": [{**text, "rule": "x", "scope": "demand"}]})
    assert issues(each) == {("/rules/0/of", "missing_cell")}
    several = {**text, "rule": "x", "scope": "demand", "of": "D1;D2"}
    assert load_tables(lead, demands | {"rules": [several]}).status_code == 200
    assert lead.get("/v1/rules/x").json()["tables"]["rules"][0]["of"] == "F1:D1;F1:D2"
    theirs = {**text, "rule": "x", "scope": "lead_firm", "of": "F1;F2"}
    assert ("/rules/0/of", "other_owner") in issues(
        load_tables(lead, demands | {"rules": [theirs]})
    )


def test_a_wrong_term_is_refused_before_it_could_block_a_match(world: World, tenant: str) -> None:
    agency = world.client(tenant=tenant)
    before = agency.get("/v1/suppliers/S2").json()["tables"]
    for change, pointer, code in (
        ({"split": True}, "/bids/1/split", "contradiction"),
        ({"demand": None}, "/bids/1/demand", "missing_cell"),
        ({"demand": "F1:D2"}, "/bids/2/demand", "bad_bundle"),
    ):
        wrong = json.loads(json.dumps(before))
        wrong["bids"][1] |= change
        for answer in (put(agency, "suppliers/S2", wrong), load_tables(agency, wrong)):
            assert issues(answer) == {(pointer, code)}
    # What a demand asks for is not told, but a bid for something else goes no further.
    wrong = json.loads(json.dumps(before))
    wrong["bids"][1]["component"] = "C2"
    assert put(agency, "suppliers/S2", wrong).status_code == 200
    assert set(assembled(world, tenant).bids["bid"]) == {
        "S1:B1",
        "S1:B3",
        "S1:B7",
        "S2:B2",
        "S3:B6",
    }
    assert put(agency, "suppliers/S2", before).status_code == 200
    late = {"demands": [{"demand": "D9", "component": "C1", "lead_firm": "F1", "quantity": 1.0,
                         "place": "P", "due": "2027-01-01"}]}  # fmt: skip
    assert issues(put(agency, "requests/late", late)) == {("/demands/0/due", "due_outside_periods")}
    assert issues(load_tables(agency, late)) == {("/demands/0/due", "due_outside_periods")}
    shared = agency.get("/v1/shared").json()["tables"]
    gone = {**shared, "periods": shared["periods"][1:]}
    assert issues(put(agency, "shared", gone)) == {
        ("supplier S1, capacities", "dangling_id"),
        ("supplier S1, ramps", "dangling_id"),
        ("request F1, demands", "due_outside_periods"),
    }
    lost = {**shared, "consortia": [{"consortium": "K", "lead": "S8"}]}
    assert issues(put(agency, "shared", lost)) == {("/consortia/0/lead", "dangling_id")}
    none = {**shared, "consortia": []}
    assert issues(put(agency, "shared", none)) == {
        ("supplier S1, bids", "dangling_id"),
        ("supplier S2, bids", "dangling_id"),
    }
    assert put(agency, "shared", shared).status_code == 200


def test_each_role_sees_and_states_what_is_its_own(world: World, tenant: str) -> None:
    agency, lead = world.client(tenant=tenant), world.client("lead_firm", "F2", tenant)
    seen = lead.get("/v1/shared").json()["tables"]
    assert [row["supplier"] for row in seen["incumbents"]] == ["S2"]
    assert seen["objectives"] == []
    own = assembled(world, tenant, "lead_firm", "F2")
    assert own.objectives.is_empty()  # nor does what the agency strives for bind its own matches
    assert own.incumbents["supplier"].to_list() == ["S2"]
    assert own.rules.is_empty()
    plant = world.client("supplier", "S3", tenant)
    assert plant.get("/v1/shared").json()["tables"]["incumbents"] == []
    # The agency states whose own plant a supplier is: it can neither leave nor join.
    mine = plant.get("/v1/suppliers/S3").json()["tables"]
    for answer in (
        put(plant, "suppliers/S3", {**mine, "suppliers": [{"place": "P", "size_class": "small"}]}),
        load_tables(plant, {**mine, "suppliers": [{"supplier": "S3", "place": "P",
                                                   "size_class": "small"}]}),
    ):  # fmt: skip
        assert answer.status_code == 200, answer.text
        stored = agency.get("/v1/suppliers/S3").json()["tables"]["suppliers"]
        assert stored[0]["lead_firm"] == "F2"
    row = {**mine["suppliers"][0], "lead_firm": "F1"}
    for answer in (
        put(plant, "suppliers/S3", {**mine, "suppliers": [row]}),
        load_tables(plant, {**mine, "suppliers": [row]}),
    ):
        assert ("/suppliers/0/lead_firm", "other_owner") in issues(answer)
    free = world.client("supplier", "S2", tenant)
    theirs = free.get("/v1/suppliers/S2").json()["tables"]
    theirs["suppliers"][0]["lead_firm"] = "F1"
    for answer in (put(free, "suppliers/S2", theirs), load_tables(free, theirs)):
        assert ("/suppliers/0/lead_firm", "other_owner") in issues(answer)
        assert "F2" not in answer.text


def test_a_network_at_rest_keeps_every_table() -> None:
    whole = rich()
    again = snapshots.unpack(snapshots.pack(whole))
    assert again == whole
    assert again.warnings == whole.warnings


def test_a_part_that_was_never_begun_costs_what_it_leaves_and_misses() -> None:
    whole = rich()
    plan = shards._unsearched(whole)
    assert plan.result is not None
    assert plan.result.solution_status == "feasible"
    # Both incumbents are left, 5 + 3; C1 and C2 lack two economies each, at 1; a share of nothing
    # is met.
    assert plan.result.best == pytest.approx(8.0 + 4.0)
    asked = {"rule": "asked", "kind": "limit", "scope": "network", "measure": "value", "min": 1.0}
    tables = {name: whole.table(name) for name in ("network", "lead_firms", "places", "components",
              "demands", "suppliers", "bids", "consortia", "trade_costs")}  # fmt: skip
    plan = shards._unsearched(network_from_tables({**tables, "rules": frame("", [asked])}))
    assert plan.result is not None
    assert plan.result.solution_status == "none"
