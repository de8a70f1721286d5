"""Child processes that hold a solver library, ended after a solve or kept for the next one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from types import TracebackType
from typing import Any, Self

import psutil

from matcher.engines.launch import command, environment
from matcher.engines.wire import read, write
from matcher.errors import EngineCrashed

_LAST_WORDS = 800


class NativeProcess:
    """A running child process, in a session of its own; see `matcher.engines.native`.

    Parameters
    ----------
    engine
        Name of the engine whose library it is to load.

    Raises
    ------
    EngineCrashed
        If it cannot be started.
    """

    def __init__(self, engine: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the process
        try:
            self._process = subprocess.Popen(
                command("matcher.engines.native", engine),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
                env=environment(),
            )
        except OSError as error:
            self._errors.close()
            raise EngineCrashed(f"engine '{engine}' could not start a process: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def send(self, message: Any) -> None:
        """Send a message; nothing happens if the process is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            write(self._process.stdin, message)

    def receive(self) -> Any:
        """Wait for a message; ``EOFError`` or another of the pipe's errors once it is gone."""
        assert self._process.stdout is not None
        return read(self._process.stdout)

    def end(self) -> str:
        """End it with everything it started, and collect it; says how it ended, and last words."""
        process = self._process
        if process.poll() is None:
            with contextlib.suppress(psutil.Error):
                for grandchild in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        grandchild.kill()
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        ending = _ending(process.wait())
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                assert pipe is not None
                pipe.close()
        return f"({ending}): {self._last_words() or 'silent'}"

    def _last_words(self) -> str:
        """The last words on standard error."""
        with self._errors as errors:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(0, size - _LAST_WORDS))
            return errors.read().decode(errors="replace").strip()


class Kept:
    """Processes whose solve went well, kept for the next one; all are ended with this.

    A process is used again only for the same engine and number of threads: HiGHS fails without a
    word where that number changes. Several threads may take and give.
    """

    def __init__(self) -> None:
        self._idle: list[tuple[str, int, NativeProcess]] = []
        self._lock = threading.Lock()
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_open = False
            while self._idle:
                self._idle.pop()[-1].end()

    def take(self, engine: str, threads: int) -> NativeProcess:
        """A process for a solve, a new one if none is idle."""
        with self._lock:
            fitting = [each for each in self._idle if each[:2] == (engine, threads)]
            for each in fitting:
                self._idle.remove(each)
                if each[-1].is_alive:
                    return each[-1]
                each[-1].end()
        return NativeProcess(engine)

    def give(self, engine: str, threads: int, process: NativeProcess) -> None:
        """Keep a process whose solve is over, or end it where none are kept any more."""
        with self._lock:
            if self._is_open:
                self._idle.append((engine, threads, process))
            else:
                process.end()


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
