"""The living directory: suppliers, sourcing requests, rules and the tables that they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from api.context import IfMatch, IfNoneMatch, Paging, ThePaging, Visit, answer, needs
from api.context import stated as stated_tag
from api.problems import Problem, found, in_flight, invalid, not_found
from api.schemas import EntryOut, Page, RequestIn, RuleIn, SharedIn, SupplierIn
from matcher.errors import InputError
from worker import directory
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


def _answer(
    visit: Visit, entry: DirectoryEntry, if_none_match: str | None = None, *, status: int = 200
) -> Response:
    return answer(
        EntryOut.of(entry, visit.caller), if_none_match, status=status, etag=directory.etag(entry)
    )


def _list(visit: Visit, kind: Kind, paging: Paging, is_open: bool | None = None) -> Response:
    if paging.cursor is not None and "\x00" in paging.cursor:
        raise BadCursor
    with visit.read() as session:
        rows, following = directory.listed(
            session, visit.caller, kind, paging.limit, paging.cursor, is_open
        )
    page = Page[EntryOut](items=[EntryOut.of(row, visit.caller) for row in rows], next=following)
    return answer(page, paging.if_none_match)


def _get(visit: Visit, kind: Kind, key: str, if_none_match: str | None) -> Response:
    with visit.read() as session:
        entry = directory.get(session, visit.caller, kind, key)
    return _answer(visit, found(entry, "entry" if kind == "shared" else kind), if_none_match)


def _put(visit: Visit, kind: Kind, key: str, body: BaseModel, if_match: str | None) -> Response:
    caller = visit.caller
    sent = body.model_dump(exclude_unset=True)
    is_open = sent.pop("is_open", True)
    tag = stated_tag(if_match)
    with visit.read() as session, refusals(kind):
        if kind == "supplier" and caller.only_supplier not in (None, key):
            raise directory.NotThere
        directory.replaced(session, caller, kind, key, tag)
        checked = entry_check.checked(session, caller, kind, key, sent)
    with visit.write() as session, refusals(kind):
        put = directory.put(session, caller, kind, key, checked, is_open=is_open, if_match=tag)
        visit.audit(session, f"{kind}.put", key, version=put.entry.version)
        return _answer(visit, put.entry, status=201 if put.created else 200)


def _delete(visit: Visit, kind: Kind, key: str, if_match: str | None) -> Response:
    with visit.write() as session, refusals(kind):
        directory.remove(session, visit.caller, kind, key, stated_tag(if_match))
        visit.audit(session, f"{kind}.delete", key)
    return Response(status_code=204)


@router.get("/suppliers", response_model=Page[EntryOut])
def list_suppliers(
    visit: Annotated[Visit, needs("suppliers.read")],
    paging: ThePaging,
) -> Response:
    """Suppliers by key."""
    return _list(visit, "supplier", paging)


@router.get("/suppliers/{key}", response_model=EntryOut)
def get_supplier(
    key: Key,
    visit: Annotated[Visit, needs("suppliers.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A supplier's profile: certificates, capacities and bids."""
    return _get(visit, "supplier", key, if_none_match)


@router.put("/suppliers/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_supplier(
    key: Key,
    body: SupplierIn,
    visit: Annotated[Visit, needs("suppliers.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a supplier's profile in place of the one before."""
    return _put(visit, "supplier", key, body, if_match)


@router.delete("/suppliers/{key}", status_code=204, response_class=Response)
def delete_supplier(
    key: Key,
    visit: Annotated[Visit, needs("suppliers.write")],
    if_match: IfMatch = None,
) -> Response:
    """Take a supplier out of the directory; networks made before keep it."""
    return _delete(visit, "supplier", key, if_match)


@router.get("/requests", response_model=Page[EntryOut])
def list_requests(
    visit: Annotated[Visit, needs("requests.read")],
    paging: ThePaging,
    is_open: Annotated[bool | None, Query(description="Only open, or only closed ones.")] = None,
) -> Response:
    """Sourcing requests by key."""
    return _list(visit, "request", paging, is_open)


@router.get("/requests/{key}", response_model=EntryOut)
def get_request(
    key: Key,
    visit: Annotated[Visit, needs("requests.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A sourcing request."""
    return _get(visit, "request", key, if_none_match)


@router.put("/requests/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_request(
    key: Key,
    body: RequestIn,
    visit: Annotated[Visit, needs("requests.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a sourcing request in place of the one before."""
    return _put(visit, "request", key, body, if_match)


@router.delete("/requests/{key}", status_code=204, response_class=Response)
def delete_request(
    key: Key,
    visit: Annotated[Visit, needs("requests.write")],
    if_match: IfMatch = None,
) -> Response:
    """Delete a sourcing request; networks made before keep its demands."""
    return _delete(visit, "request", key, if_match)


@router.post("/requests/{key}/open", response_model=EntryOut)
def open_request(key: Key, visit: Annotated[Visit, needs("requests.write")]) -> Response:
    """Let a request take part in matching again, if it still holds within the shared tables."""
    caller = visit.caller
    with visit.read() as session, refusals("request"):
        entry = found(directory.get(session, caller, "request", key), "request")
        checked = entry_check.checked(session, caller, "request", key, entry.body)
    with visit.write() as session, refusals("request"):
        entry = directory.held(session, caller, "request", key)
        directory.open_again(session, caller, entry, checked)
        visit.audit(session, "request.open", key)
        return _answer(visit, entry)


@router.post("/requests/{key}/close", response_model=EntryOut)
def close_request(key: Key, visit: Annotated[Visit, needs("requests.write")]) -> Response:
    """Keep a request, and leave it out of matching."""
    with visit.write() as session, refusals("request"):
        entry = directory.held(session, visit.caller, "request", key)
        directory.close(entry)
        visit.audit(session, "request.close", key)
        return _answer(visit, entry)


@router.get("/rules", response_model=Page[EntryOut])
def list_rules(
    visit: Annotated[Visit, needs("rules.read")],
    paging: ThePaging,
) -> Response:
    """Rules by key."""
    return _list(visit, "rule", paging)


@router.get("/rules/{key}", response_model=EntryOut)
def get_rule(
    key: Key,
    visit: Annotated[Visit, needs("rules.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A rule."""
    return _get(visit, "rule", key, if_none_match)


@router.put("/rules/{key}", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_rule(
    key: Key,
    body: RuleIn,
    visit: Annotated[Visit, needs("rules.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store a rule in place of the one before."""
    return _put(visit, "rule", key, body, if_match)


@router.delete("/rules/{key}", status_code=204, response_class=Response)
def delete_rule(
    key: Key,
    visit: Annotated[Visit, needs("rules.write")],
    if_match: IfMatch = None,
) -> Response:
    """Delete a rule; networks made before keep it."""
    return _delete(visit, "rule", key, if_match)


@router.get("/shared", response_model=EntryOut)
def get_shared(
    visit: Annotated[Visit, needs("shared.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The shared tables: places, components, lanes, duties, rates and the like."""
    return _get(visit, "shared", SHARED_KEY, if_none_match)


@router.put("/shared", response_model=EntryOut, **_CREATED)  # type: ignore[arg-type]
def put_shared(
    body: SharedIn,
    visit: Annotated[Visit, needs("shared.write")],
    if_match: IfMatch = None,
) -> Response:
    """Store the shared tables in place of those before, if all that takes part holds within."""
    return _put(visit, "shared", SHARED_KEY, body, if_match)
