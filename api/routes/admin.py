"""Keys, webhooks, limits and the audit log."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath

from api.context import ID, IfNoneMatch, ThePaging, Visit, answer, needs
from api.problems import IssueOut, Problem, bad_value, bad_values, found
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
from worker.access import OF_SUBJECT
from worker.store.models import Webhook

router = APIRouter(prefix="/v1", tags=["administration"])
RowId = Annotated[str, InPath(pattern=ID)]
_DAY_S = 86_400.0


@router.post("/keys", status_code=201, response_model=NewKey)
def create_key(body: KeyIn, visit: Annotated[Visit, needs("keys")]) -> Response:
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
    with visit.write() as session:
        key, text = access.create_key(
            session, visit.caller.tenant_id, body.name, body.role, body.subject, expires_at
        )
        visit.audit(session, "key.create", key.id, role=body.role, subject=body.subject)
    return answer(
        NewKey.of(key, key=text),
        status=201,
        headers={"Location": f"/v1/keys/{key.id}", "Cache-Control": "no-store"},
    )


@router.get("/keys", response_model=Page[KeyOut])
def list_keys(
    visit: Annotated[Visit, needs("keys")],
    paging: ThePaging,
) -> Response:
    """Keys of this tenant, revoked ones too."""
    with visit.read() as session:
        rows = queries.keys(session, visit.caller, paging.limit, paging.cursor)
    page = Page[KeyOut](items=[KeyOut.of(row) for row in rows.items], next=rows.next)
    return answer(page, paging.if_none_match)


@router.get("/keys/{key_id}", response_model=KeyOut)
def get_key(
    key_id: RowId,
    visit: Annotated[Visit, needs("keys")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A key, without its text."""
    with visit.read() as session:
        key = found(queries.key(session, visit.caller, key_id), "key")
    return answer(KeyOut.of(key), if_none_match)


@router.post("/keys/{key_id}/revoke", response_model=KeyOut)
def revoke_key(key_id: RowId, visit: Annotated[Visit, needs("keys")]) -> Response:
    """End a key at once; the list keeps it. The key of the request cannot end itself."""
    with visit.write() as session:
        key = found(queries.key(session, visit.caller, key_id), "key")
        if key.id == visit.caller.key_id:
            raise Problem(409, "own-key", "This is the key in use; revoke it with another one.")
        access.revoke_key(key)
        visit.audit(session, "key.revoke", key_id)
    return answer(KeyOut.of(key))


@router.post("/webhooks", status_code=201, response_model=NewWebhook)
def create_webhook(body: WebhookIn, visit: Annotated[Visit, needs("webhooks.write")]) -> Response:
    """Have an https address told of every solve that ends; the secret is shown this once."""
    _check_address(visit, body.url)
    webhook = Webhook(
        tenant_id=visit.caller.tenant_id,
        owner=visit.caller.owner,
        url=body.url,
        secret=outbox.new_secret(),
        created_at=time.time(),
    )
    with visit.write() as session:
        queries.add_webhook(session, webhook)
        visit.audit(session, "webhook.create", webhook.id, url=body.url)
    return answer(
        NewWebhook.of(webhook, secret=webhook.secret),
        status=201,
        headers={"Location": f"/v1/webhooks/{webhook.id}", "Cache-Control": "no-store"},
    )


@router.get("/webhooks", response_model=Page[WebhookOut])
def list_webhooks(
    visit: Annotated[Visit, needs("webhooks.read")],
    paging: ThePaging,
) -> Response:
    """Webhooks, without their secrets."""
    with visit.read() as session:
        rows = queries.webhooks(session, visit.caller, paging.limit, paging.cursor)
    page = Page[WebhookOut](items=[WebhookOut.of(row) for row in rows.items], next=rows.next)
    return answer(page, paging.if_none_match)


@router.get("/webhooks/{webhook_id}", response_model=WebhookOut)
def get_webhook(
    webhook_id: RowId,
    visit: Annotated[Visit, needs("webhooks.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A webhook, without its secret."""
    with visit.read() as session:
        webhook = found(queries.webhook(session, visit.caller, webhook_id), "webhook")
    return answer(WebhookOut.of(webhook), if_none_match)


@router.put("/webhooks/{webhook_id}", response_model=WebhookOut)
def put_webhook(
    webhook_id: RowId,
    body: WebhookIn,
    visit: Annotated[Visit, needs("webhooks.write")],
) -> Response:
    """Send to another address; the secret stays."""
    with visit.read() as session:
        found(queries.webhook(session, visit.caller, webhook_id), "webhook")
    _check_address(visit, body.url)
    with visit.write() as session:
        webhook = found(queries.webhook(session, visit.caller, webhook_id), "webhook")
        webhook.url = body.url
        visit.audit(session, "webhook.put", webhook_id, url=body.url)
    return answer(WebhookOut.of(webhook))


@router.delete("/webhooks/{webhook_id}", status_code=204, response_class=Response)
def delete_webhook(webhook_id: RowId, visit: Annotated[Visit, needs("webhooks.write")]) -> Response:
    """Tell the address nothing more."""
    with visit.write() as session:
        webhook = found(queries.webhook(session, visit.caller, webhook_id), "webhook")
        queries.delete_webhook(session, webhook)
        visit.audit(session, "webhook.delete", webhook_id)
    return Response(status_code=204)


def _check_address(visit: Visit, url: str) -> None:
    """Raise a 422 for an address to which nothing would be sent."""
    try:
        outbox.target_of(url, visit.service.settings)
    except outbox.Refused as error:
        fix = "give an https address that the internet can reach"
        raise bad_values([bad_value("/url", url, str(error), fix)]) from None


@router.get("/limits", response_model=LimitsOut)
def get_limits(
    visit: Annotated[Visit, needs("limits.read")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the service allows, and how much of the tenant's queue is taken."""
    settings = visit.service.settings
    with visit.read() as session:
        queued = jobs.num_queued(session, visit.caller.tenant_id)
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
            requests_per_minute=visit.service.limiter.per_minute,
        ),
        if_none_match,
    )


@router.get("/audit", response_model=Page[AuditOut])
def list_audit(
    visit: Annotated[Visit, needs("audit.read")],
    paging: ThePaging,
) -> Response:
    """Who did what to what, the newest first."""
    with visit.read() as session:
        rows = queries.audit_entries(session, visit.caller, paging.limit, paging.cursor)
    page = Page[AuditOut](items=[AuditOut.of(row) for row in rows.items], next=rows.next)
    return answer(page, paging.if_none_match)
