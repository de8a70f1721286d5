"""Many entries of the directory at once, from the tables of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.context import Service, TheService, needs
from api.routes.directory import refusals
from api.schemas import ImportOut
from api.uploads import intake, upload
from worker import access, directory
from worker.access import Caller
from worker.directory import Entry
from worker.directory import check as entry_check
from worker.directory import load as bulk

router = APIRouter(prefix="/v1/directory", tags=["directory"])


@router.post("", response_model=ImportOut, openapi_extra=upload.body())
async def import_directory(
    request: Request, here: TheService, caller: Annotated[Caller, needs("directory.write")]
) -> ImportOut:
    """Store all entries of a file, each in place of the one of its key, or none of them."""
    async with upload.received(request, "directory") as path:
        return await run_in_threadpool(_store, here, caller, path)


def _store(here: Service, caller: Caller, path: Path) -> ImportOut:
    with here.database.read() as session:
        on, standing = bulk.ground(session, caller)
    entries = intake.entries_of(path, caller.role, on, here.settings)
    _check_left(here, caller, entries)
    ground = standing[directory.standing_for({entry.kind for entry in entries})]
    out = ImportOut()
    with here.database.write() as session, refusals("entry"):
        for put in directory.put_all(session, caller, entries, ground):
            entry = put.entry
            access.audit(session, caller, f"{entry.kind}.put", entry.key, version=entry.version)
            out.count(entry.kind, is_new=put.created)
    return out


def _check_left(here: Service, caller: Caller, entries: list[Entry]) -> None:
    """Refuse shared tables that entries which stay as they are would not hold within."""
    shared = next((entry.tables for entry in entries if entry.kind == "shared"), None)
    if shared is None:
        return
    replaced = {(entry.kind, entry.key) for entry in entries}
    with here.database.read() as session, refusals("shared"):
        there = directory.taking_part(session, caller.tenant_id)
        left = [entry for entry in there if (entry.kind, entry.key) not in replaced]
        entry_check.check_dangling(shared, left)
