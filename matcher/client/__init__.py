"""The client: solve a network on a service instead of on this machine.

Nothing else of the package imports this module, so that the core needs no web library. ::

    from matcher.client import Client

    with Client("http://127.0.0.1:8000") as service:  # the key is in MATCHER_KEY
        job = service.submit("network.xlsx", time_limit_s=600)
        job.follow(lambda objective, progress: print(objective, progress.best, progress.bound))
        print(job.plan().verdict)

Every request may be sent again without harm: a network is stored once by its content, and a
solve is submitted under a key of its own. So a request that meets a lost connection, a busy
service or a gateway without one is repeated, later and later, before it counts as failed.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import polars as pl
from httpx_sse import connect_sse

from matcher.client.bodies import XLSX, body_of
from matcher.client.refusals import asked_wait_s, failure_of, refused
from matcher.engines.base import Progress
from matcher.errors import EngineCrashed, InputError, LimitError, ServiceError
from matcher.network import Network
from matcher.plan import AWARD_SCHEMA, Plan, Result, plan_from_dict

__all__ = ["XLSX", "Client", "Job", "OnProgress", "Status"]

ENDED = ("succeeded", "failed", "cancelled")
# Passing troubles: too many requests, and a gateway whose service is restarting.
PASSING = (429, 502, 503, 504)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
# A service that never answered has more likely a wrong address than a bad moment.
UNHEARD_PATIENCE_S = 2.0
# The service pings every 15 s; a stream that is silent for three of them is dead.
SILENCE_S = 45.0
POLL_S = 1.0
STREAM_FAILURES = 3

OnProgress = Callable[[str, Progress], None]


@dataclass(frozen=True, slots=True)
class Status:
    """Where a solve on a service stands.

    Parameters
    ----------
    state
        queued, running, cancelling, succeeded, failed or cancelled.
    solution_status, termination_reason
        What was found and why the search stopped; ``None`` until the solve has ended.
    best, bound, gap
        Cost of the best plan, proven lower bound, and the relative gap between them.
    verdict, error
        The plan in one sentence; and what went wrong, if the state is failed.
    """

    state: str
    solution_status: str | None = None
    termination_reason: str | None = None
    best: float | None = None
    bound: float | None = None
    gap: float | None = None
    verdict: str | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


class Client:
    """A service that solves networks.

    Parameters
    ----------
    url
        Address of the service, such as ``http://127.0.0.1:8000``.
    key
        API key; by default the environment variable ``MATCHER_KEY``.
    patience_s
        Seconds for which a request is repeated while the service is away or busy.
    transport
        Replaces the network connection, for tests.

    Raises
    ------
    InputError
        The address or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._patience_s = patience_s
        self._is_heard = False
        self._http = httpx.Client(
            base_url=_address(url),
            headers={"Authorization": f"Bearer {_key(key)}"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload(self, network: Network | str | Path) -> str:
        """Store a network on the service; gives its id, which is the same for equal networks.

        Parameters
        ----------
        network
            A network, or the path of a workbook, a JSON file, a zip of tables or a folder.

        Raises
        ------
        InputError
            With every issue that the service found.
        LimitError
            The network is larger than the service takes.
        """
        kind, content = body_of(network)
        answer = self.request(
            "POST", "/v1/networks", content=content, headers={"Content-Type": kind}
        )
        return str(answer.json()["id"])

    def load_directory(self, tables: Network | str | Path) -> dict[str, dict[str, int]]:
        """Store suppliers, sourcing requests, rules and shared tables in the service's directory.

        Each entry takes the place of the one of its key. If one does not hold, none is stored.

        Parameters
        ----------
        tables
            As in `upload`; a file may hold some of the tables only.

        Returns
        -------
        dict
            How many entries of ``shared``, ``suppliers``, ``requests`` and ``rules`` were
            ``created`` and ``replaced``.

        Raises
        ------
        InputError
            With every issue that the service found.
        LimitError
            The file is larger than the service takes.
        """
        kind, content = body_of(tables)
        answer = self.request(
            "POST", "/v1/directory", content=content, headers={"Content-Type": kind}
        )
        counts: dict[str, dict[str, int]] = answer.json()
        return counts

    def submit(self, network: Network | str | Path, **options: Any) -> Job:
        """Queue a solve of a network.

        Parameters
        ----------
        network
            As in `upload`.
        options
            Keyword arguments of `matcher.solve`, such as ``time_limit_s``; what is left out has
            the defaults of the service.
        """
        answer = self.request(
            "POST",
            "/v1/solves",
            json={"network": self.upload(network), "options": options},
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
        return Job(self, str(answer.json()["id"]))

    def job(self, solve_id: str) -> Job:
        """A solve that was submitted before."""
        return Job(self, solve_id)

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Send a request, again if need be, and turn an error into one of this package.

        ``parts`` are those of `httpx.Client.request`. Use it for what has no method here.

        Raises
        ------
        InputError, LimitError, ServiceError
            The request is wrong; it asks for too much; the service is away or failed.
        """
        began = time.monotonic()
        for wait_s in _waits():
            asked_s: float | None = None
            try:
                response = self._http.request(method, path, **parts)
            except httpx.TransportError as error:
                failure: Exception = self._unreached(error)
            else:
                self._is_heard = True
                if response.is_success:
                    return response
                failure = failure_of(response)
                asked_s = asked_wait_s(response)
                is_in_flight = response.status_code == httpx.codes.CONFLICT and asked_s is not None
                if response.status_code not in PASSING and not is_in_flight:
                    raise failure
            patience_s = self._patience_s if self._is_heard else UNHEARD_PATIENCE_S
            wait_s = wait_s if asked_s is None else asked_s
            if time.monotonic() - began + wait_s > patience_s:
                raise failure
            time.sleep(wait_s)
        raise AssertionError("the waits never end")

    def events(self, solve_id: str, after: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """One connection to the events of a solve: number, kind and data of each after ``after``.

        Ends when the service closes the stream; with a last number and kind ``end`` once the
        service has nothing more to tell.

        Raises
        ------
        ServiceError
            The stream could not be opened, or broke.
        """
        number = after
        try:
            with connect_sse(
                self._http,
                "GET",
                f"/v1/solves/{solve_id}/events",
                headers={"Last-Event-ID": str(after)},
                timeout=httpx.Timeout(SILENCE_S, connect=5.0),
            ) as stream:
                response = stream.response
                if response.status_code == httpx.codes.NO_CONTENT:
                    yield after, "end", {}
                    return
                kind = response.headers.get("Content-Type", "")
                is_stream = kind.startswith("text/event-stream")
                if response.status_code != httpx.codes.OK or not is_stream:
                    response.read()
                    raise failure_of(response)
                for event in stream.iter_sse():
                    number = int(event.id) if event.id.isdigit() else number
                    if event.data:  # a ping has none
                        yield number, event.event, event.json()
        except httpx.TransportError as error:
            raise self._unreached(error) from None

    def _unreached(self, error: httpx.TransportError) -> ServiceError:
        reason = str(error).strip() or type(error).__name__
        return ServiceError(
            f"no answer from {self._http.base_url}: {reason}; check the address, and that the "
            "service runs there"
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A solve on a service; ``id`` finds it again with `Client.job`."""

    client: Client
    id: str

    def status(self) -> Status:
        """Where the solve stands now."""
        document = self.client.request("GET", f"/v1/solves/{self.id}").json()
        return Status(**{name: document.get(name) for name in Status.__dataclass_fields__})

    def follow(self, on_progress: OnProgress | None = None) -> Status:
        """Wait until the solve has ended.

        Events come over one open stream. A stream that breaks is opened again after the last
        event that arrived, so none is told twice or missed; where no stream can be held, the
        status is asked for once a second.

        Parameters
        ----------
        on_progress
            Called as by `matcher.solve`: with the objective being worked on and where it stands.
        """
        last = failures = 0
        while failures < STREAM_FAILURES:
            before = last
            try:
                for number, kind, data in self.client.events(self.id, last):
                    last = number
                    if kind == "progress" and on_progress is not None:
                        on_progress(data["objective"], _progress(data))
                    if kind in ("finished", "end"):
                        return self.status()
            except (LimitError, ServiceError):
                time.sleep(FIRST_WAIT_S * 2**failures)
            failures = 0 if last > before else failures + 1
        return self._poll(on_progress)

    def plan(self) -> Plan:
        """The plan, once the solve has ended; the best one so far if it was cancelled.

        Raises
        ------
        EngineCrashed
            The solve failed: its solver crashed at every attempt, or could not begin.
        """
        status = self.status()
        if not status.has_ended:
            status = self.follow()
        if status.state == "failed":
            raise EngineCrashed(f"solve {self.id} failed: {status.error}")
        try:
            answer = self.client.request(
                "GET", f"/v1/solves/{self.id}/result", headers={"Accept": "application/json"}
            )
        except InputError:
            if status.solution_status != "none":
                raise
            # Cancelled before it began: there is no document, but an outcome all the same.
            return _no_plan(status)
        return plan_from_dict(answer.json(), f"solve {self.id}")

    def cancel(self) -> None:
        """Ask the solve to end with the best plan it has; again changes nothing."""
        self.client.request("POST", f"/v1/solves/{self.id}/cancel")

    def delete(self) -> None:
        """Delete an ended solve with its plan and events from the service."""
        self.client.request("DELETE", f"/v1/solves/{self.id}")

    def _poll(self, on_progress: OnProgress | None) -> Status:
        began = time.monotonic()
        while not (status := self.status()).has_ended:
            if on_progress is not None:
                seconds = time.monotonic() - began
                on_progress("cost", Progress(seconds, status.best, status.bound))
            time.sleep(POLL_S)
        return status


def _waits() -> Iterator[float]:
    """Seconds to wait before each further try: doubling, and drawn so that clients spread."""
    longest = FIRST_WAIT_S
    while True:
        yield random.uniform(longest / 2, longest)
        longest = min(2 * longest, LONGEST_WAIT_S)


def _progress(data: Mapping[str, Any]) -> Progress:
    return Progress(float(data.get("seconds") or 0.0), data.get("best"), data.get("bound"))


def _no_plan(status: Status) -> Plan:
    return Plan(
        awards=pl.DataFrame(schema=AWARD_SCHEMA),
        result=Result.model_validate(
            {
                "solution_status": "none",
                "termination_reason": status.termination_reason or "cancelled",
            }
        ),
    )


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise refused(url, "is no address of a service", "write it like http://127.0.0.1:8000")
    return url


def _key(key: str | None) -> str:
    key = (key or os.environ.get("MATCHER_KEY", "")).strip()
    if not key or not key.isascii() or not key.isprintable():
        raise refused(
            "MATCHER_KEY",
            "is not set" if not key else "is no key: it holds characters that no key has",
            "set it to the key that 'matcher serve' showed at its first start",
        )
    return key
