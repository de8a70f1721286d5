"""One process watched from outside: what it says, how long it takes, how much memory it holds.

The process works in stages and says so, one JSON object a line on its standard output; an object
with the key ``stage`` begins the next one. Memory is that of the process and of all it starts,
sampled; what two processes share is counted twice, and a peak shorter than a sample may be missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

_SAMPLE_S, _LOOK_FOR_CHILDREN_EVERY = 0.1, 5
_EXIT_S = 60.0
_FIRST_STAGE = "start"

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a process said and used.

    Parameters
    ----------
    messages
        All that it said but the beginnings of stages.
    peak_bytes
        Most memory in each stage; the first one is ``start``.
    failed
        Empty if it ended by itself and well; else what happened, such as ``killed 30 s after its
        time limit``.
    """

    messages: tuple[Message, ...]
    peak_bytes: Mapping[str, int]
    failed: str


def speaker() -> Callable[..., None]:
    """For the watched process: a function that says its keyword arguments.

    Whatever else writes to standard output, native solvers among them, goes to standard error from
    now on.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(**message: object) -> None:
        # Only whole messages are written: a process that is killed leaves none half said.
        out.write(json.dumps(message) + "\n")
        out.flush()

    return say


def environment(threads: int) -> dict[str, str]:
    """Environment in which every library may use so many threads."""
    names = (
        "POLARS_MAX_THREADS",
        "NUMBA_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
    return os.environ | dict.fromkeys(names, str(threads))


def watch(
    module: str,
    *arguments: object,
    threads: int,
    allowed_s: Mapping[str, float],
    memory_bytes: int | None = None,
) -> Watched:
    """Run a module of this project in a process of its own.

    Parameters
    ----------
    threads
        How many each library may use.
    allowed_s
        Seconds after which a stage is given up, by stage.
    memory_bytes
        Memory at which the process is given up; by default 85 % of the machine's.
    """
    limit = memory_bytes or int(0.85 * psutil.virtual_memory().total)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=Path(__file__).resolve().parents[1],
            env=environment(threads),
            start_new_session=True,
        )
        watcher = _ProcessWatcher(process, allowed_s, limit)
        try:
            failed = watcher.run()
        finally:
            watcher.end()
        if not failed and process.returncode:
            failed = f"died with {_ending(process.returncode)}: {_last_line(errors)}"
    return Watched(tuple(watcher.messages), watcher.peak_bytes, failed)


@dataclass(slots=True)
class _ProcessWatcher:
    """The parent's side of one run."""

    process: subprocess.Popen[bytes]
    allowed_s: Mapping[str, float]
    memory_bytes: int
    messages: list[Message] = field(default_factory=list)
    peak_bytes: dict[str, int] = field(default_factory=lambda: {_FIRST_STAGE: 0})
    stage: str = _FIRST_STAGE
    began: float = field(default_factory=time.monotonic)
    tree: list[psutil.Process] = field(default_factory=list)
    inbox: queue.SimpleQueue[Message | None] = field(default_factory=queue.SimpleQueue)

    def run(self) -> str:
        """Listen and sample until the process has ended or must; say what went wrong."""
        threading.Thread(target=self._listen, daemon=True).start()
        sampled, samples = 0.0, 0
        while True:
            with contextlib.suppress(queue.Empty):
                message = self.inbox.get(timeout=_SAMPLE_S)
                if message is None:
                    return self._ended()
                self._take(message)
            now = time.monotonic()
            if now - sampled < _SAMPLE_S:
                continue
            sampled, samples = now, samples + 1
            resident = self._sample(look=samples % _LOOK_FOR_CHILDREN_EVERY == 1)
            if resident > self.memory_bytes:
                return f"given up at {resident / 2**30:.1f} GiB of memory"
            allowed = self.allowed_s.get(self.stage)
            if allowed is not None and now - self.began > allowed:
                return f"given up after {allowed:.0f} s in the stage '{self.stage}'"

    def _ended(self) -> str:
        try:
            self.process.wait(timeout=_EXIT_S)
        except subprocess.TimeoutExpired:
            return f"did not end within {_EXIT_S:.0f} s of its last word"
        return ""

    def end(self) -> None:
        """Nothing that was started may stay."""
        if self.process.poll() is None:
            self._look()
        for each in reversed(self.tree):
            with contextlib.suppress(psutil.Error):
                each.kill()
        self.process.wait()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    self.inbox.put(json.loads(line))
        self.inbox.put(None)

    def _take(self, message: Message) -> None:
        if "stage" in message:
            self._sample(look=True)
            self.stage, self.began = message["stage"], time.monotonic()
            self.peak_bytes[self.stage] = 0
            self._sample()
        else:
            self.messages.append(message)

    def _look(self) -> None:
        """Find the processes that belong to this one; those found before are remembered."""
        with contextlib.suppress(psutil.Error):
            mine = psutil.Process(self.process.pid)
            found = [mine, *mine.children(recursive=True)]
            self.tree = [each for each in self.tree if each not in found and each.is_running()]
            self.tree = found + self.tree

    def _sample(self, *, look: bool = False) -> int:
        if look or not self.tree:
            self._look()
        total = 0
        for each in self.tree:
            with contextlib.suppress(psutil.Error):
                total += int(each.memory_info().rss)
        self.peak_bytes[self.stage] = max(self.peak_bytes[self.stage], total)
        return total


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _last_line(errors: IO[bytes], limit: int = 2000) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - limit))
    lines = errors.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "silent")[:300]
