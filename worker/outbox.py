"""Webhooks: what was written with a result is sent afterwards, signed, until it arrives.

Messages follow Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id``,
``webhook-timestamp``, and ``webhook-signature`` = ``v1,`` + base64 of HMAC-SHA256 over
``id.timestamp.body`` under the secret's bytes. They go to public addresses only: every address of
the host is looked at, and the connection is made to the one that was looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import logging
import random
import secrets
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from sqlalchemy import select

from worker.settings import Settings
from worker.store.database import Database
from worker.store.models import OutboxMessage, Webhook

log = logging.getLogger(__name__)

# Seconds before the second, third, … attempt, as Standard Webhooks suggests: about three days.
DELAYS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MOST_ATTEMPTS = len(DELAYS_S) + 1
TIMEOUT_S = 10.0
# A message in the hands of a worker that dies is sent again after this long.
_IN_HAND_S = 120.0
_AT_ONCE = 10
_PREFIX = "whsec_"
_LONGEST_ERROR = 200


class Refused(Exception):
    """A webhook address to which nothing is sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: the address that was looked at, and the name it stands for."""

    url: httpx.URL
    host: str
    host_header: str


def new_secret() -> str:
    """A secret to sign with: 256 random bits."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``.

    Examples
    --------
    The example of the specification's reference libraries:

    >>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...           1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def target_of(url: str, settings: Settings) -> Target:
    """Where to connect for ``url``.

    Raises
    ------
    Refused
        It is no https address, its host is unknown, or one of the host's addresses is not public.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(f"'{url}' is no address; give one such as https://example.com/hook") from None
    schemes = ("https", "http") if settings.webhook_private_addresses else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
        raise Refused(f"'{url}' is no https address without a user; give https://host/path")
    try:
        found = socket.getaddrinfo(
            parts.hostname,
            port or (443 if parts.scheme == "https" else 80),
            type=socket.SOCK_STREAM,
        )
    except (OSError, UnicodeError):
        raise Refused(f"the host '{parts.hostname}' is unknown; check its name") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not settings.webhook_private_addresses:
        for address in addresses:
            if not _is_public(address):
                raise Refused(
                    f"the host '{parts.hostname}' has the address {address}, which is not public; "
                    "give a host that the internet can reach"
                )
    is_v6 = isinstance(addresses[0], ipaddress.IPv6Address)
    at = f"[{addresses[0]}]" if is_v6 else str(addresses[0])
    return Target(
        httpx.URL(url).copy_with(netloc=(at if port is None else f"{at}:{port}").encode()),
        parts.hostname,
        httpx.URL(url).netloc.decode(),
    )


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None:
            return False  # tunnels to an IPv4 address
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return False
    return address.is_global and not address.is_multicast


def send_due(database: Database, settings: Settings) -> int:
    """Send the messages whose time has come, a few at a time; gives the number that arrived."""
    now = time.time()
    with database.write() as session:
        due = session.execute(
            select(OutboxMessage, Webhook)
            .join(Webhook, Webhook.id == OutboxMessage.webhook_id)
            .where(
                OutboxMessage.delivered_at.is_(None),
                OutboxMessage.attempts < MOST_ATTEMPTS,
                OutboxMessage.next_at <= now,
            )
            .order_by(OutboxMessage.next_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True, of=OutboxMessage)
        ).all()
        for message, _ in due:
            message.attempts += 1
            message.next_at = now + _IN_HAND_S
    num_arrived = 0
    for message, hook in due:
        error = _send(message, hook, settings)
        num_arrived += error is None
        with database.write() as session:
            kept = session.get(OutboxMessage, message.id)
            if kept is None:
                continue  # the webhook was deleted meanwhile
            kept.last_error = error
            if error is None:
                kept.delivered_at = time.time()
            elif kept.attempts < MOST_ATTEMPTS:
                delay_s = DELAYS_S[kept.attempts - 1]
                kept.next_at = time.time() + delay_s * random.uniform(0.9, 1.1)
            else:
                log.warning("webhook %s: message %s given up: %s", hook.id, message.id, error)
    return num_arrived


def _send(message: OutboxMessage, hook: Webhook, settings: Settings) -> str | None:
    """Send one message; gives what went wrong."""
    body = json.dumps(message.body, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(time.time())
    try:
        target = target_of(hook.url, settings)
        headers = {
            "host": target.host_header,
            "content-type": "application/json",
            "user-agent": "supplier-matcher",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(hook.secret, message.id, timestamp, body),
        }
        # Only the status is read: the answer's body may be without end.
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST",
                target.url,
                content=body,
                headers=headers,
                extensions={"sni_hostname": target.host},
            ) as answer,
        ):
            return None if answer.is_success else f"answered with {answer.status_code}"
    except (Refused, httpx.HTTPError, httpx.InvalidURL) as error:
        return (str(error) or type(error).__name__)[:_LONGEST_ERROR]
    except binascii.Error:
        return "the secret is not base64; register the webhook again"
