"""Around every request: size, headers, figures, and errors nobody caught."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import Problem
from api.ratelimit import Allowance

log = logging.getLogger(__name__)

# Tables and plans may be large; what else is sent is held in memory while it is checked.
LARGE = ("/v1/networks", "/v1/directory", "/v1/check")
SMALL_BYTES = 16 * 2**20
# A stated length of as many digits is none; the body is counted as it comes.
_MOST_DIGITS = 20

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Around:
    """The outermost layer that the service itself writes."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_bytes: int) -> None:
        self.app = app
        self.metrics = metrics
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "private, no-cache")
                allowance = scope.get("state", {}).get("rate")
                if isinstance(allowance, Allowance):
                    headers.update(allowance.headers())
                seconds = time.perf_counter() - began
                self.metrics.observe(_method(scope), _route(scope), int(message["status"]), seconds)
            await send(message)

        most = self.max_bytes if scope["path"] in LARGE else min(self.max_bytes, SMALL_BYTES)
        if _stated_length(scope) > most:
            await _too_large(most).response()(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, _counting(receive, most), send_with_headers)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            if has_begun:
                raise
            problem = Problem(500, "internal", "Something went wrong; the service's log has it.")
            await problem.response()(scope, receive, send_with_headers)


def _stated_length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else 0


def _counting(receive: Receive, most: int) -> Receive:
    """Receives the body as long as it is within the limit, whatever length it is said to have."""
    count = 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        if message["type"] == "http.request":
            count += len(message.get("body", b""))
            if count > most:
                # The framework lets no other exception through while it reads a body.
                raise HTTPException(413, _too_large(most).detail)
        return message

    return counted


def _too_large(most: int) -> Problem:
    return Problem(
        413, "content-too-large", f"The body is larger than {most:,} bytes; see /v1/limits."
    )


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS") else "other"


def _route(scope: Scope) -> str:
    """The route's template, so that ids make no labels."""
    known = scope.get("state", {}).get("route")
    return str(known or getattr(scope.get("route"), "path", "none"))
