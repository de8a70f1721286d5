"""Many entries of the directory at once, from the tables of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.context import Visit, needs
from api.routes.directory import refusals
from api.schemas import ImportOut
from api.uploads import intake, upload
from worker import directory
from worker.directory import Entry
from worker.directory import check as entry_check
from worker.directory import load as bulk

router = APIRouter(prefix="/v1/directory", tags=["directory"])


@router.post("", response_model=ImportOut, openapi_extra=upload.body())
async def import_directory(
    request: Request, visit: Annotated[Visit, needs("directory.write")]
) -> ImportOut:
    """Store all entries of a file, each in place of the one of its key, or none of them."""
    async with upload.received(request, "directory") as path:
        return await run_in_threadpool(_store, visit, path)


def _store(visit: Visit, path: Path) -> ImportOut:
    with visit.read() as session:
        on, standing = bulk.ground(session, visit.caller)
    entries = intake.entries_of(path, visit.caller.role, on, visit.service.settings)
    _check_left(visit, entries)
    ground = standing[directory.standing_for({entry.kind for entry in entries})]
    out = ImportOut()
    with visit.write() as session, refusals("entry"):
        for put in directory.put_all(session, visit.caller, entries, ground):
            entry = put.entry
            visit.audit(session, f"{entry.kind}.put", entry.key, version=entry.version)
            out.count(entry.kind, is_new=put.created)
    return out


def _check_left(visit: Visit, entries: list[Entry]) -> None:
    """Refuse shared tables that entries which stay as they are would not hold within."""
    shared = next((entry.tables for entry in entries if entry.kind == "shared"), None)
    if shared is None:
        return
    replaced = {(entry.kind, entry.key) for entry in entries}
    with visit.read() as session, refusals("shared"):
        there = directory.taking_part(session, visit.caller.tenant_id)
        left = [entry for entry in there if (entry.kind, entry.key) not in replaced]
        entry_check.check_dangling(shared, left)
