"""The parent's side of a native solve: one child process, watched until it answers or is ended.

A native solver cannot be trusted to stop when asked, to stay within memory or to survive. So it
runs in a process of its own, started afresh (nothing of the caller's main script is imported
again), and sends every better plan as soon as it has it. Whatever ends the child, the best plan
that arrived and passed this side's own test is kept.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import psutil

from matcher.engines.base import Limits, Outcome, Progress, TerminationReason, settled_bound
from matcher.engines.process import Kept, NativeProcess
from matcher.engines.wire import LAST, STOP, Request, Verdict
from matcher.errors import EngineCrashed, EngineError, EngineUnavailable
from matcher.program import Floats, Program
from matcher.tolerances import STATED, TAKEN

_GRACE_S = 3.0
_POLL_S = 0.02
_ASK_EVERY_S = 0.2
_TELL_EVERY_S = 0.25
_TELL_AT_LEAST_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Solver:
    """Where a solver is found: our module that drives it, its package and its distribution.

    ``hears_start`` says whether it is told the point to begin from. If not, that point is still the
    best plan until the solver has a better one.
    """

    module: str
    package: str
    distribution: str
    hears_start: bool = True


@dataclass(slots=True)
class ChildEngine:
    """An engine whose every solve runs in a child process.

    The process is ended with the solve, unless there is a place where such are kept.
    """

    name: str
    solver: Solver
    kept: Kept | None = None

    def solve(
        self,
        program: Program,
        limits: Limits,
        *,
        start: Floats | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Minimise ``program`` within ``limits``; see :class:`matcher.engines.base.Engine`.

        Raises
        ------
        EngineUnavailable
            If the solver is not installed or not licensed.
        EngineCrashed
            If the child process could not even start.
        EngineError
            If the solver cannot take this program.
        """
        best = _Best(program)
        if start is not None:
            best.offer(start)
            best.refused = 0.0  # a start that does not fit is no fault of the solver's
        watch = _Watch(self, limits, best, on_progress, cancelled)
        hears = self.solver.hears_start and best.x is not None
        return watch.run(start if hears else None)


