"""The directory loaded from a file: every format, all or nothing, and to each role its own."""

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

import matcher
from matcher.network import Network
from tests.service.api_world import XLSX, ZIP, World, new_store, rows, world_on, zipped
from tests.service.test_api_directory import matched
from worker import directory
from worker.access import Caller
from worker.directory import assembly

JSON = "application/json"
_names = itertools.count()


@pytest.fixture(scope="module")
def world(module_store_url: str) -> Iterator[World]:
    database, settings = new_store(module_store_url)
    with world_on(database, settings, works=True) as world:
        yield world
    database.close()


@pytest.fixture
def tenant() -> str:
    """The name of a tenant without anything."""
    return f"tenant {next(_names)}"


def load(client: httpx.Client, body: bytes, kind: str = ZIP) -> httpx.Response:
    return client.post("/v1/directory", content=body, headers={"Content-Type": kind})


def load_tables(client: httpx.Client, tables: dict[str, Any]) -> httpx.Response:
    return load(client, json.dumps(tables).encode(), JSON)


def only(network: Network, *names: str) -> dict[str, list[dict[str, Any]]]:
    """Some tables of a network as JSON values."""
    return {name: rows(network, name) for name in names}


def everything(client: httpx.Client) -> dict[str, Any]:
    """What the caller sees of the directory, by kind and key."""
    kinds = ("suppliers", "requests", "rules")
    found = {
        f"{kind} {entry['key']}": entry
        for kind in kinds
        for entry in client.get(f"/v1/{kind}", params={"limit": 500}).json().get("items", ())
    }
    shared = client.get("/v1/shared")
    return found | ({"shared": shared.json()} if shared.status_code == 200 else {})


def workbook(network: Network, folder: Path, change: Callable[[Any], None] | None = None) -> bytes:
    matcher.write(network, folder / "n.xlsx")
    if change is not None:
        book = openpyxl.load_workbook(folder / "n.xlsx")
        change(book)
        book.save(folder / "n.xlsx")
    return (folder / "n.xlsx").read_bytes()


def put_cell(book: Any, sheet: str, row: int, column: str, value: object) -> None:
    header = [cell.value for cell in book[sheet][1]]
    book[sheet].cell(row, header.index(column) + 1, value)


def test_every_format_makes_the_directory_whose_match_costs_what_the_network_does(
    world: World, small: Network, tmp_path: Path, tenant: str
) -> None:
    matcher.write(small, tmp_path / "n.json")
    bodies = [
        (workbook(small, tmp_path), XLSX),
        (zipped(small, "csv"), ZIP),
        (zipped(small, "parquet"), ZIP),
        ((tmp_path / "n.json").read_bytes(), JSON),
    ]
    here = matcher.solve(small, gap_limit=0.0)
    assert here.result is not None
    contents = []
    for i, (body, kind) in enumerate(bodies):
        agency = world.client(tenant=f"{tenant}.{i}")
        answer = load(agency, body, kind)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "shared": {"created": 1, "replaced": 0},
            "suppliers": {"created": 3, "replaced": 0},
            "requests": {"created": 1, "replaced": 0},
            "rules": {"created": 1, "replaced": 0},
        }
        contents.append({name: entry["tables"] for name, entry in everything(agency).items()})
        _, result = matched(world, agency)
        assert result["result"]["best"] == pytest.approx(here.result.best, rel=1e-12)
        assert {row["demand"] for row in result["awards"]} == {"LF1:D1", "LF1:D2"}
    assert set(contents[0]) == {
        *(f"suppliers S{i}" for i in (1, 2, 3)),
        "requests LF1",
        "rules few suppliers",
        "shared",
    }
    assert contents.count(contents[0]) == 4
    # What was loaded may be put again, one by one.
    for name, tables in contents[0].items():
        path = name if name == "shared" else name.replace(" ", "/", 1)
        assert agency.put(f"/v1/{path}", json=tables).status_code == 200, name
    # A lead firm's standard goes with its request, and one asked by all as well.
    assert contents[0]["requests LF1"]["requirements"] == [
        {"component": "cable", "standard": "Firm Q-17", "lead_firm": "LF1"},
        {"component": "housing", "standard": "ISO 9001", "lead_firm": "LF1"},
    ]
    assert contents[0]["suppliers S1"]["usages"] == [
        {"bid": "B1", "resource": "S1 presses", "use_per_unit": 0.02}
    ]


