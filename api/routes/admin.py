"""Keys, webhooks, limits and the audit log."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath

from api.context import ID, Cursor, IfNoneMatch, Limit, Service, TheService, answer, needs
from api.problems import IssueOut, Problem, bad_value, bad_values, not_found
from api.schemas import (
    AuditOut,
    KeyIn,
    KeyOut,
    LimitsOut,
    NewKey,
    NewWebhook,
    Page,
    WebhookIn,
    WebhookOut,
)
from worker import access, jobs, outbox, queries
from worker.access import OF_SUBJECT, Caller
from worker.store.models import Webhook

router = APIRouter(prefix="/v1", tags=["administration"])
RowId = Annotated[str, InPath(pattern=ID)]
_DAY_S = 86_400.0


@router.post("/keys", status_code=201, response_model=NewKey)
def create_key(body: KeyIn, here: TheService, caller: Annotated[Caller, needs("keys")]) -> Response:
    """Make a key for this tenant; its text is in this answer and nowhere else."""
    if (body.role in OF_SUBJECT) != (body.subject is not None):
        issue = IssueOut(
            code="bad_value",
            pointer="/subject",
            value=body.subject,
            problem=f"does not go with the role {body.role}",
            fix=f"name the subject of {' or '.join(OF_SUBJECT)}, and of no other role",
        )
        raise bad_values([issue])
    days = body.expires_in_days
    expires_at = None if days is None else time.time() + days * _DAY_S
    with here.database.write() as session:
        key, text = access.create_key(
            session, caller.tenant_id, body.name, body.role, body.subject, expires_at
        )
        access.audit(session, caller, "key.create", key.id, role=body.role, subject=body.subject)
    return answer(
        NewKey.of(key, key=text),
        status=201,
        headers={"Location": f"/v1/keys/{key.id}", "Cache-Control": "no-store"},
    )


@router.get("/keys", response_model=Page[KeyOut])
def list_keys(
    here: TheService,
    caller: Annotated[Caller, needs("keys")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Keys of this tenant, revoked ones too."""
    with here.database.read() as session:
        page = queries.keys(session, caller, limit, cursor)
    items = [KeyOut.of(row) for row in page.items]
    return answer(Page[KeyOut](items=items, next=page.next), if_none_match)