@dataclass(slots=True)
class _Best:
    """The best plan and bound so far, each tested on arrival."""

    program: Program
    x: Floats | None = None
    value: float | None = None
    bound: float | None = None
    refused: float = 0.0

    def offer(self, x: Floats, *, final: bool = False) -> None:
        """Take ``x`` if it is feasible and better.

        A final plan wins a tie, so that equal runs end with equal plans whatever arrived between.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.shape != (self.program.num_columns,) or not np.isfinite(x).all():
            self.refused = np.inf
            return
        rounded = np.where(self.program.integer, np.round(x), x)
        violation = max(self.program.violation(rounded), self.program.violation(x))
        if violation > TAKEN:
            self.refused = max(self.refused, violation)
            return
        value = self.program.objective(rounded)
        slack = 1e-9 * max(1.0, abs(value)) if final else 0.0
        if self.value is None or value < self.value + slack:
            self.x, self.value = rounded, value

    def raise_bound(self, bound: float | None) -> None:
        """Take ``bound`` if it is finite and higher."""
        if bound is not None and np.isfinite(bound) and abs(bound) < 1e19:
            self.bound = bound if self.bound is None else max(self.bound, bound)

    def settled_bound(self) -> tuple[float | None, str]:
        """The bound to report, never above the best plan, and what there is to say about it."""
        return settled_bound(self.value, self.bound)


@dataclass(slots=True)
class _Watch:
    """One solve from start to end."""

    engine: ChildEngine
    limits: Limits
    best: _Best
    on_progress: Callable[[Progress], None] | None
    cancelled: Callable[[], bool] | None
    started: float = field(default_factory=time.perf_counter)
    inbox: queue.SimpleQueue[tuple[str, Any]] = field(default_factory=queue.SimpleQueue)
    ready: bool = False
    verdict: Verdict | None = None
    reason: TerminationReason | None = None
    kill_at: float = float("inf")
    told: tuple[float | None, float | None] = (None, None)
    told_at: float = -float("inf")
    asked_at: float = -float("inf")

    def run(self, start: Floats | None) -> Outcome:
        """Start the child, watch it, and say what came of it."""
        name, threads, kept = self.engine.name, self.limits.threads, self.engine.kept
        if self.limits.memory_bytes is not None:
            kept = None  # what an earlier solve has left would count
        process = NativeProcess(name) if kept is None else kept.take(name, threads)
        pumps = self._pump(process, start)
        ending = ""
        try:
            self._watch(process)
        finally:
            # One that was asked to stop may still hear it.
            is_over = self.verdict is not None and self.reason is None
            if kept is None or not is_over:
                ending = process.end()
            for pump in pumps:
                pump.join(timeout=2.0)
            if kept is not None and is_over:
                kept.give(name, threads, process)
        while True:  # what was sent before the end still counts
            try:
                self._take(*self.inbox.get_nowait())
            except queue.Empty:
                break
        return self._outcome(ending)

    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _pump(self, process: NativeProcess, start: Floats | None) -> tuple[threading.Thread, ...]:
        """Send the request and collect the messages, each on a thread of its own."""

        def send() -> None:
            request = Request(
                self.best.program,
                self.limits,
                start,
                os.getpid(),
                max(0.05, self.limits.time_s - self._seconds()),
            )
            process.send(request)
            self.inbox.put(("sent", None))

        def receive() -> None:
            with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
                while True:
                    kind, content = process.receive()
                    self.inbox.put((kind, content))
                    if kind in LAST:
                        return
            self.inbox.put(("eof", None))

        threads = (
            threading.Thread(target=send, name="request", daemon=True),
            threading.Thread(target=receive, name="messages", daemon=True),
        )
        for thread in threads:
            thread.start()
        return threads

    def _watch(self, process: NativeProcess) -> None:  # noqa: C901, PLR0912 - all that may end a solve, in one loop
        """Pump until the child is done, or has to be."""
        memory = _Memory(process.pid, with_children=":" in self.engine.name)
        slack = max(2.0, 0.02 * self.limits.time_s)
        sent = False
        while self.verdict is None:
            try:
                with contextlib.suppress(queue.Empty):
                    kind, content = self.inbox.get(timeout=_POLL_S)
                    while True:
                        if kind == "eof":
                            return
                        if kind == "sent":
                            sent = True
                            if self.reason is not None:
                                process.send(STOP)
                        self._take(kind, content)
                        kind, content = self.inbox.get_nowait()
                now = self._seconds()
                limit = self.limits.memory_bytes
                if limit is not None and memory.resident() > limit:
                    self.reason = "memory_limit"
                    return
                if now >= self.kill_at:
                    return
                if self.reason is None:
                    if self._is_cancelled(now):
                        self.reason, self.kill_at = "cancelled", now + _GRACE_S
                    elif now > self.limits.time_s + 0.4 * slack:
                        self.reason = "time_limit"
                        self.kill_at = self.limits.time_s + 0.9 * slack
                    if self.reason is not None and sent:
                        process.send(STOP)
                self._tell(now)
            except KeyboardInterrupt:
                if self.reason == "cancelled":
                    return  # asked twice: at once
                self.reason, self.kill_at = "cancelled", self._seconds() + _GRACE_S
                if sent:
                    process.send(STOP)
        self._tell(self._seconds(), last=True)

    def _is_cancelled(self, now: float) -> bool:
        if self.cancelled is None or now - self.asked_at < _ASK_EVERY_S:
            return False
        self.asked_at = now
        return self.cancelled()

    def _take(self, kind: str, content: Any) -> None:
        """Act on one message of the child."""
        if kind == "ready":
            self.ready = True
        elif kind == "plan":
            self.best.offer(content)
        elif kind == "bound":
            self.best.raise_bound(content)
        elif kind == "verdict":
            self.verdict = content
            if content.x is not None:
                self.best.offer(content.x, final=True)
            self.best.raise_bound(content.bound)
        elif kind == "unavailable":
            raise EngineUnavailable(content)
        elif kind == "refused":
            raise EngineError(f"engine '{self.engine.name}': {content}")

    def _tell(self, now: float, *, last: bool = False) -> None:
        if self.on_progress is None:
            return
        bound, _ = self.best.settled_bound()
        state = (self.best.value, bound)
        wait = _TELL_AT_LEAST_EVERY_S if state == self.told else _TELL_EVERY_S
        if last or now - self.told_at >= wait:
            self.told, self.told_at = state, now
            self.on_progress(Progress(now, *state))

    def _outcome(self, ending: str) -> Outcome:
        """Put what was found beside why the search stopped."""
        if not self.ready and self.verdict is None and self.reason is None:
            raise EngineCrashed(f"engine '{self.engine.name}' could not start {ending}")
        best, verdict = self.best, self.verdict
        bound, detail = best.settled_bound()
        details = [detail]
        stopped: TerminationReason
        if verdict is None:
            stopped = self.reason or "crashed"
            if stopped == "crashed":
                details.append(f"the solver process died {ending}")
        else:
            details.append(verdict.detail)
            stopped = {
                "finished": "gap_limit",
                "infeasible": "proved",
                "time_limit": "time_limit",
                "interrupted": self.reason or "crashed",
                "failed": "crashed",
            }[verdict.status]  # type: ignore[assignment]
        infeasible = verdict is not None and verdict.status == "infeasible"
        if infeasible and best.value is not None:
            stopped, infeasible = "crashed", False
            details.append("the solver says infeasible, yet a feasible plan is known")
        if stopped == "gap_limit" and best.value is None:
            stopped = "crashed"
            details.append("the solver finished without a plan that holds")
        if best.refused:
            details.append(f"a plan was refused: it breaks the program by {best.refused:.2g}")
        proved = (
            best.value is not None
            and bound is not None
            and best.value - bound <= STATED * max(1.0, abs(best.value))
        )
        return Outcome(
            solution_status="infeasible"
            if infeasible
            else "optimal"
            if proved
            else "none"
            if best.value is None
            else "feasible",
            termination_reason="proved" if proved else stopped,
            x=best.x,
            best=best.value,
            bound=bound,
            seconds=self._seconds(),
            engine=self.engine.name,
            version=version(self.engine.solver.distribution),
            detail="; ".join(text for text in details if text),
        )


class _Memory:
    """Resident memory of a process, with the processes it started itself if asked."""

    def __init__(self, pid: int, *, with_children: bool) -> None:
        self._with_children = with_children
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def resident(self) -> int:
        """Bytes resident now."""
        if self._process is None:
            return 0
        total = 0
        with contextlib.suppress(psutil.Error):
            total = int(self._process.memory_info().rss)
            if self._with_children:
                for process in self._process.children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        total += int(process.memory_info().rss)
        return total