def test_the_sample_and_the_template_go_in_as_they_are(
    world: World, tmp_path: Path, tenant: str
) -> None:
    sample = matcher.read("examples/asean-electronics")
    agency = world.client(tenant=tenant)
    counts = load(agency, workbook(sample, tmp_path), XLSX).json()
    assert counts["suppliers"] == {"created": sample.suppliers.height, "replaced": 0}
    caller = Caller("k", world.tenants[tenant], "agency", None)
    with world.database.read() as session:
        tables = assembly.assemble(session, caller)
    (tmp_path / "d.json").write_text(json.dumps(tables))
    made = matcher.read(tmp_path / "d.json")
    for name in ("suppliers", "certificates", "lanes", "duties", "places"):
        assert made.table(name).equals(sample.table(name)), name
    for name in ("demands", "bids", "usages", "tiers", "resources", "rules"):
        assert made.table(name).height == sample.table(name).height, name
    plans = [matcher.solve(network, gap_limit=0.01) for network in (made, sample)]
    bounds = [(plan.result.bound, plan.result.best) for plan in plans if plan.result is not None]
    assert max(low for low, _ in bounds) <= min(high for _, high in bounds) * (1 + 1e-9)

    matcher.template(tmp_path / "template.xlsx")
    other = world.client(tenant=f"{tenant}.template")
    answer = load(other, (tmp_path / "template.xlsx").read_bytes(), XLSX)
    assert answer.status_code == 200, answer.text


