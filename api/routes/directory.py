"""The living directory: suppliers, sourcing requests, rules and the tables that they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.context import Cursor, IfMatch, IfNoneMatch, Limit, Service, TheService, answer, needs
from api.context import stated as stated_tag
from api.problems import Problem, in_flight, invalid, not_found
from api.schemas import EntryOut, Page, RequestIn, RuleIn, SharedIn, SupplierIn
from matcher.errors import InputError
from worker import access, directory
from worker.access import Caller
from worker.directory import SHARED_KEY, Kind
from worker.directory import check as entry_check
from worker.queries import BadCursor
from worker.store.models import DirectoryEntry

router = APIRouter(prefix="/v1", tags=["directory"])
Key = Annotated[
    str,
    InPath(
        pattern=directory.KEY,
        description="A name without ':' and '/', such as S-17.",
    ),
]
_CREATED = {"responses": {201: {"model": EntryOut, "description": "The entry is new."}}}


def _put(
    here: Service,
    caller: Caller,
    kind: Kind,
    key: str,
    body: BaseModel,
    if_match: str | None,
) -> Response:
    sent = body.model_dump(exclude_unset=True)
    is_open = sent.pop("is_open", True)
    tag = stated_tag(if_match)
    with here.database.read() as session, refusals(kind):
        if kind == "supplier" and caller.only_supplier not in (None, key):
            raise directory.NotThere
        directory.replaced(session, caller, kind, key, tag)
        checked = entry_check.checked(session, caller, kind, key, sent)
    with here.database.write() as session, refusals(kind):
        put = directory.put(session, caller, kind, key, checked, is_open=is_open, if_match=tag)
        access.audit(session, caller, f"{kind}.put", key, version=put.entry.version)
        out, new_tag = EntryOut.of(put.entry, caller), directory.etag(put.entry)
    return answer(out, status=201 if put.created else 200, etag=new_tag)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """What the directory refuses, as problems."""
    try:
        yield
    except InputError as error:
        raise invalid(error.issues) from None
    except directory.NothingToMatch as error:
        raise Problem(409, "no-shared-tables", str(error)) from None
    except directory.NotThere:
        raise not_found(what) from None
    except (IntegrityError, directory.Overtaken):
        raise in_flight() from None
    except directory.Changed:
        raise Problem(
            412, "changed", "The entry has changed since it was read; read it again."
        ) from None


def _get(
    here: Service, caller: Caller, kind: Kind, key: str, if_none_match: str | None
) -> Response:
    with here.database.read() as session:
        entry = directory.get(session, caller, kind, key)
    if entry is None:
        raise not_found("entry" if kind == "shared" else kind)
    return answer(EntryOut.of(entry, caller), if_none_match, etag=directory.etag(entry))


def _list(
    here: Service,
    caller: Caller,
    kind: Kind,
    limit: int,
    cursor: str | None,
    if_none_match: str | None,
    is_open: bool | None = None,
) -> Response:
    if cursor is not None and "\x00" in cursor:
        raise BadCursor
    with here.database.read() as session:
        rows, following = directory.listed(session, caller, kind, limit, cursor, is_open)
    items = [EntryOut.of(row, caller) for row in rows]
    return answer(Page[EntryOut](items=items, next=following), if_none_match)


def _delete(here: Service, caller: Caller, kind: Kind, key: str, if_match: str | None) -> Response:
    with here.database.write() as session:
        entry = directory.get(session, caller, kind, key, lock=True)
        if entry is None:
            raise not_found(kind)
        if stated_tag(if_match) not in (None, "*", directory.etag(entry)):
            raise Problem(412, "changed", "The entry has changed since it was read; read it again.")
        directory.remove(session, entry)
        access.audit(session, caller, f"{kind}.delete", key)
    return Response(status_code=204)


@router.get("/suppliers", response_model=Page[EntryOut])
def list_suppliers(
    here: TheService,
    caller: Annotated[Caller, needs("suppliers.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Suppliers by key."""
    return _list(here, caller, "supplier", limit, cursor, if_none_match)


