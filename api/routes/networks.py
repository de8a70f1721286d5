"""Networks: upload, list, look at, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool

from api.context import ID, IfNoneMatch, ThePaging, Visit, answer, needs
from api.problems import Problem, found
from api.schemas import NetworkOut, Page
from api.uploads import intake, upload
from worker import queries
from worker.store import snapshots

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
    request: Request, visit: Annotated[Visit, needs("networks.write")]
) -> Response:
    """Store a network, after all of it has been checked."""
    async with upload.received(request, "network") as path:
        return await run_in_threadpool(_store, visit, path)


def _store(visit: Visit, path: Path) -> Response:
    caller = visit.caller
    snapshot = intake.snapshot_of(path, caller.tenant_id, caller.owner, visit.service.settings)
    with visit.write() as session:
        kept = snapshots.keep(session, snapshot)
        created = kept is snapshot
        if created:
            visit.audit(session, "network.create", kept.id, pairs=kept.pairs)
    return answer(
        NetworkOut.of(kept),
        status=201 if created else 200,
        headers={"Location": f"/v1/networks/{kept.id}"},
    )


@router.get("", response_model=Page[NetworkOut])
def list_networks(
    visit: Annotated[Visit, needs("networks.read")],
    paging: ThePaging,
) -> Response:
    """Networks, the newest first."""
    with visit.read() as session:
        rows = queries.networks(session, visit.caller, paging.limit, paging.cursor)
        page = Page[NetworkOut](items=[NetworkOut.of(row) for row in rows.items], next=rows.next)
    return answer(page, paging.if_none_match)


@router.get("/{network_id}", response_model=NetworkOut)
def get_network(
    network_id: NetworkId,
    visit: Annotated[Visit, needs("networks.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A network: its figures and warnings."""
    with visit.read() as session:
        network = found(queries.network(session, visit.caller, network_id), "network")
        return answer(NetworkOut.of(network), if_none_match)


@router.delete("/{network_id}", status_code=204, response_class=Response)
def delete_network(
    network_id: NetworkId, visit: Annotated[Visit, needs("networks.write")]
) -> Response:
    """Delete a network that no solve uses."""
    with visit.write() as session:
        found(queries.network(session, visit.caller, network_id), "network")
        if not queries.delete_network(session, network_id):
            raise Problem(409, "in-use", "Solves use this network; delete them first.")
        visit.audit(session, "network.delete", network_id)
    return Response(status_code=204)
