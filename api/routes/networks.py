"""Networks: upload, list, look at, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool

from api.context import ID, Cursor, IfNoneMatch, Limit, Service, TheService, answer, needs
from api.problems import Problem, not_found
from api.schemas import NetworkOut, Page
from api.uploads import intake, upload
from worker import access, queries
from worker.access import Caller
from worker.store import snapshots
from worker.store.models import NetworkSnapshot

router = APIRouter(prefix="/v1/networks", tags=["networks"])
NetworkId = Annotated[str, InPath(pattern=ID)]

_REQUIRED = ("network", "lead_firms", "places", "components", "demands", "suppliers", "bids")


@router.post(
    "",
    status_code=201,
    response_model=NetworkOut,
    openapi_extra=upload.body(_REQUIRED),
    responses={200: {"model": NetworkOut, "description": "An equal network was there already."}},
)
async def upload_network(
    request: Request, here: TheService, caller: Annotated[Caller, needs("networks.write")]
) -> Response:
    """Store a network, after all of it has been checked."""
    async with upload.received(request, "network") as path:
        return await run_in_threadpool(_store, here, caller, path)


def _store(here: Service, caller: Caller, path: Path) -> Response:
    snapshot = intake.snapshot_of(path, caller.tenant_id, caller.owner, here.settings)
    kept, created = keep(here, caller, snapshot)
    return answer(
        NetworkOut.of(kept),
        status=201 if created else 200,
        headers={"Location": f"/v1/networks/{kept.id}"},
    )


def keep(here: Service, caller: Caller, snapshot: NetworkSnapshot) -> tuple[NetworkSnapshot, bool]:
    """Store a prepared snapshot, or find the equal one; the second value: whether it is new."""
    with here.database.write() as session:
        kept = snapshots.keep(session, snapshot)
        created = kept is snapshot
        if created:
            access.audit(session, caller, "network.create", kept.id, pairs=kept.pairs)
    return kept, created


@router.get("", response_model=Page[NetworkOut])
def list_networks(
    here: TheService,
    caller: Annotated[Caller, needs("networks.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Networks, the newest first."""
    with here.database.read() as session:
        page = queries.networks(session, caller, limit, cursor)
        items = [NetworkOut.of(row) for row in page.items]
    return answer(Page[NetworkOut](items=items, next=page.next), if_none_match)


@router.get("/{network_id}", response_model=NetworkOut)
def get_network(
    network_id: NetworkId,
    here: TheService,
    caller: Annotated[Caller, needs("networks.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A network: its figures and warnings."""
    with here.database.read() as session:
        found = queries.network(session, caller, network_id)
        if found is None:
            raise not_found("network")
        return answer(NetworkOut.of(found), if_none_match)


@router.delete("/{network_id}", status_code=204, response_class=Response)
def delete_network(
    network_id: NetworkId, here: TheService, caller: Annotated[Caller, needs("networks.write")]
) -> Response:
    """Delete a network that no solve uses."""
    with here.database.write() as session:
        if queries.network(session, caller, network_id) is None:
            raise not_found("network")
        if not queries.delete_network(session, network_id):
            raise Problem(409, "in-use", "Solves use this network; delete them first.")
        access.audit(session, caller, "network.delete", network_id)
    return Response(status_code=204)
