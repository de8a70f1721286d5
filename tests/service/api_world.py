"""A service for the tests of the API: a store, tenants with keys of every role, and a socket."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.serve import Server
from matcher.network import Network
from matcher.schema.tables import TABLES
from tests.service import servers
from worker import access
from worker.settings import Settings
from worker.store.database import Database
from worker.wake.loop import Loop

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ZIP = "application/zip"


@dataclass
class World:
    """A running service. ``client("agency")`` speaks for a role of the first tenant."""

    database: Database
    settings: Settings
    url: str = ""
    woken: list[str] = field(default_factory=list)
    tenants: dict[str, str] = field(default_factory=dict)
    _clients: dict[tuple[str, ...], httpx.Client] = field(default_factory=dict)

    def key(self, role: str, subject: str | None = None, tenant: str = "one", **more: Any) -> str:
        """The text of a new key."""
        with self.database.write() as session:
            if tenant not in self.tenants:
                self.tenants[tenant] = access.create_tenant(session, tenant).id
            return access.create_key(
                session,
                self.tenants[tenant],
                role,
                role,  # type: ignore[arg-type]
                subject,
                **more,
            )[1]

    def client(
        self, role: str = "agency", subject: str | None = None, tenant: str = "one"
    ) -> httpx.Client:
        """A client with a key of that role."""
        name = (role, subject or "", tenant)
        if name not in self._clients:
            self._clients[name] = self.with_key(self.key(role, subject, tenant))
        return self._clients[name]

    def with_key(self, key: str | None) -> httpx.Client:
        """A client with that key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0)

    def upload(self, network: Network, client: httpx.Client | None = None) -> str:
        """Store a network; gives its id."""
        answer = (client or self.client()).post(
            "/v1/networks", content=zipped(network), headers={"Content-Type": ZIP}
        )
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def solved(self, network_id: str, client: httpx.Client | None = None, **options: Any) -> str:
        """Solve a network and wait for it; gives the id of the solve."""
        client = client or self.client()
        answer = client.post("/v1/solves", json={"network": network_id, "options": options})
        assert answer.status_code == 202, answer.text
        solve_id = str(answer.json()["id"])
        servers.until(
            lambda: client.get(f"/v1/solves/{solve_id}").json()["finished_at"], 60, "the solve ends"
        )
        return solve_id


@contextmanager
def world_on(
    database: Database, settings: Settings, *, works: bool = False, per_minute: int = 1_000_000
) -> Iterator[World]:
    """The API on a real socket, with a worker if it ``works``."""
    world = World(database, settings)
    wake = threading.Event()

    def enqueue(solve_id: str) -> None:
        world.woken.append(solve_id)
        wake.set()

    app = create_app(
        settings.model_copy(update={"requests_per_minute": per_minute}), database, enqueue
    )
    port = servers.free_port()
    world.url = f"http://127.0.0.1:{port}"
    config = uvicorn.Config(
        app, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=2
    )
    server = Server(config, app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    loop = Loop(database, settings, "embedded", wake) if works else None
    if loop is not None:
        loop.start()
    try:
        servers.until(lambda: server.started, 10, "the server listens")
        yield world
    finally:
        for client in world._clients.values():
            client.close()
        server.handle_exit(2, None)
        thread.join(10)
        if loop is not None:
            loop.stop(0.5)


def zipped(network: Network, suffix: str = "parquet") -> bytes:
    """A network as a zip of CSV or Parquet files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in TABLES:
            body = io.BytesIO()
            frame = network.table(table.name)
            frame.write_parquet(body) if suffix == "parquet" else frame.write_csv(body)
            archive.writestr(f"{table.name}.{suffix}", body.getvalue())
    return packed.getvalue()


def rows(network: Network, name: str) -> list[dict[str, Any]]:
    """The rows of a table as JSON values."""
    made: list[dict[str, Any]] = json.loads(json.dumps(network.table(name).to_dicts(), default=str))
    return [{key: cell for key, cell in row.items() if cell is not None} for row in made]


def new_store(where: Path | str, **changes: Any) -> tuple[Database, Settings]:
    """A migrated store and settings for it: at an address, or a SQLite file in a folder."""
    settings = Settings(
        database_url=where if isinstance(where, str) else f"sqlite:///{where / 'store.sqlite3'}",
        lease_s=5.0,
        heartbeat_s=0.5,
        sweep_s=0.5,
        stop_grace_s=0.5,
        **changes,
    )
    database = Database(settings.database_url)
    database.migrate()
    return database, settings