@router.get("/keys/{key_id}", response_model=KeyOut)
def get_key(
    key_id: RowId,
    here: TheService,
    caller: Annotated[Caller, needs("keys")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A key, without its text."""
    with here.database.read() as session:
        key = queries.key(session, caller, key_id)
    if key is None:
        raise not_found("key")
    return answer(KeyOut.of(key), if_none_match)


@router.post("/keys/{key_id}/revoke", response_model=KeyOut)
def revoke_key(
    key_id: RowId, here: TheService, caller: Annotated[Caller, needs("keys")]
) -> Response:
    """End a key at once; the list keeps it. The key of the request cannot end itself."""
    with here.database.write() as session:
        key = queries.key(session, caller, key_id)
        if key is None:
            raise not_found("key")
        if key.id == caller.key_id:
            raise Problem(409, "own-key", "This is the key in use; revoke it with another one.")
        access.revoke_key(key)
        access.audit(session, caller, "key.revoke", key_id)
    return answer(KeyOut.of(key))


@router.post("/webhooks", status_code=201, response_model=NewWebhook)
def create_webhook(
    body: WebhookIn, here: TheService, caller: Annotated[Caller, needs("webhooks.write")]
) -> Response:
    """Have an https address told of every solve that ends; the secret is shown this once."""
    _check_address(here, body.url)
    webhook = Webhook(
        tenant_id=caller.tenant_id,
        owner=caller.owner,
        url=body.url,
        secret=outbox.new_secret(),
        created_at=time.time(),
    )
    with here.database.write() as session:
        queries.add_webhook(session, webhook)
        access.audit(session, caller, "webhook.create", webhook.id, url=body.url)
    return answer(
        NewWebhook.of(webhook, secret=webhook.secret),
        status=201,
        headers={"Location": f"/v1/webhooks/{webhook.id}", "Cache-Control": "no-store"},
    )


@router.get("/webhooks", response_model=Page[WebhookOut])
def list_webhooks(
    here: TheService,
    caller: Annotated[Caller, needs("webhooks.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Webhooks, without their secrets."""
    with here.database.read() as session:
        page = queries.webhooks(session, caller, limit, cursor)
    items = [WebhookOut.of(row) for row in page.items]
    return answer(Page[WebhookOut](items=items, next=page.next), if_none_match)


@router.get("/webhooks/{webhook_id}", response_model=WebhookOut)
def get_webhook(
    webhook_id: RowId,
    here: TheService,
    caller: Annotated[Caller, needs("webhooks.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A webhook, without its secret."""
    with here.database.read() as session:
        webhook = queries.webhook(session, caller, webhook_id)
    if webhook is None:
        raise not_found("webhook")
    return answer(WebhookOut.of(webhook), if_none_match)


@router.put("/webhooks/{webhook_id}", response_model=WebhookOut)
def put_webhook(
    webhook_id: RowId,
    body: WebhookIn,
    here: TheService,
    caller: Annotated[Caller, needs("webhooks.write")],
) -> Response:
    """Send to another address; the secret stays."""
    with here.database.read() as session:
        if queries.webhook(session, caller, webhook_id) is None:
            raise not_found("webhook")
    _check_address(here, body.url)
    with here.database.write() as session:
        webhook = queries.webhook(session, caller, webhook_id)
        if webhook is None:
            raise not_found("webhook")
        webhook.url = body.url
        access.audit(session, caller, "webhook.put", webhook_id, url=body.url)
    return answer(WebhookOut.of(webhook))


@router.delete("/webhooks/{webhook_id}", status_code=204, response_class=Response)
def delete_webhook(
    webhook_id: RowId, here: TheService, caller: Annotated[Caller, needs("webhooks.write")]
) -> Response:
    """Tell the address nothing more."""
    with here.database.write() as session:
        webhook = queries.webhook(session, caller, webhook_id)
        if webhook is None:
            raise not_found("webhook")
        queries.delete_webhook(session, webhook)
        access.audit(session, caller, "webhook.delete", webhook_id)
    return Response(status_code=204)


def _check_address(here: Service, url: str) -> None:
    """Raise a 422 for an address to which nothing would be sent."""
    try:
        outbox.target_of(url, here.settings)
    except outbox.Refused as error:
        fix = "give an https address that the internet can reach"
        raise bad_values([bad_value("/url", url, str(error), fix)]) from None


@router.get("/limits", response_model=LimitsOut)
def get_limits(
    here: TheService,
    caller: Annotated[Caller, needs("limits.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the service allows, and how much of the tenant's queue is taken."""
    settings = here.settings
    with here.database.read() as session:
        queued = jobs.num_queued(session, caller.tenant_id)
    return answer(
        LimitsOut(
            max_upload_bytes=settings.max_upload_bytes,
            max_pairs=settings.max_pairs,
            max_time_limit_s=settings.max_time_limit_s,
            max_memory_bytes=settings.max_memory_bytes,
            max_threads=settings.max_threads,
            max_queued=settings.max_queued,
            max_running=settings.max_running,
            queued=queued,
            requests_per_minute=here.limiter.per_minute,
        ),
        if_none_match,
    )


@router.get("/audit", response_model=Page[AuditOut])
def list_audit(
    here: TheService,
    caller: Annotated[Caller, needs("audit.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Who did what to what, the newest first."""
    with here.database.read() as session:
        page = queries.audit_entries(session, caller, limit, cursor)
    items = [AuditOut.of(row) for row in page.items]
    return answer(Page[AuditOut](items=items, next=page.next), if_none_match)