def test_some_tables_are_checked_within_those_of_the_store(
    world: World, small: Network, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    demands = only(small, "demands", "requirements")
    first = load_tables(agency, demands)
    assert first.status_code == 422
    missing = {i["table"] for i in first.json()["issues"] if i["code"] == "missing_table"}
    assert missing == {"network", "lead_firms", "places", "components"}
    shared = ("network", "lead_firms", "places", "components", "standards", "lanes", "duties")
    assert load_tables(agency, only(small, *shared, "rates")).status_code == 200
    for row, name in zip(demands["demands"], ("spring:D1", "D2"), strict=True):
        row["demand"] = name
    answer = load_tables(agency, demands)
    assert answer.json()["requests"] == {"created": 2, "replaced": 0}, answer.text
    spring = agency.get("/v1/requests/spring").json()
    assert [row["demand"] for row in spring["tables"]["demands"]] == ["D1"]
    assert [row["component"] for row in spring["tables"]["requirements"]] == ["housing"]
    assert agency.get("/v1/requests/LF1").json()["tables"]["demands"][0]["demand"] == "D2"
    # A bid for one demand names it as the directory does; a wrong component is wrong there, too.
    profiles = only(small, "suppliers", "certificates", "resources", "bids", "usages", "tiers")
    profiles["bids"][0]["demand"] = "spring:D1"
    profiles["resources"] = []  # an empty table is one that was left out
    profiles["usages"] = []
    answer = load_tables(agency, profiles)
    assert answer.json()["suppliers"] == {"created": 3, "replaced": 0}, answer.text
    (bid,) = agency.get("/v1/suppliers/S1").json()["tables"]["bids"]
    assert bid["demand"] == "spring:D1"
    solve, result = matched(world, agency)
    assert solve["solution_status"] == "optimal"
    assert ("spring:D1", "S1:B1") in {(row["demand"], row["bid"]) for row in result["awards"]}
    wrong = only(small, "suppliers", "bids")
    wrong["bids"][1]["component"] = "hosing"
    (issue,) = load_tables(agency, wrong).json()["issues"]
    assert (issue["pointer"], issue["code"]) == ("/bids/1/component", "dangling_id")
    assert issue["problem"] == "is not in the directory's components"
    # Of one file, all demands have the names that the file gives them.
    both = only(small, "suppliers", "bids", "demands", "rules")
    both["bids"][0]["demand"] = "D1"
    both["rules"] = [
        {"rule": "one", "kind": "supplier_count", "scope": "demand", "of": "D1", "max": 1}
    ]
    assert load_tables(agency, both).status_code == 200
    assert agency.get("/v1/suppliers/S1").json()["tables"]["bids"][0]["demand"] == "LF1:D1"
    assert agency.get("/v1/rules/one").json()["tables"]["rules"][0]["of"] == "LF1:D1"


def test_an_entry_replaces_the_one_of_its_key_and_the_audit_log_has_each(
    world: World, small: Network, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    assert load(agency, zipped(small)).status_code == 200
    assert agency.post("/v1/requests/LF1/close").json()["is_open"] is False
    again = only(small, "suppliers", "bids", "demands")
    for name in ("suppliers", "bids"):
        again[name] = again[name][:1]
    answer = load_tables(agency, again).json()
    assert answer["suppliers"] == {"created": 0, "replaced": 1}
    assert answer["requests"] == {"created": 0, "replaced": 1}
    assert answer["shared"] == answer["rules"] == {"created": 0, "replaced": 0}
    found = everything(agency)
    assert set(found["suppliers S1"]["tables"]) == {"suppliers", "bids"}  # no certificates now
    assert found["requests LF1"]["is_open"] is True
    versions = {name: entry["version"] for name, entry in found.items()}
    assert versions == {
        "suppliers S1": 2, "suppliers S2": 1, "suppliers S3": 1,
        "requests LF1": 3, "rules few suppliers": 1, "shared": 1,
    }  # fmt: skip
    log = world.client("admin", tenant=tenant).get("/v1/audit", params={"limit": 100}).json()
    entries = [(row["action"], row["target"], row["detail"].get("version")) for row in log["items"]]
    assert sorted(entries, key=str) == sorted(
        [
            ("shared.put", "shared", 1), ("rule.put", "few suppliers", 1),
            ("supplier.put", "S1", 1), ("supplier.put", "S2", 1), ("supplier.put", "S3", 1),
            ("supplier.put", "S1", 2), ("request.put", "LF1", 1), ("request.put", "LF1", 3),
            ("request.close", "LF1", None),
        ],
        key=str,
    )  # fmt: skip


def test_of_a_bad_file_every_issue_is_listed_and_nothing_is_stored(
    world: World, small: Network, tmp_path: Path, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    assert load(agency, zipped(small)).status_code == 200
    before = everything(agency)
    log = agency.get("/v1/audit").json()

    def spoil(book: Any) -> None:
        put_cell(book, "suppliers", 2, "supplier", "S/1")
        put_cell(book, "suppliers", 3, "size_class", "giant")
        put_cell(book, "certificates", 2, "supplier", "S/1")
        put_cell(book, "resources", 2, "supplier", "S/1")
        put_cell(book, "bids", 2, "supplier", "S/1")
        put_cell(book, "bids", 3, "price", -1)
        put_cell(book, "bids", 4, "component", "cabel")
        put_cell(book, "demands", 2, "demand", ".R:D1")
        put_cell(book, "demands", 3, "quantity", "many")
        put_cell(book, "usages", 2, "use_per_unit", 0)
        put_cell(book, "rules", 2, "of", "LF1")

    answer = load(agency, workbook(small, tmp_path, spoil), XLSX)
    assert answer.status_code == 422
    found = {(i["table"], i["row"], i["column"]): i["code"] for i in answer.json()["issues"]}
    assert found == {
        ("suppliers", 2, "supplier"): "bad_key",
        ("suppliers", 3, "size_class"): "unknown_choice",
        ("bids", 3, "price"): "out_of_range",
        ("bids", 4, "component"): "dangling_id",
        ("demands", 2, "demand"): "bad_key",
        ("demands", 3, "quantity"): "wrong_type",
        ("usages", 2, "use_per_unit"): "out_of_range",
        ("rules", 2, "of"): "unexpected_value",
    }
    assert everything(agency) == before
    assert agency.get("/v1/audit").json() == log
    # Two demands of one name, one request of two lead firms.
    tables = only(small, "demands", "lead_firms", "network", "places", "components")
    tables["lead_firms"].append({"lead_firm": "LF2", "economy": "VN"})
    first, second = tables["demands"]
    tables["demands"] = [first, {**first, "demand": "LF1:D1"}, {**second, "demand": "R:D2"}]
    tables["demands"].append({**second, "demand": "R:D3", "lead_firm": "LF2"})
    issues = load_tables(agency, tables).json()["issues"]
    assert {(issue["pointer"], issue["code"]) for issue in issues} == {
        ("/demands/0/demand", "duplicate_id"),
        ("/demands/1/demand", "duplicate_id"),
        ("/demands/3/lead_firm", "other_owner"),
    }
    for name in ("usages", "requirements"):  # whose suppliers and demands the file leaves out
        issues = load_tables(agency, only(small, name)).json()["issues"]
        assert issues[0]["code"] == "missing_table", issues
    assert everything(agency) == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"{}", JSON),
        (b'{"demands": []}', JSON),
        (b'{"demands": [{"demand": null}]}', JSON),
        (b'{"demands": {"demand": {}}}', JSON),
        (b'{"bids": [{"bid": "B", "demand": ["a", "b"]}], "rules": [{}]}', JSON),
        (b"not a zip", ZIP),
        (b"not a workbook", XLSX),
        (b"PK\x05\x06" + bytes(18), ZIP),
    ],
)
def test_what_holds_no_entry_is_a_422(world: World, body: bytes, kind: str, tenant: str) -> None:
    agency = world.client(tenant=tenant)
    answer = load(agency, body, kind)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issues"]
    assert everything(agency) == {}
    assert load(agency, body, "text/csv").status_code == 415


