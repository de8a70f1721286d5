"""Webhooks: signed, tried again, and never to an address that is not public."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from matcher.network import Network
from tests.service.conftest import Desk
from tests.service.servers import free_port, until
from worker import outbox
from worker.store.models import OutboxMessage, Webhook
from worker.wake.loop import Loop
from worker.wake.upkeep import keep_up


@dataclass
class Receiver:
    """A web server that notes what it gets and answers as told."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://localhost:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


def hook(desk: Desk, url: str) -> Webhook:
    hook = Webhook(
        tenant_id=desk.tenant_id, url=url, secret=outbox.new_secret(), created_at=time.time()
    )
    with desk.database.write() as session:
        session.add(hook)
    return hook


def message(desk: Desk, hook: Webhook) -> str:
    message = OutboxMessage(webhook_id=hook.id, body={"type": "test", "text": "é"}, next_at=0.0)
    with desk.database.write() as session:
        session.add(message)
    return message.id


def see(desk: Desk, message_id: str) -> OutboxMessage:
    with desk.database.read() as session:
        return session.get_one(OutboxMessage, message_id)


def test_a_finished_solve_is_told_once_and_signed(
    desk: Desk, receiver: Receiver, small: Network
) -> None:
    registered = hook(desk, receiver.url)
    solve_id = desk.submit(small)
    loop = Loop(desk.database, desk.settings, "loop")
    loop.start()
    desk.ended(solve_id)
    until(lambda: receiver.got, 10, "the message arrives")
    time.sleep(1.0)
    loop.stop(0.0)
    ((headers, body),) = receiver.got
    document = json.loads(body)
    assert document["type"] == "solve.finished"
    assert document["data"]["solve"] == solve_id
    assert document["data"]["state"] == "succeeded"
    # The signature, computed here as the specification says.
    key = base64.b64decode(registered.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["host"] == receiver.url.split("/")[2]
    with desk.database.read() as session:
        (sent,) = session.scalars(select(OutboxMessage)).all()
    assert sent.delivered_at is not None
    assert sent.id == headers["webhook-id"]


def test_what_does_not_arrive_is_sent_again_later_and_given_up_in_the_end(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.status = 500
    message_id = message(desk, hook(desk, receiver.url))
    waits = []
    for _ in range(outbox.MOST_ATTEMPTS):
        assert outbox.send_due(desk.database, desk.settings) == 0
        waiting = see(desk, message_id)
        waits.append(waiting.next_at - time.time())
        assert waiting.last_error == "answered with 500"
        assert outbox.send_due(desk.database, desk.settings) == 0  # not before its time
        with desk.database.write() as session:
            session.get_one(OutboxMessage, message_id).next_at = 0.0
    assert len(receiver.got) == outbox.MOST_ATTEMPTS
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    for wait_s, delay_s in zip(waits, outbox.DELAYS_S, strict=False):
        assert 0.85 * delay_s <= wait_s <= 1.15 * delay_s
    assert sum(outbox.DELAYS_S) > 2 * 86_400
    receiver.status = 200
    assert outbox.send_due(desk.database, desk.settings) == 0  # given up
    assert see(desk, message_id).delivered_at is None


def test_redirects_are_not_followed(desk: Desk, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url}
    message_id = message(desk, hook(desk, receiver.url))
    outbox.send_due(desk.database, desk.settings)
    assert len(receiver.got) == 1
    assert see(desk, message_id).last_error == "answered with 307"


def test_nobody_there_is_an_error_to_try_again(desk: Desk) -> None:
    message_id = message(desk, hook(desk, f"http://127.0.0.1:{free_port()}/"))
    assert outbox.send_due(desk.database, desk.settings) == 0
    assert "refused" in (see(desk, message_id).last_error or "")


def test_a_receiver_that_hangs_holds_up_no_jobs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.outbox.TIMEOUT_S", 5.0)
    looks: list[float] = []
    over = threading.Event()
    upkeep = threading.Thread(
        target=keep_up,
        args=(desk.database, desk.settings, over, lambda: looks.append(time.monotonic())),
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        message_id = message(desk, hook(desk, f"http://127.0.0.1:{silent.getsockname()[1]}/hook"))
        upkeep.start()
        connection, _ = silent.accept()
        seen = len(looks)
        until(lambda: len(looks) > seen + 2, 4, "jobs are looked after")
        assert see(desk, message_id).last_error is None  # it is still waited for
        over.set()
        upkeep.join(20)
        assert not upkeep.is_alive()
        assert "timed out" in (see(desk, message_id).last_error or "")
        connection.close()


def test_each_message_is_sent_by_one_of_many_workers(desk: Desk, receiver: Receiver) -> None:
    registered = hook(desk, receiver.url)
    ids = {message(desk, registered) for _ in range(12)}
    threads = [
        threading.Thread(target=outbox.send_due, args=(desk.database, desk.settings))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.send_due(desk.database, desk.settings)
    sent = [headers["webhook-id"] for headers, _ in receiver.got]
    assert sorted(sent) == sorted(ids)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_addresses_that_are_not_public_are_refused_when_sending(
    desk: Desk, receiver: Receiver
) -> None:
    message_id = message(desk, hook(desk, receiver.url.replace("http:", "https:")))
    public = desk.settings.model_copy(update={"webhook_private_addresses": False})
    assert outbox.send_due(desk.database, public) == 0
    assert not receiver.got
    assert "which is not public" in (see(desk, message_id).last_error or "")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[2002:7f00:1::]/",
        "https://[64:ff9b::7f00:1]/",
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https://user@93.184.215.14/",
        "https://93.184.215.14:99999/",
        "https:///path",
        "https://no-such-host.invalid/",
        "nonsense",
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_such_an_address_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(outbox.Refused):
        outbox.target_of(url, desk.settings.model_copy(update={"webhook_private_addresses": False}))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_connection_goes_to_the_address_that_was_looked_at(desk: Desk) -> None:
    public = desk.settings.model_copy(update={"webhook_private_addresses": False})
    target = outbox.target_of("https://93.184.215.14:8443/a?b=c", public)
    assert str(target.url) == "https://93.184.215.14:8443/a?b=c"
    target = outbox.target_of("http://localhost:8000/a", desk.settings)
    assert target.url.host in ("127.0.0.1", "::1")
    assert (target.host, target.host_header) == ("localhost", "localhost:8000")
