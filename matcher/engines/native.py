"""The child process: reads a request, solves it with one native library, and answers.

Started by `matcher.engines.process` with the engine's name; it answers one request after the other,
until it is ended. The answers leave through a copy of the
standard output, which itself leads nowhere from then on, so that no solver's banner gets between
them. A request to stop arrives on the standard input; when that closes, or the parent is another
process, the parent is gone and this one ends itself, even in the midst of a native call.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from queue import SimpleQueue
from typing import IO, Any, Protocol

import numpy as np

from matcher.engines.wire import STOP, Request, Verdict, read, write
from matcher.errors import EngineError, EngineUnavailable
from matcher.program import Floats, Program
from matcher.tolerances import NOISE, STATED

_BOUND_EVERY_S = 0.05
_CHECK_PARENT_S = 0.5
_PR_SET_PDEATHSIG = 1


class Native(Protocol):
    """What a module driving one solver library offers to this process."""

    def solve(self, request: Request, channel: Channel, option: str) -> Verdict:
        """Solve, sending better plans and bounds on the way."""
        ...

    def linear(self, program: Program) -> Floats | None:
        """An optimum of a program without integers; ``None`` if it has none."""
        ...


class Channel:
    """What a running solve tells the parent, and whether the parent wants it to stop.

    Plans are made exact on a thread of their own, the latest one first: a solver must not wait
    for it in its callback.
    """

    def __init__(
        self, stream: IO[bytes], program: Program, native: Native, stop: threading.Event
    ) -> None:
        self.stop = stop
        self.is_rough = False
        """Whether continuous columns are only about right, and always to be solved again."""
        self._program = program
        self._native = native
        self._stream = stream
        self._sending = threading.Lock()
        self._plans = threading.Condition()
        self._latest: Floats | None = None
        self._busy = self._is_over = False
        self._bound = -np.inf
        self._bound_at = -np.inf
        threading.Thread(target=self._make_exact, name="exact", daemon=True).start()

    def send(self, kind: str, content: Any) -> None:
        """Send one message."""
        with self._sending:
            write(self._stream, (kind, content))

    def plan(self, x: Floats) -> None:
        """Report a plan as the solver has it; a later one replaces it while it waits."""
        with self._plans:
            self._latest = x
            self._plans.notify_all()

    def bound(self, value: float) -> None:
        """Report a proven lower bound; the final one comes with the verdict."""
        now = time.perf_counter()
        if value > self._bound and now - self._bound_at > _BOUND_EVERY_S and abs(value) < 1e19:
            self._bound, self._bound_at = value, now
            self.send("bound", float(value))

    def exact(self, x: Floats) -> Floats | None:
        """``x`` with exact integers, and continuous columns to match; ``None`` if none do.

        A solver takes 1e-7 for zero, and 1e-7 of a large upper bound is a quantity without its
        award. Rounding alone would break that row, so the integers are fixed and the rest is
        solved again.
        """
        program = self._program
        x = np.clip(np.where(program.integer, np.round(x), x), program.lower, program.upper)
        rough = self.is_rough and not program.integer.all()
        tolerance = NOISE if program.integer.any() else STATED
        if not rough and program.violation(x) <= tolerance:
            return x
        if program.integer.all() or not (rough or program.integer.any()):
            return None
        fixed = replace(
            program,
            lower=np.where(program.integer, x, program.lower),
            upper=np.where(program.integer, x, program.upper),
            integer=np.zeros_like(program.integer),
        )
        solved = self._native.linear(fixed)
        if solved is None:
            return None
        solved = np.clip(solved, fixed.lower, fixed.upper)
        return solved if program.violation(solved) <= STATED else None

    def settle(self) -> None:
        """Wait until every reported plan is on its way; there will be no more."""
        with self._plans:
            self._plans.wait_for(lambda: self._latest is None and not self._busy)
            self._is_over = True
            self._plans.notify_all()

    def _make_exact(self) -> None:
        while True:
            with self._plans:
                self._plans.wait_for(lambda: self._latest is not None or self._is_over)
                x, self._latest, self._busy = self._latest, None, True
            if x is None:
                return
            try:
                settled = self.exact(x)
                if settled is not None:
                    self.send("plan", settled)
            finally:
                with self._plans:
                    self._busy = False
                    self._plans.notify_all()


def main(name: str) -> None:
    """Solve the requests that come in on the standard input, one at a time."""
    answers, messages = _take_over_pipes()
    family, _, option = name.partition(":")
    request: Request = read(messages)
    stop = threading.Event()
    requests: SimpleQueue[Request] = SimpleQueue()
    _heed(messages, requests, stop, request.parent)
    try:
        native = import_module(f"matcher.engines.{family}")
    except ImportError as error:
        write(answers, ("unavailable", f"engine '{name}' cannot be loaded: {error}"))
        return
    while True:
        _answer(request, native, option, Channel(answers, request.program, native, stop))
        request = requests.get()


def _answer(request: Request, native: Native, option: str, channel: Channel) -> None:
    """Solve, and say what came of it."""
    channel.send("ready", None)
    try:
        verdict = native.solve(request, channel, option)
        if verdict.x is not None:
            exact = channel.exact(verdict.x)
            detail = "" if exact is not None else "no quantities fit the solver's last integers"
            details = "; ".join(text for text in (verdict.detail, detail) if text)
            verdict = replace(verdict, x=exact, detail=details)
        channel.settle()
        channel.send("verdict", verdict)
    except EngineUnavailable as error:
        channel.send("unavailable", str(error))
    except EngineError as error:
        channel.settle()
        channel.send("refused", str(error))


def repeat_until_done(ask: Callable[[], None], channel: Channel) -> Callable[[], None]:
    """Call ``ask`` again and again once the parent wants to stop; returns what ends this.

    Some solvers forget a request made before their search begins.
    """
    done = threading.Event()

    def watch() -> None:
        channel.stop.wait()
        while not done.wait(0.05):
            ask()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    return done.set


def die_with_parent(parent: int) -> None:
    """On Linux, let the kernel end this process when its parent's thread ends.

    For libraries that keep Python's lock while they solve, so that no thread here can look.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # gone before the kernel was told
        end_with_children()


def _take_over_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Our own copies of the two pipes; what solvers and their children see leads nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return answers, requests


def _heed(
    messages: IO[bytes], requests: SimpleQueue[Request], stop: threading.Event, parent: int
) -> None:
    """Listen for a stop and for more requests, and end this process when the parent is gone.

    A process that was asked to stop is never asked for more: the stop is for good.
    """

    def listen() -> None:
        try:
            while True:
                message = read(messages)
                if message == STOP:
                    stop.set()
                else:
                    requests.put(message)
        except (EOFError, OSError):
            end_with_children()
        except BaseException:
            traceback.print_exc()  # the parent has it from the standard error
            end_with_children()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_CHECK_PARENT_S)
        end_with_children()

    for target in (listen, look):
        threading.Thread(target=target, name=target.__name__, daemon=True).start()


def end_with_children() -> None:
    """End this process at once, and first every process it started."""
    import psutil  # only at the end, to start fast

    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.Error:
            continue
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
    sys.stdout.flush()
    os._exit(0)  # daemon threads and native libraries have no say in the ending