def test_shared_tables_that_would_leave_other_entries_dangling_are_refused(
    world: World, small: Network, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    assert load(agency, zipped(small)).status_code == 200
    before = everything(agency)
    tables = only(small, "network", "lead_firms", "places", "components", "suppliers", "rates")
    tables["places"] = [row for row in tables["places"] if row["place"] != "Penang"]
    tables["suppliers"] = [row for row in tables["suppliers"] if row["supplier"] == "S1"]
    tables["suppliers"][0]["name"] = "New name"
    answer = load_tables(agency, tables)
    assert answer.status_code == 422
    found = {(i["table"], i.get("column"), i.get("value")) for i in answer.json()["issues"]}
    assert ("supplier S2, suppliers", "place", "Penang") in found
    assert ("supplier S3, certificates", "standard", "Firm Q-17") in found
    assert everything(agency) == before
    # The same tables hold once the file has the suppliers as well.
    tables["suppliers"] = rows(small, "suppliers")
    tables["suppliers"][1]["place"] = "Da Nang"
    rest = {"demands": [d for d in rows(small, "demands") if d["component"] == "housing"]}
    assert load_tables(agency, tables | rest).status_code == 200
    assert agency.get("/v1/suppliers/S2").json()["tables"]["suppliers"][0]["place"] == "Da Nang"


def test_nothing_is_stored_on_ground_that_has_moved(
    world: World, small: Network, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = world.client(tenant=tenant)
    assert load(agency, zipped(small)).status_code == 200
    before = agency.get("/v1/suppliers/S1").json()
    put_all = directory.put_all

    def overtaken(*given: Any) -> Any:
        return put_all(*given[:3], (0, 0, 0.0))

    monkeypatch.setattr("worker.directory.put_all", overtaken)
    late = load_tables(agency, only(small, "suppliers", "bids"))
    assert late.status_code == 409
    assert (late.json()["type"][-9:], late.headers["Retry-After"]) == ("in-flight", "1")
    assert agency.get("/v1/suppliers/S1").json() == before
    monkeypatch.undo()
    assert load_tables(agency, only(small, "suppliers", "bids")).status_code == 200


def test_a_lead_firm_loads_its_own_requests_and_rules_only(
    world: World, small: Network, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    lead = world.client("lead_firm", "LF1", tenant)
    shared = only(small, "network", "lead_firms", "places", "components", "standards", "rates")
    shared["lead_firms"].append({"lead_firm": "Secret", "economy": "VN"})
    assert load_tables(agency, shared).status_code == 200
    demands = rows(small, "demands")
    hidden = [{**demands[0], "demand": "plans:D1", "lead_firm": "Secret"}]
    limit = {"rule": "cap", "kind": "supplier_count", "scope": "network", "max": 9}
    assert load_tables(agency, {"demands": hidden, "rules": [limit]}).status_code == 200
    for tables in (shared, only(small, "suppliers", "bids"), only(small, "certificates")):
        refused = load_tables(lead, tables | {"demands": demands})
        assert refused.status_code == 403
        assert all(name in refused.json()["detail"] for name in tables)
    own = {**limit, "rule": "mine", "scope": "demand", "of": "D1", "max": 1}
    answer = load_tables(
        lead, {"demands": demands, "requirements": rows(small, "requirements"), "rules": [own]}
    )
    assert answer.status_code == 200, answer.text
    assert set(everything(lead)) == {"requests LF1", "rules mine", "shared"}
    assert agency.get("/v1/rules/mine").json()["lead_firm"] == "LF1"
    before = everything(agency)
    foreign = load_tables(
        lead,
        {
            "demands": [
                demands[0],
                {**demands[1], "lead_firm": "Secret"},
                {**demands[1], "demand": "plans:D9"},
            ],
            "requirements": [{"component": "cable", "standard": "ISO 9001", "lead_firm": "Secret"}],
            "rules": [
                {**own, "rule": "all", "scope": "network", "of": None},
                {**own, "rule": "theirs", "scope": "lead_firm", "of": "Secret"},
                {**own, "rule": "cap"},
            ],
        },
    )
    assert foreign.status_code == 422
    owned = {i["pointer"] for i in foreign.json()["issues"] if i["code"] == "other_owner"}
    assert owned == {
        "/demands/1/lead_firm",
        "/demands/2/demand",
        "/requirements/0/lead_firm",
        "/rules/0/scope",
        "/rules/1/of",
        "/rules/2/rule",
    }
    # Who else buys here is not told.
    unknown = load_tables(lead, {"demands": [{**demands[0], "lead_firm": "Secrets"}]})
    assert "'Secret'" not in unknown.text
    assert everything(agency) == before
    # A rule that is a lead firm's stays so, and within what is its own, when the agency loads it.
    theirs = {**own, "of": "D1", "scope": "component"}
    refused = load_tables(agency, {"demands": demands, "rules": [theirs]})
    assert "/rules/0/scope" in {i["pointer"] for i in refused.json()["issues"]}
    assert load_tables(agency, {"demands": demands, "rules": [own]}).status_code == 200
    assert agency.get("/v1/rules/mine").json()["lead_firm"] == "LF1"


def test_a_supplier_loads_itself_only_and_a_viewer_nothing(
    world: World, small: Network, tenant: str
) -> None:
    agency = world.client(tenant=tenant)
    assert load(agency, zipped(small)).status_code == 200
    before = everything(agency)
    supplier = world.client("supplier", "S2", tenant)
    names = ("suppliers", "certificates", "bids")
    all_of_them = only(small, *names, "resources", "usages", "tiers")
    own = {name: [row for row in all_of_them[name] if row["supplier"] == "S2"] for name in names}
    assert world.client("viewer", tenant=tenant).post("/v1/directory").status_code == 403
    for extra in ("demands", "rules", "places"):
        refused = load_tables(supplier, own | only(small, extra))
        assert refused.status_code == 403
        assert f"may not write {extra};" in refused.json()["detail"]
    foreign = load_tables(supplier, all_of_them)
    assert foreign.status_code == 422
    assert {i["pointer"] for i in foreign.json()["issues"]} == {
        *(f"/{name}/{i}/supplier" for name in names for i in (0, 2)),
        "/resources/0/supplier",
    }
    assert everything(agency) == before
    own["bids"][0]["price"] = 3.9
    assert load_tables(supplier, own).json()["suppliers"] == {"created": 0, "replaced": 1}
    assert agency.get("/v1/suppliers/S2").json()["tables"]["bids"][0]["price"] == 3.9


def test_more_than_one_transaction_should_hold_is_a_422(
    world: World, small: Network, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = world.client(tenant=tenant)
    monkeypatch.setattr("api.uploads.intake.MAX_ENTRIES_BYTES", 1000)
    answer = load(agency, zipped(small))
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("too-large")
    assert "the limit is 1,000" in answer.json()["detail"]
    assert everything(agency) == {}


def test_zip_and_child_have_the_limits_of_networks(tmp_path: Path, small: Network) -> None:
    database, settings = new_store(tmp_path, max_memory_bytes=2**26, max_upload_bytes=100_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bids.csv", bytes(2**24))
    with world_on(database, settings) as world:
        agency = world.client()
        assert load(agency, bytes(100_001)).status_code == 413
        assert len(packed.getvalue()) < 100_000
        for body, problem in (
            (zipped(small), "67,108,864 bytes"),
            (packed.getvalue(), "unpacks to over 200 times"),
        ):
            answer = load(agency, body)
            assert answer.status_code == 422
            assert problem in answer.json()["issues"][0]["problem"]
        assert everything(agency) == {}
    database.close()
