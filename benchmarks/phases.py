"""Where the time goes before a solver begins: read, arrays, candidates, formulation, hand-over.

A generated network is written as Parquet. A fresh process then takes it as far as a solver's door,
as `matcher.solve` does: the hand-over is what an engine pays to send the program to a process of
its own that has started already.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.measure import speaker, watch
from benchmarks.networks import NetworkSpec, store
from matcher.engines.base import Limits
from matcher.engines.wire import Request, read, write
from matcher.errors import MatcherError
from matcher.formulation import formulate
from matcher.network.arrays import to_arrays
from matcher.program import Program
from matcher.read import read as read_network
from matcher.screening.candidates import screen

STEPS: Final = ("read", "arrays", "candidates", "formulation", "hand-over")
TARGET_SIZE, TARGET_S = 1_000_000, 30.0

_STEP_S = 900.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Phases:
    """Times in seconds of wall clock and memory in bytes, by step of `STEPS`.

    Parameters
    ----------
    size
        Number of candidates that was asked for; ``candidates`` is the number there was.
    file_bytes, program_bytes
        Of the Parquet files, and of the program as it is sent.
    peak_bytes
        Most memory during each step, of all processes, what earlier steps left included.
    """

    size: int
    kind: str
    seed: int
    threads: int
    bids: int
    pairs: int
    candidates: int
    columns: int
    rows: int
    nonzeros: int
    file_bytes: int
    program_bytes: int
    seconds: dict[str, float]
    peak_bytes: dict[str, int]

    @property
    def to_formulation_s(self) -> float:
        """Reading, candidates and formulation together."""
        return sum(self.seconds[step] for step in STEPS[:4])

    @property
    def dominant(self) -> str:
        """The step that takes longest."""
        return max(self.seconds, key=lambda step: self.seconds[step])

    @property
    def is_reached(self) -> bool:
        """Whether a million candidates are formulated within 30 s; smaller ones in proportion."""
        return self.to_formulation_s <= TARGET_S * max(self.size / TARGET_SIZE, 0.1)

    def to_dict(self) -> dict[str, Any]:
        """The measurement as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Phases:
        """The measurement that `to_dict` gave; other keys are passed over."""
        return Phases(**{name: values[name] for name in Phases.__dataclass_fields__})


def phases(
    specs: Sequence[NetworkSpec],
    *,
    threads: int = 2,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Phases]:
    """Measure each network in turn; ``tell`` is called with a line before each step.

    Raises
    ------
    MatcherError
        A process failed or took too long.
    """
    for spec in specs:
        with tempfile.TemporaryDirectory() as folder:
            tell(f"making {spec}")
            path = Path(folder) / "network"
            store(spec, path)
            tell(f"measuring {spec}")
            yield _measured(path, spec, threads)


def _measured(path: Path, spec: NetworkSpec, threads: int) -> Phases:
    done = watch(
        "benchmarks.phases",
        "measure",
        path,
        threads=threads,
        allowed_s=dict.fromkeys(("start", *STEPS), _STEP_S),
    )
    if done.failed:
        raise MatcherError(f"measuring the network failed ({spec}): {done.failed}")
    said: dict[str, Any] = {"seconds": {}}
    for message in done.messages:
        said["seconds"] |= message.pop("seconds", {})
        said |= message
    return Phases(
        **spec._asdict(),
        threads=threads,
        file_bytes=sum(file.stat().st_size for file in path.iterdir()),
        peak_bytes={step: done.peak_bytes[step] for step in STEPS},
        **said,
    )


def _measure(folder: str) -> None:
    say = speaker()

    def timed(step: str, work: Callable[[], T]) -> T:
        say(stage=step)
        began = time.perf_counter()
        result = work()
        say(seconds={step: time.perf_counter() - began})
        return result

    network = timed("read", lambda: read_network(folder))
    arrays = timed("arrays", lambda: to_arrays(network))
    screening = timed("candidates", lambda: screen(arrays))
    formulation = timed("formulation", lambda: formulate(arrays, screening.candidates))
    program = formulation.program
    say(stage="launch")  # the memory of the receiver is not the formulation's
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.phases", "receive"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as receiver:
        assert receiver.stdin is not None
        assert receiver.stdout is not None
        ready = receiver.stdout.readline()
        received = timed("hand-over", lambda: _send(receiver, program))
    if not ready or received != program.num_columns:
        raise SystemExit("the receiving process failed")
    say(
        bids=network.bids.height,
        pairs=screening.pairs.size,
        candidates=screening.candidates.size,
        columns=program.num_columns,
        rows=program.num_rows,
        nonzeros=program.matrix.nnz,
        program_bytes=len(pickle.dumps(program, protocol=5)),
    )


def _send(receiver: subprocess.Popen[bytes], program: Program) -> int:
    """Send the program as engines do, and wait until the other end has it; gives its columns."""
    assert receiver.stdin is not None
    assert receiver.stdout is not None
    write(receiver.stdin, Request(program, Limits(), None, os.getpid(), 60.0))
    return int(receiver.stdout.readline() or 0)


def _receive() -> None:
    print("ready", flush=True)
    print(read(sys.stdin.buffer).program.num_columns, flush=True)


if __name__ == "__main__":
    _measure(sys.argv[2]) if sys.argv[1] == "measure" else _receive()