@router.get("/suppliers/{key}", response_model=EntryOut)
def get_supplier(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("suppliers.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A supplier's profile: certificates, capacities and bids."""
    return _get(here, caller, "supplier", key, if_none_match)


@router.put("/suppliers/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_supplier(
    key: Key,
    body: SupplierIn,
    here: TheService,
    caller: Annotated[Caller, needs("suppliers.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a supplier's profile in place of the one before."""
    return _put(here, caller, "supplier", key, body, if_match)


@router.delete("/suppliers/{key}", status_code=204, response_class=Response)
def delete_supplier(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("suppliers.write")],
    if_match: IfMatch = None,
) -> Response:
    """Take a supplier out of the directory; networks made before keep it."""
    return _delete(here, caller, "supplier", key, if_match)


@router.get("/requests", response_model=Page[EntryOut])
def list_requests(
    here: TheService,
    caller: Annotated[Caller, needs("requests.read")],
    is_open: Annotated[bool | None, Query(description="Only open, or only closed ones.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Sourcing requests by key."""
    return _list(here, caller, "request", limit, cursor, if_none_match, is_open)


@router.get("/requests/{key}", response_model=EntryOut)
def get_request(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("requests.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A sourcing request."""
    return _get(here, caller, "request", key, if_none_match)


@router.put("/requests/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_request(
    key: Key,
    body: RequestIn,
    here: TheService,
    caller: Annotated[Caller, needs("requests.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a sourcing request in place of the one before."""
    return _put(here, caller, "request", key, body, if_match)


@router.delete("/requests/{key}", status_code=204, response_class=Response)
def delete_request(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("requests.write")],
    if_match: IfMatch = None,
) -> Response:
    """Delete a sourcing request; networks made before keep its demands."""
    return _delete(here, caller, "request", key, if_match)


@router.post("/requests/{key}/open", response_model=EntryOut)
def open_request(
    key: Key, here: TheService, caller: Annotated[Caller, needs("requests.write")]
) -> Response:
    """Let a request take part in matching again, if it still holds within the shared tables."""
    with here.database.read() as session, refusals("request"):
        entry = _request(session, caller, key)
        checked = entry_check.checked(session, caller, "request", key, entry.body)
    with here.database.write() as session, refusals("request"):
        entry = _request(session, caller, key, lock=True)
        directory.open_again(session, caller, entry, checked)
        access.audit(session, caller, "request.open", key)
        out, tag = EntryOut.of(entry, caller), directory.etag(entry)
    return answer(out, etag=tag)


@router.post("/requests/{key}/close", response_model=EntryOut)
def close_request(
    key: Key, here: TheService, caller: Annotated[Caller, needs("requests.write")]
) -> Response:
    """Keep a request, and leave it out of matching."""
    with here.database.write() as session:
        entry = _request(session, caller, key, lock=True)
        directory.close(entry)
        access.audit(session, caller, "request.close", key)
        out, tag = EntryOut.of(entry, caller), directory.etag(entry)
    return answer(out, etag=tag)


def _request(session: Session, caller: Caller, key: str, *, lock: bool = False) -> DirectoryEntry:
    entry = directory.get(session, caller, "request", key, lock=lock)
    if entry is None:
        raise not_found("request")
    return entry


@router.get("/rules", response_model=Page[EntryOut])
def list_rules(
    here: TheService,
    caller: Annotated[Caller, needs("rules.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Rules by key."""
    return _list(here, caller, "rule", limit, cursor, if_none_match)


@router.get("/rules/{key}", response_model=EntryOut)
def get_rule(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("rules.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A rule."""
    return _get(here, caller, "rule", key, if_none_match)


@router.put("/rules/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_rule(
    key: Key,
    body: RuleIn,
    here: TheService,
    caller: Annotated[Caller, needs("rules.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a rule in place of the one before."""
    return _put(here, caller, "rule", key, body, if_match)


@router.delete("/rules/{key}", status_code=204, response_class=Response)
def delete_rule(
    key: Key,
    here: TheService,
    caller: Annotated[Caller, needs("rules.write")],
    if_match: IfMatch = None,
) -> Response:
    """Delete a rule; networks made before keep it."""
    return _delete(here, caller, "rule", key, if_match)


@router.get("/shared", response_model=EntryOut)
def get_shared(
    here: TheService,
    caller: Annotated[Caller, needs("shared.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The shared tables: places, components, lanes, duties, rates and the like."""
    return _get(here, caller, "shared", SHARED_KEY, if_none_match)


@router.put("/shared", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_shared(
    body: SharedIn,
    here: TheService,
    caller: Annotated[Caller, needs("shared.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store the shared tables in place of those before, if all that takes part holds within."""
    return _put(here, caller, "shared", SHARED_KEY, body, if_match)
