"""Who may do what: keys, roles, and nothing of another tenant."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import select

import matcher
from matcher.network import Network
from tests.service.api_world import ZIP, World, new_store, rows, world_on, zipped
from worker.access import MAY, ROLES
from worker.store.models import ApiKey


@dataclass
class Case:
    """A world in which tenant one has one of everything."""

    world: World
    network: str
    solve: str
    lead_solve: str
    key: str
    webhook: str


@pytest.fixture(scope="module")
def case(module_store_url: str) -> Iterator[Case]:
    small = matcher.read("examples/first-steps")
    database, settings = new_store(module_store_url, webhook_private_addresses=True)
    with world_on(database, settings, works=True) as world:
        admin, lead = world.client("admin"), world.client("lead_firm", "LF1")
        network = world.upload(small)
        solve = world.solved(network)
        put_directory(world, small)
        put_rule(world, "R1")
        webhook = admin.post("/v1/webhooks", json={"url": "https://127.0.0.1/hook"})
        key = admin.post("/v1/keys", json={"name": "spare", "role": "viewer"})
        yield Case(
            world,
            network,
            solve,
            world.solved(world.upload(small, lead), lead),
            key.json()["id"],
            webhook.json()["id"],
        )
    database.close()


def put_directory(world: World, small: Network) -> None:
    """First steps as a directory: shared tables, its suppliers, and its demands as one request."""
    agency = world.client()
    names = ("network", "lead_firms", "places", "components", "standards", "lanes", "duties")
    shared = {name: rows(small, name) for name in (*names, "rates", "trade_costs")}
    assert agency.put("/v1/shared", json=shared).status_code == 201
    for row in rows(small, "suppliers"):
        key = row["supplier"]
        own = {
            name: [each for each in rows(small, name) if each["supplier"] == key]
            for name in ("certificates", "resources", "bids")
        }
        bids = {each["bid"] for each in own["bids"]}
        for name in ("usages", "tiers"):
            own[name] = [each for each in rows(small, name) if each["bid"] in bids]
        for bid in own["bids"]:
            bid.pop("demand", None)
        answer = agency.put(f"/v1/suppliers/{key}", json={"suppliers": [row], **own})
        assert answer.status_code == 201, answer.text
    demands = rows(small, "demands")
    answer = agency.put("/v1/requests/R1", json={"demands": demands})
    assert answer.status_code == 201, answer.text


def put_rule(world: World, key: str) -> None:
    """A rule of the agency that limits nothing in first steps."""
    row = {"kind": "supplier_count", "scope": "network", "max": 9}
    answer = world.client().put(f"/v1/rules/{key}", json={"rules": [row]})
    assert answer.status_code == 201, answer.text


def test_a_key_is_needed_and_stored_as_its_hash_only(case: Case) -> None:
    for key in (None, "mk_wrong", "x" * 5000):
        answer = case.world.with_key(key).get("/v1/solves")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
    made = case.world.client("admin").post("/v1/keys", json={"name": "n", "role": "viewer"})
    text = made.json()["key"]
    assert made.status_code == 201
    assert len(text) >= 43  # 256 bits take 43 characters of base64
    with case.world.database.read() as session:
        stored = session.scalars(select(ApiKey).where(ApiKey.id == made.json()["id"])).one()
    assert stored.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert text.startswith(stored.prefix)
    assert text not in str(vars(stored))
    shown = case.world.client("admin").get(f"/v1/keys/{stored.id}").json()
    assert "key" not in shown


def test_expired_and_revoked_keys_open_nothing(case: Case) -> None:
    old = case.world.with_key(case.world.key("viewer", expires_at=time.time() - 1))
    assert old.get("/v1/solves").status_code == 401
    admin = case.world.client("admin")
    made = admin.post("/v1/keys", json={"name": "n", "role": "viewer", "expires_in_days": 1.5})
    viewer = case.world.with_key(made.json()["key"])
    assert viewer.get("/v1/solves").status_code == 200
    assert admin.post(f"/v1/keys/{made.json()['id']}/revoke").status_code == 200
    assert viewer.get("/v1/solves").status_code == 401
    listed = admin.get("/v1/keys", params={"limit": 500}).json()["items"]
    assert any(row["id"] == made.json()["id"] and row["revoked_at"] for row in listed)


def test_no_admin_locks_itself_out(case: Case) -> None:
    admin = case.world.client("admin")
    own = [row for row in admin.get("/v1/keys").json()["items"] if row["role"] == "admin"]
    assert admin.post(f"/v1/keys/{own[0]['id']}/revoke").status_code == 409


def test_a_subject_goes_with_its_roles_only(case: Case) -> None:
    admin = case.world.client("admin")
    for body in ({"role": "supplier"}, {"role": "agency", "subject": "S1"}):
        answer = admin.post("/v1/keys", json={"name": "n", **body})
        assert answer.status_code == 422
        assert answer.json()["issues"][0]["pointer"] == "/subject"


# What each operation asks of a role, stated anew: the matrix of roles as users know it.
OPERATIONS = {
    ("GET", "/v1/networks"): "admin agency viewer lead_firm",
    ("POST", "/v1/networks"): "admin agency lead_firm",
    ("GET", "/v1/suppliers"): "admin agency viewer supplier",
    ("GET", "/v1/requests"): "admin agency viewer lead_firm",
    ("GET", "/v1/rules"): "admin agency viewer lead_firm",
    ("GET", "/v1/shared"): "admin agency viewer lead_firm supplier",
    ("PUT", "/v1/shared"): "admin agency",
    ("POST", "/v1/directory"): "admin agency lead_firm supplier",
    ("GET", "/v1/solves"): "admin agency viewer lead_firm supplier",
    ("POST", "/v1/solves"): "admin agency lead_firm",
    ("POST", "/v1/check"): "admin agency viewer lead_firm",
    ("GET", "/v1/keys"): "admin",
    ("POST", "/v1/keys"): "admin",
    ("GET", "/v1/webhooks"): "admin agency viewer lead_firm",
    ("POST", "/v1/webhooks"): "admin agency lead_firm",
    ("GET", "/v1/audit"): "admin agency viewer",
    ("GET", "/v1/limits"): "admin agency viewer lead_firm supplier",
}


@pytest.mark.parametrize("role", ROLES)
def test_roles(case: Case, role: str) -> None:
    subject = {"lead_firm": "LF1", "supplier": "S1"}.get(role)
    client = case.world.client(role, subject)
    for (method, path), may in OPERATIONS.items():
        body = {} if method == "GET" else {"json": {"neither": "this"}}
        status = client.request(method, path, **body).status_code  # type: ignore[arg-type]
        assert (status == 403) == (role not in may.split()), (method, path, status)
    assert set(MAY) == set(ROLES)


def test_a_viewer_changes_nothing(case: Case) -> None:
    viewer = case.world.client("viewer")
    document = viewer.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            if method == "get" or path == "/v1/check":
                continue
            url = filled(path, case)
            answer = viewer.request(method, url, json=body_of(path, case))
            assert answer.status_code == 403, (method, path, answer.text)


def test_a_lead_firm_sees_its_own_only(case: Case) -> None:
    other = case.world.client("lead_firm", "LF2")
    assert other.get("/v1/solves").json()["items"] == []
    assert other.get("/v1/networks").json()["items"] == []
    assert other.get("/v1/requests").json()["items"] == []
    assert other.get("/v1/rules").json()["items"] == []
    for url in (
        f"/v1/solves/{case.solve}",
        f"/v1/solves/{case.lead_solve}",
        f"/v1/solves/{case.lead_solve}/result",
        f"/v1/solves/{case.lead_solve}/events",
        f"/v1/networks/{case.network}",
        "/v1/requests/R1",
        "/v1/rules/R1",
    ):
        assert other.get(url).status_code == 404, url
    assert other.get("/v1/shared").json()["tables"]["lead_firms"] == []
    assert other.post(f"/v1/solves/{case.lead_solve}/cancel").status_code == 404
    own = case.world.client("lead_firm", "LF1")
    assert [row["id"] for row in own.get("/v1/solves").json()["items"]] == [case.lead_solve]
    assert own.get(f"/v1/solves/{case.lead_solve}/result").status_code == 200
    assert own.get(f"/v1/solves/{case.solve}").status_code == 404


def test_a_supplier_sees_itself_only(case: Case) -> None:
    supplier = case.world.client("supplier", "S2")
    assert [row["key"] for row in supplier.get("/v1/suppliers").json()["items"]] == ["S2"]
    assert supplier.get("/v1/suppliers/S1").status_code == 404
    assert supplier.put("/v1/suppliers/S1", json={"suppliers": [{}]}).status_code == 404
    assert supplier.delete("/v1/suppliers/S1").status_code == 404
    listed = supplier.get("/v1/solves").json()["items"]
    assert {row["id"] for row in listed} == {case.solve, case.lead_solve}
    assert all(row["best"] is None and row["verdict"] is None for row in listed)
    result = supplier.get(f"/v1/solves/{case.solve}/result").json()
    assert set(result) == {"currency", "awards"}
    assert result["awards"]
    assert {row["supplier"] for row in result["awards"]} == {"S2"}
    sheet = supplier.get(f"/v1/solves/{case.solve}/result", params={"format": "csv"}).text
    assert "S2" in sheet
    assert "S1" not in sheet
    assert "S3" not in sheet
    for url in ("result?format=xlsx", "explain/suppliers/S1"):
        answer = supplier.get(f"/v1/solves/{case.solve}/{url}")
        assert answer.status_code in (404, 406), url
    gaps = supplier.get(f"/v1/solves/{case.solve}/explain/suppliers/S2").json()
    assert gaps["rows"]
    assert all(row["supplier"] == "S2" and row["cost_difference"] is None for row in gaps["rows"])
    for path in ("log", "events", "incumbents", "explain/demands/D1"):
        assert supplier.get(f"/v1/solves/{case.solve}/{path}").status_code == 403
    stranger = case.world.client("supplier", "S99")
    assert stranger.get("/v1/solves").json()["items"] == []
    assert stranger.get(f"/v1/solves/{case.solve}/result").status_code == 404


def filled(path: str, case: Case) -> str:
    """The path with ids of tenant one."""
    if "/explain/" in path:
        key = "D1" if "demands" in path else "S1"
    else:
        key = "S1" if "suppliers" in path else "R1"
    return path.format(
        network_id=case.network,
        solve_id=case.solve,
        key_id=case.key,
        webhook_id=case.webhook,
        key=key,
    )


def body_of(path: str, case: Case) -> dict[str, object] | None:
    """A body that would be accepted from tenant one, for operations that take one."""
    return {
        "/v1/solves": {"network": case.network},
        "/v1/check": {"network": case.network, "plan": {"awards": []}},
        "/v1/suppliers/{key}": {
            "suppliers": [{"supplier": "S1", "place": "P", "size_class": "small"}]
        },
        "/v1/requests/{key}": {"demands": [{"demand": "D1"}]},
        "/v1/rules/{key}": {"rules": [{"scope": "network"}]},
        "/v1/webhooks/{webhook_id}": {"url": "https://127.0.0.1/other"},
    }.get(path)


def test_every_read_has_an_etag_and_is_a_304_to_whom_has_it(case: Case) -> None:
    admin = case.world.client("admin")
    tried = 0
    for path, methods in admin.get("/openapi.json").json()["paths"].items():
        if "get" not in methods or not path.startswith("/v1/"):
            continue
        url = filled(path, case)
        read = admin.get(url)
        assert read.status_code == 200, (path, read.text)
        again = admin.get(url, headers={"If-None-Match": read.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["ETag"] == read.headers["ETag"]
        other = admin.get(url, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200
        assert "304" in methods["get"]["responses"]
        tried += 1
    assert tried >= 20
    url = f"/v1/solves/{case.solve}/result"
    formats = [admin.get(url, params={"format": of}) for of in ("json", "csv", "xlsx")]
    assert len({read.headers["ETag"] for read in formats}) == 3
    for read in formats:
        same = {"If-None-Match": read.headers["ETag"]}
        assert admin.get(read.url, headers=same).status_code == 304


def test_every_operation_with_anothers_ids_is_a_404(case: Case) -> None:
    """The matrix: each operation that names an id, by path or body, called by another tenant."""
    stranger = case.world.client("admin", tenant="two")
    document = httpx.get(f"{case.world.url}/openapi.json").json()
    tried = 0
    for path, methods in document["paths"].items():
        for method in methods:
            if "{" not in path and path not in ("/v1/solves", "/v1/check"):
                continue
            if path == "/v1/solves" and method == "get":
                continue
            # An update of what is not there; without If-Match it would make an entry of one's own.
            headers = {"If-Match": "*"} if method == "put" else {}
            # Entries are checked within the shared tables first: tenant two needs its own.
            answer = stranger.request(
                method, filled(path, case), json=body_of(path, case), headers=headers
            )
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json"
            tried += 1
    assert tried >= 28
    for path in ("networks", "solves", "suppliers", "requests", "rules", "webhooks"):
        assert stranger.get(f"/v1/{path}").json()["items"] == []
    assert stranger.get("/v1/shared").status_code == 404
    agency = case.world.client()
    assert agency.get(f"/v1/networks/{case.network}").status_code == 200
    assert agency.get("/v1/suppliers/S1").json()["version"] == 1
    assert agency.get("/v1/rules/R1").json()["version"] == 1
    # Entries of the same keys are another tenant's own.
    small = matcher.read("examples/first-steps")
    loaded = stranger.post("/v1/directory", content=zipped(small), headers={"Content-Type": ZIP})
    assert loaded.json()["suppliers"] == {"created": 3, "replaced": 0}
    assert agency.get("/v1/suppliers/S1").json()["version"] == 1
    assert agency.get("/v1/shared").json()["version"] == 1
